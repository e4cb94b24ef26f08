"""Checks that a file still is what the index says, and corrects the index when not."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database import counts
from napari_dicomdb.database.known import path_of
from napari_dicomdb.database.rows import INSTANCE_COLUMNS, encode_json, instance_row
from napari_dicomdb.dicom.header import scan_file
from napari_dicomdb.dicom.keywords import SCAN_VERSION
from napari_dicomdb.errors import DicomDbError, LoadError

if TYPE_CHECKING:
    from pathlib import Path

    from napari_dicomdb.database.connection import Connections
    from napari_dicomdb.database.records import InstanceRecord

__all__ = ["refreshed"]


def refreshed(connections: Connections, root: Path, record: InstanceRecord) -> InstanceRecord:
    """Return `record` as its file is now; see `Database.refresh_instance`."""
    try:
        status = os.stat(record.path)
    except FileNotFoundError:
        return _from_other_copy(connections, root, record)
    if (status.st_size, status.st_mtime_ns) == (record.file_size, record.file_mtime_ns):
        return record
    try:
        header = scan_file(record.path, status.st_size)
    except DicomDbError as error:
        raise LoadError(
            f"{record.path} has changed since it was imported and cannot be read any more "
            f"({error}): import it again",
            reason=error.reason,
        ) from error
    uid = header.values.get("SOPInstanceUID")
    if uid != record.uid:
        raise LoadError(
            f"{record.path} holds another object now (SOPInstanceUID {uid}, expected "
            f"{record.uid}): import it again",
            reason="other-object",
        )
    # All kept values go into the overrides; what the series has beyond, is absent here.
    values = {k: v for k, v in header.values.items() if k != "SOPInstanceUID"}
    absent = dict.fromkeys(json.loads(record.defaults_json).keys() - values.keys())
    row = instance_row(header, encode_json({**values, **absent}))
    frames = header.frames.to_bytes() if header.frames is not None else None
    if not connections.read_only:
        _correct(connections, record, row, frames, status)
    return replace(
        record,
        file_size=status.st_size,
        file_mtime_ns=status.st_mtime_ns,
        frames_json=frames,
        **_as_fields(row),
    )


def _correct(
    connections: Connections,
    record: InstanceRecord,
    row: tuple[Any, ...],
    frames: bytes | None,
    status: os.stat_result,
) -> None:
    with connections.transaction() as connection:
        connection.execute(
            f"UPDATE instance SET {', '.join(f'{c} = ?' for c in INSTANCE_COLUMNS)} WHERE id = ?"
            " AND uid = ?",  # the row may be another instance's by now
            (*row, record.key, record.uid),
        )
        connection.execute("DELETE FROM frames WHERE instance = ?", (record.key,))
        if frames is not None:
            connection.execute(
                "INSERT INTO frames (instance, data) VALUES (?, ?)", (record.key, frames)
            )
        connection.execute(
            f"UPDATE file SET size = ?, mtime_ns = ?, scan_version = {SCAN_VERSION}"
            " WHERE id = (SELECT file FROM instance WHERE id = ?)",
            (status.st_size, status.st_mtime_ns, record.key),
        )
        counts.recount_series(connection, [record.series_key])


def _as_fields(row: tuple[Any, ...]) -> dict[str, Any]:
    """Fields of an `InstanceRecord` from the columns `INSTANCE_COLUMNS`."""
    columns = dict(zip(INSTANCE_COLUMNS, row, strict=True))
    fields = {k: v for k, v in columns.items() if not k.endswith(("_x", "_y", "_z"))}
    place = INSTANCE_COLUMNS.index("position_x")
    position, orientation, spacing = row[place : place + 3], row[place + 3 : place + 9], row[-3:-1]
    del fields["spacing_rows"], fields["spacing_columns"]
    fields["overrides_json"] = fields.pop("overrides")
    fields["position"] = position if position[0] is not None else None
    fields["orientation"] = orientation if orientation[0] is not None else None
    fields["pixel_spacing"] = spacing if spacing[0] is not None else None
    return fields


def _from_other_copy(
    connections: Connections, root: Path, record: InstanceRecord
) -> InstanceRecord:
    """Use an identical file that the index knows, where the first one is gone."""
    with connections.borrow() as connection:
        others = connection.execute(
            "SELECT file.id, path, name, size, mtime_ns, storage FROM alternate"
            " JOIN file ON file.id = alternate.file JOIN directory ON directory.id = directory"
            " WHERE instance = ? AND identical ORDER BY file.id",
            (record.key,),
        ).fetchall()
    for file, directory, name, size, mtime_ns, storage in others:
        path = path_of(root, directory, name)
        if not path.is_file():
            continue
        if not connections.read_only:
            with connections.transaction() as connection:
                connection.execute("DELETE FROM alternate WHERE file = ?", (file,))
                connection.execute(
                    "UPDATE file SET storage = 'linked' WHERE id = ? AND storage = 'source'",
                    (file,),
                )
                (gone,) = connection.execute(
                    "SELECT file FROM instance WHERE id = ?", (record.key,)
                ).fetchone()
                connection.execute("UPDATE instance SET file = ? WHERE id = ?", (file, record.key))
                connection.execute("DELETE FROM file WHERE id = ?", (gone,))
        kept = "copied" if storage == "copied" else "linked"
        other = replace(record, path=path, file_size=size, file_mtime_ns=mtime_ns, storage=kept)
        return refreshed(connections, root, other)
    raise LoadError(
        f"{record.path} is not there any more: bring it back, or import it from where it is now",
        reason="file-missing",
    )
