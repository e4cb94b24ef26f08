"""Images without a common place in the patient, one after another: (frame, row, column)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.spacing import choose_spacing
from napari_dicomdb.dicom.values import parse_ds
from napari_dicomdb.loading.building import build_volume
from napari_dicomdb.loading.sorting import is_colour, number_order
from napari_dicomdb.loading.volume import Coord, VolumeGeometry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.dicom.spacing import InPlaneSpacing
    from napari_dicomdb.loading.frames import FrameSet
    from napari_dicomdb.loading.loadable import Loadable
    from napari_dicomdb.loading.volume import Volume
    from napari_dicomdb.progress import Progress

__all__ = ["SEQUENCE", "frame_times", "load_sequence", "sequence_options", "spacing_of"]

SEQUENCE = "sequence"
"""Value of the option ``remedy`` of such a loadable."""


def spacing_of(frames: FrameSet) -> InPlaneSpacing:
    """Return the spacing of the pixels and what it means (reference/pixels.md PX-7)."""
    values = dict(frames.instances[0].values)
    known = frames.spacings[np.isfinite(frames.spacings).all(axis=1)]
    if len(known) and not values.get("PixelSpacing"):
        values["PixelSpacing"] = [float(v) for v in known[0]]  # of the functional groups
    return choose_spacing(values)


def sequence_options(
    frames: FrameSet,
) -> tuple[FrameSet, dict[str, Any], tuple[int, ...], tuple[float, ...] | None]:
    """Return frames in the order of their numbers, loadable options, shape and spacing."""
    ordered = frames.take(number_order(frames))
    spacing = spacing_of(ordered)
    first = ordered.instances[0]
    lead = () if len(ordered) == 1 else (len(ordered),)
    known = None if spacing.label == "pixel" else (spacing.row, spacing.column)
    options = {**ordered.options(), "remedy": SEQUENCE}
    colour = (3,) if is_colour(first) else ()
    return ordered, options, (*lead, first.rows, first.columns, *colour), known


def load_sequence(
    loadable: Loadable, frames: FrameSet, *, progress: Progress, lazy: bool
) -> Volume:
    """Load `frames`, in their order, as (frame, row, column), or (row, column) if it is one."""
    spacing = spacing_of(frames)
    rows, columns = frames.instances[0].rows, frames.instances[0].columns
    affine = np.zeros((4, 4))
    # Image coordinates: columns to the left of the patient axis x, rows along y.
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = 1, spacing.row, spacing.column, 1
    geometry = VolumeGeometry(
        affine,
        (1, rows, columns),
        is_regular=True,
        in_patient=False,
        spacing_label=spacing.label,
    )
    single = len(frames) == 1
    coords: Mapping[str, Coord] = {} if single else {"frame": _frame_coord(frames)}
    return build_volume(
        loadable,
        frames,
        geometry,
        ("row", "column") if single else ("frame", "row", "column"),
        lazy=lazy,
        progress=progress,
        leading=() if single else None,
        coords=coords,
        findings=loadable.findings,
        meta={"remedy": SEQUENCE, "calibrated": spacing.calibrated},
    )


def _frame_coord(frames: FrameSet) -> Coord:
    if len(frames.instances) == 1:
        times = frame_times(frames.instances[0])
        if times is not None and int(frames.number.max()) < len(times):
            return Coord(tuple(times[n] for n in frames.number.tolist()), "s")
    return Coord(tuple(range(1, len(frames) + 1)))


def frame_times(record: InstanceRecord) -> list[float] | None:
    """Return the time of each frame in seconds since the first, None when unknown.

    Notes
    -----
    FrameTimeVector (increments, ms), FrameTime (ms), CineRate or
    RecommendedDisplayFrameRate (1/s): PS3.3 Section C.7.6.5.
    """
    count = max(record.frame_count, 1)
    vector = _numbers(record.values.get("FrameTimeVector"))
    if len(vector) >= count:
        return [float(t) for t in np.cumsum(vector[:count]) / 1000]
    for keyword, scale in (
        ("FrameTime", 1e-3),
        ("CineRate", None),
        ("RecommendedDisplayFrameRate", None),
    ):
        found = _numbers(record.values.get(keyword))
        if found and found[0] > 0:
            step = found[0] * scale if scale else 1 / found[0]
            return [float(t) for t in np.arange(count) * step]
    return None


def _numbers(value: Any) -> list[float]:
    if isinstance(value, (int, float)):
        return [float(value)]
    if isinstance(value, list):
        return [float(v) for v in value if isinstance(v, (int, float))]
    return list(parse_ds(value, lenient=True)) if isinstance(value, str) and value else []
