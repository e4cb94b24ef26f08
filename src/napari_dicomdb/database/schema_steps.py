"""What each version of the index added to the tables of the first, as SQL."""

__all__ = ["EXAMINED", "LIVED_IN", "QUICK", "SCANNED_BY"]

# Which version of the scan (dicom.keywords.SCAN_VERSION) read the file.
SCANNED_BY = """
ALTER TABLE file ADD COLUMN scan_version INTEGER NOT NULL DEFAULT 0;
"""

# revision: grows with every change of the series' instances.
# examination: what the loaders said of a series, so that it can be listed and
# opened without asking them again. `loaders` are their names and versions,
# `revision` is that of the series when it was examined, `summaries` (JSON) what
# the browser lists, `loadables` (compressed JSON) everything.
EXAMINED = """
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
LIVED_IN = """
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
QUICK = """
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
