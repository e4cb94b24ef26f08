"""Docks of ours share a place as tabs, however they are opened."""

from __future__ import annotations

import pytest
from browser_hands import open_by_menu
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget

from napari_dicomdb.viewer.browse import find_dock, show_browser, show_export

NAMES = ("DICOM browser", "DICOM export", "DICOM network")


def dock_of(viewer, name: str) -> QDockWidget:
    place = find_dock(viewer, name)
    while not isinstance(place, QDockWidget):
        place = place.parentWidget()
    return place


def tabs_of(viewer, name: str) -> set[str]:
    window = viewer.window._qt_window
    beside = window.tabifiedDockWidgets(dock_of(viewer, name))
    return {
        other for other in NAMES if find_dock(viewer, other) and dock_of(viewer, other) in beside
    }


@pytest.fixture
def viewer(make_napari_viewer, qtbot):
    made = make_napari_viewer(show=True)
    qtbot.waitExposed(made.window._qt_window)
    return made


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
def test_opened_from_the_menu_of_plugins_they_are_tabs(viewer, qtbot, order) -> None:
    # They stood above each other, and the pages of the export had 200 pixels.
    names = [NAMES[k] for k in order]
    for k, name in enumerate(names):
        open_by_menu(viewer, "Plugins", "DICOM database", name)
        qtbot.waitUntil(lambda name=name, k=k: tabs_of(viewer, name) == set(names[:k]))
        # The one that was opened is in front, and has the whole height.
        qtbot.waitUntil(lambda name=name: not find_dock(viewer, name).visibleRegion().isEmpty())


def test_what_the_user_does_with_them_stays(viewer, qtbot) -> None:
    window = viewer.window._qt_window
    show_browser(viewer)
    browser = dock_of(viewer, NAMES[0])
    window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, browser)
    export = show_export(viewer)
    qtbot.waitUntil(export.isVisible)
    assert tabs_of(viewer, NAMES[1]) == set()  # they are not in the same place
    window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, browser)
    export.hide()
    export.show()
    assert tabs_of(viewer, NAMES[1]) == set()  # it has been shown before
    browser.setFloating(True)
    open_by_menu(viewer, "Plugins", "DICOM database", NAMES[2])
    qtbot.waitUntil(lambda: tabs_of(viewer, NAMES[2]) == {NAMES[1]})
