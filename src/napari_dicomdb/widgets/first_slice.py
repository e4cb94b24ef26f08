"""The first slice of a series that still arrives: shown at once, replaced by the volume."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt, Signal

from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.loading.content import CONTENT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from napari_dicomdb.api import Database
    from napari_dicomdb.loading.volume import Volume
    from napari_dicomdb.widgets._tasks import TaskRunner

__all__ = ["FirstSlice", "FirstSlices"]

_TRIES = 3  # objects of a series that are no image


class FirstSlice:
    """Takes the first images that arrive of one retrieval, until one of them is shown.

    Parameters
    ----------
    take : callable
        Called with a SOPInstanceUID, by the thread that retrieves.
    """

    def __init__(self, take: Callable[[str], None]) -> None:
        self._take = take
        self._lock = threading.Lock()
        self._left = _TRIES
        self.is_done = False

    def arrived(self, uid: str, _path: Path) -> None:
        """Say that an instance is in the index; any thread."""
        with self._lock:
            if self.is_done or self._left == 0:
                return
            self._left -= 1
        self._take(uid)

    def done(self) -> None:
        """Take no more: one is shown, or all is there."""
        with self._lock:
            self.is_done = True


class FirstSlices(QObject):
    """Shows first slices as layers of a viewer, and puts volumes in their place.

    Parameters
    ----------
    viewer : napari viewer or None
    runner : TaskRunner
        Where the slice is read.

    Signals
    -------
    shown : list of layers
    """

    shown = Signal(object)
    _came = Signal(object, object, str)

    def __init__(self, viewer: Any, runner: TaskRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._runner = runner
        self._layers: dict[str, list[Any]] = {}  # by SeriesInstanceUID
        self._came.connect(self._read, Qt.ConnectionType.QueuedConnection)

    def expect(self, database: Database) -> FirstSlice:
        """Return what the retrieval of a series into `database` tells of what arrives."""
        first = FirstSlice(lambda uid: self._came.emit(first, database, uid))
        return first

    def _read(self, first: FirstSlice, database: Database, uid: str) -> None:
        if self._viewer is not None and not first.is_done:
            self._runner.submit(
                _volume_of, database, uid, returned=lambda found: self._show(first, found)
            )

    def _show(self, first: FirstSlice, found: tuple[str, Volume] | None) -> None:
        if found is None or first.is_done:
            return
        from napari_dicomdb.viewer.open import add_volume

        first.done()
        uid, volume = found
        layers = add_volume(self._viewer, volume)
        for layer in layers:
            layer.name = f"{layer.name} (arriving)"
        self._layers.setdefault(uid, []).extend(layers)
        self.shown.emit(layers)

    def replace(self, series_uids: Sequence[str], layers: Sequence[Any]) -> None:
        """Put the layers of a volume where the first slices of its series are."""
        known = self._viewer.layers
        old = [layer for uid in series_uids for layer in self._layers.pop(uid, ())]
        old = [layer for layer in old if layer in known]  # the user may have taken it away
        new = [layer for layer in layers if layer in known]
        if not old or not new:
            return
        place, active = known.index(old[0]), known.selection.active
        for step, layer in enumerate(new):
            layer.visible = layer.visible and old[0].visible
            at = known.index(layer)
            if at != place + step:
                known.move(at, place + step)
        for layer in old:
            known.remove(layer)
        if active in old:
            known.selection.active = new[0]


def _volume_of(database: Database, uid: str) -> tuple[str, Volume] | None:
    """Read one instance; None when it is no image."""
    try:
        instances = database.instances(uid=uid)[:1]
        for loadable in database.examine(instances):
            if loadable.kind != CONTENT:
                return instances[0].series_uid, loadable.load(lazy=False)
    except DicomDbError:
        return None
    return None
