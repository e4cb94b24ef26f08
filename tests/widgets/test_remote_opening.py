"""Rows are opened wherever they are: retrieved, streamed, or from the database."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from qtpy.QtCore import Qt

from napari_dicomdb.errors import QueryError
from napari_dicomdb.network.node import Node
from napari_dicomdb.network.nodes import save_nodes
from napari_dicomdb.network.query import Match
from napari_dicomdb.viewer.frame import dicom_metadata
from napari_dicomdb.viewer.preferences import set_preference
from napari_dicomdb.widgets.models.match_rows import MatchRow, key_of
from napari_dicomdb.widgets.remote_opening import by_node, wanted_of

PATIENCE = 30_000  # ms
DICOMWEB = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


@pytest.fixture
def web(orthanc, phantom):
    """Orthanc as a DICOMweb node with one series."""
    made = orthanc(Plugins=[DICOMWEB], DicomWeb={"Enable": True, "Root": "/dicom-web/"})
    for path in phantom["axial-ct"].paths:
        made.ask("/instances", path.read_bytes())
    save_nodes([Node("web", kind="dicomweb", url=f"{made.url}/dicom-web")])
    return made


@pytest.fixture
def make_dock(make_napari_viewer, qtbot, user_folders):
    def make():
        viewer = make_napari_viewer()
        _, dock = viewer.window.add_plugin_dock_widget("napari-dicomdb", "DICOM network")
        qtbot.waitUntil(lambda: dock.network.database is not None, timeout=PATIENCE)
        qtbot.waitUntil(lambda: len(dock.query.form.boxes) == 2, timeout=PATIENCE)
        return viewer, dock

    return make


def _search(qtbot, dock, level):
    page = dock.query
    page.form.choose_level(level)
    qtbot.keyClick(page.form.name, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not page.is_busy, timeout=PATIENCE)
    return list(page.results.model.top.children)


def _unfold(qtbot, dock, row):
    dock.query.results.view.expand(dock.query.results.model.index_of(row))
    qtbot.waitUntil(lambda: row.state == "known", timeout=PATIENCE)
    return [child for child in row.children if child.level != "note"]


def _load(qtbot, dock, call, rows):
    with qtbot.waitSignal(dock.opener.loaded, timeout=PATIENCE) as caught:
        call(rows)
    qtbot.waitUntil(lambda: not dock.opener.is_busy, timeout=PATIENCE)
    return caught.args[0][0]


def _values(paths):
    files = [pydicom.dcmread(path) for path in paths]
    return np.sort(
        np.stack([one.pixel_array * float(one.RescaleSlope) + float(one.RescaleIntercept)
                  for one in files]), axis=None
    )  # fmt: skip


def _row(level, parent=None, nodes=("orthanc",), **uids):
    matches = [Match(node, level, {}, **uids) for node in nodes]
    row = MatchRow(level, key_of(matches[0]), parent)
    for match in matches:
        row.take(match)
    return row


def test_series_of_a_dicomweb_node_is_retrieved(qtbot, make_dock, web, phantom):
    viewer, dock = make_dock()
    (study,) = _search(qtbot, dock, "study")
    (series,) = _unfold(qtbot, dock, study)
    layer = _load(qtbot, dock, dock.load, [series])
    values = np.sort(np.asarray(layer.data), axis=None)
    assert np.array_equal(values, _values(phantom["axial-ct"].paths))
    assert dock.network.database.info()["instances"] == 8
    assert list(viewer.layers) == [layer]


@pytest.mark.parametrize("by_preference", [False, True])
def test_series_of_a_dicomweb_node_is_streamed(qtbot, make_dock, web, phantom, by_preference):
    _, dock = make_dock()
    (study,) = _search(qtbot, dock, "study")
    (series,) = _unfold(qtbot, dock, study)
    assert set_preference("network", "stream_dicomweb", by_preference)
    layer = _load(qtbot, dock, dock.load if by_preference else dock.opener.stream, [series])
    assert dicom_metadata(layer)["series_uid"] == phantom["axial-ct"].series_uid
    values = np.sort(np.asarray(layer.data), axis=None)
    assert np.array_equal(values, _values(phantom["axial-ct"].paths))
    assert dock.network.database.info()["instances"] == 0
    assert set_preference("network", "stream_dicomweb", False)


@pytest.mark.parametrize("retrieve", ["get", "move"])
def test_study_of_dcmqrscp_is_retrieved_and_opened(qtbot, make_dock, dcmqrscp, phantom, retrieve):
    node = dcmqrscp(phantom["axial-ct"].paths, retrieve=retrieve)
    save_nodes([node])
    viewer, dock = make_dock()
    (study,) = _search(qtbot, dock, "study")
    layer = _load(qtbot, dock, dock.load, [study])
    values = np.sort(np.asarray(layer.data), axis=None)
    assert np.array_equal(values, _values(phantom["axial-ct"].paths))
    assert len(viewer.layers) == 1


def test_what_is_here_is_opened_without_asking_anybody(qtbot, make_dock, web, phantom):
    viewer, dock = make_dock()
    dock.network.database.import_paths(phantom["axial-ct"].paths, workers=0)
    qtbot.keyClick(dock.query.form.boxes["web"], Qt.Key.Key_Space)
    (series,) = _search(qtbot, dock, "series")
    assert (series.nodes, series.held) == ([], "all")
    _load(qtbot, dock, dock.load, [series])
    assert len(viewer.layers) == 1


def test_without_a_viewer_it_is_said(qtbot, make_dock, web):
    _, dock = make_dock()
    dock.opener._viewer = None
    with qtbot.waitSignal(dock.opener.told) as caught:
        dock.opener.load([_row("study", study_uid="1.2")])
    assert "no napari viewer" in caught.args[0]


def test_a_node_that_was_removed_is_said(qtbot, make_dock, web):
    _, dock = make_dock()
    with qtbot.waitSignal(dock.opener.told) as caught:
        dock.opener.load([_row("study", nodes=("gone",), study_uid="1.2")])
    assert caught.args == ["gone is no longer among the nodes.", "error"]


def test_what_is_wanted():
    study = _row("study", study_uid="1.2")
    series = _row("series", study, series_uid="1.2.3")  # the node did not repeat the study
    wanted = wanted_of(series)
    assert (wanted.level, wanted.study_uid, wanted.series_uid) == ("series", "1.2", "1.2.3")
    instance = _row("instance", series, study_uid="1.2", series_uid="1.2.3", instance_uid="9")
    assert wanted_of(instance).instance_uids == ("9",)
    with pytest.raises(QueryError):
        wanted_of(_row("series", series_uid="1.2.3"))


def test_rows_by_node():
    one = _row("study", nodes=("a", "b"), study_uid="1")
    other = _row("study", nodes=("b",), study_uid="2")
    ours = _row("study", nodes=("",), study_uid="3")
    assert by_node([one, other, ours]) == {"a": [one], "b": [other]}
    assert by_node([one, other, ours], "b") == {"b": [one, other]}
    assert by_node([other], "a") == {}
