""" "Send…" in the context menu of the browser, clicked."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QMenu

from napari_dicomdb.database.records import PatientRecord, SeriesRecord, StudyRecord
from napari_dicomdb.widgets._record_menu import MenuEntry
from napari_dicomdb.widgets.send_actions import SendActions


def _click_send(qtbot, browser):
    menus = [m for m in browser.findChildren(QMenu) if m.isVisible()]
    (menu,) = menus
    (entry,) = [a for a in menu.actions() if a.text() == "Send…"]
    qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(entry).center())


def test_menu_of_a_series_opens_the_dialog(qtbot, browser):
    browser.show()
    series = browser.database.series()[0]
    browser.views.select_series([series])
    qtbot.waitUntil(lambda: bool(browser.views.selected_records()))
    browser.views.menu_requested.emit(browser.mapToGlobal(QPoint(20, 20)))
    _click_send(qtbot, browser)
    sending = browser.findChild(SendActions)
    dialog = sending.dialog
    assert dialog.isVisible()
    assert dialog.windowTitle() == "Send"
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)


@pytest.mark.parametrize("kind", [PatientRecord, StudyRecord, SeriesRecord])
def test_each_level_offers_it(browser, kind):
    database = browser.database
    records = {
        PatientRecord: database.patients,
        StudyRecord: database.studies,
        SeriesRecord: database.series,
    }[kind]()
    groups = browser.actions_.entries(records)
    labels = [e.label for group in groups for e in group if isinstance(e, MenuEntry)]
    assert labels.count("Send…") == 1
