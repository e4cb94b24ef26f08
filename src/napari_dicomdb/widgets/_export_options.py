"""What an exporter needs to know, as a form: a row for each need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QLocale, Qt, Signal
from qtpy.QtGui import QDoubleValidator, QIntValidator, QMouseEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QWidget,
)

from napari_dicomdb.widgets._text import tool_tip

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_dicomdb.export.exporter import Need

__all__ = ["OptionsForm"]

_MOST = 2**31 - 1


class OptionsForm(QWidget):
    """Answers to needs of the kinds choice, text, bool, int and float.

    Signals
    -------
    answered : str, object
        Key of the need, and what the user says to it.
    """

    answered = Signal(str, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layout = QFormLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._layout.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        self._needs: tuple[Need, ...] = ()
        self.fields: dict[str, QWidget] = {}

    def show_needs(self, needs: Sequence[Need], answers: Mapping[str, Any]) -> None:
        """Show other needs, or other answers to the same ones."""
        wanted = tuple(need for need in needs if need.kind in _MAKERS)
        if wanted != self._needs:
            self._needs = wanted
            while self._layout.rowCount():
                self._layout.removeRow(0)
            self.fields = {need.key: self._row(need) for need in wanted}
        self.blockSignals(True)
        for need in wanted:
            _SETTERS[need.kind](self.fields[need.key], answers.get(need.key))
        self.blockSignals(False)
        self.setVisible(bool(wanted))

    def _row(self, need: Need) -> QWidget:
        field: QWidget = _MAKERS[need.kind](
            need, lambda value, key=need.key: self.answered.emit(key, value)
        )
        field.setAccessibleName(need.label)
        field.setToolTip(tool_tip(need.tip) if need.tip else "")
        if need.kind == "bool":
            self._layout.addRow(_with_words(field, need.label))
            return field
        words = f"{need.label[:1].upper()}{need.label[1:]}"
        label = QLabel(f"{words} *" if need.required else words)
        label.setToolTip(field.toolTip())
        label.setBuddy(field)
        self._layout.addRow(label, field)
        return field


def _choice(need: Need, tell: Any) -> QComboBox:
    box = QComboBox()
    for value, text in need.choices:
        box.addItem(text, value)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)
    box.currentIndexChanged.connect(lambda _: tell(box.currentData()))
    return box


def _set_choice(box: Any, value: Any) -> None:
    values = [box.itemData(place) for place in range(box.count())]
    box.setCurrentIndex(values.index(value) if value in values else -1)


def _bool(need: Need, tell: Any) -> QCheckBox:
    box = QCheckBox()
    box.toggled.connect(tell)
    return box


def _with_words(box: QWidget, text: str) -> QWidget:
    """Return a check box with words that wrap, which those of a check box do not."""
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(6)
    words = _Words(text)
    words.setToolTip(box.toolTip())
    words.clicked.connect(box.click)
    layout.addWidget(box, 0, Qt.AlignmentFlag.AlignTop)
    layout.addWidget(words, 1)
    return row


class _Words(QLabel):
    """Words beside a check box: a click on them is one on the box."""

    clicked = Signal()

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Tell of the click."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit()
        event.accept()


def _set_bool(box: Any, value: Any) -> None:
    box.setChecked(bool(value))


def _text(need: Need, tell: Any) -> QLineEdit:
    line = QLineEdit()
    line.textChanged.connect(tell)
    return line


def _int(need: Need, tell: Any) -> QLineEdit:
    line = QLineEdit()
    line.setValidator(QIntValidator(-_MOST, _MOST, line))
    line.textChanged.connect(lambda text: tell(_number(int, text)))
    return line


def _float(need: Need, tell: Any) -> QLineEdit:
    line = QLineEdit()
    validator = QDoubleValidator(line)
    validator.setLocale(QLocale.c())
    line.setValidator(validator)
    line.textChanged.connect(lambda text: tell(_number(float, text)))
    return line


def _set_text(line: Any, value: Any) -> None:
    text = "" if value is None else str(value)
    if line.text() != text and not line.hasFocus():  # who types "1." does not want "1.0"
        line.setText(text)


def _number(kind: type[int] | type[float], text: str) -> int | float | None:
    try:
        return kind(text)
    except ValueError:
        return None  # not typed to its end: a required need says so


_MAKERS: dict[str, Any] = {
    "choice": _choice, "text": _text, "bool": _bool, "int": _int, "float": _float,
}  # fmt: skip
_SETTERS: dict[str, Any] = {
    "choice": _set_choice, "text": _set_text, "bool": _set_bool, "int": _set_text,
    "float": _set_text,
}  # fmt: skip
