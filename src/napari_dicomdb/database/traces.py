"""Forgets what the index knows of folders and refused files that may name a removed patient."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from napari_dicomdb.database.known import from_sql, to_sql

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

__all__ = ["forget_folders", "forget_named", "names_of", "words_of"]

_SHORTEST = 3
"""Characters of a part of a name or ID that is looked for in paths."""

_BETWEEN_WORDS = re.compile(r"[\W_]+")


def forget_folders(connection: sqlite3.Connection, folders: Iterable[str]) -> None:
    """Forget refused files, archives and DICOMDIRs in folders that hold nothing else now.

    Folders above are included, as far as nothing of anybody else is below them: the
    next import looks at those files as at new ones.

    Parameters
    ----------
    connection : sqlite3.Connection
        In a transaction; the rows of what is removed are gone.
    folders : iterable of str
        Where that was.
    """
    seen: set[str] = set()
    for start in folders:
        folder = start
        while folder not in seen and os.path.isabs(folder):
            seen.add(folder)
            if not _forget_below(connection, folder):
                break
            parent = str(Path(folder).parent)
            if parent == folder:
                break
            folder = parent
    connection.execute(
        "DELETE FROM directory WHERE NOT EXISTS"
        " (SELECT 1 FROM file WHERE file.directory = directory.id)"
    )


def _forget_below(connection: sqlite3.Connection, folder: str) -> bool:
    """Forget what is at and below a folder; False, and nothing, when it holds images still."""
    text = to_sql(folder)
    stem = folder.rstrip(os.sep) + os.sep
    raw = os.fsencode(stem)
    # Paths that are not UTF-8 are kept as BLOB, and those sort apart.
    ranges: list[str | bytes] = [text, raw, raw[:-1] + b"0"]
    where = "path = ?1 OR (path >= ?2 AND path < ?3)"
    if isinstance(text, str):
        ranges += [stem, stem[:-1] + "0"]
        where += " OR (path >= ?4 AND path < ?5)"
    below = [
        row[0] for row in connection.execute(f"SELECT id FROM directory WHERE {where}", ranges)
    ]
    for key in below:
        if connection.execute(
            "SELECT 1 FROM file WHERE directory = ?"
            " AND storage IN ('linked', 'copied', 'source') LIMIT 1",
            (key,),
        ).fetchone():
            return False
    connection.executemany("DELETE FROM file WHERE directory = ?", [(key,) for key in below])
    return True


def names_of(connection: sqlite3.Connection, patients: Iterable[int]) -> dict[int, set[str]]:
    """Return words of the names and IDs of patients, by key."""
    found = {}
    for key in patients:
        row = connection.execute(
            "SELECT patient_id, name FROM patient WHERE id = ?", (key,)
        ).fetchone()
        if row is not None:
            found[key] = words_of(*row)
    return found


def words_of(*values: str) -> set[str]:
    """Return the words of names and IDs that are long enough to tell a patient by."""
    return {
        word
        for value in values
        for word in _BETWEEN_WORDS.split(value.casefold())
        if len(word) >= _SHORTEST
    }


def forget_named(connection: sqlite3.Connection, words: set[str]) -> None:
    """Forget refused files and DICOMDIRs whose path, or why they were refused, has a word."""
    if not words:
        return
    going = [
        (key,)
        for key, path, name, text in connection.execute(
            "SELECT file.id, path, name, text FROM file"
            " JOIN directory ON directory.id = file.directory"
            " WHERE storage IN ('refused', 'media')"
        )
        if _has_word(f"{from_sql(path)}/{from_sql(name)} {text or ''}", words)
    ]
    connection.executemany("DELETE FROM file WHERE id = ?", going)


def _has_word(text: str, words: set[str]) -> bool:
    folded = text.casefold()
    return any(word in folded for word in words)
