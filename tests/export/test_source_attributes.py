"""What is kept of source images, compared with their files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from tests.export.sources import anybody, made_up, of_data

from napari_dicomdb import Database
from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.planes import Planes
from napari_dicomdb.export.source_attributes import (
    SourceImages,
    evidence,
    frame_of_reference,
    reference_items,
)


@pytest.fixture(scope="module")
def pet(reference_data: Path):
    with Database.in_memory() as database:
        yield of_data(database, reference_data / "ctmrpet_rtstruct" / "STS_002_PET" / "dicom")


def test_each_plane_knows_the_image_it_was_made_from(pet) -> None:
    source, target = pet
    images, planes = SourceImages.of(source, target), Planes.of(source)
    assert planes is not None
    for k in (0, 7, len(planes) - 1):
        (record,) = images.at(planes, k)
        position = pydicom.dcmread(record.path).ImagePositionPatient
        assert [float(x) for x in position] == pytest.approx(planes.positions[k], abs=1e-3)
    between = replace(planes, positions=planes.positions + planes.normal * planes.thickness / 2)
    assert len(images.at(between, 3)) == 2
    # A layer that was cropped referred to the next slice, too.
    cropped = replace(planes, positions=planes.positions + 40 * planes.orientation[:3])
    assert images.at(cropped, 3) == images.at(planes, 3)
    assert len(images.at(None, 0)) == min(100, len(images.records))
    np.testing.assert_allclose(images.real_positions(source), planes.positions, atol=1e-3)
    backwards = np.asarray(source.geometry.affine).copy()
    backwards[:3, 3] += (source.grid[0] - 1) * backwards[:3, 0]
    backwards[:3, 0] *= -1
    turned = replace(source, geometry=replace(source.geometry, affine=backwards))
    np.testing.assert_allclose(images.real_positions(turned), planes.positions[::-1], atol=1e-3)
    few = replace(source.geometry, is_regular=False, shape=(3, *source.grid[1:]))
    few = source.with_array(source.numpy()[:3], few)
    assert images.real_positions(few) is None
    with pytest.raises(ExportError, match="not evenly spaced"):
        images.planes(few)


def test_acquisition_is_copied_from_images_of_the_same_modality(pet) -> None:
    source, target = pet
    images = SourceImages.of(source, target)
    made, original = Dataset(), pydicom.dcmread(images.records[0].path)
    images.copy_series(made, "PT")
    assert made.Units == original.Units
    assert made.SeriesTime == original.SeriesTime  # decay is corrected to it
    isotope = made.RadiopharmaceuticalInformationSequence[0]
    assert isotope == original.RadiopharmaceuticalInformationSequence[0]
    images.copy_image(made, "PT", images.records[0])
    assert made.FrameReferenceTime == original.FrameReferenceTime
    other = Dataset()
    images.copy_series(other, "MR")
    assert "Units" not in other
    with pytest.raises(ExportError) as error:
        SourceImages([]).copy_series(Dataset(), "PT")
    assert error.value.reason == "no-source"


def test_references_and_frames_of_reference(pet) -> None:
    source, target = pet
    records = SourceImages.of(source, target).records
    items = reference_items(records[:3])
    assert [i.ReferencedSOPInstanceUID for i in items] == [r.uid for r in records[:3]]
    (study,) = evidence("1.2", records)
    assert study.ReferencedSeriesSequence[0].SeriesInstanceUID == records[0].series_uid
    assert len(study.ReferencedSeriesSequence[0].ReferencedSOPSequence) == len(records)
    known = pydicom.dcmread(records[0].path).FrameOfReferenceUID
    assert frame_of_reference(source, target) == known
    lost = replace(source, geometry=replace(source.geometry, frame_of_reference_uid=""))
    assert frame_of_reference(lost, target) == known
    other = replace(source, geometry=replace(source.geometry, frame_of_reference_uid="1.2"))
    with pytest.raises(ExportError) as error:
        frame_of_reference(other, target)
    assert error.value.reason == "mixed-frame-of-reference"
    alone = made_up(source.array)
    assert frame_of_reference(alone, anybody()) != frame_of_reference(alone, anybody())


def test_each_step_of_an_axis_knows_its_own_image(reference_data: Path) -> None:
    # All steps had the time of the first: a dynamic PET lost its times.
    with Database.in_memory() as database:
        source, target = of_data(database, reference_data / "multiecho")
    with Database.in_memory() as database:
        folder = reference_data / "4d_fmri/dcm_qa_nih__EPI_PEAP_3"
        mosaics, of_mosaics = of_data(database, folder)
    images, planes = SourceImages.of(source, target), Planes.of(source)
    assert len(images.at(planes, 2)) == source.leading[0] == 2
    for lead in ((0,), (1,)):
        (record,) = images.at(planes, 2, source.leading, lead)
        shown = pydicom.dcmread(record.path)
        np.testing.assert_array_equal(shown.pixel_array, source.plane(lead, 2))
    images, planes = SourceImages.of(mosaics, of_mosaics), Planes.of(mosaics)
    named = [images.at(planes, 2, (2,), (k,))[0].uid for k in (0, 1)]
    assert named == list(mosaics.references)


def test_a_pet_image_without_what_it_must_say_is_refused(pet, tmp_path: Path) -> None:
    source, target = pet
    record = SourceImages.of(source, target).records[0]
    header = pydicom.dcmread(record.path)
    del header.DecayFactor
    header.save_as(tmp_path / "x.dcm")
    poor = replace(record, path=str(tmp_path / "x.dcm"))
    made = Dataset()
    made.DecayCorrection = "START"
    with pytest.raises(ExportError, match="DecayFactor"):
        SourceImages([poor]).copy_image(made, "PT", poor)
    made.DecayCorrection = "NONE"
    SourceImages([poor]).copy_image(made, "PT", poor)


def test_what_a_pet_image_lacks_is_known_before_it_is_written(pet, tmp_path: Path) -> None:
    source, target = pet
    images = SourceImages.of(source, target)
    images.check("PT")
    header = pydicom.dcmread(images.records[0].path)
    header.DecayCorrection = "START"
    del header.DecayFactor
    header.save_as(tmp_path / "x.dcm")
    poor = replace(images.records[0], path=str(tmp_path / "x.dcm"))
    with pytest.raises(ExportError, match="DecayFactor"):
        SourceImages([poor]).check("PT")
    with pytest.raises(ExportError, match="SeriesType"):
        SourceImages([]).check("PT")
