from __future__ import annotations

import numpy as np
import pytest
from pydicom import Dataset
from tests.export.sources import DIMS, made_up

from napari_dicomdb.export.images.leading_axes import leading_axes
from napari_dicomdb.loading.volume import Coord


def axes(*names: str, **coords: Coord):
    array = np.zeros((*(2,) * len(names), 1, 1, 1))
    return leading_axes(made_up(array, dims=(*names, *DIMS), coords=coords))


def test_known_axes_are_told_in_their_units() -> None:
    (axis,) = axes("echo_time", echo_time=Coord((4.92, 7.38), "ms"))
    header = Dataset()
    axis.put(header, 1)
    assert (axis.is_kept, header.EchoTime) == (True, 7.38)
    (axis,) = axes("b_value", b_value=Coord((0, 1000.0), "s/mm2"))
    axis.put(header, 1)
    assert header.DiffusionBValue == 1000.0
    (axis,) = axes("time", time=Coord((0.0, 1.5), "s"))
    axis.put(header, 1)
    assert (header.TemporalPositionIdentifier, header.NumberOfTemporalPositions) == (2, 2)
    assert (header.FrameReferenceTime, axis.is_kept) == (1500, True)


def test_others_keep_their_order_only_and_never_share_an_attribute() -> None:
    found = axes("apple", "echo_time", "pear", echo_time=Coord((1, 1), "ms"))
    assert len({axis.keyword for axis in found}) == 3
    assert not any(axis.is_kept for axis in found)
    assert axes() == ()


@pytest.mark.parametrize("name", ["cardiac_phase", "respiratory_phase"])
def test_percentages_are_numbers_not_strings(name: str) -> None:
    # FL: given as text, pydicom warned, and refused it where warnings are errors.
    (axis,) = axes(name, **{name: Coord((0.0, 12.5), "%")})
    header = Dataset()
    axis.put(header, 1)
    assert header[axis.keyword].value == 12.5


def test_what_is_no_number_is_no_time() -> None:
    # Not a number stopped writing with the words of a library.
    source = made_up(
        np.zeros((2, 1, 2, 2)), dims=("time", *DIMS),
        coords={"time": Coord((0.0, float("nan")), "s")},
    )  # fmt: skip
    (axis,) = leading_axes(source)
    assert (axis.keyword, axis.values) == ("TemporalPositionIdentifier", (1, 2))
    assert axis.times_ms == ()
