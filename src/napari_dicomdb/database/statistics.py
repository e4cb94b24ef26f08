"""Counts what a database holds and what takes room in it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from napari_dicomdb.database.connection import Connections

__all__ = ["statistics"]

_TABLES = (
    "patient",
    "study",
    "series",
    "instance",
    "frames",
    "directory",
    "file",
    "alternate",
    "thumbnail",
    "examination",
    "activity",
    "patient_change",
)
_LARGEST = 10


def statistics(connections: Connections, root: Path) -> dict[str, Any]:
    """Return counts and sizes; see `Database.statistics`. UIDs only, no patient's values."""
    with connections.borrow() as connection:
        rows = {name: _one(connection, f"SELECT count(*) FROM {name}") for name in _TABLES}
        page = _one(connection, "PRAGMA page_size")
        pages = _one(connection, "PRAGMA page_count")
        free = _one(connection, "PRAGMA freelist_count")
        instances = rows["instance"]
        found = {
            "path": None if connections.path is None else str(root),
            "rows": rows,
            "index": {
                "size": page * pages,
                "free": page * free,
                "bytes_per_instance": round(page * pages / instances, 1) if instances else None,
                "log_size": _size_of(connections.path),
            },
            "modalities": _modalities(connection),
            "files": _files(connection),
            "missing_files": _one(
                connection, "SELECT count(*) FROM file WHERE missing IS NOT NULL"
            ),
            "refused": dict(
                connection.execute(
                    "SELECT reason, count(*) FROM file WHERE storage = 'refused'"
                    " GROUP BY reason ORDER BY 2 DESC, 1"
                ).fetchall()
            ),
            "thumbnails": _thumbnails(connection, root),
            "largest_series": [
                dict(zip(("uid", "modality", "instances", "frames", "size"), row, strict=True))
                for row in connection.execute(
                    "SELECT uid, modality, instance_count, frame_count, size FROM series"
                    f" ORDER BY size DESC, id LIMIT {_LARGEST}"
                )
            ],
            "study_dates": _range(
                connection, "SELECT min(date), max(date) FROM study WHERE date <> ''"
            ),
            "added": _range(connection, "SELECT min(added), max(added) FROM series"),
        }
    return found


def _one(connection: sqlite3.Connection, sql: str) -> int:
    return int(connection.execute(sql).fetchone()[0])


def _size_of(index: Path | None) -> int:
    if index is None:
        return 0
    try:
        return os.stat(f"{index}-wal").st_size
    except OSError:
        return 0


def _modalities(connection: sqlite3.Connection) -> dict[str, dict[str, int]]:
    return {
        modality: {"series": series, "instances": instances, "frames": frames, "size": size}
        for modality, series, instances, frames, size in connection.execute(
            "SELECT modality, count(*), sum(instance_count), sum(frame_count), sum(size)"
            " FROM series GROUP BY modality ORDER BY 5 DESC, 1"
        )
    }


def _files(connection: sqlite3.Connection) -> dict[str, dict[str, int]]:
    return {
        storage: {"files": files, "size": size}
        for storage, files, size in connection.execute(
            "SELECT storage, count(*), sum(size) FROM file GROUP BY storage ORDER BY storage"
        )
    }


def _thumbnails(connection: sqlite3.Connection, root: Path) -> dict[str, int]:
    made, failed = connection.execute(
        "SELECT count(name), count(*) FILTER (WHERE reason IS NOT NULL) FROM thumbnail"
    ).fetchone()
    size = 0
    folder = root / "thumbnails"
    if folder.is_dir():
        with os.scandir(folder) as entries:
            size = sum(entry.stat().st_size for entry in entries if entry.is_file())
    return {"made": made, "failed": failed, "size": size}


def _range(connection: sqlite3.Connection, sql: str) -> list[Any] | None:
    first, last = connection.execute(sql).fetchone()
    return None if first is None else [first, last]
