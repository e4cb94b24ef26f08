"""Anonymise first: a tick and its choices, for dialogs that send or export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QDialog, QHBoxLayout, QLabel, QPushButton, QWidget

from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.widgets._dialog_parts import lay_out_dialog, row_of
from napari_dicomdb.widgets._upkeep_page import make_label
from napari_dicomdb.widgets.deidentify_form import DeidentifyForm
from napari_dicomdb.widgets.notice import NoticeBox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.api import Database
    from napari_dicomdb.export.deidentification.profile import Profile
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["DeidentifyChoice", "DeidentifyRow"]


class DeidentifyChoice(QDialog):
    """What anonymised copies shall keep, and a mapping; accepted when that is possible.

    Parameters
    ----------
    database : Database
    records : sequence of records
    what : str
        For people: "2 series with 120 files".
    palette : Palette
    """

    def __init__(
        self,
        database: Database,
        records: Sequence[Any],
        what: str,
        palette: Palette,
        parent: QWidget | None = None,
        *,
        viewer: Any = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Anonymise")
        self.profile: Profile | None = None
        self.kept: dict[str, Any] = {}
        self.form = DeidentifyForm(database, records, self, viewer=viewer)
        self.notice = NoticeBox("info")
        self.notice.apply_palette(palette)
        self.notice.hide()
        self.form.told.connect(self._tell)
        self.ok_button = QPushButton("Use these")
        self.ok_button.setDefault(True)
        self.ok_button.clicked.connect(self.accept)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setAutoDefault(False)
        self.cancel_button.clicked.connect(self.reject)
        buttons = row_of(None, self.cancel_button, self.ok_button)
        heading = make_label(f"Anonymise {what}", "title")
        lay_out_dialog(self, heading, self.form, self.notice, buttons, growing=self.form)
        self.setMinimumWidth(620)

    def _tell(self, text: str, severity: str) -> None:
        self.notice.show_text(text, severity)
        self.notice.show()

    def accept(self) -> None:
        """Close when what is asked for is possible."""
        try:
            profile, kept = self.form.profile(), self.form.mapping.kept()
        except DicomDbError as error:
            self._tell(str(error), "error")
            return
        self.profile, self.kept = profile, kept
        self.form.remember()
        super().accept()


class DeidentifyRow(QWidget):
    """A tick "Anonymise first", and a button that opens its choices.

    Parameters
    ----------
    database : Database
    records : sequence of records
    what : str
        For people.
    palette : Palette
    """

    changed = Signal()

    def __init__(
        self,
        database: Database,
        records: Sequence[Any],
        what: str,
        palette: Palette,
        parent: QWidget | None = None,
        *,
        viewer: Any = None,
    ) -> None:
        super().__init__(parent)
        self._of = (database, list(records), what, palette)
        self._viewer = viewer
        self._profile: Profile | None = None
        self._kept: dict[str, Any] = {}
        self.dialog: DeidentifyChoice | None = None
        self.tick = QCheckBox("Anonymise first")
        self.tick.setToolTip("Copies go that do not tell who the patient is; the originals stay")
        self.button = QPushButton("Choices…")
        self.button.setAutoDefault(False)
        self.button.setToolTip("What is kept, what goes black, and what happens to each attribute")
        self.button.setEnabled(False)
        self.told = QLabel()
        self.told.setObjectName("dim")
        self.told.setWordWrap(True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tick)
        layout.addWidget(self.button)
        layout.addWidget(self.told, 1)
        self.tick.toggled.connect(self._ticked)
        self.button.clicked.connect(lambda *_: self.ask())

    def profile(self) -> Profile | None:
        """Return what was chosen, None when it is not to be anonymised."""
        return self._profile if self.tick.isChecked() else None

    def kept(self) -> dict[str, Any]:
        """Return `mapping` and `passphrase` as exports take them; nothing if none is wanted."""
        return dict(self._kept) if self.tick.isChecked() else {}

    def ask(self) -> None:
        """Open the choices, as they were made last."""
        dialog = DeidentifyChoice(*self._of, self, viewer=self._viewer)
        if self._profile is not None:
            dialog.form.show_for_these(self._profile)
            dialog.form.mapping.show_kept(self._kept)
        self.dialog = dialog
        dialog.accepted.connect(lambda: self._chosen(dialog.profile, dialog.kept))
        dialog.rejected.connect(self._dropped)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _ticked(self, on: bool) -> None:
        self.button.setEnabled(on)
        if on and self._profile is None:
            self.ask()  # nobody anonymises without having seen what stays
        self._show()

    def _chosen(self, profile: Profile | None, kept: dict[str, Any]) -> None:
        self.dialog = None
        self._profile, self._kept = profile, kept
        self._show()

    def _dropped(self) -> None:
        self.dialog = None
        if self._profile is None:
            self.tick.setChecked(False)

    def _show(self) -> None:
        profile = self.profile()
        words = [] if profile is None else profile.words()
        short = words[:1] + ([f"{len(words) - 1} kept"] if len(words) > 1 else [])
        mapping = self.kept().get("mapping")
        if mapping is not None:
            how = "encrypted mapping" if self._kept["passphrase"] else "mapping"
            short.append(f"{how} in {mapping.name}")
            words.append(f"{how[0].upper()}{how[1:]}: {mapping}")
        self.told.setText("; ".join(short))
        self.told.setToolTip("\n".join(words))
        self.changed.emit()
