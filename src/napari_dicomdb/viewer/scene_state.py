"""State of a viewer as plain values, and back; its layers are in `viewer.scene_layers`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers.utils import _link_layers

from napari_dicomdb.export.scene_archive import Scene
from napari_dicomdb.viewer.drawing_order import apply_drawing, drawing_of
from napari_dicomdb.viewer.picture import picture_of
from napari_dicomdb.viewer.scene_layers import (
    plain,
    plain_model,
    scene_layer,
    set_values,
    settable,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["apply_view", "capture"]

_CAMERA = ("orientation", "perspective", "angles", "center", "zoom")
_GRID = ("stride", "shape", "spacing", "enabled")


def capture(viewer: Any, layers: Iterable[Any] | None = None, *, name: str = "") -> Scene:
    """Return what a viewer shows now; arrays are shared, not copied.

    Parameters
    ----------
    viewer : napari viewer or None
        None: `layers` alone.
    layers : iterable of layers or LayerData tuples, optional
        All of the viewer's by default.
    name : str
        For people; the title of the viewer by default.
    """
    # Dock widgets are handed a proxy, which hides what napari does not call public.
    viewer = getattr(viewer, "__wrapped__", viewer)
    scene = Scene(name=name)
    shown = list(viewer.layers) if layers is None else list(layers)
    for layer in (getattr(one, "__wrapped__", one) for one in shown):
        scene.layers.append(scene_layer(layer, scene.notes))
    if viewer is not None:
        scene.name = name or str(viewer.title)
        scene.picture = picture_of(viewer)
        scene.viewer = _view(viewer, shown)
    return scene


def _view(viewer: Any, shown: Sequence[Any]) -> dict[str, Any]:
    dims, active = viewer.dims, viewer.layers.selection.active
    return {
        "camera": {key: plain(getattr(viewer.scene.camera, key)) for key in _CAMERA},
        "dims": {
            "ndisplay": dims.ndisplay,
            "order": list(dims.order),
            "point": [float(x) for x in dims.point],
            "margin_left": [float(x) for x in dims.margin_left],
            "margin_right": [float(x) for x in dims.margin_right],
            "axis_labels": list(dims.axis_labels),
            "rollable": list(dims.rollable),
        },
        "grid": {key: plain(getattr(viewer.canvas.grid, key)) for key in _GRID},
        "overlays": {
            where: {
                key: plain_model(one)
                for key, one in getattr(viewer, where).overlays.items()
                if not key.startswith("_")
            }
            for where in ("scene", "canvas")
        },
        "overlay_tiling": plain_model(viewer.canvas.overlay_tiling),
        "background": plain(viewer.canvas.background_color_override),
        "active": shown.index(active) if active in shown else None,
        "selected": [k for k, one in enumerate(shown) if one in viewer.layers.selection],
        "links": _links(shown),
        "drawing": drawing_of(viewer, shown),
    }


def _links(layers: Sequence[Any]) -> list[list[Any]]:
    """Return pairs of layers that are linked, each with the attributes they share."""
    found: dict[tuple[int, int], set[str]] = {}
    places = {id(layer): k for k, layer in enumerate(layers)}
    for one, other, attribute in list(_link_layers._UNLINKERS):
        a, b = places.get(id(one())), places.get(id(other()))
        if a is not None and b is not None and a < b:
            found.setdefault((a, b), set()).add(attribute)
    return [[a, b, sorted(attributes)] for (a, b), attributes in sorted(found.items())]


def _link(links: Any, layers: Sequence[Any]) -> list[str]:
    if not isinstance(links, list):
        return ["links of layers"]
    try:
        for a, b, attributes in links:
            if a >= 0 and b >= 0 and layers[a] is not None and layers[b] is not None:
                _link_layers.link_layers([layers[a], layers[b]], attributes)
    except (TypeError, ValueError, IndexError, AttributeError):
        return ["links of layers"]
    return []


def apply_view(viewer: Any, view: Mapping[str, Any], layers: Sequence[Any]) -> list[str]:
    """Bring sliders, overlays and camera to what they were; return what could not be."""
    failed = _apply_dims(viewer.dims, _part(view, "dims"))
    overlays = _part(view, "overlays")
    for where in ("scene", "canvas"):
        models = getattr(viewer, where).overlays
        for key, values in _part(overlays, where).items():
            if key in models and not key.startswith("_") and isinstance(values, dict):
                model = models[key]
                failed += set_values(model, values, settable(model))
    canvas = viewer.canvas
    failed += set_values(canvas.grid, _part(view, "grid"), _GRID)
    tiling = _part(view, "overlay_tiling")
    failed += set_values(canvas.overlay_tiling, tiling, settable(canvas.overlay_tiling))
    if "background" in view:
        value = {"background_color_override": view["background"]}
        failed += [x and "background" for x in set_values(canvas, value, tuple(value))]
    failed += _link(view.get("links", []), layers)
    selected = view.get("selected")
    if isinstance(selected, list):
        places = [k for k in selected if isinstance(k, int) and 0 <= k < len(layers)]
        viewer.layers.selection = {layers[k] for k in places if layers[k] is not None}
    active = view.get("active")
    if isinstance(active, int) and 0 <= active < len(layers) and layers[active] is not None:
        viewer.layers.selection.active = layers[active]
    # Last: everything else may move it.
    failed += set_values(viewer.scene.camera, _part(view, "camera"), _CAMERA)
    return failed + apply_drawing(viewer, layers, view.get("drawing"))


def _apply_dims(dims: Any, saved: Mapping[str, Any]) -> list[str]:
    if not saved:
        return []
    failed = set_values(dims, saved, ("ndisplay",))
    order, point = saved.get("order"), saved.get("point")
    if not isinstance(order, list) or not isinstance(point, list) or len(order) != len(point):
        return [*failed, "sliders"]
    more = dims.ndim - len(order)
    if more < 0 or sorted(map(str, order)) != sorted(map(str, range(len(order)))):
        return [*failed, "sliders"]
    # Layers that were there before may have more axes: theirs come first.
    values: dict[str, Any] = {"order": (*range(more), *(n + more for n in order))}
    for key in ("point", "margin_left", "margin_right", "axis_labels", "rollable"):
        own = saved.get(key)
        if isinstance(own, list) and len(own) == len(order):
            values[key] = (*getattr(dims, key)[:more], *own)
    return failed + set_values(dims, values, tuple(values))


def _part(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = value.get(key)
    return part if isinstance(part, dict) else {}
