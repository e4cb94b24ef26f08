"""A small phantom study in a database, and the browser dock on it."""

from __future__ import annotations

import gc
import importlib.util
import sys
import threading
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file
from qtpy.QtCore import QEvent, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QWidget

from napari_dicomdb import Database
from napari_dicomdb.viewer.phantom import write_phantom_study
from napari_dicomdb.widgets import _session
from napari_dicomdb.widgets._session import attach_session
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets._theme import current_palette


def _load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    made = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


_load("browser_hands", Path(__file__).with_name("browser_hands.py"))
peers = _load("network_peers", Path(__file__).parents[1] / "network" / "conftest.py")
# Fixtures of the network's tests: real peers, and a keyring that is not the user's.
certificates, memory_keyring, serve = peers.certificates, peers.memory_keyring, peers.serve
orthanc, storescp, proxy = peers.orthanc, peers.storescp, peers.proxy
dcmqrscp = peers.dcmqrscp

SERIES = ("axial-ct", "oblique-mr", "sagittal-mr", "missing-slice")


@pytest.fixture(scope="session")
def phantom(tmp_path_factory):
    """PhantomSeries by name; their files are never written to."""
    folder = tmp_path_factory.mktemp("phantom")
    made = write_phantom_study(folder, SERIES, matrix=32, slices=8)
    return {series.name: series for series in made}


@pytest.fixture(scope="session")
def phantom_folder(phantom):
    """The folder that holds all series of `phantom`."""
    return phantom["axial-ct"].paths[0].parent.parent


@pytest.fixture
def database(user_folders, phantom_folder):
    """The default database, with the phantom study in it."""
    made = Database.open()
    made.import_paths([phantom_folder], workers=0)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def nothing_left_behind(qapp, user_folders):
    """Every dock lets go of the shared session when it is destroyed; no thread stays."""
    yield
    # A key that was clicked with Ctrl or Shift leaves it pressed for the next test.
    QTest.keyClick(QWidget(), Qt.Key.Key_F24)
    gc.collect()
    for _ in range(3):
        qapp.sendPostedEvents(None, int(QEvent.Type.DeferredDelete.value))
        qapp.processEvents()
    left = _session._shared
    if left is not None:
        _session._close(left)
    assert left is None, f"{left.users} docks still hold the session"
    assert not [t.name for t in threading.enumerate() if t.name.startswith("dicomdb-")]


@pytest.fixture
def palette():
    """Colours of napari's present theme."""
    return current_palette()


@pytest.fixture
def make_browser(make_napari_viewer, qtbot):
    """Open the browser dock as napari's menu does; it shows the default database."""

    def make():
        viewer = make_napari_viewer()
        _, widget = viewer.window.add_plugin_dock_widget("napari-dicomdb", "DICOM browser")
        qtbot.waitUntil(lambda: widget.database is not None, timeout=20_000)
        widget.resize(440, 800)
        return widget

    return make


@pytest.fixture
def browser(database, make_browser, qtbot):
    """The browser dock on the phantom study, its rows read."""
    widget = make_browser()
    lists = widget.lists
    qtbot.waitUntil(lambda: lists.series_model.rowCount() == len(SERIES), timeout=20_000)
    return widget


@pytest.fixture
def on_screen(browser, qtbot):
    """The browser on the phantom study, on the screen, all its tables read."""
    browser.window().show()
    qtbot.waitExposed(browser.window())
    browser.window().activateWindow()
    qtbot.waitUntil(browser.window().isActiveWindow)
    lists = browser.lists
    qtbot.waitUntil(lambda: lists.study_model.rowCount() == 1)
    qtbot.waitUntil(lambda: not any(view.model().is_waiting for view in lists.views))
    return browser


@pytest.fixture
def runner():
    """Two threads for what may wait."""
    made = TaskRunner("test", 2)
    yield made
    made.close()


@pytest.fixture
def three(database):
    """The phantom study of four series and two of other patients."""
    database.import_paths(
        [get_testdata_file("MR_small.dcm"), get_testdata_file("CT_small.dcm")], workers=0
    )
    return database


@pytest.fixture
def session(qtbot, user_folders):
    """What docks share, with the default database open."""
    made, detach = attach_session()
    with qtbot.waitSignal(made.opened, timeout=20_000):
        made.open()
    yield made
    detach()


@pytest.fixture
def network(qtbot, database):
    """What docks share of the network, with the queue of jobs open."""
    session, detach = attach_session()
    with qtbot.waitSignal(session.network.queue_opened, timeout=20_000):
        session.open()
    yield session.network
    detach()
