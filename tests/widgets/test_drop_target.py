"""Files and folders dropped on a widget."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QWidget

from napari_dicomdb.widgets.drop_target import DropTarget

# Qt 6.12 wants a QPointF there, and older ones a QPoint.
pytestmark = pytest.mark.filterwarnings("ignore:.*QDragEnterEvent:DeprecationWarning")


@pytest.fixture
def host(qtbot):
    widget = QWidget()
    widget.resize(300, 200)
    qtbot.addWidget(widget)
    widget.target = DropTarget(widget)
    widget.show()
    return widget


def files(*paths):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(p)) for p in paths])
    return mime


def enter(widget, mime):
    event = QDragEnterEvent(
        QPoint(9, 9),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(widget, event)
    return event


def drop(widget, mime):
    event = QDropEvent(
        QPointF(9, 9),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(widget, event)
    return event


def test_files_and_folders_are_taken(qtbot, host, tmp_path):
    mime = files(tmp_path, tmp_path / "IM0001")
    assert enter(host, mime).isAccepted()
    assert host.target.isVisible()
    with qtbot.waitSignal(host.target.dropped) as caught:
        drop(host, mime)
    assert caught.args == [[tmp_path, tmp_path / "IM0001"]]
    assert not host.target.isVisible()


def test_text_and_web_addresses_are_not(host):
    mime = QMimeData()
    mime.setText("some words")
    assert not host.target.isVisible()
    enter(host, mime)
    mime.setUrls([QUrl("https://example.org/x.dcm")])
    enter(host, mime)
    assert not host.target.isVisible()


def test_leaving_uncovers(host, tmp_path):
    mime = files(tmp_path)
    enter(host, mime)
    QApplication.sendEvent(host, QDragLeaveEvent())
    assert not host.target.isVisible()
