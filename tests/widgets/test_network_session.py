"""One queue and one listener for all docks; they follow the database and end with it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

from napari_dicomdb.widgets._session import attach_session


def test_follows_the_database(qtbot, session, tmp_path):
    network = session.network
    first = network.database
    assert first is session.database
    with qtbot.waitSignal(network.switched, timeout=20_000):
        session.open(tmp_path / "other", create=True)
    assert network.database is session.database
    assert network.database is not first


def test_what_is_added_before_the_queue_is_open_waits_for_it(qtbot, user_folders):
    made, detach = attach_session()
    with qtbot.waitSignal(made.opened, timeout=20_000):
        made.open()
    added = []
    made.network.add_job("echo", {}, node="nobody", added=added.append)
    qtbot.waitUntil(lambda: bool(added), timeout=20_000)
    qtbot.waitUntil(lambda: made.network.jobs[:1] != [], timeout=20_000)
    detach()


def test_without_a_database_there_is_no_queue(qtbot, user_folders):
    made, detach = attach_session()
    with qtbot.waitSignal(made.network.failed) as caught:
        made.network.add_job("echo", {}, node="nobody")
    assert caught.args[0].reason == "no-queue"
    detach()


def test_jobs_that_cannot_be_read_are_told_once(qtbot, session, monkeypatch):
    network, told = session.network, []
    qtbot.waitUntil(lambda: network.queue is not None, timeout=20_000)

    def fail():
        raise OSError("the disk is gone")

    monkeypatch.setattr(network.queue, "jobs", fail)
    network.failed.connect(lambda error: told.append(str(error)))
    for _ in range(2):
        network.refresh_jobs()
        qtbot.waitUntil(lambda: not network._is_reading, timeout=20_000)
    assert told == ["the disk is gone"]


def test_threads_end_with_the_last_dock(qtbot, session):
    network = session.network
    qtbot.waitUntil(lambda: network.queue is not None and network.queue.is_started, timeout=20_000)
    queue = network.queue
    network.close()
    assert not queue.is_started
    assert network.queue is None


def test_jobs_are_those_of_the_database_that_is_open(qtbot, session, tmp_path):
    network = session.network
    first = session.database.path
    network.add_job("echo", {}, title="here", node="nobody")
    qtbot.waitUntil(lambda: [job.title for job in network.jobs] == ["here"], timeout=20_000)
    session.open(tmp_path / "other", create=True)
    qtbot.waitUntil(lambda: network.jobs == [], timeout=20_000)
    qtbot.waitUntil(lambda: session.database.path != first, timeout=20_000)
    session.open(first)
    qtbot.waitUntil(lambda: [job.title for job in network.jobs] == ["here"], timeout=20_000)


def test_a_finished_import_refreshes_the_docks(qtbot, session, phantom):
    folder = str(phantom["axial-ct"].paths[0].parent)
    with qtbot.waitSignal(session.changed, timeout=30_000):
        session.network.add_job("import", {"paths": [folder]})
    assert len(session.database.series()) == 1


def test_a_database_that_is_moved_takes_its_jobs_along(qtbot, session, tmp_path):
    network = session.network
    network.add_job("echo", {}, title="here", node="nobody")
    qtbot.waitUntil(lambda: [job.title for job in network.jobs] == ["here"], timeout=20_000)
    target = tmp_path / "moved"
    with qtbot.waitSignal(network.switched, timeout=30_000):
        session.move(session.database.path, target)
    qtbot.waitUntil(lambda: [job.title for job in network.jobs] == ["here"], timeout=20_000)
    assert network.database.path == target
    assert (target / "jobs.sqlite").is_file()


_SCRIPT = """
import sys
from qtpy.QtWidgets import QApplication
from napari_dicomdb.network.listener_settings import ListenerSettings
from napari_dicomdb.widgets._session import attach_session
application = QApplication([])
session, detach = attach_session()
session.open()
while session.network.queue is None:
    application.processEvents()
session.network.listening.start(ListenerSettings(port=int(sys.argv[1])))
while session.network.listening.state != "on":
    application.processEvents()
print("up")
"""


def test_a_script_that_just_ends_says_nothing(user_folders):
    """The last hooks of Python come when no thread takes work any more."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(port)],
        capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "up\n", "")
