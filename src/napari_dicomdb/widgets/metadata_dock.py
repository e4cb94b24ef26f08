"""The dock *DICOM metadata* for other parts: opened when asked for, used again while open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from napari_dicomdb.viewer.browse import METADATA_WIDGET, show_metadata
from napari_dicomdb.widgets.metadata_widget import DicomMetadata

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.widgets._session import DatabaseSession
    from napari_dicomdb.widgets._tasks import TaskRunner
    from napari_dicomdb.widgets._theme import ThemeWatcher
    from napari_dicomdb.widgets.metadata_view import MetadataView

__all__ = ["MetadataDock"]


class MetadataDock(QObject):
    """Shows attributes of what is chosen in the browser, or of a layer.

    Parameters
    ----------
    viewer : napari viewer or None
        Without one, the metadata has a window of its own.
    session : DatabaseSession
        The shared one, which the dock shows as well.
    runner : TaskRunner
        For questions to the database.
    theme : ThemeWatcher
    host : QWidget
        The browser.
    """

    failed = Signal(object)

    def __init__(
        self,
        viewer: Any,
        session: DatabaseSession,
        runner: TaskRunner,
        theme: ThemeWatcher,
        host: QWidget,
    ) -> None:
        super().__init__(host)
        self._viewer = viewer
        self._session = session
        self._runner = runner
        self._theme = theme
        self.widget: DicomMetadata | None = None

    @property
    def view(self) -> MetadataView:
        """The pages of the dock, which is opened where it is not."""
        return self.open().view

    def open(self) -> DicomMetadata:
        """Open the dock, or bring it to the front, and return what is in it."""
        if self._viewer is not None:
            found: DicomMetadata = show_metadata(self._viewer)
            return found
        if self.widget is None:
            self.widget = DicomMetadata()
            self.widget.setWindowTitle(METADATA_WIDGET)
            self.widget.destroyed.connect(self._forget)
        self.widget.show()
        self.widget.raise_()
        return self.widget

    def _forget(self, *_: object) -> None:
        self.widget = None

    def show_series(self, series: Sequence[Any]) -> None:
        """Show the attributes of all instances of series, studies or patients."""
        if series:
            widget = self.open()
            widget.show_from_elsewhere()
            widget.view.show_series(series)

    def show_instances(self, instances: Sequence[InstanceRecord], at: int = 0) -> None:
        """Show the attributes of these instances."""
        if instances:
            widget = self.open()
            widget.show_from_elsewhere()
            widget.view.show_instances(instances, at)

    def compare(self, left: Any, right: Any) -> None:
        """Compare two instances, two series or two studies."""
        widget = self.open()
        widget.show_from_elsewhere()
        widget.view.compare(left, right)

    def show_layer(self, layer: Any) -> None:
        """Show the instances behind a layer of ours."""
        self.open().show_layer(layer)

    def close(self) -> None:
        """Let go of a window of its own; a dock of the viewer stays."""
        widget, self.widget = self.widget, None
        if widget is not None:
            widget.close()
            widget.deleteLater()
