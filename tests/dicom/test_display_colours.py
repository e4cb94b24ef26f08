"""CIELab as DICOM stores it: reference/seg.md SEG-9, highdicom, and there and back."""

from __future__ import annotations

import highdicom
import numpy as np
import pytest

from napari_dicomdb.dicom.display_colours import CYCLE, cielab_to_rgb, rgb_to_cielab


@pytest.mark.parametrize(
    ("stored", "rgb"),
    [
        ([41661, 41167, 40792], (221, 130, 101)),
        ([34886, 53484, 50172], (255, 0, 0)),
        ([43803, 26565, 37722], (128, 174, 128)),
    ],
)
def test_as_dcmqi_slicer_and_highdicom(stored: list[int], rgb: tuple[int, int, int]) -> None:
    assert cielab_to_rgb(stored) == rgb
    assert rgb_to_cielab(rgb) == tuple(stored)


@pytest.mark.parametrize(("lightness", "grey"), [(0, 0), (65535, 255)])
def test_black_and_white(lightness: int, grey: int) -> None:
    assert cielab_to_rgb([lightness, 32896, 32896]) == (grey,) * 3


def test_every_colour_comes_back() -> None:
    for rgb in [*CYCLE, *np.random.default_rng(0).integers(0, 256, (200, 3)).tolist()]:
        assert cielab_to_rgb(rgb_to_cielab(rgb)) == tuple(rgb)
        theirs = highdicom.color.CIELabColor.from_rgb(*rgb).value
        assert rgb_to_cielab(rgb) == theirs


def test_what_is_no_colour() -> None:
    with pytest.raises(ValueError, match="3 values"):
        cielab_to_rgb([1, 2])
    assert cielab_to_rgb([65535, 0, 0]) == (0, 255, 255), "beyond sRGB: clipped"
