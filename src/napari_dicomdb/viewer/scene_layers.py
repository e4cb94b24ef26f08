"""Layers of napari as plain values, and back."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.export.scene_archive import SceneLayer
from napari_dicomdb.export.scenes.values import encode
from napari_dicomdb.viewer.feature_tables import columns_of, table_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

__all__ = [
    "apply_extra",
    "layer_arguments",
    "make_layer",
    "plain",
    "plain_model",
    "scene_layer",
    "set_values",
    "settable",
]

#: Set on a layer once it is made; its constructor does not take them. In this order.
_EXTRA = {
    "image": ("contrast_limits_range",),
    "surface": ("contrast_limits_range",),
    "labels": (
        "selected_label", "brush_size", "contour", "show_selected_label", "preserve_labels",
        "contiguous", "n_edit_dimensions",
    ),
    "tracks": ("display_id", "display_graph", "display_tail"),
    "points": ("selected_data",),
    "shapes": ("selected_data",),
}  # fmt: skip
_EXTRA_OF_ALL = ("editable", "locked", "mode")
_OVERLAYS = ("bounding_box", "layer_name", "colorbar", "face_colorbar", "border_colorbar")
_TABLES = ("features", "feature_defaults")
# Said twice: features hold them.
_REPEATED = ("properties", "property_choices")
_PLACING = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
_COPIED = 16 * 2**20  # bytes; a drawing hand may change them while they are written


# -- to plain values ------------------------------------------------------------------


def scene_layer(one: Any, notes: list[str]) -> SceneLayer:
    """Return a layer, or LayerData tuple, as a scene keeps it; what it cannot goes to `notes`."""
    layer = None if isinstance(one, tuple) else one
    data, state, kind = one if layer is None else one.as_layer_data_tuple()
    state = dict(state)
    name = str(state.pop("name", ""))
    if "features" in state:
        for key in _REPEATED:
            state.pop(key, None)
    kept = {key: plain(value) for key, value in state.items()}
    if kind == "labels" and "colormap" in kept:
        kept["colormap"] = _label_colours(state["colormap"])
    kept["metadata"] = _metadata(state.get("metadata") or {}, name, notes)
    extra: dict[str, Any] = {}
    if layer is not None:
        keys = (*_EXTRA.get(kind, ()), *_EXTRA_OF_ALL)
        extra = {key: plain(getattr(layer, key)) for key in keys if hasattr(layer, key)}
        known = layer._overlays
        extra["overlays"] = {key: plain_model(known[key]) for key in _OVERLAYS if key in known}
    world = None if layer is None else _world_from_data(layer)
    return SceneLayer(kind, name, kept, extra, _data(data, kind), world=world)


def _data(data: Any, kind: str) -> Any:
    if isinstance(data, (list, tuple)) or not isinstance(getattr(data, "dtype", None), np.dtype):
        # Levels of a pyramid, corners of shapes, parts of a surface.
        return tuple(data) if isinstance(data, tuple) else list(data)
    if hasattr(data, "shapes"):
        return list(data)  # napari's own list of the levels of a pyramid
    if kind != "image" and isinstance(data, np.ndarray) and data.nbytes <= _COPIED:
        return data.copy()
    return data


def _world_from_data(layer: Any) -> NDArray[np.float64]:
    """Return the affine by which a layer lies in the world, (D+1, D+1)."""
    n = layer.ndim
    made = np.eye(n + 1)
    made[:n, n] = origin = np.asarray(layer.data_to_world(np.zeros(n)))
    for axis, unit in enumerate(np.eye(n)):
        made[:n, axis] = np.asarray(layer.data_to_world(unit)) - origin
    return made


def plain(value: Any) -> Any:
    """Return `value` without the types of napari, pandas and pint."""
    if hasattr(value, "model_dump"):
        return plain_model(value)
    if hasattr(value, "columns") and hasattr(value, "to_dict"):
        return columns_of(value)
    if hasattr(value, "dimensionality"):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, np.ndarray) and value.dtype == object:
        # Symbols of points: few, many times.
        flat = value.ravel().tolist()
        known = {id(item): item for item in flat}
        told = {key: plain(item) for key, item in known.items()}
        made = np.empty(len(flat), dtype=object)
        made[:] = [told[id(item)] for item in flat]
        return made.reshape(value.shape)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(plain(item) for item in value)
    if hasattr(value, "discard"):  # a selection
        return sorted(value)
    return value


def plain_model(model: Any) -> dict[str, Any]:
    """Return the fields of a model of napari."""
    return {key: plain(value) for key, value in model.model_dump().items()}


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


# -- and back -------------------------------------------------------------------------


def layer_arguments(layer: SceneLayer) -> dict[str, Any]:
    """Return what napari's layer is made with: those of its own constructor alone.

    Raises
    ------
    TypeError, ValueError, KeyError
        They are damaged.
    """
    from inspect import signature

    import napari.layers

    cls = getattr(napari.layers, layer.kind.capitalize())
    known = signature(cls.__init__).parameters
    kept = {key: value for key, value in layer.state.items() if key in known and key != "data"}
    if layer.kind == "labels" and isinstance(kept.get("colormap"), dict):
        kept["colormap"] = _colours_of(kept["colormap"])
    for key in _TABLES:
        if isinstance(kept.get(key), list):
            kept[key] = table_of(kept[key])
    if isinstance(kept.get("text"), dict):
        kept["text"] = {key: _encoding(value) for key, value in kept["text"].items()}
    if isinstance(kept.get("colormaps_dict"), dict):
        maps = kept["colormaps_dict"]
        kept["colormaps_dict"] = {key: _colormap(value) for key, value in maps.items()}
    return {**kept, "name": layer.name}


def make_layer(data: Any, arguments: Mapping[str, Any], kind: str) -> Any:
    """Return a layer of napari.

    Raises
    ------
    TypeError, ValueError, KeyError, IndexError, AttributeError
        napari does not take it.
    """
    from napari.layers import Layer

    later: dict[str, Any] = {}
    given = dict(arguments)
    if kind == "surface" and len(data) > 2 and np.ndim(data[2]) > 1:
        # napari counts the axes of its vertices alone when it makes one.
        later = {key: given.pop(key) for key in _PLACING if key in given}
    made = Layer.create(data, given, kind)
    for key, value in later.items():
        setattr(made, key, value)
    return made


def _colours_of(colours: dict[Any, Any]) -> Any:
    if "cyclic" not in colours:
        return colours
    from napari.utils.colormaps import CyclicLabelColormap

    return CyclicLabelColormap(
        colors=colours["cyclic"],
        seed=colours.get("seed", 0.5),
        background_value=colours.get("background_value", 0),
    )


def _encoding(value: Any) -> Any:
    """Return the encoding of a text, whose colours napari does not read as it writes them."""
    if not isinstance(value, dict) or not isinstance(value.get("colormap"), dict):
        return value
    from napari.layers.utils import color_encoding

    kinds = ("NominalColorEncoding", "QuantitativeColorEncoding")
    kind = value.get("encoding_type")
    if kind not in kinds:
        raise ValueError("the colours of a text are of no known kind")
    given = {key: one for key, one in value.items() if key != "encoding_type"}
    given["colormap"] = _colormap(value["colormap"])
    return getattr(color_encoding, kind)(**given)


def _colormap(value: Any) -> Any:
    from napari.utils.colormaps import Colormap
    from napari.utils.colormaps.categorical_colormap import CategoricalColormap

    if not isinstance(value, dict):
        return value
    fallback = value.get("fallback_color")
    if fallback is None:
        return Colormap(**value)
    others = fallback["values"] if isinstance(fallback, dict) else fallback
    return CategoricalColormap(colormap=value["colormap"], fallback_color=others)


def apply_extra(layer: Any, extra: Mapping[str, Any]) -> list[str]:
    """Set what a layer has beyond what it is made with; return what could not be."""
    failed = []
    keys = (*_EXTRA.get(type(layer).__name__.lower(), ()), *_EXTRA_OF_ALL)
    for key in keys:
        value = extra.get(key)
        if key == "selected_data" and isinstance(value, list):
            value = {place for place in value if isinstance(place, int)}
        if key in extra and hasattr(layer, key):
            failed += set_values(layer, {key: value}, (key,))
    overlays = extra.get("overlays")
    for key in _OVERLAYS:
        values = overlays.get(key) if isinstance(overlays, dict) else None
        if isinstance(values, dict) and key in layer._overlays:
            model = layer._overlays[key]
            failed += set_values(model, values, settable(model))
    return failed


def settable(model: Any) -> list[str]:
    """Return the fields of a model of napari that can be set."""
    return [key for key, about in type(model).model_fields.items() if not about.frozen]


def set_values(model: Any, values: Mapping[str, Any], known: Iterable[str]) -> list[str]:
    """Set what is `known` of some values; return, in words, what could not be."""
    failed = []
    for key in known:
        if key not in values:
            continue
        try:
            setattr(model, key, values[key])
        except (TypeError, ValueError, AttributeError, KeyError, IndexError):
            failed.append(key.replace("_", " "))
    return failed
