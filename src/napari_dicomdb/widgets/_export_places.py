"""Where results go: a folder, the database, a node, or all of these."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QGridLayout,
    QLineEdit,
    QPushButton,
    QWidget,
)

from napari_dicomdb.network.nodes import load_nodes
from napari_dicomdb.widgets._export_work import Destinations
from napari_dicomdb.widgets._session import recall, remember

if TYPE_CHECKING:
    from napari_dicomdb.api import Database
    from napari_dicomdb.network.node import Node

__all__ = ["PlaceChooser"]

_FOLDER, _NODE, _TO = "result_folder", "result_node", "result_places"


def _whole_path(text: str) -> Path | None:
    """Return the folder of this name, None for one that is within nobody knows which."""
    path = Path(os.path.expanduser(text.strip()))  # "~somebody" with no home here stays that
    return path if path.is_absolute() else None


class PlaceChooser(QWidget):
    """Three check boxes, with a folder and a node."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._database: Database | None = None
        chosen = recall(_TO, ["database"])
        self.into_database = QCheckBox("Into the database, as copies")
        self.into_database.setChecked("database" in chosen)
        self.to_folder = QCheckBox("Folder")
        self.to_folder.setChecked("folder" in chosen)
        self.folder = QLineEdit(recall(_FOLDER, ""))
        self.folder.setAccessibleName("Folder to write to")
        self.folder.setPlaceholderText("A folder")
        self.browse_button = QPushButton("Choose…")
        self.browse_button.setToolTip("Choose a folder")
        self.browse_button.clicked.connect(self._choose)
        self.to_node = QCheckBox("Node")
        self.to_node.setToolTip("A PACS or another DICOM program")
        self.to_node.setChecked("node" in chosen)
        self.node = QComboBox()
        self.node.setAccessibleName("Node to send to")
        self.node.setPlaceholderText("No node yet")
        self.node.setToolTip("Add nodes in DICOM network > Nodes")
        adjust = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        self.node.setSizeAdjustPolicy(adjust)
        self.node.setMinimumContentsLength(8)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addWidget(self.into_database, 0, 0, 1, 3)
        layout.addWidget(self.to_folder, 1, 0)
        layout.addWidget(self.folder, 1, 1)
        layout.addWidget(self.browse_button, 1, 2)
        layout.addWidget(self.to_node, 2, 0)
        layout.addWidget(self.node, 2, 1, 1, 2)
        layout.setColumnStretch(1, 1)
        for box in (self.into_database, self.to_folder, self.to_node):
            box.toggled.connect(self._adapt)
        self.folder.textEdited.connect(lambda _: self.to_folder.setChecked(True))
        self.folder.textChanged.connect(self._adapt)
        self.node.currentIndexChanged.connect(self._adapt)
        self.node.activated.connect(lambda _: self.to_node.setChecked(True))
        self.show_nodes()

    @property
    def destinations(self) -> Destinations:
        """What is chosen now."""
        node: Node | None = self.node.currentData()
        return Destinations(
            _whole_path(self.folder.text()) if self.to_folder.isChecked() else None,
            self.into_database.isChecked() and self.into_database.isEnabled(),
            node if self.to_node.isChecked() else None,
        )

    def problem(self) -> str:
        """Return what is missing, "" when nothing is."""
        if self.to_folder.isChecked() and not self.folder.text().strip():
            return "choose a folder, or do not write to one"
        if self.to_folder.isChecked() and _whole_path(self.folder.text()) is None:
            return "give the whole path of the folder"
        if self.to_node.isChecked() and self.node.currentData() is None:
            return "choose a node, or do not send"
        return "say where to: a folder, the database or a node" if self._is_empty else ""

    @property
    def _is_empty(self) -> bool:
        return self.destinations.is_empty

    def keep(self) -> None:
        """Remember what is chosen for the next time."""
        boxes = {
            "database": self.into_database, "folder": self.to_folder, "node": self.to_node
        }  # fmt: skip
        remember(_TO, [name for name, box in boxes.items() if box.isChecked()])
        remember(_FOLDER, self.folder.text().strip())
        remember(_NODE, self.node.currentText())

    def show_database(self, database: Database | None) -> None:
        """Offer another database; one that cannot be written is not offered."""
        self._database = database
        writes = database is not None and not database.read_only
        self.into_database.setEnabled(writes)
        self.into_database.setToolTip(
            "Shown in the browser at once" if writes else "The database was opened read-only"
        )
        self._adapt()

    def show_nodes(self) -> None:
        """List the nodes as they are now."""
        before = self.node.currentText() or recall(_NODE, "")
        self.node.blockSignals(True)
        self.node.clear()
        for node in load_nodes():
            self.node.addItem(node.name, node)
            self.node.setItemData(
                self.node.count() - 1, node.address, int(Qt.ItemDataRole.ToolTipRole)
            )
        self.node.setCurrentIndex(max(self.node.findText(before), 0 if self.node.count() else -1))
        self.node.blockSignals(False)
        self._adapt()

    def _adapt(self, *_: object) -> None:
        self.changed.emit()

    def _choose(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Write to", self.folder.text())
        if name:
            self.folder.setText(name)
            self.to_folder.setChecked(True)
