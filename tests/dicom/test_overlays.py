from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian

from napari_dicomdb.dicom.overlays import OverlayPlane, overlays_of, place


def with_plane(mask, group=0x6000, **more):
    ds = more.pop("dataset", None) or Dataset()
    ds.set_original_encoding(False, True)
    ds.add_new((group, 0x10), "US", mask.shape[-2])
    ds.add_new((group, 0x11), "US", mask.shape[-1])
    ds.add_new((group, 0x40), "CS", more.pop("kind", "G"))
    packed = np.packbits(mask.ravel(), bitorder="little").tobytes()
    ds.add_new((group, 0x3000), "OW", packed + b"\0" * (len(packed) % 2))
    for element, (vr, value) in more.items():
        ds.add_new((group, int(element[1:], 16)), vr, value)
    return ds


@pytest.fixture
def mask():
    return np.random.default_rng(3).random((7, 5)) < 0.4


def test_a_real_plane_is_the_one_that_pydicom_gives():
    ds = pydicom.dcmread(get_testdata_file("examples_overlay.dcm"))
    (plane,) = overlays_of(ds)
    assert plane.name == "Siemens MedCom Object Graphics"
    assert (plane.number, plane.is_roi, plane.embedded) == (1, False, False)
    assert np.array_equal(plane.bits(0, ds.Rows, ds.Columns), ds.overlay_array(0x6000) > 0)


def test_origin_moves_and_cuts_the_plane(mask):
    ds = with_plane(mask, _50=("SS", [3, -1]), _1500=("LO", "arrow"), kind="R")
    (plane,) = overlays_of(ds)
    assert (plane.name, plane.is_roi, plane.origin) == ("arrow", True, (2, -2))
    expected = np.zeros((8, 8), bool)
    expected[2:8, 0:3] = mask[:6, 2:]
    assert np.array_equal(plane.bits(0, 8, 8), expected)


def test_a_plane_without_frames_lies_over_all_of_them(mask):
    (plane,) = overlays_of(with_plane(mask))
    for frame in (0, 9):
        assert np.array_equal(plane.bits(frame, 7, 5), mask)


def test_frames_of_a_plane_begin_at_their_origin():
    masks = np.random.default_rng(4).random((2, 7, 5)) < 0.5
    (plane,) = overlays_of(with_plane(masks, _15=("IS", 2), _51=("US", 3)))
    shown = [plane.bits(frame, 7, 5) for frame in range(5)]
    assert not shown[0].any()
    assert not shown[1].any()
    assert not shown[4].any()
    assert np.array_equal(shown[2:4], masks)


def test_several_groups_are_numbered(mask):
    ds = with_plane(mask)
    with_plane(~mask, 0x6004, dataset=ds)
    assert [plane.number for plane in overlays_of(ds)] == [1, 3]
    assert overlays_of(ds)[1].name == "graphics 6004"


def test_big_endian_planes_are_words(mask, tmp_path):
    from pydicom.dataset import FileMetaDataset

    found = []
    for syntax in (ExplicitVRLittleEndian, ExplicitVRBigEndian):
        ds = with_plane(mask)
        if syntax == ExplicitVRBigEndian:
            words = np.frombuffer(ds[0x6000, 0x3000].value, "<u2")
            ds[0x6000, 0x3000].value = words.astype(">u2").tobytes()
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = syntax
        ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3"
        ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        ds.set_original_encoding(False, syntax == ExplicitVRLittleEndian)
        path = tmp_path / f"{syntax}.dcm"
        pydicom.dcmwrite(path, ds, enforce_file_format=True)
        found.append(overlays_of(pydicom.dcmread(path))[0].bits(0, 7, 5))
    assert np.array_equal(found[0], mask)
    assert np.array_equal(found[1], mask)


def test_embedded_planes_lie_in_unused_bits(mask):
    ds = Dataset()
    ds.set_original_encoding(False, True)
    for element, vr, value in ((0x10, "US", 7), (0x11, "US", 5), (0x100, "US", 16)):
        ds.add_new((0x6000, element), vr, value)
    ds.add_new((0x6000, 0x102), "US", 12)
    (plane,) = overlays_of(ds)
    assert plane.embedded
    cells = np.full((7, 5), 99, np.uint16) | (mask.astype(np.uint16) << 12)
    assert np.array_equal(plane.embedded_bits(cells), mask)
    assert np.array_equal(plane.embedded_bits(cells.view(np.int16)), mask)


@pytest.mark.parametrize(("rows", "columns"), [(0, 5), (65535, 65535)])
def test_impossible_planes_are_left_out(mask, rows, columns):
    ds = with_plane(mask)
    ds[0x6000, 0x10].value, ds[0x6000, 0x11].value = rows, columns
    assert overlays_of(ds) == ()


def test_data_that_end_early_leave_the_rest_empty():
    plane = OverlayPlane(0x6000, 8, 8, packed=b"\xff" * 4)
    assert plane.bits(0, 8, 8).sum() == 32


def test_place_far_outside_changes_nothing():
    image = np.zeros((3, 3), bool)
    place(np.ones((2, 2), bool), (5, 5), image)
    place(np.ones((2, 2), bool), (-4, 0), image)
    assert not image.any()
