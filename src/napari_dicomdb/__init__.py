"""DICOM database, browser and loaders for napari.

The names below are imported when they are first used: importing the package
itself brings in neither Qt, napari, numpy nor pydicom, so that the workers of
an import start at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_dicomdb.api import Database, examine
    from napari_dicomdb.database import ImportReport, search_several
    from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
    from napari_dicomdb.errors import (
        Cancelled,
        ClusterError,
        DatabaseBusyError,
        DatabaseError,
        DatabaseVersionError,
        DicomDbError,
        ExportError,
        GeometryError,
        HeaderError,
        LoadError,
        MissingDecoderError,
        MissingLibraryError,
        NetworkError,
        NodeError,
        NotDicomError,
        NotFoundError,
        PixelError,
        QueryError,
    )
    from napari_dicomdb.loading.loadable import Loadable
    from napari_dicomdb.loading.volume import Volume, VolumeGeometry
    from napari_dicomdb.viewer.storing import store_result

__version__ = "0.1.0"

__all__ = [
    "Cancelled",
    "ClusterError",
    "Database",
    "DatabaseBusyError",
    "DatabaseError",
    "DatabaseVersionError",
    "DicomDbError",
    "ExportError",
    "Finding",
    "FindingCode",
    "GeometryError",
    "HeaderError",
    "ImportReport",
    "LoadError",
    "Loadable",
    "MissingDecoderError",
    "MissingLibraryError",
    "NetworkError",
    "NodeError",
    "NotDicomError",
    "NotFoundError",
    "PixelError",
    "QueryError",
    "Severity",
    "Volume",
    "VolumeGeometry",
    "__version__",
    "examine",
    "search_several",
    "store_result",
]

_HOME_OF = {
    "Database": "api",
    "Finding": "dicom.findings",
    "FindingCode": "dicom.findings",
    "ImportReport": "database",
    "Loadable": "loading.loadable",
    "Severity": "dicom.findings",
    "Volume": "loading.volume",
    "VolumeGeometry": "loading.volume",
    "examine": "api",
    "search_several": "database",
    "store_result": "viewer.storing",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # What is not listed is an error class.
    module = import_module(f"{__name__}.{_HOME_OF.get(name, 'errors')}")
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
