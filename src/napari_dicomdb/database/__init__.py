"""The index of DICOM files: import, listing, search, removal, thumbnails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_dicomdb.database.activity import ActivityRecord
    from napari_dicomdb.database.database import Database
    from napari_dicomdb.database.records import (
        InstanceRecord,
        PatientRecord,
        SeriesRecord,
        StudyRecord,
    )
    from napari_dicomdb.database.report import ImportReport, RemovalReport
    from napari_dicomdb.database.several import Hit, SeveralResult, search_several
    from napari_dicomdb.database.thumbnails import Thumbnail, ThumbnailReport

__all__ = [
    "ActivityRecord",
    "Database",
    "Hit",
    "ImportReport",
    "InstanceRecord",
    "PatientRecord",
    "RemovalReport",
    "SeriesRecord",
    "SeveralResult",
    "StudyRecord",
    "Thumbnail",
    "ThumbnailReport",
    "search_several",
]

_HOME = {
    "ActivityRecord": "activity",
    "Database": "database",
    "Hit": "several",
    "SeveralResult": "several",
    "search_several": "several",
    "ImportReport": "report",
    "RemovalReport": "report",
    "InstanceRecord": "records",
    "PatientRecord": "records",
    "SeriesRecord": "records",
    "StudyRecord": "records",
    "Thumbnail": "thumbnails",
    "ThumbnailReport": "thumbnails",
}


def __getattr__(name: str) -> Any:
    # Scan workers import this package for `scanning` alone and start faster so.
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
