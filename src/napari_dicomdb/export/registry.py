"""Which exporters there are: found by entry points, mirror of `loading.registry`.

An exporter of a third party that cannot be imported, or fails while it examines,
never takes the others down: `failures` says what happened.
"""

from __future__ import annotations

import inspect
import logging
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from threading import Lock
from typing import TYPE_CHECKING, Any

from napari_dicomdb.errors import DicomDbError, ExportError
from napari_dicomdb.export.exporter import Exporter

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from napari_dicomdb.export.exporter import Exportable
    from napari_dicomdb.export.source import ExportSource

__all__ = [
    "EXPORTERS_GROUP",
    "ExporterFailure",
    "examine_for_export",
    "exporter_named",
    "exporters",
    "failures",
    "record_failure",
    "register",
    "reload",
    "unregister",
]

EXPORTERS_GROUP = "napari_dicomdb.exporters"

_log = logging.getLogger(__name__)
_lock = Lock()
_registered: dict[str, Exporter] = {}
_failures: dict[str, ExporterFailure] = {}


@dataclass(frozen=True, slots=True)
class ExporterFailure:
    """An exporter that could not be used.

    Parameters
    ----------
    name : str
        Name of its entry point, or of the exporter.
    text : str
        What happened, for a person.
    """

    name: str
    text: str


def examine_for_export(source: ExportSource) -> list[Exportable]:
    """Return the ways to write `source`, best first; those that cannot be are last.

    What an exporter raises is recorded in `failures`; the others are asked all the same.
    """
    found: list[Exportable] = []
    for exporter in exporters():
        # Anybody's code, which may raise anything.
        try:
            found += exporter.examine(source)
        except DicomDbError as error:
            if error.reason == "cancelled":
                raise
            record_failure(exporter.name, error)
        except Exception as error:
            record_failure(exporter.name, error)
    return sorted(found, key=lambda one: (bool(one.refusal), -one.confidence))


def exporters() -> tuple[Exporter, ...]:
    """Return all usable exporters: registered ones first, then entry points by name."""
    found = dict(_registered)
    for name, exporter in _from_entry_points().items():
        found.setdefault(name, exporter)
    return tuple(found.values())


def exporter_named(name: str) -> Exporter:
    """Return the exporter called `name`.

    Raises
    ------
    ExportError
        If there is none, or it cannot be used.
    """
    for exporter in exporters():
        if exporter.name == name:
            return exporter
    why = f": {_failures[name].text}" if name in _failures else ": is its package installed?"
    raise ExportError(f"there is no exporter {name!r}{why}", reason="no-exporter")


def register(exporter: Exporter) -> None:
    """Add an exporter for this process; one of the same name is replaced."""
    with _lock:
        _registered[exporter.name] = exporter
        _failures.pop(exporter.name, None)


def unregister(name: str) -> None:
    """Take an exporter added by `register` away again; the entry points stay."""
    with _lock:
        _registered.pop(name, None)


def failures() -> tuple[ExporterFailure, ...]:
    """Return what could not be used since the last `reload`, and why."""
    exporters()
    return tuple(_failures.values())


def record_failure(name: str, error: BaseException) -> ExporterFailure:
    """Remember that exporter `name` raised `error`."""
    failure = ExporterFailure(name, f"{type(error).__name__}: {error}")
    with _lock:
        _failures[name] = failure
    _log.warning("exporter %s failed: %s", name, type(error).__name__)
    _log.debug("exporter %s failed", name, exc_info=error)
    return failure


def reload() -> None:
    """Look for entry points anew and forget failures."""
    with _lock:
        _failures.clear()
    _from_entry_points.cache_clear()


@cache
def _from_entry_points() -> dict[str, Exporter]:
    found: dict[str, Exporter] = {}
    for point in sorted(entry_points(group=EXPORTERS_GROUP), key=lambda p: p.name):
        exporter = _usable(point)
        if exporter is not None:
            found.setdefault(exporter.name, exporter)
    return found


def _usable(point: EntryPoint) -> Exporter | None:
    # The code behind an entry point is anybody's and may raise anything.
    try:
        thing: Any = point.load()
        exporter = thing() if inspect.isclass(thing) else thing
    except Exception as error:
        record_failure(point.name, error)
        return None
    if not isinstance(exporter, Exporter):
        lacking = [a for a in ("name", "version", "examine", "write") if not hasattr(exporter, a)]
        record_failure(point.name, TypeError(f"{point.value} has no {', '.join(lacking)}"))
        return None
    return exporter
