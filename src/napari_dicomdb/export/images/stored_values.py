"""Values of an array as stored integers: exactly where that can be, else by a linear rescale.

What is lost is known before anything is written: half a quantum, and voxels that are no
number (NaN, infinity), which become padding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.export.numbers import decimal_string

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_dicomdb.export.source import ExportSource

__all__ = ["StoredValues", "ValueRange", "as_it_was", "plan_stored", "value_range"]


@dataclass(frozen=True, slots=True)
class ValueRange:
    """What an array holds.

    Parameters
    ----------
    low, high : float
        Of the finite values; 0 when there are none.
    is_whole : bool
        Whether every finite value is an integer.
    strange : int
        How many values are no finite number.
    """

    low: float
    high: float
    is_whole: bool
    strange: int = 0


@dataclass(frozen=True, slots=True)
class StoredValues:
    """How values become stored integers: ``value = slope * stored + intercept``.

    Parameters
    ----------
    dtype : dtype
        Of what is stored.
    slope, intercept : float
        As their decimal strings say, to the last bit.
    error : float
        The most by which a value read back differs; 0 when exact.
    padding : int or None
        Stored value of voxels that are no number.
    by_plane : bool
        Whether each plane has a slope of its own, see `of_plane`: that of PET images is
        of the slice (PS3.3 Section C.8.9.4); `slope` and `error` are the largest.
    slopes : tuple of float
        Of the planes of the files it came from, to be used again where they fit.
    """

    dtype: np.dtype[Any]
    slope: float = 1.0
    intercept: float = 0.0
    error: float = 0.0
    padding: int | None = None
    by_plane: bool = False
    slopes: tuple[float, ...] = ()

    @property
    def is_identity(self) -> bool:
        """Whether what is stored are the values themselves."""
        return self.slope == 1 and self.intercept == 0

    @property
    def is_signed(self) -> bool:
        """Whether what is stored may be negative."""
        return self.dtype.kind == "i"

    def of_plane(self, values: NDArray[Any], k: int) -> StoredValues:
        """Return how the values of plane `k` are stored: with a slope as small as can be."""
        if not self.by_plane:
            return self
        finite = values[np.isfinite(values)].astype(np.float64)
        biggest = float(np.abs(finite).max(initial=0.0))
        most = int(np.iinfo(self.dtype).max) - (not self.is_signed and self.padding is not None)
        # As they were, or turned around.
        for slope in {self.slopes[k], self.slopes[-1 - k]} if k < len(self.slopes) else ():
            if _is_written(slope) and biggest / slope < most + 0.5:
                off = np.abs(np.rint(finite / slope) * slope - finite).max(initial=0.0)
                if off <= biggest * 2.0**-23:
                    return replace(self, slope=slope)
        return replace(self, slope=max(_above(biggest / most), _above(self.slope / 2**16)))

    def encode(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the stored integers of some values, never wrapped around."""
        if self.is_identity and values.dtype.kind in "biu":
            return np.ascontiguousarray(values, dtype=self.dtype)
        stored = np.rint((values.astype(np.float64) - self.intercept) / self.slope)
        limits = np.iinfo(self.dtype)
        if self.padding is not None:
            strange = ~np.isfinite(stored)
            stored[strange] = self.padding
        stored = np.clip(stored, limits.min, limits.max)
        return np.ascontiguousarray(stored.astype(self.dtype))


def value_range(source: ExportSource) -> ValueRange:
    """Look at all values, plane by plane; of what is not in memory only where it matters."""
    dtype = source.dtype
    if dtype.kind == "b":
        return ValueRange(0.0, 1.0, True)
    small = 1 if isinstance(source.array, np.ndarray) else 2
    if dtype.kind in "iu" and dtype.itemsize <= small:
        # All that it can hold fits 16 bits: reading it would tell nothing needed.
        limits = np.iinfo(dtype)
        return ValueRange(float(limits.min), float(limits.max), True)
    low, high = float("inf"), float("-inf")
    whole, strange = True, 0
    for _, _, plane in source.planes():
        if dtype.kind == "f":
            finite = np.isfinite(plane)
            count = int(plane.size - np.count_nonzero(finite))
            if count:
                strange += count
                plane = plane[finite]
            whole = whole and bool((plane == np.rint(plane)).all())
        if plane.size:
            low, high = min(low, float(plane.min())), max(high, float(plane.max()))
    if low > high:
        return ValueRange(0.0, 0.0, True, strange)
    return ValueRange(low, high, whole, strange)


def plan_stored(
    source: ExportSource,
    found: ValueRange,
    *,
    at_least_16: bool = True,
    no_intercept: bool = False,
    identity_only: bool = False,
    unsigned_only: bool = False,
    wide: bool = False,
    again: Callable[[], StoredValues | None] | None = None,
) -> StoredValues:
    """Choose how to store values that `value_range` looked at, in 16 bits, or 32 where told.

    Parameters
    ----------
    source : ExportSource
    found : ValueRange
    at_least_16 : bool
        CT, MR and PET images have 16 bits; others may have 8.
    no_intercept : bool
        PET: the intercept is always 0 (PS3.3 Section C.8.9.4).
    identity_only, unsigned_only : bool
        Multi-frame secondary captures store nothing else.
    wide : bool
        Take 32 bits for whole numbers that 16 do not hold exactly.
    again : callable, optional
        `as_it_was` of this source, for whoever asks several times: it reads all values.
    """
    padded = found.strange > 0
    if found.is_whole or source.dtype.kind in "biu":
        exact = _exact(source, found, at_least_16, no_intercept, unsigned_only, padded)
        if exact is not None and (exact.is_identity or not identity_only):
            return exact
        longer = _exact_in_32_bits(found, padded) if wide else None
        if longer is not None:
            return longer
    known = None if identity_only else again() if again else as_it_was(source, found)
    if known is not None and not (no_intercept and known.intercept):
        return known
    scaled = _scaled(found, no_intercept, padded)
    if not no_intercept:
        return scaled
    pairs = list(source.meta.get("rescale") or ())
    slopes = tuple(float(pair[0]) for pair in pairs) if len(pairs) == source.grid[0] else ()
    return replace(scaled, by_plane=True, slopes=slopes)


def _exact(
    source: ExportSource,
    found: ValueRange,
    at_least_16: bool,
    no_intercept: bool,
    unsigned_only: bool,
    padded: bool,
) -> StoredValues | None:
    if not at_least_16 and found.low >= 0 and found.high <= 255 and source.dtype.itemsize == 1:
        return StoredValues(np.dtype(np.uint8))
    if found.low >= 0 and found.high <= 65535 - padded:
        return StoredValues(np.dtype(np.uint16), padding=65535 if padded else None)
    if not unsigned_only and found.low >= -32768 + padded and found.high <= 32767:
        return StoredValues(np.dtype(np.int16), padding=-32768 if padded else None)
    if no_intercept or found.high - found.low > 65535 - padded or abs(found.low) > 1e15:
        return None
    return StoredValues(np.dtype(np.uint16), 1.0, found.low, padding=65535 if padded else None)


def _exact_in_32_bits(found: ValueRange, padded: bool) -> StoredValues | None:
    for name in ("u4", "i4"):
        dtype = np.dtype(name)
        limits = np.iinfo(dtype)
        padding = limits.max if name == "u4" else limits.min
        low, high = limits.min + padded * (name == "i4"), limits.max - padded * (name == "u4")
        if low <= found.low and found.high <= high:
            return StoredValues(dtype, padding=int(padding) if padded else None)
    return None


def as_it_was(source: ExportSource, found: ValueRange) -> StoredValues | None:
    """Use the rescale of the files it came from again; None where not all values fit it still."""
    pairs = {tuple(map(float, pair)) for pair in source.meta.get("rescale") or ()}
    if len(pairs) != 1 or found.strange:
        return None
    slope, intercept = pairs.pop()
    if slope <= 0 or not np.isfinite((slope, intercept)).all():
        return None
    if float(decimal_string(slope)) != slope or float(decimal_string(intercept)) != intercept:
        return None
    low, high = (found.low - intercept) / slope, (found.high - intercept) / slope
    if low < -32768.5 or high > 65535.5 or (low < -0.5 and high > 32767.5):
        return None
    # float32 values of the layer may differ from the product in double precision.
    biggest = max(abs(found.low), abs(found.high), abs(intercept))
    error = 0.0 if source.dtype.kind in "iu" else biggest * 2.0**-23
    is_exact = True
    for _, _, plane in source.planes():
        values = plane.astype(np.float64)
        again = np.rint((values - intercept) / slope) * slope + intercept
        # A layer may be of the same files and yet hold something else: a map, a filter.
        if values.size and np.abs(values - again).max() > error:
            return None
        # Programs may compute in single precision.
        is_exact = is_exact and bool((values == again.astype(np.float32)).all())
    error = 0.0 if is_exact else error
    dtype = np.dtype(np.int16 if low < -0.5 else np.uint16)
    return StoredValues(dtype, slope, intercept, error)


def _scaled(found: ValueRange, no_intercept: bool, padded: bool) -> StoredValues:
    levels = 65535 - padded
    biggest = max(abs(found.low), abs(found.high))
    rounding = biggest * 2.0**-23  # programs compute in float32: the slope, and the product
    if no_intercept:
        signed = found.low < 0
        levels = (32767 if signed else 65535) - padded
        slope = _above(biggest / levels)
        padding = None if not padded else (-32768 if signed else 65535)
        dtype = np.dtype(np.int16 if signed else np.uint16)
        return StoredValues(dtype, slope, 0.0, slope / 2 + rounding, padding)
    intercept = float(decimal_string(found.low))
    padding = 65535 if padded else None
    if found.low == found.high:
        # One value everywhere: the intercept says it.
        error = abs(found.low - intercept) + rounding / 2  # there is no product
        return StoredValues(np.dtype(np.uint16), 1.0, intercept, error, padding)
    slope = _above((found.high - intercept) / levels)
    error = slope / 2 + abs(found.low - intercept) + rounding
    return StoredValues(np.dtype(np.uint16), slope, intercept, error, padding)


def _is_written(slope: float) -> bool:
    """Whether a slope is one, and a decimal string says it to the last bit."""
    return bool(np.isfinite(slope)) and slope > 0 and float(decimal_string(slope)) == slope


def _above(slope: float) -> float:
    """Return a slope that a decimal string has exactly, not below `slope`."""
    if not slope > 0:
        return 1.0
    written = float(decimal_string(slope))
    return written if written >= slope else float(decimal_string(slope * (1 + 1e-9)))
