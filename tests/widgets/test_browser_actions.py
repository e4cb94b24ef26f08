"""What the browser offers, asked for by mouse and keyboard in a real viewer."""

from __future__ import annotations

import shutil
import threading

import pytest
from browser_hands import (
    CONTROL,
    KEY,
    LEFT,
    NONE,
    click_entry,
    click_row,
    clipboard,
    has_layers,
    layers_of,
    open_and_pick,
    pick_card,
    pick_row,
    series_index,
)
from napari._qt.qt_viewer import QtViewer
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QContextMenuEvent, QDragEnterEvent, QDropEvent, QWheelEvent
from qtpy.QtWidgets import QApplication, QLabel, QPushButton, QTabBar

from napari_dicomdb import Database
from napari_dicomdb.settings import remember_database, saved_filters
from napari_dicomdb.widgets import _actions
from napari_dicomdb.widgets.card_layout import PATIENT, STUDY, Spot

# Qt 6.12 wants a QPointF there, and older ones a QPoint.
pytestmark = pytest.mark.filterwarnings("ignore:.*QDragEnterEvent:DeprecationWarning")


@pytest.fixture
def browser(on_screen):
    """The browser on the screen, its series ready for keys."""
    on_screen.lists.series.setFocus()
    return on_screen


@pytest.fixture
def cards(browser, qtbot):
    """The cards of the browser, all of them read."""
    qtbot.mouseClick(browser.bar.view_buttons["cards"], LEFT)
    view = browser.views.cards
    qtbot.waitUntil(lambda: len(view.model) == 1 and view.model.card(0) is not None)
    return view


# -- menus ----------------------------------------------------------------------------


def test_menu_of_a_series_loads_it(browser, qtbot, phantom):
    pick_row(qtbot, browser.lists.series, series_index(browser, phantom, "axial-ct"), "Load")
    qtbot.waitUntil(has_layers(browser, 1), timeout=20_000)
    assert layers_of(browser) == [phantom["axial-ct"].series_uid]


def test_menu_of_a_patient_loads_all_of_it(browser, qtbot, phantom):
    patients = browser.lists.patients
    qtbot.waitUntil(lambda: patients.model().rowCount() == 1)
    pick_row(qtbot, patients, patients.model().index(0, 0), "Load")
    uids = {one.series_uid for one in phantom.values()}
    qtbot.waitUntil(lambda: set(layers_of(browser)) == uids, timeout=30_000)


def test_menu_examines_and_gives_the_panel_room(browser, qtbot, phantom):
    index = series_index(browser, phantom, "sagittal-mr")
    pick_row(qtbot, browser.lists.series, index, "Examine")
    qtbot.waitUntil(lambda: bool(browser.panel.cards))
    uid = browser.panel.cards[0].loadable.instances[0].series_uid
    assert uid == phantom["sagittal-mr"].series_uid
    sizes = browser._content.sizes()
    assert sizes[1] >= sum(sizes) // 3 - 2
    assert not browser._viewer.layers


def test_menu_shows_metadata_in_the_dock_of_the_viewer(browser, qtbot, phantom):
    index = series_index(browser, phantom, "oblique-mr")
    pick_row(qtbot, browser.lists.series, index, "Metadata…")
    view = browser.metadata.view
    uid = phantom["oblique-mr"].series_uid
    qtbot.waitUntil(lambda: [i.series_uid for i in view.instances] == [uid] * 8, timeout=20_000)
    assert view.window() is browser.window()


def test_menu_compares_two_series(browser, qtbot, phantom):
    view = browser.lists.series
    click_row(qtbot, view, series_index(browser, phantom, "oblique-mr"))
    click_row(qtbot, view, series_index(browser, phantom, "axial-ct"), CONTROL)
    pick_row(qtbot, view, series_index(browser, phantom, "axial-ct"), "Compare…")
    page = browser.metadata.view
    qtbot.waitUntil(lambda: page.tabs.currentWidget() is page.comparison)
    tree = page.comparison.findChild(type(page.tags.tree)) if hasattr(page.tags, "tree") else None
    assert tree is None or tree.model() is not None


def test_menu_shows_the_folder(browser, qtbot, phantom, monkeypatch):
    opened = []
    monkeypatch.setattr(
        _actions.QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile())
    )
    index = series_index(browser, phantom, "axial-ct")
    pick_row(qtbot, browser.lists.series, index, "Show in folder")
    qtbot.waitUntil(lambda: opened == [str(phantom["axial-ct"].paths[0].parent)])


def test_menu_copies_uids_and_text(browser, qtbot, phantom):
    view, names = browser.lists.series, ("axial-ct", "oblique-mr")
    click_row(qtbot, view, series_index(browser, phantom, names[0]))
    click_row(qtbot, view, series_index(browser, phantom, names[1]), CONTROL)
    pick_row(qtbot, view, series_index(browser, phantom, names[1]), "Copy series UIDs")
    assert set(clipboard().split("\n")) == {phantom[name].series_uid for name in names}
    pick_row(qtbot, view, series_index(browser, phantom, names[1]), "Copy as text")
    assert all(phantom[name].series_uid in clipboard() for name in names)
    studies = browser.lists.studies
    pick_row(qtbot, studies, studies.model().index(0, 0), "Copy study UID")
    assert clipboard() == browser.database.studies()[0].uid
    patients = browser.lists.patients
    pick_row(qtbot, patients, patients.model().index(0, 0), "Copy patient ID")
    assert clipboard() == browser.database.patients()[0].patient_id


def test_menu_refreshes_what_changed_on_the_disk(browser, qtbot, phantom, tmp_path):
    folder = tmp_path / "growing"
    folder.mkdir()
    source = phantom["axial-ct"].paths
    browser.database.remove(series=phantom["axial-ct"].series_uid)
    shutil.copy(source[0], folder)
    browser.database.import_paths([folder], workers=0)
    for path in source[1:]:
        shutil.copy(path, folder)
    qtbot.keyClick(browser.lists.series, KEY.Key_F5)
    model = browser.lists.series_model
    uid = phantom["axial-ct"].series_uid
    qtbot.waitUntil(
        lambda: model.row_of(uid) >= 0 and model.record(model.row_of(uid)).instance_count == 1
    )
    with qtbot.waitSignal(browser.session.import_finished, timeout=30_000):
        index = series_index(browser, phantom, "axial-ct")
        pick_row(qtbot, browser.lists.series, index, "Refresh (rescan files)")
    qtbot.waitUntil(
        lambda: (
            model.row_of(uid) >= 0
            and model.record(model.row_of(uid)).instance_count == len(source)
        ),
        timeout=20_000,
    )


def test_menu_retries_a_picture(browser, qtbot, phantom):
    uid = phantom["axial-ct"].series_uid
    index = series_index(browser, phantom, "axial-ct")
    thumbnails = browser.thumbnails
    qtbot.waitUntil(lambda: thumbnails.picture(uid) is not None, timeout=20_000)
    told = []
    thumbnails.ready.connect(told.append)
    pick_row(qtbot, browser.lists.series, index, "Retry picture")
    qtbot.waitUntil(lambda: uid in told)
    qtbot.waitUntil(lambda: thumbnails.picture(uid) is not None, timeout=20_000)


@pytest.mark.parametrize("delete", [True, False])
def test_removal_with_the_choice_of_copies(browser, qtbot, phantom, phantom_folder, delete):
    database = browser.database
    database.remove(patient=database.patients()[0])
    database.import_paths([phantom_folder], copy=True, workers=0)
    qtbot.keyClick(browser.lists.series, KEY.Key_F5)
    uid = phantom["axial-ct"].series_uid
    model = browser.lists.series_model
    qtbot.waitUntil(
        lambda: model.row_of(uid) >= 0 and model.record(model.row_of(uid)).storage != "linked"
    )
    copies = [one.path for one in database.instances(uid)]
    assert copies
    assert all(path.is_relative_to(database.path) for path in copies)
    click_row(qtbot, browser.lists.series, series_index(browser, phantom, "axial-ct"))
    qtbot.keyClick(browser.lists.series, KEY.Key_Delete)
    qtbot.waitUntil(lambda: browser.actions_.dialog is not None)
    dialog = browser.actions_.dialog
    assert dialog.isModal()
    assert dialog.delete_copies.isVisible()
    if delete:
        qtbot.keyClick(dialog.delete_copies, KEY.Key_Space)
    with qtbot.waitSignal(browser.actions_.removed, timeout=20_000):
        qtbot.mouseClick(dialog.remove_button, LEFT)
    qtbot.waitUntil(lambda: model.row_of(uid) == -1)
    assert any(path.exists() for path in copies) is not delete
    assert all(path.exists() for path in phantom["axial-ct"].paths)


def test_enter_in_the_question_of_removal_removes_nothing(browser, qtbot, phantom):
    click_row(qtbot, browser.lists.series, series_index(browser, phantom, "axial-ct"))
    qtbot.keyClick(browser.lists.series, KEY.Key_Delete)
    qtbot.waitUntil(lambda: browser.actions_.dialog is not None)
    qtbot.keyClick(browser.actions_.dialog, KEY.Key_Return)
    assert not browser.actions_.dialog.isVisible()
    assert len(browser.database.series()) == len(phantom)


def test_a_list_that_is_read_again_does_not_stop_a_load(browser, qtbot, phantom, monkeypatch):
    """An import that ends meanwhile lists anew, and selects again what was selected."""
    begun, go_on = threading.Event(), threading.Event()
    examine = type(browser.database).examine_several

    def slow(self, *args, **kwargs):
        begun.set()
        assert go_on.wait(20)
        return examine(self, *args, **kwargs)

    monkeypatch.setattr(type(browser.database), "examine_several", slow)
    view = browser.lists.series
    click_row(qtbot, view, series_index(browser, phantom, "axial-ct"))
    qtbot.keyClick(view, KEY.Key_Return)
    qtbot.waitUntil(begun.is_set)
    with qtbot.waitSignal(browser.lists.series_selected):
        qtbot.keyClick(view, KEY.Key_F5)
    go_on.set()
    qtbot.waitUntil(has_layers(browser, 1), timeout=20_000)


def test_delete_anywhere_in_the_dock_leaves_the_viewer_alone(browser, qtbot):
    points = browser._viewer.add_points([[1, 2], [3, 4]])
    points.selected_data = {0}
    points.mode = "select"
    for widget in (browser.bar.recent_button, browser.several.page.tree, browser.panel):
        for key in (KEY.Key_Delete, KEY.Key_Backspace):
            qtbot.keyClick(widget, key)
    assert len(points.data) == 2
    assert browser.actions_.dialog is None


def test_a_question_of_another_database_is_not_asked(browser, qtbot, tmp_path, phantom):
    """Its rows have keys that are those of other rows in the database shown now."""
    go_on = threading.Event()
    other = Database.open(tmp_path / "other")
    other.import_paths([phantom["axial-ct"].paths[0].parent], workers=0)
    records = browser.database.series()
    first = browser.database
    for _ in range(2):  # both workers
        browser._queries.submit(go_on.wait, 20)
    browser.actions_.ask_to_remove(records)
    browser.session.use(other)
    go_on.set()
    qtbot.waitUntil(lambda: not browser._queries.is_busy, timeout=20_000)
    assert browser.database is other is not first
    assert browser.actions_.dialog is None
    assert len(other.series()) == 1


# -- cards ----------------------------------------------------------------------------


def test_menus_of_cards(cards, browser, qtbot):
    pick_card(qtbot, cards, Spot(0, STUDY), "Copy study UID")
    assert clipboard() == browser.database.studies()[0].uid
    pick_card(qtbot, cards, Spot(0, 1), "Copy series UIDs")
    assert set(clipboard().split("\n")) == {one.uid for one in browser.database.series()}
    qtbot.mouseClick(cards.area.viewport(), LEFT, NONE, cards.area.rect_of(Spot(0, 1)).center())
    pick_card(qtbot, cards, Spot(0, 1), "Copy series UID")
    assert clipboard() == cards.model.series(0)[1].uid
    pick_card(qtbot, cards, Spot(0, 1), "Load")
    qtbot.waitUntil(lambda: bool(layers_of(browser)), timeout=20_000)
    assert set(layers_of(browser)) == {cards.model.series(0)[1].uid}


def test_a_patient_on_cards(cards, browser, qtbot):
    label = next(
        a.text() for a in cards.order_button.menu().actions() if "patient" in a.text().lower()
    )
    open_and_pick(qtbot, cards.order_button, label)
    qtbot.waitUntil(lambda: len(cards.area.layout_) and cards.area.layout_.has_head(0))
    qtbot.waitUntil(lambda: cards.model.card(0) is not None)
    pick_card(qtbot, cards, Spot(0, PATIENT), "Copy patient ID")
    assert clipboard() == browser.database.patients()[0].patient_id


def test_delete_on_cards_asks_and_does_not_reach_the_viewer(cards, browser, qtbot):
    browser._viewer.add_points([[1, 2]])
    qtbot.mouseClick(cards.area.viewport(), LEFT, NONE, cards.area.rect_of(Spot(0, 0)).center())
    qtbot.waitUntil(lambda: len(browser.views.selected_series()) == 1)
    qtbot.keyClick(cards.area, KEY.Key_Delete)
    qtbot.waitUntil(lambda: browser.actions_.dialog is not None)
    qtbot.keyClick(browser.actions_.dialog, KEY.Key_Escape)
    assert len(browser._viewer.layers) == 1
    assert len(browser.database.series()) == 4


def test_tiles_dropped_on_the_canvas_are_loaded(cards, browser, qtbot, monkeypatch):
    """Press, move, and what the hand carries is let fall on the canvas."""
    carried = []
    monkeypatch.setattr(
        "napari_dicomdb.widgets._card_hands.start_drag",
        lambda _widget, mime, *_: carried.append(mime),
    )
    viewport, begin = cards.area.viewport(), cards.area.rect_of(Spot(0, 0)).center()
    qtbot.mousePress(viewport, LEFT, NONE, begin)
    for step in (5, 15, 30):
        qtbot.mouseMove(viewport, begin + QPoint(step, step))
    qtbot.waitUntil(lambda: bool(carried))
    qtbot.mouseRelease(viewport, LEFT, NONE, begin + QPoint(30, 30))
    canvas = browser.window().centralWidget().findChild(QtViewer)
    how = (Qt.DropAction.CopyAction, carried[0], LEFT, NONE)
    QApplication.sendEvent(canvas, QDragEnterEvent(QPoint(50, 50), *how))
    QApplication.sendEvent(canvas, QDropEvent(QPointF(50, 50), *how))
    qtbot.waitUntil(lambda: bool(layers_of(browser)), timeout=20_000)
    assert set(layers_of(browser)) == {cards.model.series(0)[0].uid}


# -- views, columns, search -----------------------------------------------------------


def test_views_by_key(browser, qtbot):
    qtbot.keyClick(browser.lists.series, KEY.Key_2, CONTROL)
    qtbot.waitUntil(lambda: browser.views.name == "cards")
    assert browser.bar.view_buttons["cards"].isChecked()
    qtbot.keyClick(browser.views.cards.area, KEY.Key_1, CONTROL)
    qtbot.waitUntil(lambda: browser.views.name == "tables")


def test_a_click_on_a_title_sorts_and_a_menu_chooses_columns(browser, qtbot):
    view, model = browser.lists.series, browser.lists.series_model
    header = view.horizontalHeader()
    series = next(k for k, column in enumerate(model.columns) if column.rank == 0)
    order = model.columns[series].order

    def shown_uids():
        return [model.record(row).uid for row in range(model.rowCount())]

    for descending in (False, True):
        place = QPoint(header.sectionViewportPosition(series) + 20, header.height() // 2)
        qtbot.mouseClick(header.viewport(), LEFT, NONE, place)
        wanted = [s.uid for s in browser.database.series(order=order, descending=descending)]
        qtbot.waitUntil(lambda wanted=wanted: shown_uids() == wanted)
    shown = next(k for k, column in enumerate(model.columns) if column.name == "modality")
    was_hidden = view.isColumnHidden(shown)
    QApplication.sendEvent(
        header.viewport(),
        QContextMenuEvent(
            QContextMenuEvent.Reason.Mouse, QPoint(30, 5), header.mapToGlobal(QPoint(30, 5))
        ),
    )
    click_entry(qtbot, QApplication.activePopupWidget(), "Modality")
    assert view.isColumnHidden(shown) is not was_hidden


def test_escape_and_down_in_the_search(browser, qtbot):
    search = browser.search
    search.setFocus()
    qtbot.keyClicks(search, "modality:MR")
    model = browser.lists.series_model
    qtbot.waitUntil(
        lambda: model.rowCount() == 2 and {model.record(r).modality for r in (0, 1)} == {"MR"}
    )
    qtbot.keyClick(search, KEY.Key_Escape)  # what completes words, if it is open
    qtbot.keyClick(search, KEY.Key_Escape)
    assert search.text() == ""
    qtbot.waitUntil(lambda: model.rowCount() == 4)
    qtbot.keyClick(search, KEY.Key_Down)
    assert browser.window().focusWidget() is browser.lists.series


def test_a_word_is_completed_by_keys(browser, qtbot):
    search = browser.search
    search.setFocus()
    qtbot.keyClicks(search, "modal")
    popup = search.words.popup()
    qtbot.waitUntil(popup.isVisible)
    qtbot.keyClick(popup, KEY.Key_Down)
    qtbot.keyClick(popup, KEY.Key_Return)
    assert search.text() == "modality:"


def test_the_search_outlives_the_session(browser, qtbot, make_browser):
    browser.search.setFocus()
    qtbot.keyClicks(browser.search, "modality:CT")
    model = browser.lists.series_model
    qtbot.waitUntil(lambda: model.rowCount() == 2)
    again = make_browser()
    assert again.search.text() == "modality:CT"
    qtbot.waitUntil(lambda: again.lists.series_model.rowCount() == 2)
    qtbot.keyClick(again.search, KEY.Key_Escape)
    qtbot.waitUntil(lambda: again.lists.series_model.rowCount() == 4)


# -- dialogs --------------------------------------------------------------------------


def test_recent_activity_by_keys(browser, qtbot):
    browser.bar.recent_button.setFocus()
    qtbot.keyClick(browser.bar.recent_button, KEY.Key_Space)
    recent = browser.recent
    qtbot.waitUntil(lambda: recent.series.count() == 4)
    recent.series.setCurrentRow(1)
    uid = recent.series.item(1).data(Qt.ItemDataRole.UserRole).uid
    qtbot.keyClick(recent.series, KEY.Key_Return)
    qtbot.waitUntil(lambda: [one.uid for one in browser.views.selected_series()] == [uid])
    assert recent.isHidden()


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("Upkeep…", "UpkeepDialog"),
        ("Manage databases…", "DatabasesDialog"),
        ("Settings…", "SettingsDialog"),
        ("Patient identities…", "PatientDialog"),
    ],
)
def test_dialogs_of_the_database_by_mouse(browser, qtbot, label, kind):
    open_and_pick(qtbot, browser.database_button, label)

    def opened():
        tops = QApplication.topLevelWidgets()
        return [w for w in tops if type(w).__name__.startswith(kind[:6]) and w.isVisible()]

    qtbot.waitUntil(lambda: bool(opened()))
    (dialog,) = opened()
    assert dialog.windowTitle()
    assert dialog.parent() is not None
    qtbot.keyClick(dialog, KEY.Key_Escape)
    qtbot.waitUntil(lambda: not dialog.isVisible())


def test_a_search_is_saved_and_used_by_mouse(browser, qtbot, monkeypatch):
    monkeypatch.setattr(
        "napari_dicomdb.widgets.search_box.QInputDialog.getText", lambda *_, **__: ("heads", True)
    )
    browser.search.setFocus()
    qtbot.keyClicks(browser.search, "modality:MR")
    qtbot.keyClick(browser.search, KEY.Key_Return)
    star, model = browser.bar.search.star, browser.lists.series_model
    qtbot.waitUntil(lambda: model.rowCount() == 2)
    open_and_pick(qtbot, star, "Save this search…")
    assert saved_filters() == {"heads": "modality:MR"}
    browser.search.clear()
    qtbot.keyClick(browser.search, KEY.Key_Return)
    qtbot.waitUntil(lambda: model.rowCount() == 4)
    open_and_pick(qtbot, star, "heads")
    qtbot.waitUntil(lambda: model.rowCount() == 2)
    browser.search.clear()
    qtbot.keyClicks(browser.search, "@heads")
    qtbot.keyClick(browser.search, KEY.Key_Return)
    qtbot.waitUntil(lambda: model.rowCount() == 2)


def test_pictures_grow_with_the_wheel(cards, qtbot):
    before, place = cards.area.side, QPointF(100, 100)

    def turn(angle):
        wheel = QWheelEvent(
            place, cards.area.viewport().mapToGlobal(place), QPoint(), QPoint(0, angle),
            Qt.MouseButton.NoButton, CONTROL, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(cards.area.viewport(), wheel)

    turn(240)
    larger = cards.area.side
    assert larger > before
    turn(-240)
    assert cards.area.side < larger


def test_search_in_all_databases(browser, qtbot, tmp_path, phantom):
    with Database.open(tmp_path / "other") as other:
        other.import_paths([phantom["axial-ct"].paths[0].parent], workers=0)
    remember_database(tmp_path / "other")
    browser.search.setFocus()
    qtbot.keyClicks(browser.search, "modality:CT")
    scope = browser.bar.scope
    qtbot.waitUntil(scope.isVisible)
    qtbot.keyClick(scope, KEY.Key_Down)
    tree = browser.several.page.tree
    qtbot.waitUntil(lambda: tree.topLevelItemCount() == 2, timeout=20_000)
    places = {tree.topLevelItem(k).text(0).split(" · ")[0]: k for k in range(2)}
    item = tree.topLevelItem(places["other"]).child(0)
    qtbot.mouseClick(tree.viewport(), LEFT, NONE, tree.visualItemRect(item).center())
    assert tree.currentItem() is item
    qtbot.mouseClick(browser.several.page.show_button, LEFT)
    qtbot.waitUntil(lambda: browser.database.path == tmp_path / "other", timeout=20_000)
    uid = phantom["axial-ct"].series_uid
    qtbot.waitUntil(lambda: [s.uid for s in browser.views.selected_series()] == [uid])


def test_verify_by_mouse(browser, qtbot):
    open_and_pick(qtbot, browser.database_button, "Upkeep…")
    dialogs = [w for w in QApplication.topLevelWidgets() if type(w).__name__ == "UpkeepDialog"]
    dialog = next(w for w in dialogs if w.isVisible())
    bar = dialog.findChild(QTabBar)
    place = next(k for k in range(bar.count()) if bar.tabText(k) == "Files")
    qtbot.mouseClick(bar, LEFT, NONE, bar.tabRect(place).center())
    buttons = [b for b in dialog.findChildren(QPushButton) if b.isVisible()]
    button = next(b for b in buttons if "there" in b.text() or "Look" in b.text())
    qtbot.mouseClick(button, LEFT)
    files = len(browser.database.instances())
    words = [label.text() for label in dialog.findChildren(QLabel)]
    qtbot.waitUntil(
        lambda: any(
            str(files) in label.text() and label.text() not in words
            for label in dialog.findChildren(QLabel)
        ),
        timeout=20_000,
    )
    dialog.close()
