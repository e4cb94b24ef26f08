"""Pages of the upkeep window: numbers, soundness, backups."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QPainter
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.widgets._text import file_size
from napari_dicomdb.widgets._upkeep_page import UpkeepPage, make_button, make_label

if TYPE_CHECKING:
    from napari_dicomdb.widgets._theme import Palette
    from napari_dicomdb.widgets.database_actions import DatabaseActions
    from napari_dicomdb.widgets.work_strip import WorkStrip

__all__ = ["BackupPage", "BarList", "SoundnessPage", "StatisticsPage", "facts_and_bars"]

_NAME_WIDTH, _VALUE_WIDTH, _LINE = 150, 110, 22


class BarList(QWidget):
    """Names with bars, the longest for the greatest number."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[tuple[str, float, str]] = []
        self._palette: Palette | None = None

    def show_entries(self, entries: list[tuple[str, float, str]]) -> None:
        """Show (name, number, what is written beside it), greatest first."""
        self.entries = sorted(entries, key=lambda entry: -entry[1])
        words = "; ".join(f"{name}: {value}" for name, _, value in self.entries)
        self.setAccessibleDescription(words)
        self.updateGeometry()
        self.update()

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        self._palette = palette
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(360, _LINE * len(self.entries))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: Any) -> None:
        if self._palette is None or not self.entries:
            return
        palette = self._palette
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        greatest = max(number for _, number, _ in self.entries) or 1
        room = max(self.width() - _NAME_WIDTH - _VALUE_WIDTH, 20)
        for line, (name, number, value) in enumerate(self.entries):
            top = line * _LINE
            painter.setPen(palette.text)
            shown = painter.fontMetrics().elidedText(
                name, Qt.TextElideMode.ElideRight, _NAME_WIDTH - 10
            )
            middle = Qt.AlignmentFlag.AlignVCenter
            painter.drawText(QRectF(0, top, _NAME_WIDTH, _LINE), int(middle), shown)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette.current)
            width = max(room * number / greatest, 2)
            painter.drawRoundedRect(QRectF(_NAME_WIDTH, top + 6, width, _LINE - 12), 3, 3)
            painter.setPen(palette.dim)
            place = QRectF(_NAME_WIDTH + width + 8, top, _VALUE_WIDTH, _LINE)
            painter.drawText(place, int(middle), value)
        painter.end()


class StatisticsPage(UpkeepPage):
    """How much there is, and of what."""

    def __init__(self, actions: DatabaseActions, work: WorkStrip) -> None:
        super().__init__(actions, work)
        self.path = make_label("", "dim")
        self.grid = QGridLayout()
        self.grid.setHorizontalSpacing(24)
        self.grid.setVerticalSpacing(6)
        self.bars: dict[str, BarList] = {}
        self._palette: Palette | None = None
        inner = QWidget()
        self._inner = QVBoxLayout(inner)
        self._inner.addLayout(self.grid)
        self._groups = QVBoxLayout()
        self._inner.addLayout(self._groups)
        self._inner.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(inner)
        self.column.addWidget(self.path)
        self.column.addWidget(area, 1)

    def refresh(self) -> None:
        """Count anew, in the background."""
        super().refresh()
        database = self.database
        self.path.setText("" if database is None else str(database.path or "in memory"))
        if database is not None:
            self.actions.runner.submit(
                database.statistics,
                returned=self.show_statistics,
                failed=self.work.tell_error,
            )

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        self._palette = palette
        for bars in self.bars.values():
            bars.apply_palette(palette)

    def show_statistics(self, statistics: dict[str, Any]) -> None:
        """Show what `Database.statistics` returned."""
        for layout in (self.grid, self._groups):
            while layout.count():
                widget = layout.takeAt(0).widget()
                if widget is not None:
                    widget.deleteLater()
        self.bars.clear()
        facts, groups = facts_and_bars(statistics)
        for place, (name, value) in enumerate(facts):
            row, column = divmod(place, 3)
            number = QLabel(value)
            number.setObjectName("title")
            self.grid.addWidget(number, 2 * row, column)
            self.grid.addWidget(make_label(name, "dim"), 2 * row + 1, column)
        for title, entries in groups:
            bars = self.bars[title] = BarList()
            if self._palette is not None:
                bars.apply_palette(self._palette)
            bars.setAccessibleName(title)
            bars.show_entries(entries)
            self._groups.addSpacing(10)
            self._groups.addWidget(make_label(title, "title"))
            self._groups.addWidget(bars)


def facts_and_bars(
    statistics: dict[str, Any],
) -> tuple[list[tuple[str, str]], list[tuple[str, list[tuple[str, float, str]]]]]:
    """Return numbers as (name, words), and groups of numbers as (title, entries).

    Parameters
    ----------
    statistics : dict
        As `Database.statistics` returns it.
    """
    rows, index = statistics.get("rows", {}), statistics.get("index", {})
    pictures = statistics.get("thumbnails", {})
    each = index.get("bytes_per_instance")
    facts = [
        ("patients", _number(rows.get("patient", 0))),
        ("studies", _number(rows.get("study", 0))),
        ("series", _number(rows.get("series", 0))),
        ("files", _number(rows.get("instance", 0))),
        ("missing", _number(statistics.get("missing_files", 0))),
        ("refused", _number(sum(statistics.get("refused", {}).values()))),
        ("index", file_size(index.get("size", 0))),
        ("index for each file", file_size(round(each)) if each else "–"),
        ("pictures", file_size(pictures.get("size", 0))),
    ]
    dates = statistics.get("study_dates")
    if dates:
        facts.append(("studies from", str(dates[0])))
        facts.append(("to", str(dates[1])))
    groups = [
        (
            title,
            [
                (
                    str(name) or "none",
                    float(entry.get(unit, 0) or 0),
                    f"{_number(entry.get(unit, 0))} · {file_size(entry.get('size', 0) or 0)}",
                )
                for name, entry in statistics.get(key, {}).items()
            ],
        )
        for title, key, unit in (
            ("Files by modality", "modalities", "instances"),
            ("Files by where they lie", "files", "files"),
        )
    ]
    refused = [(why, float(n), _number(n)) for why, n in statistics.get("refused", {}).items()]
    groups.append(("Refused, by reason", refused))
    return facts, [(title, entries) for title, entries in groups if entries]


def _number(value: Any) -> str:
    return f"{int(value or 0):,}".replace(",", "\u2009")


class SoundnessPage(UpkeepPage):
    """Check, repair, write anew."""

    def __init__(self, actions: DatabaseActions, work: WorkStrip) -> None:
        super().__init__(actions, work)
        self.check_button = make_button("Check", self.check, "Says what is wrong; changes nothing")
        self.full = QCheckBox("Thoroughly (reads all of the index)")
        self.repair_button = make_button(
            "Repair",
            self.repair,
            "Puts right what the check finds; no series is thrown away whole",
        )
        self.adopt = QCheckBox("Import copies that are not listed")
        self.adopt.setToolTip(
            "Repair then also imports copied files in the database directory that the index does "
            "not list: those, too, that a removal left behind"
        )
        self.vacuum_button = make_button(
            "Shrink",
            self.vacuum,
            "Writes the index anew: smaller, without traces of what was removed",
        )
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setAccessibleName("What was found and done")
        self.text.setPlaceholderText("What is found, and what is done about it, is told here.")
        row = QHBoxLayout()
        row.addWidget(self.check_button)
        row.addWidget(self.full)
        row.addStretch(1)
        row.addWidget(self.adopt)
        row.addWidget(self.repair_button)
        row.addWidget(self.vacuum_button)
        self.column.addLayout(row)
        self.column.addWidget(self.text, 1)
        self.readers = [self.check_button]
        self.writers = [self.repair_button, self.vacuum_button]

    def refresh(self) -> None:
        """Say at once why a database did not open."""
        super().refresh()
        failure = self.session.failure
        if failure is not None:
            self.text.setPlainText(
                f"{failure.request.directory}\n{failure.error}\n\n"
                "Repair reads a damaged index, as far as it can be read, into a new one; what is "
                "lost is looked for in the files themselves, which a damaged index does not "
                "harm. The damaged file is kept beside the new one. A backup is restored on the "
                "page Backup."
            )

    def check(self) -> None:
        """Look whether the index is sound."""
        database = self.database
        if database is not None:
            self.work.run(
                "Checking", database.check, full=self.full.isChecked(), returned=self._checked
            )

    def _checked(self, report: Any) -> None:
        self.text.setPlainText(_lines(report))
        words = "Everything is in order." if report.ok else "Something is not in order: see above."
        self.work.tell(words, "info" if report.ok else "warning")

    def update_buttons(self) -> None:
        """Enable what can be done now; a database that did not open can be repaired."""
        super().update_buttons()
        failure = self.session.failure
        if failure is not None:
            damaged = failure.reason == "database-damaged"
            self.repair_button.setEnabled(damaged and not self.work.is_busy)

    def repair(self) -> None:
        """Put right what can be, or read a damaged index into a new one."""
        database, failure = self.database, self.session.failure
        if database is not None:
            self.work.run(
                "Repairing",
                _repair,
                database,
                adopt=self.adopt.isChecked(),
                returned=self._repaired,
            )
        elif failure is not None:
            directory = failure.request.directory
            self.work.run("Reading what can be read", _salvage, directory, returned=self._saved)

    def _repaired(self, told: str) -> None:
        self.text.setPlainText(told)
        self.work.tell("Done: see above what was put right.")
        self.changed()

    def _saved(self, told: str) -> None:
        failure = self.session.failure
        if failure is not None:
            self.session.open(failure.request.path)
        self.text.setPlainText(told)
        self.work.tell("Done: see above what was saved.")

    def vacuum(self) -> None:
        """Write the index anew."""
        database = self.database
        if database is not None:
            self.work.run("Writing the index anew", _vacuum, database, returned=self._shrunk)

    def _shrunk(self, freed: int) -> None:
        self.work.tell(f"{file_size(max(freed, 0))} freed.")
        self.changed()


def _repair(database: Any, progress: Any, *, adopt: bool = False) -> str:
    """Say what is to be done, do it, say what was done."""
    found = database.check(full=True, progress=progress)
    done = database.repair(adopt=adopt, progress=progress)
    return f"Found\n{_lines(found)}\n\nDone\n{_lines(done)}"


def _salvage(directory: Path, progress: Any) -> str:
    from napari_dicomdb.api import Database

    return _lines(Database.salvage(directory, progress=progress))


def _vacuum(database: Any, progress: Any) -> int:
    before = _index_size(database.path)
    database.vacuum(progress=progress)
    return before - _index_size(database.path)


def _index_size(path: Path | None) -> int:
    if path is None:
        return 0
    return sum(file.stat().st_size for file in path.glob("dicomdb.sqlite*") if file.is_file())


def _lines(report: Any) -> str:
    """Return what a report says, and each thing it names on a line of its own."""
    lines = [report.summary()]
    for name, value in report.to_json().items():
        if isinstance(value, list) and name != "checks":
            lines += [f"• {_words(one)}" for one in value]
    return "\n".join(lines)


def _words(one: Any) -> str:
    if not isinstance(one, dict):
        return str(one)
    text = str(one.get("text") or one.get("reason") or one)
    number, path = one.get("count", 1), one.get("path", "")
    times = f" ({number} times)" if isinstance(number, int) and number > 1 else ""
    return f"{path}: {text}{times}" if path else f"{text}{times}"


class BackupPage(UpkeepPage):
    """Write a backup, make a database from one."""

    def __init__(self, actions: DatabaseActions, work: WorkStrip) -> None:
        super().__init__(actions, work)
        self.with_copies = QCheckBox("Also the files that were copied into the database")
        self.backup_button = make_button(
            "Back up…", self.ask_to_back_up, "Write a copy, while others may go on working"
        )
        self.restore_button = make_button(
            "Restore…", self.ask_to_restore, "Make a database in an empty folder from a backup"
        )
        self.readers = [self.backup_button]
        self.column.addWidget(
            make_label(
                "A backup is a sound copy of the index, also while an import runs. Files that are "
                "only linked are not in it: they stay where they are."
            )
        )
        self.column.addWidget(self.with_copies)
        for button in (self.backup_button, self.restore_button):
            row = QHBoxLayout()
            row.addWidget(button)
            row.addStretch(1)
            self.column.addLayout(row)
        self.column.addStretch(1)

    def update_buttons(self) -> None:
        """Enable what can be done now; restoring needs no database."""
        super().update_buttons()
        self.restore_button.setEnabled(not self.work.is_busy)

    def ask_to_back_up(self) -> None:
        """Ask where to, then write."""
        database = self.database
        name = QFileDialog.getExistingDirectory(self, "Choose or make a folder for the backup")
        if database is not None and name:
            target = Path(name) / (database.path.name if database.path else "DICOM database")
            self.work.run(
                "Backing up",
                database.backup,
                target,
                with_copies=self.with_copies.isChecked(),
                returned=lambda report: self.work.tell(
                    report.summary(), "info" if report.ok else "warning"
                ),
            )

    def ask_to_restore(self) -> None:
        """Ask for a backup and for a place; the database made is opened."""
        self.actions.manage().ask_to_restore()
