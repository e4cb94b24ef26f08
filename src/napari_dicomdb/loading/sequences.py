"""Images without a common place in the patient, one after another: (time, row, column)."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.spacing import choose_spacing
from napari_dicomdb.dicom.ultrasound import region_spacing
from napari_dicomdb.loading.building import build_volume
from napari_dicomdb.loading.colours import colour_reader
from napari_dicomdb.loading.frame_axis import FrameAxis, frame_axis, numbers_of
from napari_dicomdb.loading.sorting import is_colour, number_order
from napari_dicomdb.loading.volume import Coord, VolumeGeometry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_dicomdb.dicom.spacing import InPlaneSpacing
    from napari_dicomdb.loading.frames import FrameSet
    from napari_dicomdb.loading.loadable import Loadable
    from napari_dicomdb.loading.volume import Volume
    from napari_dicomdb.progress import Progress

__all__ = [
    "SEQUENCE",
    "axis_of",
    "load_sequence",
    "sequence_dims",
    "sequence_options",
    "spacing_of",
]

SEQUENCE = "sequence"
"""Value of the option ``remedy`` of such a loadable."""


def spacing_of(frames: FrameSet) -> InPlaneSpacing:
    """Return the spacing of the pixels and what it means (reference/pixels.md PX-7, PX-8)."""
    first = frames.instances[0]
    values = dict(first.values)
    by_region = region_spacing(values, first.rows, first.columns)
    if by_region is not None:
        return by_region
    known = frames.spacings[np.isfinite(frames.spacings).all(axis=1)]
    if len(known) and not values.get("PixelSpacing"):
        values["PixelSpacing"] = [float(v) for v in known[0]]  # of the functional groups
    if not values.get("ImagerPixelSpacing"):
        values["ImagerPixelSpacing"] = frames.value("ImagerPixelSpacing", 0)
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
    return ordered, options, (*lead, *_matrix(ordered), *colour), known


def load_sequence(
    loadable: Loadable,
    frames: FrameSet,
    *,
    progress: Progress,
    lazy: bool,
    meta: Mapping[str, Any] | None = None,
) -> Volume:
    """Load `frames`, in their order, as (row, column) when it is one, else with an axis before.

    That axis is "time" where the header tells the times of frames (`frame_axis`).
    """
    spacing = spacing_of(frames)
    rows, columns = _matrix(frames)
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
    axis = axis_of(frames)
    coords: Mapping[str, Coord] = {} if single else {axis.dim: axis.coord}
    return build_volume(
        loadable,
        frames,
        geometry,
        sequence_dims(frames),
        lazy=lazy,
        progress=progress,
        reader=colour_reader(loadable),
        leading=() if single else None,
        coords=coords,
        findings=loadable.findings,
        meta={
            "remedy": SEQUENCE,
            "calibrated": spacing.calibrated,
            "frame_axis_source": axis.source,
            **(meta or {}),
        },
    )


def sequence_dims(frames: FrameSet) -> tuple[str, ...]:
    """Return the names of the axes that `load_sequence` gives, but for that of colour."""
    if len(frames) == 1:
        return ("row", "column")
    return (axis_of(frames).dim, "row", "column")


def axis_of(frames: FrameSet) -> FrameAxis:
    """Return what the frames follow each other along: the frames of one object, or images."""
    if len(frames.instances) == 1 and frames.instances[0].frame_count > 1:
        axis = frame_axis(frames.instances[0], frames.tables[0])
        numbers = frames.number.tolist()
        if max(numbers) < len(axis.coord.values):
            return axis.take(numbers)
    return _triggered(frames) or FrameAxis("frame", Coord(tuple(range(1, len(frames) + 1))))


def _triggered(frames: FrameSet) -> FrameAxis | None:
    """Return the times of single images of a gated cine, None when they do not grow."""
    if len(frames.instances) != len(frames) or len(frames) < 2:
        return None
    found = [numbers_of(value)[:1] for value in frames.values("TriggerTime")]
    times = [value / 1000 for column in found for value in column]
    if len(times) < len(frames) or any(b <= a for a, b in pairwise(times)):
        return None
    return FrameAxis("time", Coord(tuple(times), "s"), "TriggerTime")


def _matrix(frames: FrameSet) -> tuple[int, int]:
    """Rows and columns of a frame: of a tile where the image is a sheet of them."""
    return int(frames.fields("rows")[0]), int(frames.fields("columns")[0])
