"""The page that looks for the files of the index, and follows those that were moved."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QMessageBox,
    QTableView,
)

from napari_dicomdb.widgets._text import count
from napari_dicomdb.widgets._text import number as grouped
from napari_dicomdb.widgets._upkeep_page import (
    UpkeepPage,
    make_button,
    make_label,
    make_table,
    save_rows,
)
from napari_dicomdb.widgets.models.plain_table import PlainRow, PlainTable

if TYPE_CHECKING:
    from napari_dicomdb.widgets._theme import Palette
    from napari_dicomdb.widgets.database_actions import DatabaseActions
    from napari_dicomdb.widgets.work_strip import WorkStrip

__all__ = ["FilesPage"]

_TITLES = ("Folder or file", "Missing", "Changed", "What")
_COUNT = re.compile(r"(?<![^\s(])\d{4,}(?= [a-z])")


class FilesPage(UpkeepPage):
    """Verify, find moved files, relink, forget what is missing."""

    def __init__(self, actions: DatabaseActions, work: WorkStrip) -> None:
        super().__init__(actions, work)
        self.verify_button = make_button(
            "Look for all files", self.verify, "Says what is missing or changed; changes no file"
        )
        self.content = QCheckBox("Read their headers, too (slow)")
        self.save_button = make_button("Save…", self.save, "Write this table to a CSV file")
        self.forget_button = make_button(
            "Forget missing…", self.ask_to_forget, "Take files out of the index that are gone"
        )
        top = QHBoxLayout()
        for widget in (self.verify_button, self.content):
            top.addWidget(widget)
        top.addStretch(1)
        for widget in (self.save_button, self.forget_button):
            top.addWidget(widget)
        self.model = PlainTable(_TITLES, numbers=(1, 2))
        self.table: QTableView = make_table(self.model, "Folders with trouble", self)
        for column, width in enumerate((380, 70, 70)):
            self.table.setColumnWidth(column, width)
        self.table.doubleClicked.connect(lambda _: self._take_folder())

        self.old_root = QLineEdit()
        self.old_root.setPlaceholderText("Folder where they were")
        self.old_root.setAccessibleName("Old folder")
        self.new_root = QLineEdit()
        self.new_root.setPlaceholderText("Folder where they are now")
        self.new_root.setAccessibleName("New folder")
        for edit in (self.old_root, self.new_root):
            edit.textChanged.connect(self._forget_preview)
        self.find_button = make_button(
            "Find moved files…", self.find_moved, "Look below a folder for files that are missing"
        )
        self.browse_button = make_button("…", self._browse, "Choose the new folder")
        self.preview_button = make_button(
            "Preview", self.preview, "Say how many files match; nothing is written"
        )
        self.relink_button = make_button(
            "Relink", self.relink, "Write the new places into the index, in one step"
        )
        self.readers = [self.verify_button]
        self.writers = [self.forget_button, self.find_button, self.preview_button]
        roots = QHBoxLayout()
        roots.addWidget(self.old_root, 1)
        roots.addWidget(make_label("→"))
        roots.addWidget(self.new_root, 1)
        roots.addWidget(self.browse_button)
        moves = QHBoxLayout()
        moves.addWidget(self.find_button)
        moves.addStretch(1)
        moves.addWidget(self.preview_button)
        moves.addWidget(self.relink_button)
        self.match = make_label("", "dim")
        self.column.addLayout(top)
        self.column.addWidget(self.table, 1)
        self.column.addWidget(make_label("Files were moved", "title"))
        self.column.addLayout(roots)
        self.column.addWidget(self.match)
        self.column.addLayout(moves)
        self.has_preview = False
        self.report: Any = None

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        self.model.set_dim(palette.dim)

    def update_buttons(self) -> None:
        """Enable what can be done now."""
        super().update_buttons()
        database = self.database
        writable = database is not None and not database.read_only and not self.work.is_busy
        self.relink_button.setEnabled(writable and self.has_preview)
        self.save_button.setEnabled(bool(self.model.rows))
        missing = getattr(self.report, "missing_count", 0)
        self.forget_button.setEnabled(writable and bool(missing))

    # -- verify ---------------------------------------------------------------------------

    def verify(self) -> None:
        """Look for all files."""
        database = self.database
        if database is not None:
            self.work.run(
                "Looking for the files",
                database.verify,
                content=self.content.isChecked(),
                returned=self.show_report,
            )

    def show_report(self, report: Any) -> None:
        """List folders and files with trouble."""
        self.report = report
        self.model.show_rows(_rows(report))
        self.work.tell(_sentence(report.summary()), "info" if report.ok else "warning")
        self.changed()
        self.update_buttons()

    def save(self) -> None:
        """Write the table to a file that is asked for."""
        try:
            path = save_rows(self, _TITLES, self.model)
        except OSError as error:
            self.work.tell_error(error)
            return
        if path is not None:
            self.work.tell(f"Saved to {path}.")

    def ask_to_forget(self) -> None:
        """Ask, then take missing files out of the index."""
        database = self.database
        number = getattr(self.report, "missing_count", 0)
        if database is None or not number:
            return
        answer = QMessageBox.question(
            self,
            "Forget missing files",
            f"{count(number, 'file is', 'files are')} gone. Forget them? What else belongs to "
            "their series stays. Files on drives that are not connected now are kept.",
        )
        if answer == QMessageBox.StandardButton.Yes:
            self.work.run(
                "Forgetting", database.repair, forget_missing=True, returned=self._forgotten
            )

    def _forgotten(self, report: Any) -> None:
        self.work.tell(_sentence(report.summary()))
        self.report = None
        self.model.show_rows([])
        self.changed()

    def _take_folder(self) -> None:
        index = self.table.currentIndex()
        row = self.model.rows[self.table.model().mapToSource(index).row()]
        if row.data is not None:
            self.old_root.setText(str(row.data))

    # -- relink ---------------------------------------------------------------------------

    def _browse(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Where the files are now")
        if name:
            self.new_root.setText(name)

    def find_moved(self) -> None:
        """Look below a folder that is asked for."""
        database = self.database
        name = QFileDialog.getExistingDirectory(self, "Look for moved files below this folder")
        if database is not None and name:
            self.work.run(
                "Looking for moved files", database.find_moved, [name], returned=self._found
            )

    def _found(self, roots: list[Any]) -> None:
        if not roots:
            self.work.tell("No file that is missing was found there.", "warning")
            return
        best = max(roots, key=lambda root: root.files)
        self.old_root.setText(str(best.old_root))
        self.new_root.setText(str(best.new_root))
        more = f" {count(len(roots) - 1, 'further place')} after this." if len(roots) > 1 else ""
        self.work.tell(f"Found: see the preview, then relink.{more}")
        # The strip is busy until this call has returned.
        self.work.busy_changed.connect(self._preview_then)

    def _preview_then(self, busy: bool) -> None:
        if not busy:
            self.work.busy_changed.disconnect(self._preview_then)
            self.preview()

    def preview(self) -> None:
        """Say how many files match; nothing is written."""
        self._relink(dry_run=True)

    def relink(self) -> None:
        """Write the new places."""
        self._relink(dry_run=False)

    def _relink(self, *, dry_run: bool) -> None:
        database = self.database
        old, new = self.old_root.text().strip(), self.new_root.text().strip()
        if database is None:
            return
        if not old or not new:
            self.work.tell("Name the folder where the files were and where they are.", "warning")
            return
        self.work.run(
            "Comparing" if dry_run else "Relinking",
            database.relink,
            old,
            os.path.expanduser(new),
            dry_run=dry_run,
            returned=self._previewed if dry_run else self._relinked,
        )

    def _previewed(self, report: Any) -> None:
        self.has_preview = report.relinked > 0
        self.match.setText(f"{report.old_root} → {report.new_root}: {_sentence(report.summary())}")
        self.work.outcome.hide()

    def _relinked(self, report: Any) -> None:
        self._forget_preview()
        self.work.tell(_sentence(report.summary()), "info" if report.ok else "warning")
        self.changed()

    def _forget_preview(self, *_: object) -> None:
        self.has_preview = False
        self.match.setText("")
        self.relink_button.setEnabled(False)


def _sentence(words: str) -> str:
    # Counts come first; behind the semicolon there may be paths.
    counts, sign, rest = words.partition(";")
    words = re.sub(_COUNT, lambda found: grouped(int(found[0])), counts) + sign + rest
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")


def _rows(report: Any) -> list[PlainRow]:
    rows = [
        PlainRow(
            (root, grouped(number), "", "Drive or share is not there"),
            (root, number, 0, "a"),
            tip=f"{root} is not there now: its files are not taken for missing.",
            data=root,
        )
        for root, number in report.unavailable_roots.items()
    ]
    rows += [
        PlainRow(
            (one.folder, str(one.missing or ""), str(one.changed or ""), "Folder"),
            (one.folder, one.missing, one.changed, "b"),
            data=one.folder,
        )
        for one in report.folders
        if not one.unavailable
    ]
    rows += [
        PlainRow((path, "", "", text or reason), (path, 0, 0, text), dim=True)
        for path, reason, text in report.remarks
    ]
    rows += [
        PlainRow((path, "", "", "missing"), (path, 0, 0, ""), dim=True) for path in report.missing
    ]
    return rows
