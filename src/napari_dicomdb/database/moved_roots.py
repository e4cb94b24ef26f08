"""Suggests where moved files are now: names, sizes and UIDs of missing ones, looked for anew."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database.known import from_sql
from napari_dicomdb.database.places import is_foreign
from napari_dicomdb.database.report import printable
from napari_dicomdb.dicom.header import scan_file
from napari_dicomdb.errors import DicomDbError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from napari_dicomdb.database.connection import Connections
    from napari_dicomdb.progress import Progress

__all__ = ["MovedRoot", "find_moved"]

_SAMPLES = 4
"""Files of each lost folder that are looked for."""
_MOST_FOLDERS = 20_000

_Wanted = dict[str, dict[int, dict[str, list[str]]]]


@dataclass(frozen=True, slots=True)
class MovedRoot:
    """Folders below `old_root` whose files were met below `new_root`: see `Database.relink`."""

    old_root: str
    new_root: str
    folders: int
    files: int

    def to_json(self) -> dict[str, Any]:
        """Return it as a dict that `json.dumps` accepts."""
        found = asdict(self)
        return found | {key: printable(found[key]) for key in ("old_root", "new_root")}


def find_moved(
    connections: Connections, root: Path, search_roots: Sequence[str], progress: Progress
) -> list[MovedRoot]:
    """Look for the files of lost folders; see `Database.find_moved`."""
    wanted = _wanted(connections, root)
    met: dict[tuple[str, str], set[str]] = {}
    files: Counter[tuple[str, str]] = Counter()
    avoid = os.path.realpath(root) if connections.path is not None else ""
    for number, (folder, names) in enumerate(_walk(search_roots, avoid) if wanted else ()):
        if number % 16 == 0:
            progress(number, None, f"Looking in {printable(folder)}")
        for name in names:
            by_size = wanted.get(name.casefold())
            if by_size is None:
                continue
            for old in _found(os.path.join(folder, name), by_size):
                if old == folder:
                    continue
                pair = _roots(old, folder)
                met.setdefault(pair, set()).add(old)
                files[pair] += 1
    found = [MovedRoot(*pair, len(folders), files[pair]) for pair, folders in met.items()]
    return sorted(found, key=lambda one: (-one.folders, -one.files, one.new_root))


def _wanted(connections: Connections, root: Path) -> _Wanted:
    """Return a few files of each folder that lost some: folders by name, size and UID."""
    with connections.borrow() as connection:
        folders = [
            (key, from_sql(path))
            for key, path in connection.execute(
                "SELECT id, path FROM directory WHERE EXISTS"
                " (SELECT 1 FROM file JOIN instance ON instance.file = file.id"
                "  WHERE directory = directory.id AND storage = 'linked') ORDER BY id"
            )
        ]
        wanted: _Wanted = {}
        lost = 0
        for key, folder in folders:
            gone = is_foreign(folder) or not (root / folder).is_dir()
            condition = "" if gone else " AND file.missing IS NOT NULL"
            rows = connection.execute(
                "SELECT name, file.size, uid FROM file JOIN instance ON instance.file = file.id"
                f" WHERE directory = ?{condition} ORDER BY file.size DESC LIMIT {_SAMPLES}",
                (key,),
            ).fetchall()
            for name, size, uid in rows:
                by_size = wanted.setdefault(from_sql(name).casefold(), {})
                by_size.setdefault(size, {}).setdefault(uid, []).append(folder)
            lost += bool(rows)
            if lost >= _MOST_FOLDERS:
                break
    return wanted


def _walk(roots: Sequence[str], avoid: str) -> Iterator[tuple[str, list[str]]]:
    for root in roots:
        for folder, below, names in os.walk(root):
            if avoid and os.path.realpath(folder) == avoid:
                below.clear()
                continue
            below.sort()
            yield folder, names


def _found(path: str, by_size: dict[int, dict[str, list[str]]]) -> list[str]:
    """Return the folders that lost this file, which is read once however many they are."""
    try:
        size = os.stat(path).st_size
        if size not in by_size:
            return []
        uid = str(scan_file(path, size).values.get("SOPInstanceUID", ""))
    except (OSError, DicomDbError, RecursionError, MemoryError):
        return []
    return by_size[size].get(uid, [])


def _roots(old: str, new: str) -> tuple[str, str]:
    """Return both folders without what is the same at their ends."""
    separator = "\\" if is_foreign(old) else os.sep
    before = old.replace("\\", "/").split("/") if is_foreign(old) else old.split(os.sep)
    after = new.split(os.sep)
    while min(len(before), len(after)) > 2 and before[-1].casefold() == after[-1].casefold():
        before.pop()
        after.pop()
    return separator.join(before), os.sep.join(after)
