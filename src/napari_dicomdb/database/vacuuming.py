"""Writes the index anew: smaller, and without a trace of what was removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dicomdb.database.integrity import cancellable
from napari_dicomdb.database.removal import empty_log
from napari_dicomdb.errors import DatabaseBusyError

if TYPE_CHECKING:
    from napari_dicomdb.database.connection import Connections
    from napari_dicomdb.progress import Progress

__all__ = ["vacuum"]


def vacuum(connections: Connections, progress: Progress) -> int:
    """Write the index anew and return the bytes freed; see `Database.vacuum`."""
    before = _size(connections)
    with connections.borrow() as connection:
        # Merged, the search text drops the words of what was removed.
        connection.execute("INSERT INTO series_text (series_text) VALUES ('optimize')")
        with cancellable(connection, progress, "Writing the index anew"):
            connection.execute("VACUUM")
    progress(0, None, "Emptying the log")
    if not empty_log(connections):
        raise DatabaseBusyError(
            f"{connections.where} is being read by another process, so that "
            "removed values may be left in it: try again later"
        )
    return max(before - _size(connections), 0)


def _size(connections: Connections) -> int:
    with connections.borrow() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        return int(pages * connection.execute("PRAGMA page_size").fetchone()[0])
