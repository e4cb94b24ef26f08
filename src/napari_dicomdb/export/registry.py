"""Which exporters there are, found by entry points, and which of them can write something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.exporter import Exporter
from napari_dicomdb.plugins import Plugins

if TYPE_CHECKING:
    from napari_dicomdb.export.exporter import Exportable
    from napari_dicomdb.export.source import ExportSource

__all__ = [
    "EXPORTERS_GROUP",
    "attempt",
    "examine_for_export",
    "exporter_named",
    "exporters",
    "failures",
    "register",
    "reload",
    "unregister",
]

EXPORTERS_GROUP = "napari_dicomdb.exporters"

_plugins: Plugins[Exporter] = Plugins(
    EXPORTERS_GROUP, "exporter", Exporter, ("name", "version", "examine", "write"), ExportError
)

exporters = _plugins.all
exporter_named = _plugins.named
register = _plugins.register
unregister = _plugins.unregister
failures = _plugins.failures
attempt = _plugins.attempt
reload = _plugins.reload


def examine_for_export(source: ExportSource) -> list[Exportable]:
    """Return the ways to write `source`, best first; those that cannot be are last.

    What an exporter raises is recorded in `failures`; the others are asked all the same.
    """
    found: list[Exportable] = []
    for exporter in exporters():
        with attempt(exporter.name):
            found += exporter.examine(source)
    return sorted(found, key=lambda one: (bool(one.refusal), -one.confidence))
