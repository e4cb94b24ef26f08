"""What came last into the database, and what was done with it, in a window of its button."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QPoint, QSize, Qt, Signal
from qtpy.QtGui import QIcon, QPixmap
from qtpy.QtWidgets import (
    QFrame,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.widgets._text import count, number, one_line, series_title
from napari_dicomdb.widgets._theme import mix, style_sheet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_dicomdb.api import Database
    from napari_dicomdb.database.records import SeriesRecord
    from napari_dicomdb.widgets._tasks import TaskRunner
    from napari_dicomdb.widgets._theme import Palette
    from napari_dicomdb.widgets.thumbnails import ThumbnailCache

__all__ = ["RecentActivity", "age", "what_was_done"]

_SERIES = 30
_DEEDS = 12
_PICTURE = 32
_DONE = {
    "import": "Imported",
    "remove": "Removed",
    "merge": "Merged patients",
    "split": "Split a patient",
    "undo": "Undid a change of patients",
    "verify": "Verified files",
    "relink": "Moved files found again",
    "repair": "Repaired",
    "vacuum": "Compacted",
    "backup": "Backed up",
    "export": "Exported",
    "write": "Wrote results",
    "send": "Sent",
    "take-over": "Took over a database",
    "watch": "Arrived in a watched folder",
}

_WORDS = {"rejected": "refused"}  # as reports say it


def age(seconds: float) -> str:
    """Return how long ago something was: "just now", "5 min ago", "yesterday"."""
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{int(seconds // 60)} min ago"
    if seconds < 24 * 3600:
        return f"{int(seconds // 3600)} h ago"
    days = int(seconds // (24 * 3600))
    return "yesterday" if days == 1 else f"{days} days ago"


def what_was_done(kind: str, counts: Mapping[str, Any]) -> str:
    """Return "Imported: 120 added, 3 refused"."""
    done = _DONE.get(kind, kind.replace("-", " ").replace("_", " ").capitalize())
    parts = [
        f"{number(value)} {_WORDS.get(name, name.replace('_', ' '))}"
        for name, value in counts.items()
        if isinstance(value, int) and value
    ]
    return f"{done}: {', '.join(parts)}" if parts else done


class RecentActivity(QFrame):
    """A popup: the latest series, and below them the latest deeds.

    Parameters
    ----------
    runner : TaskRunner
        Where the database is asked.
    thumbnails : ThumbnailCache
    """

    chosen = Signal(object)  # SeriesRecord
    failed = Signal(object)

    def __init__(
        self, runner: TaskRunner, thumbnails: ThumbnailCache, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("popup")
        self.setAccessibleName("Recent activity")
        self._runner = runner
        self._thumbnails = thumbnails
        self._generation = 0
        self.title = QLabel("Latest series")
        self.title.setObjectName("title")
        self.series = QListWidget()
        self.series.setAccessibleName("Latest series")
        self.series.setIconSize(QSize(_PICTURE, _PICTURE))
        self.series.setUniformItemSizes(True)
        self.series.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.series.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.series.itemActivated.connect(self._choose)
        self.series.itemClicked.connect(self._choose)
        self.deeds_title = QLabel("What was done")
        self.deeds_title.setObjectName("title")
        self.deeds = QLabel()
        self.deeds.setObjectName("dim")
        self.deeds.setTextFormat(Qt.TextFormat.PlainText)
        self.deeds.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 10)
        layout.setSpacing(6)
        layout.addWidget(self.title)
        layout.addWidget(self.series, 1)
        layout.addWidget(self.deeds_title)
        layout.addWidget(self.deeds)
        thumbnails.ready.connect(self._show_picture)
        self.resize(380, 460)

    def apply_palette(self, palette: Palette) -> None:
        """Follow the theme: a popup has its own style sheet."""
        selected = mix(palette.current, palette.background, 0.55 if palette.is_dark else 0.8)
        self.setStyleSheet(
            style_sheet(palette)
            + f"QFrame#popup {{ background-color: {palette.background.name()};"
            f" border: 1px solid {palette.primary.name()}; border-radius: 4px; }}"
            f"QListWidget {{ background-color: {palette.foreground.name()}; border: 0px;"
            f" font-size: {palette.font_size}pt; border-radius: 3px; outline: 0; }}"
            f"QListWidget::item:selected {{ background-color: {selected.name()};"
            f" color: {palette.text.name()}; }}"
            f"QLabel {{ background: transparent; color: {palette.text.name()}; }}"
        )

    def open_at(self, place: QPoint, database: Database | None) -> None:
        """Ask `database` what is new, and open below `place`."""
        self._generation += 1
        generation = self._generation
        self.series.clear()
        self.deeds.setText("…")
        if database is not None:
            self._runner.submit(
                lambda: (database.recent(_SERIES), database.activity(_DEEDS)),
                returned=lambda found: self._fill(generation, *found),
                failed=self.failed.emit,
            )
        self.move(self._within_screen(place))
        self.show()
        self.series.setFocus(Qt.FocusReason.PopupFocusReason)

    def _within_screen(self, place: QPoint) -> QPoint:
        screen = self.screen().availableGeometry()
        left = min(max(place.x(), screen.left()), screen.right() - self.width())
        top = min(max(place.y(), screen.top()), screen.bottom() - self.height())
        return QPoint(left, top)

    def _fill(self, generation: int, series: list[SeriesRecord], deeds: list[Any]) -> None:
        if generation != self._generation:
            return
        now = time.time()
        for one in series:
            facts = (one_line(one.modality), count(one.frame_count, "image"), age(now - one.added))
            text = f"{series_title(one)}\n{' · '.join(fact for fact in facts if fact)}"
            item = QListWidgetItem(text)
            item.setData(Qt.ItemDataRole.UserRole, one)
            item.setSizeHint(QSize(100, _PICTURE + 10))
            self.series.addItem(item)
            self._set_picture(item, self._thumbnails.picture(one.uid))
        if self.series.count():
            self.series.setCurrentRow(0)
        lines = [f"{age(now - d.at)} · {what_was_done(d.kind, d.counts)}" for d in deeds]
        self.deeds.setText("\n".join(lines) or "Nothing yet.")

    def _show_picture(self, uid: str) -> None:
        for row in range(self.series.count()):
            item = self.series.item(row)
            if item.data(Qt.ItemDataRole.UserRole).uid == uid:
                self._set_picture(item, self._thumbnails.picture(uid))

    @staticmethod
    def _set_picture(item: QListWidgetItem, picture: QPixmap | None) -> None:
        blank = QPixmap(_PICTURE, _PICTURE)
        blank.fill(Qt.GlobalColor.black)
        item.setIcon(QIcon(blank if picture is None else picture))

    def _choose(self, item: QListWidgetItem) -> None:
        self.hide()
        self.chosen.emit(item.data(Qt.ItemDataRole.UserRole))
