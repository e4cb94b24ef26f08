"""The readable content of a DICOM object as a Qt tree model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractItemModel, QModelIndex, QObject, Qt
from qtpy.QtGui import QColor, QFont

from napari_dicomdb.widgets._text import one_line, tool_tip

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari_dicomdb.dicom.content import ContentNode, ContentTree

__all__ = ["ContentModel", "ReferenceRole", "node_lines"]

ReferenceRole = int(Qt.ItemDataRole.UserRole) + 3  # UID that the row refers to, or ""

_TITLES = ("Content", "Value")
_INDENT = "  "


@dataclass(slots=True)
class _Row:
    node: ContentNode | None
    parent: int
    place: int  # among its siblings
    children: list[int] = field(default_factory=list)


class ContentModel(QAbstractItemModel):
    """Label and value of every node of a `ContentTree`.

    An index carries the number of its row in reading order. Rows that refer to
    other objects are links once `show_targets` has said that there is a target.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows = [_Row(None, -1, 0)]
        self._targets: Mapping[str, str] = {}
        self._absent: frozenset[str] = frozenset()
        self._link = QColor("#4a90d9")

    # -- what is shown ----------------------------------------------------------------

    def show(self, tree: ContentTree | None) -> None:
        """Show another tree, or nothing."""
        self.beginResetModel()
        self._rows = [_Row(None, -1, 0)]
        self._targets, self._absent = {}, frozenset()
        # Not by recursion: nobody vouches for the depth of what was read.
        pending = [] if tree is None else [(node, 0) for node in reversed(tree.nodes)]
        while pending:
            node, parent = pending.pop()
            number, above = len(self._rows), self._rows[parent]
            self._rows.append(_Row(node, parent, len(above.children)))
            above.children.append(number)
            pending += [(child, number) for child in reversed(node.children)]
        self.endResetModel()

    def show_targets(self, targets: Mapping[str, str], absent: Iterable[str]) -> None:
        """Say where references lead.

        Parameters
        ----------
        targets : mapping
            From UIDs to the name of the series in which they were found.
        absent : iterable of str
            UIDs that the database does not have.
        """
        self._targets, self._absent = dict(targets), frozenset(absent)
        for row in self._rows[1:]:
            if row.node is not None and row.node.reference:
                number = self._rows[row.parent].children[row.place]
                first = self.createIndex(row.place, 0, number)
                self.dataChanged.emit(first, self.createIndex(row.place, 1, number))

    def set_link_colour(self, colour: QColor) -> None:
        """Draw links in another colour."""
        self._link = QColor(colour)

    def node(self, index: QModelIndex) -> ContentNode | None:
        """Return the node of a row, None for the root."""
        return self._rows[index.internalId()].node if index.isValid() else None

    # -- Qt: structure ----------------------------------------------------------------

    def _number(self, index: QModelIndex) -> int:
        return int(index.internalId()) if index.isValid() else 0

    def index(self, row: int, column: int, parent: QModelIndex = QModelIndex()) -> QModelIndex:  # noqa: B008, D102
        if not self.hasIndex(row, column, parent):
            return QModelIndex()
        return self.createIndex(row, column, self._rows[self._number(parent)].children[row])

    def parent(self, index: QModelIndex = QModelIndex()) -> QModelIndex:  # noqa: B008, D102
        above = self._rows[self._number(index)].parent
        if above <= 0:
            return QModelIndex()
        return self.createIndex(self._rows[above].place, 0, above)

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, D102
        return 0 if parent.column() > 0 else len(self._rows[self._number(parent)].children)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, D102
        return len(_TITLES)

    # -- Qt: content ------------------------------------------------------------------

    def headerData(  # noqa: D102
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _TITLES[section]
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        node = self.node(index)
        if node is None:
            return None
        text = node.label if index.column() == 0 else node.value or self._target_text(node)
        if role == Qt.ItemDataRole.DisplayRole:
            return one_line(text)
        if role == ReferenceRole:
            return node.reference
        if role == Qt.ItemDataRole.ToolTipRole:
            return tool_tip("\n".join(part for part in (text, self._hint(node)) if part))
        if index.column() == 1 and node.reference in self._targets and node.reference:
            if role == Qt.ItemDataRole.ForegroundRole:
                return self._link
            if role == Qt.ItemDataRole.FontRole:
                font = QFont()
                font.setUnderline(True)
                return font
        return None

    def _target_text(self, node: ContentNode) -> str:
        if not node.reference:
            return ""
        return self._targets.get(node.reference) or node.reference

    def _hint(self, node: ContentNode) -> str:
        if not node.reference:
            return ""
        if node.reference in self._targets:
            return f"Refers to {self._targets[node.reference]}: click to select it"
        if node.reference in self._absent:
            return f"Refers to {node.reference}, which is not in the database"
        return f"Refers to {node.reference}"


def node_lines(node: ContentNode) -> str:
    """Return a node and all below it as indented text."""
    lines, pending = [], [(node, 0)]
    while pending:
        one, depth = pending.pop()
        lines.append(f"{_INDENT * depth}{one.label}{': ' if one.value else ''}{one.value}")
        pending += [(child, depth + 1) for child in reversed(one.children)]
    return "\n".join(lines)
