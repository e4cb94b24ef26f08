"""What other parts ask the metadata dock for."""

from __future__ import annotations

import pytest
from browser_hands import open_by_menu
from qtpy.QtWidgets import QWidget

from napari_dicomdb.widgets._session import attach_session
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets._theme import ThemeWatcher
from napari_dicomdb.widgets.metadata_dock import MetadataDock


@pytest.fixture
def opened(qtbot, database, make_napari_viewer):
    """Docks on the phantom study, made by `make(viewer)`."""
    session, detach = attach_session()
    session.use(database)
    host, runner = QWidget(), TaskRunner("test-dock")
    qtbot.addWidget(host)
    theme = ThemeWatcher(parent=host)
    made = []

    def make(viewer):
        dock = MetadataDock(viewer, session, runner, theme, host)
        made.append(dock)
        return dock

    yield make
    for dock in made:
        dock.close()
    theme.disconnect_settings()
    runner.close()
    detach()


def test_in_a_viewer_it_is_the_dock_of_the_menu(
    qtbot, opened, database, phantom, make_napari_viewer
):
    viewer = make_napari_viewer()
    dock = opened(viewer)
    series = database.find_series(phantom["axial-ct"].series_uid)
    with qtbot.waitSignal(dock.view.shown):
        dock.show_series([series])
    _, widget = viewer.window.add_plugin_dock_widget("napari-dicomdb", "DICOM metadata")
    assert widget.view is dock.view
    assert len(widget.view.instances) == 8
    other = database.find_series(phantom["oblique-mr"].series_uid)
    with qtbot.waitSignal(widget.view.comparison.compared) as done:
        dock.compare(series, other)
    assert done.args[0].level == "series"
    with qtbot.waitSignal(widget.view.shown):
        dock.show_instances(database.instances(other))
    assert widget.view.instances[0].series_uid == other.uid


def test_the_dock_that_a_menu_opened_is_used(opened, make_napari_viewer):
    """Menus give a dock another name than calls do: napari would open a second one."""
    viewer = make_napari_viewer()
    open_by_menu(viewer, "Layers", "Metadata", "DICOM metadata")
    (widget,) = viewer.window.dock_widgets.values()
    assert opened(viewer).open() is widget
    assert len(viewer.window.dock_widgets) == 1


def test_without_a_viewer_it_is_a_window(qtbot, opened, database, phantom):
    dock = opened(None)
    dock.show_series([])
    assert dock.widget is None
    with qtbot.waitSignal(dock.view.shown):
        dock.show_series([database.find_series(phantom["axial-ct"].series_uid)])
    assert dock.widget.isWindow()
    assert dock.widget.isVisible()


def test_a_layer(qtbot, opened, database, phantom, make_napari_viewer):
    viewer = make_napari_viewer()
    dock = opened(viewer)
    uid = phantom["axial-ct"].series_uid
    loadable = next(x for x in database.examine(uid) if x.selected)
    data, kwargs, _ = loadable.to_layers(loadable.load())[0]
    layer = viewer.add_image(data, **kwargs)
    dock.show_layer(layer)
    qtbot.waitUntil(lambda: len(dock.view.instances) == 8)


@pytest.mark.parametrize("asked", ["compare", "show_series", "show_instances"])
def test_the_first_request_wins_over_the_active_layer(
    qtbot, opened, database, phantom, make_napari_viewer, asked
):
    """The dock that opens looks for the instances of the layer: they are not wanted then."""
    viewer = make_napari_viewer()
    loadable = next(x for x in database.examine(phantom["axial-ct"].series_uid) if x.selected)
    data, kwargs, _ = loadable.to_layers(loadable.load())[0]
    viewer.layers.selection.active = viewer.add_image(data, **kwargs)
    dock = opened(viewer)
    mine = database.find_series(phantom["axial-ct"].series_uid)
    other = database.find_series(phantom["oblique-mr"].series_uid)
    if asked == "compare":
        dock.compare(mine, other)
    elif asked == "show_series":
        dock.show_series([other])
    else:
        dock.show_instances(database.instances(other))
    view = dock.view
    qtbot.waitUntil(lambda: not view._runner.is_busy)
    if asked == "compare":
        assert view.tabs.currentWidget() is view.comparison
        assert view.comparison.comparison.level == "series"
    else:
        assert {one.series_uid for one in view.instances} == {other.uid}
        assert view.tabs.currentWidget() is view.tags
