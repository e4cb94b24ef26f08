"""Small pictures of series, made in the background, those last asked for first."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtGui import QImage, QPixmap

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dicomdb.widgets._tasks import TaskRunner

__all__ = ["ThumbnailCache"]

_KEPT = 1000  # pictures
_SIDE = 96  # pixels; twice the row's, for screens of high density


class ThumbnailCache(QObject):
    """Pictures by series UID.

    Parameters
    ----------
    runner : TaskRunner
        Where pictures are made.
    make : callable, optional
        Given a series UID returns the bytes of a picture file, or None when
        the series has no picture; called on a worker thread.
    """

    ready = Signal(str)

    def __init__(
        self,
        runner: TaskRunner,
        make: Callable[[str], Any] | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._runner = runner
        self._make = make
        self._pictures: OrderedDict[str, QPixmap | None] = OrderedDict()
        self._wanted: OrderedDict[str, None] = OrderedDict()
        self._is_working = False
        self._generation = 0

    def reset(self, make: Callable[[str], Any] | None) -> None:
        """Forget all pictures and make new ones with `make`."""
        self._generation += 1
        self._make = make
        self._pictures.clear()
        self._wanted.clear()

    def forget(self, series_uids: list[str] | tuple[str, ...]) -> None:
        """Forget the pictures of series that changed."""
        for uid in series_uids:
            self._pictures.pop(uid, None)

    def picture(self, series_uid: str) -> QPixmap | None:
        """Return the picture, or None and see to it that `ready` comes later."""
        if series_uid in self._pictures:
            self._pictures.move_to_end(series_uid)
            return self._pictures[series_uid]
        if self._make is not None:
            self._wanted[series_uid] = None
            self._wanted.move_to_end(series_uid)
            self._work()
        return None

    def _work(self) -> None:
        if self._is_working or not self._wanted or self._make is None:
            return
        uid, _ = self._wanted.popitem()
        self._is_working = True
        generation, make = self._generation, self._make

        def paint() -> QImage | None:
            return as_image(make(uid))

        self._runner.submit(
            paint,
            returned=lambda image: self._keep(generation, uid, image),
            # A series without a picture shows the placeholder; the reason
            # appears when it is examined.
            failed=lambda _error: self._keep(generation, uid, None),
            finished=self._next,
        )

    def _keep(self, generation: int, uid: str, image: QImage | None) -> None:
        if generation != self._generation:
            return
        self._pictures[uid] = None if image is None else QPixmap.fromImage(image)
        while len(self._pictures) > _KEPT:
            self._pictures.popitem(last=False)
        if image is not None:
            self.ready.emit(uid)

    def _next(self) -> None:
        self._is_working = False
        self._work()


def as_image(source: Any) -> QImage | None:
    """Return a picture file's bytes, or its path, as an image of thumbnail size."""
    if source is None:
        return None
    image = QImage.fromData(source) if isinstance(source, bytes) else QImage(str(source))
    if image.isNull():
        return None
    return image.scaled(
        _SIDE,
        _SIDE,
        Qt.AspectRatioMode.KeepAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
