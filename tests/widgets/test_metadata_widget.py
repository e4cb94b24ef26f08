"""The dock DICOM metadata in a real viewer: it follows the layer and its slice."""

from __future__ import annotations

import pytest
from pydicom import dcmread
from qtpy.QtCore import Qt

from napari_dicomdb import Database


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def dock(viewer, database, qtbot):
    _, widget = viewer.window.add_plugin_dock_widget("napari-dicomdb", "DICOM metadata")
    qtbot.waitUntil(lambda: widget._session.database is not None, timeout=20_000)
    return widget


def add_layer(viewer, database, series_uid):
    loadable = next(x for x in database.examine(series_uid) if x.selected)
    data, kwargs, kind = loadable.to_layers(loadable.load())[0]
    return getattr(viewer, f"add_{kind}")(data, **kwargs)


def shown_instance(dock):
    tree = dock.view.tags.attributes
    return None if tree is None else tree.path


def test_the_slice_on_show_is_the_instance_told(qtbot, viewer, dock, database, phantom):
    ct = phantom["axial-ct"]
    assert not dock.hint.isHidden()
    layer = add_layer(viewer, database, ct.series_uid)
    qtbot.waitUntil(lambda: shown_instance(dock) is not None)
    assert dock.hint.isHidden()
    for step in (0, 5, 7, 2):
        viewer.dims.set_current_step(0, step)
        point = layer.world_to_data(viewer.dims.point)
        z = (layer.metadata["dicomdb"]["lps_from_data"] @ [*point[-3:], 1])[2]
        wanted = min(ct.paths, key=lambda p: abs(dcmread(p).ImagePositionPatient[2] - z))
        qtbot.waitUntil(lambda wanted=wanted: shown_instance(dock) == wanted)


def test_oblique_slices_as_well(qtbot, viewer, dock, database, phantom):
    mr = phantom["sagittal-mr"]
    layer = add_layer(viewer, database, mr.series_uid)
    qtbot.waitUntil(lambda: shown_instance(dock) is not None)
    viewer.dims.order = (2, 0, 1)
    viewer.dims.set_current_step(2, viewer.dims.nsteps[2] - 1)
    point = layer.world_to_data(viewer.dims.point)
    x = (layer.metadata["dicomdb"]["lps_from_data"] @ [*point[-3:], 1])[0]
    wanted = min(mr.paths, key=lambda p: abs(dcmread(p).ImagePositionPatient[0] - x))
    qtbot.waitUntil(lambda: shown_instance(dock) == wanted)


def test_a_layer_that_the_database_does_not_have(qtbot, viewer, dock, phantom):
    ct = phantom["axial-ct"]
    with Database.in_memory() as other:
        other.import_paths(ct.paths, workers=0)
        dock._session.database.remove(series=ct.series_uid)
        add_layer(viewer, other, ct.series_uid)
    qtbot.waitUntil(lambda: shown_instance(dock) in ct.paths)
    assert len(dock.view.instances) == len(ct.paths)


def test_other_layers_change_nothing(qtbot, viewer, dock, database, phantom):
    add_layer(viewer, database, phantom["axial-ct"].series_uid)
    qtbot.waitUntil(lambda: shown_instance(dock) is not None)
    before = shown_instance(dock)
    viewer.add_points([[0, 0, 0]])
    assert shown_instance(dock) == before


def test_light_and_dark(qtbot, viewer, dock):
    viewer.theme = "light"
    light = dock.view.styleSheet()
    viewer.theme = "dark"
    assert dock.view.styleSheet() != light


def test_without_a_viewer(qtbot, database):
    from napari_dicomdb.widgets.metadata_widget import DicomMetadata

    widget = DicomMetadata()
    qtbot.addWidget(widget)
    qtbot.waitUntil(lambda: widget._session.database is not None)
    qtbot.keyClick(widget, Qt.Key.Key_A)
    assert widget.view.instances == []
