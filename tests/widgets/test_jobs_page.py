"""The list of jobs with a real storescp behind it: pause, cancel, retry, order, reports."""

from __future__ import annotations

import os
import shutil
import socket

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QMenu

from napari_dicomdb.network.node import Node
from napari_dicomdb.network.nodes import add_node
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets._theme import style_sheet
from napari_dicomdb.widgets.jobs_page import JobsPage

CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def page(qtbot, network, palette):
    runner = TaskRunner("test")
    made = JobsPage(network, runner, palette)
    made.setStyleSheet(style_sheet(palette))
    qtbot.addWidget(made)
    made.resize(430, 600)
    made.show()
    yield made
    runner.close()


@pytest.fixture
def silent():
    """A node that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        add_node(Node("slow", host="127.0.0.1", port=port))
        yield port


@pytest.fixture
def send(qtbot, network, database):
    """Put jobs into the queue that send one series each; returns their numbers."""
    series = database.series()

    def add(node, count=1):
        before = len(network.jobs)
        for number in range(count):
            network.add_job(
                "send", {"series": [series[number].uid]}, title=f"Series {number}", node=node
            )
        qtbot.waitUntil(lambda: len(network.jobs) == before + count, timeout=10_000)
        return [job.id for job in sorted(network.jobs, key=lambda job: job.id)][-count:]

    return add


def _wait(qtbot, page, id, state):
    def is_so():
        row = page.model.row_of(id)
        return row >= 0 and page.model.jobs[row].state == state

    qtbot.waitUntil(is_so, timeout=20_000)


def _order(page):
    return [job.id for job in page.model.jobs]


def _choose(qtbot, page, label):
    place = page.list.visualRect(page.list.selectionModel().selectedIndexes()[0]).center()
    page.list.customContextMenuRequested.emit(place)
    (menu,) = [m for m in page.findChildren(QMenu) if m.isVisible()]
    (entry,) = [a for a in menu.actions() if a.text().split("\t")[0] == label]
    assert entry.isEnabled()
    qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(entry).center())


def test_what_is_sent_arrives_and_is_listed_as_done(qtbot, page, storescp, send, database):
    scp = storescp()
    add_node(scp.node)
    (id,) = send("scp")
    _wait(qtbot, page, id, "done")
    uids = {i.uid for i in database.instances(database.series()[0])}
    assert set(scp.received) == uids
    job = page.model.jobs[0]
    assert (job.done, job.total) == (len(uids), len(uids))
    assert not page.details.isVisible()
    where = page.list.visualRect(page.model.index(0, 0)).center()
    qtbot.mouseClick(page.list.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert page.details.isVisible()
    assert page.details.heading.text() == "Series 0"
    assert not page.details.table.isVisible()
    assert not page.pause_button.isEnabled()
    assert not page.cancel_button.isEnabled()
    qtbot.mouseClick(page.clear_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.model.rowCount() == 0, timeout=10_000)
    assert not page.details.isVisible()


def test_pause_go_on_and_cancel_by_keyboard(qtbot, page, silent, send):
    (id,) = send("slow")
    _wait(qtbot, page, id, "running")
    page.select([id])
    qtbot.keyClick(page.list, Qt.Key.Key_Space)
    _wait(qtbot, page, id, "paused")
    qtbot.waitUntil(lambda: page.pause_button.accessibleName() == "Go on")
    qtbot.keyClick(page.list, Qt.Key.Key_Space)
    _wait(qtbot, page, id, "running")
    qtbot.keyClick(page.list, Qt.Key.Key_Delete)
    _wait(qtbot, page, id, "cancelled")
    assert [job.id for job in page.selected()] == [id]


def test_retry_by_mouse_after_the_node_was_mended(qtbot, page, storescp, send, database):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        add_node(Node("scp", host="127.0.0.1", port=taken.getsockname()[1]))
        (id,) = send("scp")
        qtbot.waitUntil(lambda: "nothing listens" in page.model.jobs[0].error, timeout=20_000)
    scp = storescp()
    add_node(scp.node, replacing="scp")
    page.select([id])
    qtbot.waitUntil(lambda: page.retry_button.isEnabled())
    qtbot.mouseClick(page.retry_button, Qt.MouseButton.LeftButton)
    _wait(qtbot, page, id, "done")
    assert len(scp.received) == database.series()[0].instance_count


def test_order_by_buttons_keys_and_menu(qtbot, page, silent, send):
    first, *waiting = send("slow", 4)
    _wait(qtbot, page, first, "running")
    assert _order(page) == [first, *waiting]
    page.select([waiting[2]])
    assert not page.down_button.isEnabled()
    qtbot.mouseClick(page.up_button, Qt.MouseButton.LeftButton)
    a, b, c = waiting
    qtbot.waitUntil(lambda: _order(page)[1:] == [a, c, b], timeout=10_000)
    qtbot.keyClick(page.list, Qt.Key.Key_Up, CONTROL)
    qtbot.waitUntil(lambda: _order(page)[1:] == [c, a, b], timeout=10_000)
    assert [job.id for job in page.selected()] == [c]
    _choose(qtbot, page, "Move down")
    qtbot.waitUntil(lambda: _order(page)[1:] == [a, c, b], timeout=10_000)
    qtbot.keyClick(page.list, Qt.Key.Key_Down, CONTROL)
    qtbot.waitUntil(lambda: _order(page)[1:] == [a, b, c], timeout=10_000)
    page.list.selectAll()
    assert not page.details.isVisible()
    _choose(qtbot, page, "Cancel")
    for id in (first, *waiting):
        _wait(qtbot, page, id, "cancelled")


def test_what_failed_is_listed_and_copied(qtbot, page, database, network):
    add_node(Node("gone", host="127.0.0.1", port=1))
    uid = database.series()[0].uid
    network.add_job("send", {"series": [uid]}, title="To nowhere", node="gone")
    qtbot.waitUntil(lambda: bool(page.model.jobs and page.model.jobs[0].error), timeout=20_000)
    page.select([page.model.jobs[0].id])
    qtbot.keyClick(page.list, Qt.Key.Key_Delete)
    _wait(qtbot, page, page.model.jobs[0].id, "cancelled")
    qtbot.mouseClick(page.details.copy_button, Qt.MouseButton.LeftButton)
    told = QGuiApplication.clipboard().text()
    assert "To nowhere" in told
    assert "node gone" in told
    name = database.patients()[0].name
    assert name not in told


def test_jobs_survive_a_restart(qtbot, page, silent, send, network):
    session = network.session
    (id,) = send("slow")
    _wait(qtbot, page, id, "running")
    with qtbot.waitSignal(network.queue_opened, timeout=30_000):
        session.open()
    _wait(qtbot, page, id, "running")
    network.change_jobs("cancel", [id])
    _wait(qtbot, page, id, "cancelled")


def test_rows_change_in_place(qtbot, page, silent, send):
    ids = send("slow", 3)
    page.select([ids[2]])
    resets = []
    page.model.modelReset.connect(lambda: resets.append(1))
    page.list.verticalScrollBar()
    network = page.session
    network.change_jobs("cancel", ids[:1])
    _wait(qtbot, page, ids[0], "cancelled")
    assert resets == []
    assert [job.id for job in page.selected()] == [ids[2]]
    assert page.list.indexAt(QPoint(5, 5)).isValid()


def test_instances_that_failed_are_listed(qtbot, page, network, storescp, phantom, tmp_path):
    scp = storescp()
    add_node(scp.node)
    folder = tmp_path / "files"
    folder.mkdir()
    paths = [shutil.copy(path, folder) for path in phantom["axial-ct"].paths]
    with qtbot.waitSignal(network.queue_opened, timeout=20_000):
        network.session.open(tmp_path / "other", create=True)
    network.add_job("import", {"paths": [str(folder)]})
    qtbot.waitUntil(lambda: [job.state for job in page.model.jobs] == ["done"], timeout=30_000)
    (series,) = network.database.series()
    gone = network.database.instances(series)[3]
    os.unlink(gone.path)
    network.add_job("send", {"series": [series.uid]}, title="Most of it", node="scp")
    qtbot.waitUntil(lambda: "failed" in [job.state for job in page.model.jobs], timeout=30_000)
    (job,) = [job for job in page.model.jobs if job.state == "failed"]
    page.select([job.id])
    qtbot.waitUntil(page.details.table.isVisible, timeout=10_000)
    (row,) = page.details.model.rows
    assert (row.cells[0], row.cells[2]) == ("missing", gone.uid)
    assert len(scp.received) == len(paths) - 1
    _choose(qtbot, page, "Copy report")
    told = QGuiApplication.clipboard().text()
    assert gone.uid in told
    assert str(folder) not in told
