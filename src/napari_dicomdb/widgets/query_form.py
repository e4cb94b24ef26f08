"""The form of a query: where to look, for what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtGui import QKeyEvent, QResizeEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt import QFlowLayout

from napari_dicomdb.network.query import Query
from napari_dicomdb.widgets._query_words import fragment_key, list_key, name_key
from napari_dicomdb.widgets._session import recall, remember
from napari_dicomdb.widgets._text import tool_tip
from napari_dicomdb.widgets.models.match_rows import HERE
from napari_dicomdb.widgets.query_fields import (
    MODALITIES,
    DateChoice,
    KeyAdder,
    KeyField,
    dim_label,
    line_edit,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.network.node import Node
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["QueryForm"]

_KEY = "network_query"
_WIDE = 520  # pixels from which on two fields stand side by side
_LEVELS = (
    ("patient", "Patients"),
    ("study", "Studies"),
    ("series", "Series"),
    ("instance", "Instances"),
)
_NAME_TIP = (
    "Finds all names that begin so: doe, or Doe, Jane.\n* stands for anything, ? for one letter."
)


class QueryForm(QWidget):
    """Where to look and for what. Return searches, Escape cancels.

    What is remembered for the next session: nodes, level, date, modality and which further
    keys there are; never a name or a number of a patient.

    Signals
    -------
    searched : no arguments
    cancelled : no arguments
    nodes_wanted : no arguments
        There are none yet, and the user wants to add one.
    refused : str
        Something typed cannot be asked for; plain words.
    """

    searched = Signal()
    cancelled = Signal()
    nodes_wanted = Signal()
    refused = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.boxes: dict[str, QCheckBox] = {}
        self.extra: list[KeyField] = []
        self._palette: Palette | None = None
        self._is_busy = False
        self._is_wide: bool | None = None
        self._build()
        self._recall()

    # -- making -----------------------------------------------------------------------

    def _build(self) -> None:
        self.nodes = QWidget()
        self._flow = QFlowLayout(self.nodes)
        _keep_low(self.nodes)
        self._flow.setContentsMargins(0, 0, 0, 0)
        self._flow.setHorizontalSpacing(12)
        self._flow.setVerticalSpacing(4)
        self.add_node_button = QPushButton("Add a node…")
        self.add_node_button.setObjectName("barButton")
        self.add_node_button.setToolTip("Tell where a PACS or another DICOM program is")
        self.add_node_button.clicked.connect(self.nodes_wanted)
        self.level = QComboBox()
        self.level.setAccessibleName("What to look for")
        self.level.setToolTip("What each row is; rows unfold to what is below")
        for key, label in _LEVELS:
            self.level.addItem(label, key)
        self.level.currentIndexChanged.connect(lambda _: self._on_level())
        self.name = line_edit("Patient name", "begins with…", _NAME_TIP)
        self.patient_id = line_edit(
            "Patient ID", "exactly", "The whole ID; * stands for anything, ? for one letter."
        )
        self.date = DateChoice()
        self.modality = QComboBox()
        self.modality.setEditable(True)
        self.modality.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.modality.addItems(MODALITIES)
        self.modality.setAccessibleName("Modality")
        self.modality.setToolTip("One or several: CT, MR")
        self.modality.lineEdit().setPlaceholderText("any, or CT, MR")
        self.accession = line_edit(
            "Accession number", "exactly", "The whole number; * stands for anything."
        )
        self.description = line_edit(
            "Description",
            "contains…",
            "Words of the description of the study, or at level Series of the series.\n"
            "* stands for anything.",
        )
        self.adder = KeyAdder()
        self.adder.added.connect(self.add_key)
        self.adder.refused.connect(self.refused)
        self.clear_button = QPushButton("Clear")
        self.clear_button.setObjectName("barButton")
        self.clear_button.setToolTip("Empty all fields")
        self.clear_button.clicked.connect(self.clear)
        self.search_button = QPushButton("Search")
        self.search_button.setObjectName("primaryButton")
        self.search_button.clicked.connect(self._on_search)
        self._fields: list[tuple[str, QWidget]] = [
            ("Look for", self.level),
            ("Patient name", self.name),
            ("Patient ID", self.patient_id),
            ("Study date", self.date),
            ("Modality", self.modality),
            ("Accession no.", self.accession),
            ("Description", self.description),
        ]
        for line in (
            self.name, self.patient_id, self.accession, self.description, self.modality.lineEdit()
        ):  # fmt: skip
            line.returnPressed.connect(self.searched)
        self.date.entered.connect(self.searched)
        self._labels: dict[QWidget, QLabel] = {}
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(4)
        where = QHBoxLayout()
        where.setContentsMargins(0, 0, 0, 2)
        where.setSpacing(8)
        self.where = dim_label("Where")
        where.addWidget(self.where, 0, Qt.AlignmentFlag.AlignVCenter)
        where.addWidget(self.nodes, 1)
        where.addWidget(self.add_node_button, 0, Qt.AlignmentFlag.AlignTop)
        self.bar = QWidget()
        self.bar.installEventFilter(self)
        buttons = QHBoxLayout(self.bar)
        buttons.setContentsMargins(0, 2, 0, 0)
        buttons.setSpacing(6)
        buttons.addWidget(self.adder, 1)
        buttons.addWidget(self.clear_button)
        buttons.addWidget(self.search_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(where)
        layout.addLayout(self._grid)
        layout.addWidget(self.bar)
        _keep_low(self)
        self.show_busy(False)
        self._arrange(False)

    def _label_of(self, text: str, field: QWidget) -> QLabel:
        label = self._labels.get(field)
        if label is None:
            label = self._labels[field] = dim_label(text)
            label.setBuddy(field)
        return label

    def _arrange(self, wide: bool) -> None:
        self._is_wide = wide
        fields = [*self._fields, *((_short(one.keyword), one) for one in self.extra)]
        for place, (text, field) in enumerate(fields):
            label = self._label_of(text, field)
            label.setToolTip(field.keyword if isinstance(field, KeyField) else "")
            row, column = divmod(place, 2) if wide else (place, 0)
            self._grid.addWidget(label, row, 2 * column)
            self._grid.addWidget(field, row, 2 * column + 1)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnStretch(3, 1 if wide else 0)
        before: QWidget = self.nodes
        buttons = (self.adder, self.clear_button, self.search_button)
        for field in (*(field for _, field in fields), *buttons):
            QWidget.setTabOrder(before, field)
            before = field

    def take_bar(self) -> QWidget:
        """Return the row with the button *Search*, to stand where it never scrolls away.

        Return and Escape go to the form from there, too.
        """
        self.layout().removeWidget(self.bar)
        return self.bar

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take the keys of the row of buttons, wherever it stands."""
        if watched is self.bar and event.type() == QEvent.Type.KeyPress:
            self.keyPressEvent(event)
            return bool(event.isAccepted())
        return bool(super().eventFilter(watched, event))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put two fields side by side where there is room."""
        super().resizeEvent(event)
        wide = event.size().width() >= _WIDE
        if wide != self._is_wide:
            self._arrange(wide)

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        self._palette = palette
        self.adder.apply_palette(palette)
        for field in self.extra:
            field.apply_palette(palette)

    # -- nodes ------------------------------------------------------------------------

    def show_nodes(self, nodes: Sequence[Node]) -> None:
        """Offer this database and these nodes; those checked stay so, new ones are checked."""
        known = set(self.boxes) - {HERE}
        off = {name for name, box in self.boxes.items() if not box.isChecked()}
        if not self.boxes:
            off = set(self._remembered("off", []))
        while self._flow.count():
            item = self._flow.takeAt(0)
            item.widget().deleteLater()
        self.boxes = {}
        for name, label, tip in (
            (HERE, "This database", "Look in the database that is open, too"),
            *((node.name, node.name, node.address) for node in nodes),
        ):
            box = QCheckBox(label.replace("&", "&&"))
            box.setToolTip(tool_tip(tip))
            box.setChecked(name not in off)
            self._flow.addWidget(box)
            self.boxes[name] = box
        self.add_node_button.setVisible(not nodes)
        if known != set(self.boxes) - {HERE}:
            self.nodes.updateGeometry()

    def chosen_nodes(self) -> list[str]:
        """Return the names of the nodes that are checked; `HERE` is the database."""
        return [name for name, box in self.boxes.items() if box.isChecked()]

    # -- keys -------------------------------------------------------------------------

    def add_key(self, keyword: str, value: str = "") -> KeyField:
        """Add a field for one more key, or go to that which is there."""
        field = next((one for one in self.extra if one.keyword == keyword), None)
        if field is None:
            field = KeyField(keyword)
            field.entered.connect(self.searched)
            field.removed.connect(self._remove_key)
            if self._palette is not None:
                field.apply_palette(self._palette)
            self.extra.append(field)
            self._arrange(bool(self._is_wide))
        if value:
            field.line.setText(value)
        field.setFocus(Qt.FocusReason.OtherFocusReason)
        return field

    def _remove_key(self, field: KeyField) -> None:
        self.extra.remove(field)
        for widget in (field, self._labels.pop(field)):
            self._grid.removeWidget(widget)
            widget.deleteLater()
        self._arrange(bool(self._is_wide))
        self.adder.setFocus(Qt.FocusReason.OtherFocusReason)

    def query(self) -> Query:
        """Return what is asked for.

        Raises
        ------
        QueryError
            If something typed cannot be asked for; says which and why.
        """
        level = self.chosen_level()
        keys = {"PatientName": name_key(self.name.text()), "PatientID": self.patient_id.text()}
        if level != "patient":
            keys["StudyDate"] = self.date.value()
            keys["AccessionNumber"] = self.accession.text()
            modality = "ModalitiesInStudy" if level == "study" else "Modality"
            keys[modality] = list_key(self.modality.currentText())
            described = "StudyDescription" if level == "study" else "SeriesDescription"
            keys[described] = fragment_key(self.description.text())
        asked = {keyword: text.strip() for keyword, text in keys.items() if text.strip()}
        # One without a value is asked for its value.
        asked |= {one.keyword: one.line.text().strip() for one in self.extra}
        root = "patient" if level == "patient" else "study"
        self._remember()
        return Query(level=level, keys=asked, root=root)

    def chosen_level(self) -> str:
        """Return "patient", "study", "series" or "instance"."""
        return str(self.level.currentData())

    def choose_level(self, level: str) -> None:
        """Choose what to look for."""
        self.level.setCurrentIndex(max(self.level.findData(level), 0))

    def _on_level(self) -> None:
        level = self.chosen_level()
        for field in (self.date, self.modality, self.accession, self.description):
            field.setEnabled(level != "patient")
        self.adder.set_level(level)

    def clear(self) -> None:
        """Empty all fields; nodes and level stay."""
        for line in (self.name, self.patient_id, self.accession, self.description):
            line.clear()
        for field in list(self.extra):
            self._remove_key(field)
        self.modality.setCurrentText("")
        self.date.clear()
        self.name.setFocus(Qt.FocusReason.OtherFocusReason)

    # -- searching --------------------------------------------------------------------

    def show_busy(self, busy: bool) -> None:
        """Let the button cancel while a query runs."""
        self._is_busy = busy
        self.search_button.setText("Cancel" if busy else "Search")
        tip = "Stop asking (Escape)" if busy else "Ask all that are checked (Return)"
        self.search_button.setToolTip(tip)
        self.search_button.setObjectName("" if busy else "primaryButton")
        self.search_button.style().unpolish(self.search_button)
        self.search_button.style().polish(self.search_button)

    def _on_search(self) -> None:
        (self.cancelled if self._is_busy else self.searched).emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Search by Return, wherever the focus is, and cancel by Escape."""
        key = event.key()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if not self.adder.hasFocus():
                self.searched.emit()
            event.accept()
        elif key == Qt.Key.Key_Escape and self._is_busy:
            self.cancelled.emit()
            event.accept()
        else:
            super().keyPressEvent(event)

    # -- remembering ------------------------------------------------------------------

    def _remember(self) -> None:
        off = [name for name, box in self.boxes.items() if not box.isChecked()]
        remember(_KEY, {
            "off": off,
            "level": self.chosen_level(),
            "date": str(self.date.preset.currentData()),
            "modality": self.modality.currentText(),
            "keys": [one.keyword for one in self.extra if not one.keyword.endswith("UID")],
        })  # fmt: skip

    def _recall(self) -> None:
        self.choose_level(self._remembered("level", "study"))
        self.date.choose(self._remembered("date", "any"))
        self.modality.setCurrentText(self._remembered("modality", ""))
        for keyword in self._remembered("keys", []):
            self.add_key(str(keyword))
        self._on_level()

    @staticmethod
    def _remembered(key: str, default: Any) -> Any:
        kept = recall(_KEY, {}).get(key, default)
        return kept if isinstance(kept, type(default)) else default


def _keep_low(widget: QWidget) -> None:
    """Have a widget take no more height than it needs, which depends on its width."""
    policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
    policy.setHeightForWidth(True)
    widget.setSizePolicy(policy)


def _short(keyword: str) -> str:
    return keyword if len(keyword) <= 16 else keyword[:15] + "…"
