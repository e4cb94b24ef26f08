"""The page *View*: what the canvas shows as PNG, and along a slider as pictures or MP4."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ref

from qtpy.QtCore import QLocale
from qtpy.QtGui import QDoubleValidator
from qtpy.QtWidgets import (
    QApplication,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.errors import Cancelled, DicomDbError
from napari_dicomdb.viewer.picture import TURN, save_movie, save_picture, save_pictures
from napari_dicomdb.widgets._actions import show_in_folder
from napari_dicomdb.widgets._session import end_with, recall, remember
from napari_dicomdb.widgets._upkeep_page import make_button, make_label
from napari_dicomdb.widgets.notice import NoticeBox

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dicomdb.widgets._theme import Palette

__all__ = ["ViewPage"]

_OF_SLIDERS = ("ndisplay", "order", "range", "axis_labels")
_FOLDER, _RATE = "picture_folder", "movie_rate"
_SIZES = (("As on the screen", 1.0), ("Twice as large", 2.0), ("Four times as large", 4.0))
_WORDS = (
    "Saves what the canvas shows as ordinary pictures. They are no DICOM; names that are drawn "
    "on the canvas are in them. To keep layers and view, write the scene: page Layers."
)


class _Stop:
    """Whether what runs is to stop; outlives the page, and lets go of the viewer."""

    is_asked = False
    is_gone = False

    def __init__(self) -> None:
        self._events: list[Any] = []
        self._page: Callable[[], ViewPage | None] = lambda: None

    def follow(self, viewer: Any, page: ViewPage) -> None:
        """Have the page offer other sliders as soon as there are."""
        self._page = ref(page)
        if viewer is not None:
            self._events = [getattr(viewer.dims.events, name) for name in _OF_SLIDERS]
        for event in self._events:
            event.connect(self._on_sliders)

    def _on_sliders(self, _: object = None) -> None:
        page = self._page()
        if page is not None:
            page.show_axes()

    def ask(self) -> None:
        self.is_asked = True

    def go(self) -> None:
        self.is_asked = self.is_gone = True
        for event in self._events:
            event.disconnect(self._on_sliders)
        self._events = []


class ViewPage(QWidget):
    """Buttons for a picture, a folder of pictures, a movie.

    Parameters
    ----------
    viewer : napari viewer or None
    palette : Palette
    """

    def __init__(self, viewer: Any, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._stop = _Stop()
        self._place: Path | None = None
        self.is_busy = False
        self.size = QComboBox()
        self.size.setAccessibleName("Size of pictures")
        for text, scale in _SIZES:
            self.size.addItem(text, scale)
        self.picture_button = make_button("Save picture…", self.save_picture, "As PNG")
        self.axis = QComboBox()
        self.axis.setAccessibleName("Along which slider")
        self.axis.setPlaceholderText("There is no slider")
        self.rate = QLineEdit(str(recall(_RATE, "10")))
        self.rate.setAccessibleName("Pictures a second")
        validator = QDoubleValidator(0.1, 120.0, 2, self.rate)
        validator.setLocale(QLocale.c())
        self.rate.setValidator(validator)
        self.movie_button = make_button("Save movie…", self.save_movie, "As MP4 (H.264)")
        self.pictures_button = make_button(
            "Save pictures…", self.save_pictures, "A new folder with one PNG for each step"
        )
        self.words = make_label(_WORDS, "dim")
        self.label = make_label("")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.cancel_button = make_button("Cancel", self._stop.ask, "Stop; nothing is left of it")
        self.outcome = NoticeBox(action="Open folder", closable=True)
        self.outcome.hide()
        self.outcome.triggered.connect(self._open)
        self._lay_out()
        self._set_busy(False)
        self.apply_palette(palette)
        self._stop.follow(viewer, self)
        end_with(self, self._stop.go)

    def _lay_out(self) -> None:
        self._running = QWidget()
        running = QHBoxLayout(self._running)
        running.setContentsMargins(0, 0, 0, 0)
        words = QVBoxLayout()
        words.addWidget(self.label)
        words.addWidget(self.bar)
        running.addLayout(words, 1)
        running.addWidget(self.cancel_button)
        along = QFormLayout()
        along.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        along.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        along.addRow("Slider", self.axis)
        along.addRow("Pictures a second", self.rate)
        buttons = QHBoxLayout()
        buttons.addWidget(self.movie_button)
        buttons.addWidget(self.pictures_button)
        buttons.addStretch(1)
        one = QHBoxLayout()
        one.addWidget(self.picture_button)
        one.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 6, 2, 4)
        layout.setSpacing(6)
        layout.addWidget(make_label("Picture of the view", "title"))
        layout.addWidget(self.size)
        layout.addLayout(one)
        layout.addWidget(make_label("Along a slider", "title"))
        layout.addLayout(along)
        layout.addLayout(buttons)
        layout.addWidget(self.words)
        layout.addWidget(self._running)
        layout.addWidget(self.outcome)
        layout.addStretch(1)

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        self.outcome.apply_palette(palette)

    def show_axes(self) -> None:
        """Offer the sliders that there are now; the first with steps is chosen."""
        if self.is_busy:
            return  # of what is being saved
        before = self.axis.currentText()
        self.axis.clear()
        dims: Any = None if self._viewer is None else self._viewer.dims
        for axis in () if dims is None else dims.not_displayed:
            if dims.nsteps[axis] > 1:
                text = f"{dims.axis_labels[axis]} ({int(dims.nsteps[axis])} steps)"
                self.axis.addItem(text, int(axis))
        if dims is not None and dims.ndisplay == 3:
            self.axis.addItem("Once around (3D)", TURN)
        found = self.axis.findText(before)
        self.axis.setCurrentIndex(max(found, 0) if self.axis.count() else -1)
        self._set_busy(self.is_busy)

    # -- saving -----------------------------------------------------------------------

    def save_picture(self) -> None:
        """Ask for a name, and save what is shown now."""
        path = self._ask("Save the picture", "view.png", "PNG (*.png)", ".png")
        if path is not None:
            self._run(path, lambda tell: save_picture(self._viewer, path, scale=self._scale))

    def save_movie(self) -> None:
        """Ask for a name, and save the view along the slider."""
        path = self._ask("Save the movie", "view.mp4", "MP4 (*.mp4)", ".mp4")
        axis = self.axis.currentData()
        if path is None or axis is None:
            return
        remember(_RATE, self.rate.text())
        rate = float(self.rate.text()) if self.rate.hasAcceptableInput() else 10.0
        self._run(
            path,
            lambda tell: save_movie(
                self._viewer, path, axis, frame_rate=rate, scale=self._scale, progress=tell
            ),
        )

    def save_pictures(self) -> None:
        """Ask for a name, and save a picture of each step into a new folder."""
        path = self._ask("A new folder for the pictures", "view", "", "")
        axis = self.axis.currentData()
        if path is None or axis is None:
            return
        self._run(
            path,
            lambda tell: save_pictures(self._viewer, path, axis, scale=self._scale, progress=tell),
        )

    @property
    def _scale(self) -> float | None:
        scale = float(self.size.currentData())
        return None if scale == 1.0 else scale

    def _ask(self, title: str, name: str, kind: str, ending: str) -> Path | None:
        start = str(Path(recall(_FOLDER, "")) / name)
        chosen, _ = QFileDialog.getSaveFileName(self, title, start, kind)
        if not chosen:
            return None
        path = Path(chosen)
        remember(_FOLDER, str(path.parent))
        return path if path.suffix.lower() == ending or not ending else Path(f"{path}{ending}")

    def _run(self, place: Path, save: Callable[[Any], Any]) -> None:
        self._set_busy(True)
        self.outcome.hide()
        stop = self._stop
        stop.is_asked = False

        def tell(done: int, total: int | None, text: str) -> None:
            # Between two pictures the window goes on, and may be closed.
            if not stop.is_asked:
                self.label.setText(f"{text}… {done} of {total}")
                self.bar.setRange(0, total or 0)
                self.bar.setValue(done)
                QApplication.processEvents()
            if stop.is_asked:
                raise Cancelled("cancelled by the user")

        try:
            save(tell)
        except Cancelled:
            if stop.is_gone:
                return
            text, severity, self._place = "Cancelled: nothing was saved.", "info", None
        except DicomDbError as error:
            text, severity, self._place = str(error), "error", None
        else:
            text, severity, self._place = f"Saved {place}", "info", place
        self._set_busy(False)
        self.outcome.show_text(text, severity)
        self.outcome.button.setVisible(self._place is not None)
        self.outcome.show()

    def _set_busy(self, busy: bool) -> None:
        self.is_busy = busy
        self._running.setVisible(busy)
        self.picture_button.setEnabled(self._viewer is not None and not busy)
        for button in (self.movie_button, self.pictures_button):
            button.setEnabled(self.axis.currentIndex() >= 0 and not busy)

    def _open(self) -> None:
        if self._place is not None:
            show_in_folder(self._place)
