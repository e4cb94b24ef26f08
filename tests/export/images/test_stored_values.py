from __future__ import annotations

import numpy as np
import pytest
from tests.export.sources import made_up

from napari_dicomdb.export.exporters.image import ImageExporter
from napari_dicomdb.export.images.stored_values import ValueRange, plan_stored, value_range
from napari_dicomdb.export.numbers import decimal_string
from napari_dicomdb.export.source import ExportSource


def plan(array: np.ndarray, **options):
    source = made_up(array, meta=options.pop("meta", {}))
    return plan_stored(source, value_range(source), **options)


@pytest.mark.parametrize(
    ("array", "dtype", "pair"),
    [
        (np.array([0, 255], np.uint8), "u1", (1, 0)),
        (np.array([-5, 5], np.int8), "i2", (1, 0)),
        (np.array([0, 65535], np.int64), "u2", (1, 0)),
        (np.array([-32768, 32767], np.float32), "i2", (1, 0)),
        (np.array([100000, 165535], np.uint32), "u2", (1, 100000)),
        (np.array([False, True]), "u1", (1, 0)),
    ],
)
def test_exact_where_it_can_be(array, dtype, pair) -> None:
    array = array.reshape(1, 1, 2)
    found = plan(array, at_least_16=False)
    assert (found.dtype, (found.slope, found.intercept)) == (np.dtype(dtype), pair)
    assert found.error == 0
    stored = found.encode(array)
    np.testing.assert_array_equal(stored * found.slope + found.intercept, array)


@pytest.mark.parametrize("no_intercept", [False, True])
def test_the_stated_error_holds(no_intercept: bool) -> None:
    rng = np.random.default_rng(1)
    for scale, shift in ((1e-6, 0), (1, 1e4), (1e9, -1e9), (3e-30, 0)):
        array = rng.normal(shift, scale, (2, 9, 9))
        found = plan(array, no_intercept=no_intercept)
        assert not no_intercept or found.intercept == 0
        back = found.encode(array) * found.slope + found.intercept
        assert 0 < np.abs(back - array).max() <= found.error * (1 + 1e-9)
        assert found.error <= max(np.ptp(array), 2 * np.abs(array).max()) / 60000


def test_the_rescale_of_the_files_is_used_again() -> None:
    stored = np.arange(200, dtype=np.float64).reshape(2, 10, 10)
    array = (stored * 0.37 - 11.5).astype(np.float32)
    found = plan(array, meta={"rescale": [(0.37, -11.5)] * 2})
    assert (found.slope, found.intercept) == (0.37, -11.5)
    np.testing.assert_array_equal(found.encode(array), stored)
    # Not when the values are others by now.
    assert plan(array * 1.01, meta={"rescale": [(0.37, -11.5)]}).slope != 0.37
    assert plan(array, meta={"rescale": [(0.37, -11.5), (1, 0)]}).slope != 0.37


def test_strange_values_are_counted_and_padded() -> None:
    array = np.array([1.5, np.nan, -np.inf, 2.5]).reshape(1, 2, 2)
    source = made_up(array)
    found = value_range(source)
    assert found == ValueRange(1.5, 2.5, False, 2)
    chosen = plan_stored(source, found)
    stored = chosen.encode(array)
    assert (stored == chosen.padding).sum() == 2
    back = stored * chosen.slope + chosen.intercept
    np.testing.assert_allclose(back[np.isfinite(array)], [1.5, 2.5], atol=chosen.error)
    nothing = made_up(np.full((1, 2, 2), np.nan))
    assert value_range(nothing) == ValueRange(0, 0, True, 4)
    assert (plan_stored(nothing, value_range(nothing)).encode(nothing.array) == 65535).all()


def test_the_rescale_of_the_files_is_not_used_for_what_it_cannot_say() -> None:
    # A map in [0, 0.004] of files with slope 1 was written as zeros, "to within 5e-10".
    array = np.linspace(0, 0.004095, 60).reshape(3, 4, 5).astype(np.float32)
    found = plan(array, meta={"rescale": [(1.0, 0.0)]})
    back = found.encode(array) * found.slope + found.intercept
    assert np.abs(back - array).max() <= found.error * 1.0001 < 1e-7


def test_one_value_everywhere_is_kept() -> None:
    # Its error was said to be 0.5.
    found = plan(np.full((2, 3, 4), 0.1))
    assert found.error <= 0.1 * 2.0**-24
    assert (found.encode(np.full(3, 0.1)) * found.slope + found.intercept == 0.1).all()


def test_what_fits_16_bits_anyway_is_not_read() -> None:
    class Unread:
        shape, dtype = (3, 4, 5), np.dtype(np.int16)

        def __getitem__(self, index):
            raise AssertionError("it was read")

    found = value_range(made_up(np.zeros((3, 4, 5), np.int16)))
    assert (found.low, found.high) == (0, 0)
    lazy = ExportSource("x", Unread(), ("slice", "row", "column"))
    assert value_range(lazy) == ValueRange(-32768, 32767, True)


def test_slopes_of_pet_are_of_the_slice() -> None:
    rng = np.random.default_rng(2)
    array = rng.random((4, 8, 9)) * np.array([1e-3, 1.0, 50.0, 0.0])[:, None, None]
    found = plan(array, no_intercept=True)
    assert (found.by_plane, found.intercept) == (True, 0)
    for k, expected in enumerate((1e-3, 1.0, 50.0)):
        one = found.of_plane(array[k], k)
        assert one.slope == pytest.approx(expected / 65535, rel=0.2)
        off = np.abs(one.encode(array[k]) * one.slope - array[k]).max()
        assert off <= one.slope / 2 * 1.001 <= found.error
        assert float(decimal_string(one.slope)) == one.slope
    assert found.of_plane(array[3], 3).slope > 0
    assert not plan(array).by_plane


@pytest.mark.parametrize("turned", [False, True])
def test_slopes_of_the_files_are_used_again(turned: bool) -> None:
    slopes = [0.25, 0.0125, 1.5]
    stored = np.random.default_rng(2).integers(0, 30000, (3, 8, 9))
    array = (stored * np.array(slopes)[:, None, None]).astype(np.float32)
    told = [(slope, 0.0) for slope in (slopes[::-1] if turned else slopes)]
    found = plan(array, no_intercept=True, meta={"rescale": told})
    for k, slope in enumerate(slopes):
        one = found.of_plane(array[k], k)
        assert one.slope == slope
        np.testing.assert_array_equal(one.encode(array[k]), stored[k])


def test_what_single_precision_holds_is_said_to_be_exact() -> None:
    # Halves of a NIfTI with a slope of 0.5 were kept to within 0.0134.
    array = np.arange(3000, dtype=np.float64).reshape(3, 20, 50) / 2
    found = plan(array, meta={"rescale": [(0.5, 0.0)]})
    assert (found.slope, found.intercept, found.error) == (0.5, 0, 0)
    np.testing.assert_array_equal(found.encode(array) * 0.5, array)


class Counting:
    """A lazy array that counts the planes it gives."""

    ndim, planes = 3, 0

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def __getitem__(self, key):
        self.planes += 1
        return self.array[key]


def test_values_are_looked_at_once_for_all_forms() -> None:
    # Of a lazy array of floats all was read for each form anew.
    lazy = Counting((np.arange(4 * 5 * 6).reshape(4, 5, 6) * 0.5).astype(np.float32))
    source = made_up(lazy, meta={"modality": "CT", "rescale": [(0.5, 0.0)]})
    offers = ImageExporter().examine(source)
    assert [one.options["form"] for one in offers] == [
        "classic", "secondary-capture", "multi-frame",
    ]  # fmt: skip
    assert all("all values are kept exactly" in one.reasons for one in offers)
    assert lazy.planes == 2 * 4  # for the range, and for the rescale
