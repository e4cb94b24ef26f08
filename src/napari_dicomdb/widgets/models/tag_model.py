"""The attributes of one object as a Qt tree model, made as they are looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractItemModel, QModelIndex, QObject, Qt, Signal
from qtpy.QtGui import QColor, QFont

from napari_dicomdb.widgets._text import tool_tip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.dicom.attribute_search import Found
    from napari_dicomdb.dicom.attributes import Attribute, AttributeTree

__all__ = ["TAG_TITLES", "TagModel"]

TAG_TITLES = ("Name", "Tag", "VR", "VM", "Value")
VALUE_COLUMN = 4
_FETCHED = 250  # rows at a time


@dataclass(slots=True)
class _Row:
    attribute: Attribute | None
    parent: int
    place: int
    total: int = 0  # children that there are
    children: list[int] = field(default_factory=list)
    is_hit: bool = False
    is_fixed: bool = False  # its children are those that were found


class TagModel(QAbstractItemModel):
    """Name, tag, VR, VM and value of every attribute.

    Rows are made in portions when the view asks for them. An index carries the
    number of its row.
    """

    heavy = Signal(object)  # Attribute that a worker is to open before it is shown

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows = [_Row(None, -1, 0)]
        self._tree: AttributeTree | None = None
        self._hit = QColor("#e0a100")
        self._error = QColor("#e04552")
        self._opened: set[str] = set()
        self._asked: set[str] = set()

    # -- what is shown ----------------------------------------------------------------

    def show(self, tree: AttributeTree | None, top: Sequence[Attribute] = ()) -> None:
        """Show all attributes of another object, or nothing.

        Parameters
        ----------
        tree : AttributeTree or None
        top : sequence of Attribute
            Its first level, made by the worker that read it.
        """
        self.beginResetModel()
        self._begin(tree)
        for attribute in top:
            self._append(0, attribute)
        self._rows[0].total = len(top)
        self.endResetModel()

    def show_found(self, tree: AttributeTree, found: Sequence[Found]) -> None:
        """Show only the attributes that were found, below those that lead to them."""
        self.beginResetModel()
        self._begin(tree)
        numbers: dict[str, int] = {}
        for one in found:
            parent = 0
            for attribute in (*one.above, one.attribute):
                known = numbers.get(attribute.path)
                if known is None:
                    known = numbers[attribute.path] = self._append(parent, attribute, fixed=True)
                    self._rows[parent].total += 1
                parent = known
            self._rows[parent].is_hit = True
        self.endResetModel()

    def _begin(self, tree: AttributeTree | None) -> None:
        self._tree = tree
        self._rows = [_Row(None, -1, 0, is_fixed=True)]
        self._opened.clear()
        self._asked.clear()

    def _append(self, parent: int, attribute: Attribute, *, fixed: bool = False) -> int:
        above, number = self._rows[parent], len(self._rows)
        row = _Row(attribute, parent, len(above.children), is_fixed=fixed)
        if not fixed and (attribute.is_item or attribute.is_sequence):
            row.total = attribute.vm
        self._rows.append(row)
        above.children.append(number)
        return number

    def opened(self, attribute: Attribute) -> None:
        """Show the rows below `attribute`, which a worker has opened meanwhile."""
        self._opened.add(attribute.path)
        for number, row in enumerate(self._rows):
            if row.attribute is attribute and self._tree is not None:
                row.total = self._tree.count(attribute)
                self.fetchMore(self._index(number))

    def attribute(self, index: QModelIndex) -> Attribute | None:
        """Return the attribute of a row, None for the root."""
        return self._rows[self._number(index)].attribute if index.isValid() else None

    def index_of(self, path: str) -> QModelIndex:
        """Return the index of the attribute at `path`, fetching what lies above it."""
        index = QModelIndex()
        parts = path.split(".")
        for k in range(len(parts)):
            head, bracket, _ = parts[k].partition("[")
            wanted = [".".join([*parts[:k], head])]
            if bracket:
                wanted.append(".".join(parts[: k + 1]))
            for one in wanted:
                index = self._child_at(index, one)
                if not index.isValid():
                    return index
        return index

    def _child_at(self, parent: QModelIndex, path: str) -> QModelIndex:
        while True:
            for number in self._rows[self._number(parent)].children:
                attribute = self._rows[number].attribute
                if attribute is not None and attribute.path == path:
                    return self._index(number)
            if not self.canFetchMore(parent):
                return QModelIndex()
            before = self.rowCount(parent)
            self.fetchMore(parent)
            if self.rowCount(parent) == before:
                return QModelIndex()

    def set_colours(self, hit: QColor, error: QColor) -> None:
        """Draw hits and damaged values in other colours."""
        self._hit, self._error = QColor(hit), QColor(error)

    # -- Qt: structure ----------------------------------------------------------------

    def _number(self, index: QModelIndex) -> int:
        return int(index.internalId()) if index.isValid() else 0

    def _index(self, number: int, column: int = 0) -> QModelIndex:
        return self.createIndex(self._rows[number].place, column, number)

    def index(self, row: int, column: int, parent: QModelIndex = QModelIndex()) -> QModelIndex:  # noqa: B008, D102
        if not self.hasIndex(row, column, parent):
            return QModelIndex()
        return self.createIndex(row, column, self._rows[self._number(parent)].children[row])

    def parent(self, index: QModelIndex = QModelIndex()) -> QModelIndex:  # noqa: B008, D102
        above = self._rows[self._number(index)].parent
        return self._index(above) if above > 0 else QModelIndex()

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, D102
        return 0 if parent.column() > 0 else len(self._rows[self._number(parent)].children)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, D102
        return len(TAG_TITLES)

    def hasChildren(self, parent: QModelIndex = QModelIndex()) -> bool:  # noqa: B008, D102
        return parent.column() <= 0 and self._rows[self._number(parent)].total > 0

    def canFetchMore(self, parent: QModelIndex) -> bool:  # noqa: D102
        row = self._rows[self._number(parent)]
        return not row.is_fixed and len(row.children) < row.total

    def fetchMore(self, parent: QModelIndex) -> None:  # noqa: D102
        number = self._number(parent)
        row, tree = self._rows[number], self._tree
        attribute = row.attribute
        if tree is None or attribute is None or row.is_fixed:
            return
        if attribute.path not in self._opened and tree.is_heavy(attribute):
            if attribute.path not in self._asked:
                self._asked.add(attribute.path)
                self.heavy.emit(attribute)
            return
        have = len(row.children)
        more = tree.children(attribute, have, have + _FETCHED)
        if not more:
            row.total = have
            return
        self.beginInsertRows(parent, have, have + len(more) - 1)
        for one in more:
            self._append(number, one)
        row.total = max(tree.count(attribute), len(row.children))
        self.endInsertRows()

    # -- Qt: content ------------------------------------------------------------------

    def headerData(  # noqa: D102
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return TAG_TITLES[section]
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        row = self._rows[self._number(index)] if index.isValid() else None
        one = None if row is None else row.attribute
        if row is None or one is None:
            return None
        column = index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            vm = "" if one.is_item or not one.vm else str(one.vm)
            return (one.name, one.tag_text, one.vr, vm, one.problem or one.value)[column]
        if role == Qt.ItemDataRole.ToolTipRole:
            parts = (one.words, f"{one.vr} {one.name}".strip(), one.value, one.problem)
            return tool_tip("\n".join(part for part in parts if part))
        if role == Qt.ItemDataRole.FontRole and row.is_hit and column in (0, VALUE_COLUMN):
            font = QFont()
            font.setBold(True)
            return font
        if role == Qt.ItemDataRole.ForegroundRole:
            if one.problem and column == VALUE_COLUMN:
                return self._error
            if row.is_hit and column in (0, VALUE_COLUMN):
                return self._hit
        return None
