"""The index's tables in one place, and the steps that bring an older index up to date."""

from __future__ import annotations

import sqlite3

from napari_dicomdb.database import filling
from napari_dicomdb.database.schema_steps import EXAMINED, LIVED_IN, QUICK, SCANNED_BY
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

STEPS: tuple[str, ...] = (_TABLES, SCANNED_BY, EXAMINED, LIVED_IN, QUICK)
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
            if step is LIVED_IN:
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
