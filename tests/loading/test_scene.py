"""Scenes are told from other captures by their header alone."""

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

import napari_dicomdb

PLAIN = ["DERIVED", "SECONDARY", "OTHER"]


def _capture(path, series, image_type, *, said=40, parts=(32, 8), **more):
    made = pydicom.Dataset()
    made.SOPClassUID, made.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID, made.PatientID = series, series, "7"
    made.Modality, made.ImageType, made.SeriesDescription = "OT", image_type, "Tumour board"
    made.Rows, made.Columns, made.SamplesPerPixel, made.PlanarConfiguration = 4, 6, 3, 0
    made.PhotometricInterpretation, made.PixelRepresentation = "RGB", 0
    made.BitsAllocated, made.BitsStored, made.HighBit = 8, 8, 7
    for key, value in more.items():
        setattr(made, key, value)
    if said is not None:
        block = made.private_block(0x0099, "NAPARI-DICOMDB SCENE", create=True)
        block.add_new(0x03, "LO", str(said))
        for k, length in enumerate(parts):
            block.add_new(0x10 + k, "OB", bytes(length))
    made.PixelData = np.arange(72, dtype=np.uint8).tobytes()
    made["PixelData"].VR = "OB"
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.save_as(path, enforce_file_format=True)


@pytest.mark.parametrize(
    ("image_type", "kind"),
    [([*PLAIN, "DICOMDB SCENE"], "scene"), (PLAIN, "image"), (["DICOMDB SCENES"], "image")],
)
def test_by_the_image_type(tmp_path, image_type, kind):
    _capture(tmp_path / "x.dcm", "1.2.3", image_type)
    first, *_ = napari_dicomdb.examine(tmp_path)
    assert (first.kind, first.selected) == (kind, True)
    assert first.name.endswith("Tumour board")


def test_another_class_is_no_scene(tmp_path):
    us = "1.2.840.10008.5.1.4.1.1.6.1"
    _capture(tmp_path / "x.dcm", "1.2.3", [*PLAIN, "DICOMDB SCENE"], SOPClassUID=us)
    assert {one.kind for one in napari_dicomdb.examine(tmp_path)} == {"image"}


def test_each_object_is_a_scene_of_its_own(tmp_path):
    for k in range(2):
        _capture(tmp_path / f"{k}.dcm", "1.2.3", [*PLAIN, "DICOMDB SCENE"], InstanceNumber=k + 1)
    chosen = [one for one in napari_dicomdb.examine(tmp_path) if one.selected]
    assert [one.kind for one in chosen] == ["scene", "scene"]
    volume = chosen[0].load()
    assert np.array_equal(volume.numpy(), np.arange(72).reshape(4, 6, 3))


@pytest.mark.parametrize(
    "block", [{"said": None}, {"parts": (32,)}, {"parts": ()}, {"said": "many"}, {"said": -1}]
)  # fmt: skip
def test_without_its_private_data_the_picture_opens(tmp_path, block):
    """As after anonymisation, or an archive that drops what it does not know."""
    _capture(tmp_path / "x.dcm", "1.2.3", [*PLAIN, "DICOMDB SCENE"], **block)
    picture, scene = napari_dicomdb.examine(tmp_path)
    assert (picture.kind, picture.selected) == ("image", True)
    assert (scene.kind, scene.selected) == ("scene", False)
    assert "only the picture can be opened" in str(scene.findings[0])
    assert "but its private data were removed on the way" in scene.reasons


def test_large_parts_are_not_read_to_be_counted(tmp_path):
    _capture(tmp_path / "x.dcm", "1.2.3", [*PLAIN, "DICOMDB SCENE"], said=9000, parts=(8192, 808))
    assert napari_dicomdb.examine(tmp_path)[0].kind == "scene"
