"""Layers of a series that is not imported: never waited for, painted again as frames arrive."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom.streamed import source_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_dicomdb.loading.volume import Volume

__all__ = ["follow_stream", "stream_of"]

_MILLISECONDS = 60  # between two paintings while frames arrive


def stream_of(volume: Volume) -> Any:
    """Return the stream that gets the frames of a volume; None when it is in files."""
    frames = getattr(getattr(volume.array, "frames", None), "frames", None)
    instances = getattr(frames, "instances", ())
    source = source_of(instances[0].path) if instances else None
    return getattr(source, "stream", None)


def follow_stream(viewer: Any, volume: Volume, layers: Sequence[Any]) -> None:
    """Let the window not wait for the frames of `volume`, but paint them when they are here.

    Does nothing for a volume that is in files.

    Parameters
    ----------
    viewer : napari viewer
    volume : Volume
    layers : sequence of napari layers
        What shows it.
    """
    stream = stream_of(volume)
    if stream is None or not layers:
        return
    stream.on_arrived.append(_painter(viewer, layers, stream))
    stream.always_waits = False


def _painter(viewer: Any, layers: Sequence[Any], stream: Any) -> Callable[[], None]:
    from qtpy.QtCore import QTimer
    from superqt.utils import ensure_main_thread

    shown = [weakref.ref(layer) for layer in layers]
    where = weakref.ref(viewer)
    of_stream = weakref.ref(stream)
    is_due = False

    def paint() -> None:
        nonlocal is_due
        is_due = False
        there = where()
        left = [layer for ref in shown if (layer := ref()) is not None]
        if there is None or not any(layer in there.layers for layer in left):
            if (gone := of_stream()) is not None and tell in gone.on_arrived:
                gone.on_arrived.remove(tell)
            return
        for layer in left:
            if layer.visible:
                layer.refresh()

    @ensure_main_thread  # type: ignore[untyped-decorator, unused-ignore]
    def paint_soon() -> None:
        nonlocal is_due
        if not is_due:
            is_due = True
            QTimer.singleShot(_MILLISECONDS, paint)

    def tell() -> None:
        paint_soon()

    return tell
