"""Values go through JSON and come back, types included."""

import json
from enum import Enum

import numpy as np
import pytest

from napari_dicomdb.errors import LoadError
from napari_dicomdb.export.scenes.values import decode, encode, number_type, shape_of


def _through(value):
    stored = []

    def store(array):
        stored.append(np.asarray(array))
        return {"place": len(stored) - 1}

    text = json.dumps(encode(value, store), allow_nan=False)
    return decode(json.loads(text), lambda entry: stored[entry["place"]])


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        7,
        0.1,
        "Größe",
        [1, [2, (3, "x")]],
        {"a": {"b": (1.0,)}, None: 3, 5: "five"},
        {"$array": 1},
        {None: "transparent", 1: "red"},
        float("inf"),
    ],
)
def test_plain(value):
    assert _through(value) == value
    assert type(_through(value)) is type(value)


def test_nan_stays_nan():
    assert np.isnan(_through(float("nan")))


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.int16).reshape(2, 3),
        np.array([1.5, np.nan, -np.inf], np.float32),
        np.zeros((0, 3)),
        np.arange(1000, dtype=">u4"),
        np.array([True, False]),
        np.array(["a", "bcd"]),
        np.array(["a", None, 1.5], dtype=object),
        np.array([1 + 2j]),
        np.array(3.0),
    ],
)
def test_arrays(array):
    back = _through(array)
    assert back.shape == array.shape
    assert back.dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
    equal_nan = array.dtype.kind in "fc"
    assert np.array_equal(back, array, equal_nan=equal_nan)


def test_numpy_scalars_and_enumerations_become_plain():
    class Colour(Enum):
        RED = "red"

    assert _through([np.float64(1.5), np.int8(3), Colour.RED]) == [1.5, 3, "red"]


@pytest.mark.parametrize("value", [print, object(), np.array([print]), np.zeros(2, "M8[s]"), b"x"])
def test_what_scenes_do_not_keep(value):
    with pytest.raises(TypeError, match="scenes do not keep"):
        encode(value, lambda _: {})


def test_nesting_without_end():
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(TypeError, match="nested"):
        encode(loop, lambda _: {})


@pytest.mark.parametrize("text", ["|O", "O", "<M8[s]", "<U4", "|V8", ">i2", "<i3", "", None, 5])
def test_types_that_no_archive_may_name(text):
    with pytest.raises(LoadError):
        number_type(text)


@pytest.mark.parametrize("shape", [[-1], [1.5], ["2"], [True], "2", None, [1] * 33, [2**60]])
def test_shapes_that_are_none(shape):
    with pytest.raises(LoadError):
        shape_of(shape)
