"""One object into a file of a folder."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

from napari_dicomdb.dicom.pixels import read_frame
from napari_dicomdb.errors import DicomDbError, PixelError
from napari_dicomdb.network.dicomweb.file_sink import FileSink


@pytest.fixture
def small(reference_data):
    return reference_data / "bad" / "MR_small.dcm"


def uids_of(path):
    dataset = pydicom.dcmread(path)
    return dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.file_meta.TransferSyntaxUID


def test_what_is_written_can_be_read(small, data_set_of, tmp_path) -> None:
    sink = FileSink(tmp_path, uids_of(small))
    sink.write(data_set_of(small))
    path = sink.commit()
    assert data_set_of(path) == data_set_of(small)
    pixels = read_frame(path, sink.describe())
    np.testing.assert_array_equal(pixels, pydicom.dcmread(small).pixel_array)


def test_another_object_is_refused(small, data_set_of, tmp_path) -> None:
    sink = FileSink(tmp_path, uids_of(small))
    sink.expected = {"SeriesInstanceUID": "1.2.3"}
    sink.write(data_set_of(small))
    with pytest.raises(DicomDbError) as caught:
        sink.commit()
    assert caught.value.reason == "uid-mismatch"
    sink.discard()
    assert list(tmp_path.iterdir()) == []


def test_before_it_is_here_it_has_no_pixels(small, tmp_path) -> None:
    sink = FileSink(tmp_path, uids_of(small))
    with pytest.raises(PixelError):
        sink.describe()
    sink.discard()
