"""The question before nodes are forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox, QWidget

from napari_dicomdb.widgets._text import count, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_dicomdb.network.node import Node

__all__ = ["ask_to_remove", "removal_words"]


def removal_words(nodes: Sequence[Node]) -> tuple[str, str]:
    """Return the question, and what goes with the nodes."""
    one = len(nodes) == 1
    what = f"“{one_line(nodes[0].name)}”" if one else count(len(nodes), "node")
    secret = ""
    if any(node.secret for node in nodes):
        secret = "Its password is forgotten, too. " if one else "Their passwords are, too. "
    return f"Remove {what}?", f"{secret}This cannot be undone."


def ask_to_remove(
    parent: QWidget, nodes: Sequence[Node], remove: Callable[[], object]
) -> QMessageBox:
    """Open the question; `remove` is called when it is answered so. Escape and Return keep."""
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("Remove nodes")
    box.setTextFormat(Qt.TextFormat.PlainText)
    question, more = removal_words(nodes)
    box.setText(question)
    box.setInformativeText(more)
    yes = box.addButton("Remove", QMessageBox.ButtonRole.AcceptRole)
    yes.setObjectName("dangerButton")
    no = box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(no)
    box.setEscapeButton(no)
    yes.clicked.connect(lambda *_: remove())
    box.open()
    return box
