"""Axes beside space as attributes of images: echo times, b-values and gradients, time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import isfinite
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom.axis_labels import labels_of_axis
from napari_dicomdb.export.images.diffusion_table import DiffusionTable
from napari_dicomdb.export.numbers import decimal_string

if TYPE_CHECKING:
    from pydicom import Dataset

    from napari_dicomdb.export.source import ExportSource

__all__ = ["LeadingAxis", "leading_axes", "lost_times", "with_labels"]

# Name of the axis: keyword, and unit that its values have in DICOM ("" any).
_KEYWORDS = {
    "echo_time": ("EchoTime", "ms"),
    "echo": ("EchoNumbers", ""),
    "b_value": ("DiffusionBValue", "s/mm2"),
    "inversion_time": ("InversionTime", "ms"),
    "flip_angle": ("FlipAngle", "deg"),
    "repetition_time": ("RepetitionTime", "ms"),
    "cardiac_phase": ("NominalPercentageOfCardiacPhase", "%"),
    "respiratory_phase": ("NominalPercentageOfRespiratoryPhase", "%"),
    "tube_voltage": ("KVP", "kV"),
}
_SORTED = frozenset(keyword for keyword, _ in _KEYWORDS.values())
# Of VR FL or FD; the others are decimal strings.
_FLOATS = frozenset(
    {"DiffusionBValue", "NominalPercentageOfCardiacPhase", "NominalPercentageOfRespiratoryPhase"}
)
_TO_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "min": 60e3, "h": 3600e3}
_TIMES = frozenset({"time", "trigger_time", "t", "temporal_position"})
# For an axis that nobody knows the meaning of, in this order.
_OTHERS = ("TemporalPositionIdentifier", "AcquisitionNumber", "EchoNumbers")
_DIFFUSION = "diffusion"
_DIGITS = 3  # of ms, that are read


@dataclass(frozen=True, slots=True)
class LeadingAxis:
    """One axis beside space, and the attributes that tell its steps apart.

    Parameters
    ----------
    name : str
    length : int
    keyword : str
    values : tuple
        Of `keyword`, for each step.
    times_ms : tuple of float
        Of an axis of time, where they are known.
    is_kept : bool
        Whether the attribute says what the axis means.
    diffusion : DiffusionTable or None
        b-values and gradients of an axis of diffusion weightings: they say what its steps
        are, but may be the same at several.
    labels : tuple of str
        What the steps of an axis are that no attribute is for, or times that are read in
        another order, or from another start; of one axis at most.
    """

    name: str
    length: int
    keyword: str
    values: tuple[Any, ...]
    times_ms: tuple[float, ...] = ()
    is_kept: bool = True
    diffusion: DiffusionTable | None = None
    labels: tuple[str, ...] = ()

    @property
    def is_rising(self) -> bool:
        """Whether times are known, and each is later than the one before."""
        read = [round(time, _DIGITS) for time in self.times_ms]
        return bool(read) and all(a < b for a, b in pairwise(read))

    @property
    def is_from_zero(self) -> bool:
        """Whether times are known, and count from the first step."""
        return bool(self.times_ms) and round(self.times_ms[0], _DIGITS) == 0

    @property
    def has_repeats(self) -> bool:
        """Whether b-values alone are known, and do not tell all steps apart."""
        table = self.diffusion
        if table is None or table.has_gradients:
            return False
        return len(set(table.b_values)) < self.length

    @property
    def will_be_sorted(self) -> bool:
        """Whether its steps are told by values alone, which readers put into order."""
        if self.diffusion is None:
            values = self.values if self.keyword in _SORTED else ()
        else:
            alone = not self.diffusion.has_gradients and not self.has_repeats
            values = self.diffusion.b_values if alone else ()
        return list(values) != sorted(values)

    def put(self, dataset: Dataset, step: int) -> None:
        """Say in the header of an image which step it is."""
        value = self.values[step]
        is_text = isinstance(value, float) and self.keyword not in _FLOATS
        setattr(dataset, self.keyword, decimal_string(value) if is_text else value)
        if self.keyword == "TemporalPositionIdentifier":
            dataset.NumberOfTemporalPositions = self.length
            if self.times_ms:
                # Any image may have it; TriggerTime belongs to gated scans.
                dataset.FrameReferenceTime = decimal_string(self.times_ms[step])
        if self.diffusion is not None:
            self.diffusion.put(dataset, step)
        if self.labels:
            dataset.ImageComments = self.labels[step]


def leading_axes(source: ExportSource) -> tuple[LeadingAxis, ...]:
    """Return the axes of a source before slice, row and column, none with the same keyword."""
    found: list[LeadingAxis] = []
    for name, length in zip(source.dims, source.leading, strict=False):
        taken = {axis.keyword for axis in found}
        if name not in _TIMES and any(dim in _TIMES for dim in source.dims):
            taken.add(_OTHERS[0])  # kept for the axis of time
        made = _axis(source, name, length, taken)
        if not made.is_kept and not any(axis.labels for axis in found):
            made = with_labels(made, source)
        found.append(made)
    if not any(axis.labels for axis in found):
        # Whoever reads times believes those that rise, and counts from the first.
        for k, axis in enumerate(found):
            odd = bool(axis.times_ms) and not (axis.is_rising and axis.is_from_zero)
            if odd:
                found[k] = replace(with_labels(axis, source), is_kept=True)
            elif axis.has_repeats:
                found[k] = with_labels(axis, source)
    return tuple(found)


def lost_times(source: ExportSource, labelled: LeadingAxis | None) -> list[str]:
    """Return what is lost of times, in words.

    Parameters
    ----------
    source : ExportSource
    labelled : LeadingAxis or None
        The axis whose labels are written, if any is.
    """
    lost = []
    for axis in leading_axes(source):
        coord = source.coords.get(axis.name)
        if axis.name not in _TIMES or coord is None or coord.unit not in _TO_MS:
            continue
        if axis.is_rising and axis.is_from_zero:
            continue
        if axis.times_ms and labelled is not None and labelled.name == axis.name:
            continue
        if not axis.times_ms:
            lost.append(
                f"not all times of the axis {axis.name!r} are known: only its order is kept"
            )
        elif axis.is_rising:
            lost.append(f"times of the axis {axis.name!r} will count from its first step")
        else:
            lost.append(f"times of the axis {axis.name!r} do not rise: only its order is kept")
    return lost


def with_labels(axis: LeadingAxis, source: ExportSource) -> LeadingAxis:
    """Return an axis that no attribute is for with labels, where these say what it is."""
    coord = source.coords.get(axis.name)
    labels = labels_of_axis(
        axis.name,
        () if coord is None else coord.values,
        "" if coord is None else coord.unit,
        length=axis.length,
    )
    return replace(axis, labels=labels, is_kept=bool(labels))


def _axis(source: ExportSource, name: str, length: int, taken: set[str]) -> LeadingAxis:
    coord = source.coords.get(name)
    values = () if coord is None else tuple(coord.values)
    unit = "" if coord is None else coord.unit
    numbers = len(values) == length and all(
        isinstance(v, int | float) and not isinstance(v, bool) and isfinite(v) for v in values
    )
    steps = tuple(range(1, length + 1))
    if name == _DIFFUSION:
        table = DiffusionTable.of(source.meta, coord, length)
        # One weighting is one acquisition; time is another axis.
        free = next((other for other in (*_OTHERS[1:], _OTHERS[0]) if other not in taken), "")
        if table is not None and free:
            return LeadingAxis(name, length, free, steps, diffusion=table)
    keyword, wanted = _KEYWORDS.get(name, ("", ""))
    known = numbers and unit in (wanted, "") and len(set(values)) == length and min(values) >= 0
    if keyword and known and keyword not in taken:
        made = tuple(int(v) if keyword == "EchoNumbers" else float(v) for v in values)
        return LeadingAxis(name, length, keyword, made)
    times: tuple[float, ...] = ()
    is_time = name in _TIMES
    if is_time and numbers and unit in _TO_MS:
        times = tuple(float(v) * _TO_MS[unit] for v in values)
    for other in _OTHERS:
        if other not in taken:
            kept = is_time and other == _OTHERS[0]
            return LeadingAxis(name, length, other, steps, times if kept else (), kept)
    return LeadingAxis(name, length, "InstanceNumber", steps, is_kept=False)
