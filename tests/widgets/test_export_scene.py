"""The whole viewer, written by the export dock as one object of the study."""

import numpy as np
import pytest
from pydicom import dcmread
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from napari_dicomdb.viewer.open import add_volume
from napari_dicomdb.viewer.scene import open_scene
from napari_dicomdb.widgets._export_scene import SceneExport


@pytest.fixture
def viewer(make_napari_viewer, database, phantom):
    made = make_napari_viewer(show=True)
    add_volume(made, database.load(phantom["axial-ct"].series_uid))
    made.add_points([[1, 2, 3]], name="mark", size=4, scale=made.layers[0].scale)
    return made


def _picture(viewer):
    return viewer.screenshot(size=(300, 300), canvas_only=True, flash=False)


def test_from_the_dock_into_the_study_and_back(viewer, database, qtbot, make_napari_viewer):
    _, dock = viewer.window.add_plugin_dock_widget("napari-dicomdb", "DICOM export")
    layers = dock.page.layers
    row = layers.item(layers.count() - 1)
    assert row.text() == "Whole viewer (scene)"
    dock.show_layers([layers.scene])
    assert row.checkState() == Qt.CheckState.Checked
    qtbot.waitUntil(lambda: dock.where.study.study is not None, timeout=20_000)
    assert "scene" in dock.page.cards.cards[0].way.name.lower()
    assert dock.page.base.isHidden()  # "Made on": it names all images that it shows
    viewer.scene.camera.zoom *= 1.5  # after the plan was made
    qtbot.waitUntil(dock.export_button.isEnabled)
    before = _picture(viewer)
    qtbot.mouseClick(dock.export_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(dock.work.outcome.text()), timeout=20_000)
    (series,) = [one for one in database.series() if one.modality == "OT"]
    (instance,) = database.instances(series.uid)
    header = dcmread(instance.path)
    assert len(header.ReferencedImageSequence) == viewer.layers[0].data.shape[0]
    other = make_napari_viewer(show=True)
    opened = open_scene(other, instance.path, database=database)
    assert opened.problems == ()
    assert np.array_equal(_picture(other), before)


def test_its_plan_tells_what_it_refers_to(viewer, database):
    entry = SceneExport(viewer)
    plan = entry.plan(database)
    image = viewer.layers[0].metadata["dicomdb"]
    assert plan.source.references == tuple(image["instance_uids"])
    assert plan.source.study_uid == image["study_uid"]
    assert plan.problem() == ""
    taken = entry.take(plan.way)
    assert [layer.name for layer in taken.exporter.scene.layers] == [x.name for x in viewer.layers]


def test_what_a_database_has_not_counts_with_its_data(viewer, database, monkeypatch):
    """Layers streamed from a node, or opened from another database: their data are kept."""
    image, mark = viewer.layers
    plan = SceneExport(viewer).plan(database)
    assert plan.source.meta["bytes"] == mark.data.nbytes
    assert plan.source.meta["whole"] == mark.data.nbytes + image.data.nbytes
    assert SceneExport(viewer).plan(None).source.meta["bytes"] == plan.source.meta["whole"]
    database.remove(series=image.metadata["dicomdb"]["series_uid"])
    assert SceneExport(viewer).plan(database).source.meta["bytes"] == plan.source.meta["whole"]


def test_too_large_is_said_in_the_dock_before_it_is_written(viewer, database, qtbot, monkeypatch):
    monkeypatch.setattr("napari_dicomdb.export.scenes.captured.LARGEST", 1000)
    viewer.add_image(np.random.default_rng(1).integers(0, 255, (9, 99, 99), np.uint8))
    _, dock = viewer.window.add_plugin_dock_widget("napari-dicomdb", "DICOM export")
    dock.show_layers([dock.page.layers.scene])
    qtbot.waitUntil(lambda: dock.where.study.study is not None, timeout=20_000)
    qtbot.waitUntil(dock.export_button.isEnabled)
    (way,) = [card.way for card in dock.page.cards.cards]
    assert ["it may not fit" in finding.text for finding in way.findings] == [True]
    shown = [one.text() for one in dock.findChildren(QLabel) if one.isVisibleTo(dock)]
    assert any("a file of a scene takes any size" in text for text in shown)
    before = database.series()
    qtbot.mouseClick(dock.export_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(dock.work.outcome.text()), timeout=20_000)
    assert "save it as a file" in dock.work.outcome.text()
    assert database.series() == before
