"""The first slice of a series that still arrives: shown at once, replaced by the volume."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt, Signal

from napari_dicomdb.errors import DicomDbError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.loading.volume import Volume
    from napari_dicomdb.widgets._tasks import TaskRunner

__all__ = ["FirstSlice", "FirstSlices"]

_TRIES = 3  # objects of a series that are no image


class FirstSlice:
    """Takes the first image that arrives of one retrieval; `arrived` is called by its thread.

    The file is moved into the database a moment later: a second name keeps it in reach.

    Parameters
    ----------
    take : callable
        Called with the path of a file that the taker removes.
    """

    def __init__(self, take: Any) -> None:
        self._take = take
        self._lock = threading.Lock()
        self._left = _TRIES
        self._is_done = False

    def arrived(self, uid: str, path: Path) -> None:
        """Keep the file of an instance that has arrived, if none was shown yet."""
        with self._lock:
            if self._is_done or self._left == 0:
                return
            self._left -= 1
        kept = _kept(path)
        if kept is not None:
            self._take(kept)

    def done(self) -> None:
        """Take no more: one is shown, or all is there."""
        with self._lock:
            self._is_done = True


class FirstSlices(QObject):
    """Shows first slices as layers of a viewer, and puts volumes in their place.

    Parameters
    ----------
    viewer : napari viewer or None
    runner : TaskRunner
        Where the slice is read.
    """

    shown = Signal(object)  # layer
    _came = Signal(object, object)

    def __init__(self, viewer: Any, runner: TaskRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._runner = runner
        self._layers: dict[str, list[Any]] = {}  # by SeriesInstanceUID
        self._came.connect(self._read, Qt.ConnectionType.QueuedConnection)

    def expect(self) -> FirstSlice:
        """Return what the retrieval of one series tells of what arrives."""
        first = FirstSlice(lambda path: self._came.emit(first, path))
        return first

    def _read(self, first: FirstSlice, path: Path) -> None:
        if self._viewer is None:
            _remove(path)
            return
        self._runner.submit(
            _volume_of,
            path,
            returned=lambda found: self._show(first, found),
            failed=lambda _: None,  # no image; the next that comes may be one
        )

    def _show(self, first: FirstSlice, found: tuple[str, Volume] | None) -> None:
        if found is None or first._is_done:
            return
        from napari_dicomdb.viewer.open import add_volume

        first.done()
        uid, volume = found
        layers = add_volume(self._viewer, volume)
        for layer in layers:
            layer.name = f"{layer.name} (arriving)"
        self._layers.setdefault(uid, []).extend(layers)
        for layer in layers:
            self.shown.emit(layer)

    def replace(self, series_uids: Sequence[str], layers: Sequence[Any]) -> None:
        """Put the layers of a volume where the first slices of its series are."""
        known = self._viewer.layers if self._viewer is not None else ()
        for uid in series_uids:
            for old in self._layers.pop(uid, ()):
                if old not in known:
                    continue  # the user took it away
                place = known.index(old)
                new = [layer for layer in layers if layer in known]
                for step, layer in enumerate(new):
                    layer.visible = layer.visible and old.visible
                    at = known.index(layer)
                    if at != place + step:
                        known.move(at, place + step)
                known.remove(old)

    def forget(self) -> None:
        """Leave what is shown as it is."""
        self._layers.clear()


def _kept(path: Path) -> Path | None:
    """Give a file a second name in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="dicomdb-first-"))
    target = folder / "slice.dcm"
    try:
        try:
            os.link(path, target)
        except OSError:  # another disk, or one that knows no links
            shutil.copyfile(path, target)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        return None
    return target


def _remove(path: Path) -> None:
    shutil.rmtree(path.parent, ignore_errors=True)


def _volume_of(path: Path) -> tuple[str, Volume] | None:
    """Read one file; None when it is no image."""
    from napari_dicomdb.loading.content import CONTENT
    from napari_dicomdb.viewer.direct import default_loadables

    try:
        for loadable in default_loadables([path]):
            if loadable.kind != CONTENT and loadable.instances:
                return loadable.instances[0].series_uid, loadable.load(lazy=False)
        return None
    except DicomDbError:
        return None
    finally:
        _remove(path)
