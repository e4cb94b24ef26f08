"""Units of values: in every form of an image, read back by us, pydicom and highdicom."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from tests.export.sources import anybody, errors_of, made_up, of_data

from napari_dicomdb import Database, Volume
from napari_dicomdb.export.exporters.image import ImageExporter
from napari_dicomdb.export.images.stored_values import StoredValues
from napari_dicomdb.export.images.value_units import can_be_said, say_units
from napari_dicomdb.export.results import write_results

VALUES = np.linspace(0.0, 0.0031, 3 * 5 * 6).reshape(3, 5, 6).astype(np.float32)


def read(folder: Path) -> Volume:
    with Database.in_memory() as database:
        database.import_paths([folder], workers=0)
        (series,) = database.series()
        (offer,) = (o for o in database.examine(series) if o.selected)
        return offer.load(lazy=False)


@pytest.mark.parametrize("form", ["secondary-capture", "multi-frame"])
@pytest.mark.parametrize(
    ("units", "modality", "code", "again"),
    [
        ("mm^2/s", "MR", "mm2/s", "mm2/s"),
        ("BQML", "NM", "Bq/ml", "Bq/ml"),
        ("HU", "CT", "[hnsf'U]", "HU"),
        ("ms", "", "ms", "ms"),
    ],
)
def test_captures_keep_their_unit(
    program, tmp_path: Path, form: str, units: str, modality: str, code: str, again: str
) -> None:
    source = made_up(VALUES, units=units, meta={"modality": modality, "quantity": "ADC"})
    (one,) = (o for o in ImageExporter().examine(source) if o.options["form"] == form)
    assert not any("unit" in text for text in one.losses)
    report = write_results(None, [one], anybody(), folder=tmp_path)
    assert errors_of(program, report.files[0]) == []
    header = pydicom.dcmread(report.files[0])
    if header.get("RescaleType") == "HU":
        assert "RealWorldValueMappingSequence" not in header
    else:
        (item,) = header.RealWorldValueMappingSequence
        assert item.MeasurementUnitsCodeSequence[0].CodeValue == code
        assert item.RealWorldValueSlope == header.RescaleSlope
        assert item.RealWorldValueIntercept == header.RescaleIntercept
        # highdicom applies it to the stored values.
        image = highdicom.imread(report.files[0])
        theirs = image.get_frame(1, apply_real_world_transform=True)
        ours = header.pixel_array.reshape(-1, 5, 6)[0] * header.RescaleSlope
        assert theirs == pytest.approx(ours + header.RescaleIntercept)
    volume = read(tmp_path)
    assert volume.units == again
    assert np.abs(np.sort(volume.array.ravel()) - np.sort(VALUES.ravel())).max() < 1e-7


@pytest.mark.parametrize("form", ["classic", "enhanced"])
def test_mr_images_keep_their_unit(reference_data, program, tmp_path: Path, form: str) -> None:
    with Database.in_memory() as database:
        folder = "dicom2nifti__hyperfine_anatomical_001"
        source, target = of_data(database, reference_data / "mr_vendors" / folder)
        few = source.with_array(source.array[:4] / 7.0, source.geometry)
        assert source.geometry is not None
        geometry = replace(source.geometry, shape=(4, *source.grid[1:]))
        few = replace(few, units="ms", geometry=geometry)
        (one,) = (o for o in ImageExporter().examine(few) if o.options["form"] == form)
        report = write_results(None, [one], target, folder=tmp_path)
    assert errors_of(program, report.files[0]) == []
    assert read(tmp_path).units == "ms"


def test_a_unit_that_no_code_can_say_is_a_loss() -> None:
    assert can_be_said("mm2/s")
    assert not can_be_said("")
    assert not can_be_said("a unit of some sixteen letters")
    source = made_up(VALUES, units="größe")
    for one in ImageExporter().examine(source):
        assert "the unit of the values (größe) is not kept" in one.losses


def test_the_range_is_that_of_the_pixels() -> None:
    source = made_up(VALUES, units="ms")
    ends = {}
    for name, padding in (("u1", None), ("i2", -32768), ("u2", 65535), ("u4", None)):
        made = Dataset()
        say_units(made, source, StoredValues(np.dtype(name), padding=padding))
        (item,) = made.RealWorldValueMappingSequence
        if name == "u4":
            ends[name] = item.DoubleFloatRealWorldValueLastValueMapped
            assert "RealWorldValueLastValueMapped" not in item
        else:
            first, last = item[0x00409216], item[0x00409211]
            ends[name] = (first.VR, first.value, last.value)
    assert ends == {
        "u1": ("US", 0, 255),
        "i2": ("SS", -32767, 32767),
        "u2": ("US", 0, 65534),
        "u4": 2**32 - 1,
    }
    made = Dataset()
    made.Units = "BQML"
    say_units(made, source, StoredValues(np.dtype("u2")))
    assert "RealWorldValueMappingSequence" not in made
