"""From labels to segmentations: where they belong, which frames, which objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.segments.image_planes import SourceFrame
from napari_dicomdb.export.segments.segment_encoding import encode
from napari_dicomdb.export.segments.segment_grids import nearest_images, on_grid
from napari_dicomdb.export.segments.segment_layouts import (
    Layout,
    layout_in_patient,
    layout_of_frames,
)
from napari_dicomdb.export.segments.segment_slides import slide_levels
from napari_dicomdb.export.study import new_uid
from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.loading.sorting import is_segmentation, is_slide

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from numpy.typing import NDArray

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.export.segments.segment_encoding import Frames
    from napari_dicomdb.export.segments.segment_slides import SlideLevel
    from napari_dicomdb.export.source import ExportSource
    from napari_dicomdb.export.study import StudyTarget
    from napari_dicomdb.progress import Progress

__all__ = ["Plan", "plan_for"]


@dataclass(frozen=True, eq=False)
class Plan:
    """How labels become objects.

    Parameters
    ----------
    layouts : list of Layout
        One for each object.
    readers : list of callable
        For each object: from the number of a plane to (R, C) arrays, one a source.
    in_space : bool
        Whether objects have a frame of reference.
    remarks : tuple of str
        What happens to the labels on the way: to be said before.
    """

    layouts: list[Layout]
    readers: list[Callable[[int], list[NDArray[Any]]]] = field(repr=False)
    in_space: bool = True
    remarks: tuple[str, ...] = ()

    def encode(self, kind: str, labels: Collection[int], progress: Progress) -> list[Frames]:
        """Return the frames of each object."""
        return [
            encode(
                kind,
                read,
                len(layout),
                (layout.rows, layout.columns),
                labels,
                every=layout.every,
                progress=progress,
                among=(k, len(self.layouts)),
            )
            for k, (layout, read) in enumerate(zip(self.layouts, self.readers, strict=True))
        ]


def plan_for(
    sources: list[ExportSource],
    target: StudyTarget,
    *,
    grid: str = "image",
    full: bool = False,
    pyramid: bool = False,
    progress: Progress,
) -> Plan:
    """Return how sources are written: in the patient, on a slide, or on frames of an image.

    Parameters
    ----------
    sources : list of ExportSource
        Labels, which may overlap; or a source for each of several fractions.
    target : StudyTarget
    grid : str
        "image", "own" for that of the labels, "upright" for that with straight slices.
    full : bool
        Whether all tiles of a slide are written.
    pyramid : bool
        Whether there is an object for each coarser level of a slide, too.
    progress : Progress

    Raises
    ------
    ExportError
        "no-geometry": they have no place in the patient, on a slide or on an image.
    """
    first = sources[0]
    images = [i for i in target.instances.values() if not is_segmentation(i)]
    if any(is_slide(i) for i in images):
        return _on_slide(sources, target, full=full, pyramid=pyramid)
    placed = first.geometry is not None and first.geometry.in_patient
    if not placed or nearest_images(first, target) is None:
        plan = _on_frames(sources, images)
        if plan is not None:
            return plan
        if not placed:
            raise ExportError(_nowhere(first, images), reason="no-geometry")
    return _in_patient(sources, target, images, grid=grid, progress=progress)


def _in_patient(
    sources: list[ExportSource],
    target: StudyTarget,
    images: list[InstanceRecord],
    *,
    grid: str,
    progress: Progress,
) -> Plan:
    made = on_grid(
        sources, target, own=grid == "own", upright=grid == "upright", progress=progress
    )
    leads = list(np.ndindex(*sources[0].leading))
    one_each = len(leads) > 1 and made.times == len(leads)
    layouts = [
        layout_in_patient(made, images, time if one_each else None) for time in range(len(leads))
    ]
    readers = [_of_lead(made.readers, sources, lead) for lead in leads]
    remarks = []
    if made.resampled:
        remarks.append(
            "it is on another grid than what is written: the nearest voxel is taken"
            if sources[0].role == "labels"
            else "it is on another grid than the image: the nearest fraction is taken"
        )
    if made.outside:
        remarks.append("it reaches beyond the image: what is outside is left out")
    if made.uneven:
        remarks.append(
            "its slices are shifted (a tilted gantry) or not evenly apart, as those of the image: "
            'some programs refuse that; the grid "upright" is for them'
        )
    if len(leads) > 1:
        what = " × ".join(sources[0].dims[:-3])
        told = "each refers to its own" if one_each else "each refers to all images of its place"
        remarks.append(f"one object for each of {len(leads)} ({what}); {told}")
    return Plan(layouts, readers, remarks=tuple(remarks))


def _of_lead(
    readers: list[Callable[[tuple[int, ...], int], NDArray[Any]]],
    sources: list[ExportSource],
    lead: tuple[int, ...],
) -> Callable[[int], list[NDArray[Any]]]:
    pairs = [
        (read, lead if one.leading else ()) for read, one in zip(readers, sources, strict=True)
    ]
    return lambda k: [read(where, k) for read, where in pairs]


def _on_slide(
    sources: list[ExportSource], target: StudyTarget, *, full: bool, pyramid: bool
) -> Plan:
    if any(one.leading or one.grid[0] > 1 for one in sources):
        raise ExportError(
            "labels of a slide are one plane: they have rows and columns only",
            reason="unsupported-shape",
        )
    levels_of = [slide_levels(one, target, pyramid=pyramid) for one in sources]
    levels = levels_of[0]
    if any(other[0].uid != levels[0].uid for other in levels_of):
        raise ExportError(
            "the layers are drawn on different levels of the slide: write them one by one",
            reason="different-levels",
        )
    remarks = []
    if any(each[0].resampled for each in levels_of):
        image = levels[0].image
        remarks.append(
            f"it is written on the level of {image.columns} × {image.rows} pixels: "
            "the nearest label is taken"
        )
    if pyramid:
        remarks.append(_told_of_levels(levels_of))
    uid = new_uid() if len(levels) > 1 else ""
    return Plan(
        [level.layout(target, full=full, pyramid=uid) for level in levels],
        [_of_level(levels_of, sources, k) for k in range(len(levels))],
        remarks=tuple(remarks),
    )


def _told_of_levels(levels_of: list[list[SlideLevel]]) -> str:
    count = len(levels_of[0])
    if count == 1:
        return "the slide has no coarser level: it is no pyramid"
    made = sum(any(each[k].resampled for each in levels_of) for k in range(1, count))
    told = f"a pyramid, one object for each of {count} levels that has labels"
    return f"{told}; {made} of them are made of the nearest labels" if made else told


def _of_level(
    levels_of: list[list[SlideLevel]], sources: list[ExportSource], k: int
) -> Callable[[int], list[NDArray[Any]]]:
    readers = [each[k].reader(one) for each, one in zip(levels_of, sources, strict=True)]
    return lambda tile: [array for read in readers for array in read(tile)]


def _on_frames(sources: list[ExportSource], images: list[InstanceRecord]) -> Plan | None:
    """Return a plan on the frames of images that are nowhere; None when they do not fit."""
    first = sources[0]
    frames = FrameSet.of(images) if images else None
    if frames is None or not len(frames):
        return None
    sizes = set(
        zip(frames.fields("rows").tolist(), frames.fields("columns").tolist(), strict=True)
    )
    if sizes != {first.grid[1:]} or any(one.grid[1:] != first.grid[1:] for one in sources):
        return None
    shape = first.grid[1:]
    where = list(np.ndindex(*first.leading, first.grid[0]))
    every = [
        SourceFrame(
            frames.instance(k), int(frames.number[k]) + 1 if frames.instance(k).frame_count > 1
            else None
        )
        for k in range(len(frames))
    ]  # fmt: skip
    if len(where) == len(every):
        drawn_on = [[one] for one in every]
        remarks: tuple[str, ...] = ()
    elif len(where) == 1:
        drawn_on = [[SourceFrame(i, None) for i in images]]
        remarks = (f"one plane of labels stands for all {len(every)} frames of the image",)
    else:
        return None
    if any((*one.leading, one.grid[0]) != (*first.leading, first.grid[0]) for one in sources):
        return None
    spacing = frames.spacings[0]
    known = bool(np.isfinite(spacing).all() and (spacing > 0).all())
    layout = layout_of_frames(drawn_on, shape, spacing.tolist() if known else None)
    remarks += ("it has no place in the patient, as its image: few programs show it",)
    return Plan(
        [layout],
        [lambda k: [one.plane(where[k][:-1], where[k][-1]) for one in sources]],
        in_space=False,
        remarks=remarks,
    )


def _nowhere(source: ExportSource, images: list[InstanceRecord]) -> str:
    if not images:
        return (
            "labels need a place in the patient, or an image they were drawn on, to be written "
            "as a segmentation"
        )
    count = int(np.prod(source.leading, dtype=int)) * source.grid[0]
    there = sum(max(i.frame_count, 1) for i in images)
    return (
        f"{count} planes of {source.grid[2]} × {source.grid[1]} labels are not the frames of the "
        f"image ({there} of {images[0].columns} × {images[0].rows}), and nothing says where in "
        "the patient they are"
    )
