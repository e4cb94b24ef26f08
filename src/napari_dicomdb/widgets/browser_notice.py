"""What went wrong in the browser, in plain words, with the remedy when files are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dicomdb.widgets.notice import NoticeBox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

    from napari_dicomdb.database.records import SeriesRecord

__all__ = ["BrowserNotice"]

_GONE = ("missing-file", "file-missing", "missing-files", "unreadable-file")


class BrowserNotice(NoticeBox):
    """Hidden until something fails; its button, `triggered`, looks for moved files."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("error", action="Find moved files…", closable=True, parent=parent)
        self.button.hide()
        self.hide()

    def tell(self, error: Exception) -> None:
        """Say what went wrong."""
        gone = isinstance(error, FileNotFoundError) or getattr(error, "reason", "") in _GONE
        self._show(str(error), gone)

    def tell_missing(self, series: Sequence[SeriesRecord]) -> None:
        """Say that series cannot be loaded because their files are gone."""
        if len(series) == 1:
            text = "All files of this series are missing: it cannot be loaded."
        else:
            text = f"All files of {len(series)} series are missing: they cannot be loaded."
        self._show(text, True)

    def _show(self, text: str, finds: bool) -> None:
        self.show_text(text, "error")
        self.button.setVisible(finds)
        self.show()
