"""Series that are dragged out of the browser, and the canvas that takes them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QByteArray, QEvent, QMimeData, QObject, QPoint, QRect, Qt, Signal
from qtpy.QtGui import QColor, QDrag, QFont, QPainter, QPixmap
from qtpy.QtWidgets import QMainWindow, QWidget

from napari_dicomdb.database.records import PatientRecord, SeriesRecord, StudyRecord
from napari_dicomdb.widgets._text import number
from napari_dicomdb.widgets.models import WayRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from napari_dicomdb.api import Database

__all__ = ["SERIES_MIME", "CanvasDrop", "Dragged", "dragged", "mime_of", "start_drag"]

SERIES_MIME = "application/x-dicomdb-series"
"""JSON: {"database": path, "series": [UIDs]}, and optionally "ways", "studies", "patients"."""

_PICTURE = 64  # pixels


@dataclass(frozen=True, slots=True)
class Dragged:
    """What is dragged, by UIDs, so that nothing of it can be out of date.

    Parameters
    ----------
    database : str
        Its directory, "" when it is in memory.
    series : tuple of str
        SeriesInstanceUIDs.
    ways : tuple of (str, int)
        Single ways to open a series: its UID, and the place among its ways.
    studies : tuple of str
        StudyInstanceUIDs.
    patients : tuple of int
        Keys.
    """

    database: str
    series: tuple[str, ...] = ()
    ways: tuple[tuple[str, int], ...] = ()
    studies: tuple[str, ...] = ()
    patients: tuple[int, ...] = ()

    def find(self, database: Database) -> list[SeriesRecord]:
        """Look the series up; called on a worker thread."""
        uids = dict.fromkeys([*self.series, *(uid for uid, _place in self.ways)])
        found = {uid: database.find_series(uid) for uid in uids}
        for study in self.studies:
            found.update((s.uid, s) for s in database.series(study=study))
        for patient in self.patients:
            found.update((s.uid, s) for s in database.series(patient=patient))
        return list(found.values())


def mime_of(path: Path | None, rows: Iterable[Any]) -> QMimeData | None:
    """Return what to drag for rows of the browser: records, or ways to open a series."""
    chosen = list(rows)
    if not chosen:
        return None
    series = [r.uid for r in chosen if isinstance(r, SeriesRecord)]
    said: dict[str, Any] = {"database": "" if path is None else str(path), "series": series}
    # A way whose series is dragged as well needs no word of its own.
    ways = [(r.series.uid, r.place) for r in chosen if isinstance(r, WayRow)]
    said["ways"] = [way for way in ways if way[0] not in series]
    said["studies"] = [r.uid for r in chosen if isinstance(r, StudyRecord)]
    said["patients"] = [r.key for r in chosen if isinstance(r, PatientRecord)]
    mime = QMimeData()
    mime.setData(SERIES_MIME, QByteArray(json.dumps(said).encode()))
    return mime


def dragged(mime: QMimeData) -> Dragged | None:
    """Return what is in `mime`, None when it is not ours or is not what it claims."""
    if not mime.hasFormat(SERIES_MIME):
        return None
    try:
        said = json.loads(bytes(mime.data(SERIES_MIME).data()))
        return Dragged(
            str(said["database"]),
            tuple(str(uid) for uid in said["series"]),
            tuple((str(uid), int(place)) for uid, place in said.get("ways", ())),
            tuple(str(uid) for uid in said.get("studies", ())),
            tuple(int(key) for key in said.get("patients", ())),
        )
    except (KeyError, TypeError, ValueError):
        return None


def start_drag(source: QWidget, mime: QMimeData, amount: int, picture: QPixmap | None) -> None:
    """Drag `mime` out of `source` with a picture, and a number when it is more than one."""
    drag = QDrag(source)
    drag.setMimeData(mime)
    shown = _drawn(picture, amount)
    drag.setPixmap(shown)
    drag.setHotSpot(QPoint(-8, -8))
    drag.exec(Qt.DropAction.CopyAction)


def _drawn(picture: QPixmap | None, amount: int) -> QPixmap:
    drawn = QPixmap(_PICTURE, _PICTURE)
    drawn.fill(QColor(40, 40, 40))
    painter = QPainter(drawn)
    if picture is not None and not picture.isNull():
        size = picture.size().scaled(drawn.size(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRect(QPoint(), size)
        place.moveCenter(drawn.rect().center())
        painter.drawPixmap(place, picture)
    if amount > 1:
        font = QFont(painter.font())
        font.setBold(True)
        painter.setFont(font)
        badge = QRect(_PICTURE - 34, _PICTURE - 20, 34, 20)
        painter.fillRect(badge, QColor(0, 0, 0, 190))
        painter.setPen(QColor("white"))
        painter.drawText(badge, int(Qt.AlignmentFlag.AlignCenter), number(amount))
    painter.end()
    return drawn


class CanvasDrop(QObject):
    """Takes series that are dropped on the canvas of the window that its widget is in.

    Everything else that is dragged there, files above all, stays napari's.

    Parameters
    ----------
    widget : QWidget
        A dock; the canvas is known as soon as it has been shown in a window.
    read : callable
        From what is dragged to what `dropped` tells, None when it is for others.
    """

    dropped = Signal(object)  # what `read` returned: Dragged

    def __init__(self, widget: QWidget, read: Callable[[QMimeData], Any] | None = None) -> None:
        super().__init__(widget)
        self._widget = widget
        self._read = read or dragged
        widget.installEventFilter(self)

    def watch(self) -> None:
        """Watch whatever takes drops in the middle of the window."""
        window = self._widget.window()
        centre = window.centralWidget() if isinstance(window, QMainWindow) else None
        if centre is None:
            return
        for part in (centre, *centre.findChildren(QWidget)):
            if part.acceptDrops():  # a second time does no harm, and a reference would
                part.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Accept our own kind of drag, and tell what was dropped."""
        kind = event.type()
        if watched is self._widget:
            if kind in (QEvent.Type.Show, QEvent.Type.ParentChange):
                self.watch()
            return False
        if kind not in (QEvent.Type.DragEnter, QEvent.Type.DragMove, QEvent.Type.Drop):
            return False
        found = self._read(event.mimeData())
        if found is None:
            return False
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        if kind == QEvent.Type.Drop:
            self.dropped.emit(found)
        return True
