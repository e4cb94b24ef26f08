"""Arrays that read frames when they are looked at, and remember what was read.

What napari asks of a layer's data (`reference/napari.md` A.7): shape, dtype,
ndim, size, `__getitem__` from any thread, `__array__`. A request across all frames,
such as a coronal plane, reads them in threads, so that the next one is served from
memory; the memory of all lazy arrays together is bounded.
"""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.streamed import COMING, may_wait, waiting_allowed
from napari_dicomdb.errors import LoadError, PixelError
from napari_dicomdb.loading.array_shape import ArrayShape
from napari_dicomdb.loading.frame_cache import FrameCache
from napari_dicomdb.loading.reading import note_failure, note_success, thread_count

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from napari_dicomdb.dicom.findings import Finding
    from napari_dicomdb.loading.reading import Frames

__all__ = ["FrameCache", "LazyArray", "frame_cache"]

_log = logging.getLogger(__name__)
_SMALLEST, _LARGEST = 256 << 20, 4 << 30
_key = count()


def _budget() -> int:
    """Return a quarter of the memory of the machine, within bounds."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # no sysconf: Windows
        return 4 * _SMALLEST
    return min(max(memory // 4, _SMALLEST), _LARGEST)


def _kind(error: Exception) -> str:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None)
    return str(reason or type(error).__name__)


_cache: FrameCache | None = None


def frame_cache() -> FrameCache:
    """Return the cache that all lazy arrays share; its `limit` may be changed."""
    global _cache
    if _cache is None:
        _cache = FrameCache(_budget())
    return _cache


class LazyArray(ArrayShape):
    """Frames as an array that is read where it is indexed.

    Parameters
    ----------
    frames : Frames
        What reads one frame.
    index : (...) array_like of int, optional
        Which frame is where along the leading axes; -1 where there is none
        (`frames.fill` stands there). By default one axis, frame by frame.
    cache : FrameCache, optional
        Where read frames are kept; by default the one that all share.

    Notes
    -----
    A frame that cannot be read is shown as `frames.fill` and told in
    `findings`: an error raised at every paint would help nobody. `probe` is
    there to find out beforehand whether anything can be read at all.
    """

    def __init__(
        self,
        frames: Frames,
        index: ArrayLike | None = None,
        *,
        cache: FrameCache | None = None,
    ) -> None:
        self.frames = frames
        self._index = np.asarray(np.arange(len(frames)) if index is None else index)
        self._cache = cache or frame_cache()
        self._owner = next(_key)
        self._away: set[int] = set()  # frames that a server did not give
        self.dtype = frames.dtype
        self.shape: tuple[int, ...] = (*self._index.shape, *frames.frame_shape)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What went wrong with the frames read so far."""
        return self.frames.problems.findings()

    def __del__(self) -> None:
        # Nobody can ask for these frames any more.
        cache = getattr(self, "_cache", None)
        if cache is not None:
            cache.forget(self._owner)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        leading, inside = self._split(key)
        wanted = np.asarray(self._index[leading])
        if wanted.ndim == 0:
            part: NDArray[Any] = self.frame(int(wanted))[inside]
            return part
        if wanted.size == 0:
            shape = np.empty(self.frames.frame_shape, np.uint8)[inside].shape
            return np.empty((*wanted.shape, *shape), self.dtype)
        parts = self._read_many(wanted.reshape(-1).tolist(), inside)
        return np.stack(parts).reshape(*wanted.shape, *parts[0].shape)

    def __array__(
        self, dtype: np.dtype[Any] | None = None, copy: bool | None = None
    ) -> NDArray[Any]:
        if copy is False:
            raise ValueError("a lazy array is read into a new array: copy=False is impossible")
        result = np.empty(self.shape, self.dtype)
        flat = result.reshape(self._index.size, *self.frames.frame_shape)
        wanted = self._index.reshape(-1).tolist()
        fits = self.nbytes <= self._cache.limit

        def fill(place: int) -> None:
            # What would push everything else out of the cache goes past it.
            flat[place] = self.frame(wanted[place], keep=fits)

        # Whoever wants all of it wants it right, not soon.
        with waiting_allowed(True):
            self._in_threads(fill, range(len(wanted)))
        return result if dtype is None else result.astype(dtype, copy=False)

    def frame(self, index: int, *, keep: bool = True) -> NDArray[Any]:
        """Return frame `index` of the reader, read-only; -1 gives an empty one."""
        if index < 0:
            return np.full(self.frames.frame_shape, self.frames.fill, self.dtype)
        try:
            if not keep:
                return self._read(index)
            frame = self._cache.get((self._owner, index), partial(self._read, index))
        except ConnectionError as error:
            # A server is away, or needs time: shown empty now, asked again at the next look.
            if _kind(error) == COMING:
                return np.full(self.frames.frame_shape, self.frames.fill, self.dtype)
            if index not in self._away:
                self._away.add(index)
                _log.warning("an image could not be fetched: %s", _kind(error))
            note_failure(self.frames, index, error)
            return np.full(self.frames.frame_shape, self.frames.fill, self.dtype)
        if index in self._away:
            self._away.discard(index)
            note_success(self.frames, index)
        return frame

    def _read(self, index: int) -> NDArray[Any]:
        try:
            return self.frames.read(index)
        except ConnectionError:
            raise
        except (PixelError, OSError) as error:
            # The name of the file may be the patient's: it is in the volume's findings,
            # not in the log.
            _log.warning("an image could not be read and is shown empty: %s", _kind(error))
            note_failure(self.frames, index, error)
            return np.full(self.frames.frame_shape, self.frames.fill, self.dtype)

    def probe(self) -> None:
        """Read the middle frame, or when it is broken others, to see that something can be.

        Raises
        ------
        LoadError
            If not one of a few frames can be read.
        """
        frames, failures = len(self.frames), []
        for index in dict.fromkeys((frames // 2, 0, frames - 1, frames // 4, 3 * frames // 4)):
            try:
                self._cache.get((self._owner, index), partial(self.frames.read, index))
            except (PixelError, OSError) as error:
                failures.append(error)
            else:
                return
        first = failures[0]
        texts = "; ".join(dict.fromkeys(str(error) for error in failures))
        raise LoadError(
            f"no image can be read: {texts}", reason=getattr(first, "reason", None)
        ) from first

    def _read_many(self, wanted: Sequence[int], inside: tuple[Any, ...]) -> list[NDArray[Any]]:
        distinct = list(dict.fromkeys(wanted))
        keep = len(distinct) * self.frames_nbytes <= self._cache.limit
        parts: dict[int, NDArray[Any]] = {}

        def take(index: int) -> None:
            parts[index] = self.frame(index, keep=keep)[inside]

        self._in_threads(take, distinct)
        return [parts[index] for index in wanted]

    @property
    def frames_nbytes(self) -> int:
        """Bytes of one frame."""
        return int(np.prod(self.frames.frame_shape, dtype=np.int64)) * self.dtype.itemsize

    def _in_threads(self, work: Callable[[int], None], items: Sequence[int]) -> None:
        # The first one alone: its error, if any, is the error of all.
        if not items:
            return
        work(items[0])
        if len(items) < 4:
            for item in items[1:]:
                work(item)
            return
        allowed = may_wait()

        def work_for_this_thread(item: int) -> None:
            with waiting_allowed(allowed):
                work(item)

        with ThreadPoolExecutor(thread_count(), thread_name_prefix="dicomdb-lazy") as pool:
            for _ in pool.map(work_for_this_thread, items[1:], chunksize=1):
                pass

    def _split(self, key: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Divide an index into that of the leading axes and that inside the frames."""
        parts = key if isinstance(key, tuple) else (key,)
        if any(part is None for part in parts):
            raise IndexError("a lazy array takes numbers, slices, lists and ... as indices")
        dots = [i for i, part in enumerate(parts) if part is Ellipsis]
        if len(dots) > 1:
            raise IndexError("an index can only have a single ellipsis ('...')")
        if dots:
            fill = self.ndim - len(parts) + 1
            parts = (*parts[: dots[0]], *(slice(None),) * fill, *parts[dots[0] + 1 :])
        if len(parts) > self.ndim:
            raise IndexError(f"too many indices: the array has {self.ndim} axes, not {len(parts)}")
        lead = self._index.ndim
        return tuple(parts[:lead]), tuple(parts[lead:])
