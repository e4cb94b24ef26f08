"""The tree of what was found: it grows while nodes answer, and unfolds level by level."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractItemModel, QModelIndex, Qt, Signal

from napari_dicomdb.widgets._text import tool_tip
from napari_dicomdb.widgets.models._columns import Column
from napari_dicomdb.widgets.models._roles import RecordRole
from napari_dicomdb.widgets.models.match_rows import (
    LEVELS,
    NOTE,
    MatchRow,
    cell,
    key_of,
    next_level,
    sort_key,
    state_words,
    tip,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from qtpy.QtGui import QColor

    from napari_dicomdb.network.query import Match

__all__ = ["MATCH_COLUMNS", "MatchTree"]


def _text(name: str) -> Callable[[Any], str]:
    return lambda row: cell(row, name)


MATCH_COLUMNS = (
    Column("title", "Patient", _text("title"), "title", "W" * 14, 0),
    Column("state", "Here", _text("state"), "state", "Here", 1,
           hint="Whether it is in this database: all of it, a part, or not"),
    Column("date", "Date", _text("date"), "date", "2000-00-00", 2, hint="Of study or series"),
    Column("modality", "Mod.", _text("modality"), "modality", "CT PT SR", 3, hint="Modality"),
    Column("id", "ID", _text("id"), "id", "0" * 10, 5, hint="Patient ID"),
    Column("description", "Description", _text("description"), "description", "W" * 10, 4),
    Column("images", "Images", _text("images"), "images", "0 000", 6, True,
           hint="Number of instances, where the node says it"),
    Column("accession", "Accession", _text("accession"), "accession", "0" * 8, 8,
           hint="Accession number"),
    Column("where", "Nodes", _text("where"), "where", "here, orthanc", 7,
           hint="Where it was found"),
)  # fmt: skip

# Views ask these for every row when they lay out; made once, for `|` of flags is slow.
_ROW = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsDragEnabled
_LEAF = _ROW | Qt.ItemFlag.ItemNeverHasChildren
_NOTE = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemNeverHasChildren
_FLAGS = {NOTE: _NOTE, "instance": _LEAF}
_UNFOLDING = frozenset(level for level in LEVELS if next_level(level))
_STATE_ICON = {"all": "here", "part": "partly", "none": "server"}


class MatchTree(QAbstractItemModel):
    """Rows of `MatchRow`, merged over all nodes.

    Signals
    -------
    children_wanted : MatchRow
        It was unfolded for the first time: ask its nodes for the next level. To be
        connected queued, for the view is amid unfolding it.
    """

    children_wanted = Signal(object)

    def __init__(self, columns: Sequence[Column] = MATCH_COLUMNS) -> None:
        super().__init__()
        self.columns = tuple(columns)
        self.top = MatchRow("top", state="known")
        self.level = "study"
        # Indexes carry numbers: views keep some of rows that are gone.
        self._rows: dict[int, MatchRow] = {}
        self._last_number = 0
        self._icons: dict[str, Any] = {}
        self._dim: QColor | None = None
        self._order: tuple[str, bool] | None = None
        self._keys: dict[tuple[str, int], Any] = {}  # by column and number of row
        self._has_description = True

    def set_colours(self, icons: dict[str, Any], dim: QColor) -> None:
        """Take icons by `held`, and the colour of notes and of what is not here."""
        self.layoutAboutToBeChanged.emit()
        self._icons, self._dim = icons, dim
        self.layoutChanged.emit()

    def show_description(self, in_a_column: bool) -> None:
        """Say whether descriptions have a column; else they follow the patient's name."""
        if in_a_column != self._has_description:
            self.layoutAboutToBeChanged.emit()
            self._has_description = in_a_column
            self.layoutChanged.emit()

    def _title(self, row: MatchRow) -> str:
        words = cell(row, "title")
        more = "" if self._has_description else cell(row, "description")
        return f"{words} · {more}" if more else words

    # -- growing ----------------------------------------------------------------------

    def clear(self, level: str = "study") -> None:
        """Show nothing; what comes next is of this level."""
        self.beginResetModel()
        self.level = level
        self._rows.clear()
        self._keys.clear()
        self.top = MatchRow("top", state="known")
        self.endResetModel()

    def add(self, parent: MatchRow | None, matches: Iterable[Match]) -> list[MatchRow]:
        """Take what nodes say below `parent` (None: at the top); return the new rows."""
        above = self.top if parent is None else parent
        fresh: list[MatchRow] = []
        known: list[MatchRow] = []
        for match in matches:
            key = key_of(match)
            row = above.by_key.get(key)
            if row is None:
                row = MatchRow(match.level, key, None if parent is None else parent)
                above.by_key[key] = row
                fresh.append(row)
            else:
                known.append(row)
            row.take(match)
        if fresh:
            self._drop_notes(above)
            self._append(above, fresh)
        self._tell_changed(known)
        if (fresh or known) and (self._order is not None or parent is not None):
            self._sort_children(above)
        return fresh

    def finish(self, row: MatchRow, remarks: Sequence[str] = ()) -> None:
        """Say that all answers below `row` are there; `remarks` say which are not, and why."""
        self._drop_notes(row)
        row.state = "known"
        notes = list(remarks)
        if not row.children and not notes:
            notes = ["Nothing below it was found."]
        self._append(row, [MatchRow(NOTE, parent=row, text=text) for text in notes])

    def forget_children(self, row: MatchRow) -> None:
        """Have the next unfolding ask again."""
        if row.children:
            self.beginRemoveRows(self.index_of(row), 0, len(row.children) - 1)
            for gone in self._below(row):
                del self._rows[gone.number]
            row.children, row.by_key = [], {}
            self.endRemoveRows()
        row.state = "closed"

    def update_held(self, held: dict[int, str]) -> None:
        """Take anew how much of rows is here, by the number of the row."""
        changed = []
        for number, new in held.items():
            row = self._rows.get(number)
            if row is not None and row.held != new:
                row.held = new
                changed.append(row)
        self._tell_changed(changed)

    def rows(self) -> list[MatchRow]:
        """Return all rows that are known, but for notes."""
        return [row for row in self._rows.values() if row.level != NOTE]

    @staticmethod
    def _below(row: MatchRow) -> list[MatchRow]:
        found: list[MatchRow] = []
        waiting = list(row.children)
        while waiting:
            one = waiting.pop()
            found.append(one)
            waiting += one.children
        return found

    def _append(self, above: MatchRow, rows: list[MatchRow]) -> None:
        if not rows:
            return
        first = len(above.children)
        self.beginInsertRows(self.index_of(above), first, first + len(rows) - 1)
        for place, row in enumerate(rows, first):
            row.place = place
            self._last_number += 1
            row.number = self._last_number
            self._rows[row.number] = row
        above.children += rows
        self.endInsertRows()

    def _drop_notes(self, above: MatchRow) -> None:
        for row in [row for row in above.children if row.level == NOTE]:
            self.beginRemoveRows(self.index_of(above), row.place, row.place)
            del above.children[row.place], self._rows[row.number]
            for place, left in enumerate(above.children):
                left.place = place
            self.endRemoveRows()

    def _tell_changed(self, rows: Sequence[MatchRow]) -> None:
        families: dict[int, list[MatchRow]] = {}
        for row in dict.fromkeys(rows):
            for column in self.columns:
                self._keys.pop((column.name, row.number), None)
            families.setdefault(id(row.parent), []).append(row)
        last = len(self.columns) - 1
        for family in families.values():  # once for all: views do much at each
            family.sort(key=lambda row: row.place)
            self.dataChanged.emit(self.index_of(family[0]), self.index_of(family[-1], last))

    # -- order ------------------------------------------------------------------------

    def sort(self, column: int, order: Any = Qt.SortOrder.AscendingOrder) -> None:
        """Sort each level below its parent; column -1 keeps what comes in order of coming."""
        descending = order == Qt.SortOrder.DescendingOrder
        self._order = (self.columns[column].name, descending) if column >= 0 else None
        self._keys.clear()
        if self._order is None:
            return
        for row in [self.top, *self.rows()]:
            if row.children:
                self._sort_children(row)

    def _sort_children(self, above: MatchRow) -> None:
        name, descending = self._order or ("title", False)
        keys = self._keys

        def key(row: MatchRow) -> Any:
            found = keys.get((name, row.number))
            if found is None:
                found = keys[name, row.number] = sort_key(row, name)
            return found

        ordered = sorted(above.children, key=key, reverse=descending)
        if ordered == above.children:
            return
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        moved = [(index, self.row_of(index)) for index in before]
        above.children = ordered
        for place, row in enumerate(ordered):
            row.place = place
        after = [self.index_of(row, index.column()) for index, row in moved]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    # -- as Qt asks -------------------------------------------------------------------

    def row_of(self, index: QModelIndex) -> MatchRow:
        """Return the row behind an index, the root behind an invalid one."""
        return self._rows.get(index.internalId(), self.top) if index.isValid() else self.top

    def index_of(self, row: MatchRow, column: int = 0) -> QModelIndex:
        """Return the index of a row."""
        if row is self.top:
            return QModelIndex()
        return self.createIndex(row.place, column, row.number)

    def index(  # noqa: D102
        self,
        row: int,
        column: int,
        parent: QModelIndex = QModelIndex(),  # noqa: B008
    ) -> QModelIndex:
        above = self.row_of(parent) if parent.isValid() else self.top
        if not 0 <= row < len(above.children) or not 0 <= column < len(self.columns):
            return QModelIndex()
        return self.createIndex(row, column, above.children[row].number)

    def parent(self, index: QModelIndex) -> QModelIndex:  # noqa: D102
        above = self.row_of(index).parent if index.isValid() else None
        return QModelIndex() if above is None else self.index_of(above)

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, D102
        return 0 if parent.column() > 0 else len(self.row_of(parent).children)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, D102
        return len(self.columns)

    def hasChildren(self, parent: QModelIndex = QModelIndex()) -> bool:  # noqa: B008, D102
        row = self._rows.get(parent.internalId()) or self.top
        if row.level in _UNFOLDING and row.state != "known":
            return parent.column() <= 0
        return bool(row.children) and parent.column() <= 0

    def canFetchMore(self, parent: QModelIndex) -> bool:  # noqa: D102
        row = self.row_of(parent)
        return row.state == "closed" and bool(next_level(row.level))

    def fetchMore(self, parent: QModelIndex) -> None:  # noqa: D102
        row = self.row_of(parent)
        if row.state == "closed":
            row.state = "asking"
            self._append(row, [MatchRow(NOTE, parent=row, text="Asking…")])
            self.children_wanted.emit(row)

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:  # noqa: D102
        row = self._rows.get(index.internalId())
        return Qt.ItemFlag.NoItemFlags if row is None else _FLAGS.get(row.level, _ROW)

    def headerData(  # noqa: D102
        self, section: int, orientation: Any, role: int = int(Qt.ItemDataRole.DisplayRole)
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return "Series" if column.name == "title" and self.level == "series" else column.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return column.hint or None
        return None

    def data(self, index: QModelIndex, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:  # noqa: D102
        if not index.isValid():
            return None
        row, column = self.row_of(index), self.columns[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            if column.name == "title":
                return self._title(row)
            return "" if column.name == "state" else column.text(row)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return column.text(row)
        if role == Qt.ItemDataRole.ToolTipRole:
            return tool_tip(tip(row))
        if role == RecordRole:
            return row
        if role == Qt.ItemDataRole.DecorationRole and column.name == "state":
            return None if row.level == NOTE else self._icons.get(row.held)
        if role == Qt.ItemDataRole.ForegroundRole:
            return self._dim if row.level == NOTE or column.name != "title" else None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column.right else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None


def state_icon(held: str) -> str:
    """Return the name of the icon that says how much is here."""
    return _STATE_ICON.get(held, "server")


__all__ += ["state_icon", "state_words"]
