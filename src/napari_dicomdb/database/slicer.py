"""Opens the database directories of 3D Slicer by importing the files they list."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from napari_dicomdb.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SLICER_INDEX", "expanded", "listed_files"]

SLICER_INDEX = "ctkDICOM.sql"


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
    try:
        with contextlib.closing(
            sqlite3.connect(f"file:{quote(str(index))}?mode=ro", uri=True)
        ) as connection:
            rows = connection.execute(
                "SELECT Filename FROM Images WHERE Filename <> '' ORDER BY Filename"
            ).fetchall()
    except sqlite3.Error as error:
        raise DatabaseError(
            f"{index} cannot be read as a database of 3D Slicer ({error})",
            reason="bad-slicer-index",
        ) from error
    return [os.path.join(index.parent, str(row[0])) for row in rows]
