"""The view of a tag tree, and what is taken out of it: the clipboard and files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QResizeEvent
from qtpy.QtWidgets import QTreeView

from napari_dicomdb.dicom.attribute_export import (
    json_text,
    tree_csv,
    tree_json,
    tree_lines,
    write_text,
)
from napari_dicomdb.dicom.attributes import read_attributes

if TYPE_CHECKING:
    from pathlib import Path

    from napari_dicomdb.dicom.attributes import AttributeTree

_NAMES = 36  # percent of the width
_FIXED = 94, 34, 30  # tag, VR, VM

__all__ = ["TagView", "copy_text", "export_tree"]


def copy_text(text: str) -> None:
    """Put `text` on the clipboard."""
    clipboard = QGuiApplication.clipboard()
    if clipboard is not None:
        clipboard.setText(text)


class TagView(QTreeView):
    """A tree whose keys stay its own."""

    copy_requested = Signal()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Share the width: names get a third of it, values what is left."""
        super().resizeEvent(event)
        if not self._is_shared:
            width = self.viewport().width()
            self.setColumnWidth(0, max(130, min(width * _NAMES // 100, 300)))
            for column, fixed in enumerate(_FIXED, 1):
                self.setColumnWidth(column, fixed)

    def share_no_more(self, column: int, old: int, new: int) -> None:
        """Leave widths as they are once the user has set one."""
        if QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton:
            self._is_shared = True

    _is_shared = False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy whole lines; let no key through to the viewer."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_requested.emit()
        else:
            super().keyPressEvent(event)
        event.accept()


def export_tree(tree: AttributeTree, path: Path) -> Path:
    """Write all attributes; the ending says how: .json, .csv or text."""
    if path.suffix.lower() == ".csv":
        return write_text(path, tree_csv(tree))
    if path.suffix.lower() == ".json":
        # Another tree: making the model converts the elements that are shown.
        return write_text(path, json_text(tree_json(read_attributes(tree.path))))
    return write_text(path, "\n".join(tree_lines(tree)) + "\n")
