"""Frames after the modality LUT: one at a time, or all at once in threads."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.dicom.modality import (
    LookupTable,
    modality_rescale,
    output_dtype,
    padding_range,
    rescale_into,
)
from napari_dicomdb.dicom.pixels import PixelDescription, read_frame
from napari_dicomdb.errors import Cancelled, LoadError, MissingDecoderError, PixelError
from napari_dicomdb.progress import no_progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.loading.frames import FrameSet
    from napari_dicomdb.progress import Progress

__all__ = ["FrameReader", "Frames", "ReadProblems", "read_all", "thread_count"]

_MOST_THREADS = 8
_SHOWN = 3

_CODE_OF = {
    "truncated-pixels": FindingCode.TRUNCATED_PIXELS,
    "file-missing": FindingCode.FILE_MISSING,
    "file-changed": FindingCode.FILE_CHANGED,
    "other-object": FindingCode.OTHER_OBJECT,
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

    Attributes
    ----------
    frame_shape : tuple of int
        (rows, columns) or (rows, columns, 3).
    dtype : numpy.dtype
        Of all frames after the modality LUT (`dicom.modality.output_dtype`).
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

    def __init__(self, frames: FrameSet, refused: Mapping[str, Exception] | None = None) -> None:
        self.frames = frames
        self.problems = ReadProblems()
        self._refused = dict(refused or {})
        try:
            self._descriptions = [PixelDescription.from_record(i) for i in frames.instances]
        except PixelError as error:
            raise LoadError(str(error), reason=error.reason) from error
        shapes = {d.frame_shape for d in self._descriptions}
        if len(shapes) != 1:
            raise LoadError(
                f"images of different shapes cannot be stacked: {sorted(shapes)}",
                reason="mixed-matrix",
            )
        self.frame_shape = shapes.pop()
        self._luts = [_modality_lut(i) for i in frames.instances]
        self.slopes, self.intercepts = _rescale_of(frames, self._luts)
        self.dtype = self._common_dtype()
        first = self._descriptions[frames.owner[0]]
        slope, intercept = float(self.slopes[0]), float(self.intercepts[0])
        padding = padding_range(frames.instance(0).values, first)
        self.padding = None if padding is None else padding.rescaled(slope, intercept)
        self.fill = _held(self.padding[0] if self.padding else intercept, self.dtype)
        self.value_range = self._value_range()

    def __len__(self) -> int:
        return len(self.frames)

    def description(self, index: int) -> PixelDescription:
        """Return where and how the pixels of frame `index` are stored."""
        return self._descriptions[int(self.frames.owner[index])]

    def read(self, index: int, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Read frame `index` as values of the modality (into `out`)."""
        owner = self.frames.owner[index]
        description, path = self._descriptions[owner], self.frames.instances[owner].path
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
            read_frame(path, description, number, out.view(stored), problems=notes)
            rescale_into(out, slope, intercept)
        else:
            values = read_frame(path, description, number, problems=notes)
            if lut is not None:
                out[...] = lut.apply(values)
            elif description.is_colour or (slope == 1 and intercept == 0):
                out[...] = values
            elif dtype.kind == "f" and slope != 1:
                np.multiply(values, dtype.type(slope), out=out, casting="unsafe")
                np.add(out, dtype.type(intercept), out=out)
            else:
                out[...] = modality_rescale(values, slope, intercept, dtype)
        for reason, text in notes:
            lost = reason == "truncated-pixels"
            self.problems.note(reason, text, self.frames.label(index), lost=lost)
        return out

    def rescale(self) -> list[tuple[float, float]]:
        """Return (slope, intercept) of each frame, or the one that all share."""
        pairs = list(zip(self.slopes.tolist(), self.intercepts.tolist(), strict=True))
        return pairs[:1] if len(set(pairs)) == 1 else pairs

    def _common_dtype(self) -> np.dtype[Any]:
        kinds: dict[tuple[Any, ...], np.dtype[Any]] = {}
        slopes, intercepts = set(self.slopes.tolist()), set(self.intercepts.tolist())
        for d, lut in zip(self._descriptions, self._luts, strict=True):
            if lut is not None:
                kinds["lut",] = np.dtype(np.uint16)
                continue
            key = (d.bits_allocated, d.bits_stored, d.pixel_representation, d.keyword)
            if key not in kinds:
                kinds[key] = output_dtype(d, slopes, intercepts)
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


def read_all(
    frames: Frames, *, progress: Progress = no_progress, workers: int | None = None
) -> NDArray[Any]:
    """Read all frames into one new array.

    Parameters
    ----------
    frames : Frames
        What to read. Frames that cannot be read are filled with `frames.fill`
        and noted in `frames.problems`.
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
    try:
        array = np.empty((count, *frames.frame_shape), frames.dtype)
    except MemoryError as error:
        size = count * int(np.prod(frames.frame_shape)) * frames.dtype.itemsize / 1e9
        raise LoadError(
            f"no memory for {size:.1f} GB of pixels: load lazily (lazy=True)", reason="too-large"
        ) from error
    workers = workers or thread_count()
    # Small portions keep all threads busy to the end and the progress alive.
    portion = max(1, min(16, count // (workers * 4)))
    starts = range(0, count, portion)
    failures: list[tuple[int, Exception]] = []

    def work(start: int) -> int:
        stop = min(start + portion, count)
        for index in range(start, stop):
            try:
                frames.read(index, array[index])
            except (PixelError, OSError) as error:
                failures.append((index, error))
                array[index] = frames.fill
        return stop - start

    done = 0
    progress(0, count, "Reading")
    with ThreadPoolExecutor(workers, thread_name_prefix="dicomdb-read") as pool:
        futures = [pool.submit(work, start) for start in starts]
        try:
            for future in futures:
                done += future.result()
                progress(done, count, "Reading")
        except (Cancelled, KeyboardInterrupt):
            for future in futures:
                future.cancel()
            raise
    settle_failures(frames, failures)
    return array


def settle_failures(frames: Frames, failures: Sequence[tuple[int, Exception]]) -> None:
    """Note frames that could not be read; raise when none could."""
    if not failures:
        return
    if len(failures) == len(frames):
        texts = list(
            dict.fromkeys(str(error) for _, error in sorted(failures, key=lambda f: f[0]))
        )
        first = failures[0][1]
        if isinstance(first, MissingDecoderError):
            raise LoadError(str(first), reason=first.reason) from first
        more = f"; and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
        raise LoadError(f"no image can be read: {'; '.join(texts[:_SHOWN])}{more}") from first
    for index, error in failures:
        note_failure(frames, index, error)


def note_failure(frames: Frames, index: int, error: Exception) -> None:
    """Remember in `frames.problems` that frame `index` could not be read."""
    text = str(error)
    name = f"slice {index + 1}"
    if isinstance(frames, FrameReader):
        name = frames.frames.label(index)
        # The finding names the file itself.
        text = text.removeprefix(f"{frames.frames.instance(index).path}: ")
    if isinstance(error, FileNotFoundError):
        reason, text = "file-missing", "the file is gone"
    elif isinstance(error, PixelError):
        reason = error.reason
    else:
        reason, text = "unreadable-file", getattr(error, "strerror", None) or text
    frames.problems.note(reason, f"{text}; filled with padding", name)


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
        if lut is not None or _is_logarithmic(instance):
            slopes[k], shifts[k] = 1.0, 0.0
    slope, shift = slopes[frames.owner], shifts[frames.owner]
    for k in range(len(frames)):
        table = frames.tables[frames.owner[k]]
        if table is not None and luts[frames.owner[k]] is None:
            own, base = frames.value("RescaleSlope", k), frames.value("RescaleIntercept", k)
            if own is not None:
                slope[k], shift[k] = float(own), float(base or 0.0)
    slope[(slope == 0) | ~np.isfinite(slope)] = 1.0
    shift[~np.isfinite(shift)] = 0.0
    return slope, shift


def _is_logarithmic(instance: InstanceRecord) -> bool:
    # XA and RF: the modality LUT makes values linear for subtraction; it is not for display
    # (reference/pixels.md PX-4).
    values = instance.values
    return values.get("Modality") in ("XA", "RF") and (
        values.get("PixelIntensityRelationship") == "LOG"
    )


def _modality_lut(instance: InstanceRecord) -> LookupTable | None:
    if not instance.values.get("ModalityLUTSequence") or _is_logarithmic(instance):
        return None
    from pydicom import dcmread

    header = dcmread(instance.path, stop_before_pixels=True, force=True)
    items = header.get("ModalityLUTSequence")
    if not items:
        return None
    try:
        return LookupTable.from_item(items[0], signed=instance.pixel_representation == 1)
    except ValueError as error:
        raise LoadError(f"{instance.path}: {error}", reason="bad-modality-lut") from error
