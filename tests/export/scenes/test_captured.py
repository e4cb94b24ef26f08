"""Scenes in memory go to DICOM on a thread, and leave no archive behind."""

import numpy as np
import pytest
from pydicom import dcmread

from napari_dicomdb.errors import Cancelled, ExportError
from napari_dicomdb.export.exporters import scene as exporter_module
from napari_dicomdb.export.exporters.scene import open_archive
from napari_dicomdb.export.results import check_results, write_results
from napari_dicomdb.export.scene_archive import Scene, SceneLayer, read_scene
from napari_dicomdb.export.scenes import captured as captured_module
from napari_dicomdb.export.scenes.captured import captured_exportable, write_captured
from napari_dicomdb.export.study import StudyForm
from napari_dicomdb.progress import no_progress


@pytest.fixture
def scene():
    noise = np.random.default_rng(0).integers(0, 255, (4, 50, 60), dtype=np.uint8)
    return Scene(
        [SceneLayer("image", "noise", data=noise)],
        picture=np.repeat(noise[0, ..., None], 3, axis=2),
        name="board",
        notes=["metadata 'x' of layer 'noise' is not kept"],
    )


@pytest.fixture
def target():
    return StudyForm(patient_name="Doe^Jane", patient_id="7").target()


def test_it_becomes_one_object_and_nothing_else(scene, target, tmp_path):
    way = captured_exportable(scene).with_options(description="kept", series_number=42)
    assert way.losses == tuple(scene.notes)
    report = write_results(None, [way], target, folder=tmp_path / "out")
    (file,) = (tmp_path / "out").rglob("*")
    assert report.files == [str(file)]
    read = dcmread(file)
    assert (read.SeriesDescription, read.SeriesNumber) == ("kept", 42)
    assert np.array_equal(read.pixel_array, scene.picture)
    with open_archive(file) as archive:
        (layer,) = read_scene(archive).layers
    assert np.array_equal(layer.data, scene.layers[0].data)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("when", [1, 2, 3])
def test_stopped_it_leaves_nothing(scene, target, tmp_path, when):
    told = []

    def stop(done, total, text):
        told.append(text)
        if len(told) == when:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        captured_exportable(scene).write(target, _made(tmp_path / "stage"), progress=stop)
    assert [p.name for p in tmp_path.rglob("*")] == ["stage"]


def _made(folder):
    folder.mkdir()
    return folder


def test_what_is_too_large_is_said_before_and_when_it_is_known(
    scene, target, tmp_path, monkeypatch
):
    assert "2 GB" in captured_exportable(None, size=2**31).findings[0].text
    with pytest.raises(ExportError) as caught:
        check_results(None, [captured_exportable(None, size=2**60)], target, folder=tmp_path)
    assert caught.value.reason == "disk-full"
    monkeypatch.setattr(exporter_module, "LARGEST", 1000)
    with pytest.raises(ExportError, match="2 GB"):
        captured_exportable(scene).write(target, _made(tmp_path / "s"), progress=no_progress)
    assert [p.name for p in tmp_path.rglob("*")] == ["s"]


def test_too_large_with_all_data_is_foreseen(target):
    way = captured_exportable(None, size=10, whole=2**31)
    assert way.findings == ()
    assert way.foresee(target) == ()
    (told,) = way.with_options(embed=True).foresee(target)
    assert "2.1 GB" in told
    assert captured_exportable(None, size=10, whole=20).with_options(embed=True).foresee(
        target
    ) == ()  # fmt: skip


def test_what_grows_too_large_is_not_packed_to_its_end(target, tmp_path, monkeypatch):
    noise = np.random.default_rng(1).integers(0, 2**16, (40, 512, 512), np.uint16)
    scene = Scene([SceneLayer("image", "noise", data=noise)], name="noise")
    monkeypatch.setattr(captured_module, "LARGEST", 1_000_000)  # of 21 MB
    with pytest.raises(ExportError, match="the scene has") as caught:
        captured_exportable(scene).write(target, _made(tmp_path / "s"), progress=no_progress)
    assert caught.value.reason == "cannot-be-written"
    # Stopped while it was written, not by the check of what was written (2 GB).
    assert [p.name for p in tmp_path.rglob("*")] == ["s"]


def test_nothing_is_written_before_it_is_taken(scene, target, tmp_path):
    way = captured_exportable(None, name="later")
    with pytest.raises(ExportError, match="not taken"):
        way.write(target, tmp_path, progress=no_progress)
    taken = way.exporter.with_scene(way.with_options(description="d"), scene)
    (path,) = taken.write(target, tmp_path, progress=no_progress)
    assert dcmread(path).SeriesDescription == "d"


def test_what_was_captured_stays_as_it_was(scene, tmp_path):
    before = scene.layers[0]
    written = write_captured(scene, tmp_path / "x.dicomscene")
    assert scene.layers == [before]
    assert written is not scene
