"""Compares a database's index with the files on disk, by SQLite, pydicom and nothing of ours."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pydicom

_UIDS = ["SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"]


def problems(root: Path, *, left: Collection[Path] = (), resting: bool = True) -> list[str]:
    """Say all that is wrong with a database directory.

    Parameters
    ----------
    root : Path
        The database directory.
    left : collection of Path
        Copies that may be there without a row.
    resting : bool
        Nothing was interrupted, or it has been finished.
    """
    index = root / "dicomdb.sqlite"
    with contextlib.closing(sqlite3.connect(f"file:{index}?mode=ro", uri=True)) as raw:
        raw.row_factory = sqlite3.Row
        found = list(_pages(raw))
        if not found:
            found += [
                *_files(raw, root, left),
                *_counts(raw),
                *_search(raw),
                *_pictures(raw, root),
            ]
        if resting:
            found += _leftovers(raw, root)
    return found


def _pages(raw: sqlite3.Connection) -> Iterator[str]:
    said = [row[0] for row in raw.execute("PRAGMA integrity_check")]
    if said != ["ok"]:
        yield f"integrity_check: {said}"
    for row in raw.execute("PRAGMA foreign_key_check"):
        yield f"foreign_key_check: {tuple(row)}"


def _place(root: Path, directory: Any, name: Any) -> Path:
    folder, name = os.fsdecode(directory), os.fsdecode(name)
    return (Path(folder) if os.path.isabs(folder) else root / folder) / name


def _files(raw: sqlite3.Connection, root: Path, left: Collection[Path]) -> Iterator[str]:
    rows = raw.execute(
        "SELECT file.*, path FROM file JOIN directory ON directory.id = directory"
    ).fetchall()
    places = {row["id"]: _place(root, row["path"], row["name"]) for row in rows}
    used = {row[0] for row in raw.execute("SELECT file FROM instance")}
    used |= {row[0] for row in raw.execute("SELECT file FROM alternate")}
    copies = set()
    for row in rows:
        path = places[row["id"]]
        if row["storage"] == "copied":
            copies.add(path)
        if row["storage"] not in ("copied", "linked"):
            continue
        if row["id"] not in used:
            yield f"{path}: no instance"
        if not path.is_file():
            if row["missing"] is None:
                yield f"{path}: not there"
            continue
        status = path.stat()
        if (status.st_size, status.st_mtime_ns) != (row["size"], row["mtime_ns"]):
            yield f"{path}: size or time differ"
        source = places.get(row["source"])
        if (
            source is not None
            and source.is_file()
            and source.read_bytes() != path.read_bytes()
            and status.st_mtime_ns > source.stat().st_mtime_ns
        ):
            yield f"{path}: differs from {source}"
    on_disk = {path for path in (root / "files").rglob("*") if path.is_file()}
    for path in sorted(on_disk - copies - set(left)):
        yield f"{path}: a copy without a row"
    for row in raw.execute(
        "SELECT file, instance.uid, series.uid AS series_uid, study.uid AS study_uid"
        " FROM instance JOIN series ON series.id = series JOIN study ON study.id = study"
    ):
        path = places[row["file"]]
        if not path.is_file():
            continue
        ds = pydicom.dcmread(path, specific_tags=_UIDS)
        if [str(ds.get(uid)) for uid in _UIDS] != [
            row["uid"],
            row["series_uid"],
            row["study_uid"],
        ]:
            yield f"{path}: not the object that the index says"


def _counts(raw: sqlite3.Connection) -> Iterator[str]:
    sums: dict[tuple[str, int], dict[str, Any]] = defaultdict(
        lambda: {"instances": 0, "frames": 0, "size": 0, "missing": 0, "storage": set()}
    )
    for row in raw.execute(
        "SELECT series, frame_count, size, storage, missing FROM instance"
        " JOIN file ON file.id = file"
    ):
        mine = sums["series", row["series"]]
        mine["instances"] += 1
        mine["frames"] += row["frame_count"]
        mine["size"] += row["size"]
        mine["missing"] += row["missing"] is not None
        mine["storage"].add(row["storage"])
    studies: dict[int, list[sqlite3.Row]] = defaultdict(list)
    for row in raw.execute("SELECT * FROM series"):
        mine = sums["series", row["id"]]
        storage = mine["storage"].pop() if len(mine["storage"]) == 1 else "mixed"
        said = [row[c] for c in ("instance_count", "frame_count", "size", "missing_count")]
        true = [mine[c] for c in ("instances", "frames", "size", "missing")]
        if [*said, row["storage"]] != [*true, storage] or not mine["instances"]:
            yield f"series {row['uid']}: {said} {row['storage']} for {true} {storage}"
        studies[row["study"]].append(row)
    patients: dict[int, list[sqlite3.Row]] = defaultdict(list)
    for row in raw.execute("SELECT * FROM study"):
        mine = studies[row["id"]]
        said = [row["series_count"], row["instance_count"], row["modalities"]]
        modalities = "\\".join(sorted({s["modality"] for s in mine} - {""}))
        true = [len(mine), sum(s["instance_count"] for s in mine), modalities]
        if said != true or not mine:
            yield f"study {row['uid']}: {said} for {true}"
        patients[row["patient"]].append(row)
    homes = {row[0] for row in raw.execute("SELECT home_patient FROM study")}
    for row in raw.execute("SELECT * FROM patient"):
        mine = patients[row["id"]]
        said = [row[c] for c in ("study_count", "series_count", "instance_count")]
        true = [len(mine), *(sum(s[c] for s in mine) for c in ("series_count", "instance_count"))]
        if said != true or row["last_study_date"] != max((s["date"] for s in mine), default=""):
            yield f"patient {row['id']}: {said} for {true}"
        if not mine and row["id"] not in homes:
            yield f"patient {row['id']}: no study"


def _search(raw: sqlite3.Connection) -> Iterator[str]:
    filed = {row["rowid"]: row for row in raw.execute("SELECT rowid, * FROM series_text")}
    for row in raw.execute(
        "SELECT series.id, patient.name, patient_id, study.description AS about,"
        " series.description, modality FROM series JOIN study ON study.id = study"
        " JOIN patient ON patient.id = patient"
    ):
        text = filed.pop(row["id"], None)
        if text is None:
            yield f"series {row['id']}: no search text"
            continue
        for column, value in (
            ("name", row["name"].replace("^", " ")),
            ("patient_id", row["patient_id"]),
            ("study_description", row["about"]),
            ("series_description", row["description"]),
            ("modality", row["modality"]),
        ):
            missing = [w for w in value.lower().split() if w not in text[column].lower()]
            if value.isascii() and missing:
                yield f"series {row['id']}: {column} without {missing}"
    if filed:
        yield f"search text of series that are gone: {sorted(filed)}"


def _pictures(raw: sqlite3.Connection, root: Path) -> Iterator[str]:
    rows = raw.execute("SELECT name, made_by FROM thumbnail WHERE name IS NOT NULL").fetchall()
    names = {row["name"] for row in rows}
    names |= {Path(row["path"]).name for row in raw.execute("SELECT path FROM going_file")}
    folder = root / "thumbnails"
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    for name in sorted(there - names - {f"{name}.part" for name in names}):
        yield f"picture {name} belongs to no series"
    for row in rows:
        if row["made_by"] and row["name"] not in there:
            yield f"picture {row['name']} is not there"


def _leftovers(raw: sqlite3.Connection, root: Path) -> Iterator[str]:
    if (root / "incoming").exists():
        yield f"left: {[path.name for path in (root / 'incoming').iterdir()]}"
    claimed = {row["name"] for row in raw.execute("SELECT name FROM thumbnail WHERE made_by = ''")}
    for path in root.rglob("*.part*"):
        # Half a picture has a row, which the next attempt, or a removal, goes by.
        if path.name.removesuffix(".part") not in claimed:
            yield f"left: {path}"
    for row in raw.execute("SELECT path FROM going_file"):
        yield f"still to be deleted: {row['path']}"
