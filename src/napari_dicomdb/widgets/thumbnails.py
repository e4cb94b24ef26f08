"""Small pictures of series, made in the background: what is in sight first."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtGui import QImage, QPixmap

from napari_dicomdb.errors import DicomDbError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari_dicomdb.widgets._tasks import TaskRunner

__all__ = ["ThumbnailCache", "as_image"]

_SIDE = 256  # pixels; larger ones are reduced
_KEPT = 2000  # series of which it is known what there is
_KEPT_BYTES = 96 << 20  # of pictures, as the screen needs them
_WANTED = 200  # more than any screen shows; those asked for longest ago are dropped
_LATER = 60.0  # seconds until a failure that nobody expected is looked at again
_WORKERS = 2
_QUIET = "no-image"  # reason of what has nothing to show: its icon says it


@dataclass(frozen=True)
class _Kept:
    """What is known of the picture of a series."""

    pixmap: QPixmap | None
    size: int = 0
    code: str = ""
    reason: str = ""
    note: str = ""
    again: float | None = None


class ThumbnailCache(QObject):
    """Pictures by series UID.

    A picture that is asked for comes before those asked for earlier; a view that
    knows what is in sight tells by `want`, and what scrolled away is dropped.

    Parameters
    ----------
    runner : TaskRunner
        Where pictures are made.
    make : callable, optional
        Given a series UID returns a `database.Thumbnail`, the bytes or the path of
        a picture file, or None when the series has no picture; called on worker
        threads.
    workers : int
        Pictures made at the same time, if the runner has as many threads.
    """

    ready = Signal(str)
    """There is something new to show for a series: a picture, a reason, or neither any more."""

    def __init__(
        self,
        runner: TaskRunner,
        make: Callable[[str], Any] | None = None,
        parent: QObject | None = None,
        *,
        workers: int = _WORKERS,
    ) -> None:
        super().__init__(parent)
        self._runner = runner
        self._make = make
        self._retry: Callable[[list[str]], Any] | None = None
        self._workers = workers
        self._held = False
        self._is_enabled = True
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = 0
        self._wanted: OrderedDict[str, None] = OrderedDict()
        self._followed: frozenset[str] = frozenset()
        self._making: set[str] = set()
        self._generation = 0

    @property
    def is_enabled(self) -> bool:
        """Whether pictures are shown and made; turning it off or on tells by `ready`."""
        return self._is_enabled

    @is_enabled.setter
    def is_enabled(self, enabled: bool) -> None:
        if enabled == self._is_enabled:
            return
        self._is_enabled = enabled
        self._wanted.clear()
        for uid in list(self._kept):
            self.ready.emit(uid)

    def reset(
        self,
        make: Callable[[str], Any] | None,
        retry: Callable[[list[str]], Any] | None = None,
    ) -> None:
        """Forget all pictures and make new ones with `make`.

        Parameters
        ----------
        make : callable or None
            As for the class.
        retry : callable, optional
            Makes a database forget that pictures of these series could not be made.
        """
        self._generation += 1
        self._make, self._retry = make, retry
        self._kept.clear()
        self._bytes = 0
        self._wanted.clear()
        self._followed = frozenset()
        self._making.clear()

    def forget(self, series_uids: Iterable[str]) -> None:
        """Forget the pictures of series that changed; who shows them asks again."""
        known = [uid for uid in series_uids if uid in self._kept]
        for uid in known:
            self._drop(uid)
        for uid in known:
            self.ready.emit(uid)

    def refresh(self) -> None:
        """Forget all pictures: others may be drawn on what came or went with a series."""
        self.forget(list(self._kept))

    def retry(self, series_uids: Iterable[str]) -> None:
        """Try again to make pictures that could not be made."""
        uids = [uid for uid in series_uids if self._code(uid)]
        for uid in uids:
            self._drop(uid)
        if not uids or self._retry is None:
            self._again(uids)
            return
        # Also when it fails (another process writes): what is in memory is asked anew.
        self._runner.submit(self._retry, uids, finished=lambda: self._again(uids))

    def _again(self, uids: list[str]) -> None:
        for uid in uids:
            self.picture(uid)

    def picture(self, series_uid: str) -> QPixmap | None:
        """Return the picture, or None and see to it that `ready` comes later."""
        if not self.is_enabled:
            return None
        kept = self._kept.get(series_uid)
        if kept is not None:
            self._kept.move_to_end(series_uid)
            if kept.again is None or time.time() < kept.again:
                return kept.pixmap
        if self._make is not None and series_uid not in self._making:
            self._wanted[series_uid] = None
            self._wanted.move_to_end(series_uid)
            while len(self._wanted) > _WANTED:
                self._wanted.popitem(last=False)
            self._work()
        return None if kept is None else kept.pixmap

    def want(self, visible: Iterable[str], near: Iterable[str] = ()) -> None:
        """Say which series are in sight: their pictures come first, from the top.

        Parameters
        ----------
        visible : iterable of str
            UIDs of series in sight, in the order in which they are seen.
        near : iterable of str
            Those that come into sight next: made when nothing else is to do.
        """
        visible, near = list(visible), list(near)
        followed = frozenset(visible) | frozenset(near)
        for uid in self._followed - followed:
            self._wanted.pop(uid, None)
        self._followed = followed
        if self._make is None or not self.is_enabled:
            return
        for uid in near:
            if self._is_missing(uid) and uid not in self._wanted:
                self._wanted[uid] = None
                self._wanted.move_to_end(uid, last=False)
        for uid in reversed(visible):  # the last one is taken first
            if self._is_missing(uid):
                self._wanted[uid] = None
                self._wanted.move_to_end(uid)
        self._work()

    def reason(self, series_uid: str) -> str:
        """Return why there is no picture; "" while there is one, or none to be expected."""
        kept = self._kept.get(series_uid)
        if kept is None or kept.pixmap is not None or kept.code in ("", _QUIET):
            return ""
        return kept.reason or kept.code

    def tip(self, series_uid: str) -> str:
        """Return a line for a tool tip: no picture, or what is amiss with it; or ""."""
        reason = self.reason(series_uid)
        if reason:
            return f"No picture: {reason}"
        kept = self._kept.get(series_uid)
        if kept is None or kept.pixmap is None:
            return ""
        if kept.code:
            return f"The picture may be out of date: {kept.reason}"
        return f"Picture: {kept.note}" if kept.note else ""

    def can_retry(self, series_uid: str) -> bool:
        """Return whether making the picture has failed, so that `retry` makes sense."""
        return self._code(series_uid) not in ("", _QUIET)

    def hold(self, held: bool) -> None:
        """Make one picture at a time while something more urgent is read."""
        self._held = held
        self._work()

    def _code(self, uid: str) -> str:
        kept = self._kept.get(uid)
        return "" if kept is None else kept.code

    def _is_missing(self, uid: str) -> bool:
        if uid in self._making:
            return False
        kept = self._kept.get(uid)
        return kept is None or (kept.again is not None and time.time() >= kept.again)

    def _work(self) -> None:
        while self._wanted and self._make is not None:
            if len(self._making) >= (1 if self._held else self._workers):
                return
            uid, _ = self._wanted.popitem()
            self._making.add(uid)
            self._start(uid, self._make, self._generation)

    def _start(self, uid: str, make: Callable[[str], Any], generation: int) -> None:
        def failed(error: Exception) -> None:
            code = error.reason if isinstance(error, DicomDbError) else "error"
            kept = _Kept(None, code=code, reason=str(error), again=time.time() + _LATER)
            self._keep(generation, uid, kept, None)

        self._runner.submit(
            lambda: _answer(make(uid)),
            returned=lambda answer: self._keep(generation, uid, *answer),
            failed=failed,
            finished=lambda: self._next(generation, uid),
        )

    def _keep(self, generation: int, uid: str, kept: _Kept, image: QImage | None) -> None:
        if generation != self._generation:
            return
        self._drop(uid)
        if image is not None:
            pixmap = QPixmap.fromImage(image)
            size = image.width() * image.height() * 4
            kept = _Kept(pixmap, size, kept.code, kept.reason, kept.note, kept.again)
        self._kept[uid] = kept
        self._bytes += kept.size
        while len(self._kept) > _KEPT or (self._bytes > _KEPT_BYTES and len(self._kept) > 1):
            self._drop(next(iter(self._kept)))
        if kept.pixmap is not None or kept.code:
            self.ready.emit(uid)

    def _drop(self, uid: str) -> None:
        kept = self._kept.pop(uid, None)
        if kept is not None:
            self._bytes -= kept.size

    def _next(self, generation: int, uid: str) -> None:
        if generation == self._generation:
            self._making.discard(uid)
        self._work()


def _answer(made: Any) -> tuple[_Kept, QImage | None]:
    """Return what a maker said and the picture as the screen needs it; on the worker."""
    png = getattr(made, "png", made)
    image = as_image(png)
    if not hasattr(made, "reason"):
        code = "" if image is not None or made is None else "unreadable"
        return _Kept(None, code=code, reason="the picture cannot be read" if code else ""), image
    return _Kept(None, code=made.reason, reason=made.text, note=made.note, again=made.again), image


def as_image(source: Any) -> QImage | None:
    """Return a picture file's bytes, or its path, as an image of thumbnail size."""
    if source is None:
        return None
    image = QImage.fromData(source) if isinstance(source, bytes) else QImage(str(source))
    if image.isNull():
        return None
    if max(image.width(), image.height()) > _SIDE:
        image = image.scaled(
            _SIDE,
            _SIDE,
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
    # What a pixmap is made of: converting it would take the time of the GUI thread.
    return image.convertToFormat(QImage.Format.Format_RGB32)
