"""What cannot be an image; whole files are in exporters/test_image.py."""

from __future__ import annotations

import numpy as np
import pytest
from tests.export.sources import made_up

from napari_dicomdb.dicom.findings import Severity
from napari_dicomdb.export.images.image_findings import (
    frame_findings,
    out_of_reach,
    unwritable,
    value_findings,
)
from napari_dicomdb.export.images.stored_values import ValueRange, value_range


@pytest.mark.parametrize("dtype", ["u1", "i2", "f4", "?", "u8", "f8"])
def test_numbers_can_be_written(dtype: str) -> None:
    source = made_up(np.ones((2, 3, 4), dtype))
    assert unwritable(source) is None
    assert out_of_reach(source, value_range(source)) is None
    assert value_findings(value_range(source)) == ()


def test_what_cannot_is_an_error() -> None:
    for array in (np.zeros((2, 3, 4), complex), np.zeros((2, 3, 0)), np.array([[["x"]]])):
        found = unwritable(made_up(array))
        assert found is not None
        assert found.severity == Severity.ERROR
    huge = made_up(np.full((1, 2, 3), -1e200))
    assert out_of_reach(huge, value_range(huge)) is not None
    nothing = made_up(np.zeros((1, 2, 3)))
    assert out_of_reach(nothing, value_range(nothing)) is None


def test_frames_that_cannot_be_told_apart_and_values_that_are_none() -> None:
    many = made_up(np.zeros((2, 2, 2, 2, 3, 4), np.uint8))
    assert frame_findings(many, "classic") == ()
    (found,) = frame_findings(many, "enhanced")
    assert found.severity == Severity.ERROR
    (found,) = value_findings(ValueRange(0, 1, False, 7))
    assert (found.severity, found.numbers["voxels"]) == (Severity.WARNING, 7)
