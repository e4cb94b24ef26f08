"""All frames at once, read in threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.errors import Cancelled, LoadError, MissingDecoderError, PixelError
from napari_dicomdb.loading.reading import FrameReader, note_failure, thread_count
from napari_dicomdb.progress import no_progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_dicomdb.loading.reading import Frames
    from napari_dicomdb.progress import Progress

__all__ = ["read_all"]

_SHOWN = 3


def read_all(
    frames: Frames, *, progress: Progress = no_progress, workers: int | None = None
) -> NDArray[Any]:
    """Read all frames into one new array.

    Parameters
    ----------
    frames : Frames
        What to read. Frames that cannot be read are filled with `frames.fill`
        and noted in `frames.problems`. A compact `FrameReader` is widened
        when values do not fit its type: what is read then is kept.
    progress : Progress
        Called as frames arrive; may raise `Cancelled`.
    workers : int, optional
        Threads; as many as the machine has cores by default.

    Returns
    -------
    (N, rows, columns) or (N, rows, columns, 3) ndarray

    Raises
    ------
    LoadError
        If not one frame can be read, or there is no memory for them.
    """
    count = len(frames)
    array = _allocated(frames, None)
    reading = _Reading(frames, array, count, progress, workers or thread_count())
    left = reading.run(range(count))
    if left and isinstance(frames, FrameReader):
        left = sorted({*left, *frames.widen()})
        reading.array = _allocated(frames, reading.array)
        reading.run(left)
    _settle_failures(frames, reading.failures)
    for index in reading.failures:
        reading.array[index] = frames.fill
    return reading.array


def _allocated(frames: Frames, narrow: NDArray[Any] | None) -> NDArray[Any]:
    shape = (len(frames), *frames.frame_shape)
    try:
        return np.empty(shape, frames.dtype) if narrow is None else narrow.astype(frames.dtype)
    except MemoryError as error:
        size = int(np.prod(shape, dtype=np.float64)) * frames.dtype.itemsize / 1e9
        raise LoadError(
            f"no memory for {size:.1f} GB of pixels: load lazily (lazy=True)", reason="too-large"
        ) from error


class _Reading:
    """Reads frames into `array` in threads; what failed and what did not fit is kept."""

    def __init__(
        self, frames: Frames, array: NDArray[Any], count: int, progress: Progress, workers: int
    ) -> None:
        self.frames, self.array = frames, array
        self.failures: dict[int, Exception] = {}
        self._progress, self._workers = progress, workers
        self._done, self._count = 0, count

    def run(self, wanted: Sequence[int]) -> list[int]:
        """Read `wanted` frames; return those left because values do not fit the type."""
        # Small portions keep all threads busy to the end and the progress alive.
        portion = max(1, min(16, len(wanted) // (self._workers * 4)))
        starts = range(0, len(wanted), portion)
        left: list[int] = []

        def work(start: int) -> int:
            done = 0
            for index in wanted[start : start + portion]:
                if left or not self._read(index):
                    left.append(index)
                else:
                    done += 1
            return done

        self._progress(self._done, self._count, "Reading")
        with ThreadPoolExecutor(self._workers, thread_name_prefix="dicomdb-read") as pool:
            futures = [pool.submit(work, start) for start in starts]
            try:
                for future in futures:
                    self._done = min(self._done + future.result(), self._count)
                    self._progress(self._done, self._count, "Reading")
            except (Cancelled, KeyboardInterrupt):
                for future in futures:
                    future.cancel()
                raise
        return left

    def _read(self, index: int) -> bool:
        try:
            self.frames.read(index, self.array[index])
        except (PixelError, OSError) as error:
            self.failures[index] = error
        except OverflowError:
            return False
        return True


def _settle_failures(frames: Frames, failures: Mapping[int, Exception]) -> None:
    """Note frames that could not be read; raise when none could."""
    if not failures:
        return
    ordered = [failures[index] for index in sorted(failures)]
    if len(failures) == len(frames):
        texts = list(dict.fromkeys(map(str, ordered)))
        first = ordered[0]
        if isinstance(first, MissingDecoderError):
            raise LoadError(str(first), reason=first.reason) from first
        more = f"; and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
        raise LoadError(f"no image can be read: {'; '.join(texts[:_SHOWN])}{more}") from first
    for index in sorted(failures):
        note_failure(frames, index, failures[index])
