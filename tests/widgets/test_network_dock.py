"""The Network dock in a real viewer, against a real Orthanc and dcmqrscp."""

from __future__ import annotations

import sqlite3

import numpy as np
import pydicom
import pytest
from browser_hands import open_by_menu
from qtpy.QtCore import QMimeData, QPointF, Qt
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_dicomdb import Database
from napari_dicomdb.network.node import Node
from napari_dicomdb.network.nodes import save_nodes
from napari_dicomdb.viewer.browse import find_dock
from napari_dicomdb.viewer.frame import dicom_metadata

LEFT = Qt.MouseButton.LeftButton
PATIENCE = 30_000  # ms


@pytest.fixture
def server(orthanc, phantom):
    """Orthanc with two series of the phantom's study, kept as the node "orthanc"."""
    made = orthanc(DicomAlwaysAllowFind=True, DicomAlwaysAllowGet=True, DicomAlwaysAllowMove=True)
    for name in ("axial-ct", "oblique-mr"):
        for path in phantom[name].paths:
            made.ask("/instances", path.read_bytes())
    save_nodes([made.node])
    return made


@pytest.fixture
def make_dock(make_napari_viewer, qtbot, user_folders):
    """Open the dock as napari's menu does, on an empty database."""

    def make(nodes=1, show=False):
        viewer = make_napari_viewer(show=show)
        _, dock = viewer.window.add_plugin_dock_widget("napari-dicomdb", "DICOM network")
        qtbot.waitUntil(lambda: dock.network.database is not None, timeout=PATIENCE)
        qtbot.waitUntil(lambda: len(dock.query.form.boxes) == nodes + 1, timeout=PATIENCE)
        return viewer, dock

    return make


def _search(qtbot, dock, level="series", words=""):
    page = dock.query
    page.form.choose_level(level)
    qtbot.keyClicks(page.form.name, words)
    qtbot.keyClick(page.form.name, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not page.is_busy, timeout=PATIENCE)
    return page.results.model.top.children


def _row(dock, uid):
    return next(row for row in dock.query.results.model.rows() if row.uid == uid)


def _unfold(qtbot, dock, row):
    dock.query.results.view.expand(dock.query.results.model.index_of(row))
    qtbot.waitUntil(lambda: row.state == "known", timeout=PATIENCE)


def _double_click(qtbot, dock, row):
    view = dock.query.results.view
    index = dock.query.results.model.index_of(row)
    view.scrollTo(index)
    place = view.visualRect(index).center()
    qtbot.mouseClick(view.viewport(), LEFT, pos=place)
    qtbot.mouseDClick(view.viewport(), LEFT, pos=place)


def _wait_idle(qtbot, dock):
    qtbot.waitUntil(lambda: not dock.opener.is_busy, timeout=PATIENCE)


def _voxels_match(layer, paths):
    """Whether each pixel of each file is at its place in the layer, by PS3.3 C.7.6.2.1.1."""
    data, back = np.asarray(layer.data), np.linalg.inv(dicom_metadata(layer)["lps_from_data"])
    assert data.size == sum(pydicom.dcmread(path).pixel_array.size for path in paths)
    for path in paths:
        one = pydicom.dcmread(path)
        values = one.pixel_array * float(one.RescaleSlope) + float(one.RescaleIntercept)
        along, down = np.reshape(one.ImageOrientationPatient, (2, 3)).astype(float)
        rows, columns = np.indices(values.shape)
        between_rows, between_columns = (float(step) for step in one.PixelSpacing)
        places = (
            np.array(one.ImagePositionPatient, float)
            + columns[..., None] * between_columns * along
            + rows[..., None] * between_rows * down
        )
        index = np.rint(places @ back[:3, :3].T + back[:3, 3]).astype(int)
        if not np.array_equal(data[tuple(np.moveaxis(index, -1, 0))], values):
            return False
    return True


def test_typed_unfolded_and_loaded_by_a_double_click(qtbot, make_dock, server, phantom):
    viewer, dock = make_dock()
    name = str(pydicom.dcmread(phantom["axial-ct"].paths[0]).PatientName)
    (study,) = _search(qtbot, dock, "study", name[:4])
    assert study.held == "none"
    _unfold(qtbot, dock, study)
    series = _row(dock, phantom["axial-ct"].series_uid)
    with qtbot.waitSignal(dock.opener.loaded, timeout=PATIENCE) as caught:
        _double_click(qtbot, dock, series)
    _wait_idle(qtbot, dock)
    (layer,) = caught.args[0]
    assert list(viewer.layers) == [layer]
    assert _voxels_match(layer, phantom["axial-ct"].paths)
    assert dicom_metadata(layer)["series_uid"] == series.uid
    with sqlite3.connect(dock.network.database.path / "dicomdb.sqlite") as index:
        held = {row[0] for row in index.execute("SELECT uid FROM instance")}
    index.close()
    assert held == {pydicom.dcmread(p).SOPInstanceUID for p in phantom["axial-ct"].paths}
    qtbot.waitUntil(lambda: series.held == "all" and study.held == "part", timeout=PATIENCE)


def test_first_slice_is_shown_and_then_replaced_in_place(qtbot, make_dock, server, phantom):
    viewer, dock = make_dock()
    _search(qtbot, dock)
    viewer.add_points([[0, 0, 0]], name="mine")
    seen = []
    dock.opener.slices.shown.connect(lambda layers: seen.append([x.name for x in viewer.layers]))
    uid = phantom["oblique-mr"].series_uid
    dock.query.results.view.setCurrentIndex(dock.query.results.model.index_of(_row(dock, uid)))
    viewer.add_points([[0, 0, 0]], name="above")
    slices, database = dock.opener.slices, dock.network.database
    database.import_paths(phantom["oblique-mr"].paths[:1], workers=0)
    first = slices.expect(database)
    (instance,) = database.instances()
    first.arrived(instance.uid, instance.path)
    qtbot.waitUntil(lambda: bool(seen), timeout=PATIENCE)
    assert len(viewer.layers) == 3
    arriving = next(layer for layer in viewer.layers if "(arriving)" in layer.name)
    viewer.layers.move(viewer.layers.index(arriving), 1)
    with qtbot.waitSignal(dock.opener.loaded, timeout=PATIENCE):
        qtbot.keyClick(dock.query.results.view, Qt.Key.Key_Return)
    _wait_idle(qtbot, dock)
    assert [layer.name for layer in viewer.layers].count("mine") == 1
    assert arriving not in viewer.layers
    assert len(viewer.layers) == 3
    assert dicom_metadata(viewer.layers[1])["series_uid"] == uid
    assert viewer.layers[0].name == "mine"
    assert viewer.layers[2].name == "above"


def test_retrieved_in_the_background_by_a_job(qtbot, make_dock, server, phantom):
    _, dock = make_dock()
    (study,) = _search(qtbot, dock, "study")
    results = dock.query.results
    results.view.setCurrentIndex(results.model.index_of(study))
    assert results.retrieve_button.isEnabled()
    assert not results.show_button.isEnabled()
    qtbot.mouseClick(results.retrieve_button, LEFT)
    qtbot.waitUntil(lambda: study.held == "all", timeout=PATIENCE)
    assert not results.retrieve_button.isEnabled()
    qtbot.waitUntil(lambda: [job.state for job in dock.network.jobs] == ["done"], timeout=PATIENCE)
    (job,) = dock.network.jobs
    assert job.title == "Retrieve 1 study from orthanc"
    assert dock.network.database.info()["instances"] == 16


def test_menu_offers_what_can_be_done(qtbot, make_dock, server, phantom):
    _, dock = make_dock()
    _search(qtbot, dock)
    results = dock.query.results
    row = _row(dock, phantom["axial-ct"].series_uid)
    results.view.setCurrentIndex(results.model.index_of(row))
    menu = results.menu()
    offered = {a.text().split("\t")[0]: a.isEnabled() for a in menu.actions() if a.text()}
    assert offered == {
        "Load": True,
        "Retrieve": True,
        "Retrieve all again": False,
        "Retrieve to another database…": True,
        "Show in browser": False,
        "Copy UID": True,
    }
    qtbot.keyClick(results.view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.clipboard().text() == row.uid
    menu.deleteLater()


def test_into_another_database(qtbot, make_dock, server, phantom, tmp_path, monkeypatch):
    _, dock = make_dock()
    _search(qtbot, dock)
    results = dock.query.results
    row = _row(dock, phantom["axial-ct"].series_uid)
    results.view.setCurrentIndex(results.model.index_of(row))
    target = tmp_path / "other"
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(target))
    results.retrieve_to_requested.emit([row])
    _wait_idle(qtbot, dock)
    assert "8 instances retrieved" in dock.notice.text()
    with Database.open(target, read_only=True) as other:
        assert [series.uid for series in other.series()] == [row.uid]
    assert dock.network.database.info()["instances"] == 0


def test_dragged_onto_the_canvas_it_is_loaded(qtbot, make_dock, server, phantom):
    viewer, dock = make_dock()
    _search(qtbot, dock)
    results = dock.query.results
    row = _row(dock, phantom["axial-ct"].series_uid)
    results.view.setCurrentIndex(results.model.index_of(row))
    mime = results.view.mime()
    canvas = viewer.window._qt_viewer
    event = QDropEvent(
        QPointF(5, 5), Qt.DropAction.CopyAction, mime, LEFT, Qt.KeyboardModifier.NoModifier
    )
    with qtbot.waitSignal(dock.opener.loaded, timeout=PATIENCE):
        assert dock.canvas_drop.eventFilter(canvas, event)
    _wait_idle(qtbot, dock)
    assert len(viewer.layers) == 1
    other = QMimeData()
    other.setText("nothing of ours")
    event = QDropEvent(
        QPointF(5, 5), Qt.DropAction.CopyAction, other, LEFT, Qt.KeyboardModifier.NoModifier
    )
    assert not dock.canvas_drop.eventFilter(canvas, event)


def test_shown_in_the_browser(qtbot, make_dock, server, phantom):
    viewer, dock = make_dock()
    dock.network.database.import_paths(phantom["axial-ct"].paths, workers=0)
    dock.network.session.changed.emit()
    _search(qtbot, dock)
    results = dock.query.results
    results.view.setCurrentIndex(
        results.model.index_of(_row(dock, phantom["axial-ct"].series_uid))
    )
    # A menu gives the browser's dock another name than a call does; there is one all the same.
    open_by_menu(viewer, "File", "IO Utilities", "DICOM", "DICOM browser")
    browser = find_dock(viewer, "DICOM browser")
    qtbot.mouseClick(results.show_button, LEFT)
    qtbot.waitUntil(
        lambda: (
            [s.uid for s in browser.views.selected_series()] == [phantom["axial-ct"].series_uid]
        ),
        timeout=PATIENCE,
    )
    assert len([title for title in viewer.window.dock_widgets if "browser" in title]) == 1


def test_every_page_by_keyboard(qtbot, make_dock):
    _, dock = make_dock(nodes=0, show=True)
    assert dock.page == "query"
    seen = []
    for _ in dock.pages:
        dock._turn(1)
        seen.append(dock.page)
    assert seen == ["jobs", "listener", "log", "nodes", "query"]
    for number, name in enumerate(dock.pages, start=1):
        with qtbot.waitActive(dock.window()):
            dock.window().activateWindow()
        dock.tabs.currentWidget().setFocus()
        qtbot.keyClick(
            dock.window(), getattr(Qt.Key, f"Key_{number}"), Qt.KeyboardModifier.AltModifier
        )
        assert dock.page == name


def test_node_added_on_its_page_is_offered_for_queries(qtbot, make_dock):
    _, dock = make_dock(nodes=0)
    save_nodes([Node("new", host="localhost", port=104)])
    dock.network.nodes_changed.emit()
    qtbot.waitUntil(lambda: "new" in dock.query.form.boxes, timeout=PATIENCE)


def test_a_node_that_refuses_is_told(qtbot, make_dock, orthanc, phantom):
    made = orthanc(DicomAlwaysAllowFind=True)  # but no C-GET
    for path in phantom["axial-ct"].paths:
        made.ask("/instances", path.read_bytes())
    save_nodes([made.node])
    viewer, dock = make_dock()
    (row,) = _search(qtbot, dock)
    _double_click(qtbot, dock, row)
    qtbot.waitUntil(lambda: not dock.notice.isHidden(), timeout=PATIENCE)
    _wait_idle(qtbot, dock)
    assert dock.notice.severity == "error"
    assert "orthanc" in dock.notice.text()
    assert not viewer.layers
