"""The file that will tell who is who: where it goes, and what it is encrypted by."""

from __future__ import annotations

import os
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QGridLayout, QLineEdit, QPushButton, QWidget

from napari_dicomdb.errors import ExportError

__all__ = ["MappingChoice"]


class MappingChoice(QWidget):
    """A line for the path of a mapping, a button to choose it, a passphrase typed twice.

    Passphrases are kept in these lines alone.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.path = QLineEdit()
        self.path.setAccessibleName("Mapping file")
        self.path.setPlaceholderText("None: who is who is not noted")
        self.path.setToolTip(
            "A new file that tells which pseudonym stands for whom, outside of what is given away"
        )
        self.button = QPushButton("Choose…")
        self.button.setAccessibleName("Choose the mapping file")
        self.button.setAutoDefault(False)
        self.button.clicked.connect(self._choose)
        self.passphrase = _secret("Passphrase of the mapping", "Passphrase: encrypts it")
        self.passphrase.setToolTip("Without it nobody can read the mapping, you neither")
        self.again = _secret("Passphrase once more", "Once more")
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.path, 0, 0, 1, 2)
        layout.addWidget(self.button, 0, 2)
        layout.addWidget(self.passphrase, 1, 0)
        layout.addWidget(self.again, 1, 1, 1, 2)
        layout.setColumnStretch(0, 1)
        layout.setColumnStretch(1, 1)
        self.setFocusProxy(self.path)
        for line in (self.path, self.passphrase, self.again):
            line.textChanged.connect(self._adapt)
        self._adapt()

    def kept(self) -> dict[str, Any]:
        """Return `mapping` and `passphrase` as exports take them; nothing if none is wanted.

        Raises
        ------
        ExportError
            If the file is there or its folder not named, the passphrase is too short, or not
            typed twice alike.
        MissingLibraryError
            If what encrypts is not installed.
        """
        from napari_dicomdb.export.deidentification.mapping import mapping_place

        name = self.path.text().strip()
        if not name:
            return {}
        passphrase = self.passphrase.text()
        if passphrase != self.again.text():
            raise ExportError(
                "the passphrase of the mapping is not typed twice alike", reason="bad-passphrase"
            )
        path = os.path.expanduser(name)
        if not os.path.isabs(path):
            raise ExportError(
                "say in which folder the mapping goes, by its whole path", reason="bad-path"
            )
        place = mapping_place(path, None, passphrase)
        return {"mapping": place, "passphrase": passphrase}

    def show_kept(self, kept: dict[str, Any]) -> None:
        """Show what `kept` has returned."""
        self.path.setText(str(kept.get("mapping", "")))
        for line in (self.passphrase, self.again):
            line.setText(kept.get("passphrase", ""))

    def _adapt(self, *_: object) -> None:
        self.passphrase.setEnabled(bool(self.path.text().strip()))
        self.again.setEnabled(self.passphrase.isEnabled() and bool(self.passphrase.text()))
        if not self.passphrase.text() and self.again.text():
            self.again.clear()  # nobody could: it is not enabled
            return
        self.changed.emit()

    def _choose(self) -> None:
        start = self.path.text().strip() or "mapping.json"
        never_replaced = QFileDialog.Option.DontConfirmOverwrite
        name, _ = QFileDialog.getSaveFileName(
            self, "Mapping", start, "JSON (*.json)", options=never_replaced
        )
        if name:
            self.path.setText(name)


def _secret(name: str, hint: str) -> QLineEdit:
    line = QLineEdit()
    line.setAccessibleName(name)
    line.setPlaceholderText(hint)
    line.setEchoMode(QLineEdit.EchoMode.Password)
    return line
