"""The context menu of rows: its entries, and those that other parts contribute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QMenu

from napari_dicomdb.database.records import PatientRecord, StudyRecord
from napari_dicomdb.widgets._text import matrix, one_line, series_title, study_title

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

__all__ = ["EntryProvider", "MenuEntry", "as_text", "filled_menu"]


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """One line of a context menu.

    Parameters
    ----------
    label : str
    call : callable
        Called without arguments when it is chosen.
    shortcut : str
        The key that does the same, only shown.
    enabled : bool
    tip : str
        Why it cannot be chosen, or what it does.
    """

    label: str
    call: Callable[[], Any]
    shortcut: str = ""
    enabled: bool = True
    tip: str = ""


EntryProvider = Callable[[Sequence[Any]], Sequence[MenuEntry]]
"""Given the selected records (of one kind) returns what can be done with them."""


def filled_menu(host: QWidget, groups: Sequence[Sequence[MenuEntry]]) -> QMenu:
    """Return a menu of groups of entries, with a line between groups."""
    menu = QMenu(host)
    menu.setToolTipsVisible(True)
    for group in groups:
        if group and menu.actions():
            menu.addSeparator()
        for entry in group:
            shortcut = f"\t{entry.shortcut}" if entry.shortcut else ""
            action = menu.addAction(entry.label + shortcut)
            action.setEnabled(entry.enabled)
            action.setToolTip(entry.tip)
            action.triggered.connect(lambda _=False, call=entry.call: call())
    return menu


def as_text(records: Sequence[Any]) -> str:
    """Return records as lines of text, a tab between what the columns say, titles first."""
    if not records:
        return ""
    titles: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    if isinstance(records[0], PatientRecord):
        titles = ("Patient", "ID", "Born", "Sex", "Studies", "Last study")
        rows = [
            (r.display_name, r.patient_id, r.birth_date, r.sex, r.study_count, r.last_study_date)
            for r in records
        ]
    elif isinstance(records[0], StudyRecord):
        titles = ("Date", "Study", "Modality", "Series", "Accession", "UID")
        rows = [
            (r.date, study_title(r), " ".join(r.modalities), r.series_count, r.accession_number,
             r.uid)
            for r in records
        ]  # fmt: skip
    else:
        titles = ("Series", "Modality", "Images", "Matrix", "Number", "Date", "UID")
        rows = [
            (series_title(r), r.modality, r.frame_count, matrix(r.columns, r.rows),
             "" if r.number is None else r.number, r.date, r.uid)
            for r in records
        ]  # fmt: skip
    lines = [titles, *rows]
    return "\n".join("\t".join(one_line(str(cell)) for cell in line) for line in lines)
