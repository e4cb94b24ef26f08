"""What is done once, with the first layer and the first export, done beforehand on a thread.

napari's first layer imports xarray with pandas and scipy's image functions, and makes the
registry of units: most of a second in which the window would stand still. What writes DICOM
is half of what the Export dock takes to open.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_dicomdb.widgets._tasks import Task, TaskRunner

__all__ = ["WARMED", "prepare", "use_registry", "warm_up"]

#: Modules that the first layer needs, then the Export dock; napari itself goes without those
#: that are not there.
WARMED = (
    "napari_dicomdb.viewer.open", "scipy.ndimage", "scipy.special", "xarray",
    "napari_dicomdb.export.results", "napari_dicomdb.export.exporters.scene",
    "napari_dicomdb.export.scenes.captured", "napari_dicomdb.export.segments.segment_meanings",
    "napari_dicomdb.export.media", "napari_dicomdb.database.private_folders",
    "napari_dicomdb.viewer.picture",
    "napari_dicomdb.viewer.scene", "napari_dicomdb.viewer.writer",
)  # fmt: skip
_log = logging.getLogger(__name__)
_begun: list[bool] = []  # once per process


def warm_up(runner: TaskRunner) -> Task | None:
    """Get ready for the first layer; None when that was begun before."""
    if _begun:
        return None
    _begun.append(True)
    return runner.submit(
        prepare,
        pass_progress=True,
        returned=use_registry,
        failed=lambda error: _log.warning("not ready for the first layer: %s", error),
        cancelled=_begun.clear,
    )


def prepare(*, progress: Any) -> Any:
    """Import what is needed, and return a registry of units; any thread."""
    for done, name in enumerate(WARMED):
        progress(done, len(WARMED) + 1, "Getting ready")
        try:
            importlib.import_module(name)
        except ImportError:
            _log.debug("%s is not installed", name)
    progress(len(WARMED), len(WARMED) + 1, "Getting ready")
    registry = importlib.import_module("pint").UnitRegistry(on_redefinition="raise")
    _ = registry.pixel, registry.millimeter
    return registry


def use_registry(registry: Any) -> None:
    """Let napari use it; not when one is in use. On the GUI thread, where units are made."""
    pint = importlib.import_module("pint")  # napari's own, not a dependency of ours
    if type(pint.get_application_registry().get()) is pint.registry.LazyRegistry:
        pint.set_application_registry(registry)
