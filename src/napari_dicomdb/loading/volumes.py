"""Several volumes of one geometry read as one row of slices, holes and remedies included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_dicomdb.loading.reading import Frames

__all__ = ["ChosenFrames", "VolumesReader"]


class ChosenFrames:
    """Some frames of a reader, in another order, with holes.

    Parameters
    ----------
    source : Frames
    index : (N,) ndarray of int
        Which frame of `source` each is; -1 where there is none, and `fill`
        stands there.
    """

    def __init__(self, source: Frames, index: NDArray[np.intp]) -> None:
        self._source, self._index = source, index
        self.frame_shape = source.frame_shape
        self.dtype = source.dtype
        self.fill = source.fill
        self.problems = source.problems

    def __len__(self) -> int:
        return len(self._index)

    def read(self, index: int, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Read frame `index` (into `out`); a hole is read as `fill`."""
        number = int(self._index[index])
        if number >= 0:
            return self._source.read(number, out)
        if out is None:
            return np.full(self.frame_shape, self.fill, self.dtype)
        out[...] = self.fill
        return out


class VolumesReader:
    """Reads the slices of all volumes, one volume after another.

    Parameters
    ----------
    source : Frames
        All images.
    index : (V, P) ndarray of int
        Which of them is at each position of each volume; -1 for none.
    remedy : callable
        Makes of the images of one volume a reader of its slices
        (`StackPlan.reader`).
    """

    def __init__(
        self,
        source: Frames,
        index: NDArray[np.intp],
        remedy: Callable[[Frames], Frames],
    ) -> None:
        self._volumes = [remedy(ChosenFrames(source, row)) for row in index]
        first = self._volumes[0]
        self._slices = len(first)
        self.frame_shape = first.frame_shape
        self.dtype = first.dtype
        self.fill = first.fill
        self.problems = source.problems

    def __len__(self) -> int:
        return len(self._volumes) * self._slices

    def read(self, index: int, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Read slice `index`, counted through all volumes (into `out`)."""
        volume, k = divmod(index, self._slices)
        return self._volumes[volume].read(k, out)
