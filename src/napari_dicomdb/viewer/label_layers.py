"""Segmentations as layers: labels with names, colours and codes; fractions that add up.

Needs no napari.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.loading.segments.segment_volumes import FRACTIONS, GROUP, SEGMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari_dicomdb.loading.loadable import LayerData
    from napari_dicomdb.loading.segments.segment_list import Segment
    from napari_dicomdb.loading.volume import Volume

__all__ = ["is_segmentation", "segment_layers"]

_BACKGROUND = "background"
_OPACITY = 0.7
_SPATIAL = ("slice", "row", "column")

Placed = tuple[Any, dict[str, Any]]


def is_segmentation(volume: Volume) -> bool:
    """Return whether `volume` was made of a DICOM segmentation."""
    return bool(volume.meta.get("segments"))


def segment_layers(volume: Volume, lay: Callable[[Volume, bool], Placed]) -> list[LayerData]:
    """Return the layers of a segmentation.

    Parameters
    ----------
    volume : Volume
        With ``meta["segments"]``, a tuple of segments for each plane of its first axis
        when that is `GROUP` or `SEGMENT`, else for all of it.
    lay : callable
        Lays a volume (nearest when asked) and returns its data and keyword arguments.
    """
    layers: list[LayerData] = []
    for part, segments in _parts(volume):
        if volume.meta.get("kind") == FRACTIONS:
            layers.append(_fraction_layer(part, segments[0], lay))
        else:
            layers.append(_labels_layer(part, segments, lay))
    return layers


def _parts(volume: Volume) -> Iterator[tuple[Volume, Sequence[Segment]]]:
    groups = volume.meta["segments"]
    if volume.dims[0] not in (GROUP, SEGMENT):
        yield volume, groups[0]
        return
    name = str(volume.meta.get("name") or "Segmentation")
    coords = {dim: c for dim, c in volume.coords.items() if dim != volume.dims[0]}
    for k, segments in enumerate(groups):
        words = ", ".join(s.label for s in segments[:3]) + (", …" if len(segments) > 3 else "")
        yield (
            replace(
                volume,
                array=_plane(volume.array, k),
                levels=tuple(_plane(level, k) for level in volume.levels),
                dims=volume.dims[1:],
                coords=coords,
                meta={**volume.meta, "name": f"{name}: {words}"},
            ),
            segments,
        )


def _plane(array: Any, number: int) -> Any:
    """Return plane `number` of the first axis, as lazy as all."""
    take = getattr(array, "plane", None)
    return array[number] if take is None else take(number)


def _labels_layer(
    part: Volume, segments: Sequence[Segment], lay: Callable[[Volume, bool], Placed]
) -> LayerData:
    data, kwargs = lay(part, True)
    if part.levels:
        kwargs["multiscale"] = True
        data = list(part.levels)
    elif not part.geometry.in_slide:
        data = np.asarray(data)
    kwargs["features"] = _features(part, segments)
    colours: dict[int | None, Any] = {0: (0.0, 0.0, 0.0, 0.0), None: (0.5, 0.5, 0.5, 1.0)}
    colours |= {s.value: (*(c / 255 for c in s.colour), 1.0) for s in segments}
    kwargs["colormap"] = colours
    kwargs["opacity"] = _OPACITY
    kwargs["metadata"]["dicomdb"] |= _told(part, segments)
    return data, kwargs, "labels"


def _fraction_layer(
    part: Volume, segment: Segment, lay: Callable[[Volume, bool], Placed]
) -> LayerData:
    data, kwargs = lay(part, False)
    if part.levels:
        kwargs["multiscale"] = True
        data = list(part.levels)
    colour = [c / 255 for c in segment.colour]
    kwargs |= {
        "rgb": False,
        "contrast_limits": (0.0, 1.0),
        "colormap": {"colors": [[0.0, 0.0, 0.0, 1.0], [*colour, 1.0]], "name": segment.label},
        "blending": "additive",
    }
    kwargs["metadata"]["dicomdb"] |= _told(part, [segment])
    return data, kwargs, "image"


def _told(part: Volume, segments: Sequence[Segment]) -> dict[str, Any]:
    """Return what a writer needs of a segmentation beside the labels."""
    return {
        "segments": [s.features() for s in segments],
        "segmentation_type": part.meta.get("segmentation_type", ""),
        "content_label": part.meta.get("content_label", ""),
        "references": tuple(part.meta.get("references", ())),
        "reference_series_uid": part.meta.get("reference_series_uid", ""),
    }


def _features(part: Volume, segments: Sequence[Segment]) -> dict[str, Any]:
    """Return columns with one row for the background and one for each label."""
    voxels = dict(part.meta.get("segment_voxels") or {})
    voxel = abs(float(np.linalg.det(part.geometry.affine[:3, :3]))) / 1000
    # Over time the volume is that of one moment, on average.
    voxel /= max(1, int(np.prod(part.shape[: -len(_SPATIAL)])))
    rows: list[dict[str, Any]] = []
    for segment in sorted(segments, key=lambda one: one.value):
        row = segment.features()
        if voxels:
            row["voxels"] = int(voxels.get(segment.number, 0))
            if part.geometry.in_patient:
                row["volume_ml"] = row["voxels"] * voxel
        rows.append(row)
    if not rows:
        return {"index": np.array([0], np.int64), "name": [_BACKGROUND]}
    first: dict[str, Any] = {
        key: None if isinstance(value, str) else 0 for key, value in rows[0].items()
    }
    first["name"] = _BACKGROUND
    if voxels:
        first["voxels"] = int(np.prod(part.shape)) - sum(row["voxels"] for row in rows)
        if part.geometry.in_patient:
            first["volume_ml"] = np.nan  # nobody asks how much air there is
    # napari's status line passes over what is None.
    columns: dict[str, Any] = {
        key: [first[key], *(None if row[key] == "" else row[key] for row in rows)]
        for key in rows[0]
    }
    columns["index"] = np.array(columns["index"], np.int64)
    return columns
