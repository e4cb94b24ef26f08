"""The browser in a real viewer: what is received shows in it, what is sent is counted."""

from __future__ import annotations

import socket
import subprocess

import pytest
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtWidgets import QMenu
from tests.servers import free_port

from napari_dicomdb import Database
from napari_dicomdb.network.listener_settings import ListenerSettings
from napari_dicomdb.network.node import Node
from napari_dicomdb.network.nodes import add_node


@pytest.fixture
def empty(qtbot, user_folders, make_browser):
    """A browser on an empty database."""
    Database.open().close()
    browser = make_browser()
    browser.show()
    return browser


def _choose(qtbot, button, label):
    button.customContextMenuRequested.emit(QPoint(4, 4))
    (menu,) = [m for m in button.findChildren(QMenu) if m.isVisible()]
    (entry,) = [a for a in menu.actions() if a.text() == label]
    qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(entry).center())


def test_what_storescu_sends_shows_in_the_browser(qtbot, empty, phantom, program):
    browser, button = empty, empty.bar.network_button
    _choose(qtbot, button, "Listener")
    dock = browser.remote.widget
    page = dock.listener
    assert dock.page == "listener"
    port = free_port()
    page.form.port.setValue(port)
    qtbot.mouseClick(page.switch, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.state.text() == "Listening", timeout=20_000)
    assert "the listener is on" in button.toolTip()
    words = [program("storescu"), "-aec", "DICOMDB", "127.0.0.1", str(port)]
    for name in ("axial-ct", "oblique-mr"):
        subprocess.run([*words, *map(str, phantom[name].paths)], check=True)
    model = browser.lists.series_model
    qtbot.waitUntil(lambda: model.rowCount() == 2, timeout=20_000)
    uids = {phantom[name].series_uid for name in ("axial-ct", "oblique-mr")}
    assert {series.uid for series in browser.database.series()} == uids
    _choose(qtbot, button, "Stop listening")
    qtbot.waitUntil(lambda: page.state.text() == "Off", timeout=20_000)
    assert "listener" not in button.accessibleName()


def test_jobs_are_counted_and_a_failed_one_is_marked(qtbot, browser):
    button, network = browser.bar.network_button, browser.session.network
    with socket.create_server(("127.0.0.1", 0)) as silent:
        add_node(Node("slow", host="127.0.0.1", port=silent.getsockname()[1]))
        uid = browser.database.series()[0].uid
        network.add_job("send", {"series": [uid]}, node="slow")
        qtbot.waitUntil(lambda: button.text() == "1", timeout=20_000)
        assert "1 job running or waiting" in button.toolTip()
        network.change_jobs("cancel", [network.jobs[0].id])
        qtbot.waitUntil(lambda: button.text() == "", timeout=20_000)
    assert network.failed_count == 0
    add_node(Node("gone", host="127.0.0.1", port=free_port()))
    network.add_job("echo", {}, node="gone")
    qtbot.waitUntil(lambda: network.failed_count == 1, timeout=20_000)
    assert "1 job failed" in button.accessibleName()
    _choose(qtbot, button, "Jobs")
    dock = browser.remote.widget
    assert dock.page == "jobs"
    dock.window().show()
    qtbot.waitUntil(lambda: network.failed_count == 0)
    assert "failed" not in button.accessibleName()


@pytest.mark.parametrize("closed", ["browser", "network"])
def test_the_other_dock_goes_on_when_one_is_closed(qtbot, qapp, browser, closed):
    """What happens to jobs and listener is told to those that are there, and only those."""
    network, window = browser.session.network, browser._viewer.window
    dock = browser.remote.open("listener")
    gone = browser if closed == "browser" else dock
    window.remove_dock_widget(gone.parentWidget())
    gone.deleteLater()
    with qtbot.waitSignal(gone.destroyed):
        qapp.sendPostedEvents(None, int(QEvent.Type.DeferredDelete.value))
    network.listening.start(ListenerSettings(port=free_port()))
    qtbot.waitUntil(lambda: network.listening.state == "on", timeout=20_000)
    network.add_job("echo", {}, node="nobody")
    qtbot.waitUntil(lambda: network.failed_count == 1, timeout=20_000)
    network.nodes_changed.emit()
    network.session.changed.emit()
    network.listening.stop()
    qtbot.waitUntil(lambda: network.listening.state == "off", timeout=20_000)


def test_without_jobs_the_button_is_as_wide_as_its_neighbours(qtbot, empty):
    bar = empty.bar
    assert bar.network_button.text() == ""
    assert bar.network_button.sizeHint() == bar.recent_button.sizeHint()
