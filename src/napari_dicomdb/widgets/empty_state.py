"""What the browser shows when there is nothing to list, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_dicomdb.widgets._icons import pixmap
from napari_dicomdb.widgets._text import isolated, one_line

if TYPE_CHECKING:
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["EmptyState"]


class EmptyState(QWidget):
    """A picture, a heading, a sentence and up to two buttons."""

    import_folder = Signal()
    import_files = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon_name = "import"
        self._palette: Palette | None = None
        self.picture = QLabel()
        self.heading = QLabel()
        self.heading.setObjectName("heading")
        self.text = QLabel()
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        for label in (self.picture, self.heading, self.text):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        for label in (self.heading, self.text):
            label.setWordWrap(True)
        self.folder_button = QPushButton("Import folder…")
        self.folder_button.setObjectName("primaryButton")
        self.folder_button.clicked.connect(self.import_folder)
        self.files_button = QPushButton("Import files…")
        self.files_button.clicked.connect(self.import_files)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addStretch(1)
        buttons.addWidget(self.folder_button)
        buttons.addWidget(self.files_button)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 10, 24, 10)
        layout.setSpacing(10)
        layout.addStretch(2)
        layout.addWidget(self.picture)
        layout.addWidget(self.heading)
        layout.addWidget(self.text)
        layout.addSpacing(6)
        layout.addLayout(buttons)
        layout.addStretch(3)
        self.show_welcome()

    def show_welcome(self) -> None:
        """Say how to fill an empty database."""
        self._show(
            "import",
            "No images yet",
            "Drop a folder, a CD, files or a zip archive with DICOM here. They are only "
            "linked: nothing is copied or changed unless you ask for it.",
            buttons=True,
        )

    def show_opening(self) -> None:
        """Say that the database is being opened."""
        self._show("database", "Opening the database…", "", buttons=False)

    def show_importing(self) -> None:
        """Say that the first images are on their way."""
        self._show("import", "Importing…", "The first series appear here when it is done.",
                   buttons=False)  # fmt: skip

    def show_no_hits(self, words: str) -> None:
        """Say that a search found nothing."""
        self._show(
            "search",
            "Nothing found",
            f"No series matches “{isolated(one_line(words))}”.",
            buttons=False,
        )

    def show_failure(self, reason: str) -> None:
        """Say why the database cannot be opened."""
        self._show("error", "The database cannot be opened", reason, buttons=False)

    def _show(self, icon_name: str, heading: str, text: str, *, buttons: bool) -> None:
        self._icon_name = icon_name
        self.heading.setText(heading)
        self.text.setText(text)
        self.folder_button.setVisible(buttons)
        self.files_button.setVisible(buttons)
        if self._palette is not None:
            self.apply_palette(self._palette)

    def apply_palette(self, palette: Palette) -> None:
        """Draw the picture in the colour of the theme."""
        self._palette = palette
        self.picture.setPixmap(pixmap(self._icon_name, palette.highlight, 56))
