"""Studies as cards with pictures of their series: the visual view of the browser."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, Qt, QTimer, Signal
from qtpy.QtGui import QActionGroup
from qtpy.QtWidgets import QHBoxLayout, QLabel, QMenu, QSlider, QToolButton, QVBoxLayout, QWidget

from napari_dicomdb.widgets._card_hands import CardHands
from napari_dicomdb.widgets._icons import icon
from napari_dicomdb.widgets._session import recall, recall_view, remember, remember_view
from napari_dicomdb.widgets._text import count
from napari_dicomdb.widgets.card_layout import STUDY, Spot
from napari_dicomdb.widgets.card_painter import LARGEST, SMALLEST
from napari_dicomdb.widgets.models.study_cards import StudyCardsModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.api import Database
    from napari_dicomdb.database.records import SeriesRecord
    from napari_dicomdb.widgets._tasks import TaskRunner
    from napari_dicomdb.widgets._theme import Palette
    from napari_dicomdb.widgets.loadable_cache import LoadableCache
    from napari_dicomdb.widgets.thumbnails import ThumbnailCache

__all__ = ["StudyCardsView"]

_SIDE_KEY = "card_picture_side"
_ORDER_KEY = "card_order"
_STUDY_KEY = "card_study"
_DEFAULT_SIDE = 128
_PATIENCE = 400  # ms
_ORDERS = {
    "date": "Newest study first",
    "patient": "By patient",
    "added": "Last added first",
}


@dataclass
class _Folds:
    """What is folded up of one database, for the session."""

    by_default: bool = False
    otherwise: set[int] = field(default_factory=set)
    whole: set[int] = field(default_factory=set)


class StudyCardsView(QWidget):
    """Study cards, with a bar above that orders and zooms them.

    Knows no viewer: it shows what a database holds and says what is selected.

    Parameters
    ----------
    runner : TaskRunner
        Where queries run.
    thumbnails : ThumbnailCache
    palette : Palette
    ways : LoadableCache, optional
        Ways to open series.
    """

    series_selected = Signal(object)  # list of SeriesRecord
    series_opened = Signal(object)  # list of SeriesRecord
    filled = Signal()  # the studies are known, or there are none
    failed = Signal(object)
    menu_requested = Signal(object)  # global position
    remove_requested = Signal()
    copy_requested = Signal()
    busy_changed = Signal(bool)  # a query takes longer than one waits without a word

    def __init__(
        self,
        runner: TaskRunner,
        thumbnails: ThumbnailCache,
        palette: Palette,
        parent: QWidget | None = None,
        *,
        ways: LoadableCache | None = None,
    ) -> None:
        super().__init__(parent)
        self._database: Database | None = None
        self._ways = ways
        self._folds: dict[str, _Folds] = {}
        self._wanted: list[SeriesRecord] = []
        self._reveal: SeriesRecord | None = None
        self._return_to = ""
        self.model = StudyCardsModel(runner, self)
        self.area = CardHands(self.model, thumbnails, palette, ways=ways)
        self.area.setAccessibleName("Study cards")
        self.area.viewport().setAccessibleName("Study cards")
        self.setFocusProxy(self.area)
        self._build()
        self._connect()
        self.area.zoom(recall(_SIDE_KEY, _DEFAULT_SIDE))
        self.slider.setValue(self.area.side)
        self.apply_palette(palette)

    def _build(self) -> None:
        self.order_button = QToolButton()
        self.order_button.setProperty("flat", True)
        self.order_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.order_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.order_button.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        self.order_button.setIconSize(QSize(12, 12))
        self.order_button.setAccessibleName("Order of the studies")
        self.order_button.setToolTip("Order of the studies; fold all cards up")
        menu = QMenu(self.order_button)
        self._orders = QActionGroup(self)
        self.order_actions = {}
        for name, title in _ORDERS.items():
            action = menu.addAction(title)
            action.setCheckable(True)
            action.setData(name)
            self._orders.addAction(action)
            self.order_actions[name] = action
        menu.addSeparator()
        self.fold_action = menu.addAction("Fold all cards up")
        self.unfold_action = menu.addAction("Unfold all cards")
        self.order_button.setMenu(menu)
        self.status = QLabel("")
        self.status.setObjectName("dim")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(SMALLEST, LARGEST)
        self.slider.setSingleStep(8)
        self.slider.setPageStep(32)
        self.slider.setFixedWidth(110)
        self.slider.setAccessibleName("Size of the pictures")
        self.slider.setToolTip("Size of the pictures (Ctrl + wheel, Ctrl + and −, Ctrl 0)")
        bar = QHBoxLayout()
        bar.setContentsMargins(2, 0, 6, 0)
        bar.setSpacing(8)
        bar.addWidget(self.order_button)
        bar.addStretch(1)
        bar.addWidget(self.status)
        bar.addWidget(self.slider)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(bar)
        layout.addWidget(self.area, 1)
        # Keys that move over tiles fast must not ask for every one passed.
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(60)
        # The slider gives many sizes; only the last one is written down.
        self._keep_side = QTimer(self)
        self._keep_side.setSingleShot(True)
        self._keep_side.setInterval(500)
        self._is_busy = False
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(_PATIENCE)
        self._show_order("date")

    def _connect(self) -> None:
        area, model = self.area, self.model
        model.outlined.connect(self._on_outlined)
        model.arrived.connect(self._on_arrived)
        model.failed.connect(self.failed)
        model.busy_changed.connect(self._on_busy)
        self._patience.timeout.connect(lambda: self._set_busy(True))
        area.selection_changed.connect(self._on_selection)
        area.opened.connect(self._open)
        area.touched.connect(self._drop_wishes)
        area.cut_short.connect(self._say_cut_short)
        area.menu_requested.connect(self.menu_requested)
        area.remove_requested.connect(self.remove_requested)
        area.copy_requested.connect(self.copy_requested)
        area.zoomed.connect(self._on_zoomed)
        self.slider.valueChanged.connect(area.zoom)
        self._settle.timeout.connect(self._emit_selected)
        self._keep_side.timeout.connect(self._remember_side)
        self._orders.triggered.connect(lambda action: self.set_order(action.data()))
        self.fold_action.triggered.connect(lambda: self._fold_all(True))
        self.unfold_action.triggered.connect(lambda: self._fold_all(False))

    # -- content ----------------------------------------------------------------------

    def show_database(self, database: Database | None) -> None:
        """Show another database, as it was shown last time."""
        self._database = database
        self._wanted, self._reveal = [], None
        path = None if database is None else database.path
        self.area.database_path = path
        self.area.selection.clear()
        folds = self._folds.setdefault(str(path), _Folds())
        self.area.folded_by_default = folds.by_default
        self.area.folded_otherwise, self.area.whole = folds.otherwise, folds.whole
        self.area.current = None
        self.area.verticalScrollBar().setValue(0)
        order = recall_view(path, _ORDER_KEY, "date")
        self._return_to = recall_view(path, _STUDY_KEY, "")
        if self._ways is not None:
            self._ways.reset(database)
        order = order if order in _ORDERS else "date"
        self._show_order(order)
        self.model.show(database, "", order)
        self.area.lay_out()
        self._settle.start()

    def refresh(self) -> None:
        """List the same database again; what is selected and in sight stays so."""
        if self._ways is not None:
            self._ways.expire()
        self.model.refresh()

    def search(self, text: str) -> None:
        """Show only the series that a search text finds, in their studies; "": all."""
        if text != self.model.text:
            self.area.verticalScrollBar().setValue(0)
            self.model.show(self._database, text, self.model.order)

    def cancel(self) -> None:
        """Do not wait for studies that are being asked for."""
        self.model.cancel()

    def _on_busy(self, busy: bool) -> None:
        if busy:
            self._patience.start()
        else:
            self._patience.stop()
            self._set_busy(False)

    def _set_busy(self, busy: bool) -> None:
        if busy != self._is_busy:
            self._is_busy = busy
            self.busy_changed.emit(busy)

    def set_order(self, order: str) -> None:
        """Order the studies: "date", "patient" or "added"."""
        if order == self.model.order:
            return
        self._show_order(order)
        self.area.verticalScrollBar().setValue(0)
        self.model.show(self._database, self.model.text, order)
        if self._database is not None:
            remember_view(self._database.path, _ORDER_KEY, order)

    def _show_order(self, order: str) -> None:
        self.order_actions[order].setChecked(True)
        self.order_button.setText(_ORDERS[order])

    def apply_palette(self, palette: Palette) -> None:
        """Paint in the colours of another theme."""
        self.area.set_palette(palette)
        self.order_button.setIcon(icon("down", palette.icon))

    @property
    def is_empty(self) -> bool:
        """Whether there is no study to show."""
        return len(self.model) == 0

    def _on_outlined(self) -> None:
        if self._return_to and self.model.is_read:
            self._go_back()
        if self._wanted:
            self._take_wanted()
        self._say()
        self.filled.emit()

    def _go_back(self) -> None:
        """Scroll to the study that was at the top when this database was left."""
        key, self._return_to = self._return_to, ""
        row = self.model.row_of(int(key)) if key.isdecimal() else -1
        if row > 0:
            self.area.verticalScrollBar().setValue(self.area.layout_.top(row))

    def keep_state(self) -> None:
        """Remember which study is at the top, for the next time."""
        if self._database is None or not len(self.model):
            return
        row = self.area.layout_.row_at(self.area.verticalScrollBar().value())
        key = str(int(self.model.keys[row])) if row > 0 else ""
        remember_view(self._database.path, _STUDY_KEY, key)

    def _fold_all(self, folded: bool) -> None:
        self.area.fold_all(folded)
        path = None if self._database is None else self._database.path
        self._folds.setdefault(str(path), _Folds()).by_default = folded

    # -- zoom -------------------------------------------------------------------------

    def _on_zoomed(self, side: int) -> None:
        self.slider.blockSignals(True)
        self.slider.setValue(side)
        self.slider.blockSignals(False)
        self._keep_side.start()

    def _remember_side(self) -> None:
        remember(_SIDE_KEY, self.area.side)

    # -- selection --------------------------------------------------------------------

    def selected_series(self) -> list[SeriesRecord]:
        """Return the selected series, in the order shown."""
        return self.area.selected_series()

    def selected_records(self) -> list[Any]:
        """Return patients or studies when their headers were hit, else the series."""
        return self.area.selected_records()

    def select_series(self, series: Sequence[SeriesRecord]) -> None:
        """Select these series and bring the first one into sight."""
        self._wanted = list(series)
        if self._wanted and self.model.is_read:
            self._take_wanted()

    def _take_wanted(self) -> None:
        row = self.model.row_of(self._wanted[0].study_key)
        if row < 0:
            return  # just imported: it is listed in a moment
        series, self._wanted = self._wanted, []
        self.area.select_records(s for s in series if self.model.row_of(s.study_key) >= 0)
        self.area.set_folded(row, False)
        self._reveal = series[0]
        self._show_revealed()

    def _show_revealed(self) -> None:
        series = self._reveal
        row = -1 if series is None else self.model.row_of(series.study_key)
        if series is None or row < 0:
            return
        listed = self.model.series(row)
        spot = Spot(row, STUDY)
        if listed is not None:
            self._reveal = None
            index = next((k for k, one in enumerate(listed) if one.uid == series.uid), -1)
            if index >= self.area.layout_.shown(row):
                self.area.set_whole(row, True)
            spot = Spot(row, index)
        self.area.set_current(spot)
        if not self.area.viewport().rect().contains(self.area.rect_of(spot)):
            self.area.bring_into_sight(spot)
        self.area.ask()

    def _on_arrived(self, _rows: list[int]) -> None:
        if self._reveal is not None:
            self._show_revealed()

    def _drop_wishes(self) -> None:
        # Who clicks meanwhile knows better than what was asked for before.
        self._wanted, self._reveal, self._return_to = [], None, ""

    def _on_selection(self) -> None:
        self._say()
        self._settle.start()

    def _emit_selected(self) -> None:
        self.series_selected.emit(self.selected_series())

    def _open(self) -> None:
        self._settle.stop()
        chosen = self.selected_series()
        if chosen:
            self.series_opened.emit(chosen)

    def _say(self) -> None:
        number = len(self.area.selection)
        listed = int(self.model.counts.sum())
        if number > 1:
            self.status.setText(f"{number} of {count(listed, 'series', 'series')} selected")
        elif self.model.text:
            self.status.setText(f"{count(listed, 'series', 'series')} found")
        else:
            self.status.setText("")

    def _say_cut_short(self, number: int) -> None:
        self.status.setText(f"Only the first {count(number, 'series', 'series')} are selected")
