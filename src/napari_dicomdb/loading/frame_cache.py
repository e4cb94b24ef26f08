"""Decoded frames kept within a number of bytes, read once for all who ask at a time."""

from __future__ import annotations

from collections import OrderedDict, deque
from concurrent.futures import Future
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["FrameCache"]


class FrameCache:
    """Frames read of late, by any lazy array; the least recently used go first.

    Parameters
    ----------
    limit : int
        Bytes that all frames together may take.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held: OrderedDict[tuple[int, int], NDArray[Any]] = OrderedDict()
        self._coming: dict[tuple[int, int], Future[NDArray[Any]]] = {}
        self._bytes = 0
        self._lock = Lock()
        self._unwanted: deque[int] = deque()  # owners whose frames are to go

    @property
    def nbytes(self) -> int:
        """Bytes held now."""
        return self._bytes

    def __contains__(self, key: tuple[int, int]) -> bool:
        """Whether the frame of `key` is held now."""
        return key in self._held

    def get(self, key: tuple[int, int], read: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Return the frame of `key`; when absent ``read()`` it, once for all who wait."""
        self._drop_unwanted()
        with self._lock:
            frame = self._held.get(key)
            if frame is not None:
                self._held.move_to_end(key)
                return frame
            coming = self._coming.get(key)
            mine = coming is None
            if coming is None:
                coming = self._coming[key] = Future()
        if not mine:
            return coming.result()
        try:
            frame = read()
        except BaseException as error:
            with self._lock:
                del self._coming[key]
            coming.set_exception(error)
            raise
        frame.flags.writeable = False
        with self._lock:
            del self._coming[key]
            self._held[key] = frame
            self._bytes += frame.nbytes
            while self._bytes > self.limit and self._held:
                _, old = self._held.popitem(last=False)
                self._bytes -= old.nbytes
        coming.set_result(frame)
        self._drop_unwanted()
        return frame

    def forget(self, owner: int) -> None:
        """Drop the frames of one array: now, or after what another call is doing.

        Never waits: the garbage collector calls this at any moment, also in the
        middle of `get` in the same thread.
        """
        self._unwanted.append(owner)
        self._drop_unwanted()

    def _drop_unwanted(self) -> None:
        while self._unwanted and self._lock.acquire(blocking=False):
            try:
                gone = set()
                while self._unwanted:
                    gone.add(self._unwanted.popleft())
                for key in [key for key in self._held if key[0] in gone]:
                    self._bytes -= self._held.pop(key).nbytes
            finally:
                self._lock.release()
