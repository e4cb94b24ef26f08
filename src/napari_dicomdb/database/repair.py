"""Mends an index and what lies beside it, image by image; throws nothing away unasked."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database import (
    counts,
    integrity,
    interrupted,
    orphans,
    second_copies,
    series_text,
    thumbnail_store,
)
from napari_dicomdb.database import listing as lists
from napari_dicomdb.database.identities import forget_unused
from napari_dicomdb.database.importing import Import
from napari_dicomdb.database.known import path_of
from napari_dicomdb.database.refresh import refreshed
from napari_dicomdb.database.removal import remove_instances
from napari_dicomdb.database.report import Remark, printable
from napari_dicomdb.database.verify import count_missing, verify
from napari_dicomdb.errors import Cancelled, DicomDbError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from napari_dicomdb.database.connection import Connections
    from napari_dicomdb.progress import Progress

__all__ = ["Act", "RepairReport", "repair"]


@dataclass(frozen=True, slots=True)
class Act:
    """Something that was done: code, how often, plain words."""

    code: str
    count: int
    text: str


@dataclass(slots=True)
class RepairReport:
    """Result of `Database.repair` and `Database.salvage`.

    Attributes
    ----------
    acts : list of Act
        What was done; empty when nothing was wrong.
    rejected : list of (path, reason, text)
        What could not be mended.
    still_missing : int
        Images whose file is gone and that nothing replaces; their rows are kept.
    unavailable_roots : dict of str to int
        Drives and shares that are not there, with the number of files on them.
    kept : str
        Where a damaged index was put aside; "" when it was not damaged.
    left_copies : int
        Copies in the database directory that the index does not list, left where they are:
        a removal that did not delete them leaves such.
    left_changed : int
        Changed files that were not read again, for they were too many for one run.
    cancelled : bool
        The progress callback raised Cancelled; what was done stays done.
    """

    acts: list[Act] = field(default_factory=list)
    rejected: list[Remark] = field(default_factory=list)
    still_missing: int = 0
    unavailable_roots: dict[str, int] = field(default_factory=dict)
    kept: str = ""
    cancelled: bool = False
    seconds: float = 0.0
    left_copies: int = 0
    left_changed: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing is left that is wrong."""
        return not (self.rejected or self.still_missing or self.left_changed or self.cancelled)

    def did(self, code: str, count: int, text: str) -> None:
        """Note an act, if there was anything to do."""
        if count:
            self.acts.append(Act(code, count, text))

    def to_json(self) -> dict[str, Any]:
        """Return the report as a dict that `json.dumps` accepts."""
        report = asdict(self) | {"ok": self.ok, "kept": printable(self.kept)}
        report["rejected"] = [
            {"path": printable(path), "reason": reason, "text": printable(text)}
            for path, reason, text in self.rejected
        ]
        report["unavailable_roots"] = {
            printable(root): count for root, count in self.unavailable_roots.items()
        }
        return report

    def summary(self) -> str:
        """Return a few words for people."""
        line = "; ".join(f"{act.count} {act.text}" for act in self.acts) or "nothing to mend"
        if self.still_missing:
            line += f"; {self.still_missing} files are missing still: relink them, or forget them"
        if self.left_changed:
            line += f"; {self.left_changed} more changed files: run repair again"
        if self.left_copies:
            line += (
                f"; {self.left_copies} copies that the index does not list are left: import them "
                "with --adopt, or delete them"
            )
        for root in self.unavailable_roots:
            line += f"; {printable(root)} is not there"
        if self.kept:
            line += f"; the damaged index is kept as {printable(self.kept)}"
        return line + ("; cancelled" if self.cancelled else "")


def repair(
    connections: Connections,
    root: Path,
    *,
    forget_missing: bool,
    adopt: bool,
    progress: Progress,
    report: RepairReport | None = None,
) -> RepairReport:
    """Mend a database; the writer's lock is held. See `Database.repair`."""
    report = RepairReport() if report is None else report
    began = time.perf_counter()
    started = time.time()
    try:
        progress(0, None, "Clearing up after interrupted work")
        _finish_interrupted(connections, root, report)
        again = _drop_orphaned_rows(connections, root, report)
        seen = verify(connections, root, content=False, progress=progress)
        report.unavailable_roots = seen.unavailable_roots
        if seen.cancelled:
            raise Cancelled("the repair was stopped while it looked for files")
        replaced, archives = second_copies.take(connections, root, started, progress)
        report.did("replaced", replaced, "missing files replaced by another copy")
        changed = [path for path in seen.changed if not _is_inside(path, root)]
        report.left_changed = seen.changed_count - len(seen.changed)
        _import(connections, root, [*again, *archives, *changed], report, progress)
        _read_copies_again(connections, root, report)
        if adopt:
            found, refused = orphans.take(connections, root, progress)
            report.did("orphans", found, "copies that the index did not know imported")
            report.rejected += refused
        else:
            report.left_copies = orphans.count(connections, root)
        if forget_missing:
            _forget(connections, root, started, report)
        progress(0, None, "Counting")
        _derive(connections, report)
        _tidy_pictures(connections, root, report)
    except Cancelled:
        report.cancelled = True
    with connections.borrow() as connection:
        report.still_missing = connection.execute(
            "SELECT count(*) FROM instance JOIN file ON file.id = instance.file"
            " WHERE file.missing IS NOT NULL"
        ).fetchone()[0]
    report.seconds = time.perf_counter() - began
    return report


def _is_inside(path: str, root: Path) -> bool:
    return Path(path).is_relative_to(root)


def _finish_interrupted(connections: Connections, root: Path, report: RepairReport) -> None:
    done = interrupted.finish(connections, root)
    report.rejected += done.rejected
    report.did("deleted", done.deleted, "deletions finished that were interrupted")
    report.did("leftovers", done.leftovers, "leftovers of interrupted work deleted")


def _drop_orphaned_rows(connections: Connections, root: Path, report: RepairReport) -> list[str]:
    """Delete rows that refer to nothing, or that nothing refers to; return files to import."""
    dropped = 0
    with connections.borrow() as connection:
        # Row by row, without cascades: what is under a lost series is looked at itself.
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("BEGIN IMMEDIATE")
        try:
            while bad := connection.execute("PRAGMA foreign_key_check").fetchall():
                for table, rowid, _parent, _key in bad:
                    connection.execute(f"DELETE FROM {table} WHERE rowid = ?", (rowid,))
                dropped += len(bad)
            rows = connection.execute(
                "SELECT file.id, path, name, storage FROM file"
                f" JOIN directory ON directory.id = directory WHERE file.id IN ({_UNUSED})"
            ).fetchall()
            connection.executemany(
                "UPDATE file SET source = NULL WHERE source = ?", [(row[0],) for row in rows]
            )
            connection.executemany("DELETE FROM file WHERE id = ?", [(row[0],) for row in rows])
            connection.execute(
                "DELETE FROM directory WHERE NOT EXISTS"
                " (SELECT 1 FROM file WHERE directory = directory.id)"
            )
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        finally:
            connection.execute("PRAGMA foreign_keys = ON")
    report.did("orphaned-rows", dropped, "rows that referred to nothing removed")
    report.did("unused-files", len(rows), "files without an image read again")
    places = [
        str(path_of(root, path, name)) for _, path, name, storage in rows if storage == "linked"
    ]
    return [place for place in places if os.path.isfile(place)]


_UNUSED = integrity.UNUSED_FILES


def _import(
    connections: Connections,
    root: Path,
    paths: Sequence[str],
    report: RepairReport,
    progress: Progress,
) -> None:
    if not paths:
        return
    done = Import(root, connections, workers=0, progress=progress).run(list(paths))
    report.did("read-again", done.added + done.updated, "changed files read again")
    report.rejected += done.rejected
    if done.cancelled:
        raise Cancelled("the repair was stopped while it read files")


def _read_copies_again(connections: Connections, root: Path, report: RepairReport) -> None:
    """Correct the rows of copies, and of files that took a place, by their headers."""
    with connections.borrow() as connection:
        keys = connection.execute(
            "SELECT instance.id, path, name, file.size, mtime_ns FROM instance"
            " JOIN file ON file.id = instance.file JOIN directory ON directory.id = directory"
            " WHERE mtime_ns = -1 OR storage = 'copied'"
        ).fetchall()
    count = 0
    for key, directory, name, size, mtime_ns in keys:
        path = path_of(root, directory, name)
        try:
            status = path.stat()
        except OSError:
            continue  # missing: reported as such
        if (status.st_size, status.st_mtime_ns) == (size, mtime_ns):
            continue
        with connections.borrow() as connection:
            records = lists.instances(connection, root, "instance.id = ?", [key])
        for record in records:
            try:
                refreshed(connections, root, record)
                count += 1
            except (DicomDbError, OSError) as error:
                reason = getattr(error, "reason", "unreadable")
                report.rejected.append((str(path), reason, str(error)))
    report.did("copies-read", count, "copies read again")


def _forget(connections: Connections, root: Path, started: float, report: RepairReport) -> None:
    # What was gone when it was looked for just now: not what is on a drive that is away.
    removed = remove_instances(
        connections,
        root,
        "instance.id IN (SELECT lost.id FROM instance AS lost"
        " JOIN file ON file.id = lost.file WHERE file.missing >= ?1 AND NOT EXISTS"
        " (SELECT 1 FROM alternate JOIN file AS other ON other.id = alternate.file"
        "  WHERE alternate.instance = lost.id"
        "  AND (other.missing IS NULL OR other.missing < ?1)))",
        int(started),
        delete_copies=False,
    )
    report.did("forgotten", removed.instances, "images removed whose files were deleted")
    report.rejected += removed.rejected


def _derive(connections: Connections, report: RepairReport) -> None:
    """Make right what follows from other rows."""

    def keys(connection: sqlite3.Connection, sql: str) -> list[int]:
        return [row[0] for row in connection.execute(sql)]

    with connections.transaction() as connection:
        stale = count_missing(connection)
        wrong = keys(connection, integrity.SERIES_COUNTS)
        counts.recount_series(connection, wrong)
        empty = keys(connection, integrity.EMPTY_SERIES)
        counts.remove_empty(connection, empty)
        studies = keys(connection, integrity.STUDY_COUNTS)
        counts.refresh_studies(connection, studies)
        connection.execute(
            "DELETE FROM study WHERE NOT EXISTS (SELECT 1 FROM series WHERE study = study.id)"
        )
        forget_unused(connection, keys(connection, "SELECT id FROM patient"))
        patients = keys(connection, integrity.PATIENT_COUNTS)
        counts.refresh_patients(connection, patients)
        total = stale + len(wrong) + len(empty) + len(studies) + len(patients)
        report.did("counts", total, "counts corrected")
        if not _search_is_sound(connection):
            connection.execute("INSERT INTO series_text (series_text) VALUES ('rebuild')")
            report.did("search-index", 1, "search index made anew")
        lacking = keys(connection, integrity.WITHOUT_TEXT)
        series_text.file_series(connection, lacking)
        surplus = keys(connection, integrity.TEXT_WITHOUT_SERIES)
        connection.executemany(
            "DELETE FROM series_text WHERE rowid = ?", [(key,) for key in surplus]
        )
        report.did("search-text", len(lacking) + len(surplus), "search texts made right")


def _search_is_sound(connection: sqlite3.Connection) -> bool:
    import sqlite3

    try:
        connection.execute("INSERT INTO series_text (series_text) VALUES ('integrity-check')")
    except sqlite3.DatabaseError as error:
        if "SQLITE_CORRUPT" not in str(getattr(error, "sqlite_errorname", "")):
            raise
        return False
    return True


def _tidy_pictures(connections: Connections, root: Path, report: RepairReport) -> None:
    folder = root / "thumbnails"
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    with connections.transaction() as connection:
        known = {
            name
            for (name,) in connection.execute("SELECT name FROM thumbnail WHERE name IS NOT NULL")
        }
        lost = known - there
        connection.executemany("DELETE FROM thumbnail WHERE name = ?", [(name,) for name in lost])
    report.did("lost-pictures", len(lost), "pictures are gone and will be made anew")
    deleted = 0
    for name in there - known:
        if not thumbnail_store.is_picture(name):
            continue
        try:
            (folder / name).unlink(missing_ok=True)
            deleted += 1
        except OSError as error:
            text = f"the picture cannot be deleted: {error.strerror or error}"
            report.rejected.append((str(folder / name), "not-deleted", text))
    report.did("unknown-pictures", deleted, "pictures deleted that belong to no series")
