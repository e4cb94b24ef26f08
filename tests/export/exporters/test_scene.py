"""A scene as DICOM: a picture for everybody, the archive behind it for us."""

import hashlib
import subprocess

import numpy as np
import pydicom
import pytest

from napari_dicomdb import Database
from napari_dicomdb.errors import ExportError, LoadError
from napari_dicomdb.export.deidentification.profile import Profile
from napari_dicomdb.export.deidentification.running import deidentify
from napari_dicomdb.export.exporters import scene as module
from napari_dicomdb.export.exporters.scene import open_archive, scene_exportable
from napari_dicomdb.export.results import write_results
from napari_dicomdb.export.scene_archive import Scene, SceneLayer, write_scene
from napari_dicomdb.export.scenes import private_block
from napari_dicomdb.export.study import StudyTarget
from napari_dicomdb.viewer.phantom import write_phantom_study


@pytest.fixture
def database(tmp_path):
    write_phantom_study(tmp_path / "phantom", ("axial-ct",), matrix=32, slices=4)
    with Database.open(tmp_path / "db") as made:
        made.import_paths([tmp_path / "phantom"], workers=0)
        yield made


@pytest.fixture
def archive(tmp_path, database):
    (series,) = database.series()
    uids = [i.uid for i in database.instances(series)]
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (61, 33, 3), dtype=np.uint8)  # an odd number of bytes
    noise = rng.integers(0, 255, (10, 100, 100), dtype=np.uint8)
    reference = {"loader": "scalar-volume", "series": [{"uid": series.uid, "instances": uids}]}
    scene = Scene(
        [SceneLayer("image", "noise", data=noise), SceneLayer("image", "CT", reference=reference)],
        picture=picture,
        name="Tumour board " * 9,
    )
    write_scene(scene, tmp_path / "x.dicomscene")
    return tmp_path / "x.dicomscene", picture


@pytest.fixture
def written(archive, database, tmp_path, monkeypatch):
    monkeypatch.setattr(private_block, "CHUNK", 10_002)  # several chunks
    exportable = scene_exportable(archive[0])
    uids = exportable.source.references
    target = StudyTarget.of_study(database, database.studies()[0], uids)
    report = write_results(database, [exportable], target, folder=tmp_path / "out")
    return report.files[0]


def test_dciodvfy_finds_no_error(written, program):
    said = subprocess.run(
        [program("dciodvfy"), written], capture_output=True, text=True, check=False
    )
    assert "SCImage" in said.stdout + said.stderr
    assert "Error" not in said.stdout + said.stderr


def test_others_see_the_picture(written, archive, database):
    read = pydicom.dcmread(written)
    assert np.array_equal(read.pixel_array, archive[1])
    assert read.SOPClassUID.name == "Secondary Capture Image Storage"
    assert len(read.SeriesDescription) <= 64
    (study,) = database.studies()
    assert read.StudyInstanceUID == study.uid
    uids = {i.uid for i in database.instances()}
    assert {x.ReferencedSOPInstanceUID for x in read.ReferencedImageSequence} == uids


def test_the_private_block_is_as_documented(written, archive):
    read = pydicom.dcmread(written)
    raw = archive[0].read_bytes()
    assert read[0x0099, 0x0010].value == "NAPARI-DICOMDB SCENE"
    assert read[0x0099, 0x1001].value == "napari-dicomdb scene"
    assert read[0x0099, 0x1002].value == 1
    assert read[0x0099, 0x1003].value == str(len(raw))
    assert read[0x0099, 0x1004].value == hashlib.sha256(raw).hexdigest()
    chunks = [e.value for e in read.group_dataset(0x0099) if e.tag.element >= 0x1010]
    assert len(chunks) > 5
    with open_archive(written) as found:
        assert found.read() == raw


@pytest.mark.parametrize("syntax", ["+ti", "+tb", "+td"])
def test_it_survives_other_transfer_syntaxes(written, archive, program, tmp_path, syntax):
    """Implicit VR forgets what private elements are."""
    other = tmp_path / "other.dcm"
    subprocess.run([program("dcmconv"), syntax, written, str(other)], check=True)
    with open_archive(other) as found:
        assert found.read() == archive[0].read_bytes()


@pytest.mark.parametrize("how", ["removed", "cut", "changed", "length", "other"])
def test_what_was_done_to_it_is_told(written, tmp_path, how):
    read = pydicom.dcmread(written)
    if how == "removed":
        read.remove_private_tags()
    elif how == "cut":
        del read[0x0099, 0x1011]  # of many
    elif how == "changed":
        read[0x0099, 0x1010].value = bytes(10_002)
    elif how == "length":
        read[0x0099, 0x1003].value = "-5"
    else:
        read[0x0099, 0x0010].value = "SOMEBODY ELSE"
    read.save_as(tmp_path / "bad.dcm")
    with pytest.raises(LoadError) as caught:
        open_archive(tmp_path / "bad.dcm")
    assert caught.value.reason == "bad-scene"


def test_neither_archive_nor_dicom(tmp_path):
    (tmp_path / "x").write_bytes(bytes(1000))
    with pytest.raises(LoadError, match="neither"):
        open_archive(tmp_path / "x")
    with pytest.raises(LoadError) as caught:
        open_archive(tmp_path / "y")
    assert caught.value.reason == "file-missing"


def test_too_large_for_dicom_is_said_before(archive, monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 1000)
    exportable = scene_exportable(archive[0])
    assert "2 GB" in exportable.refusal
    with pytest.raises(ExportError):
        exportable.check()


def test_the_database_knows_it_as_a_scene(archive, database, tmp_path):
    exportable = scene_exportable(archive[0])
    target = StudyTarget.of_study(database, database.studies()[0])
    report = write_results(database, [exportable], target, into_database=True)
    (uid,) = report.series_uids
    first, *others = database.examine(uid)
    assert (first.kind, first.selected, first.shape) == ("scene", True, (61, 33, 3))
    assert not any(other.selected for other in others)
    assert np.array_equal(first.load().numpy(), archive[1])  # headless: its picture
    with open_archive(first.instances[0].path) as found:
        assert found.read() == archive[0].read_bytes()


@pytest.mark.parametrize("keep", [(), ("safe-private",), ("safe-private", "extended-private")])
def test_de_identification_takes_the_scene_out(written, tmp_path, keep):
    """A scene holds names and pixels that no engine can look through."""
    with Database.in_memory() as index:
        index.import_paths([written], workers=0)
        report = deidentify(index, index.patients(), tmp_path / "d", Profile.retaining(keep))
    files = list((tmp_path / "d").rglob("*.dcm"))
    assert len(files) == 1 or (not files and report.rejected)
    for file in files:
        read = pydicom.dcmread(file)
        assert not read.group_dataset(0x0099)
        assert b"PK\3\4" not in file.read_bytes()
        with pytest.raises(LoadError, match="private data may have been removed"):
            open_archive(file)
