"""Values of a scene as JSON, and back: no pickle, nothing that can run.

Plain JSON is itself. What JSON has not is an object of one member whose name begins
with ``$``: ``$tuple``, ``$dict`` (keys other than text), ``$float`` (nan, inf, -inf),
``$array`` (numbers), ``$texts`` (an array of text). See docs/scenes.md.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.errors import LoadError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["bad_scene", "decode", "encode", "number_type", "shape_of"]

INLINE = 64
"""Arrays of up to so many numbers are written into the manifest."""
_DEEPEST = 40
_AXES = 32
_TYPE = re.compile(r"<(?:[iu][1248]|f[248]|c(?:8|16))|\|(?:[iu]1|b1)", re.ASCII)


def bad_scene(text: str) -> LoadError:
    """Return the error of an archive that is no scene, or a damaged or hostile one."""
    return LoadError(f"the scene cannot be opened: {text}", reason="bad-scene")


def number_type(text: object) -> np.dtype[Any]:
    """Return the type that an archive names: booleans, integers, floats, complex numbers.

    Raises
    ------
    LoadError
        "bad-scene": any other.
    """
    if not isinstance(text, str) or not _TYPE.fullmatch(text) or text == "<i1":
        raise bad_scene("the type of an array is none that scenes have")
    return np.dtype(text)


def shape_of(value: object) -> tuple[int, ...]:
    """Return a shape as an archive names it.

    Raises
    ------
    LoadError
        "bad-scene": it is none.
    """
    whole = isinstance(value, list) and all(
        isinstance(n, int) and not isinstance(n, bool) and 0 <= n < 2**48 for n in value
    )
    if not isinstance(value, list) or not whole or len(value) > _AXES:
        raise bad_scene("the shape of an array is none")
    return tuple(value)


def encode(value: Any, store: Callable[[Any], dict[str, Any]], depth: int = 0) -> Any:
    """Return `value` as JSON.

    Parameters
    ----------
    value : object
    store : callable
        Takes an array of numbers (numpy or lazy) that is too large for the manifest,
        returns what the manifest says of it.

    Raises
    ------
    TypeError
        It holds something that scenes do not keep.
    """
    if depth > _DEEPEST:
        raise TypeError("it is nested too deeply")
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": str(value)}
    if isinstance(value, Mapping):
        return _encode_mapping(value, store, depth)
    if isinstance(value, (list, tuple)):
        items = [encode(item, store, depth + 1) for item in value]
        return {"$tuple": items} if isinstance(value, tuple) else items
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return _encode_array(value, store)
    raise TypeError(f"scenes do not keep a {type(value).__name__}")


def _encode_mapping(value: Any, store: Callable[[Any], dict[str, Any]], depth: int) -> Any:
    plain = all(isinstance(key, str) and not key.startswith("$") for key in value)
    if plain:
        return {key: encode(item, store, depth + 1) for key, item in value.items()}
    pairs = [
        [encode(key, store, depth + 1), encode(item, store, depth + 1)]
        for key, item in value.items()
    ]
    return {"$dict": pairs}


def _encode_array(value: Any, store: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    kind = np.dtype(value.dtype).kind
    if kind in "OUS":
        flat = [encode(item, store) for item in np.asarray(value).ravel().tolist()]
        if any(isinstance(item, (list, dict)) and "$float" not in item for item in flat):
            raise TypeError("scenes do not keep arrays of objects")
        return {"$texts": {"shape": list(value.shape), "values": flat, "object": kind == "O"}}
    if kind not in "biufc":
        raise TypeError(f"scenes do not keep arrays of {value.dtype}")
    if kind != "c" and math.prod(value.shape) <= INLINE:
        array = np.asarray(value)
        flat = [encode(item, store) for item in array.ravel().tolist()]
        return {"$array": {"dtype": _little(array.dtype), "shape": list(array.shape),
                           "values": flat}}  # fmt: skip
    return {"$array": store(value)}


def _little(dtype: np.dtype[Any]) -> str:
    return str(dtype.newbyteorder("<").str)


def decode(value: Any, load: Callable[[Mapping[str, Any]], Any], depth: int = 0) -> Any:
    """Return what `encode` was given.

    Parameters
    ----------
    value : object
        As read from JSON.
    load : callable
        Returns the array that the manifest says lies elsewhere in the archive.

    Raises
    ------
    LoadError
        "bad-scene": `encode` did not write it.
    """
    if depth > 2 * _DEEPEST:
        raise bad_scene("it is nested too deeply")
    if isinstance(value, list):
        return [decode(item, load, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (key, inner), *_ = value.items()
        if key.startswith("$"):
            return _decode_tagged(key, inner, load, depth)
    return {key: decode(item, load, depth + 1) for key, item in value.items()}


def _decode_tagged(key: str, inner: Any, load: Callable[..., Any], depth: int) -> Any:
    if key == "$float" and inner in ("nan", "inf", "-inf"):
        return float(inner)
    if key == "$tuple" and isinstance(inner, list):
        return tuple(decode(item, load, depth + 1) for item in inner)
    if key == "$array" and isinstance(inner, dict):
        return load(inner) if "values" not in inner else _numbers(inner, load, depth)
    try:
        if key == "$dict" and isinstance(inner, list):
            return {decode(k, load, depth + 1): decode(v, load, depth + 1) for k, v in inner}
        if key == "$texts" and isinstance(inner, dict) and isinstance(inner["values"], list):
            values = [decode(item, load, depth + 1) for item in inner["values"]]
            made = np.empty(len(values), dtype=object)
            made[:] = values
            shaped = made.reshape(shape_of(inner["shape"]))
            return shaped if inner.get("object") else shaped.astype(str)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, LoadError):
            raise
        raise bad_scene(f"a value of the kind {key} is damaged") from error
    raise bad_scene("a value is of a kind that this version does not know")


def _numbers(inner: Mapping[str, Any], load: Callable[..., Any], depth: int) -> Any:
    dtype, shape = number_type(inner.get("dtype")), shape_of(inner.get("shape"))
    values = decode(inner["values"], load, depth + 1)
    try:
        return np.array(values, dtype=dtype).reshape(shape)
    except (TypeError, ValueError, OverflowError) as error:
        raise bad_scene("an array is damaged") from error
