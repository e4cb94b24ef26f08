"""Where the files of instances are, asked for many at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from napari_dicomdb.database.known import path_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from napari_dicomdb.database.connection import Connections

__all__ = ["instance_paths"]

_SQL = (
    "SELECT uid, path, name FROM instance JOIN file ON file.id = instance.file"
    " JOIN directory ON directory.id = directory"
    " WHERE uid IN (SELECT value FROM json_each(?))"
)


def instance_paths(connections: Connections, root: Path, uids: Iterable[str]) -> dict[str, Path]:
    """Return the files of those instances that the index has and whose file is there.

    Parameters
    ----------
    connections : Connections
        Of the index.
    root : Path
        The database directory.
    uids : iterable of str
        SOPInstanceUIDs.
    """
    with connections.borrow() as connection:
        rows = connection.execute(_SQL, (json.dumps(list(uids)),)).fetchall()
    places = ((uid, path_of(root, directory, name)) for uid, directory, name in rows)
    return {uid: path for uid, path in places if path.is_file()}
