"""What is said of a query, and what is offered for what it found."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMenu

from napari_dicomdb.network.query import Match, NodeOutcome
from napari_dicomdb.widgets.query_results import QueryResults

LEFT = Qt.MouseButton.LeftButton


def _series(number, node="orthanc", held="none"):
    return Match(node, "series", {"SeriesNumber": str(number)}, study_uid="1.2",
                 series_uid=f"1.2.{number}", held=held)  # fmt: skip


@pytest.fixture
def results(qtbot, palette):
    made = QueryResults(palette)
    qtbot.addWidget(made)
    made.resize(600, 400)
    made.show()
    made.begin("series", "orthanc and pacs")
    return made


def _choose(results, *uids):
    results.view.clearSelection()
    for row in results.model.rows():
        if row.uid in uids:
            flags = (
                results.view.selectionModel().SelectionFlag.Select
                | results.view.selectionModel().SelectionFlag.Rows
            )
            results.view.selectionModel().select(results.model.index_of(row), flags)


def _offered(menu):
    return {a.text().split("\t")[0]: a.isEnabled() for a in menu.actions() if a.text()}


def test_what_is_said(results):
    assert "Asking orthanc and pacs" in results.words.text()
    results.model.add(None, [_series(1), _series(2)])
    results.show_found("pacs")
    assert results.words.text() == "2 series; asking pacs…"
    results.show_outcomes(
        [
            NodeOutcome("orthanc", "done", 2, True, "limit", "there is more"),
            NodeOutcome("pacs", "failed", 0, False, "refused", "nothing listens"),
            NodeOutcome("old", "done", 0, False, "", "it does not tell modalities"),
            NodeOutcome("", "done", 2),
        ]
    )
    assert results.words.text() == "2 series; 1 node could not be asked."
    told = {key: (box.severity, box.text()) for key, box in results.notices.items()}
    assert told == {
        "orthanc:cut": ("warning", "orthanc: there is more"),
        "pacs": ("error", "pacs: nothing listens"),
        "old:text": ("info", "old: it does not tell modalities"),
    }
    assert results.view.currentIndex().isValid()


def test_test_button_only_where_there_is_a_node(qtbot, results):
    results.show_outcome(NodeOutcome("pacs", "failed", 0, False, "refused", "nothing listens"))
    results.show_outcome(NodeOutcome("", "failed", 0, False, "busy", "locked"))
    assert results.notices["pacs"].button.isVisible()
    assert not results.notices[""].button.isVisible()
    with qtbot.waitSignal(results.test_requested) as caught:
        qtbot.mouseClick(results.notices["pacs"].button, LEFT)
    assert caught.args == ["pacs"]
    results.begin("series", "pacs")
    assert results.notices == {}


def test_nothing_found_and_cancelled(results):
    results.show_outcomes([NodeOutcome("pacs", "done", 0)])
    assert results.words.text() == "Nothing found."
    results.show_outcomes([NodeOutcome("pacs", "cancelled", 0, False, "cancelled", "")])
    assert "cancelled" in results.words.text()


def test_buttons_follow_the_selection(qtbot, results):
    results.model.add(
        None, [_series(1), _series(2, held="all"), _series(3, held="part"), _series(4, "", "all")]
    )

    def states():
        return tuple(
            button.isEnabled()
            for button in (results.load_button, results.retrieve_button, results.show_button)
        )

    assert states() == (False, False, False)
    for uid, expected in (
        ("1.2.1", (True, True, False)),
        ("1.2.2", (True, False, True)),
        ("1.2.3", (True, True, True)),
        ("1.2.4", (True, False, True)),
    ):
        _choose(results, uid)
        assert states() == expected, uid
    _choose(results, "1.2.1", "1.2.3", "1.2.4")
    with qtbot.waitSignal(results.retrieve_requested) as caught:
        qtbot.mouseClick(results.retrieve_button, LEFT)
    rows, only_missing, node = caught.args
    assert ([row.uid for row in rows], only_missing, node) == (["1.2.1", "1.2.3"], True, "")
    with qtbot.waitSignal(results.show_requested) as caught:
        qtbot.mouseClick(results.show_button, LEFT)
    assert [row.uid for row in caught.args[0]] == ["1.2.3", "1.2.4"]
    with qtbot.waitSignal(results.load_requested) as caught:
        qtbot.keyClick(results.view, Qt.Key.Key_Return)
    assert len(caught.args[0]) == 3


def test_menu_says_from_where_and_what_is_missing(qtbot, results):
    results.model.add(None, [_series(1, held="part"), _series(1, "R&D", held="part")])
    results.streaming_nodes = frozenset({"R&D"})
    _choose(results, "1.2.1")
    menu = results.menu()
    assert _offered(menu) == {
        "Load": True,
        "Stream": True,
        "Retrieve what is missing": True,
        "Retrieve from": True,
        "Retrieve all again": True,
        "Retrieve to another database…": True,
        "Show in browser": True,
        "Copy UID": True,
    }
    (which,) = [m for m in menu.findChildren(QMenu) if m.title() == "Retrieve from"]
    assert [a.text() for a in which.actions()] == ["orthanc", "R&&D"]
    with qtbot.waitSignal(results.retrieve_requested) as caught:
        which.actions()[1].trigger()
    assert caught.args[1:] == [True, "R&D"]
    entries = {a.text().split("\t")[0]: a for a in menu.actions()}
    with qtbot.waitSignal(results.retrieve_requested) as caught:
        entries["Retrieve all again"].trigger()
    assert caught.args[1:] == [False, ""]
    with qtbot.waitSignal(results.stream_requested):
        entries["Stream"].trigger()
    menu.deleteLater()
