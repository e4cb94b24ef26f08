"""The line that offers series to which a report, a segmentation or a plan refers."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QLabel, QWidget

from napari_dicomdb.widgets._text import series_title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.database.records import SeriesRecord
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["ReferencedSeries"]

_NAMED = 4


class ReferencedSeries(QLabel):
    """The words "Refers to: CT Thorax", each series a link; hidden when there is none."""

    chosen = Signal(object)  # SeriesRecord

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._series: list[SeriesRecord] = []
        self._colour = ""
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setWordWrap(True)
        self.linkActivated.connect(self._on_link)
        self.hide()

    def show_series(self, series: Sequence[SeriesRecord]) -> None:
        """Offer `series`."""
        self._series = list(series)
        self._write()
        self.setVisible(bool(self._series))

    def apply_palette(self, palette: Palette) -> None:
        """Draw links in the colour of another theme."""
        self._colour = palette.link.name()
        self._write()

    def _write(self) -> None:
        style = f' style="color: {self._colour}"' if self._colour else ""
        links = [
            f'<a href="{k}"{style}>{escape(f"{s.modality} {series_title(s)}".strip())}</a>'
            for k, s in enumerate(self._series[:_NAMED])
        ]
        more = len(self._series) - _NAMED
        self.setText(f"Refers to: {', '.join(links)}" + (f" and {more} more" if more > 0 else ""))

    def _on_link(self, number: str) -> None:
        self.chosen.emit(self._series[int(number)])
