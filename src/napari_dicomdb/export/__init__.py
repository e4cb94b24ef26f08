"""Back out of the database: copies of files, and objects written from results.

The names below, imported when they are first used, are what an exporter of another package
needs (docs/exporter-guide.md).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_dicomdb.export.exporter import Exportable, Exporter, Need
    from napari_dicomdb.export.object_file import write_object
    from napari_dicomdb.export.registry import examine_for_export, failures, register
    from napari_dicomdb.export.source import ExportSource, Label
    from napari_dicomdb.export.study import NewSeries, StudyForm, StudyTarget

__all__ = [
    "ExportSource",
    "Exportable",
    "Exporter",
    "Label",
    "Need",
    "NewSeries",
    "StudyForm",
    "StudyTarget",
    "examine_for_export",
    "failures",
    "register",
    "write_object",
]

_HOME_OF = {
    "ExportSource": "source",
    "Exportable": "exporter",
    "Exporter": "exporter",
    "Label": "source",
    "Need": "exporter",
    "NewSeries": "study",
    "StudyForm": "study",
    "StudyTarget": "study",
    "examine_for_export": "registry",
    "failures": "registry",
    "register": "registry",
    "write_object": "object_file",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value
