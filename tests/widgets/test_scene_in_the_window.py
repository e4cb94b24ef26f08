"""A scene from the database, and after a trip through Orthanc: the same to the pixel."""

import io

import numpy as np
import pydicom
import pytest

from napari_dicomdb import Database
from napari_dicomdb.export.exporters.scene import scene_exportable
from napari_dicomdb.export.results import write_results
from napari_dicomdb.export.study import StudyTarget
from napari_dicomdb.settings import default_database
from napari_dicomdb.viewer.open import add_volume
from napari_dicomdb.viewer.scene import open_scene, save_scene


def _picture(viewer):
    return viewer.screenshot(size=(400, 400), canvas_only=True, flash=False)


@pytest.fixture
def kept(database, make_napari_viewer, tmp_path):
    """A scene in the database: its picture, its report, the names of its layers."""
    viewer = make_napari_viewer(show=True)
    for series in database.series()[:2]:
        add_volume(viewer, database.load(series.uid))
    image = viewer.layers[0]
    placing = {
        key: getattr(image, key)
        for key in ("scale", "translate", "rotate", "units", "axis_labels")
    }
    labels = np.zeros(image.data.shape, np.uint8)
    labels[:, 8:20, 8:20] = 3
    viewer.add_labels(labels, name="drawn", affine=np.asarray(image.affine), **placing)
    viewer.layers[1].opacity = 0.5
    viewer.layers[1].colormap = "magma"
    viewer.scene.camera.zoom *= 0.8
    before = _picture(viewer)
    scene = save_scene(viewer, tmp_path / "x.dicomscene", database=database, name="board")
    assert [layer.reference is None for layer in scene.layers] == [False, False, True]
    exportable = scene_exportable(tmp_path / "x.dicomscene", scene)
    target = StudyTarget.of_study(database, database.studies()[0], exportable.source.references)
    report = write_results(database, [exportable], target, into_database=True)
    names = [layer.name for layer in viewer.layers]
    viewer.close()
    return before, report, names


def test_from_the_browser(kept, database, make_browser, qtbot):
    before, report, names = kept
    widget = make_browser()
    (series,) = (s for s in database.series() if s.uid == report.series_uids[0])
    assert (series.description, series.modality) == ("board", "OT")
    offers = database.examine(series.uid)
    assert (offers[0].kind, offers[0].selected) == ("scene", True)
    failures = []
    widget.loader.failed.connect(lambda _loadable, error: failures.append(error))
    with qtbot.waitSignal(widget.loader.loaded, timeout=20_000) as told:
        widget.loader.load([one for one in offers if one.selected])
    assert [layer.name for layer in told.args[1]] == names
    viewer = widget._viewer.__wrapped__
    viewer.window._qt_window.show()
    assert np.array_equal(_picture(viewer), before)


def test_after_a_trip_through_orthanc(kept, database, orthanc, make_napari_viewer, tmp_path):
    before, report, names = kept
    server = orthanc()
    records = [s for s in database.series() if s.uid in report.series_uids]
    assert not database.send(records, server.node).rejected
    (uid,) = report.instance_uids
    raw = server.file(uid)
    assert pydicom.dcmread(io.BytesIO(raw)).pixel_array.shape[2] == 3  # a picture for others
    (tmp_path / "back.dcm").write_bytes(raw)
    viewer = make_napari_viewer(show=True)
    opened = open_scene(viewer, tmp_path / "back.dcm", database=database)
    assert opened.problems == ()
    assert [layer.name for layer in opened.layers] == names
    assert np.array_equal(_picture(viewer), before)


def test_dropped_on_the_viewer_without_its_images(kept, make_napari_viewer, tmp_path):
    """Its own layers open; what it refers to is told."""
    _, report, _ = kept
    with Database.open(default_database()) as database:
        path = database.instances(uid=report.instance_uids[0])[0].path
    viewer = make_napari_viewer()
    with Database.open(tmp_path / "empty") as empty:
        opened = open_scene(viewer, path, database=empty)
    assert [layer.name for layer in opened.layers] == ["drawn"]
    assert len(opened.problems) == 2
    other = make_napari_viewer()
    other.open(path, plugin="napari-dicomdb")
    assert len(other.layers) == 3
