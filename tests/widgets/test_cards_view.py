"""Study cards under a user's hands, on real databases."""

from __future__ import annotations

import sqlite3
import threading

import pytest
from pydicom.data import get_testdata_file
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QContextMenuEvent, QHelpEvent, QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QToolTip

from napari_dicomdb import Database
from napari_dicomdb.widgets import _card_choice, _card_hands, _drag
from napari_dicomdb.widgets._theme import current_palette
from napari_dicomdb.widgets.card_layout import PATIENT, STUDY, Spot
from napari_dicomdb.widgets.cards_view import StudyCardsView
from napari_dicomdb.widgets.thumbnails import ThumbnailCache

KEY, CONTROL, SHIFT = (
    Qt.Key,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
)
NONE, LEFT = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton


@pytest.fixture
def make_view(qtbot, runner, palette):
    """Make a view that is on the screen and shows a database."""

    def make(database, size=(620, 700)):
        view = StudyCardsView(runner, ThumbnailCache(runner), palette)
        qtbot.addWidget(view)
        view.resize(*size)
        view.show()
        qtbot.waitExposed(view)
        view.show_database(database)
        settle(qtbot, view)
        return view

    return make


@pytest.fixture
def view(make_view, three):
    return make_view(three)


def settle(qtbot, view):
    """Wait until everything in sight has been read."""
    qtbot.waitUntil(lambda: view.model.is_read and not view.model._outlining)
    area = view.area

    def is_read():
        rows = area.layout_.rows_in(area._scroll, area._scroll + area.viewport().height())
        return all(view.model.card(row) is not None for row in rows)

    qtbot.waitUntil(is_read)
    qtbot.waitUntil(lambda: not area._asking.isActive() and not view.model.is_waiting)


def phantom_row(view):
    return int(view.model.counts.argmax())


def centre(view, spot):
    return view.area.rect_of(spot).center()


def click(view, spot, modifiers=NONE, button=LEFT):
    area = view.area
    area.bring_into_sight(spot)
    QTest.mouseClick(area.viewport(), button, modifiers, centre(view, spot))


def press(view, key, modifiers=NONE):
    QTest.keyClick(view.area, key, modifiers)


def uids(records):
    return [record.uid for record in records]


def expected(three, row, view):
    return uids(three.series(study=int(view.model.keys[row])))


# -- selecting ------------------------------------------------------------------------


def test_clicks_select_series(qtbot, view, three):
    row = phantom_row(view)
    series = expected(three, row, view)
    assert len(series) == 4
    with qtbot.waitSignal(view.series_selected) as told:
        click(view, Spot(row, 1))
    assert uids(told.args[0]) == [series[1]]
    click(view, Spot(row, 3), CONTROL)
    assert uids(view.selected_series()) == [series[1], series[3]]
    click(view, Spot(row, 1), CONTROL)
    assert uids(view.selected_series()) == [series[3]]
    click(view, Spot(row, 0))
    click(view, Spot(row, 2), SHIFT)
    assert uids(view.selected_records()) == series[:3]
    area = view.area.viewport()
    QTest.mouseClick(area, LEFT, NONE, QPoint(2, 2))
    assert view.selected_series() == []


def test_a_click_on_the_header_selects_the_study(view, three):
    row = phantom_row(view)
    click(view, Spot(row, STUDY))
    (study,) = view.selected_records()
    assert study.uid == three.series(study=int(view.model.keys[row]))[0].study_uid
    assert uids(view.selected_series()) == expected(three, row, view)
    other = 0 if row else 1
    click(view, Spot(other, STUDY), CONTROL)
    assert [r.key for r in view.selected_records()] == [
        int(view.model.keys[row]),
        int(view.model.keys[other]),
    ]
    click(view, Spot(row, 2), CONTROL)
    left = [u for k, u in enumerate(expected(three, row, view)) if k != 2]
    assert set(uids(view.selected_records())) == {*left, *expected(three, other, view)}
    click(view, Spot(other, STUDY), CONTROL)
    assert uids(view.selected_records()) == left


def test_the_patient_header_selects_the_patient(qtbot, view, three):
    view.set_order("patient")
    settle(qtbot, view)
    row = phantom_row(view)
    click(view, Spot(row, PATIENT))
    (patient,) = view.selected_records()
    assert patient == three.patients(text="phantom")[0]
    assert uids(view.selected_series()) == expected(three, row, view)


def test_select_all(view, three):
    press(view, KEY.Key_A, CONTROL)
    assert set(uids(view.selected_series())) == set(uids(three.series()))
    assert view.status.text() == "6 of 6 series selected"


def test_rubber_band(qtbot, view, three):
    row = phantom_row(view)
    view.area.bring_into_sight(Spot(row, 0))
    area = view.area.viewport()
    first, last = view.area.rect_of(Spot(row, 0)), view.area.rect_of(Spot(row, 1))
    begin = QPoint(first.left() - 4, first.center().y())
    assert view.area.spot_at(begin) is None
    QTest.mousePress(area, LEFT, NONE, begin)
    for step in (20, 60, last.center().x() - begin.x()):
        QTest.mouseMove(area, begin + QPoint(step, 10))
    moved = QPoint(last.center().x(), begin.y() + 10)
    drag_to(area, moved)
    assert view.area._band is not None
    assert uids(view.selected_series()) == expected(three, row, view)[:2]
    QTest.mouseRelease(area, LEFT, NONE, moved)
    assert view.area._band is None
    assert uids(view.selected_records()) == expected(three, row, view)[:2]


def drag_to(widget, place):
    """Move the mouse with its button held, as QTest's mouseMove does not say on every platform."""
    from qtpy.QtGui import QMouseEvent

    event = QMouseEvent(
        QEvent.Type.MouseMove, QPointF(place), QPointF(widget.mapToGlobal(place)),
        Qt.MouseButton.NoButton, LEFT, NONE,
    )  # fmt: skip
    QApplication.sendEvent(widget, event)


# -- keys -----------------------------------------------------------------------------


def test_arrows_walk_over_cards(view, three):
    press(view, KEY.Key_Home)
    assert view.area.current == Spot(0, STUDY)
    assert view.selected_records()[0].key == int(view.model.keys[0])
    press(view, KEY.Key_Down)
    assert view.area.current == Spot(0, 0)
    assert uids(view.selected_records()) == expected(three, 0, view)[:1]
    press(view, KEY.Key_End)
    assert view.area.current.row == 2
    assert view.area.is_in_sight(view.area.current)
    seen = {view.area.current.row}
    for _ in range(12):
        press(view, KEY.Key_Up)
        seen.add(view.area.current.row)
    assert seen == {0, 1, 2}
    row = phantom_row(view)
    click(view, Spot(row, 0))
    press(view, KEY.Key_Right, SHIFT)
    assert uids(view.selected_series()) == expected(three, row, view)[:2]
    press(view, KEY.Key_Right, CONTROL)
    assert len(view.selected_series()) == 2
    press(view, KEY.Key_Space)
    assert uids(view.selected_series()) == expected(three, row, view)[:3]
    press(view, KEY.Key_Space)
    assert uids(view.selected_series()) == expected(three, row, view)[:2]
    press(view, KEY.Key_PageUp)
    press(view, KEY.Key_PageUp)
    assert view.area.current.row == 0


def test_enter_and_double_click_open(qtbot, view, three):
    row = phantom_row(view)
    opened = []
    view.series_opened.connect(opened.append)
    click(view, Spot(row, 1))
    press(view, KEY.Key_Return)
    assert [uids(o) for o in opened] == [[expected(three, row, view)[1]]]
    spot = Spot(row, 2)
    click(view, spot)
    QTest.mouseDClick(view.area.viewport(), LEFT, NONE, centre(view, spot))
    assert uids(opened[-1]) == [expected(three, row, view)[2]]


def test_keys_that_ask_for_something(qtbot, view):
    click(view, Spot(0, 0))
    with qtbot.waitSignal(view.remove_requested):
        press(view, KEY.Key_Delete)
    with qtbot.waitSignal(view.copy_requested):
        press(view, KEY.Key_C, CONTROL)


def test_what_is_not_seen_is_said(view, three):
    click(view, Spot(0, 0))
    said = view.area.accessibleDescription()
    assert said.startswith(view.area.tip(Spot(0, 0))[:10])
    assert "file" in said


# -- menus, tips, drags ---------------------------------------------------------------


def test_menu_at_the_mouse_and_by_key(qtbot, view):
    spot = Spot(0, 0)
    place = centre(view, spot)
    asked = []
    view.menu_requested.connect(asked.append)
    area = view.area.viewport()
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, area.mapToGlobal(place))
    QApplication.sendEvent(area, event)
    assert asked == [area.mapToGlobal(place)]
    assert uids(view.selected_records()) == [view.area.series_at(spot).uid]
    header = centre(view, Spot(1, STUDY))
    QApplication.sendEvent(
        area, QContextMenuEvent(QContextMenuEvent.Reason.Mouse, header, area.mapToGlobal(header))
    )
    assert [r.key for r in view.selected_records()] == [int(view.model.keys[1])]
    key = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(), QPoint())
    QApplication.sendEvent(area, key)
    assert asked[-1] == area.mapToGlobal(centre(view, Spot(1, STUDY)))


def test_right_click_keeps_several_selected(view, three):
    row = phantom_row(view)
    click(view, Spot(row, 0))
    click(view, Spot(row, 1), SHIFT)
    place = centre(view, Spot(row, 0))
    area = view.area.viewport()
    QApplication.sendEvent(
        area, QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, area.mapToGlobal(place))
    )
    assert len(view.selected_records()) == 2


def test_a_menu_on_a_header_means_studies_and_on_a_tile_series(view, three):
    def right_click(spot):
        place, area = centre(view, spot), view.area.viewport()
        reason = QContextMenuEvent.Reason.Mouse
        QApplication.sendEvent(area, QContextMenuEvent(reason, place, area.mapToGlobal(place)))

    row = phantom_row(view)
    other = 0 if row else 1
    click(view, Spot(row, STUDY))
    click(view, Spot(other, STUDY), CONTROL)
    keys = {int(view.model.keys[k]) for k in (row, other)}
    right_click(Spot(other, STUDY))
    assert {r.key for r in view.selected_records()} == keys
    right_click(Spot(other, 0))
    both = {*expected(three, row, view), *expected(three, other, view)}
    assert set(uids(view.selected_records())) == both
    right_click(Spot(other, STUDY))
    assert [r.key for r in view.selected_records()] == [int(view.model.keys[other])]


def test_tool_tip(qtbot, view):
    place = centre(view, Spot(0, 0))
    area = view.area.viewport()
    QApplication.sendEvent(area, QHelpEvent(QEvent.Type.ToolTip, place, area.mapToGlobal(place)))
    assert "linked: its files stay where they are" in QToolTip.text()
    QToolTip.hideText()


def test_drag_out(view, three, monkeypatch):
    dragged = []
    monkeypatch.setattr(_card_hands, "start_drag", lambda *args: dragged.append(args))
    row = phantom_row(view)
    click(view, Spot(row, 0))
    click(view, Spot(row, 1), CONTROL)
    area, begin = view.area.viewport(), centre(view, Spot(row, 0))
    QTest.mousePress(area, LEFT, NONE, begin)
    drag_to(area, begin + QPoint(60, 5))
    QTest.mouseRelease(area, LEFT, NONE, begin + QPoint(60, 5))
    ((source, mime, amount, _picture),) = dragged
    assert (source, amount) == (view.area, 2)
    found = _drag.dragged(mime)
    assert found.database == str(three.path)
    assert [*found.series] == expected(three, row, view)[:2]
    assert len(view.selected_series()) == 2, "dragging several selects none of them alone"
    QTest.mouseClick(area, LEFT, NONE, begin)
    assert len(view.selected_series()) == 1


# -- folding, zooming, order ----------------------------------------------------------


def test_cards_fold_up_and_stay_so(qtbot, view, three):
    row, layout = phantom_row(view), view.area.layout_
    header = view.area.rect_of(Spot(row, STUDY))
    QTest.mouseClick(view.area.viewport(), LEFT, NONE, header.topLeft() + QPoint(14, 14))
    assert layout.is_folded(row)
    click(view, Spot(row, STUDY))
    press(view, KEY.Key_Right)
    assert not layout.is_folded(row)
    press(view, KEY.Key_Left)
    assert layout.is_folded(row)
    view.refresh()
    settle(qtbot, view)
    assert layout.is_folded(row)
    view.show_database(None)
    qtbot.waitUntil(lambda: view.is_empty)
    view.show_database(three)
    settle(qtbot, view)
    assert [layout.is_folded(k) for k in range(3)] == [k == row for k in range(3)]
    view.fold_action.trigger()
    assert all(layout.is_folded(k) for k in range(3))
    view.unfold_action.trigger()
    assert not any(layout.is_folded(k) for k in range(3))


def test_zoom_is_remembered(qtbot, view, make_view, three):
    assert view.area.side == view.slider.value() == 128
    area = view.area.viewport()
    place = QPointF(100, 100)
    wheel = QWheelEvent(
        place, area.mapToGlobal(place), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton,
        CONTROL, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(area, wheel)
    assert view.area.side == 144
    press(view, KEY.Key_Plus, CONTROL)
    assert view.area.side == view.slider.value() == 176
    for _ in range(9):
        press(view, KEY.Key_Plus, CONTROL)
    assert view.area.side == 256
    press(view, KEY.Key_0, CONTROL)
    assert view.area.side == 128
    view.slider.setValue(56)
    assert view.area.painter.is_list
    qtbot.waitUntil(lambda: not view._keep_side.isActive())
    assert make_view(three).area.side == 56


def test_orders(qtbot, view, make_view, three):
    for order, sql in (
        ("patient", "ORDER BY patient.sort_name"),
        ("added", "ORDER BY study.added DESC, study.id DESC"),
        ("date", "ORDER BY study.date DESC, study.time DESC"),
    ):
        view.order_actions[order].trigger()
        settle(qtbot, view)
        connection = sqlite3.connect(three.path / "dicomdb.sqlite")
        rows = connection.execute(
            f"SELECT study.id FROM study JOIN patient ON patient.id = study.patient {sql}"
        ).fetchall()
        connection.close()
        assert [(int(key),) for key in view.model.keys] == rows
    view.order_actions["patient"].trigger()
    assert make_view(three).model.order == "patient"


# -- what changes meanwhile -----------------------------------------------------------


def test_a_search_shows_matching_series_only(qtbot, view, three):
    press(view, KEY.Key_A, CONTROL)
    with qtbot.waitSignal(view.filled):
        view.search("oblique")
    settle(qtbot, view)
    (found,) = three.series(text="oblique")
    assert [int(key) for key in view.model.keys] == [found.study_key]
    assert view.area.layout_.shown(0) == 1
    assert uids(view.selected_series()) == [found.uid]
    assert view.status.text() == "1 series found"
    with qtbot.waitSignal(view.filled):
        view.search("nothing that there is")
    assert view.is_empty
    assert view.selected_series() == []


def test_refresh_keeps_selection_and_place(qtbot, make_view, three):
    view = make_view(three, (400, 320))
    row = phantom_row(view)
    spot = Spot(row, 3)
    click(view, spot)
    before, key = centre(view, spot), int(view.model.keys[row])
    chosen = uids(view.selected_series())
    three.import_paths([get_testdata_file("JPEG2000.dcm")], workers=0)
    with qtbot.waitSignal(view.filled):
        view.refresh()
    settle(qtbot, view)
    assert len(view.model) == 4
    spot = Spot(view.model.row_of(key), 3)
    assert centre(view, spot) == before
    assert uids(view.selected_series()) == chosen
    assert view.area.current == spot


def test_removed_series_are_selected_no_more(qtbot, view, three):
    row = phantom_row(view)
    click(view, Spot(row, STUDY))
    first, *rest = view.selected_series()
    three.remove(series=first)
    with qtbot.waitSignal(view.filled):
        view.refresh()
    qtbot.waitUntil(lambda: len(view.selected_series()) == 3)
    assert uids(view.selected_records()) == uids(rest), "what is left is no whole study"
    assert view.area.layout_.shown(phantom_row(view)) == 3


def test_select_series_waits_for_what_was_just_imported(qtbot, view, three):
    three.import_paths([get_testdata_file("JPEG2000.dcm")], workers=0)
    (new,) = three.series(order="added", descending=True, limit=1)
    view.select_series([new])
    assert view.selected_series() == []
    with qtbot.waitSignal(view.series_selected) as told:
        view.refresh()
    assert uids(told.args[0]) == [new.uid]
    spot = Spot(view.model.row_of(new.study_key), 0)
    qtbot.waitUntil(lambda: view.area.current == spot)
    assert view.area.is_in_sight(spot)


def test_another_database_shows_nothing_of_the_one_before(qtbot, view, tmp_path):
    click(view, Spot(phantom_row(view), 0))
    with Database.open(tmp_path / "empty") as empty:
        view.show_database(empty)
        assert (len(view.model), view.area.layout_.height) == (0, 0)
        assert view.selected_series() == []
        assert view.area.spot_at(QPoint(100, 100)) is None
        with qtbot.waitSignal(view.filled):
            pass
        assert view.is_empty
        view.show_database(None)
        qtbot.waitUntil(lambda: view.model.is_read)


def test_what_takes_long_is_told_and_can_be_given_up(qtbot, view, three, monkeypatch):
    go = threading.Event()
    monkeypatch.setattr(three, "outline", lambda **_: go.wait(20))
    told = []
    view.busy_changed.connect(told.append)
    view.refresh()
    qtbot.waitUntil(lambda: told == [True])
    assert len(view.model) == 3, "what is known stays"
    view.cancel()
    assert told == [True, False]
    go.set()
    assert not view.model.is_waiting


def test_where_one_was_is_remembered(qtbot, make_view, three):
    view = make_view(three, (400, 320))
    bar = view.area.verticalScrollBar()
    bar.setValue(bar.maximum())
    row = view.area.layout_.row_at(bar.value())
    assert row > 0
    view.keep_state()
    key = int(view.model.keys[row])
    again = make_view(three, (400, 320))
    top = again.area.layout_.row_at(again.area.verticalScrollBar().value())
    assert int(again.model.keys[top]) == key


# -- scale ----------------------------------------------------------------------------

STUDIES = 20_000


@pytest.fixture(scope="session")
def many_path(tmp_path_factory):
    """An index of 20 000 studies with three series each; one of them has 300."""
    path = tmp_path_factory.mktemp("many") / "database"
    Database.open(path).close()
    connection = sqlite3.connect(path / "dicomdb.sqlite")
    connection.executemany(
        "INSERT INTO patient (id, patient_id, issuer, name, birth_date, apart, sex, sort_name,"
        " study_count, series_count, instance_count, added)"
        " VALUES (?, ?, '', ?, '1950-01-01', '', 'F', ?, 2, 6, 6, 0)",
        [(k, f"P{k}", f"Family{k:05}^Given", f"family{k:05} given") for k in range(1, 10_001)],
    )
    connection.executemany(
        "INSERT INTO study (id, patient, uid, study_id, date, time, description,"
        " accession_number, referring_physician, institution, modalities, series_count,"
        " instance_count, added) VALUES (?, ?, ?, '', ?, '', ?, '', '', '', 'CT', ?, 3, ?)",
        [
            (k, (k + 1) // 2, f"1.2.{k}", f"{1900 + k // 365:04}-01-{k % 28 + 1:02}",
             f"Study {k}", 300 if k == 7 else 3, float(k))
            for k in range(1, STUDIES + 1)
        ],
    )  # fmt: skip
    connection.executemany(
        "INSERT INTO series (study, uid, modality, number, description, date, time, body_part,"
        " protocol, manufacturer, model, sop_class_uid, frame_of_reference_uid, rows, columns,"
        " defaults, instance_count, frame_count, storage, added)"
        " VALUES (?, ?, 'CT', ?, ?, '', '', '', '', '', '', '', '', 512, 512, '{}', 1, 1,"
        " 'linked', 0)",
        [
            (k, f"1.3.{k}.{n}", n, f"Series {n} of {k}")
            for k in range(1, STUDIES + 1)
            for n in range(300 if k == 7 else 3)
        ],
    )
    connection.commit()
    connection.close()
    return path


@pytest.fixture
def many(many_path):
    made = Database.open(many_path, read_only=True)
    yield made
    made.close()


def test_twenty_thousand_studies(qtbot, make_view, many):
    view = make_view(many)
    assert len(view.model) == STUDIES
    bar = view.area.verticalScrollBar()
    press(view, KEY.Key_End)
    assert bar.value() == bar.maximum()
    settle(qtbot, view)
    (oldest,) = many.studies(order="date", limit=1)
    study, patient, series = view.model.card(STUDIES - 1)
    assert study == oldest
    assert patient.key == oldest.patient_key
    assert uids(series) == uids(many.series(study=oldest))
    assert view.area.is_in_sight(Spot(STUDIES - 1, 2))
    assert view.area.current == Spot(STUDIES - 1, 2)
    qtbot.waitUntil(lambda: len(view.selected_series()) == 1)
    assert view.selected_series() == [series[2]], "it was not read when the key was pressed"
    assert len(view.model._cards) < 200, "what is not in sight is not read"
    bar.setValue(bar.maximum() // 2)
    settle(qtbot, view)
    middle = view.area.layout_.row_at(bar.value())
    key = int(view.model.keys[middle])
    (study,) = many.studies_by_key([key])
    assert view.model.card(middle)[0] == study
    view.area.zoom(64)
    assert int(view.model.keys[view.area.layout_.row_at(bar.value())]) == key


def test_a_study_with_many_series(qtbot, make_view, many):
    view = make_view(many)
    row = view.model.row_of(7)
    layout = view.area.layout_
    more = Spot(row, layout.shown(row))
    assert layout.has_more(row)
    assert layout.shown(row) < 300
    click(view, more)
    assert layout.shown(row) == 300
    settle(qtbot, view)
    last = Spot(row, 299)
    click(view, last)
    assert uids(view.selected_series()) == ["1.3.7.299"]
    click(view, Spot(row, layout.shown(row)))
    assert layout.shown(row) < 300
    assert uids(view.selected_series()) == ["1.3.7.299"]
    view.select_series([many.find_series("1.3.7.250")])
    qtbot.waitUntil(lambda: view.area.current == Spot(row, 250))
    assert view.area.is_in_sight(Spot(row, 250))


def test_ranges_over_what_was_never_seen(qtbot, make_view, many, monkeypatch):
    view = make_view(many)
    click(view, Spot(0, 1))
    view.area.bring_into_sight(Spot(1000, 0))
    settle(qtbot, view)
    click(view, Spot(1000, 0), SHIFT)
    qtbot.waitUntil(lambda: len(view.selected_series()) == 3 * 1000 + 1 - 1)
    chosen = view.selected_series()
    assert chosen[0].uid == many.series(study=int(view.model.keys[0]))[1].uid
    assert chosen[-1].uid == many.series(study=int(view.model.keys[1000]))[0].uid
    monkeypatch.setattr(_card_choice, "MOST_SELECTED", 500)
    press(view, KEY.Key_A, CONTROL)
    qtbot.waitUntil(lambda: len(view.selected_series()) == 500)
    assert view.status.text() == "Only the first 500 series are selected"


# -- bad input, looks -----------------------------------------------------------------


def test_names_that_are_out_of_order(qtbot, make_view, many_path, tmp_path):
    Database.open(tmp_path / "odd").close()
    source = sqlite3.connect(many_path / "dicomdb.sqlite")
    target = sqlite3.connect(tmp_path / "odd" / "dicomdb.sqlite")
    source.backup(target)
    source.close()
    target.execute("DELETE FROM study WHERE id > 2")
    target.execute("DELETE FROM series WHERE study > 2")
    target.execute(
        "UPDATE patient SET name = ? WHERE id = 1", ("\u202e\u0645\u062d\u0645\u062f" * 3000,)
    )
    target.execute("UPDATE study SET description = ?", ("x" * 10_000 + "\x07<b>\n",))
    target.execute(
        "UPDATE series SET description = ? WHERE study < 3", ("\u0001 \x1b[31m " * 999,)
    )
    target.commit()
    target.close()
    with Database.open(tmp_path / "odd") as odd:
        view = make_view(odd)
        for side in (40, 128, 256):
            view.area.zoom(side)
            assert not view.grab().isNull()
        for spot in (Spot(0, STUDY), Spot(0, 0)):
            assert len(view.area.tip(spot)) < 2500
        view.show_database(None)
        qtbot.waitUntil(lambda: view.is_empty and not view.model.is_waiting)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_painting(qtbot, view, theme):
    palette = current_palette(theme)
    view.apply_palette(palette)
    click(view, Spot(0, 0))
    image = view.area.viewport().grab().toImage()
    ratio = image.devicePixelRatio()

    def colours(rect):
        return {
            image.pixelColor(round(x * ratio), round(y * ratio)).name()
            for x in range(rect.left(), rect.right(), 1)
            for y in range(rect.top(), rect.bottom(), 1)
        }

    assert palette.background.name() in colours(view.area.viewport().rect())
    chosen, other = view.area.rect_of(Spot(0, 0)), view.area.rect_of(Spot(0, STUDY))
    assert view.area.painter.chosen.name() in colours(chosen)
    assert view.area.painter.chosen.name() not in colours(other)
    assert palette.text.name() in colours(other), "the name is written"


def test_the_keyboard_is_seen(qtbot, view):
    view.activateWindow()
    view.area.setFocus()
    qtbot.waitUntil(view.area.hasFocus)
    click(view, Spot(0, 0))
    assert view.area._look(Spot(0, 0)).focused
    assert not view.area._look(Spot(0, STUDY)).focused
