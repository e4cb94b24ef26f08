"""The tree of what was found: merging, streaming, order, unfolding, by Qt's own rules."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtGui import QColor

from napari_dicomdb.network.query import Match
from napari_dicomdb.widgets.models import RecordRole
from napari_dicomdb.widgets.models.match_tree import MatchTree


def study(number, node="orthanc", held="none", **values):
    said = {"PatientName": f"P{number:03}^X", "StudyDate": f"202001{number % 28 + 1:02}", **values}
    return Match(node, "study", said, f"id{number}", f"1.2.{number}", held=held)


def series(number, of, node="orthanc", **values):
    said = {"SeriesNumber": str(number), "SeriesDescription": f"S{number}", **values}
    return Match(node, "series", said, "", f"1.2.{of}", f"1.2.{of}.{number}")


@pytest.fixture
def tree(qtmodeltester):
    made = MatchTree()
    yield made
    qtmodeltester.check(made)


def _titles(tree, parent=None):
    parent = QModelIndex() if parent is None else parent
    return [tree.index(row, 0, parent).data() for row in range(tree.rowCount(parent))]


def test_answers_of_several_nodes_become_one_row_each(tree):
    tree.add(None, [study(1), study(2)])
    fresh = tree.add(None, [study(2, "pacs"), study(3, "pacs"), study(1, "", "all")])
    assert [row.uid for row in fresh] == ["1.2.3"]
    assert _titles(tree) == ["P001, X", "P002, X", "P003, X"]
    where = [c.name for c in tree.columns].index("where")
    assert [tree.index(row, where).data() for row in range(3)] == [
        "here, orthanc", "orthanc, pacs", "pacs",
    ]  # fmt: skip


def test_what_streams_in_keeps_the_order_that_was_clicked(tree):
    tree.add(None, [study(2), study(1)])
    names = [c.name for c in tree.columns]
    tree.sort(names.index("title"), Qt.SortOrder.DescendingOrder)
    kept = tree.index_of(tree.top.children[1])
    assert kept.data() == "P001, X"
    tree.add(None, [study(3)])
    assert _titles(tree) == ["P003, X", "P002, X", "P001, X"]
    tree.sort(names.index("date"), Qt.SortOrder.AscendingOrder)
    assert _titles(tree) == ["P001, X", "P002, X", "P003, X"]


def test_persistent_indexes_follow_their_rows(tree):
    from qtpy.QtCore import QPersistentModelIndex

    tree.add(None, [study(2), study(1)])
    kept = QPersistentModelIndex(tree.index(0, 0))
    tree.sort(0, Qt.SortOrder.AscendingOrder)
    assert (kept.row(), kept.data()) == (1, "P002, X")


def test_unfolding_asks_once_and_says_what_it_waits_for(tree, qtbot):
    (row,) = tree.add(None, [study(1)])
    index = tree.index_of(row)
    assert tree.hasChildren(index)
    assert tree.canFetchMore(index)
    with qtbot.waitSignal(tree.children_wanted) as caught:
        tree.fetchMore(index)
    assert caught.args == [row]
    assert _titles(tree, index) == ["Asking…"]
    assert not tree.canFetchMore(index)
    tree.add(row, [series(10, 1), series(2, 1)])
    assert _titles(tree, index) == ["2 · S2", "10 · S10"]
    tree.add(row, [series(2, 1, "pacs")])
    tree.finish(row, ["slow: it did not answer"])
    assert _titles(tree, index) == ["2 · S2", "10 · S10", "slow: it did not answer"]
    note = tree.index(2, 0, index)
    assert not note.flags() & Qt.ItemFlag.ItemIsSelectable
    tree.forget_children(row)
    assert tree.canFetchMore(index)
    assert tree.rowCount(index) == 0


def test_nothing_below_is_said(tree):
    (row,) = tree.add(None, [study(1)])
    tree.fetchMore(tree.index_of(row))
    tree.finish(row)
    assert _titles(tree, tree.index_of(row)) == ["Nothing below it was found."]
    assert row.state == "known"


def test_rows_say_anew_how_much_is_here(tree, qtbot):
    (row,) = tree.add(None, [study(1)])
    tree.set_colours({"none": "server", "all": "database"}, QColor("grey"))
    state = [c.name for c in tree.columns].index("state")
    icon = int(Qt.ItemDataRole.DecorationRole)
    assert tree.index(0, state).data(icon) == "server"
    with qtbot.waitSignal(tree.dataChanged):
        tree.update_held({row.number: "all"})
    assert tree.index(0, state).data(icon) == "database"
    assert tree.index(0, state).data(int(Qt.ItemDataRole.AccessibleTextRole)) == "here"
    assert "Here, and on orthanc" in tree.index(0, 0).data(int(Qt.ItemDataRole.ToolTipRole))
    assert tree.index(0, 0).data(RecordRole) is row


def test_many_rows_change_in_one_go(tree):
    rows = tree.add(None, [study(number) for number in range(50)])
    told = []
    tree.dataChanged.connect(lambda first, last, *_: told.append((first.row(), last.row())))
    tree.update_held({row.number: "all" for row in rows[5:40]} | {12345: "all"})
    assert told == [(5, 39)]
    assert [row.held for row in rows] == ["none"] * 5 + ["all"] * 35 + ["none"] * 10


def test_clear(tree):
    tree.add(None, [study(1)])
    tree.clear("series")
    assert tree.rowCount() == 0
    tree.add(None, [series(1, 1)])
    assert tree.headerData(0, Qt.Orientation.Horizontal) == "Series"
    assert not tree.headerData(0, Qt.Orientation.Vertical)
