"""The nodes in a window of their own, where no dock is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDialog, QVBoxLayout, QWidget

from napari_dicomdb.widgets._dialog_parts import row_of
from napari_dicomdb.widgets._session import end_with
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets._theme import style_sheet
from napari_dicomdb.widgets._upkeep_page import make_button
from napari_dicomdb.widgets.nodes_page import NodesPage

if TYPE_CHECKING:
    from napari_dicomdb.widgets._network_session import NetworkSession
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["NodesDialog"]


class NodesDialog(QDialog):
    """The page of the nodes, and a button to close it.

    Parameters
    ----------
    palette : Palette
    session : NetworkSession, optional
        Is told what changes.
    """

    changed = Signal()

    def __init__(
        self,
        palette: Palette,
        parent: QWidget | None = None,
        *,
        session: NetworkSession | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("DICOM nodes")
        self.setStyleSheet(style_sheet(palette))
        runner = TaskRunner("nodes")
        self.page = NodesPage(session, runner, palette)
        self.page.changed.connect(self.changed)
        self.close_button = make_button("Close", self.reject, "")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(8)
        layout.addWidget(self.page, 1)
        layout.addLayout(row_of(None, self.close_button))
        self.resize(680, 340)
        end_with(self, TaskRunner.close, runner)
