"""How a canvas draws its layers where the list of layers does not tell.

napari (0.9) forgets the place of an image in the drawing when it changes between 2D and 3D,
until a layer is added, moved, shown or hidden: it is then drawn before the layers below it.
How deep its camera sees it works out when layers are added or removed, not when they are
moved or given other data. Both can be seen in the picture.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["apply_drawing", "drawing_of"]

_DEEPEST = 1e7  # beyond, its numbers of 32 bits do not tell near from far


def drawing_of(viewer: Any, layers: Sequence[Any]) -> dict[str, Any]:
    """Return how `layers` are drawn; nothing where there is no canvas.

    Returns
    -------
    dict
        ``order``: numbers of the layers as they are drawn, the first lies below;
        ``depth``: of the camera in 3D.
    """
    canvas = _canvas(viewer)
    if canvas is None:
        return {}
    visuals = [_visual(canvas, layer) for layer in layers]
    known: dict[str, Any] = {"depth": float(canvas.camera._3D_camera.depth_value)}
    if None not in visuals:
        known["order"] = sorted(range(len(layers)), key=lambda k: _place(visuals[k]))
    return known


def apply_drawing(viewer: Any, layers: Sequence[Any], drawing: Any) -> list[str]:
    """Draw layers as they were drawn, or as they lie in the list where that is not known.

    Parameters
    ----------
    viewer : napari viewer
    layers : sequence of layer or None
        None: one that could not be opened.
    drawing : dict
        As `drawing_of` returned it; may be anybody's.

    Returns
    -------
    list of str
        What of it is damaged.
    """
    given = drawing if isinstance(drawing, dict) else {}
    order, depth = given.get("order"), given.get("depth")
    own, failed = list(range(len(layers))), []
    if order is None:
        order = own
    elif not _is_order(order, own):
        order, failed = own, ["order of drawing"]
    deep = isinstance(depth, (int, float)) and isfinite(depth) and 0 < depth <= _DEEPEST
    if depth is not None and not deep:
        failed.append("depth of the camera")
    canvas = _canvas(viewer)
    if canvas is None:
        return failed
    # Layers that were there before keep their places below.
    first = len(viewer.layers) - sum(layer is not None for layer in layers)
    for place, k in enumerate(order):
        visual = _visual(canvas, layers[k])
        if visual is not None:
            visual.order = first + place
    if deep:
        for camera in (canvas.camera, *canvas.grid_cameras):
            camera._3D_camera.depth_value = depth
    canvas._scene_canvas._draw_order.clear()
    canvas._scene_canvas.update()
    return failed


def _is_order(order: Any, own: list[int]) -> bool:
    if not isinstance(order, list) or not all(type(k) is int for k in order):
        return False
    return sorted(order) == own


def _place(visual: Any) -> tuple[int, int]:
    # vispy draws by `order`, those alike by their place below the same parent.
    parent = visual.node.parent
    beside = [] if parent is None else parent.children
    return visual.order, beside.index(visual.node) if visual.node in beside else 0


def _canvas(viewer: Any) -> Any:
    window = getattr(viewer, "window", None)
    return getattr(getattr(window, "_qt_viewer", None), "canvas", None)


def _visual(canvas: Any, layer: Any) -> Any:
    # LayerData tuples hold arrays, and are never drawn.
    return None if layer is None or isinstance(layer, tuple) else canvas.layer_to_visual.get(layer)
