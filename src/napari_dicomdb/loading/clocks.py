"""When each image was taken: what puts repeats into an order, and their times in seconds."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.values import parse_datetime, time_seconds
from napari_dicomdb.loading.axes import Axis, is_mentioned, number_of
from napari_dicomdb.loading.coding import mapped
from napari_dicomdb.loading.examination import remembered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_dicomdb.loading.frames import FrameSet

__all__ = ["Clock", "clocks_of", "time_axis"]

_DAY = 86_400.0
_SHORTEST_TR = 0.2  # s; below, a repetition is one line of k-space, not one volume

# What orders repeats, most telling first (MV-1); InstanceNumber is the last resort (MV-3).
_ORDERING = (
    "TemporalPositionIndex",
    "TemporalPositionIdentifier",
    "TriggerTime",
    "FrameReferenceTime",
    "AcquisitionDateTime",
    "AcquisitionTime",
    "AcquisitionNumber",
    "PHILIPS_2001_1008",
    "GE_0043_101E",
    "ContentTime",
)
# Where times in seconds come from: keyword and what one of its units is in seconds.
_TIMING = (
    ("TemporalPositionTimeOffset", 1.0),
    ("FrameReferenceTime", 1e-3),
    ("AcquisitionDateTime", 1.0),
    ("AcquisitionTime", 1.0),
    ("TriggerTime", 1e-3),
    ("GE_0043_101E", 1.0),
)
_PLAIN = {"AcquisitionNumber": "acquisition", "PHILIPS_2001_1008": "phase"}


@dataclass(frozen=True, eq=False)
class Clock:
    """A number for every frame by which repeats are ordered.

    Parameters
    ----------
    keyword : str
        Where it is from; "InstanceNumber" when nothing better is there.
    ticks : (N,) ndarray of float
    """

    keyword: str
    ticks: NDArray[np.float64]

    @property
    def by_order(self) -> bool:
        """Whether nothing says what the repeats are, only which came first."""
        return self.keyword == "InstanceNumber"


def clocks_of(frames: FrameSet) -> Iterator[Clock]:
    """Yield what may order repeats, most telling first, InstanceNumber last."""
    for keyword in _ORDERING:
        ticks = _ticks(frames, keyword)
        if ticks is not None:
            yield Clock(keyword, ticks)
    numbers = [number_of(value) for value in frames.values("InstanceNumber")]
    ticks = np.array([np.inf if n is None else n for n in numbers])
    if np.isinf(ticks).any() or len(np.unique(ticks)) < len(ticks):
        # Frames of one object have one InstanceNumber: their own number orders them.
        turn = np.lexsort((frames.number, frames.owner, ticks))
        ticks[turn] = np.arange(len(frames))
    yield Clock("InstanceNumber", ticks)


def time_axis(frames: FrameSet, turn: NDArray[np.intp], clock: Clock) -> Axis:
    """Return the axis of repeats: seconds since the first where headers tell, else numbers.

    Parameters
    ----------
    frames : FrameSet
    turn : (N,) ndarray of int
        For each frame which repeat it belongs to.
    clock : Clock
        What ordered them.
    """
    count = int(turn.max()) + 1
    if clock.keyword == "TriggerTime":
        # Slices have their own delays: the middle one speaks for the volume.
        delays = [float(np.median(clock.ticks[turn == k])) for k in range(count)]
        if _is_rising(delays):
            return Axis("trigger_time", "ms", tuple(round(d, 4) for d in delays))
    for keyword, scale in _TIMING:
        ticks = _ticks(frames, keyword)
        if ticks is None:
            continue
        starts = np.full(count, np.inf)
        np.minimum.at(starts, turn, ticks)
        times = (starts - starts[0]) * scale
        if _is_rising(times.tolist()):
            return Axis("time", "s", tuple(round(float(t), 6) for t in times))
    step = _repetition_time(frames)
    if step is not None and clock.keyword != "AcquisitionNumber":
        return Axis("time", "s", tuple(round(k * step, 6) for k in range(count)))
    name = "repeat" if clock.by_order else _PLAIN.get(clock.keyword, "time")
    return Axis(name, "", tuple(range(1, count + 1)))


def _repetition_time(frames: FrameSet) -> float | None:
    """Return the seconds from one volume to the next where RepetitionTime is that."""
    value = number_of(frames.value("RepetitionTime", 0))
    if value is None or frames.instances[0].values.get("Modality") != "MR":
        return None
    return value / 1000 if value / 1000 >= _SHORTEST_TR else None


def _is_rising(values: list[float]) -> bool:
    steps = np.diff(values)
    return bool(len(steps) and np.isfinite(steps).all() and (steps > 0).all())


def _ticks(frames: FrameSet, keyword: str) -> NDArray[np.float64] | None:
    """Return a number for each frame; None when some have none, or all have the same."""
    return remembered((_ticks, id(frames), keyword), frames, lambda: _read(frames, keyword))


def _read(frames: FrameSet, keyword: str) -> NDArray[np.float64] | None:
    if not is_mentioned(frames, keyword):
        return None
    values = frames.values(keyword)
    if None in values:
        return None
    read = number_of
    if keyword.endswith("DateTime"):
        read = _datetime_seconds
    elif keyword in ("AcquisitionTime", "ContentTime"):
        read = _time_seconds
    numbers = mapped(read, values)
    if None in numbers:
        return None
    ticks = np.array(numbers, dtype=np.float64)
    if keyword in ("AcquisitionTime", "ContentTime") and np.ptp(ticks) > _DAY / 2:
        ticks[ticks < _DAY / 2] += _DAY  # past midnight
    return ticks if np.ptp(ticks) > 0 else None


def _time_seconds(value: Any) -> float | None:
    return time_seconds(str(value))


def _datetime_seconds(value: Any) -> float | None:
    iso = parse_datetime(str(value))
    if not iso:
        return None
    moment = datetime.datetime.fromisoformat(iso)
    return (moment.replace(tzinfo=None) - datetime.datetime(1970, 1, 1)).total_seconds()
