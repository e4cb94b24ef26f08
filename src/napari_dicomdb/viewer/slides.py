"""Whole slides as layers: pyramids, the place on the slide, one layer an optical path.

Needs no napari.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_dicomdb.loading.loadable import LayerData
    from napari_dicomdb.loading.volume import Volume

__all__ = [
    "CHANNELS",
    "channels_of",
    "in_colours",
    "sample_level",
    "sample_window",
    "shown_levels",
    "slide_transform",
]

CHANNELS = "optical_path"
"""Axis whose planes are layers of their own, one over the other."""

_COLOURS = ("magenta", "green", "cyan", "yellow", "red", "blue")
_LEAST_SHOWN = 64  # pixels of the longer side: below, rounding spoils the scale of a level
_LEAST_SAMPLED, _MOST_SAMPLED = 512, 2048


def shown_levels(volume: Volume) -> list[Any]:
    """Return the levels of a pyramid that are worth showing, the largest first."""
    lead = len(volume.dims) - 2
    return [
        level
        for k, level in enumerate(volume.levels)
        if k == 0 or max(level.shape[lead : lead + 2]) >= _LEAST_SHOWN
    ]


def sample_level(volume: Volume) -> Any:
    """Return the smallest level that still shows what values there are, else the array."""
    lead = len(volume.dims) - 2
    enough = [v for v in volume.levels if max(v.shape[lead : lead + 2]) >= _LEAST_SAMPLED]
    return enough[-1] if enough else volume.array


def sample_window(volume: Volume) -> tuple[slice, slice]:
    """Return which rows and columns of `sample_level` are looked at: not all of a huge one."""
    lead = len(volume.dims) - 2
    rows, columns = sample_level(volume).shape[lead : lead + 2]
    if not volume.geometry.in_slide or rows * columns <= _MOST_SAMPLED**2:
        return slice(None), slice(None)
    starts = [max((n - _MOST_SAMPLED) // 2, 0) for n in (rows, columns)]
    return slice(starts[0], starts[0] + _MOST_SAMPLED), slice(starts[1], starts[1] + _MOST_SAMPLED)


def slide_transform(volume: Volume) -> dict[str, Any]:
    """Return scale, translation and affine that place an image on its slide, in mm.

    The two axes of the world are (-x, -y) of the slide coordinate system: so a
    slide scanned as scanners do it, whose matrix runs along them, is upright, and
    nothing is mirrored.

    Parameters
    ----------
    volume : Volume
        With ``geometry.in_slide``; axes before (row, column) are left as they are.

    Notes
    -----
    PS3.3 Section C.8.12.2.1.
    """
    geometry = volume.geometry
    spacing = np.array(geometry.spacing[1:])
    turn = -geometry.affine[:2, 1:3] / spacing
    start = -geometry.affine[:2, 3]
    if np.allclose(turn, np.eye(2), atol=1e-6):
        return {"scale": tuple(spacing.tolist()), "translate": tuple(start.tolist())}
    lead = len(volume.dims) - 2
    affine = np.eye(lead + 3)
    affine[lead : lead + 2, lead : lead + 2] = turn
    affine[lead : lead + 2, -1] = start
    return {"scale": tuple(spacing.tolist()), "translate": (0.0, 0.0), "affine": affine}


def channels_of(volume: Volume) -> list[Volume]:
    """Return a volume of several optical paths as one volume for each."""
    if volume.dims[0] != CHANNELS or volume.is_rgb:
        return [volume]
    name = volume.meta.get("name") or "DICOM"
    coords = {dim: coord for dim, coord in volume.coords.items() if dim != CHANNELS}
    return [
        replace(
            volume,
            array=_plane(volume.array, k),
            levels=tuple(_plane(level, k) for level in volume.levels),
            dims=volume.dims[1:],
            coords=coords,
            meta={**volume.meta, "name": f"{name}, {path}", CHANNELS: path},
        )
        for k, path in enumerate(volume.coords[CHANNELS].values)
    ]


def in_colours(layers: Iterable[LayerData]) -> list[LayerData]:
    """Return layers of the channels of one image in colours of their own, added up."""
    coloured = []
    for k, (data, kwargs, kind) in enumerate(layers):
        colour = {"colormap": _COLOURS[k % len(_COLOURS)], "blending": "additive"}
        coloured.append((data, kwargs | colour, kind))
    return coloured


def _plane(array: Any, number: int) -> Any:
    take = getattr(array, "plane", None)
    return array[number] if take is None else take(number)
