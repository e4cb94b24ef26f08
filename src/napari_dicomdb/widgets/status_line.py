"""How much the database holds, in one line; while searching, how much is found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from superqt import QElidingLabel

from napari_dicomdb.widgets._text import count, number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qtpy.QtWidgets import QWidget

    from napari_dicomdb.api import Database

__all__ = ["StatusLine", "counted"]


def counted(database: Database, text: str) -> tuple[dict[str, Any], int | None]:
    """Ask for what `StatusLine.show_counts` shows while `text` is searched for; it may wait."""
    found = sum(database.outline(text=text).counts) if text else None
    return database.info(), found


class StatusLine(QElidingLabel):
    """Counts of patients, studies, series and files."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.setObjectName("dim")

    def show_counts(self, info: Mapping[str, Any], found: int | None = None) -> None:
        """Show the counts of `Database.info`, or how many series a search has found of them."""
        series = int(info.get("series", 0))
        if found is not None:
            self.setText(f"{count(found, 'series', 'series')} found of {number(series)}")
            return
        parts = (
            count(int(info.get("patients", 0)), "patient"),
            count(int(info.get("studies", 0)), "study", "studies"),
            count(series, "series", "series"),
            count(int(info.get("instances", 0)), "file"),
        )
        self.setText(" · ".join(parts))
