"""Axes of nuclear medicine objects: the vectors that say what each frame is a frame of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.loading.frame_axis import frame_axis, frame_pointers, numbers_of
from napari_dicomdb.loading.frames import frame_count_of
from napari_dicomdb.loading.sorting import NUCLEAR_VECTORS
from napari_dicomdb.loading.volume import Coord

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_dicomdb.database.records import InstanceRecord

__all__ = ["NuclearAxis", "NuclearGrid", "grid_of"]

_DIMS = {
    "EnergyWindowVector": "energy",
    "DetectorVector": "detector",
    "PhaseVector": "phase",
    "RotationVector": "rotation",
    "RRIntervalVector": "rr_interval",
    "TimeSlotVector": "time_slot",
    "SliceVector": "slice",
    "AngularViewVector": "view",
    "TimeSliceVector": "time",
}
_SLICE = "slice"


@dataclass(frozen=True, eq=False)
class NuclearAxis:
    """One axis, and where along it each frame lies.

    Parameters
    ----------
    dim : str
        "energy", "detector", "phase", "rotation", "rr_interval", "time_slot",
        "view", "time" or "slice".
    codes : (N,) ndarray of int
        Place of each frame along the axis, from 0.
    coord : Coord
        Value of each place.
    """

    dim: str
    codes: NDArray[np.intp]
    coord: Coord


@dataclass(frozen=True, eq=False)
class NuclearGrid:
    """All frames of one object in a grid.

    Parameters
    ----------
    order : (N,) ndarray of int
        Frames in the order of the grid, the last axis fastest.
    axes : tuple of NuclearAxis
        In the order of FrameIncrementPointer; slices last. Axes with one value
        are left out.
    findings : tuple of Finding
        What is wrong with the vectors.
    """

    order: NDArray[np.intp]
    axes: tuple[NuclearAxis, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return tuple(len(axis.coord.values) for axis in self.axes)


def grid_of(record: InstanceRecord) -> NuclearGrid:
    """Arrange the frames of an NM object along the axes that its vectors describe.

    Parameters
    ----------
    record : InstanceRecord

    Returns
    -------
    NuclearGrid
        When the vectors make no full grid (another number of views for each
        detector, contradicting lengths): one axis "frame", and a finding.

    Notes
    -----
    PS3.3 Sections C.8.4.8 (NM Multi-frame) and C.8.4.9 and following.
    """
    count = frame_count_of(record)
    findings: list[Finding] = []
    columns = _columns(record, count, findings)
    axes = [_axis(keyword, column, record.values) for keyword, column in columns.items()]
    if "PhaseVector" in columns and "TimeSliceVector" in columns:
        # Frames of a dynamic study: phases follow each other in time.
        axes = [a for a in axes if a.dim not in ("phase", "time")]
        axes.append(_dynamic(columns["PhaseVector"], columns["TimeSliceVector"], record.values))
    axes.sort(key=lambda axis: axis.dim == _SLICE)  # stable: the rest as pointed at
    axes = [axis for axis in axes if len(axis.coord.values) > 1]
    axes = _independent(axes, count)
    if _is_grid(axes, count):
        order = np.lexsort([axis.codes for axis in reversed(axes)]) if axes else np.arange(count)
        return NuclearGrid(order, tuple(axes), tuple(findings))
    if axes:
        findings.append(
            Finding(
                FindingCode.MULTIFRAME_INCONSISTENT,
                Severity.WARNING,
                f"{count} frames do not fill the grid of "
                + " × ".join(f"{len(a.coord.values)} {a.dim}" for a in axes)
                + ": shown one after another",
                {"frames": count, "axes": [a.dim for a in axes]},
            )
        )
    every = np.arange(count)
    numbers = NuclearAxis("frame", every, Coord(tuple(range(1, count + 1))))
    if not axes:
        plain = frame_axis(record)  # no vectors: maybe it has frame times, as a loop
        if len(plain.coord.values) == count:
            numbers = NuclearAxis(plain.dim, every, plain.coord)
    return NuclearGrid(every, (numbers,) if count > 1 else (), tuple(findings))


def _columns(
    record: InstanceRecord, count: int, findings: list[Finding]
) -> dict[str, NDArray[np.int64]]:
    """Return the usable vectors by keyword, those that are pointed at first."""
    pointers = [p for p in frame_pointers(record) if p in _DIMS]
    columns: dict[str, NDArray[np.int64]] = {}
    for keyword in dict.fromkeys([*pointers, *NUCLEAR_VECTORS]):
        numbers = numbers_of(record.values.get(keyword))
        if not numbers and keyword not in pointers:
            continue
        if len(numbers) < count:
            findings.append(
                Finding(
                    FindingCode.MULTIFRAME_INCONSISTENT,
                    Severity.WARNING,
                    f"{keyword} has {len(numbers)} values for {count} frames: it is not used",
                    {"keyword": keyword, "values": len(numbers), "frames": count},
                )
            )
            continue
        columns[keyword] = np.array(numbers[:count], dtype=np.int64)
    return columns


def _is_grid(axes: Sequence[NuclearAxis], count: int) -> bool:
    if int(np.prod([len(axis.coord.values) for axis in axes], dtype=np.int64)) != count:
        return False
    places = np.zeros(count, dtype=np.int64)
    for axis in axes:
        places = places * len(axis.coord.values) + axis.codes
    return len(np.unique(places)) == count


def _independent(axes: list[NuclearAxis], count: int) -> list[NuclearAxis]:
    """Leave out axes that only repeat others: a rotation for each phase, for example."""
    kept = list(axes)
    for axis in reversed(axes):
        others = [other for other in kept if other is not axis]
        if len(kept) > 1 and not _is_grid(kept, count) and _is_grid(others, count):
            kept = others
    return kept


def _axis(keyword: str, column: NDArray[np.int64], values: Mapping[str, Any]) -> NuclearAxis:
    numbers, codes = np.unique(column, return_inverse=True)
    return NuclearAxis(_DIMS[keyword], codes, _coord(keyword, numbers.tolist(), values))


def _coord(keyword: str, numbers: list[int], values: Mapping[str, Any]) -> Coord:
    """Return what the numbers of a vector stand for: energies, angles, times."""
    if keyword == "EnergyWindowVector":
        return Coord(tuple(_energy(number, values) for number in numbers))
    if keyword == "AngularViewVector":
        step = _item(values, "RotationInformationSequence.AngularStep", 0)
        if step:
            start = _item(values, "RotationInformationSequence.StartAngle", 0)
            if start is None:
                start = _item(values, "DetectorInformationSequence.StartAngle", 0) or 0.0
            words = values.get("RotationInformationSequence.RotationDirection")
            # Seen from the feet angles grow counter-clockwise (PS3.3 Section C.8.4.12).
            sign = -1 if isinstance(words, list) and words[:1] == ["CW"] else 1
            return Coord(tuple(start + sign * step * (n - 1) for n in numbers), "deg")
    if keyword == "TimeSlotVector":
        step = _item(values, "GatedInformationSequence.DataInformationSequence.FrameTime", 0)
        if step:
            return Coord(tuple(step * (n - 1) / 1000 for n in numbers), "s")
    if keyword == "TimeSliceVector":
        duration = next(iter(numbers_of(values.get("ActualFrameDuration"))), 0.0)
        if duration > 0:
            return Coord(tuple(duration * (n - 1) / 1000 for n in numbers), "s")
    return Coord(tuple(numbers))


def _item(values: Mapping[str, Any], path: str, item: int) -> float | None:
    column = values.get(path)
    if not isinstance(column, list) or not 0 <= item < len(column):
        return None
    return next(iter(numbers_of(column[item])), None)


def _energy(number: int, values: Mapping[str, Any]) -> str:
    """Name an energy window: "Tc99m (126–154 keV)"."""
    sequence = "EnergyWindowInformationSequence"
    names = values.get(f"{sequence}.EnergyWindowName")
    name = ""
    if isinstance(names, list) and 0 < number <= len(names):
        name = str(names[number - 1] or "").strip()
    low, high = (
        _item(values, f"{sequence}.EnergyWindowRangeSequence.EnergyWindow{end}Limit", number - 1)
        for end in ("Lower", "Upper")
    )
    if low is None or high is None:
        return name or str(number)
    range_text = f"{low:.4g}–{high:.4g} keV"
    return f"{name} ({range_text})" if name else range_text


def _dynamic(
    phase: NDArray[np.int64], slice_of_time: NDArray[np.int64], values: Mapping[str, Any]
) -> NuclearAxis:
    """Return the time axis of a dynamic study: phases with frames of their own duration each."""
    pairs, codes = np.unique(np.column_stack([phase, slice_of_time]), axis=0, return_inverse=True)
    sequence = "PhaseInformationSequence"
    times: list[float] = []
    clock = 0.0
    for k, (number, _) in enumerate(pairs.tolist()):
        if k == 0 or pairs[k - 1][0] != number:
            clock += (_item(values, f"{sequence}.PhaseDelay", number - 1) or 0.0) / 1000
        times.append(clock)
        duration = _item(values, f"{sequence}.ActualFrameDuration", number - 1)
        if not duration or duration < 0:
            return NuclearAxis("time", codes.ravel(), Coord(tuple(range(1, len(pairs) + 1))))
        pause = _item(values, f"{sequence}.PauseBetweenFrames", number - 1) or 0.0
        clock += (duration + pause) / 1000
    return NuclearAxis("time", codes.ravel(), Coord(tuple(times), "s"))
