"""What a viewer shows, as an archive keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "FORMAT",
    "LAYER_TYPES",
    "MANIFEST",
    "PICTURE",
    "SUFFIX",
    "VERSION",
    "Scene",
    "SceneLayer",
]

FORMAT = "napari-dicomdb scene"
VERSION = 1
SUFFIX = ".dicomscene"
LAYER_TYPES = ("image", "labels", "points", "shapes", "surface", "tracks", "vectors")
MANIFEST, PICTURE = "manifest.json", "picture.png"


@dataclass(slots=True)
class SceneLayer:
    """One layer: its data, or where in the database they are, and its state.

    Parameters
    ----------
    kind : str
        "image", "labels", "points", "shapes", "surface", "tracks" or "vectors".
    name : str
    state : dict
        What napari's layer of this kind is made with, but for data and name.
    extra : dict
        What is set on the layer once it is made.
    data : object
        Array, list or tuple of arrays; None where `reference` says where it is.
    reference : dict or None
        See `export.scenes.references`.
    world : (D+1, D+1) ndarray or None
        World from the layer's data: scale, rotation and all in one.
    """

    kind: str
    name: str
    state: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    data: Any = None
    reference: dict[str, Any] | None = None
    world: NDArray[np.float64] | None = None


@dataclass(slots=True)
class Scene:
    """What a viewer shows.

    Parameters
    ----------
    layers : list of SceneLayer
        The lowest first.
    viewer : dict
        Camera, sliders, overlays, by the names of napari's models.
    picture : (rows, columns, 3) ndarray of uint8 or None
        What it looks like.
    name : str
    measurements : list of dict
        Lengths and areas of what is drawn, for people and other programs.
    notes : list of str
        What could not be kept.
    """

    layers: list[SceneLayer] = field(default_factory=list)
    viewer: dict[str, Any] = field(default_factory=dict)
    picture: NDArray[np.uint8] | None = None
    name: str = ""
    measurements: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
