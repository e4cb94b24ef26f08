"""Frames after the modality LUT, one at a time (all at once: `loading.eager`)."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.dicom.modality import (
    compact_dtype,
    fitting_range,
    is_within,
    modality_rescale,
    output_dtype,
    padding_range,
    rescale_into,
)
from napari_dicomdb.dicom.pixels import PixelDescription, read_frame
from napari_dicomdb.errors import LoadError, NetworkError, PixelError
from napari_dicomdb.loading.dose_grid import RT_DOSE, dose_scaling
from napari_dicomdb.loading.frame_cache import FrameCache
from napari_dicomdb.loading.lookup_tables import is_logarithmic, modality_lut

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_dicomdb.dicom.modality import LookupTable
    from napari_dicomdb.loading.frames import FrameSet

__all__ = ["FrameReader", "Frames", "ReadProblems", "note_failure", "note_success", "thread_count"]

_MOST_THREADS = 8
_SHOWN = 3
_BYTES_OF_SHEETS = 64 << 20

_CODE_OF = {
    "truncated-pixels": FindingCode.TRUNCATED_PIXELS,
    "file-missing": FindingCode.FILE_MISSING,
    "file-changed": FindingCode.FILE_CHANGED,
    "other-object": FindingCode.OTHER_OBJECT,
    "values-clipped": FindingCode.VALUES_CLIPPED,
}


def thread_count() -> int:
    """Return how many threads read and decode: what the machine has, within reason."""
    return max(1, min(os.cpu_count() or 1, _MOST_THREADS))


class Frames(Protocol):
    """Numbered frames that can be read one at a time, from any thread."""

    frame_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fill: float
    problems: ReadProblems

    def __len__(self) -> int: ...

    def read(self, index: int, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Read frame `index` (into `out`).

        Raises
        ------
        PixelError, OSError
            If it cannot be read.
        """


class ReadProblems:
    """What went wrong while frames were read; shared by readers and lazy arrays."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, bool], list[str]] = {}

    def note(self, reason: str, text: str, frame: str, *, lost: bool = True) -> None:
        """Remember `reason` for `frame`; the same again costs nothing.

        Parameters
        ----------
        reason, text : str
            For machines and for people.
        frame : str
            Name of the frame.
        lost : bool
            Whether pixels are lost; False for what could be repaired.
        """
        frames = self._found.setdefault((reason, text, lost), [])
        if frame not in frames:
            frames.append(frame)

    def forget(self, frame: str) -> None:
        """Take back what was noted of lost pixels of `frame`: it could be read after all."""
        for key, frames in list(self._found.items()):
            if key[2] and frame in frames:
                frames.remove(frame)
                if not frames:
                    self._found.pop(key, None)

    def __bool__(self) -> bool:
        return bool(self._found)

    def findings(self) -> tuple[Finding, ...]:
        """Return one finding per kind of problem, naming the frames."""
        found = []
        for (reason, text, lost), frames in list(self._found.items()):
            otherwise = FindingCode.UNDECODABLE_PIXELS if lost else FindingCode.BAD_HEADER_VALUE
            more = f" and {len(frames) - _SHOWN} more" if len(frames) > _SHOWN else ""
            found.append(
                Finding(
                    _CODE_OF.get(reason, otherwise),
                    Severity.ERROR if lost else Severity.INFO,
                    f"{', '.join(frames[:_SHOWN])}{more}: {text}",
                    {"frames": list(frames), "reason": reason},
                )
            )
        return tuple(found)


class FrameReader:
    """Reads the frames of a set as values of the modality.

    Parameters
    ----------
    frames : FrameSet
        All of one matrix; each an image.
    refused : mapping of str to Exception, optional
        By SOPInstanceUID: what is raised instead of reading (see `verify`).
    compact : bool
        Stay with a type no wider than that stored (`dicom.modality.compact_dtype`)
        as long as the values fit it; `read` raises OverflowError when some do
        not, until `widen` or `clip` says what shall become of them. Padding
        beyond the type becomes its end: it has no value to lose.

    Attributes
    ----------
    frame_shape : tuple of int
        (rows, columns) or (rows, columns, 3).
    dtype : numpy.dtype
        Of all frames after the modality LUT (`dicom.modality.output_dtype`,
        `compact_dtype`).
    slopes, intercepts : (N,) ndarray of float
        RescaleSlope and RescaleIntercept of each frame; 1 and 0 where absent
        or where a lookup table takes their place.
    padding : tuple of (low, high) or None
        Values that are no image, after the modality LUT, of the first frame.
    fill : float
        What stands for a frame that cannot be read: padding, else stored 0.
    value_range : (low, high)
        What the stored bits can hold, after the modality LUT.

    Raises
    ------
    LoadError
        If there is no image among the frames, or their matrices differ.
    """

    def __init__(
        self,
        frames: FrameSet,
        refused: Mapping[str, Exception] | None = None,
        *,
        compact: bool = False,
    ) -> None:
        self.frames = frames
        self.problems = ReadProblems()
        self._refused = dict(refused or {})
        try:
            self._descriptions = PixelDescription.from_records(frames.instances)
        except PixelError as error:
            raise LoadError(str(error), reason=error.reason) from error
        pairs = zip(self._descriptions, frames.tilings, strict=True)
        shapes = {
            d.frame_shape if cut is None else (cut.rows, cut.columns, *d.frame_shape[2:])
            for d, cut in pairs
        }
        if len(shapes) != 1:
            raise LoadError(
                f"images of different shapes cannot be stacked: {sorted(shapes)}",
                reason="mixed-matrix",
            )
        self.frame_shape = shapes.pop()
        self._sheets = FrameCache(_BYTES_OF_SHEETS)
        self._luts = [modality_lut(i) for i in frames.instances]
        self.slopes, self.intercepts = _rescale_of(frames, self._luts)
        self._widest = self._common_dtype(compact=False)
        self._clips = False
        self._padded_frames: set[int] = set()
        narrow = self._common_dtype(compact=compact)
        self._settle(narrow if narrow.kind in "iu" else self._widest)

    def _settle(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        first = self._descriptions[self.frames.owner[0]]
        slope, intercept = float(self.slopes[0]), float(self.intercepts[0])
        padding = padding_range(self.frames.instance(0).values, first)
        self.padding: tuple[float, float] | None = None
        if padding is not None:
            low, high = padding.rescaled(slope, intercept)
            self.padding = (_held(low, dtype), _held(high, dtype))
        self.fill = _held(self.padding[0] if self.padding else intercept, dtype)
        self.value_range = self._value_range()

    def __len__(self) -> int:
        return len(self.frames)

    def description(self, index: int) -> PixelDescription:
        """Return where and how the pixels of frame `index` are stored."""
        return self._descriptions[int(self.frames.owner[index])]

    def read(self, index: int, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Read frame `index` as values of the modality (into `out`).

        Raises
        ------
        PixelError, OSError
            If it cannot be read.
        OverflowError
            If its values do not fit a compact type (see `widen`).
        """
        owner = self.frames.owner[index]
        description = self._descriptions[owner]
        if self._refused and (error := self._refused.get(self.frames.instances[owner].uid)):
            raise error
        number = int(self.frames.number[index])
        slope, intercept = float(self.slopes[index]), float(self.intercepts[index])
        lut, dtype = self._luts[owner], self.dtype
        notes: list[tuple[str, str]] = []
        if out is None:
            out = np.empty(self.frame_shape, dtype)
        stored = description.dtype
        in_place = (
            lut is None
            and out.flags.c_contiguous
            and stored.itemsize == dtype.itemsize
            and (stored == dtype or (stored.kind in "iu" and dtype.kind in "iu"))
        )
        if in_place:
            # The bytes go where they are wanted; signedness is settled by the rescaling.
            self._stored(owner, number, notes, out.view(stored))
            if dtype != self._widest:
                self._fit(out.view(stored), index)
            rescale_into(out, slope, intercept)
        else:
            values = self._stored(owner, number, notes)
            if dtype != self._widest and lut is None:
                self._fit(values, index)
            if lut is not None:
                out[...] = lut.apply(values)
            elif description.is_colour or (slope == 1 and intercept == 0):
                out[...] = values
            elif dtype.kind == "f" and slope != 1:
                np.multiply(values, dtype.type(slope), out=out, casting="unsafe")
                np.add(out, dtype.type(intercept), out=out)
            else:
                out[...] = modality_rescale(values, slope, intercept, dtype)
        self._note(notes, index)
        return out

    def stored(self, index: int) -> NDArray[Any]:
        """Read frame `index` as stored, before the modality LUT.

        Raises
        ------
        PixelError, OSError
            If it cannot be read.
        """
        owner = int(self.frames.owner[index])
        if self._refused and (error := self._refused.get(self.frames.instances[owner].uid)):
            raise error
        notes: list[tuple[str, str]] = []
        values = self._stored(owner, int(self.frames.number[index]), notes)
        self._note(notes, index)
        return values

    def _note(self, notes: list[tuple[str, str]], index: int) -> None:
        for reason, text in notes:
            lost = reason == "truncated-pixels"
            self.problems.note(reason, text, self.frames.label(index), lost=lost)

    def _stored(
        self,
        owner: int,
        number: int,
        notes: list[tuple[str, str]],
        out: NDArray[Any] | None = None,
    ) -> NDArray[Any]:
        """Return stored values of one frame; a sheet is decoded once for all its tiles."""
        path, description = self.frames.instances[owner].path, self._descriptions[owner]
        cut = self.frames.tilings[owner]
        if cut is None:
            return read_frame(path, description, number, out, problems=notes)
        sheet = self._sheets.get(
            (owner, 0), lambda: read_frame(path, description, 0, problems=notes)
        )
        tile = cut.crop(sheet, number)
        if out is None:
            return tile.copy()
        out[...] = tile
        return out

    def widen(self) -> set[int]:
        """Read on in the type that holds all that the headers allow.

        Returns
        -------
        set of int
            Frames read before whose padding became the end of the narrow type,
            and which must be read again to be like the others.
        """
        self._settle(self._widest)
        again, self._padded_frames = self._padded_frames, set()
        return again

    def clip(self) -> None:
        """Read on in the type there is: what is beyond it becomes its end, and is noted."""
        self._clips = True

    def _fit(self, stored: NDArray[Any], index: int) -> None:
        """Clip stored values to what `dtype` can hold when rescaled."""
        low, high = fitting_range(self.dtype, float(self.intercepts[index]))
        if is_within(stored, low, high):
            return
        beyond = (stored < low) | (stored > high)
        instance, description = self.frames.instance(index), self.description(index)
        padding = padding_range(instance.values, description)
        if padding is not None:
            beyond &= ~padding.mask(stored)
        count = int(np.count_nonzero(beyond))
        if count and not self._clips:
            raise OverflowError(f"{instance.path}: {count} values do not fit {self.dtype}")
        have = np.iinfo(stored.dtype)
        np.clip(stored, max(low, have.min), min(high, have.max), out=stored)
        self._padded_frames.add(index)
        if count:
            ends = np.iinfo(self.dtype)
            text = f"values beyond {ends.min} to {ends.max} are clipped: load eagerly to have them"
            self.problems.note("values-clipped", text, self.frames.label(index))

    def rescale(self) -> list[tuple[float, float]]:
        """Return (slope, intercept) of each frame, or the one that all share."""
        pairs = list(zip(self.slopes.tolist(), self.intercepts.tolist(), strict=True))
        return pairs[:1] if len(set(pairs)) == 1 else pairs

    def _common_dtype(self, *, compact: bool) -> np.dtype[Any]:
        kinds: dict[tuple[Any, ...], np.dtype[Any]] = {}
        choose = compact_dtype if compact else output_dtype
        slopes, intercepts = set(self.slopes.tolist()), set(self.intercepts.tolist())
        for d, lut in zip(self._descriptions, self._luts, strict=True):
            if lut is not None:
                kinds["lut",] = np.dtype(np.uint16)
                continue
            key = (d.bits_allocated, d.bits_stored, d.pixel_representation, d.keyword)
            if key not in kinds:
                kinds[key] = choose(d, slopes, intercepts)
        return np.result_type(*kinds.values())

    def _value_range(self) -> tuple[float, float]:
        ends: list[float] = []
        pairs = self.rescale()
        for description in {self.description(0), self.description(len(self) - 1)}:
            if description.is_colour or description.stored_dtype.kind == "f":
                return (0.0, 255.0 if self.dtype == np.uint8 else 1.0)
            bits = description.bits_stored
            low = -(1 << (bits - 1)) if description.pixel_representation else 0
            for slope, intercept in pairs:
                ends += [low * slope + intercept, (low + (1 << bits) - 1) * slope + intercept]
        return (_held(min(ends), self.dtype), _held(max(ends), self.dtype))


def note_failure(frames: Frames, index: int, error: Exception) -> None:
    """Remember in `frames.problems` that frame `index` could not be read."""
    text = str(error)
    name = _name_of(frames, index)
    if isinstance(frames, FrameReader):
        # The finding names the file itself.
        text = text.removeprefix(f"{frames.frames.instance(index).path}: ")
    if isinstance(error, FileNotFoundError):
        reason, text = "file-missing", "the file is gone"
    elif isinstance(error, PixelError | NetworkError):
        reason = error.reason
    else:
        reason, text = "unreadable-file", getattr(error, "strerror", None) or text
    frames.problems.note(reason, f"{text}; filled with padding", name)


def note_success(frames: Frames, index: int) -> None:
    """Take back that frame `index` could not be read."""
    frames.problems.forget(_name_of(frames, index))


def _name_of(frames: Frames, index: int) -> str:
    if isinstance(frames, FrameReader):
        return frames.frames.label(index)
    return f"slice {index + 1}"


def _held(value: float, dtype: np.dtype[Any]) -> float:
    """Return the nearest that `dtype` can hold to `value`."""
    if dtype.kind not in "iu":
        return float(value)
    limits = np.iinfo(dtype)
    return float(min(max(round(value), limits.min), limits.max))


def _rescale_of(
    frames: FrameSet, luts: Sequence[LookupTable | None]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    slopes = np.array([1.0 if i.slope is None else i.slope for i in frames.instances])
    shifts = np.array([0.0 if i.intercept is None else i.intercept for i in frames.instances])
    for k, (instance, lut) in enumerate(zip(frames.instances, luts, strict=True)):
        if lut is not None or is_logarithmic(instance):
            slopes[k], shifts[k] = 1.0, 0.0
        elif instance.sop_class_uid == RT_DOSE:
            slopes[k], shifts[k] = dose_scaling(instance), 0.0
    slope, shift = slopes[frames.owner], shifts[frames.owner]
    if any(frames.tables):
        owns, bases = frames.values("RescaleSlope"), frames.values("RescaleIntercept")
        for k, owner in enumerate(frames.owner.tolist()):
            if frames.tables[owner] is not None and luts[owner] is None and owns[k] is not None:
                slope[k], shift[k] = _finite(owns[k], 1.0), _finite(bases[k], 0.0)
    slope[(slope == 0) | ~np.isfinite(slope)] = 1.0
    shift[~np.isfinite(shift)] = 0.0
    return slope, shift


def _finite(value: Any, otherwise: float) -> float:
    try:
        number = float(otherwise if value is None else value)
    except (TypeError, ValueError):
        return otherwise
    return number if math.isfinite(number) else otherwise
