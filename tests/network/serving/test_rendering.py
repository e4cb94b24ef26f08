"""Pictures of images, against the standard's formula computed from pydicom's pixels."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from starlette.exceptions import HTTPException

from napari_dicomdb.dicom.voi import Window
from napari_dicomdb.errors import PixelError
from napari_dicomdb.network.serving.rendering import JPEG, PNG, View, picture_of, view_of


def pixels(picture: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture)))


def test_a_window_is_that_of_the_standard(web: Any) -> None:
    record = web.named("CT1_UNC")
    dataset = pydicom.dcmread(record.path)
    values = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
    shown = pixels(picture_of(record, 0, View(Window(40, 400)), PNG))
    # PS3.3 Section C.11.2.1.2.1
    expected = np.clip(((values - 39.5) / 399 + 0.5) * 255, 0, 255)
    assert np.abs(shown - expected).max() <= 1
    exact = pixels(picture_of(record, 0, View(Window(40, 400, function="LINEAR_EXACT")), PNG))
    assert np.abs(exact - np.clip((values - 40) / 400 + 0.5, 0, 1) * 255).max() <= 1
    sigmoid = pixels(picture_of(record, 0, View(Window(40, 400, function="SIGMOID")), PNG))
    assert np.abs(sigmoid - 255 / (1 + np.exp(-4 * (values - 40) / 400))).max() <= 1


def test_colours_are_those_of_the_file(web: Any) -> None:
    record = web.named("US1_UNC")
    expected = pydicom.dcmread(record.path).pixel_array
    assert np.array_equal(pixels(picture_of(record, 0, View(), PNG)), expected)
    jpeg = Image.open(io.BytesIO(picture_of(record, 0, View(), JPEG)))
    assert jpeg.format == "JPEG"
    assert np.abs(np.asarray(jpeg).astype(int) - expected).mean() < 5


def test_every_image_can_be_seen(web: Any) -> None:
    seen = 0
    for record in web.database.instances():
        if record.pixel_keyword and "video" not in record.path.name:
            picture = Image.open(io.BytesIO(picture_of(record, 0, View(size=(64, 64)), PNG)))
            assert max(picture.size) == 64
            seen += 1
    assert seen > 50


def test_part_and_size(web: Any) -> None:
    record = web.named("CT1_UNC")
    whole = pixels(picture_of(record, 0, View(Window(40, 400)), PNG))
    part = View(Window(40, 400), (100, 50), (10.0, 20.0, 100.0, 50.0))
    assert np.array_equal(pixels(picture_of(record, 0, part, PNG)), whole[20:70, 10:110])
    turned = View(Window(40, 400), (100, 50), (10.0, 20.0, -100.0, 50.0))
    assert np.array_equal(
        pixels(picture_of(record, 0, turned, PNG)), whole[20:70, 10:110][:, ::-1]
    )
    small = View(size=(200, 100))
    assert Image.open(io.BytesIO(picture_of(record, 0, small, PNG))).size == (100, 100)
    with pytest.raises(HTTPException) as refused:
        picture_of(record, 0, View(part=(5000.0, 0.0, 10.0, 10.0)), PNG)
    assert refused.value.status_code == 400


def test_what_is_asked_for() -> None:
    assert view_of({}) == View()
    found = view_of(
        {"window": "-600,1500,linear-exact", "viewport": "512,256,1,2,30,40", "quality": "50"}
    )
    assert found == View(
        Window(-600, 1500, function="LINEAR_EXACT"), (512, 256), (1.0, 2.0, 30.0, 40.0), 50
    )
    assert view_of({"viewport": "10,20"}).part is None
    assert view_of({"viewport": "10,20,,,5,5"}).part == (None, None, 5.0, 5.0)


@pytest.mark.parametrize(
    "asked",
    [
        {"window": "40"},
        {"window": "40,0"},
        {"window": "40,400,other"},
        {"window": "nan,400"},
        {"viewport": "0,10"},
        {"viewport": "99999,99999"},
        {"viewport": "10"},
        {"viewport": "10,10,a,b"},
        {"quality": "0"},
        {"quality": "101"},
        {"quality": "good"},
    ],
)
def test_what_cannot_be_asked(asked: dict[str, str]) -> None:
    with pytest.raises(HTTPException) as refused:
        view_of(asked)
    assert refused.value.status_code == 400


def test_too_large_an_image(web: Any) -> None:
    from dataclasses import replace

    record = replace(web.named("CT1_UNC"), rows=65_535, columns=65_535)
    with pytest.raises(PixelError) as refused:
        picture_of(record, 0, View(), PNG)
    assert refused.value.reason == "too-large"
