"""Lets another file take the place of one that is gone: a second copy, or a copy's source."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from napari_dicomdb.database import counts
from napari_dicomdb.database.known import from_sql, path_of, to_sql
from napari_dicomdb.database.verify import count_missing, look
from napari_dicomdb.dicom.header import scan_file
from napari_dicomdb.errors import DicomDbError

if TYPE_CHECKING:
    from napari_dicomdb.database.connection import Connections
    from napari_dicomdb.progress import Progress

__all__ = ["take"]

_AT_ONCE = 10_000

_CANDIDATES = (
    "SELECT file.id, path, name, size, mtime_ns, identical FROM alternate"
    " JOIN file ON file.id = alternate.file JOIN directory ON directory.id = directory"
    " WHERE instance = ?1 UNION ALL"
    " SELECT origin.id, path, origin.name, origin.size, origin.mtime_ns, 1 FROM file"
    " JOIN file AS origin ON origin.id = file.source"
    " JOIN directory ON directory.id = origin.directory WHERE file.id = ?2"
    " ORDER BY 6 DESC, 1"
)


class _Lost(NamedTuple):
    instance: int
    series: int
    file: int
    uid: str


class _Found(NamedTuple):
    lost: _Lost
    file: int
    read_again: bool


def take(
    connections: Connections, root: Path, since: float, progress: Progress
) -> tuple[int, list[str]]:
    """Give images whose file was found to be gone another one; the writer's lock is held.

    Parameters
    ----------
    connections : Connections
        Of the index.
    root : Path
        The database directory.
    since : float
        Only files found to be gone since then, seconds since the epoch.
    progress : Progress
        May raise `Cancelled`.

    Returns
    -------
    tuple of (int, list of str)
        How many; and archives to import again, whose members' copies are gone.
    """
    with connections.borrow() as connection:
        lost = [
            _Lost(*row)
            for row in connection.execute(
                "SELECT instance.id, series, instance.file, uid FROM instance"
                " JOIN file ON file.id = instance.file WHERE missing >= ?"
                " ORDER BY series, instance.id",
                (since,),
            )
        ]
    taken = 0
    archives: dict[str, None] = {}
    found: list[_Found] = []
    for number, one in enumerate(lost):
        # A series at a time: it is counted anew as a whole.
        if found and (one.series != found[-1].lost.series or len(found) >= _AT_ONCE):
            taken += _replace(connections, found)
        if number % 64 == 0:
            progress(number, len(lost), "Looking for other copies")
        with connections.borrow() as connection:
            rows = connection.execute(_CANDIDATES, (one.instance, one.file)).fetchall()
        for file, directory, name, size, mtime_ns, identical in rows:
            folder = from_sql(directory)
            if Path(folder).is_absolute() and Path(folder).is_file():
                archives[folder] = None
                continue
            path = path_of(root, directory, name)
            state = look(path, size, mtime_ns)
            if state in ("missing", "unreadable") or (state and not _holds(path, one.uid)):
                continue
            found.append(_Found(one, file, bool(state) or not identical))
            break
    taken += _replace(connections, found)
    _forget_members(connections, archives)
    return taken, list(archives)


def _holds(path: Path, uid: str) -> bool:
    try:
        return scan_file(str(path)).values.get("SOPInstanceUID") == uid
    except (DicomDbError, OSError, RecursionError, MemoryError):
        return False


def _replace(connections: Connections, found: list[_Found]) -> int:
    """Let files take the places of lost ones; empty the list and return how many."""
    if not found:
        return 0
    with connections.transaction() as connection:
        for lost, file, read_again in found:
            connection.execute("DELETE FROM alternate WHERE file = ?", (file,))
            connection.execute(
                "UPDATE file SET missing = NULL, mtime_ns = iif(?, -1, mtime_ns),"
                " storage = iif(storage = 'source', 'linked', storage) WHERE id = ?",
                (read_again, file),
            )
            connection.execute("UPDATE instance SET file = ? WHERE id = ?", (file, lost.instance))
            connection.execute("DELETE FROM file WHERE id = ?", (lost.file,))
        counts.recount_series(connection, dict.fromkeys(one.lost.series for one in found))
        count_missing(connection, [one.file for one in found])
    count = len(found)
    found.clear()
    return count


def _forget_members(connections: Connections, archives: dict[str, None]) -> None:
    """Make archives news again, for those of their members whose copy is gone."""
    with connections.transaction() as connection:
        for archive in archives:
            connection.execute(
                "DELETE FROM file WHERE storage = 'source' AND directory ="
                " (SELECT id FROM directory WHERE path = ?) AND EXISTS"
                " (SELECT 1 FROM file AS copy WHERE copy.source = file.id"
                "  AND copy.missing IS NOT NULL)",
                (to_sql(archive),),
            )
            parent, name = str(Path(archive).parent), Path(archive).name
            connection.execute(
                "DELETE FROM file WHERE storage = 'archive' AND name = ? AND directory ="
                " (SELECT id FROM directory WHERE path = ?)",
                (to_sql(name), to_sql(parent)),
            )
