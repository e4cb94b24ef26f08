"""The dock widget *DICOM metadata*: the attributes behind the active layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt, QTimer, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_dicomdb.viewer.frame import dicom_metadata
from napari_dicomdb.viewer.instances import instance_shown, instances_of_layer
from napari_dicomdb.widgets._session import attach_session, end_with
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets._theme import ThemeWatcher
from napari_dicomdb.widgets.metadata_view import MetadataView

if TYPE_CHECKING:
    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["DicomMetadata"]

_DELAY = 60  # ms; sliders move faster than headers are read
_HINT = "Select a layer that was loaded from DICOM, or choose Metadata in the DICOM browser."


class DicomMetadata(QWidget):
    """Attributes of what is selected: in the browser, or among the layers.

    While a layer of ours is the active one, its instances are shown, and the one
    of the slice at which the viewer stands is turned to.

    Parameters
    ----------
    napari_viewer : napari viewer, optional
    """

    def __init__(self, napari_viewer: Any = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = napari_viewer
        self._session, detach = attach_session()
        self._theme = ThemeWatcher(napari_viewer, self)
        self._layer: Any = None
        self.hint = QLabel(_HINT)
        self.hint.setObjectName("dim")
        self.hint.setWordWrap(True)
        session = self._session
        runner = TaskRunner("metadata", 2)
        self.view = MetadataView(lambda: session.database, runner, self._theme.palette)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.hint)
        layout.addWidget(self.view, 1)
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.setInterval(_DELAY)
        self._delay.timeout.connect(self._turn)
        self._theme.changed.connect(self._apply_palette)
        self.view.database_changed.connect(session.changed)
        self.view.shown.connect(self.hint.hide)
        self._following = _Following(napari_viewer, self)
        self._following.activated.connect(self._on_active)
        self._following.moved.connect(self._on_step)
        end_with(self, _let_go, self._theme, self._following, runner, detach)
        if session.database is None:
            session.open()
        if napari_viewer is not None and napari_viewer.layers.selection.active is not None:
            self.show_layer(napari_viewer.layers.selection.active)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keep from the viewer what would delete its points, shapes and layers."""
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            event.accept()
        else:
            super().keyPressEvent(event)

    def _apply_palette(self, palette: Palette) -> None:
        self.view.apply_palette(palette)

    # -- following the viewer ---------------------------------------------------------

    def _on_active(self, layer: Any) -> None:
        if layer is not None and layer is not self._layer:
            self.show_layer(layer)

    def _on_step(self) -> None:
        if self._layer is not None:
            self._delay.start()

    def show_layer(self, layer: Any) -> None:
        """Show the instances of a layer of ours; another layer changes nothing."""
        if dicom_metadata(layer) is None:
            return
        self._layer = layer
        database = self._session.database
        self.view.find_instances(
            lambda: instances_of_layer(layer, database), lambda found: self._place(found)
        )

    def _place(self, instances: list[InstanceRecord]) -> int:
        if self._viewer is None or self._layer is None:
            return 0
        point = self._viewer.dims.point
        lead = len(point) - self._layer.ndim
        return instance_shown(self._layer, point[max(lead, 0) :], instances)

    def _turn(self) -> None:
        if self.view.instances:
            self.view.turn_to(self._place(self.view.instances))

    def show_from_elsewhere(self) -> None:
        """Let go of the layer: what is shown from now on was chosen in the browser."""
        self._layer = None


class _Following(QObject):
    """Tells which layer becomes the active one, and when a slider is moved."""

    activated = Signal(object)
    moved = Signal()

    def __init__(self, viewer: Any, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        if viewer is not None:
            viewer.layers.selection.events.active.connect(self._on_active)
            viewer.dims.events.current_step.connect(self._on_step)

    def _on_active(self, event: Any = None) -> None:
        self.activated.emit(self._viewer.layers.selection.active)

    def _on_step(self, event: Any = None) -> None:
        self.moved.emit()

    def stop(self) -> None:
        """Let go of the viewer, which outlives every dock."""
        viewer, self._viewer = self._viewer, None
        if viewer is not None:
            viewer.layers.selection.events.active.disconnect(self._on_active)
            viewer.dims.events.current_step.disconnect(self._on_step)


def _let_go(theme: ThemeWatcher, following: _Following, runner: TaskRunner, detach: Any) -> None:
    following.stop()
    runner.close()
    theme.disconnect_settings()
    detach()
