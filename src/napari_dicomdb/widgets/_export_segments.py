"""The segments of a labels layer as they will be written: names, colours, codes, algorithm."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QComboBox,
    QFormLayout,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.export.terminology import Term, category_of, types
from napari_dicomdb.widgets._code_picker import CodeButton, find_codes
from napari_dicomdb.widgets._text import one_line, tool_tip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.export.segments.segment_meanings import SegmentMeaning
    from napari_dicomdb.widgets._theme import Palette
    from napari_dicomdb.widgets.models.export_plan import LayerPlan

__all__ = ["SegmentTable", "SegmentsModel"]

_TITLES = ("Value", "Name", "Type", "Made")
_MADE = "algorithm_type"  # the option that holds for segments which do not say it themselves
_ALGORITHMS = (("", ""), ("By hand", "MANUAL"), ("With a program", "SEMIAUTOMATIC"),
               ("By a program", "AUTOMATIC"))  # fmt: skip
_ROW = 24
_SWATCH = 34  # a colour before the number, and the room around both
_ROLES = frozenset(
    {
        int(Qt.ItemDataRole.DisplayRole),
        int(Qt.ItemDataRole.EditRole),
        int(Qt.ItemDataRole.DecorationRole),
        int(Qt.ItemDataRole.ToolTipRole),
    }
)
_CODES = ("category", "type", "type_modifier", "region")


class SegmentsModel(QAbstractTableModel):
    """One row for each segment.

    Signals
    -------
    renamed : int, str
        Row, and the name that was typed into it.
    """

    renamed = Signal(int, str)

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[SegmentMeaning] = []
        self.made = ""  # how those were made that do not say it: their SegmentAlgorithmType

    def show_rows(self, rows: Sequence[SegmentMeaning]) -> None:
        """Show other segments, or the same ones with other facts."""
        if [one.value for one in rows] == [one.value for one in self.rows]:
            self.rows = list(rows)
            if rows:
                self.dataChanged.emit(
                    self.index(0, 0), self.index(len(rows) - 1, len(_TITLES) - 1)
                )
            return
        self.beginResetModel()
        self.rows = list(rows)
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(_TITLES)

    def headerData(
        self, section: int, orientation: Any, role: int = int(Qt.ItemDataRole.DisplayRole)
    ) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _TITLES[section]
        return None

    def flags(self, index: QModelIndex) -> Any:
        flags = super().flags(index)
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() == 1 else flags

    def setData(
        self, index: QModelIndex, value: Any, role: int = int(Qt.ItemDataRole.EditRole)
    ) -> bool:
        if role != Qt.ItemDataRole.EditRole or index.column() != 1:
            return False
        self.renamed.emit(index.row(), str(value).strip())
        return True

    def data(self, index: QModelIndex, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        if role not in _ROLES:
            return None
        row, column = self.rows[index.row()], index.column()
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            kind = " ".join(t.meaning for t in (row.type_modifier, row.type) if t is not None)
            cells = (str(row.value), row.label, kind, _algorithm(row, self.made))
            return cells[column] if role == Qt.ItemDataRole.EditRole else one_line(cells[column])
        if role == Qt.ItemDataRole.DecorationRole and column == 0:
            return _swatch(row.colour)
        if role == Qt.ItemDataRole.ToolTipRole:
            told = (
                row.label,
                f"{row.category.meaning}: {row.type.meaning} ({row.type})",
                row.tracking_id,
            )
            return tool_tip("\n".join(part for part in told if part))
        return None


class SegmentTable(QWidget):
    """The table, and a form for the rows that are selected in it.

    Signals
    -------
    changed : no arguments
        Something was said of a segment; it is in the plan.
    """

    changed = Signal()

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._plan: LayerPlan | None = None
        self._is_saying = False
        self.model = SegmentsModel()
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName("Segments")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setShowGrid(False)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(_ROW)
        self.table.setTabKeyNavigation(False)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        # Of what is in it Qt would ask for a thousand rows at each change.
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)
        header.setMinimumSectionSize(40)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.form = QWidget()
        self._make_form()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addWidget(self.table)
        layout.addWidget(self.form)
        self.model.renamed.connect(self._rename)
        self.table.selectionModel().selectionChanged.connect(self._show_form)
        self.apply_palette(palette)
        self.hide()

    def _make_form(self) -> None:
        self.colour = QPushButton()
        self.colour.setAccessibleName("Colour of the segment")
        self.colour.setToolTip("Choose a colour")
        self.colour.clicked.connect(self._choose_colour)
        self.category = CodeButton("category", partial(find_codes, "category"))
        self.type = CodeButton("type", lambda words: find_codes("type", words, self._category()))
        self.side = CodeButton("side", partial(find_codes, "type_modifier"), optional=True)
        self.region = CodeButton("region", partial(find_codes, "region"), optional=True)
        self.codes = dict(
            zip(_CODES, (self.category, self.type, self.side, self.region), strict=True)
        )
        self.algorithm = QComboBox()
        self.algorithm.setAccessibleName("How the segment was made")
        self.algorithm.setToolTip("What holds for all segments is said under Options")
        adjust = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        self.algorithm.setSizeAdjustPolicy(adjust)
        self.algorithm.setMinimumContentsLength(8)
        for text, value in _ALGORITHMS:
            self.algorithm.addItem(text, value)
        self.algorithm_name = QLineEdit()
        self.algorithm_name.setAccessibleName("Name of the algorithm")
        self.tracking = QLineEdit()
        self.tracking.setAccessibleName("Tracking ID")
        self.tracking.setToolTip(
            "The same words for the same lesion in other studies: it is told apart by them"
        )
        rows = QFormLayout(self.form)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.addRow("Colour", self.colour)
        rows.addRow("Category", self.category)
        rows.addRow("Type", self.type)
        rows.addRow("Side", self.side)
        rows.addRow("Region", self.region)
        rows.addRow("Made", self.algorithm)
        rows.addRow("Program", self.algorithm_name)
        rows.addRow("Tracking ID", self.tracking)
        for key, button in self.codes.items():
            button.picked.connect(partial(self._set_code, key))
        self.algorithm.activated.connect(
            lambda _: self._set(algorithm_type=self.algorithm.currentData())
        )
        self.algorithm_name.textEdited.connect(lambda text: self._set(algorithm_name=text))
        self.tracking.textEdited.connect(lambda text: self._set(tracking_id=text))

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        for button in self.codes.values():
            button.apply_palette(palette)

    # -- what is shown ----------------------------------------------------------------

    def show_plan(self, plan: LayerPlan | None) -> None:
        """Show the segments of a plan, with what was said of them; none where it has none."""
        shown = plan is not None and plan.segments_need is not None
        self.setVisible(shown)
        self._plan = plan if shown else None
        self._show_rows()

    def _show_rows(self) -> None:
        try:
            rows = () if self._plan is None else self._plan.meanings()
        except DicomDbError:
            return  # what was typed last does not fit; the dock says so
        said = {} if self._plan is None else self._plan.said
        self.model.made = str(said.get(_MADE) or "")
        self.algorithm.setItemText(0, f"As all: {_words(self.model.made).lower()}")
        are_others = [one.value for one in rows] != [one.value for one in self.model.rows]
        chosen = self._selected()
        self.model.show_rows(rows)
        widest = max((row.value for row in rows), default=0)
        letters = self.table.fontMetrics().horizontalAdvance(f"0{widest}")
        self.table.horizontalHeader().resizeSection(0, max(letters + _SWATCH, 40))
        self.table.setFixedHeight(_ROW * min(max(len(rows), 2), 8) + 30)
        if are_others:
            for row in [row for row in chosen if row < len(rows)] or [0]:
                self.table.selectRow(row)
        self._show_form()

    def _selected(self) -> list[int]:
        return sorted(index.row() for index in self.table.selectionModel().selectedRows())

    def _category(self) -> str:
        chosen = self._selected()
        return str(self.model.rows[chosen[0]].category) if chosen else ""

    def _show_form(self, *_: object) -> None:
        chosen = self._selected()
        self.form.setEnabled(bool(chosen))
        row = self.model.rows[chosen[0]] if chosen and self.model.rows else None
        if row is None:
            return
        shade = QColor(*row.colour)
        name, ink = shade.name(), "black" if shade.lightnessF() > 0.5 else "white"
        self.colour.setStyleSheet(f"background-color: {name}; color: {ink}")
        self.colour.setText(name)
        for key, button in self.codes.items():
            term: Term | None = getattr(row, key)
            button.show_code("" if term is None else term.meaning, str(term or ""))
        self.algorithm.setCurrentIndex(max(self.algorithm.findData(row.algorithm_type), 0))
        lines = ((self.algorithm_name, row.algorithm_name), (self.tracking, row.tracking_id))
        for line, text in lines:
            if line.text() != text and not (line.hasFocus() and self._is_saying):
                line.setText(text)
        by_program = row.algorithm_type in ("SEMIAUTOMATIC", "AUTOMATIC")
        self.algorithm_name.setEnabled(by_program)
        self.algorithm_name.setPlaceholderText(
            "Which program" if by_program else "" if row.algorithm_type else "As all"
        )

    # -- changing ---------------------------------------------------------------------

    def _set(self, **values: Any) -> None:
        self._say(self._selected(), **values)

    def _rename(self, row: int, name: str) -> None:
        self._say([row], label=name)

    def _say(self, rows: Sequence[int], **values: Any) -> None:
        if self._plan is None:
            return
        for row in rows:
            self._plan.say(self.model.rows[row].value, **values)
        self._is_saying = True
        self._show_rows()
        self._is_saying = False
        self.changed.emit()

    def _set_code(self, key: str, term: Term | None) -> None:
        said: dict[str, Any] = {key: term}
        if key == "type" and term is not None and term not in types(Term.of(self._category())):
            said["category"] = category_of(term)
        if key == "category" and term is not None:
            chosen = self._selected()
            if chosen and self.model.rows[chosen[0]].type not in types(term):
                said["type"] = term  # a type of another category would contradict it
        self._set(**said)

    def _choose_colour(self) -> None:
        chosen = self._selected()
        if not chosen:
            return
        colour = QColorDialog.getColor(
            QColor(*self.model.rows[chosen[0]].colour), self, "Colour of the segment"
        )
        if colour.isValid():
            self._set(colour=(colour.red(), colour.green(), colour.blue()))


def _swatch(colour: Sequence[int]) -> QIcon:
    """Return a patch of this colour, also in a row that is selected."""
    patch = QPixmap(16, 16)
    patch.fill(QColor(*colour))
    icon = QIcon(patch)
    icon.addPixmap(patch, QIcon.Mode.Selected)
    return icon


def _words(algorithm: str) -> str:
    return next(text for text, value in _ALGORITHMS if value == (algorithm or "MANUAL"))


def _algorithm(row: SegmentMeaning, made: str) -> str:
    words = _words(row.algorithm_type or made)
    return " · ".join(part for part in (words, row.algorithm_name) if part)
