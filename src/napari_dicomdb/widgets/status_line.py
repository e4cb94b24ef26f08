"""How much the database holds, in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from superqt import QElidingLabel

from napari_dicomdb.widgets._text import count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qtpy.QtWidgets import QWidget

__all__ = ["StatusLine"]


class StatusLine(QElidingLabel):
    """Counts of patients, studies, series and files."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.setObjectName("dim")

    def show_counts(self, info: Mapping[str, Any]) -> None:
        """Show the counts of `Database.info`."""
        parts = (
            count(int(info.get("patients", 0)), "patient"),
            count(int(info.get("studies", 0)), "study", "studies"),
            count(int(info.get("series", 0)), "series", "series"),
            count(int(info.get("instances", 0)), "file"),
        )
        self.setText(" · ".join(parts))
