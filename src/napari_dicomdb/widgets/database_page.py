"""What the browser shows when its database cannot be opened, and the remedies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from napari_dicomdb.widgets._icons import pixmap

if TYPE_CHECKING:
    from napari_dicomdb.widgets._opening import OpenFailure
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["DatabasePage", "Explanation", "explain"]

AGAIN, READ_ONLY, REPAIR, RESTORE, OTHER, CREATE, BACK = (
    "again", "read-only", "repair", "restore", "other", "create", "back",
)  # fmt: skip

_LABELS = {
    AGAIN: "Try again",
    READ_ONLY: "Open read-only",
    REPAIR: "Check and repair…",
    RESTORE: "Restore a backup…",
    OTHER: "Choose another…",
    CREATE: "Create a new one here",
    BACK: "Back",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """A heading, sentences, and what can be done, the best first."""

    heading: str
    text: str
    remedies: tuple[str, ...]


def explain(failure: OpenFailure) -> Explanation:
    """Return why a database does not open, in plain words, and the remedies."""
    said = str(failure.error) or type(failure.error).__name__
    heading, remedies = _BY_REASON.get(
        failure.reason, ("The database cannot be opened", (AGAIN, READ_ONLY, OTHER))
    )
    if failure.request.read_only:
        remedies = tuple(one for one in remedies if one != READ_ONLY)
    return Explanation(heading, said, remedies)


_BY_REASON: dict[str, tuple[str, tuple[str, ...]]] = {
    "database-gone": ("The database is not there now", (AGAIN, OTHER, CREATE)),
    "no-database": ("There is no database here", (AGAIN, OTHER, CREATE)),
    "database-busy": ("The database is in use", (AGAIN, READ_ONLY, OTHER)),
    "database-damaged": ("The database is damaged", (REPAIR, RESTORE, READ_ONLY, OTHER)),
    "database-version": ("The database is of another version", (AGAIN, OTHER)),
    "not-our-database": ("This is another program's database", (OTHER,)),
    "not-writable": ("The database cannot be written", (READ_ONLY, AGAIN, OTHER)),
    "disk-full": ("The disk is full", (AGAIN, READ_ONLY, OTHER)),
    "cannot-open": ("The database cannot be read", (AGAIN, READ_ONLY, OTHER)),
}


class DatabasePage(QWidget):
    """Picture, heading, plain explanation and a button for every remedy.

    Signals
    -------
    again_requested, read_only_requested, create_requested : no arguments
    repair_requested, restore_requested, other_requested : no arguments
    back_requested : no arguments
    """

    again_requested = Signal()
    read_only_requested = Signal()
    create_requested = Signal()
    repair_requested = Signal()
    restore_requested = Signal()
    other_requested = Signal()
    back_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Database problem")
        self.picture = QLabel()
        self.heading = QLabel()
        self.heading.setObjectName("heading")
        self.text = QLabel()
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.path = QLabel()
        self.path.setObjectName("dim")
        for label in (self.picture, self.heading, self.text, self.path):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setTextFormat(Qt.TextFormat.PlainText)
        for label in (self.heading, self.text, self.path):
            label.setWordWrap(True)
        signals = {
            AGAIN: self.again_requested,
            READ_ONLY: self.read_only_requested,
            REPAIR: self.repair_requested,
            RESTORE: self.restore_requested,
            OTHER: self.other_requested,
            CREATE: self.create_requested,
            BACK: self.back_requested,
        }
        self.buttons: dict[str, QPushButton] = {}
        self._column = QVBoxLayout()
        self._column.setSpacing(6)
        for name, label in _LABELS.items():
            button = QPushButton(label)
            button.setMinimumWidth(200)
            button.clicked.connect(lambda _=False, signal=signals[name]: signal.emit())
            self.buttons[name] = button
            self._column.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 10, 24, 10)
        layout.setSpacing(10)
        layout.addStretch(2)
        for label in (self.picture, self.heading, self.text, self.path):
            layout.addWidget(label)
        layout.addSpacing(6)
        layout.addLayout(self._column)
        layout.addStretch(3)

    def show_failure(self, failure: OpenFailure, back_to: str = "") -> None:
        """Say what cannot be opened, why, and what helps.

        `back_to` names the database that was shown before and can be again.
        """
        explanation = explain(failure)
        remedies = (*explanation.remedies, *((BACK,) if back_to else ()))
        self.buttons[BACK].setText(f"Back to {back_to}".replace("&", "&&"))
        self.heading.setText(explanation.heading)
        self.text.setText(explanation.text)
        path = str(failure.request.directory)
        self.path.setText("" if path in explanation.text else path)
        self.path.setVisible(bool(self.path.text()))
        for name, button in self.buttons.items():
            button.setVisible(name in remedies)
            first = name == remedies[0]
            button.setObjectName("primaryButton" if first else "")
            button.style().unpolish(button)
            button.style().polish(button)
        for place, name in enumerate(remedies):
            self._column.removeWidget(self.buttons[name])
            self._column.insertWidget(place, self.buttons[name], 0, Qt.AlignmentFlag.AlignHCenter)
        self.buttons[remedies[0]].setFocus()

    def apply_palette(self, palette: Palette) -> None:
        """Draw the picture in the colour of the theme."""
        self.picture.setPixmap(pixmap("error", palette.highlight, 48))
