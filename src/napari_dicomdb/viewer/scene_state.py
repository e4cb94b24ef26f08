"""State of a viewer and its layers as plain values, and back."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.export.scene_archive import Scene, SceneLayer
from napari_dicomdb.export.scenes.measurements import measure_points, measure_shape
from napari_dicomdb.export.scenes.values import encode
from napari_dicomdb.viewer.picture import picture_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["apply_extra", "apply_view", "capture", "layer_arguments"]

#: Set on a layer once it is made; its constructor does not take them.
_EXTRA = {
    "image": ("contrast_limits_range",),
    "surface": ("contrast_limits_range",),
    "labels": (
        "selected_label",
        "brush_size",
        "contour",
        "show_selected_label",
        "preserve_labels",
        "contiguous",
    ),
}
_CAMERA = ("orientation", "perspective", "angles", "center", "zoom")
_GRID = ("stride", "shape", "spacing", "enabled")
_LAYER_OVERLAYS = ("bounding_box", "layer_name", "colorbar")
# Said twice: features hold them.
_REPEATED = ("properties", "property_choices")


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
        made = None if isinstance(layer, tuple) else layer
        data, state, kind = layer if made is None else layer.as_layer_data_tuple()
        scene.layers.append(_layer(data, dict(state), kind, made, scene.notes))
        if made is not None:
            scene.measurements += _measured(made, kind)
    if viewer is not None:
        scene.name = name or str(viewer.title)
        scene.picture = picture_of(viewer)
        scene.viewer = _view(viewer, shown)
    return scene


def _layer(
    data: Any, state: dict[str, Any], kind: str, layer: Any, notes: list[str]
) -> SceneLayer:
    name = str(state.pop("name", ""))
    if "features" in state:
        for key in _REPEATED:
            state.pop(key, None)
    kept = {key: _plain(value) for key, value in state.items()}
    if kind == "labels" and "colormap" in kept:
        kept["colormap"] = _label_colours(state["colormap"])
    kept["metadata"] = _metadata(state.get("metadata") or {}, name, notes)
    extra: dict[str, Any] = {}
    if layer is not None:
        extra = {key: _plain(getattr(layer, key)) for key in _EXTRA.get(kind, ())}
        known = layer._overlays
        extra["overlays"] = {key: _model(known[key]) for key in _LAYER_OVERLAYS if key in known}
    if hasattr(data, "dtype"):
        kept_data = data
    else:
        # Levels of a pyramid, corners of shapes, parts of a surface.
        kept_data = tuple(data) if isinstance(data, tuple) else list(data)
    return SceneLayer(kind, name, kept, extra, kept_data)


def _plain(value: Any) -> Any:
    """Return `value` without the types of napari, pandas and pint."""
    if hasattr(value, "model_dump"):
        return _model(value)
    if hasattr(value, "columns") and hasattr(value, "to_dict"):
        return {str(key): value[key].to_numpy() for key in value.columns}
    if hasattr(value, "dimensionality"):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, np.ndarray) and value.dtype == object:
        # Symbols of points.
        flat = [_plain(item) for item in value.ravel()]
        made = np.empty(len(flat), dtype=object)
        made[:] = flat
        return made.reshape(value.shape)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(item) for item in value)
    return value


def _model(model: Any) -> dict[str, Any]:
    return {key: _plain(value) for key, value in model.model_dump().items()}


def _label_colours(colormap: Any) -> Any:
    if hasattr(colormap, "color_dict"):
        return {
            None if key is None else int(key): np.asarray(colour)
            for key, colour in colormap.color_dict.items()
        }
    return {
        "cyclic": np.asarray(colormap.colors),
        "seed": float(colormap.seed),
        "background_value": int(colormap.background_value),
    }


def _metadata(metadata: Mapping[str, Any], name: str, notes: list[str]) -> dict[str, Any]:
    kept = {}
    for key, value in metadata.items():
        if key == "dicomdb" and isinstance(value, dict):
            # Where files lay is nobody's business, and says nothing elsewhere.
            ours = {k: v for k, v in value.items() if k != "source_paths" and _keeps(v)}
            kept[key] = {**ours, "source_paths": ()}
        elif _keeps(value):
            kept[str(key)] = value
        else:
            notes.append(f"metadata {key!r} of layer {name!r} is not kept")
    return kept


def _keeps(value: Any) -> bool:
    try:
        encode(value, lambda _array: {})
    except TypeError:
        return False
    return True


def _view(viewer: Any, shown: Sequence[Any]) -> dict[str, Any]:
    dims, active = viewer.dims, viewer.layers.selection.active
    return {
        "camera": {key: _plain(getattr(viewer.scene.camera, key)) for key in _CAMERA},
        "dims": {
            "ndisplay": dims.ndisplay,
            "order": list(dims.order),
            "point": [float(x) for x in dims.point],
            "margin_left": [float(x) for x in dims.margin_left],
            "margin_right": [float(x) for x in dims.margin_right],
            "axis_labels": list(dims.axis_labels),
        },
        "grid": {key: _plain(getattr(viewer.canvas.grid, key)) for key in _GRID},
        "overlays": {
            where: {
                key: _model(one)
                for key, one in getattr(viewer, where).overlays.items()
                if not key.startswith("_")
            }
            for where in ("scene", "canvas")
        },
        "active": shown.index(active) if active in shown else None,
    }


def _measured(layer: Any, kind: str) -> list[dict[str, Any]]:
    if any(str(unit) != "millimeter" for unit in layer.units[-3:]):
        return []
    found: list[dict[str, Any]] = []
    if kind == "shapes":
        for number, (corners, shape) in enumerate(zip(layer.data, layer.shape_type, strict=True)):
            world = np.array([layer.data_to_world(corner) for corner in corners])
            found.append({"number": number, **measure_shape(str(shape), world[:, -3:])})
    elif kind == "points":
        world = np.array([layer.data_to_world(point) for point in layer.data])
        measured = measure_points(world[:, -3:] if len(world) else world)
        found = [{"number": number, **one} for number, one in enumerate(measured)]
    return [{"layer": layer.name, **one} for one in found]


def layer_arguments(layer: SceneLayer) -> dict[str, Any]:
    """Return what napari's layer is made with: those of its own constructor alone."""
    from inspect import signature

    import napari.layers

    cls = getattr(napari.layers, layer.kind.capitalize())
    known = signature(cls.__init__).parameters
    kept = {key: value for key, value in layer.state.items() if key in known and key != "data"}
    if layer.kind == "labels" and isinstance(kept.get("colormap"), dict):
        kept["colormap"] = _colours_of(kept["colormap"])
    return {**kept, "name": layer.name}


def _colours_of(colours: dict[Any, Any]) -> Any:
    if "cyclic" not in colours:
        return colours
    from napari.utils.colormaps import CyclicLabelColormap

    return CyclicLabelColormap(
        colors=colours["cyclic"],
        seed=colours.get("seed", 0.5),
        background_value=colours.get("background_value", 0),
    )


def apply_extra(layer: Any, extra: Mapping[str, Any]) -> list[str]:
    """Set what a layer has beyond what it is made with; return what could not be."""
    failed = []
    for key in _EXTRA.get(type(layer).__name__.lower(), ()):
        if key in extra:
            failed += _set(layer, {key: extra[key]}, (key,))
    overlays = extra.get("overlays")
    for key in _LAYER_OVERLAYS:
        values = overlays.get(key) if isinstance(overlays, dict) else None
        if isinstance(values, dict) and key in layer._overlays:
            model = layer._overlays[key]
            failed += _set(model, values, _settable(model))
    return failed


def apply_view(viewer: Any, view: Mapping[str, Any], layers: Sequence[Any]) -> list[str]:
    """Bring sliders, overlays and camera to what they were; return what could not be."""
    failed = _apply_dims(viewer.dims, _part(view, "dims"))
    overlays = _part(view, "overlays")
    for where in ("scene", "canvas"):
        models = getattr(viewer, where).overlays
        for key, values in _part(overlays, where).items():
            if key in models and not key.startswith("_") and isinstance(values, dict):
                model = models[key]
                failed += _set(model, values, _settable(model))
    failed += _set(viewer.canvas.grid, _part(view, "grid"), _GRID)
    active = view.get("active")
    if isinstance(active, int) and 0 <= active < len(layers) and layers[active] is not None:
        viewer.layers.selection.active = layers[active]
    # Last: everything else may move it.
    return failed + _set(viewer.scene.camera, _part(view, "camera"), _CAMERA)


def _apply_dims(dims: Any, saved: Mapping[str, Any]) -> list[str]:
    if not saved:
        return []
    failed = _set(dims, saved, ("ndisplay",))
    order, point = saved.get("order"), saved.get("point")
    if not isinstance(order, list) or not isinstance(point, list) or len(order) != len(point):
        return [*failed, "sliders"]
    more = dims.ndim - len(order)
    if more < 0 or sorted(map(str, order)) != sorted(map(str, range(len(order)))):
        return [*failed, "sliders"]
    # Layers that were there before may have more axes: theirs come first.
    values: dict[str, Any] = {"order": (*range(more), *(n + more for n in order))}
    for key in ("point", "margin_left", "margin_right", "axis_labels"):
        own = saved.get(key)
        if isinstance(own, list) and len(own) == len(order):
            values[key] = (*getattr(dims, key)[:more], *own)
    return failed + _set(dims, values, tuple(values))


def _part(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = value.get(key)
    return part if isinstance(part, dict) else {}


def _settable(model: Any) -> list[str]:
    return [key for key, about in type(model).model_fields.items() if not about.frozen]


def _set(model: Any, values: Mapping[str, Any], known: Iterable[str]) -> list[str]:
    failed = []
    for key in known:
        if key not in values:
            continue
        try:
            setattr(model, key, values[key])
        except (TypeError, ValueError, AttributeError, KeyError):
            failed.append(key.replace("_", " "))
    return failed
