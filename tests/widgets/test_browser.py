"""The browser dock in a real viewer: clicks, keys and drops, and what comes of them."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from napari._qt.qt_viewer import QtViewer
from napari.settings import get_settings
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QContextMenuEvent, QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QFileDialog, QShortcut

from napari_dicomdb import Database
from napari_dicomdb.dicom.findings import Severity
from napari_dicomdb.widgets.browser import DicomBrowser
from napari_dicomdb.widgets.models import ExpandRole, place_of

# Qt 6.12 wants a QPointF there, and older ones a QPoint.
pytestmark = pytest.mark.filterwarnings("ignore:.*QDragEnterEvent:DeprecationWarning")

LEFT = Qt.MouseButton.LeftButton
MISSING = "missing-slice"


def row_of(browser, phantom, name):
    model = browser.lists.series_model
    return model.index(model.row_of(phantom[name].series_uid), 0)


def click(qtbot, view, index, *, double=False):
    view.scrollTo(index)
    place = view.visualRect(index).center()
    qtbot.mouseClick(view.viewport(), LEFT, pos=place)
    if double:
        qtbot.mouseDClick(view.viewport(), LEFT, pos=place)


def drop(widget, *paths):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(p)) for p in paths])
    how = (Qt.DropAction.CopyAction, mime, LEFT, Qt.KeyboardModifier.NoModifier)
    # Over the list, as a hand would: it is the dock that takes it.
    QApplication.sendEvent(widget.lists.patients.viewport(), QDragEnterEvent(QPoint(20, 20), *how))
    QApplication.sendEvent(widget, QDropEvent(QPointF(20, 20), *how))


def has_panel(browser, number):
    return lambda: len(browser.panel.cards) == number


def layers(browser):
    return browser._viewer.layers


def cell(model, row, name):
    return model.index(row, place_of(model.columns, name)).data()


def test_rows(browser, phantom, qtbot):
    lists = browser.lists
    assert cell(lists.patient_model, 0, "name") == "Phantom, Ada"
    qtbot.waitUntil(lambda: lists.study_model.rowCount() == 1)
    assert cell(lists.study_model, 0, "description") == "Synthetic head phantom"
    model = lists.series_model
    for name, series in phantom.items():
        row = model.row_of(series.series_uid)
        assert cell(model, row, "modality") == series.modality
        assert cell(model, row, "images") == str(len(series.paths))
        assert "32 × 32" in cell(model, row, "dimensions"), name


def test_thumbnails_are_pictures_of_the_series(browser, phantom, qtbot):
    index = row_of(browser, phantom, "axial-ct")

    def picture():
        return index.data(Qt.ItemDataRole.DecorationRole)

    qtbot.waitUntil(lambda: picture() is not None)
    image = picture().toImage()
    grey = [image.pixelColor(x, image.height() // 2).value() for x in range(image.width())]
    assert grey[0] < 30, "air around the head"
    assert max(grey) > 200, "skull"


def test_counts_in_the_status_line(browser, qtbot, phantom):
    files = sum(len(s.paths) for s in phantom.values())
    words = f"1 patient · 1 study · 4 series · {files} files"
    qtbot.waitUntil(lambda: browser.status.text() == words)
    browser.bar.search.edit.setText("modality:MR")
    browser.bar.search.run()
    hits = sum(1 for one in browser.database.series() if one.modality == "MR")
    qtbot.waitUntil(lambda: browser.status.text() == f"{hits} series found of 4")
    browser.bar.search.edit.clear()
    qtbot.waitUntil(lambda: browser.status.text() == words)


def test_double_click_loads_where_it_belongs(browser, phantom, qtbot):
    series = phantom["axial-ct"]
    click(qtbot, browser.lists.series, row_of(browser, phantom, "axial-ct"), double=True)
    qtbot.waitUntil(lambda: len(layers(browser)) == 1, timeout=20_000)
    layer = layers(browser)[0]
    spacing = np.linalg.norm(series.affine[:3, :3], axis=0)
    np.testing.assert_allclose(layer.scale, spacing, rtol=1e-5)
    assert layer.metadata["dicomdb"]["series_uid"] == series.series_uid
    assert [str(u) for u in layer.units] == ["millimeter"] * 3
    # (-z, y, x) of the first slice's first pixel lies at one corner of the layer.
    corner = (series.affine @ [0, 0, 0, 1])[:3]
    world = np.array([layer.data_to_world(c) for c in np.ndindex(2, 2, 2)])
    ends = [layer.data_to_world(i * (np.array(layer.data.shape) - 1)) for i in (0, 1)]
    low, high = np.min(ends, axis=0), np.max(ends, axis=0)
    assert world.shape == (8, 3)
    wanted = np.array([-corner[2], corner[1], corner[0]])
    assert np.all(np.isclose(wanted, low, atol=1e-2) | np.isclose(wanted, high, atol=1e-2))


def test_button_loads_what_is_checked(browser, phantom, qtbot):
    click(qtbot, browser.lists.series, row_of(browser, phantom, "sagittal-mr"))
    qtbot.waitUntil(lambda: bool(browser.panel.cards))
    qtbot.mouseClick(browser.panel.load_button, LEFT)
    qtbot.waitUntil(lambda: len(layers(browser)) == 1, timeout=20_000)
    assert layers(browser)[0].metadata["dicomdb"]["modality"] == "MR"


def test_enter_loads_all_selected(browser, phantom, qtbot):
    view = browser.lists.series
    click(qtbot, view, row_of(browser, phantom, "axial-ct"))
    place = view.visualRect(row_of(browser, phantom, "oblique-mr")).center()
    qtbot.mouseClick(view.viewport(), LEFT, Qt.KeyboardModifier.ControlModifier, place)
    assert len(browser.lists.selected_series()) == 2
    qtbot.keyClick(view, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(layers(browser)) == 2, timeout=20_000)
    found = {layer.metadata["dicomdb"]["series_uid"] for layer in layers(browser)}
    assert found == {phantom["axial-ct"].series_uid, phantom["oblique-mr"].series_uid}


def test_findings_show_before_loading(browser, phantom, qtbot):
    click(qtbot, browser.lists.series, row_of(browser, phantom, MISSING))
    qtbot.waitUntil(lambda: bool(browser.panel.cards))
    loadables = browser.database.examine(phantom[MISSING].series_uid)
    assert [c.loadable.name for c in browser.panel.cards] == [x.name for x in loadables]
    for card, loadable in zip(browser.panel.cards, loadables, strict=True):
        assert sorted(b.text() for b in card.boxes) == sorted(f.text for f in loadable.findings)
    assert any("missing" in b.text() for b in browser.panel.cards[0].boxes)
    assert len(layers(browser)) == 0


def choose_only_errors(browser):
    """Check the first loadable with an error finding, and nothing else."""
    panel = browser.panel
    wrong = next(c for c in panel.cards if c.severity is Severity.ERROR)
    for card in panel.cards:
        card.check.setChecked(card is wrong)
    return wrong


def test_errors_ask_before_loading(browser, phantom, qtbot, monkeypatch):
    warned = []
    monkeypatch.setattr("napari_dicomdb.widgets.loading.show_warning", warned.append)
    browser.show()
    click(qtbot, browser.lists.series, row_of(browser, phantom, MISSING))
    qtbot.waitUntil(lambda: bool(browser.panel.cards))
    wrong = choose_only_errors(browser)
    panel = browser.panel
    assert not panel.alarm.isHidden()
    assert panel.load_button.isHidden()
    assert panel.alarm.button.text() == "Load anyway"
    assert len(layers(browser)) == 0
    qtbot.mouseClick(panel.alarm.button, LEFT)
    qtbot.waitUntil(lambda: len(layers(browser)) == 1, timeout=20_000)
    (error,) = (f.text for f in wrong.loadable.findings if f.severity is Severity.ERROR)
    assert len(warned) == 1
    assert error in warned[0]


def test_each_selection_filters_the_next(browser, qtbot):
    browser.import_paths([get_testdata_file("MR_small.dcm")])
    lists = browser.lists
    qtbot.waitUntil(lambda: lists.patient_model.rowCount() == 2, timeout=20_000)
    qtbot.waitUntil(lambda: len(lists.selected_series()) == 1, timeout=20_000)
    assert [s.modality for s in lists.selected_series()] == ["MR"], "what came is selected"
    assert lists.study_model.rowCount() == lists.series_model.rowCount() == 1
    lists.patients.clearSelection()
    qtbot.waitUntil(lambda: lists.series_model.rowCount() == 5)
    row = next(r for r in range(2) if cell(lists.patient_model, r, "name") == "Phantom, Ada")
    click(qtbot, lists.patients, lists.patient_model.index(row, 0))
    qtbot.waitUntil(lambda: lists.series_model.rowCount() == 4)
    qtbot.waitUntil(lambda: lists.study_model.rowCount() == 1)


def test_search_as_one_types(browser, qtbot):
    lists = browser.lists
    qtbot.keyClicks(browser.search, "modality:MR")
    qtbot.waitUntil(lambda: lists.series_model.rowCount() == 2)
    browser.search.setText("no such thing")
    qtbot.waitUntil(lambda: browser._stack.currentWidget() is browser.empty)
    assert "no such thing" in browser.empty.text.text()
    browser.search.clear()
    qtbot.waitUntil(lambda: lists.series_model.rowCount() == 4)
    assert browser._stack.currentWidget() is not browser.empty


def test_hostile_search_is_only_words(browser, qtbot):
    for words in ("'; DROP TABLE series; --", '"', "*", "modality:", "date:x..", "(((", "a OR"):
        browser.search.setText(words)
        browser._run_search()
        qtbot.waitUntil(lambda: not browser._queries.is_busy)
        assert browser.notice.isHidden(), (words, browser.notice.text())
    browser.search.clear()
    qtbot.waitUntil(lambda: browser.lists.series_model.rowCount() == 4)


def test_empty_database_says_what_to_do(make_browser, qtbot):
    browser = make_browser()
    qtbot.waitUntil(lambda: browser.empty.heading.text() == "No images yet")
    assert browser._stack.currentWidget() is browser.empty
    assert "Drop a folder" in browser.empty.text.text()


def test_drop_imports_and_reports_each_refused_file(make_browser, qtbot, phantom, tmp_path):
    folder = tmp_path / "cd"
    shutil.copytree(phantom["axial-ct"].paths[0].parent, folder / "images")
    (folder / "README.txt").write_text("no image")
    whole = phantom["axial-ct"].paths[0].read_bytes()
    (folder / "cut.dcm").write_bytes(whole[:400])
    browser = make_browser()
    with qtbot.waitSignal(browser._session.import_finished, timeout=30_000) as caught:
        drop(browser, folder)
    report = caught.args[1]
    assert report.added == len(phantom["axial-ct"].paths)
    qtbot.waitUntil(lambda: browser.lists.series_model.rowCount() == 1)
    assert not browser.import_bar.outcome.isHidden()
    qtbot.mouseClick(browser.import_bar.outcome.button, LEFT)
    table = browser.importing.dialog.view.model
    shown = {Path(r.path).name: (r.status, r.reason) for r in table.rows()}
    assert shown == {
        Path(path).name: ("refused", reason) for path, reason, _text in report.rejected
    }
    assert set(shown) == {"README.txt", "cut.dcm"}
    browser.importing.dialog.close()


def test_folder_button_and_remembered_copy(make_browser, qtbot, phantom, monkeypatch):
    folder = phantom["axial-ct"].paths[0].parent
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    browser = make_browser()
    browser.copy_action.trigger()
    with qtbot.waitSignal(browser._session.import_finished, timeout=30_000) as caught:
        qtbot.mouseClick(browser.empty.folder_button, LEFT)
    assert caught.args[0].copy
    qtbot.waitUntil(lambda: browser.lists.series_model.rowCount() == 1)
    assert browser.lists.series_model.record(0).storage == "copied"
    again = DicomBrowser(None)
    qtbot.addWidget(again)
    assert again.copy_action.isChecked()


def test_cancel_keeps_what_is_done(make_browser, qtbot, phantom_folder):
    browser = make_browser()
    session = browser._session

    def cancel(_request):
        browser.import_bar.cancel_button.click()

    session.import_started.connect(cancel)
    browser.import_paths([phantom_folder])
    qtbot.waitUntil(lambda: not session.is_importing, timeout=30_000)
    assert not browser.import_bar.is_running
    # The next import takes up where it stopped.
    session.import_started.disconnect(cancel)
    with qtbot.waitSignal(session.import_finished, timeout=30_000) as caught:
        browser.import_paths([phantom_folder])
    report = caught.args[1]
    assert not report.cancelled
    qtbot.waitUntil(lambda: browser.lists.series_model.rowCount() == 4)


def open_menu(browser, view, index):
    place = view.visualRect(index).center()
    reason = QContextMenuEvent.Reason.Mouse
    event = QContextMenuEvent(reason, place, view.viewport().mapToGlobal(place))
    QApplication.sendEvent(view.viewport(), event)
    menu = QApplication.activePopupWidget()
    return menu, {a.text().split("\t")[0]: a for a in menu.actions() if not a.isSeparator()}


def test_menu_removes_after_asking(browser, qtbot, phantom):
    view = browser.lists.series
    click(qtbot, view, row_of(browser, phantom, "axial-ct"))
    menu, entries = open_menu(browser, view, row_of(browser, phantom, "axial-ct"))
    assert {"Load", "Examine", "Metadata…", "Show content and attributes", "Copy series UID",
            "Copy as text", "Show in folder", "Refresh (rescan files)", "Retry picture",
            "Remove from database…"} <= set(entries)  # fmt: skip
    assert "Find moved files…" not in entries, "nothing is missing"
    entries["Remove from database…"].trigger()
    menu.close()
    qtbot.waitUntil(lambda: browser.actions_.dialog is not None)
    dialog = browser.actions_.dialog
    assert browser.lists.series_model.rowCount() == 4, "nothing is removed before the answer"
    qtbot.mouseClick(dialog.remove_button, LEFT)
    qtbot.waitUntil(lambda: browser.lists.series_model.rowCount() == 3)
    assert browser.lists.series_model.row_of(phantom["axial-ct"].series_uid) == -1
    assert all(p.exists() for p in phantom["axial-ct"].paths), "linked files are never touched"


def test_menu_of_a_study_loads_its_series(browser, qtbot):
    lists = browser.lists
    qtbot.waitUntil(lambda: lists.study_model.rowCount() == 1)
    browser.search.setText("modality:MR")
    browser._run_search()
    qtbot.waitUntil(lambda: lists.series_model.rowCount() == 2)
    qtbot.waitUntil(lambda: not lists.study_model.is_waiting)
    click(qtbot, lists.studies, lists.study_model.index(0, 1))
    menu, entries = open_menu(browser, lists.studies, lists.study_model.index(0, 1))
    assert "Copy study UID" in entries
    entries["Load"].trigger()
    menu.close()
    qtbot.waitUntil(lambda: len(layers(browser)) >= 4, timeout=20_000)


def test_a_single_way_is_loaded_alone(browser, phantom, qtbot):
    lists = browser.lists
    model, view = lists.series_model, lists.series
    browser.window().show()
    row = model.row_of(phantom[MISSING].series_uid)
    qtbot.waitUntil(lambda: model.index(row, 0).data(ExpandRole) == "closed", timeout=20_000)
    place = view.visualRect(model.index(row, 0)).center()
    place.setX(view.visualRect(model.index(row, 0)).left() + 8)
    qtbot.mouseClick(view.viewport(), LEFT, pos=place)
    assert model.is_open(row)
    ways = [model.way(r) for r in range(row + 1, row + 5)]
    assert all(ways)
    click(qtbot, view, model.index(row + 2, 0), double=True)
    qtbot.waitUntil(lambda: len(layers(browser)) == 1, timeout=20_000)
    assert [c.loadable.name for c in browser.panel.cards if c.is_chosen] == [ways[1].way.name]
    assert layers(browser)[0].data.shape == ways[1].way.shape
    qtbot.keyClick(view, Qt.Key.Key_Left)
    assert not model.is_open(row)


def test_series_dropped_on_the_canvas_are_loaded(browser, phantom, qtbot):
    browser.window().show()
    canvas = browser.window().centralWidget().findChild(QtViewer)
    model = browser.lists.series_model
    rows = [model.row_of(phantom[n].series_uid) for n in ("axial-ct", "oblique-mr")]
    mime = model.mimeData([model.index(row, 0) for row in rows])
    how = (Qt.DropAction.CopyAction, mime, LEFT, Qt.KeyboardModifier.NoModifier)
    enter = QDragEnterEvent(QPoint(50, 50), *how)
    enter.ignore()
    QApplication.sendEvent(canvas, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(canvas, QDropEvent(QPointF(50, 50), *how))
    qtbot.waitUntil(lambda: len(layers(browser)) == 2, timeout=20_000)
    found = {layer.metadata["dicomdb"]["series_uid"] for layer in layers(browser)}
    assert found == {phantom[n].series_uid for n in ("axial-ct", "oblique-mr")}


def test_view_and_selection_are_taken_along(browser, phantom, qtbot):
    click(qtbot, browser.lists.series, row_of(browser, phantom, "oblique-mr"))
    uid = phantom["oblique-mr"].series_uid
    qtbot.mouseClick(browser.bar.view_buttons["cards"], LEFT)
    assert browser.views.name == "cards"
    qtbot.waitUntil(lambda: [s.uid for s in browser.views.selected_series()] == [uid])
    again = DicomBrowser(None)
    qtbot.addWidget(again)
    assert again.views.name == "cards", "remembered"
    browser.show_view("tables")
    qtbot.waitUntil(lambda: [s.uid for s in browser.lists.selected_series()] == [uid])


def test_missing_files_are_told_before_loading(browser, phantom, qtbot):
    uid = phantom["axial-ct"].series_uid
    index = sqlite3.connect(browser.database.path / "dicomdb.sqlite")
    with index:
        index.execute("UPDATE series SET missing_count = instance_count WHERE uid = ?", (uid,))
    index.close()
    browser.lists.refresh()
    model = browser.lists.series_model
    qtbot.waitUntil(
        lambda: model.row_of(uid) >= 0 and model.record(model.row_of(uid)).missing_count > 0
    )
    click(qtbot, browser.lists.series, row_of(browser, phantom, "axial-ct"), double=True)
    qtbot.waitUntil(lambda: not browser.notice.isHidden())
    assert "missing" in browser.notice.text()
    assert not browser.notice.button.isHidden()
    assert len(layers(browser)) == 0


def test_recent_activity(browser, phantom, qtbot):
    qtbot.mouseClick(browser.bar.recent_button, LEFT)
    recent = browser.recent
    qtbot.waitUntil(lambda: recent.series.count() == 4, timeout=20_000)
    item = recent.series.item(0)
    uid = item.data(Qt.ItemDataRole.UserRole).uid
    assert uid == browser.database.recent(1)[0].uid
    assert "Imported" in recent.deeds.text()
    recent.series.itemActivated.emit(item)
    qtbot.waitUntil(lambda: [s.uid for s in browser.lists.selected_series()] == [uid])
    assert recent.isHidden()


def test_keys_in_the_tree_do_not_reach_the_viewer(browser, qtbot, phantom):
    """Delete on a row asks; it must not delete the viewer's layers."""
    browser._viewer.add_image(np.zeros((4, 4)))
    view = browser.lists.series
    click(qtbot, view, row_of(browser, phantom, "axial-ct"))
    qtbot.keyClick(view, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: browser.actions_.dialog is not None)
    browser.actions_.dialog.reject()
    assert len(layers(browser)) == 1
    assert browser.lists.series_model.rowCount() == 4


def test_copy_uid_by_key(browser, qtbot, phantom):
    view = browser.lists.series
    click(qtbot, view, row_of(browser, phantom, "oblique-mr"))
    qtbot.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.clipboard().text() == phantom["oblique-mr"].series_uid


def test_keys_of_the_dock(browser):
    keys = {s.key().toString(): s for s in browser.findChildren(QShortcut)}
    assert {"Ctrl+F", "F5", "Ctrl+1", "Ctrl+2"} <= set(keys)
    assert keys["Ctrl+F"].context() == Qt.ShortcutContext.WidgetWithChildrenShortcut
    keys["Ctrl+F"].activated.emit()  # Xvfb has no window manager that would activate a window
    assert browser.window().focusWidget() is browser.search


def test_missing_file_is_told_in_the_dock(browser, qtbot, phantom, tmp_path, monkeypatch):
    folder = tmp_path / "gone"
    shutil.copytree(phantom["axial-ct"].paths[0].parent, folder)
    with Database.in_memory() as other:
        other.import_paths([folder], workers=0)
        loadable = other.examine(phantom["axial-ct"].series_uid)[0]
    shutil.rmtree(folder)
    errors = []
    monkeypatch.setattr("napari_dicomdb.widgets._examining.show_error", errors.append)
    browser.loader.load([loadable])
    qtbot.waitUntil(lambda: not browser.loader.is_busy, timeout=20_000)
    told = bool(errors) and not browser.notice.isHidden()
    marked = any(
        f["severity"] == "error"
        for layer in layers(browser)
        for f in layer.metadata["dicomdb"]["findings"]
    )
    assert told or marked


def test_theme_changes_all_at_once(browser, qtbot):
    appearance = get_settings().appearance
    before = appearance.theme
    appearance.theme = "light"
    assert "rgb" not in browser.styleSheet()
    assert browser._theme.palette.background.name() in browser.styleSheet()
    appearance.theme = before


def test_two_docks_share_one_database(browser, qtbot):
    viewer = browser._viewer
    _, importer = viewer.window.add_plugin_dock_widget("napari-dicomdb", "DICOM import")
    assert importer._session is browser._session


def test_database_can_be_changed(browser, qtbot, tmp_path):
    browser.database_button.chosen.emit(tmp_path / "other")
    qtbot.waitUntil(lambda: browser.database.path == tmp_path / "other", timeout=20_000)
    qtbot.waitUntil(lambda: browser._stack.currentWidget() is browser.empty)
    browser.database_button.fill_menu()
    listed = [a.data() for a in browser.database_button.menu().actions() if a.data()]
    assert tmp_path / "other" in listed


@pytest.mark.parametrize("problem", ["file in the way"])
def test_unusable_database_is_explained(make_napari_viewer, qtbot, user_folders, problem):
    user_folders.mkdir()
    (user_folders / "database").write_text("not a directory")
    viewer = make_napari_viewer()
    _, browser = viewer.window.add_plugin_dock_widget("napari-dicomdb", "DICOM browser")
    page = browser.databases.page
    qtbot.waitUntil(lambda: browser._stack.currentWidget() is page, timeout=20_000)
    assert page.heading.text() == "The database cannot be written"
    assert str(user_folders / "database") in page.text.text()


def test_closing_while_working_is_safe(make_napari_viewer, qtbot, phantom_folder):
    import threading

    viewer = make_napari_viewer()
    dock, widget = viewer.window.add_plugin_dock_widget("napari-dicomdb", "DICOM browser")
    qtbot.waitUntil(lambda: widget.database is not None, timeout=20_000)
    widget.import_paths([phantom_folder])
    viewer.window.remove_dock_widget(dock)
    widget.deleteLater()
    qtbot.waitUntil(
        lambda: not [t for t in threading.enumerate() if t.name.startswith("dicomdb-")],
        timeout=30_000,
    )


def test_it_fits_a_dock(browser):
    assert browser.sizeHint().width() == 440
    assert browser.minimumSizeHint().width() <= 400


def content_of(browser, qtbot):
    qtbot.waitUntil(
        lambda: browser.contents.view is not None and browser.contents.view.content is not None,
        timeout=20_000,
    )
    return browser.contents.view


def import_one(browser, qtbot, *paths):
    with qtbot.waitSignal(browser._session.import_finished, timeout=20_000):
        browser.import_paths(paths)


def test_a_report_opens_as_its_content(browser, qtbot):
    import_one(browser, qtbot, get_testdata_file("test-SR.dcm"))
    (series,) = browser.database.search("modality:SR")
    with qtbot.waitSignal(browser.examined, timeout=20_000):
        browser.show_series([series])
    assert browser.panel.summary.text() == "1 content"
    qtbot.mouseClick(browser.panel.load_button, LEFT)
    view = content_of(browser, qtbot)
    assert view.title.text() == "Comprehensive SR: Demonstration of SR Features"
    assert browser.notice.isHidden()
    assert len(layers(browser)) == 0
    # Closed by its cross and asked for again, it is back.
    dock = view.parentWidget()
    dock.destroyOnClose()
    assert view.parentWidget() is None
    qtbot.mouseClick(browser.panel.load_button, LEFT)
    qtbot.waitUntil(lambda: view.parentWidget() is not None)
    assert view.parentWidget().isVisibleTo(view.parentWidget().parentWidget())


def test_attributes_of_any_series(browser, phantom, qtbot):
    click(qtbot, browser.lists.series, row_of(browser, phantom, "axial-ct"))
    browser.contents.show_series(browser.lists.selected_series())
    view = content_of(browser, qtbot)
    assert view.spin.text() == f"1 of {len(phantom['axial-ct'].paths)}"
    said = {n.label: n.value for n in view.content.nodes}
    assert said["Modality"] == "CT"
    assert said["Series Instance UID"] == phantom["axial-ct"].series_uid


def test_references_select_what_they_lead_to(browser, phantom, qtbot, tmp_path):
    ct = phantom["axial-ct"]
    report = dcmread(get_testdata_file("test-SR.dcm"))
    image = dcmread(ct.paths[0], stop_before_pixels=True)
    used, study = Dataset(), Dataset()
    used.SeriesInstanceUID = image.SeriesInstanceUID
    study.StudyInstanceUID, study.ReferencedSeriesSequence = image.StudyInstanceUID, [used]
    report.CurrentRequestedProcedureEvidenceSequence = [study]
    report.save_as(tmp_path / "report.dcm")
    import_one(browser, qtbot, tmp_path / "report.dcm")
    (series,) = browser.database.search("modality:SR")
    browser.show_series([series])
    qtbot.waitUntil(lambda: not browser.panel.referenced.isHidden(), timeout=20_000)
    assert "CT" in browser.panel.referenced.text()
    browser.panel.referenced.linkActivated.emit("0")
    qtbot.waitUntil(lambda: [s.uid for s in browser.lists.selected_series()] == [ct.series_uid])


def test_a_changed_file_corrects_the_index(make_browser, database, phantom, qtbot, tmp_path):
    for path in phantom["oblique-mr"].paths:
        dataset = dcmread(path)
        dataset.SeriesInstanceUID = "1.2.3.4.5"
        dataset.SOPInstanceUID = generate_uid()
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.save_as(tmp_path / path.name)
    database.import_paths([tmp_path], workers=0)
    browser = make_browser()
    changed = sorted(tmp_path.iterdir())[0]
    dataset = dcmread(changed)
    dataset.PatientComments = "written into the file after it was imported"
    dataset.save_as(changed)
    series = database.find_series("1.2.3.4.5")

    def recorded():
        return {i.path: i.file_size for i in browser.database.instances(series)}[changed]

    assert recorded() != changed.stat().st_size
    browser.lists.series_opened.emit([series])
    qtbot.waitUntil(lambda: len(layers(browser)) == 1, timeout=20_000)
    layers(browser)[0].get_value((0, 0, 0))
    qtbot.waitUntil(lambda: recorded() == changed.stat().st_size, timeout=20_000)


def test_changes_of_another_process_are_noticed(browser, phantom, qtbot):
    click(qtbot, browser.lists.series, row_of(browser, phantom, "axial-ct"))
    qtbot.waitUntil(lambda: bool(browser.panel.cards))
    browser.watcher.timer.stop()

    def look():
        qtbot.waitUntil(lambda: not browser._queries.is_busy)
        browser.watcher.look()
        qtbot.waitUntil(lambda: not browser._queries.is_busy)

    browser.window().show()
    look()
    told = []
    browser.watcher.changed.connect(lambda: told.append(True))
    browser.database.thumbnail(phantom["axial-ct"].series_uid)
    look()
    assert not told, "pictures are not news"
    with Database.open() as other:
        other.import_paths([get_testdata_file("CT_small.dcm")], workers=0)
    look()
    assert told == [True]
    model = browser.lists.patient_model
    qtbot.waitUntil(lambda: model.rowCount() == 2, timeout=20_000)
    qtbot.waitUntil(
        lambda: (
            [s.uid for s in browser.lists.selected_series()] == [phantom["axial-ct"].series_uid]
        ),
        timeout=20_000,
    )
    look()
    assert told == [True]
