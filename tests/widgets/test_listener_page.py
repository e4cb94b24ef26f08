"""The listener started by a click; DCMTK's storescu sends to it."""

from __future__ import annotations

import socket
import subprocess

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from tests.servers import free_port

from napari_dicomdb import Database
from napari_dicomdb.network.listener_settings import ListenerSettings, load_listener_settings
from napari_dicomdb.widgets._session import attach_session
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets._theme import style_sheet
from napari_dicomdb.widgets.listener_page import ListenerPage


@pytest.fixture
def page(qtbot, session, palette):
    runner = TaskRunner("test")
    made = ListenerPage(session.network, runner, palette)
    made.setStyleSheet(style_sheet(palette))
    qtbot.addWidget(made)
    made.resize(430, 700)
    made.show()
    qtbot.waitUntil(lambda: not runner.is_busy)
    made.form.port.setValue(free_port())
    yield made
    runner.close()


@pytest.fixture
def storescu(program):
    def send(port, paths, called="DICOMDB", calling="STORESCU"):
        words = [program("storescu"), "-aec", called, "-aet", calling, "127.0.0.1", str(port)]
        return subprocess.run([*words, *map(str, paths)], capture_output=True, check=False)

    return send


def _click(qtbot, page, state):
    qtbot.mouseClick(page.switch, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.state.text() == state, timeout=20_000)


def test_a_listener_started_elsewhere_shows_its_own_settings(qtbot, page, session):
    port = free_port()
    settings = ListenerSettings(aet="WARD7", port=port, allowed_aets=("MODALITY1",))
    session.network.listening.start(settings)
    qtbot.waitUntil(lambda: page.state.text() == "Listening", timeout=20_000)
    shown = page.form.settings()
    assert (shown.aet, shown.port, shown.allowed_aets) == ("WARD7", port, ("MODALITY1",))
    assert f"WARD7 at 127.0.0.1:{port}" in page.where.text()
    page.copy_button.click()
    assert QGuiApplication.clipboard().text() == f"WARD7 at 127.0.0.1:{port}"


def test_what_is_sent_is_counted_and_indexed(qtbot, page, session, phantom, storescu):
    port, paths = page.form.port.value(), phantom["axial-ct"].paths
    _click(qtbot, page, "Listening")
    assert page.switch.isChecked()
    assert not page.form.port.isEnabled()
    assert page.form.more.isEnabled()
    assert f"DICOMDB at 127.0.0.1:{port}" in page.where.text()
    with qtbot.waitSignal(session.network.indexed, timeout=20_000):
        assert storescu(port, paths).returncode == 0
    received = page.counters["Received"].value
    qtbot.waitUntil(lambda: received.text() == str(len(paths)), timeout=10_000)
    assert "from STORESCU@127.0.0.1" in page.last.text()
    qtbot.waitUntil(lambda: len(session.database.instances()) == len(paths), timeout=10_000)
    qtbot.mouseClick(page.copy_button, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == f"DICOMDB at 127.0.0.1:{port}"
    _click(qtbot, page, "Off")
    assert storescu(port, paths).returncode != 0
    assert load_listener_settings().port == port


def test_by_keyboard(qtbot, page):
    page.focus_first()
    qtbot.keyClick(page.switch, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: page.state.text() == "Listening", timeout=20_000)
    qtbot.keyClick(page.switch, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: page.state.text() == "Off", timeout=20_000)
    assert page.form.port.isEnabled()


def test_port_in_use_is_named_with_its_owner(qtbot, page):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        page.form.port.setValue(port)
        qtbot.mouseClick(page.switch, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(page.notice.isVisible, timeout=20_000)
    assert page.notice.severity == "error"
    assert str(port) in page.notice.text()
    assert "process" in page.notice.text()
    assert not page.switch.isChecked()
    assert page.state.text() == "Off"


def test_who_is_not_allowed_is_turned_away_and_told(qtbot, page, phantom, storescu):
    qtbot.keyClicks(page.form.aets, "MODALITY1, MODALITY2")
    port = page.form.port.value()
    _click(qtbot, page, "Listening")
    assert load_listener_settings().allowed_aets == ("MODALITY1", "MODALITY2")
    assert storescu(port, phantom["axial-ct"].paths[:1]).returncode != 0
    qtbot.waitUntil(page.wrong.isVisible, timeout=10_000)
    assert "STORESCU" in page.wrong.text()
    rejected = page.counters["Rejected"].value
    qtbot.waitUntil(lambda: rejected.text() == "1", timeout=10_000)
    assert storescu(port, phantom["axial-ct"].paths[:1], calling="MODALITY2").returncode == 0
    _click(qtbot, page, "Off")


def test_warning_when_others_reach_it(qtbot, page):
    assert not page.notice.isVisible()
    page.form.bind.setFocus()
    qtbot.keyClick(page.form.bind, Qt.Key.Key_Down)
    assert page.form.address == "0.0.0.0"
    assert "Anybody on the network may send" in page.notice.text()
    assert page.notice.severity == "warning"
    qtbot.keyClicks(page.form.addresses, "10.0.0.0/8")
    assert "Anybody" not in page.notice.text()
    assert "not encrypted" in page.notice.text()


def test_wrong_values_are_told(qtbot, page):
    page.form.aet.clear()
    qtbot.mouseClick(page.switch, Qt.MouseButton.LeftButton)
    assert "AE title" in page.notice.text()
    assert not page.switch.isChecked()


def test_tls_files_are_asked_for(qtbot, page, certificates, program, phantom):
    qtbot.mouseClick(page.form.more, Qt.MouseButton.LeftButton)
    assert not page.form.certificate.isVisible()
    page.form.tls.setFocus()
    qtbot.keyClick(page.form.tls, Qt.Key.Key_Space)
    assert page.form.certificate.isVisible()
    qtbot.keyClicks(page.form.certificate.line, certificates.server)
    qtbot.keyClicks(page.form.key.line, certificates.server_key)
    port = page.form.port.value()
    _click(qtbot, page, "Listening")
    words = [program("echoscu"), "+cf", certificates.ca, "-aec", "DICOMDB"]
    assert subprocess.run([*words, "+tla", "localhost", str(port)], check=False).returncode == 0
    assert subprocess.run([*words[:1], "localhost", str(port)], check=False).returncode != 0
    _click(qtbot, page, "Off")


def test_goes_on_with_another_database(qtbot, page, session, phantom, storescu, tmp_path):
    port = page.form.port.value()
    _click(qtbot, page, "Listening")
    first = session.database.path
    with qtbot.waitSignal(session.opened, timeout=20_000):
        session.open(tmp_path / "other", create=True)
    qtbot.waitUntil(lambda: page.state.text() == "Listening", timeout=20_000)
    assert "“other”" in page.where.text()
    with qtbot.waitSignal(session.network.indexed, timeout=20_000):
        assert storescu(port, phantom["axial-ct"].paths).returncode == 0
    assert len(session.database.series()) == 1
    with Database.open(first) as before:
        assert before.series() == []


def test_starts_at_launch_when_asked(qtbot, page, session, palette):
    page.at_launch.setFocus()
    qtbot.keyClick(page.at_launch, Qt.Key.Key_Space)
    assert session.network.listening.at_launch
    _click(qtbot, page, "Listening")
    _click(qtbot, page, "Off")
    port = page.form.port.value()
    _close_all(session)
    again, detach = attach_session()
    assert again is not session
    with qtbot.waitSignal(again.opened, timeout=20_000):
        again.open()
    qtbot.waitUntil(lambda: again.network.listening.state == "on", timeout=20_000)
    socket.create_connection(("127.0.0.1", port), 5).close()
    again.network.listening.at_launch = False
    detach()


def test_read_only_database_takes_nothing(qtbot, page, session):
    with qtbot.waitSignal(session.opened, timeout=20_000):
        session.open(session.database.path, read_only=True)
    qtbot.mouseClick(page.switch, Qt.MouseButton.LeftButton)
    assert "read-only" in page.notice.text()
    assert not page.switch.isChecked()


def _close_all(session):
    from napari_dicomdb.widgets import _session

    _session._close(session)


def test_nothing_is_cut_off_in_a_narrow_dock(qtbot, page):
    page.form.toggle_more()
    page.form.tls.setChecked(True)
    page.copy_button.show()
    page.resize(328, 900)  # the page of a dock of 340 pixels
    inner = page.form.parentWidget()
    qtbot.waitUntil(lambda: page.width() == 328)
    view = inner.parentWidget()
    qtbot.waitUntil(lambda: inner.width() <= view.width())
    for part in (page.copy_button, page.form.aet, page.form.bind, page.form.key, page.at_launch):
        assert part.mapTo(page, part.rect().topRight()).x() < page.width()


@pytest.mark.parametrize("size", [8 << 30, 1_500_000, 1, 1 << 50])
def test_the_largest_object_stays_what_was_set(page, size):
    page.form.show_settings(ListenerSettings(max_object_bytes=size))
    assert page.form.settings().max_object_bytes == size
    page.form.largest.setValue(77)
    assert page.form.settings().max_object_bytes == 77_000_000
