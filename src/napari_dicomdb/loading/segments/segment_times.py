"""Segmentations over time: which frames of one segment and place belong to which moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.loading.volume import Coord

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_dicomdb.loading.frames import FrameSet

__all__ = ["SegmentTimes", "times_of"]

# Keyword, name of the axis, unit; the most telling first.
_KEYWORDS = (
    ("TemporalPositionTimeOffset", "time", "s"),
    ("NominalCardiacTriggerDelayTime", "trigger_time", "ms"),
    ("FrameReferenceTime", "time", "ms"),
    ("NominalPercentageOfCardiacPhase", "cardiac_phase", "%"),
    ("NominalPercentageOfRespiratoryPhase", "respiratory_phase", "%"),
    ("TemporalPositionIndex", "time", ""),
    ("TemporalPositionIdentifier", "time", ""),
    ("FrameReferenceDateTime", "time", ""),
    ("FrameAcquisitionDateTime", "time", ""),
    ("FrameAcquisitionNumber", "acquisition", ""),
    ("StackID", "stack", ""),
)
# Dimensions that say which segment, or where in space: never when.
_SPACE = frozenset(
    {"ReferencedSegmentNumber", "ImagePositionPatient", "InStackPositionNumber", "StackID",
     "ImageOrientationPatient", "RowPositionInTotalImagePixelMatrix",
     "ColumnPositionInTotalImagePixelMatrix", "ImagePositionVolume"}
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class SegmentTimes:
    """An axis beside space.

    Parameters
    ----------
    turns : (N,) ndarray of int
        Index along the axis of each frame.
    dim : str
        Name of the axis.
    coord : Coord
        Value of each index.
    """

    turns: NDArray[np.intp]
    dim: str
    coord: Coord

    def __len__(self) -> int:
        return len(self.coord.values)


def times_of(
    frames: FrameSet, places: NDArray[np.intp]
) -> tuple[SegmentTimes | None, tuple[Finding, ...]]:
    """Return the axis that tells frames of one segment at one place apart, None for none.

    Parameters
    ----------
    frames : FrameSet
    places : (N, 3) ndarray of int
        Slice, first row, first column of each.

    Returns
    -------
    times : SegmentTimes or None
    findings : tuple of Finding
        When frames coincide and nothing tells them apart.
    """
    segments = frames.values("ReferencedSegmentNumber")
    spots = [(s, *p) for s, p in zip(segments, places.tolist(), strict=True)]
    again = len(spots) - len(set(spots))
    if not again:
        return None, ()
    for values, dim, unit in _candidates(frames):
        if any(value is None for value in values):
            continue
        known = set(values)
        if len(known) < 2 or len(set(zip(values, spots, strict=True))) < len(spots):
            continue
        try:
            order = sorted(known)
        except TypeError:
            continue
        turn = {value: k for k, value in enumerate(order)}
        turns = np.array([turn[value] for value in values], dtype=np.intp)
        return SegmentTimes(turns, dim, Coord(tuple(order), unit)), ()
    text = (
        f"{again} of {len(spots)} frames are of a segment and place that another frame has, too, "
        "and nothing tells them apart: they are shown as one"
    )
    numbers = {"again": again, "frames": len(spots)}
    return None, (Finding(FindingCode.DUPLICATE_SLICES, Severity.WARNING, text, numbers),)


def _candidates(frames: FrameSet) -> Iterator[tuple[Sequence[Any], str, str]]:
    for keyword, dim, unit in _KEYWORDS:
        yield frames.values(keyword), dim, unit
    table = frames.tables[0]
    pointers = table.shared.get("DimensionIndexPointers") if table is not None else None
    if not isinstance(pointers, list):
        return
    indices = frames.values("DimensionIndexValues")
    for place, pointer in enumerate(pointers):
        if pointer in _SPACE:
            continue
        values = [
            one[place] if isinstance(one, (list, tuple)) and place < len(one) else None
            for one in indices
        ]
        yield values, "time" if "Time" in str(pointer) else "dimension", ""
