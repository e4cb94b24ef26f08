"""Stores scanned chunks in the index: the only place that inserts instances."""

from __future__ import annotations

import json
import os
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database import collisions, counts, media, series_text, thumbnail_store
from napari_dicomdb.database.copying import CopyStore, copy_place
from napari_dicomdb.database.counts import Growth
from napari_dicomdb.database.identities import HOME, root_of
from napari_dicomdb.database.known import from_sql, path_of, to_sql
from napari_dicomdb.database.rows import INSTANCE_COLUMNS, Accepted, Group, encode_json
from napari_dicomdb.database.scanning import Refused, Scanned
from napari_dicomdb.database.series_notes import NoteBook
from napari_dicomdb.database.sources import FoundFile
from napari_dicomdb.dicom.keywords import SCAN_VERSION

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from napari_dicomdb.database.pool import Chunk
    from napari_dicomdb.database.report import ImportReport

__all__ = ["Writer"]

_SERIES_REMEMBERED = 512
_FOLDERS_REMEMBERED = 1024
_ABSENT = object()

INSERT_INSTANCE = (
    f"INSERT INTO instance (id, series, file, {', '.join(INSTANCE_COLUMNS)})"
    f" VALUES ({', '.join('?' * (len(INSTANCE_COLUMNS) + 3))})"
)
INSERT_FILE = (
    "INSERT INTO file (id, directory, name, size, mtime_ns, storage, source, reason, text,"
    f" scan_version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, {SCAN_VERSION})"
)
_FRAMES = INSTANCE_COLUMNS.index("frame_count")
_NO_GROWTH = Growth(0, 0, 0)


@dataclass(slots=True)
class _Series:
    """A series of the index, as far as further instances need it."""

    id: int
    uid: str
    study: int
    study_uid: str
    patient: tuple[str, ...]
    defaults: dict[str, Any]


class Writer:
    """Stores chunks; use inside one write transaction per batch.

    Row ids are given out here, which is sound because the writer's lock is held.

    Parameters
    ----------
    root : Path
        The database directory.
    report : ImportReport
        Takes counts and remarks.
    copies : CopyStore or None
        Where copied files go; None when this import only links.
    """

    def __init__(self, root: Path, report: ImportReport, copies: CopyStore | None) -> None:
        self.root = root
        self.report = report
        self.copies = copies
        self.discarded: list[str] = []
        self._moves: dict[tuple[str, str], str] = {}
        self._series: OrderedDict[str, _Series] = OrderedDict()
        self._folders: OrderedDict[str, int] = OrderedDict()
        self._grown: dict[int, Growth] = {}
        self._changed: dict[int, None] = {}
        self._born: dict[int, str] = {}
        self._notes = NoteBook()
        self._thumbnails: list[str] = []
        self._remarked: set[tuple[str, str]] = set()
        self._reported: set[str] = set()
        self._next_file = self._next_instance = 1

    def begin(self, connection: sqlite3.Connection) -> None:
        """Start a batch: the transaction has begun."""
        self.connection = connection
        self.now = time.time()
        self._next_file = _next_id(connection, "file")
        self._next_instance = _next_id(connection, "instance")
        self._moves.clear()
        self.discarded.clear()
        self._grown.clear()
        self._changed.clear()
        self._born.clear()
        self._notes.begin(connection)
        self._thumbnails.clear()

    def end(self) -> None:
        """End a batch: bring the counts up to date, give copies their final names."""
        # A new series may have got nothing: the UIDs of all its files were known.
        for key, uid in self._born.items():
            if key not in self._grown and key not in self._changed:
                self._changed[key] = None
                self.report.series_uids.remove(uid)
                self._reported.discard(uid)
        changed = list(self._changed)
        grown = {key: added for key, added in self._grown.items() if key not in self._changed}
        counts.add_to_series(self.connection, grown)
        self._notes.end()
        if changed:
            counts.recount_series(self.connection, changed)
            self._thumbnails += counts.remove_empty(self.connection, changed)
            self._series.clear()  # one of them may be gone
            self._notes.forget()
        counts.refresh_parents(self.connection, [*grown, *changed])
        if self.copies is not None:
            self.copies.publish(
                [(t, directory, name) for (directory, name), t in self._moves.items()]
            )

    def settled(self) -> None:
        """Clean up after the commit."""
        if self.copies is not None:
            if self._moves:
                self.copies.settle()
            for temporary in self.discarded:
                Path(temporary).unlink(missing_ok=True)
        thumbnail_store.unlink(self.root, self._thumbnails)

    def forget(self) -> None:
        """Drop what is remembered of the index, after a batch was rolled back."""
        self._series.clear()
        self._folders.clear()
        self._notes.forget()

    def store(self, chunk: Chunk, scanned: Scanned) -> None:
        """Store one chunk."""
        accepted = scanned.accepted
        connection = self.connection
        uids = [row.row[0] for row in accepted]
        taken = (
            dict.fromkeys(
                row[0]
                for row in connection.execute(
                    "SELECT uid FROM instance WHERE uid IN (SELECT value FROM json_each(?))",
                    (encode_json(uids),),
                )
            )
            if uids
            else {}
        )
        homes = [self._home(group, chunk, scanned) for group in scanned.groups]
        files: list[tuple[Any, ...]] = []
        instances: list[tuple[Any, ...]] = []
        frames: list[tuple[int, bytes]] = []
        later: list[int] = []
        folder, folder_id = None, 0
        grown = self._grown
        for index, (file, entry) in enumerate(zip(chunk.files, scanned.files, strict=True)):
            copied = bool(file.temporary) or bool(scanned.copies and scanned.copies[index])
            if type(entry) is not int or file.known is not None or copied:
                later.append(index)
                continue
            found = accepted[entry]
            uid = found.row[0]
            if uid in taken:
                later.append(index)
                continue
            taken[uid] = None
            if file.directory != folder:
                folder, folder_id = file.directory, self.folder(file.directory)
            file_id, key = self.new_ids()
            home, shared = homes[found.group]
            name = to_sql(file.name)
            files.append(
                (file_id, folder_id, name, file.size, file.mtime_ns, "linked", None, None, None)
            )
            row = found.row
            if shared:
                row = (*row[:-1], _spliced(shared, row[-1]))
            instances.append((key, home.id, file_id, *row))
            if found.frames is not None:
                frames.append((key, found.frames))
            before = grown.get(home.id, _NO_GROWTH)
            grown[home.id] = Growth(before[0] + 1, before[1] + row[_FRAMES], before[2] + file.size)
            if found.problems:
                self._note_problems(file, found)
        connection.executemany(INSERT_FILE, files)
        connection.executemany(INSERT_INSTANCE, instances)
        if frames:
            connection.executemany("INSERT INTO frames (instance, data) VALUES (?, ?)", frames)
        self.report.added += len(instances)
        for index in later:
            self._store_one(chunk.files[index], scanned, index, homes)
        for container in chunk.closing:
            if container.refusal is None:
                self.remember_file(container, "archive")
            else:
                self.remember_file(container, "refused", *container.refusal)

    def _store_one(
        self,
        file: FoundFile,
        scanned: Scanned,
        index: int,
        homes: Sequence[tuple[_Series, str]],
    ) -> None:
        entry = scanned.files[index]
        temporary = file.temporary or (scanned.copies[index] if scanned.copies else "")
        if isinstance(entry, Refused) or entry is None:
            if temporary:
                self.discarded.append(temporary)
            collisions.forget_file(self, file)
            if entry is None:
                self.remember_file(file, "media")
                if not file.temporary:
                    self.report.missing += media.listed_files(file.path)[1]
            else:
                self.report.rejected.append((file.path, entry.reason, entry.text))
                if entry.lasting:
                    self.remember_file(file, "refused", entry.reason, entry.text)
            return
        found = scanned.accepted[entry]
        home, shared = homes[found.group]
        row = (*found.row[:-1], _spliced(shared, found.row[-1])) if shared else found.row
        self._note_problems(file, found)
        collisions.store(self, file, home.id, row, found.frames, temporary)

    def changed(self, series: int) -> None:
        """Have a series' instances counted anew at the end of the batch."""
        self._changed[series] = None

    def new_ids(self) -> tuple[int, int]:
        """Give out an id for a file and one for an instance."""
        file, instance = self._next_file, self._next_instance
        self._next_file, self._next_instance = file + 1, instance + 1
        return file, instance

    def insert_instance(self, key: int, series: int, file: int, row: tuple[Any, ...]) -> None:
        """Insert one instance; `row` is from `INSTANCE_COLUMNS`."""
        self.connection.execute(INSERT_INSTANCE, (key, series, file, *row))

    def folder(self, path: str) -> int:
        """Return the id of a directory, inserted when new."""
        found = self._folders.get(path)
        if found is None:
            row = self.connection.execute(
                "SELECT id FROM directory WHERE path = ?", (to_sql(path),)
            ).fetchone()
            if row is None:
                cursor = self.connection.execute(
                    "INSERT INTO directory (path) VALUES (?)", (to_sql(path),)
                )
                row = (cursor.lastrowid,)
            found = int(row[0])
            self._folders[path] = found
            if len(self._folders) > _FOLDERS_REMEMBERED:
                self._folders.popitem(last=False)
        return found

    def remember_file(
        self,
        file: FoundFile,
        storage: str,
        reason: str | None = None,
        text: str | None = None,
    ) -> int:
        """Insert or update the row of a found file; return its id."""
        found = self.connection.execute(
            "INSERT INTO file (directory, name, size, mtime_ns, storage, source, reason, text,"
            f" scan_version) VALUES (?, ?, ?, ?, ?, NULL, ?, ?, {SCAN_VERSION})"
            " ON CONFLICT (directory, name) DO UPDATE SET"
            " size = excluded.size, mtime_ns = excluded.mtime_ns, storage = excluded.storage,"
            " source = NULL, reason = excluded.reason, text = excluded.text,"
            " scan_version = excluded.scan_version, missing = NULL RETURNING id",
            (
                self.folder(file.directory),
                to_sql(file.name),
                file.size,
                file.mtime_ns,
                storage,
                reason,
                _storable(text),
            ),
        ).fetchone()
        self._next_file = max(self._next_file, found[0] + 1)
        return int(found[0])

    def place_copy(self, temporary: str, uid: str, copy: int, source: int | None) -> int:
        """Plan the move of a temporary copy to its place; return the id of its row."""
        directory, name = copy_place(uid, copy)
        earlier = self._moves.pop((directory, name), None)
        if earlier is not None:
            self.discarded.append(earlier)
        self._moves[directory, name] = temporary
        status = os.stat(temporary)
        file = FoundFile(directory, name, status.st_size, status.st_mtime_ns)
        key = self.remember_file(file, "copied")
        self.connection.execute("UPDATE file SET source = ? WHERE id = ?", (source, key))
        return key

    def path_now(self, directory: str | bytes, name: str | bytes) -> Path:
        """Return where a file of the index is now, before the batch's copies are moved."""
        moved = self._moves.get((from_sql(directory), from_sql(name)))
        return Path(moved) if moved is not None else path_of(self.root, directory, name)

    def _list_series(self, uid: str) -> None:
        if uid not in self._reported:
            self._reported.add(uid)
            self.report.series_uids.append(uid)

    def _note_problems(self, file: FoundFile, found: Accepted) -> None:
        self.report.notes += [(file.path, reason, text) for reason, text in found.problems]

    def _home(self, group: Group, chunk: Chunk, scanned: Scanned) -> tuple[_Series, str]:
        """Return a group's series, and the JSON that its instances add to their overrides."""
        uid = group.series[0]
        series = self._series.get(uid) or self._read_series(uid)
        if series is None:
            series = self._new_series(group)
            shared: dict[str, Any] = {}
        else:
            defaults = series.defaults
            shared = {k: v for k, v in group.constants.items() if defaults.get(k, _ABSENT) != v}
            if len(defaults) > len(group.constants) - len(shared):
                # What the series has and these instances have not.
                shared.update(
                    dict.fromkeys(defaults.keys() - group.constants.keys() - set(group.varying))
                )
            self._remark_mismatch(series, group, chunk, scanned)
        self._notes.add(series.id, series.defaults, shared, group.notes)
        self._series[uid] = series
        self._series.move_to_end(uid)
        if len(self._series) > _SERIES_REMEMBERED:
            self._series.popitem(last=False)
        self._list_series(uid)
        return series, encode_json(dict(sorted(shared.items())))[1:-1] if shared else ""

    def _remark_mismatch(
        self, series: _Series, group: Group, chunk: Chunk, scanned: Scanned
    ) -> None:
        remarks = []
        if group.study[0] != series.study_uid:
            text = f"series {series.uid} belongs to study {series.study_uid} in the index"
            remarks.append(("study-mismatch", text))
        if group.patient[:4] != series.patient[:4]:
            text = f"series {series.uid} belongs to another patient in the index"
            remarks.append(("patient-mismatch", text))
        for reason, text in remarks:
            if (reason, series.uid) not in self._remarked:
                self._remarked.add((reason, series.uid))
                self.report.notes.append((_first_of(group, chunk, scanned), reason, text))

    def _read_series(self, uid: str) -> _Series | None:
        row = self.connection.execute(
            "SELECT series.id, study, study.uid, patient_id, issuer, name, birth_date, defaults"
            f" FROM series JOIN study ON study.id = study JOIN patient ON patient.id = {HOME}"
            " WHERE series.uid = ?",
            (uid,),
        ).fetchone()
        if row is None:
            return None
        return _Series(row[0], uid, row[1], row[2], tuple(row[3:7]), json.loads(row[7]))

    def _new_series(self, group: Group) -> _Series:
        connection = self.connection
        found = connection.execute(
            "SELECT study.id, patient_id, issuer, name, birth_date FROM study"
            f" JOIN patient ON patient.id = {HOME} WHERE uid = ?",
            (group.study[0],),
        ).fetchone()
        if found is None:
            home = self._patient(group)
            shown = root_of(connection, home)
            cursor = connection.execute(
                "INSERT INTO study (patient, home_patient, uid, study_id, date, time, description,"
                " accession_number, referring_physician, institution, added)"
                " VALUES (?, nullif(?, ?), ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (shown, home, shown, *group.study, self.now),
            )
            study, owner = int(cursor.lastrowid or 0), group.patient[:4]
        else:
            study, owner = int(found[0]), tuple(found[1:])
            if owner != group.patient[:4]:
                self.report.notes.append(
                    (
                        group.series[0],
                        "patient-mismatch",
                        f"study {group.study[0]} belongs to another patient in the index; "
                        "this series is filed there",
                    )
                )
        cursor = connection.execute(
            "INSERT INTO series (study, uid, modality, number, description, date, time,"
            " body_part, protocol, manufacturer, model, sop_class_uid, frame_of_reference_uid,"
            " rows, columns, defaults, added)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (study, *group.series, encode_json(group.constants), self.now),
        )
        key = int(cursor.lastrowid or 0)
        self._born[key] = group.series[0]
        series_text.file_series(connection, [key])
        return _Series(key, group.series[0], study, group.study[0], owner, group.constants)

    def _patient(self, group: Group) -> int:
        self.connection.execute(
            "INSERT INTO patient (patient_id, issuer, name, birth_date, apart, sex, sort_name,"
            " added) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (*group.patient, self.now),
        )
        row = self.connection.execute(
            "SELECT id FROM patient WHERE patient_id = ? AND issuer = ? AND name = ?"
            " AND birth_date = ? AND apart = ?",
            group.patient[:5],
        ).fetchone()
        return int(row[0])


def _next_id(connection: sqlite3.Connection, table: str) -> int:
    row = connection.execute(f"SELECT max(id) FROM {table}").fetchone()
    return int(row[0] or 0) + 1


def _spliced(shared: str, own: str) -> str:
    # Both are bodies of JSON objects whose keywords do not overlap.
    return f"{{{shared},{own[1:]}" if own else f"{{{shared}}}"


def _storable(text: str | None) -> str | None:
    if text is None:
        return None
    return text[:4096].encode("utf-8", "backslashreplace").decode("utf-8")


def _first_of(group: Group, chunk: Chunk, scanned: Scanned) -> str:
    wanted = next(i for i, one in enumerate(scanned.groups) if one is group)
    for file, entry in zip(chunk.files, scanned.files, strict=True):
        if isinstance(entry, int) and scanned.accepted[entry].group == wanted:
            return file.path
    return group.identity[0]
