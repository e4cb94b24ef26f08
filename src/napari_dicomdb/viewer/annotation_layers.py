"""Layers of what a file draws over its image: overlays, shutters, ultrasound regions.

They are on the image's grid with its transform, and off until somebody asks.
Needs no napari.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dicomdb.loading.image_annotations import Annotation
    from napari_dicomdb.loading.loadable import LayerData
    from napari_dicomdb.loading.volume import Volume

__all__ = ["annotation_layers"]

_PLACING = ("scale", "translate", "rotate", "affine", "units", "axis_labels")
_OPACITY = 0.8
_TEXT_SIZE = 8


def annotation_layers(
    volume: Volume, image: dict[str, Any], on_grid: Callable[[Any], Any]
) -> list[LayerData]:
    """Return the layers of `volume`'s annotations, invisible.

    Parameters
    ----------
    volume : Volume
        With ``meta["annotations"]``.
    image : dict
        Keyword arguments of the image's layer: transform, units, name, metadata.
    on_grid : callable
        Lays an array of the volume's shape (without colours) as the image is laid.
    """
    layers: list[LayerData] = []
    for annotation in volume.meta.get("annotations") or ():
        if annotation.kind == "labels":
            kwargs = {key: image[key] for key in _PLACING if key in image}
            data = on_grid(annotation.data)
            kwargs["features"] = _with_background(annotation)
            # One bright colour, as on a workstation; a shutter hides what it covers.
            colour = "black" if annotation.name == "shutter" else "yellow"
            kwargs["colormap"] = {0: "transparent", 1: colour, None: colour}
            kwargs["opacity"] = 1.0 if annotation.name == "shutter" else _OPACITY
        elif not volume.geometry.in_patient:
            # Polygons are on every frame: in the last two axes only.
            kwargs = {key: image[key][-2:] for key in _PLACING if key in image}
            data = list(annotation.data)
            kwargs |= {
                "shape_type": "polygon",
                "features": {key: list(column) for key, column in annotation.features.items()},
                "edge_color": "yellow",
                "face_color": "transparent",
                "edge_width": 1,
                "text": {"string": "{label}", "size": _TEXT_SIZE, "color": "yellow"},
            }
        else:
            continue
        kwargs["name"] = f"{image['name']}, {annotation.name}"
        kwargs["visible"] = False
        kwargs.setdefault("opacity", _OPACITY)
        kwargs["metadata"] = {
            "dicomdb": {
                **image["metadata"]["dicomdb"],
                "kind": f"annotation: {annotation.name}",
                "windows": [],
            }
        }
        layers.append((data, kwargs, annotation.kind))
    return layers


def _with_background(annotation: Annotation) -> dict[str, Any]:
    """Return the features of labels with a row for 0, as napari's status line wants it."""
    columns = {key: list(column) for key, column in annotation.features.items()}
    first = {key: 0 if key == "index" else "" for key in columns}
    rows: dict[str, Any] = {key: [first[key], *column] for key, column in columns.items()}
    rows["index"] = np.array(rows["index"], dtype=np.int64)
    return rows
