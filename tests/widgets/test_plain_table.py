"""A table that only tells."""

from __future__ import annotations

from qtpy.QtCore import QPersistentModelIndex, QSortFilterProxyModel, Qt
from qtpy.QtGui import QColor

from napari_dicomdb.widgets.models.plain_table import (
    SORT_ROLE,
    PlainRow,
    PlainTable,
    rows_as_csv,
)

ROWS = [
    PlainRow(("b", "10"), ("b", 10), dim=True),
    PlainRow(("a", "9"), ("a", 9), tip="<b>nine</b>", data=9),
]


def test_numbers_sort_as_numbers(qapp):
    model = PlainTable(("Name", "Files"), numbers=(1,))
    model.set_dim(QColor("#777777"))
    model.show_rows(ROWS)
    proxy = QSortFilterProxyModel()
    proxy.setSourceModel(model)
    proxy.setSortRole(SORT_ROLE)
    proxy.sort(1)
    assert [proxy.index(row, 1).data() for row in range(2)] == ["9", "10"]
    proxy.sort(0, Qt.SortOrder.DescendingOrder)
    assert [proxy.index(row, 0).data() for row in range(2)] == ["b", "a"]


def test_what_is_drawn(qapp):
    model = PlainTable(("Name", "Files"), numbers=(1,))
    model.set_dim(QColor("#777777"))
    model.show_rows(ROWS)
    assert model.rowCount() == 2
    assert model.columnCount() == 2
    assert model.headerData(1, Qt.Orientation.Horizontal) == "Files"
    assert model.headerData(1, Qt.Orientation.Vertical) is None
    first, second = model.index(0, 0), model.index(1, 0)
    assert first.data(Qt.ItemDataRole.ForegroundRole) == QColor("#777777")
    assert second.data(Qt.ItemDataRole.ForegroundRole) is None
    assert "&lt;b&gt;nine" in second.data(Qt.ItemDataRole.ToolTipRole)
    right = int(Qt.AlignmentFlag.AlignRight)
    assert model.index(0, 1).data(Qt.ItemDataRole.TextAlignmentRole) & right
    assert not first.data(Qt.ItemDataRole.TextAlignmentRole) & right
    model.replace(0, PlainRow(("c", "1")))
    assert first.data() == "c"
    assert first.data(SORT_ROLE) == "c"


def test_csv():
    assert rows_as_csv(("Name", "Files"), [PlainRow(('a "b", c', "1"))]) == (
        'Name,Files\r\n"a ""b"", c",1\r\n'
    )


def test_another_colour_leaves_what_proxies_know_alone(qtbot):
    """A layout change that was not announced left them with rows that were freed: a crash."""
    model = PlainTable(("A",))
    model.show_rows([PlainRow(("x",)), PlainRow(("y",))])
    proxy = QSortFilterProxyModel()
    proxy.setSourceModel(model)
    kept = QPersistentModelIndex(proxy.index(1, 0))
    unannounced = []
    model.layoutChanged.connect(lambda *_: unannounced.append(True))
    with qtbot.waitSignal(model.dataChanged):
        model.set_dim(QColor("grey"))
    assert unannounced == []
    assert kept.data() == "y"
    assert not proxy.parent(proxy.index(kept.row(), 0)).isValid()
