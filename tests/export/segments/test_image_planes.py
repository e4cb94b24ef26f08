"""Planes of images: where they are, which frames show them; volumes of one series together."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

from napari_dicomdb import Database
from napari_dicomdb.export.segments.image_planes import image_planes


def planes_of(folder):
    with Database.in_memory() as database:
        database.import_paths(folder, workers=0)
        return image_planes(database.instances())


def test_each_plane_is_at_the_position_of_its_file(reference_data):
    folder = reference_data / "seg" / "ct-3slice"
    (found,) = planes_of(folder)
    headers = {h.SOPInstanceUID: h for h in map(pydicom.dcmread, folder.rglob("*.dcm"))}
    assert found.grid == (3, 512, 512)
    assert found.is_regular
    (frames,) = found.times
    for position, frame in zip(found.positions, frames, strict=True):
        header = headers[frame.record.uid]
        assert position == pytest.approx(list(header.ImagePositionPatient), abs=1e-3)
        assert frame.number is None
    assert found.normal @ (found.positions[1] - found.positions[0]) > 0
    low, high = np.split(found.ends(), 2)
    assert (high - low)[:2] == pytest.approx(511 * np.array(found.spacing[::-1]))


@pytest.mark.parametrize(
    ("folder", "grid", "times", "numbered"),
    [
        ("4d_fmri/dcm_qa_nih__DCM2NIIX_regression_test_4", (15, 64, 64), 10, False),
        ("mr_vendors/dicom2nifti__philips_enhanced_fmri_001", (8, 64, 64), 4, True),
        ("4d_fmri/dcm_qa_nih__EPI_PELR_6", (5, 72, 72), 2, False),  # mosaics
        ("dwi/dcm_qa_ge__Ax_DWI_TENSOR_R2_1", (2, 256, 256), 7, False),
    ],
)
def test_volumes_of_a_series_share_their_planes(reference_data, folder, grid, times, numbered):
    (found,) = planes_of(reference_data / folder)
    assert found.grid == grid
    assert len(found.times) == times
    assert {frame.number is not None for time in found.times for frame in time} == {numbered}
    if numbered:
        numbers = sorted(frame.number for time in found.times for frame in time)
        assert numbers == list(range(1, grid[0] * times + 1))


def test_uneven_slices_keep_their_positions(reference_data):
    (found,) = planes_of(reference_data / "bad_geometry" / "sliceincrement")
    assert not found.is_regular
    steps = np.linalg.norm(np.diff(found.positions, axis=0), axis=1)
    assert steps.max() > 1.5 * steps.min()


def test_what_is_nowhere_has_no_planes(reference_data):
    assert planes_of(reference_data / "cine") == []
