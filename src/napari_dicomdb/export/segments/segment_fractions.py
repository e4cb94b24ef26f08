"""Fractions of segments, 0 to 1, in an image: which they are, and whether it holds such."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.export.segments.segment_encoding import MAXIMUM
from napari_dicomdb.export.segments.segment_meanings import meanings_of
from napari_dicomdb.export.source import Label

if TYPE_CHECKING:
    from napari_dicomdb.export.segments.segment_meanings import SegmentMeaning
    from napari_dicomdb.export.source import ExportSource

__all__ = ["fraction_limits", "fraction_meanings", "fraction_planes"]

_BEYOND = 0.05  # by which a probability may miss 0 to 1: rounding, not another quantity


def fraction_limits(source: ExportSource) -> tuple[float, float, bool] | None:
    """Return the lowest and highest value, and whether some are no numbers; None if no shares."""
    low, high, gaps = np.inf, -np.inf, False
    for where in np.ndindex(*source.leading, source.grid[0]):
        plane = source.plane(where[:-1], where[-1])
        known = np.isfinite(plane)
        if not known.all():
            if np.isinf(plane).any():
                return None
            gaps, plane = True, plane[known]
        if plane.size:
            low, high = min(low, float(plane.min())), max(high, float(plane.max()))
            if low < -_BEYOND or high > 1 + _BEYOND:
                return None
    # Half of the smallest step becomes 0: there would be nothing to write.
    return (low, high, gaps) if high * MAXIMUM > 0.5 else None


def fraction_planes(source: ExportSource) -> list[ExportSource]:
    """Return a source for each segment of fractions."""
    if not source.leading:
        return [source]
    return [
        replace(
            source,
            array=source.array[k],
            dims=source.dims[1:],
            coords={},
            levels=tuple(level[k] for level in source.levels),
        )
        for k in range(source.leading[0])
    ]


def fraction_meanings(source: ExportSource) -> tuple[SegmentMeaning, ...]:
    """Return what each segment is: as the metadata of a layer or volume, or its axis, says."""
    count = source.leading[0] if source.leading else 1
    coord = source.coords.get(source.dims[0]) if source.leading else None
    names = () if coord is None else coord.values
    rows = [_row(one) for one in source.meta.get("segments") or ()]
    labels = {}
    for k in range(count):
        row = rows[k] if k < len(rows) else {}
        name = str(names[k]) if k < len(names) else str(row.get("name") or source.name)
        labels[k + 1] = Label(k + 1, name, _colour(row.get("colour")), row)
    return meanings_of(replace(source, labels=labels), labels)


def _row(told: Any) -> dict[str, Any]:
    """Return what is known of a segment: a layer has its row, a volume the segment of a plane."""
    return dict(told) if isinstance(told, dict) else dict(told[0].features()) if told else {}


def _colour(told: Any) -> tuple[float, float, float] | None:
    if not isinstance(told, str) or not re.fullmatch("#[0-9a-fA-F]{6}", told):
        return None
    red, green, blue = (part / 255 for part in bytes.fromhex(told[1:]))
    return (red, green, blue)
