"""Records of DICOM files without a database: scanned by the header scanner."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database.records import InstanceRecord
from napari_dicomdb.database.rows import INSTANCE_COLUMNS, instance_row
from napari_dicomdb.dicom.header import scan_file

if TYPE_CHECKING:
    from collections.abc import Iterable


def record_of(path: str | os.PathLike[str], **changes: Any) -> InstanceRecord:
    """Return the record of one file."""
    path = Path(path)
    header = scan_file(path)
    stat = path.stat()
    values = {k: v for k, v in header.values.items() if k != "SOPInstanceUID"}
    row = dict(zip(INSTANCE_COLUMNS, instance_row(header, ""), strict=True))

    def triple(*names: str) -> Any:
        numbers = tuple(row.pop(name) for name in names)
        return None if None in numbers else numbers

    position = triple("position_x", "position_y", "position_z")
    orientation = triple("row_x", "row_y", "row_z", "column_x", "column_y", "column_z")
    spacing = triple("spacing_rows", "spacing_columns")
    row.pop("overrides")
    fields = {
        **row,
        "key": 0,
        "series_key": 0,
        "series_uid": str(header.values.get("SeriesInstanceUID", "")),
        "path": path,
        "file_size": stat.st_size,
        "file_mtime_ns": stat.st_mtime_ns,
        "storage": "linked",
        "position": position,
        "orientation": orientation,
        "pixel_spacing": spacing,
        "defaults_json": json.dumps(values),
        "frames_json": header.frames.to_bytes() if header.frames is not None else None,
        **changes,
    }
    return InstanceRecord(**fields)


def records_of(paths: Iterable[str | os.PathLike[str]]) -> list[InstanceRecord]:
    """Return the records of several files, sorted by path."""
    return [record_of(path) for path in sorted(map(Path, paths))]


def records_in(folder: Path) -> list[InstanceRecord]:
    """Return the records of all files in a folder."""
    return records_of(p for p in folder.rglob("*") if p.is_file() and p.suffix != ".gz")
