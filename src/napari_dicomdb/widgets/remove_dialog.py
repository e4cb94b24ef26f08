"""Asks before something is taken out of the database."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QDialog, QLabel, QPushButton, QWidget

from napari_dicomdb.widgets._dialog_parts import lay_out_dialog, row_of
from napari_dicomdb.widgets._upkeep_page import make_label

__all__ = ["RemoveDialog"]


class RemoveDialog(QDialog):
    """What will be removed, what becomes of the files, and two buttons.

    Parameters
    ----------
    what : str
        For people: "2 series with 120 files".
    has_copies : bool
        Whether some of the files were copied into the database.
    """

    confirmed = Signal(bool)  # whether copies shall be deleted

    def __init__(self, what: str, *, has_copies: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Remove from database")
        heading = make_label(f"Remove {what} from the database?", "title")
        fate = QLabel("Linked files stay where they are.")
        fate.setObjectName("dim")
        fate.setWordWrap(True)
        self.delete_copies = QCheckBox("Also delete the files that were copied into the database")
        self.delete_copies.setVisible(has_copies)
        self.remove_button = QPushButton("Remove")
        self.remove_button.setObjectName("dangerButton")
        self.remove_button.clicked.connect(self._confirm)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setDefault(True)
        self.cancel_button.clicked.connect(self.reject)
        buttons = row_of(None, self.cancel_button, self.remove_button)
        lay_out_dialog(self, heading, fate, self.delete_copies, buttons)
        self.setMinimumWidth(340)

    def _confirm(self) -> None:
        self.confirmed.emit(self.delete_copies.isChecked())
        self.accept()
