"""Pictures as volumes of one slice; what is lazy stays so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.loading.array_shape import ArrayShape

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["OneSlice", "with_slice"]


def with_slice(array: Any, axis: int) -> Any:
    """Return `array` with an axis of length 1 more, without reading it.

    Parameters
    ----------
    array : array_like
        numpy, dask or any other that has ``shape, dtype, __getitem__``.
    axis : int
        Where the new axis is, not negative.

    Returns
    -------
    ndarray, dask array or OneSlice
        A view of a numpy array; a dask array of one; a `OneSlice` of any other.
    """
    if isinstance(array, np.ndarray) or hasattr(array, "dask"):
        return array[(*(slice(None),) * axis, None)]
    return OneSlice(array, axis)


class OneSlice(ArrayShape):
    """A lazy array with an axis of length 1 more.

    Numbers, slices and ``...`` are handed on; anything else reads all of it.

    Parameters
    ----------
    source : array_like
        Has ``shape, dtype, __getitem__``.
    axis : int
        Where the new axis is, not negative.
    """

    def __init__(self, source: Any, axis: int) -> None:
        self.source = source
        self.axis = axis
        lengths = tuple(int(n) for n in source.shape)
        self.shape = (*lengths[:axis], 1, *lengths[axis:])
        self.dtype = np.dtype(source.dtype)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        parts = key if isinstance(key, tuple) else (key,)
        if not all(part is Ellipsis or _is_basic(part) for part in parts):
            return np.asarray(np.asarray(self)[key])
        dots = [i for i, part in enumerate(parts) if part is Ellipsis]
        given = len(parts) - len(dots)
        if given > self.ndim or len(dots) > 1:
            raise IndexError(f"index {key!r} does not fit an array of {self.ndim} axes")
        at = dots[0] if dots else len(parts)
        fill = (slice(None),) * (self.ndim - given)
        every = (*parts[:at], *fill, *parts[at + len(dots) :])
        mine, others = every[self.axis], (*every[: self.axis], *every[self.axis + 1 :])
        place = sum(isinstance(part, slice) for part in every[: self.axis])
        kept = np.empty(1, dtype=np.bool_)[mine]  # raises for a number out of bounds
        if kept.shape == (0,):  # nothing of the one slice: there is nothing to read
            pairs = zip(every, self.shape, strict=True)
            lengths = [len(range(*p.indices(n))) for p, n in pairs if isinstance(p, slice)]
            return np.empty(lengths, dtype=self.dtype)
        found = np.asarray(self.source[others])
        return found if kept.ndim == 0 else np.expand_dims(found, place)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Read everything."""
        if copy is False:
            raise ValueError("a lazy array is read into a new array: copy=False is impossible")
        return np.expand_dims(np.asarray(self.source, dtype=dtype), self.axis)


def _is_basic(part: Any) -> bool:
    if isinstance(part, slice):
        return True
    return hasattr(part, "__index__") and not isinstance(part, (bool, np.bool_, np.ndarray))
