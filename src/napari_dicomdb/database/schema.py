"""The index's tables in one place, and the steps that bring an older index up to date."""

from __future__ import annotations

import sqlite3

from napari_dicomdb.database import filling
from napari_dicomdb.errors import DatabaseError, DatabaseVersionError

__all__ = ["APPLICATION_ID", "SCHEMA_VERSION", "STEPS", "not_ours", "prepare"]

APPLICATION_ID = 0x4E_44_43_4D
"""`PRAGMA application_id` of our index: "NDCM"."""

_TABLES = """
-- AUTOINCREMENT where the GUI holds records for long: a key is never given to
-- another patient, study or series after its first owner was removed.

-- Identity: ID, issuer, name and birth date. `apart` is the StudyInstanceUID of
-- a patient without an ID, which keeps nameless patients from flowing together.
CREATE TABLE patient (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    patient_id      TEXT NOT NULL,
    issuer          TEXT NOT NULL,
    name            TEXT NOT NULL,
    birth_date      TEXT NOT NULL,
    apart           TEXT NOT NULL,
    sex             TEXT NOT NULL,
    sort_name       TEXT NOT NULL,
    study_count     INTEGER NOT NULL DEFAULT 0,
    series_count    INTEGER NOT NULL DEFAULT 0,
    instance_count  INTEGER NOT NULL DEFAULT 0,
    last_study_date TEXT NOT NULL DEFAULT '',
    added           REAL NOT NULL,
    UNIQUE (patient_id, issuer, name, birth_date, apart)
);
CREATE INDEX patient_by_name ON patient (sort_name, id);
CREATE INDEX patient_by_added ON patient (added, id);
CREATE INDEX patient_by_study_date ON patient (last_study_date, id);

CREATE TABLE study (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    patient             INTEGER NOT NULL REFERENCES patient ON DELETE CASCADE,
    uid                 TEXT NOT NULL UNIQUE,
    study_id            TEXT NOT NULL,
    date                TEXT NOT NULL,
    time                TEXT NOT NULL,
    description         TEXT NOT NULL,
    accession_number    TEXT NOT NULL,
    referring_physician TEXT NOT NULL,
    institution         TEXT NOT NULL,
    modalities          TEXT NOT NULL DEFAULT '',
    series_count        INTEGER NOT NULL DEFAULT 0,
    instance_count      INTEGER NOT NULL DEFAULT 0,
    added               REAL NOT NULL
);
CREATE INDEX study_by_patient ON study (patient, date);
CREATE INDEX study_by_date ON study (date, id);
CREATE INDEX study_by_accession ON study (accession_number);

-- `defaults`: the kept header values of the series' first instance, as JSON.
CREATE TABLE series (
    id                     INTEGER PRIMARY KEY AUTOINCREMENT,
    study                  INTEGER NOT NULL REFERENCES study ON DELETE CASCADE,
    uid                    TEXT NOT NULL UNIQUE,
    modality               TEXT NOT NULL,
    number                 INTEGER,
    description            TEXT NOT NULL,
    date                   TEXT NOT NULL,
    time                   TEXT NOT NULL,
    body_part              TEXT NOT NULL,
    protocol               TEXT NOT NULL,
    manufacturer           TEXT NOT NULL,
    model                  TEXT NOT NULL,
    sop_class_uid          TEXT NOT NULL,
    frame_of_reference_uid TEXT NOT NULL,
    rows                   INTEGER NOT NULL,
    columns                INTEGER NOT NULL,
    defaults               TEXT NOT NULL,
    instance_count         INTEGER NOT NULL DEFAULT 0,
    frame_count            INTEGER NOT NULL DEFAULT 0,
    size                   INTEGER NOT NULL DEFAULT 0,
    storage                TEXT NOT NULL DEFAULT '',
    added                  REAL NOT NULL
);
CREATE INDEX series_by_study ON series (study, number);
CREATE INDEX series_by_modality ON series (modality, study);

-- A folder, an archive (its members are "files" in it), or, when the path is
-- relative, a folder of copies inside the database directory.
CREATE TABLE directory (
    id   INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE
);

-- Every file that an import has seen. storage: 'linked' and 'copied' hold an
-- instance; 'source' was copied into the row whose `source` it is; 'archive'
-- and 'media' (DICOMDIR) are containers; 'refused' says why in reason and text.
-- Names that are not UTF-8 are kept as BLOB.
CREATE TABLE file (
    id        INTEGER PRIMARY KEY,
    directory INTEGER NOT NULL REFERENCES directory,
    name      TEXT NOT NULL,
    size      INTEGER NOT NULL,
    mtime_ns  INTEGER NOT NULL,
    storage   TEXT NOT NULL,
    source    INTEGER REFERENCES file ON DELETE SET NULL,
    reason    TEXT,
    text      TEXT,
    UNIQUE (directory, name)
);
CREATE INDEX file_by_source ON file (source) WHERE source IS NOT NULL;

-- `overrides`: JSON of the kept values in which the instance differs from
-- series.defaults (null: absent here), '' when in none.
CREATE TABLE instance (
    id                   INTEGER PRIMARY KEY,
    series               INTEGER NOT NULL REFERENCES series ON DELETE CASCADE,
    file                 INTEGER NOT NULL REFERENCES file,
    uid                  TEXT NOT NULL UNIQUE,
    sop_class_uid        TEXT NOT NULL,
    number               INTEGER,
    transfer_syntax_uid  TEXT NOT NULL,
    rows                 INTEGER NOT NULL,
    columns              INTEGER NOT NULL,
    frame_count          INTEGER NOT NULL,
    samples              INTEGER NOT NULL,
    photometric          TEXT NOT NULL,
    planar_configuration INTEGER NOT NULL,
    bits_allocated       INTEGER NOT NULL,
    bits_stored          INTEGER NOT NULL,
    high_bit             INTEGER NOT NULL,
    pixel_representation INTEGER NOT NULL,
    pixel_keyword        TEXT NOT NULL,
    pixel_offset         INTEGER,
    pixel_length         INTEGER,
    slope                REAL,
    intercept            REAL,
    position_x REAL, position_y REAL, position_z REAL,
    row_x REAL, row_y REAL, row_z REAL,
    column_x REAL, column_y REAL, column_z REAL,
    spacing_rows REAL, spacing_columns REAL,
    overrides            TEXT NOT NULL
);
CREATE INDEX instance_by_series ON instance (series);
CREATE INDEX instance_by_file ON instance (file);

-- Per-frame functional groups of enhanced multi-frame objects.
CREATE TABLE frames (
    instance INTEGER PRIMARY KEY REFERENCES instance ON DELETE CASCADE,
    data     BLOB NOT NULL
);

-- Further files with a SOP Instance UID that is already there.
CREATE TABLE alternate (
    file      INTEGER PRIMARY KEY REFERENCES file ON DELETE CASCADE,
    instance  INTEGER NOT NULL REFERENCES instance ON DELETE CASCADE,
    identical INTEGER NOT NULL
);
CREATE INDEX alternate_by_instance ON alternate (instance);

-- name: a PNG under thumbnails/; NULL: none can be made, for this reason.
CREATE TABLE thumbnail (
    series INTEGER PRIMARY KEY REFERENCES series ON DELETE CASCADE,
    name   TEXT,
    reason TEXT,
    made   REAL NOT NULL
);

-- One row per series, rowid = series.id. Accents do not matter; prefixes of
-- two and three letters are indexed because the search box sends them.
CREATE VIRTUAL TABLE series_text USING fts5 (
    name, patient_id, study_description, series_description, modality,
    body_part, protocol, accession_number, other,
    tokenize = "unicode61 remove_diacritics 2", prefix = "2 3"
);
"""

# Which version of the scan (dicom.keywords.SCAN_VERSION) read the file.
_SCANNED_BY = """
ALTER TABLE file ADD COLUMN scan_version INTEGER NOT NULL DEFAULT 0;
"""

# revision: grows with every change of the series' instances.
# examination: what the loaders said of a series, so that it can be listed and
# opened without asking them again. `loaders` are their names and versions,
# `revision` is that of the series when it was examined, `summaries` (JSON) what
# the browser lists, `loadables` (compressed JSON) everything.
_EXAMINED = """
ALTER TABLE series ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;

CREATE TABLE examination (
    series    INTEGER PRIMARY KEY REFERENCES series ON DELETE CASCADE,
    revision  INTEGER NOT NULL,
    loaders   TEXT NOT NULL,
    summaries TEXT NOT NULL,
    loadables BLOB NOT NULL
);
"""

# Version 4: what a database needs that people live in.
_LIVED_IN = """
-- Voxel size for lists and search: PixelSpacing (mm) of the first instance that has
-- one, and the median distance (mm) between neighbouring slices; NULL: unknown.
ALTER TABLE series ADD COLUMN spacing_rows REAL;
ALTER TABLE series ADD COLUMN spacing_columns REAL;
ALTER TABLE series ADD COLUMN slice_spacing REAL;
-- How many of the series' files were gone when last looked for.
ALTER TABLE series ADD COLUMN missing_count INTEGER NOT NULL DEFAULT 0;
-- What the search compares, so that it need not read whole rows.
CREATE INDEX series_facts ON series (
    frame_count, instance_count, size, rows, columns, number, spacing_rows, spacing_columns,
    slice_spacing, missing_count, storage, modality, time, study
);
-- Kept values in which the instances of a series differ, see database.series_notes.
CREATE TABLE series_note (
    series INTEGER PRIMARY KEY REFERENCES series ON DELETE CASCADE,
    notes  TEXT NOT NULL
);
-- One row per series, rowid = series.id, words folded by database.folding: nothing but
-- blanks separates them. Filed anew for a migrated index, see database.filling.
DROP TABLE series_text;
CREATE VIRTUAL TABLE series_text USING fts5 (
    name, patient_id, study_description, series_description, modality, body_part, protocol,
    accession_number, institution, physician, equipment, other,
    tokenize = "ascii", prefix = "1 2 3"
);
CREATE INDEX series_by_added ON series (added, id);
CREATE INDEX series_by_date ON series (date, time, id);
CREATE INDEX series_by_description ON series (description, id);
CREATE INDEX study_by_description ON study (description, id);
CREATE INDEX study_by_added ON study (added, id);
CREATE INDEX study_by_modalities ON study (modalities, id);
CREATE INDEX study_by_series_count ON study (series_count, id);

-- When (seconds since the epoch) the file was last found to be gone; NULL: not.
ALTER TABLE file ADD COLUMN missing REAL;
CREATE INDEX file_missing ON file (missing) WHERE missing IS NOT NULL;

-- Merged and split patients. study.patient is who the study is shown with, home_patient
-- who its files name when that is another one (NULL: the same). A patient that was
-- merged keeps its row, so that it can be undone and later imports find it.
ALTER TABLE study ADD COLUMN home_patient INTEGER REFERENCES patient ON DELETE SET NULL;
CREATE INDEX study_by_home ON study (home_patient) WHERE home_patient IS NOT NULL;
ALTER TABLE patient ADD COLUMN merged_into INTEGER REFERENCES patient ON DELETE SET NULL;
CREATE INDEX patient_merged ON patient (merged_into) WHERE merged_into IS NOT NULL;
-- 'merge': `other` into `patient`; 'split': `patient` off from `other`. studies: how
-- many, not which, so that no UID outlives its study.
CREATE TABLE patient_change (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    kind    TEXT NOT NULL,
    patient INTEGER NOT NULL REFERENCES patient ON DELETE CASCADE,
    other   INTEGER NOT NULL REFERENCES patient ON DELETE CASCADE,
    studies TEXT NOT NULL DEFAULT '',
    at      REAL NOT NULL
);

-- What was done with the database: kind ('import', 'remove', 'merge', ...), counts as
-- JSON. No value of a patient's, so that removal need not look here.
CREATE TABLE activity (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    at     REAL NOT NULL,
    kind   TEXT NOT NULL,
    counts TEXT NOT NULL DEFAULT '{}'
);

-- Folders whose new files are imported by whoever watches this database.
CREATE TABLE watched_folder (
    id     INTEGER PRIMARY KEY,
    path   TEXT NOT NULL UNIQUE,
    copy   INTEGER NOT NULL DEFAULT 0,
    paused INTEGER NOT NULL DEFAULT 0,
    added  REAL NOT NULL
);

-- Files in the database directory (path relative to it) whose rows are gone and that
-- are still to be deleted: what a kill between the two leaves.
CREATE TABLE going_file (
    path TEXT PRIMARY KEY
);

-- size: of the picture in bytes; used: when it was last shown (seconds since the
-- epoch), the longest unused go first; tries: how often making it failed.
ALTER TABLE thumbnail ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
ALTER TABLE thumbnail ADD COLUMN used REAL NOT NULL DEFAULT 0;
ALTER TABLE thumbnail ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;
-- made_by: what drew it, or failed to ('' by an older version, or not finished);
-- revision: of the series then; shows: the series on whose image it is drawn (its
-- pixels go with that series); note: what is amiss with it; around: all revisions of
-- the study then, when what it is drawn on was not there.
ALTER TABLE thumbnail ADD COLUMN made_by TEXT NOT NULL DEFAULT '';
ALTER TABLE thumbnail ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
ALTER TABLE thumbnail ADD COLUMN shows INTEGER;
ALTER TABLE thumbnail ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE thumbnail ADD COLUMN around INTEGER NOT NULL DEFAULT 0;
CREATE INDEX thumbnail_shows ON thumbnail (shows) WHERE shows IS NOT NULL;
"""

# Version 5: what makes searching and sorting a million instances quick.
_QUICK = """
-- series.defaults taken apart, so that a search for one attribute reads that one alone; a
-- list is JSON in a BLOB. Of a series whose values are no valid JSON (a NaN): one row
-- without a keyword, and the search reads the series itself. Kept by triggers alone.
CREATE TABLE series_value (
    keyword TEXT NOT NULL,
    series  INTEGER NOT NULL,
    value,
    PRIMARY KEY (keyword, series)
) WITHOUT ROWID;
INSERT INTO series_value (keyword, series, value)
SELECT key, series.id, CASE type WHEN 'array' THEN CAST(value AS BLOB) ELSE value END
FROM series, json_each(CASE WHEN json_valid(defaults) THEN defaults ELSE '{"":0}' END);
CREATE TRIGGER series_born AFTER INSERT ON series BEGIN
    INSERT INTO series_value (keyword, series, value)
    SELECT key, new.id, CASE type WHEN 'array' THEN CAST(value AS BLOB) ELSE value END
    FROM json_each(CASE WHEN json_valid(new.defaults) THEN new.defaults ELSE '{"":0}' END);
END;
CREATE TRIGGER series_gone AFTER DELETE ON series BEGIN
    DELETE FROM series_value WHERE series = old.id AND keyword IN (SELECT key FROM json_each(
        CASE WHEN json_valid(old.defaults) THEN old.defaults ELSE '{"":0}' END));
END;
CREATE TRIGGER series_changed AFTER UPDATE OF defaults ON series BEGIN
    DELETE FROM series_value WHERE series = old.id AND keyword IN (SELECT key FROM json_each(
        CASE WHEN json_valid(old.defaults) THEN old.defaults ELSE '{"":0}' END));
    INSERT INTO series_value (keyword, series, value)
    SELECT key, new.id, CASE type WHEN 'array' THEN CAST(value AS BLOB) ELSE value END
    FROM json_each(CASE WHEN json_valid(new.defaults) THEN new.defaults ELSE '{"":0}' END);
END;
CREATE INDEX series_by_body_part ON series (body_part, id);
CREATE INDEX series_by_protocol ON series (protocol, id);
CREATE INDEX series_by_manufacturer ON series (manufacturer, model, id);
-- With the revision, whether anything has changed is seen without reading whole rows.
DROP INDEX series_facts;
CREATE INDEX series_facts ON series (
    frame_count, instance_count, size, rows, columns, number, spacing_rows, spacing_columns,
    slice_spacing, missing_count, storage, modality, time, study, revision
);
-- An InstanceNumber is looked for in the index alone.
DROP INDEX instance_by_series;
CREATE INDEX instance_by_series ON instance (series, number);
-- Copies, refused files and containers: counted without reading all files.
CREATE INDEX file_not_linked ON file (storage) WHERE storage <> 'linked';
"""

STEPS: tuple[str, ...] = (_TABLES, _SCANNED_BY, _EXAMINED, _LIVED_IN, _QUICK)
"""Step n brings an index from version n to version n + 1; a new index takes them all."""

SCHEMA_VERSION = len(STEPS)


def not_ours(where: str) -> DatabaseError:
    """Return the error that says that a file is another program's."""
    return DatabaseError(
        f"{where} is an SQLite file of another program, not a napari-dicomdb index; "
        "choose another directory",
        reason="not-our-database",
    )


def prepare(connection: sqlite3.Connection, where: str, *, read_only: bool = False) -> None:
    """Check that this is our index and of a version we know; create or migrate it.

    Parameters
    ----------
    connection : sqlite3.Connection
        In autocommit mode.
    where : str
        What to call the index in messages.
    read_only : bool
        Only check.

    Raises
    ------
    DatabaseVersionError
        If the index was made by a newer version of this package, or by an
        older one and cannot be brought up to date because of `read_only`.
    DatabaseError
        If it is another program's SQLite file.
    """
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    empty = not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if not empty and application != APPLICATION_ID:
        raise not_ours(where)
    if version > len(STEPS):
        raise DatabaseVersionError(
            f"{where} has schema version {version}, this napari-dicomdb knows "
            f"{len(STEPS)}: update napari-dicomdb, or choose another database directory"
        )
    if version == len(STEPS):
        return
    if read_only:
        raise DatabaseVersionError(
            f"{where} has the older schema version {version}: open it once for writing"
        )
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have migrated while we waited for the lock.
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(STEPS):
            raise DatabaseVersionError(
                f"{where} has just been brought to schema version {version} by a newer "
                "napari-dicomdb: update this one"
            )
        for step in STEPS[version:]:
            for statement in _statements(step):
                connection.execute(statement)
            if step is _LIVED_IN:
                filling.fill_lived_in(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(STEPS)}")
    except (sqlite3.Error, DatabaseVersionError):
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _statements(script: str) -> list[str]:
    # executescript() would commit first, and a migration must be one transaction.
    statements: list[str] = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    if pending.strip():
        statements.append(pending)
    return statements
