"""Opens the database directories of 3D Slicer by importing the files they list."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from napari_dicomdb.database import activity
from napari_dicomdb.database.private_folders import working_folder
from napari_dicomdb.errors import DatabaseError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.database.database import Database
    from napari_dicomdb.database.report import ImportReport, Remark
    from napari_dicomdb.progress import Progress

__all__ = [
    "SLICER_INDEX",
    "expanded",
    "index_to_take",
    "is_slicer_directory",
    "listed_files",
    "refuse_slicer_directory",
    "take_over",
    "take_over_into",
]

SLICER_INDEX = "ctkDICOM.sql"

_BESIDE = ("", "-wal", "-journal")
"""What belongs to an SQLite file that its program is just writing."""
_TRIES = 5


def is_slicer_directory(path: str | os.PathLike[str]) -> bool:
    """Tell whether a directory is a database of 3D Slicer (of CTK, that is)."""
    return os.path.isfile(os.path.join(os.fspath(path), SLICER_INDEX))


def refuse_slicer_directory(directory: Path) -> None:
    """Refuse to open Slicer's database as one of ours, or to make ours inside it.

    Raises
    ------
    DatabaseError
        With the reason "slicer-database" and the remedy.
    """
    if is_slicer_directory(directory):
        raise DatabaseError(
            f"{directory} is a database of 3D Slicer: take it over into a database of its own "
            f"with `dicomdb db take-over {directory} --to DIR` (in napari: the database menu)",
            reason="slicer-database",
        )


def expanded(paths: Sequence[str | os.PathLike[str]]) -> list[str]:
    """Replace Slicer's database directories (or their index) by the files they list."""
    found: list[str] = []
    for path in (os.fspath(one) for one in paths):
        index = (
            path if os.path.basename(path) == SLICER_INDEX else os.path.join(path, SLICER_INDEX)
        )
        if os.path.isfile(index):
            found += listed_files(Path(os.path.abspath(index)))
        else:
            found.append(path)
    return found


def take_over(
    slicer_directory: str | os.PathLike[str],
    directory: str | os.PathLike[str],
    *,
    copy: bool = False,
    progress: Progress | None = None,
    report: ImportReport | None = None,
) -> ImportReport:
    """Import all that a database of 3D Slicer lists into a database of ours.

    Slicer's directory stays as it is, and may be open in Slicer meanwhile. Run
    again, it takes what was added since.

    Parameters
    ----------
    slicer_directory : path-like
        The directory with ``ctkDICOM.sql``, or that file.
    directory : path-like
        Our database; made when it is not there.
    copy : bool
        Copy the files; else they stay where they are and are linked, those that
        Slicer has copied into its own directory, too.
    progress : Progress, optional
        May raise `Cancelled`.
    report : ImportReport, optional
        A new one, to be filled.

    Returns
    -------
    ImportReport
        `missing` lists the files that Slicer knows and that are gone
        ("slicer-file-missing") or on a server ("on-a-server").

    Raises
    ------
    NotFoundError
        If there is no Slicer database.
    DatabaseError
        If it cannot be read, or `directory` lies in it ("slicer-directory").
    """
    from napari_dicomdb.database.database import Database

    target = Path(os.path.abspath(os.fspath(directory)))
    index_to_take(slicer_directory, target)
    with Database.open(target) as database:
        return take_over_into(
            database, slicer_directory, copy=copy, progress=progress, report=report
        )


def take_over_into(
    database: Database,
    slicer_directory: str | os.PathLike[str],
    *,
    copy: bool = False,
    progress: Progress | None = None,
    report: ImportReport | None = None,
) -> ImportReport:
    """Do what `take_over` does, in a database that is open."""
    listed, missing = _present_files(index_to_take(slicer_directory, database.path))
    done = database.import_paths(listed, copy=copy, progress=progress, report=report)
    done.missing += missing
    counts = {
        "added": done.added,
        "updated": done.updated,
        "refused": len(done.rejected),
        "missing": len(missing),
    }
    with database._connections.transaction() as connection:
        activity.record(connection, "take-over", counts)
    return done


def index_to_take(slicer_directory: str | os.PathLike[str], target: Path | None) -> Path:
    """Return Slicer's index to take over into `target`.

    Raises
    ------
    NotFoundError
        If there is no Slicer database.
    DatabaseError
        If `target` lies in its directory.
    """
    index = Path(os.path.abspath(os.fspath(slicer_directory)))
    if index.name != SLICER_INDEX:
        index /= SLICER_INDEX
    if not index.is_file():
        raise NotFoundError(
            f"{index.parent} is no database of 3D Slicer (it has no {SLICER_INDEX}): name the "
            "directory that Slicer shows as its database location",
            reason="no-slicer-database",
        )
    if target is not None and target.resolve().is_relative_to(index.parent.resolve()):
        raise DatabaseError(
            f"{target} lies in Slicer's own directory, which is left as it is: choose another "
            "directory for the new database",
            reason="slicer-directory",
        )
    return index


def listed_files(index: Path) -> list[str]:
    """Return the files in Slicer's table Images, linked and copied ones.

    Copies have paths relative to the database directory (CTK's
    ctkDICOMDatabase). Files that are gone are listed, too: the import reports
    them.

    Raises
    ------
    DatabaseError
        If it is no such index.
    """
    return [path for path, _ in _places(index) if path]


def _present_files(index: Path) -> tuple[list[str], list[Remark]]:
    """Tell the files that are there from those that are gone or on a server."""
    present: list[str] = []
    missing: list[Remark] = []
    for path, url in _places(index):
        if not path:
            text = "3D Slicer knows it on a server and has not fetched it"
            missing.append((url, "on-a-server", text))
        elif os.path.isfile(path):
            present.append(path)
        else:
            text = "3D Slicer lists it, and it is not there any more"
            missing.append((path, "slicer-file-missing", text))
    return present, missing


def _places(index: Path) -> list[tuple[str, str]]:
    """Return the absolute path, or "" and the URL, of every instance that is listed."""
    try:
        rows = _read(index)
    except sqlite3.Error as error:
        raise DatabaseError(
            f"{index} cannot be read as a database of 3D Slicer ({error})",
            reason="bad-slicer-index",
        ) from error
    except OSError as error:
        raise DatabaseError(
            f"{index} cannot be read ({error.strerror or error})", reason="bad-slicer-index"
        ) from error
    found: dict[tuple[str, str], None] = {}
    for name, url in rows:
        path = str(name or "")
        if not path and str(url or "").startswith("file:"):
            path = unquote(urlsplit(str(url)).path)
        if path:
            found[_where(index.parent, path), ""] = None
        elif url:
            found["", str(url)] = None
    return sorted(found)


def _where(root: Path, path: str) -> str:
    place = os.path.normpath(os.path.join(root, path))
    # Older versions list copies by the absolute path that the directory had then.
    tail = path.replace("\\", "/").rpartition("/dicom/")[2]
    if tail != path and not os.path.exists(place):
        moved = os.path.join(root, "dicom", *tail.split("/"))
        if os.path.isfile(moved):
            return moved
    return place


def _read(index: Path) -> list[tuple[str | None, str | None]]:
    """Read table Images from a copy of the index, so that Slicer's own is not even locked.

    Slicer may write meanwhile: a copy made of two states is taken again.
    """
    with working_folder() as folder:
        copy = folder / SLICER_INDEX
        tries = _TRIES
        while True:
            tries -= 1
            before = _state(index)
            for ending in _BESIDE:
                beside = Path(f"{copy}{ending}")
                beside.unlink(missing_ok=True)
                with contextlib.suppress(FileNotFoundError):
                    shutil.copyfile(f"{index}{ending}", beside)
            Path(f"{copy}-shm").unlink(missing_ok=True)
            try:
                rows = _images(copy)
            except sqlite3.DatabaseError:
                if not tries or _state(index) == before:
                    raise
            else:
                if not tries or _state(index) == before:
                    return rows


def _images(index: Path) -> list[tuple[str | None, str | None]]:
    with contextlib.closing(sqlite3.connect(index)) as connection:
        columns = {row[1] for row in connection.execute("PRAGMA table_info(Images)")}
        # Only since schema 0.7 can an instance be on a server.
        url = "URL" if "URL" in columns else "NULL"
        return connection.execute(f"SELECT Filename, {url} FROM Images").fetchall()


def _state(index: Path) -> list[tuple[int, int] | None]:
    found: list[tuple[int, int] | None] = []
    for ending in _BESIDE:
        try:
            status = os.stat(f"{index}{ending}")
        except FileNotFoundError:
            found.append(None)
        else:
            found.append((status.st_size, status.st_mtime_ns))
    return found
