"""What the frames of one multi-frame object are frames of: times, places, labels, numbers."""

from __future__ import annotations

import datetime
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.dicom.keywords import TAG_OF
from napari_dicomdb.dicom.values import parse_datetime, parse_ds, split_values
from napari_dicomdb.loading.volume import Coord

if TYPE_CHECKING:
    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.dicom.functional_groups import FrameTable

__all__ = ["FrameAxis", "frame_axis", "frame_pointers", "frame_times", "numbers_of"]

_KEYWORD_OF = {tag: keyword for keyword, tag in TAG_OF.items()}
_PLACES = ("SliceLocationVector", "GridFrameOffsetVector")  # mm along the normal
_TIME_POINTERS = ("FrameTimeVector", "FrameTime")
# Rates in frames a second; the first is that of the acquisition (PS3.3 Section C.7.6.5.1.2).
_RATES = ("CineRate", "RecommendedDisplayFrameRate")
_FRAME_CLOCKS = ("FrameReferenceDateTime", "FrameAcquisitionDateTime")


@dataclass(frozen=True)
class FrameAxis:
    """The leading axis of a multi-frame object.

    Parameters
    ----------
    dim : str
        "time" (s), "location" (mm), or "frame" (labels or numbers).
    coord : Coord
        One value for each frame.
    source : str
        Keyword that the values are from; "" for plain numbers.
    finding : Finding or None
        Why it is not what FrameIncrementPointer announces.
    """

    dim: str
    coord: Coord
    source: str = ""
    finding: Finding | None = None

    def take(self, numbers: list[int]) -> FrameAxis:
        """Return the axis of some frames (from 0)."""
        values = tuple(self.coord.values[n] for n in numbers)
        return FrameAxis(self.dim, Coord(values, self.coord.unit), self.source, self.finding)


def frame_pointers(record: InstanceRecord) -> tuple[str, ...]:
    """Return the keywords that FrameIncrementPointer names, "" for unknown ones.

    Examples
    --------
    (0018,1063) is kept as the number 0x00181063 and named "FrameTime".
    """
    value = record.values.get("FrameIncrementPointer")
    tags = value if isinstance(value, list) else [value]
    return tuple(_KEYWORD_OF.get(tag, "") for tag in tags if isinstance(tag, int))


def frame_axis(record: InstanceRecord, table: FrameTable | None = None) -> FrameAxis:
    """Return the axis along which the frames of `record` follow each other.

    Parameters
    ----------
    record : InstanceRecord
        Of an object with several frames.
    table : FrameTable, optional
        Its functional groups.

    Notes
    -----
    PS3.3 Sections C.7.6.5 (Cine) and C.7.6.6 (Multi-frame). What
    FrameIncrementPointer names comes first; without it, or when that does not
    fit the number of frames, any other source of times.
    """
    count = max(record.frame_count, 1)
    pointers = frame_pointers(record)
    finding = None
    for pointer in pointers:
        if pointer in _PLACES:
            places = numbers_of(record.values.get(pointer))
            if len(places) >= count:
                return FrameAxis("location", Coord(tuple(places[:count]), "mm"), pointer)
            finding = _too_short(pointer, len(places), count)
        elif pointer == "FrameLabelVector":
            labels = split_values(str(record.values.get(pointer) or ""))
            if len(labels) >= count:
                return FrameAxis("frame", Coord(tuple(labels[:count])), pointer)
            finding = _too_short(pointer, len(labels), count)
        elif pointer == "FrameTimeVector":
            steps = numbers_of(record.values.get(pointer))
            if len(steps) < count:
                finding = _too_short(pointer, len(steps), count)
    order = _TIME_POINTERS[::-1] if "FrameTime" in pointers else _TIME_POINTERS
    timed = _frame_times(record, table, order)
    if timed is not None:
        times, source = timed
        return FrameAxis("time", Coord(tuple(times), "s"), source, finding)
    return FrameAxis("frame", Coord(tuple(range(1, count + 1))), "", finding)


def frame_times(record: InstanceRecord, table: FrameTable | None = None) -> list[float] | None:
    """Return the time of each frame in seconds since the first, None when unknown."""
    axis = frame_axis(record, table)
    return list(axis.coord.values) if axis.dim == "time" else None


def _frame_times(
    record: InstanceRecord, table: FrameTable | None, order: tuple[str, ...]
) -> tuple[list[float], str] | None:
    count = max(record.frame_count, 1)
    for keyword in order:
        numbers = numbers_of(record.values.get(keyword))
        if keyword == "FrameTimeVector" and len(numbers) >= count:
            # Increments; that of the first frame should be 0 and is not always.
            times = np.cumsum(numbers[:count]) / 1000
            if (np.diff(times) >= 0).all() and times[-1] > times[0]:
                return [float(t) for t in times - times[0]], keyword
        elif keyword == "FrameTime" and numbers and numbers[0] > 0:
            return _steps(count, numbers[0] / 1000), keyword
    for clock in _FRAME_CLOCKS:
        if table is not None and (stamps := _stamps(table, clock, count)) is not None:
            return stamps, clock
    for keyword in _RATES:
        numbers = numbers_of(record.values.get(keyword))
        if numbers and numbers[0] > 0:
            return _steps(count, 1 / numbers[0]), keyword
    return None


def _steps(count: int, step: float) -> list[float]:
    return [float(t) for t in np.arange(count) * step]


def _stamps(table: FrameTable, keyword: str, count: int) -> list[float] | None:
    """Seconds since the first of the times that the functional groups give each frame."""
    if keyword not in table.per_frame or table.count < count:
        return None
    texts = [parse_datetime(str(table.get(keyword, n) or "")) for n in range(count)]
    if not all(texts):
        return None
    moments = [datetime.datetime.fromisoformat(text) for text in texts]
    if len({moment.tzinfo is None for moment in moments}) > 1:
        return None
    seconds = [(moment - moments[0]).total_seconds() for moment in moments]
    return seconds if all(b > a for a, b in itertools.pairwise(seconds)) else None


def _too_short(keyword: str, have: int, count: int) -> Finding:
    return Finding(
        FindingCode.BAD_HEADER_VALUE,
        Severity.WARNING,
        f"{keyword} has {have} values for {count} frames: it is not used",
        {"keyword": keyword, "values": have, "frames": count},
    )


def numbers_of(value: Any) -> list[float]:
    """Return the numbers of a kept value, whatever its form; [] when it has none."""
    if isinstance(value, (int, float)):
        return [float(value)]
    if isinstance(value, list):
        return [float(v) for v in value if isinstance(v, (int, float))]
    return list(parse_ds(value, lenient=True)) if isinstance(value, str) and value else []
