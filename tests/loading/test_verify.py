from __future__ import annotations

import os

import numpy as np
import pydicom
import pytest
from pydicom.uid import ImplicitVRLittleEndian, generate_uid

from napari_dicomdb.dicom.findings import FindingCode, Severity
from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading import examine


@pytest.fixture
def opened(series, records):
    """Best loadable of three slices, examined before anything happens to the files."""
    series.axial([0, 1, 2])
    return examine(records(series.paths))[0]


def later(path):
    """Give the file a modification time that differs from the indexed one."""
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 5_000_000_000))


def codes(volume):
    return {f.code: f for f in volume.findings}


def test_untouched_files_are_not_opened_again(opened, monkeypatch):
    monkeypatch.setattr("napari_dicomdb.loading.verify.scan_file", None)
    assert codes(opened.load()) == {}


@pytest.mark.parametrize("lazy", [True, False])
def test_a_rewritten_header_moves_the_pixels_and_is_followed(series, opened, lazy):
    ds = pydicom.dcmread(series.paths[1])
    ds.PatientComments = "a longer header" * 20
    ds.save_as(series.paths[1])
    later(series.paths[1])
    volume = opened.load(lazy=lazy)
    assert volume.numpy()[:, 0, 0].tolist() == [0, 1, 2]
    finding = codes(volume)[FindingCode.FILE_CHANGED]
    assert finding.severity is Severity.INFO
    assert volume.meta["changed_instances"] == (ds.SOPInstanceUID,)


def test_another_transfer_syntax_and_rescaling_are_followed(series, opened):
    ds = pydicom.dcmread(series.paths[0])
    ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    ds.RescaleSlope, ds.RescaleIntercept = 2, 0.5
    ds.save_as(series.paths[0], implicit_vr=True, little_endian=True)
    later(series.paths[0])
    volume = opened.load(lazy=False)
    assert volume.array[:, 0, 0].tolist() == [0.5, 1, 2]


@pytest.mark.parametrize("lazy", [True, False])
def test_another_object_in_its_place_is_not_shown(series, opened, lazy):
    ds = pydicom.dcmread(series.paths[1])
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    ds.PixelData = np.full((6, 5), 999, np.int16).tobytes()
    ds.save_as(series.paths[1])
    later(series.paths[1])
    volume = opened.load(lazy=lazy)
    assert volume.numpy()[:, 0, 0].tolist() == [0, 0, 2]
    finding = codes(volume)[FindingCode.OTHER_OBJECT]
    assert finding.severity is Severity.ERROR
    assert "0001.dcm" in finding.text


@pytest.mark.parametrize("lazy", [True, False])
def test_a_file_that_is_gone_is_named(series, opened, lazy):
    series.paths[2].unlink()
    volume = opened.load(lazy=lazy)
    assert volume.numpy()[:, 0, 0].tolist() == [0, 1, 0]
    assert "0002.dcm" in codes(volume)[FindingCode.FILE_MISSING].text


def test_what_is_no_longer_dicom_is_named(series, opened):
    series.paths[0].write_bytes(b"gone" * 1000)
    later(series.paths[0])
    volume = opened.load(lazy=False)
    assert "no longer readable" in codes(volume)[FindingCode.FILE_CHANGED].text


@pytest.mark.parametrize(
    "change",
    [
        {"ImagePositionPatient": [-10, -20, 55]},
        {"PixelSpacing": [3, 3]},
        {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]},
    ],
)
def test_a_moved_image_must_be_examined_anew(series, opened, change):
    ds = pydicom.dcmread(series.paths[1])
    for keyword, value in change.items():
        setattr(ds, keyword, value)
    ds.save_as(series.paths[1])
    later(series.paths[1])
    with pytest.raises(LoadError, match="examine the series anew") as caught:
        opened.load()
    assert caught.value.reason == "file-changed"
