"""Rectangles, regions of ultrasound images, and presets of devices."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from napari_dicomdb.errors import ExportError, NotFoundError
from napari_dicomdb.export.deidentification.regions import (
    BlackoutPreset,
    Rectangle,
    blackout_presets,
    parse_rectangle,
    remove_preset,
    save_preset,
    ultrasound_regions,
)
from napari_dicomdb.settings import load_settings, settings_path


def _image(*regions: tuple[int, int, int, int], **values: Any) -> Dataset:
    dataset = Dataset()
    dataset.Rows, dataset.Columns = 100, 200
    dataset.Modality, dataset.Manufacturer = "US", "ACME Medical"
    dataset.ManufacturerModelName = "Echo 3"
    items = []
    for x0, y0, x1, y1 in regions:
        item = Dataset()
        item.RegionSpatialFormat = 1
        item.RegionLocationMinX0, item.RegionLocationMinY0 = x0, y0
        item.RegionLocationMaxX1, item.RegionLocationMaxY1 = x1, y1
        items.append(item)
    dataset.SequenceOfUltrasoundRegions = Sequence(items)
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def test_both_corners_are_within_a_region() -> None:
    assert ultrasound_regions(_image((10, 20, 59, 99))) == [Rectangle(10, 20, 50, 80)]


def test_regions_are_cut_to_the_image() -> None:
    assert ultrasound_regions(_image((10, 20, 500, 500))) == [Rectangle(10, 20, 190, 80)]


@pytest.mark.parametrize(
    "image",
    [
        _image(),
        _image((0, 0, 199, 99)),
        _image((0, 0, 500, 500)),
        _image((10, 10, 5, 50)),
        _image((10, 10, 50, 50), (300, 300, 400, 400)),
        Dataset(),
        _image((10, 10, 50, 50), Rows=None),
    ],
    ids=["none", "whole", "more", "inverted", "outside", "empty", "no-size"],
)
def test_regions_that_tell_nothing(image: Dataset) -> None:
    assert ultrasound_regions(image) == []


def test_drawn_regions_do_not_stay() -> None:
    image = _image((10, 10, 50, 50), (60, 60, 90, 90))
    image.SequenceOfUltrasoundRegions[1].RegionSpatialFormat = 5
    assert ultrasound_regions(image) == [Rectangle(10, 10, 41, 41)]


def test_a_rectangle_is_read_as_it_is_written() -> None:
    for text in ("0,0,640,48@US", "1,2,3,4"):
        assert str(parse_rectangle(text)) == text


def test_presets_fit_device_and_size() -> None:
    preset = BlackoutPreset.of_image(" Echo ", _image(), [Rectangle(0, 0, 9, 9, "1.2.3")])
    assert preset.name == "Echo"
    assert preset.rectangles == (Rectangle(0, 0, 9, 9),)
    assert preset.fits(_image())
    assert preset.fits(_image(Manufacturer="acme medical"))
    for other in ({"Rows": 101}, {"Columns": 100}, {"ManufacturerModelName": "Echo 4"},
                  {"Modality": "XA"}, {"Manufacturer": None}):  # fmt: skip
        assert not preset.fits(_image(**other))


def test_presets_are_kept_and_forgotten() -> None:
    one = BlackoutPreset.of_image("b", _image(), [Rectangle(0, 0, 9, 9)])
    two = BlackoutPreset.of_image("A", _image(), [Rectangle(1, 2, 3, 4), Rectangle(5, 6, 7, 8)])
    save_preset(one)
    save_preset(two)
    assert blackout_presets() == (two, one)
    changed = BlackoutPreset.of_image("b", _image(), [Rectangle(3, 3, 3, 3)])
    save_preset(changed)
    assert blackout_presets() == (two, changed)
    remove_preset("A")
    assert blackout_presets() == (changed,)
    with pytest.raises(NotFoundError):
        remove_preset("A")


def test_damaged_presets_are_left_out() -> None:
    save_preset(BlackoutPreset.of_image("good", _image(), [Rectangle(0, 0, 9, 9)]))
    text = settings_path().read_text(encoding="utf-8")
    settings_path().write_text(
        text.replace('"blackout_presets": [', '"blackout_presets": [3, {}, {"name": "x"},')
    )
    assert load_settings().others
    assert [one.name for one in blackout_presets()] == ["good"]


def test_what_is_no_preset() -> None:
    for wrong in ({"name": " "}, {"rectangles": []}, {"rows": 0}, {"rectangles": ["1,2"]}):
        good = BlackoutPreset.of_image("x", _image(), [Rectangle(0, 0, 1, 1)]).to_json()
        with pytest.raises(ExportError):
            BlackoutPreset.from_json({**good, **wrong})
