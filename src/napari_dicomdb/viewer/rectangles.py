"""Shapes drawn over an image, as the rectangles of pixels that they cover."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.export.deidentification.profile import Rectangle

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["rectangles_over"]


def rectangles_over(layers: Iterable[Any]) -> list[Rectangle]:
    """Return what all visible shapes cover of the images under them.

    Parameters
    ----------
    layers : iterable of napari layers
        From the lowest to the topmost, as a viewer lists them. A shape belongs to
        the nearest image of ours below its layer whose pixels are shown as they are
        stored: images without a place in the patient, as all are that have text
        burned in as a rule.

    Returns
    -------
    list of Rectangle
        Each for the series of its image; shapes beside the image are left out.
    """
    found: list[Rectangle] = []
    image: Any = None
    for layer in layers:
        meta = layer.metadata.get("dicomdb") or {}
        if meta.get("kind") is not None and hasattr(layer, "contrast_limits"):
            image = layer if meta.get("lps_from_data") is None else None
        elif image is not None and hasattr(layer, "shape_type") and layer.visible:
            found += [
                rectangle
                for vertices in layer.data
                if (rectangle := _covered(layer, vertices, image)) is not None
            ]
    return found


def _covered(shapes: Any, vertices: Any, image: Any) -> Rectangle | None:
    world = np.array([shapes.data_to_world(vertex) for vertex in vertices])[:, -2:]
    # Rows and columns are the last two axes of the world; the others do not matter.
    behind = (0.0,) * (image.ndim - 2)
    data = np.array([image.world_to_data((*behind, *place)) for place in world])[:, -2:]
    shape = image.data.shape[:-1] if image.rgb else image.data.shape
    # A pixel reaches half of itself to all sides of its centre.
    first = [max(math.floor(low + 0.5), 0) for low in data.min(axis=0)]
    last = [
        min(math.floor(high + 0.5), size - 1)
        for high, size in zip(data.max(axis=0), shape[-2:], strict=True)
    ]
    height, width = last[0] - first[0] + 1, last[1] - first[1] + 1
    if height < 1 or width < 1:
        return None
    series = str(image.metadata["dicomdb"].get("series_uid") or "")
    return Rectangle(first[1], first[0], width, height, series)
