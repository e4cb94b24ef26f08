"""Modality LUT: from stored to real values, and padding (PS3.3 Sections C.11.1, C.7.5.1.1.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from napari_dicomdb.dicom.bits import Array
    from napari_dicomdb.dicom.pixels import PixelDescription

__all__ = [
    "LookupTable",
    "PaddingRange",
    "compact_dtype",
    "fitting_range",
    "is_within",
    "modality_lut_of",
    "modality_rescale",
    "output_dtype",
    "padding_range",
    "rescale_into",
]


def output_dtype(
    description: PixelDescription, slopes: Iterable[float], intercepts: Iterable[float]
) -> np.dtype[Any]:
    """Type that holds the rescaled values of all frames.

    Parameters
    ----------
    description : PixelDescription
        BitsStored and PixelRepresentation give the range of stored values.
    slopes, intercepts : iterable of float
        RescaleSlope and RescaleIntercept of each frame (or the distinct ones).

    Returns
    -------
    numpy.dtype
        The stored integer type when every slope is 1 and every intercept a
        whole number and the sums fit it, else the smallest wider one that
        holds them; float32 when values are scaled (float64 stays).
    """
    stored = description.stored_dtype
    if description.is_colour:
        return description.dtype
    shifts = [float(value) for value in intercepts]
    if stored.kind == "f":
        return stored
    if any(float(value) != 1.0 for value in slopes) or any(s != int(s) for s in shifts):
        return np.dtype(np.float32)
    if not any(shifts):
        return stored
    bits = description.bits_stored
    low, high = (
        (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
        if description.pixel_representation == 1
        else (0, (1 << bits) - 1)
    )
    low, high = low + int(min(shifts)), high + int(max(shifts))
    # What BitsStored allows decides, not what the pixels hold (see `compact_dtype`): every
    # slice fits without a look at it (16 signed bits at -1024 reach -33792: int32).
    for name in (stored.name, "int16", "uint16", "int32", "uint32", "int64"):
        candidate = np.dtype(name)
        limits = np.iinfo(candidate)
        if candidate.itemsize >= stored.itemsize and limits.min <= low and high <= limits.max:
            return candidate
    return np.dtype(np.float32)


def compact_dtype(
    description: PixelDescription, slopes: Iterable[float], intercepts: Iterable[float]
) -> np.dtype[Any]:
    """Type no wider than that stored, in which rescaled values are likely to fit.

    Most CT says BitsStored 16 and RescaleIntercept -1024, and holds nothing
    near the -33792 that these two allow. Whoever uses this type must look at
    the values (`is_within`).

    Parameters
    ----------
    description, slopes, intercepts
        As for `output_dtype`.

    Returns
    -------
    numpy.dtype
        That of `output_dtype` where it is no wider than the stored type
        anyhow, where values are scaled, and where shifts are so large that it
        would be a gamble.
    """
    stored, certain = description.stored_dtype, output_dtype(description, slopes, intercepts)
    if certain.kind not in "iu" or certain.itemsize <= stored.itemsize or stored.itemsize < 2:
        return certain
    shifts = [int(value) for value in intercepts]
    signed = stored.kind == "i" or min(shifts) < 0
    likely = np.dtype(f"{'i' if signed else 'u'}{stored.itemsize}")
    if max(map(abs, shifts)) > np.iinfo(likely).max // 3:
        return certain
    return likely


def fitting_range(dtype: np.dtype[Any], intercept: float) -> tuple[int, int]:
    """Lowest and highest stored values that fit `dtype` with `intercept` added."""
    limits, shift = np.iinfo(dtype), int(intercept)
    return int(limits.min) - shift, int(limits.max) - shift


def is_within(stored: Array, low: int, high: int) -> bool:
    """Whether no value is beyond `low` or `high`; an end the type cannot pass costs no look."""
    limits = np.iinfo(stored.dtype)
    return (low <= limits.min or int(stored.min()) >= low) and (
        high >= limits.max or int(stored.max()) <= high
    )


def modality_rescale(
    stored: Array, slope: float, intercept: float, dtype: np.dtype[Any] | None = None
) -> Array:
    """Values of the modality (HU, counts ...) from stored values.

    Parameters
    ----------
    stored : ndarray
        As `read_frame` gives them.
    slope, intercept : float
        RescaleSlope, RescaleIntercept.
    dtype : numpy.dtype, optional
        Of the result, from `output_dtype`; by default as the full range of
        `stored`'s type asks.

    Returns
    -------
    ndarray
        `stored` itself when there is nothing to do.
    """
    whole = slope == 1 and intercept == int(intercept)
    if dtype is None:
        if not whole:
            dtype = np.dtype(np.float64 if stored.dtype == np.float64 else np.float32)
        elif intercept == 0 or stored.dtype.kind == "f":
            dtype = stored.dtype
        else:
            limits = np.iinfo(stored.dtype)
            low, high = int(limits.min + intercept), int(limits.max + intercept)
            dtype = np.result_type(stored.dtype, np.min_scalar_type(low), np.min_scalar_type(high))
    if whole and intercept == 0 and dtype == stored.dtype:
        return stored
    result = stored.astype(dtype)
    rescale_into(result, slope, intercept)
    return result


def rescale_into(out: Array, slope: float, intercept: float) -> None:
    """Rescale in place an array that holds stored values in the output type.

    Parameters
    ----------
    out : ndarray
        Of the type from `output_dtype`: floating when the slope is not 1.
    slope, intercept : float
        RescaleSlope, RescaleIntercept.
    """
    if out.dtype.kind in "iu":
        if slope != 1 or intercept != int(intercept):
            raise ValueError(f"slope {slope}, intercept {intercept} do not fit {out.dtype}")
        if intercept:
            # Modular arithmetic is exact, also where the intercept itself does not fit the
            # type: -32768 brings unsigned 16 bits into int16.
            cells = out.view(f"u{out.dtype.itemsize}")
            amount = cells.dtype.type(int(intercept) % (1 << 8 * out.dtype.itemsize))
            np.add(cells, amount, out=cells)
        return
    if slope != 1:
        np.multiply(out, out.dtype.type(slope), out=out)
    if intercept:
        np.add(out, out.dtype.type(intercept), out=out)


@dataclass(frozen=True)
class LookupTable:
    """A modality or VOI lookup table.

    Attributes
    ----------
    first : int
        Input that the first entry maps; inputs below get it too.
    entries : (n,) ndarray of int
        Outputs; inputs above the last get the last.
    explanation : str
        LUTExplanation.
    kind : str
        ModalityLUTType ("HU", "OD", "US" ...), "" for VOI.
    bits : int
        Bits of an entry.
    """

    first: int
    entries: Array
    explanation: str = ""
    kind: str = ""
    bits: int = 16

    @classmethod
    def from_item(cls, item: Any, *, signed: bool = False) -> LookupTable:
        """Make from an item of ModalityLUTSequence or VOILUTSequence.

        Parameters
        ----------
        item : pydicom.Dataset or mapping of keyword to value
            LUTDescriptor, LUTData, LUTExplanation, ModalityLUTType.
        signed : bool
            Inputs are signed, so the first value is (US/SS ambiguity).

        Raises
        ------
        ValueError
            If descriptor or data are missing or contradict each other.
        """
        descriptor, data = item.get("LUTDescriptor"), item.get("LUTData")
        if descriptor is None or data is None or len(descriptor) != 3:
            raise ValueError("lookup table without LUTDescriptor (3 values) or LUTData")
        count, first, bits = (int(value) for value in descriptor)
        count = count % 65536 or 65536
        if signed and first > 32767:
            first -= 65536
        if isinstance(data, bytes | bytearray):
            octet = bits <= 8 and len(data) < 2 * count
            entries = np.frombuffer(bytes(data), "u1" if octet else "<u2").astype(np.uint16)
        else:
            entries = np.atleast_1d(np.asarray(data)).astype(np.int64).astype(np.uint16)
        if len(entries) == 0:
            raise ValueError("lookup table without entries")
        return cls(
            first,
            entries[:count],
            str(item.get("LUTExplanation") or ""),
            str(item.get("ModalityLUTType") or ""),
            bits,
        )

    def limits(self) -> tuple[float, float]:
        """Return the inputs below and above which the output is the same throughout."""
        changes = np.flatnonzero(self.entries[1:] != self.entries[:-1])
        if len(changes) == 0:
            return float(self.first), float(self.first)
        return float(self.first + changes[0]), float(self.first + changes[-1] + 1)

    def apply(self, values: Array) -> Array:
        """Map integer inputs; the shape is kept."""
        place = np.clip(values.astype(np.int64) - self.first, 0, len(self.entries) - 1)
        return np.take(self.entries, place)


def modality_lut_of(dataset: Any) -> LookupTable | None:
    """Read the table of ModalityLUTSequence, which takes the place of slope and intercept.

    Parameters
    ----------
    dataset : pydicom.Dataset
        Of the image, or of a frame's functional group.

    Returns
    -------
    LookupTable or None
        None when there is no table.
    """
    items = dataset.get("ModalityLUTSequence")
    if not items:
        return None
    return LookupTable.from_item(items[0], signed=dataset.get("PixelRepresentation", 0) == 1)


@dataclass(frozen=True, slots=True)
class PaddingRange:
    """Stored values, both ends included, that are no image (PS3.3 C.7.5.1.1.2)."""

    low: int
    high: int

    def mask(self, stored: Array) -> Array:
        """Tell where `stored` is padding."""
        if self.low == self.high:
            return np.asarray(stored == self.low)
        return np.asarray((stored >= self.low) & (stored <= self.high))

    def rescaled(self, slope: float, intercept: float) -> tuple[float, float]:
        """Return the range after the modality LUT, lower end first."""
        ends = sorted((self.low * slope + intercept, self.high * slope + intercept))
        return ends[0], ends[1]


def padding_range(values: Mapping[str, Any], description: PixelDescription) -> PaddingRange | None:
    """Find the padding of an image, its signedness put right.

    Parameters
    ----------
    values : mapping of keyword to value
        PixelPaddingValue and PixelPaddingRangeLimit as kept from the header.
    description : PixelDescription
        PixelRepresentation says how the values were meant: 63536 in a signed
        16-bit image is -2000, written with the wrong VR.

    Returns
    -------
    PaddingRange or None
        None when the image has no padding.
    """
    value = _first(values.get("PixelPaddingValue"))
    if value is None:
        return None
    limit = _first(values.get("PixelPaddingRangeLimit"))
    ends: Sequence[int] = [value] if limit is None else [value, limit]
    span = 1 << max(description.bits_allocated, 16)
    if description.pixel_representation == 1:
        # 63536 is -2000: VR US was written for a signed image.
        ends = [end - span if end >= span // 2 else end for end in ends]
    else:
        ends = [end + span if end < 0 else end for end in ends]
    return PaddingRange(min(ends), max(ends))


def _first(value: Any) -> int | None:
    if isinstance(value, list | tuple):
        value = value[0] if value else None
    if value is None or value == "":
        return None
    try:
        return int(value)
    except (TypeError, ValueError):
        return None
