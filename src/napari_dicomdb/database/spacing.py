"""Measures the voxels of a series: pixel spacing, and the distance between its slices."""

from __future__ import annotations

import json
import math
from collections import Counter
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom.functional_groups import FrameTable
from napari_dicomdb.dicom.values import parse_ds

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

__all__ = ["ENOUGH", "measure"]

ENOUGH = 2048
"""Instances of a series that are looked at: more of them change no median."""

_SAME_PLACE = 0.01  # mm

_PLANES = (
    "SELECT position_x, position_y, position_z, row_x, row_y, row_z, column_x, column_y, column_z,"
    f" spacing_rows, spacing_columns, frame_count FROM instance WHERE series = ? LIMIT {ENOUGH}"
)

_Plane = tuple[float, float, float, float, float, float, float, float, float]


def measure(connection: sqlite3.Connection, series: Iterable[int]) -> None:
    """Write `spacing_rows`, `spacing_columns` and `slice_spacing` (mm) of series.

    The slice spacing is the median distance along the normal between
    neighbouring places of the slices that share the commonest orientation.

    Parameters
    ----------
    connection : sqlite3.Connection
        In a write transaction.
    series : iterable of int
        Row ids.
    """
    connection.executemany(
        "UPDATE series SET spacing_rows = ?, spacing_columns = ?, slice_spacing = ? WHERE id = ?",
        [(*_measured(connection, key), key) for key in series],
    )


def _measured(
    connection: sqlite3.Connection, series: int
) -> tuple[float | None, float | None, float | None]:
    rows = connection.execute(_PLANES, (series,)).fetchall()
    planes = [row[:9] for row in rows if row[0] is not None and row[3] is not None]
    spacing = next((row[9:11] for row in rows if _positive(row[9]) and _positive(row[10])), None)
    between = _between(planes)
    if any(row[11] > 1 for row in rows) and (spacing is None or between is None):
        of_frames, between_frames = _of_frames(connection, series)
        spacing = spacing or of_frames
        between = between or between_frames
    return (*(spacing or (None, None)), between)


def _positive(number: Any) -> bool:
    return isinstance(number, int | float) and math.isfinite(number) and number > 0


def _between(planes: Sequence[_Plane]) -> float | None:
    if len(planes) < 2:
        return None
    ways = {plane[3:] for plane in planes}
    if len(ways) == 1:
        (way,) = ways
    else:
        # Written with other last digits, it is the same orientation.
        rounded = [tuple(round(number, 3) for number in plane[3:]) for plane in planes]
        (commonest,) = Counter(rounded).most_common(1)
        planes = [p for p, key in zip(planes, rounded, strict=True) if key == commonest[0]]
        way = planes[0][3:]
    a, b, c, d, e, f = way
    x, y, z = b * f - c * e, c * d - a * f, a * e - b * d
    length = math.sqrt(x * x + y * y + z * z)
    if not length > 0.1:  # neither does NaN
        return None
    x, y, z = x / length, y / length, z / length
    along = sorted(plane[0] * x + plane[1] * y + plane[2] * z for plane in planes)
    if not math.isfinite(along[0]) or not math.isfinite(along[-1]):
        return None
    gaps: list[float] = []
    last = along[0]
    for place in along:
        if place - last > _SAME_PLACE:
            gaps.append(place - last)
            last = place
    # Seven digits: what decimal headers say, without the rounding of sums.
    return round(median(gaps), 7) if gaps else None


def _of_frames(
    connection: sqlite3.Connection, series: int
) -> tuple[tuple[float, float] | None, float | None]:
    """Return the spacings of a multi-frame object: by its functional groups, else its header."""
    row = connection.execute(
        "SELECT data FROM frames JOIN instance ON instance.id = frames.instance"
        " WHERE series = ? ORDER BY frame_count DESC LIMIT 1",
        (series,),
    ).fetchone()
    spacing: tuple[float, float] | None = None
    between: float | None = None
    if row is not None:
        table = FrameTable.from_bytes(row[0])
        for frame in range(min(table.count, ENOUGH)):
            found = _numbers(table.get("PixelSpacing", frame), 2)
            if found and min(found) > 0:
                spacing = (found[0], found[1])
                break
        planes: list[_Plane] = []
        for frame in range(min(table.count, ENOUGH)):
            position = _numbers(table.get("ImagePositionPatient", frame), 3)
            way = _numbers(table.get("ImageOrientationPatient", frame), 6)
            if position and way:
                planes.append((*position, *way))  # type: ignore[arg-type]
        between = _between(planes)
    if between is None:
        (defaults,) = connection.execute(
            "SELECT defaults FROM series WHERE id = ?", (series,)
        ).fetchone()
        values = json.loads(defaults)
        offsets = sorted(_numbers(values.get("GridFrameOffsetVector"), None))
        gaps = [b - a for a, b in pairwise(offsets) if b - a > _SAME_PLACE]
        told = _numbers(values.get("SpacingBetweenSlices"), 1)
        if gaps:
            between = round(median(gaps), 7)
        elif told and told[0] > 0:
            between = told[0]
    return spacing, between


def _numbers(value: Any, count: int | None) -> tuple[float, ...]:
    """Return the finite numbers of a value, none when there are not `count`."""
    if value is None:
        return ()
    numbers = parse_ds(value, lenient=True)
    if (count is not None and len(numbers) != count) or not all(map(math.isfinite, numbers)):
        return ()
    return tuple(numbers)
