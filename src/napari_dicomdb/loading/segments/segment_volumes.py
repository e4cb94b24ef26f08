"""Volumes of segmentations: labels, fractions, slides; with what their segments are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.loading.describing import volume_meta
from napari_dicomdb.loading.segments.label_painting import paint_label_map, paint_segments
from napari_dicomdb.loading.segments.segment_frames import MappedFrames, fractions_of, tiles_of
from napari_dicomdb.loading.segments.segment_resampling import resampled_labels
from napari_dicomdb.loading.segments.segment_tiles import (
    is_small,
    lazy_labels,
    painted_labels,
    tile_segments,
)
from napari_dicomdb.loading.volume import Coord, Volume, VolumeGeometry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_dicomdb.loading.frames import FrameSet
    from napari_dicomdb.loading.loadable import Loadable
    from napari_dicomdb.loading.segments.label_painting import Painted, StoredFrames
    from napari_dicomdb.loading.segments.segment_grid import SegmentGrid
    from napari_dicomdb.loading.segments.segment_list import Segment, SegmentList
    from napari_dicomdb.loading.slides import SlideImage
    from napari_dicomdb.progress import Progress

__all__ = [
    "FRACTIONS",
    "GROUP",
    "LABELS",
    "SEGMENT",
    "fraction_volume",
    "label_volume",
    "numbers_of",
    "slide_volume",
]

LABELS = "segmentation"
"""Kind of a volume of labels."""

FRACTIONS = "fractional-segmentation"
"""Kind of a volume of fractions, 0 to 1, one plane of the first axis a segment."""

GROUP = "group"
"""Axis of arrays of labels that overlap each other."""

SEGMENT = "segment"
"""Axis of segments with fractions."""

_SPATIAL = ("slice", "row", "column")


def numbers_of(frames: FrameSet) -> list[int]:
    """Return the segment number of each frame; 1 where the header has none."""
    said = frames.values("ReferencedSegmentNumber")
    return [one if isinstance(one, int) else 1 for one in said]


def label_volume(
    loadable: Loadable,
    stored: StoredFrames,
    told: SegmentList,
    grid: SegmentGrid,
    *,
    least: float,
    onto: SegmentGrid | None = None,
    progress: Progress,
) -> Volume:
    """Return labels; with a first axis `GROUP` when segments overlap.

    Parameters
    ----------
    least : float
        Stored value from which on a pixel is in its segment.
    onto : SegmentGrid, optional
        Another grid whose voxels take the nearest labels.
    """
    if told.kind == "LABELMAP":
        values = _values_of_map(told)
        painted = paint_label_map(
            stored, values, told.background, grid.all_places, grid.all_shape, progress=progress
        )
        # What no segment describes is a segment all the same.
        known = told.with_numbers(set(painted.counts) | {s.number for s in told.segments})
        segments = tuple(replace(s, value=values.get(s.number, s.number)) for s in known)
    else:
        numbers = numbers_of(stored.frames)
        segments = told.with_numbers(set(numbers))
        painted = paint_segments(
            stored,
            numbers,
            {s.number: s.value for s in segments},
            grid.all_places,
            grid.all_shape,
            least=least,
            progress=progress,
        )
    groups = _grouped(painted, segments)
    arrays, counts = painted.arrays, dict(painted.counts)
    if grid.times is not None:
        arrays = [one.reshape(len(grid.times), *grid.shape) for one in arrays]
    if onto is not None:
        arrays = [
            resampled_labels(
                one, grid.affine, onto.affine, onto.shape, levels=grid.levels, progress=progress
            )
            for one in arrays
        ]
        counts = _counted(arrays, groups)
        grid = _taken(grid, onto, stored)
    array: Any = arrays[0] if len(arrays) == 1 else np.stack(arrays)
    dims: tuple[str, ...] = _SPATIAL
    if not grid.in_patient and grid.shape[0] == 1:
        array, dims = array[..., 0, :, :], ("row", "column")
    meta = _meta(loadable, stored, told, grid) | {
        "segments": tuple(groups),
        "segment_voxels": counts,
    }
    return _volume(array, dims, grid, stored, groups, meta)


def _counted(
    arrays: Sequence[NDArray[Any]], groups: Sequence[Sequence[Segment]]
) -> dict[int, int]:
    counts: dict[int, int] = {}
    for array, group in zip(arrays, groups, strict=True):
        found, voxels = np.unique(array, return_counts=True)
        by_value = dict(zip(found.tolist(), voxels.tolist(), strict=True))
        counts |= {s.number: by_value[s.value] for s in group if s.value in by_value}
    return counts


def _taken(grid: SegmentGrid, onto: SegmentGrid, stored: StoredFrames) -> SegmentGrid:
    """Return `onto` with what is to be told of the resampling, and the times of `grid`."""
    text = "Labels are on the voxels of the image: each is the nearest of their own grid"
    findings = [Finding(FindingCode.RESAMPLED, Severity.INFO, text)]
    own, other = stored.frames.frame_of_reference_uid, onto.frame_of_reference_uid
    if own and other and own != other:
        findings.append(
            Finding(
                FindingCode.OTHER_FRAME_OF_REFERENCE,
                Severity.WARNING,
                "The image has another frame of reference: positions need not match without a "
                "registration",
                {"own": own, "others": [other]},
            )
        )
    return replace(onto, times=grid.times, findings=tuple(findings))


def fraction_volume(
    loadable: Loadable, stored: StoredFrames, told: SegmentList, grid: SegmentGrid
) -> Volume:
    """Return fractions that are read when looked at, one plane of the first axis a segment."""
    numbers = numbers_of(stored.frames)
    segments = [s for s in told.with_numbers(set(numbers)) if s.number in set(numbers)]
    order = [s.number for s in segments]
    turns = None if grid.times is None else grid.times.turns
    array = fractions_of(
        stored, numbers, order, grid.places, grid.shape, told.maximum, turns=turns
    )
    leading, coords = _leading(grid)
    return Volume(
        array,
        (SEGMENT, *leading, *_SPATIAL),
        _geometry(grid, stored),
        coords={SEGMENT: Coord(tuple(s.label for s in segments)), **coords},
        meta=_meta(loadable, stored, told, grid)
        | {
            "segments": tuple((s,) for s in segments),
            "value_range": (0.0, 1.0),
            "quantity": told.fractional_type.capitalize() or "Fraction",
        },
    )


def slide_volume(
    loadable: Loadable,
    levels: Sequence[tuple[SlideImage, StoredFrames]],
    told: SegmentList,
    affine: NDArray[np.float64],
    *,
    fractions: bool,
    least: float,
    progress: Progress,
) -> Volume:
    """Return labels or fractions of a whole slide, of one level or of a pyramid."""
    base, stored = levels[0]
    segments = told.segments
    groups: list[tuple[Segment, ...]]
    arrays: list[Any] = []
    counts: Mapping[int, int] = {}
    findings: tuple[Finding, ...] = ()
    described = [s.number for s in segments]
    numbers, places = tile_segments(base, described)
    if told.kind == "LABELMAP":
        values = _values_of_map(told)
        groups = [tuple(replace(s, value=values[s.number]) for s in segments)]
        arrays = [_map_tiles(one, frames, told, values) for one, frames in levels]
    else:
        used = {n for image, _ in levels for n in tile_segments(image, described)[0]}
        segments = tuple(s for s in told.with_numbers(used) if s.number in used)
        order = [s.number for s in segments]
        groups = [segments]
        by_number = {s.number: s.value for s in segments}
        if fractions:
            groups = [(s,) for s in segments]
            arrays = [_fraction_tiles(*one, described, order, told.maximum) for one in levels]
        elif is_small(base):
            painted = painted_labels(
                stored, base, numbers, by_number, places, least=least, progress=progress
            )
            groups, counts = _grouped(painted, segments), painted.counts
            flat = [one[0] for one in painted.arrays]
            arrays = [flat[0] if len(flat) == 1 else np.stack(flat)]
            # Where segments overlap the coarser levels could not say so.
            for image, frames in levels[1:] if len(flat) == 1 else ():
                own, where = tile_segments(image, described)
                arrays.append(lazy_labels(frames, image, own, by_number, where, least=least))
        else:
            findings = (_unseen_overlaps(),) if len(segments) > 1 else ()
            for image, frames in levels:
                own, where = tile_segments(image, described)
                arrays.append(lazy_labels(frames, image, own, by_number, where, least=least))
    dims: tuple[str, ...] = ("row", "column")
    coords: dict[str, Coord] = {}
    if fractions:
        dims, coords = (SEGMENT, *dims), {SEGMENT: Coord(tuple(s.label for s in segments))}
    elif len(groups) > 1:
        dims, coords = (GROUP, *dims), {GROUP: Coord(_group_names(groups))}
    return Volume(
        arrays[0],
        dims,
        VolumeGeometry(
            affine,
            (1, base.rows, base.columns),
            stored.frames.frame_of_reference_uid,
            in_patient=False,
            in_slide=base.spacing is not None,
            spacing_label="pixel" if base.spacing is None else "mm",
        ),
        coords=coords,
        meta=_common_meta(loadable, stored, told)
        | {
            "findings": (*loadable.findings, *findings),
            "segments": tuple(groups),
            "segment_voxels": dict(counts),
            "value_range": (0.0, 1.0) if fractions else None,
            "quantity": (told.fractional_type.capitalize() or "Fraction") if fractions else "",
        },
        levels=tuple(arrays) if len(arrays) > 1 else (),
    )


def _map_tiles(
    image: SlideImage, stored: StoredFrames, told: SegmentList, values: Mapping[int, int]
) -> Any:
    _, places = tile_segments(image, [])
    bits = max(d.bits_stored for d in stored.descriptions)
    high = max([(1 << bits) - 1, *values.values()])
    table = np.arange(1 << bits, dtype=np.min_scalar_type(high))
    # A number that so few bits cannot store stands nowhere.
    for number, value in [*values.items(), (told.background, 0)]:
        if 0 <= number < len(table):
            table[number] = value
    frames = MappedFrames(stored, table.dtype, table=table)
    plane = np.zeros(len(places), np.intp)
    return tiles_of(frames, plane, places, (1, image.rows, image.columns)).plane(0)


def _fraction_tiles(
    image: SlideImage,
    stored: StoredFrames,
    described: Sequence[int],
    order: Sequence[int],
    maximum: float,
) -> Any:
    numbers, places = tile_segments(image, described)
    frames = MappedFrames(stored, np.dtype(np.float32), scale=1.0 / maximum)
    size = (len(order), image.rows, image.columns)
    return tiles_of(frames, np.searchsorted(order, numbers), places, size)


def _values_of_map(told: SegmentList) -> dict[int, int]:
    """Return what stands for each stored value: 0 is nothing in napari."""
    values = {s.number: s.value for s in told.segments}
    if 0 not in values and told.background != 0:
        values[0] = max(values, default=0) + 1
    return values


def _grouped(painted: Painted, segments: Sequence[Segment]) -> list[tuple[Segment, ...]]:
    by_number = {s.number: s for s in segments}
    groups = [tuple(by_number[n] for n in g if n in by_number) for g in painted.groups]
    # A segment without a frame is told all the same.
    seen = {s.number for group in groups for s in group}
    groups[0] = tuple(
        sorted((*groups[0], *(s for s in segments if s.number not in seen)), key=_number)
    )
    return groups


def _number(segment: Segment) -> int:
    return segment.number


def _group_names(groups: Sequence[Sequence[Segment]]) -> tuple[str, ...]:
    return tuple(", ".join(s.label for s in group) for group in groups)


def _volume(
    array: Any,
    dims: tuple[str, ...],
    grid: SegmentGrid,
    stored: StoredFrames,
    groups: Sequence[tuple[Segment, ...]],
    meta: dict[str, Any],
) -> Volume:
    leading, coords = _leading(grid)
    dims = (*leading, *dims)
    if len(groups) > 1:
        dims, coords = (GROUP, *dims), {GROUP: Coord(_group_names(groups)), **coords}
    return Volume(array, dims, _geometry(grid, stored), coords=coords, meta=meta)


def _leading(grid: SegmentGrid) -> tuple[tuple[str, ...], dict[str, Coord]]:
    if grid.times is None:
        return (), {}
    return (grid.times.dim,), {grid.times.dim: grid.times.coord}


def _geometry(grid: SegmentGrid, stored: StoredFrames) -> VolumeGeometry:
    return VolumeGeometry(
        grid.affine,
        grid.shape,
        stored.frames.frame_of_reference_uid,
        is_regular=grid.is_regular,
        in_patient=grid.in_patient,
        spacing_label=grid.spacing_label,
    )


def _meta(
    loadable: Loadable, stored: StoredFrames, told: SegmentList, grid: SegmentGrid
) -> dict[str, Any]:
    meta = _common_meta(loadable, stored, told)
    known = {finding.text for finding in loadable.findings}
    meta["findings"] = (
        *loadable.findings,
        *(f for f in grid.findings if f.text not in known),
        *stored.problems.findings(),
    )
    meta["reference_series_uid"] = grid.of_series
    if grid.instance_uids:
        meta["references"] = list(grid.instance_uids)
    return meta


def _common_meta(loadable: Loadable, stored: StoredFrames, told: SegmentList) -> dict[str, Any]:
    return {
        **volume_meta(stored.frames),
        "name": loadable.name,
        "kind": loadable.kind,
        "loader": loadable.loader.name,
        "windows": (),
        "rescale": [(1.0, 0.0)],
        "padding": None,
        "segmentation_type": told.kind,
        "content_label": told.label,
        "references": list(told.references),
    }


def _unseen_overlaps() -> Finding:
    return Finding(
        FindingCode.SEGMENTS_OVERLAP,
        Severity.INFO,
        "Tiles are read where they are looked at: where segments overlap, the first is shown",
    )
