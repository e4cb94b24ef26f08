"""Asking a real Orthanc and the database from the page: typing, streaming, unfolding, failing."""

from __future__ import annotations

import socket

import pydicom
import pytest
from qtpy.QtCore import Qt

from napari_dicomdb import Database
from napari_dicomdb.network.node import Limits, Node
from napari_dicomdb.network.nodes import nodes_path, save_nodes
from napari_dicomdb.network.query import Match
from napari_dicomdb.widgets._session import attach_session
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets.models.match_rows import MatchRow
from napari_dicomdb.widgets.query_page import QueryPage, below

LEFT = Qt.MouseButton.LeftButton
PATIENCE = 20_000  # ms


@pytest.fixture
def here(user_folders, phantom):
    """The default database with one of the phantom's series."""
    with Database.open() as made:
        made.import_paths(phantom["axial-ct"].paths, workers=0)


@pytest.fixture
def make_page(qtbot, palette, here):
    """Open the page on the default database and these nodes."""
    ends = []

    def make(*nodes):
        save_nodes(nodes)
        session, detach = attach_session()
        runner = TaskRunner("asking", 4)
        ends.append((runner, detach))
        if session.database is None:
            session.open()
        qtbot.waitUntil(lambda: session.database is not None, timeout=PATIENCE)
        page = QueryPage(session.network, runner, palette)
        qtbot.addWidget(page)
        page.resize(700, 700)
        page.show()
        qtbot.waitUntil(lambda: len(page.form.boxes) == len(nodes) + 1, timeout=PATIENCE)
        return page

    yield make
    for runner, detach in ends:
        runner.close()
        detach()


@pytest.fixture
def server(orthanc, phantom):
    """Orthanc with two series of the phantom's study."""
    made = orthanc(DicomAlwaysAllowFind=True)
    for name in ("axial-ct", "oblique-mr"):
        for path in phantom[name].paths:
            made.ask("/instances", path.read_bytes())
    return made


def _search(qtbot, page):
    qtbot.keyClick(page.form.name, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not page.is_busy, timeout=PATIENCE)


def _unfold(qtbot, page, row):
    page.results.view.expand(page.results.model.index_of(row))
    qtbot.waitUntil(lambda: row.state == "known", timeout=PATIENCE)


def test_one_list_of_server_and_database_that_unfolds(qtbot, make_page, server, phantom):
    page = make_page(server.node)
    truth = pydicom.dcmread(phantom["axial-ct"].paths[0], stop_before_pixels=True)
    family = str(truth.PatientName).split("^")[0]
    qtbot.keyClicks(page.form.name, family[:3].lower())
    _search(qtbot, page)
    model = page.results.model
    (study,) = model.top.children
    assert study.uid == truth.StudyInstanceUID
    assert study.nodes == ["orthanc"]
    assert set(study.matches) == {"", "orthanc"}
    assert study.held == "part"
    assert "1 study" in page.results.words.text()
    _unfold(qtbot, page, study)
    held = {row.uid: row.held for row in study.children}
    assert held == {
        phantom["axial-ct"].series_uid: "all",
        phantom["oblique-mr"].series_uid: "none",
    }
    assert {row.match.count for row in study.children} == {8}
    mr = next(row for row in study.children if row.held == "none")
    _unfold(qtbot, page, mr)
    files = [pydicom.dcmread(p, stop_before_pixels=True) for p in phantom["oblique-mr"].paths]
    by_number = sorted(files, key=lambda one: int(one.InstanceNumber))
    assert [row.uid for row in mr.children] == [one.SOPInstanceUID for one in by_number]
    known = page.known.of_study(study.uid)
    assert {one.series_uid for one in known} == set(held)
    assert page.known.more_of(mr.uid, 3).count == 8


def test_patients_unfold_to_studies(qtbot, make_page, server):
    page = make_page(server.node)
    page.form.choose_level("patient")
    _search(qtbot, page)
    (patient,) = page.results.model.top.children
    _unfold(qtbot, page, patient)
    (study,) = patient.children
    assert study.level == "study"
    assert set(study.matches) == {"", "orthanc"}


def test_what_arrives_is_shown_as_here(qtbot, make_page, server, phantom):
    page = make_page(server.node)
    _search(qtbot, page)
    (study,) = page.results.model.top.children
    assert study.held == "part"
    page.network.database.import_paths(phantom["oblique-mr"].paths, workers=0)
    page.network.session.changed.emit()
    qtbot.waitUntil(lambda: study.held == "all", timeout=PATIENCE)
    page.network.database.remove(study=study.uid)
    page.network.session.changed.emit()
    qtbot.waitUntil(lambda: study.held == "none", timeout=PATIENCE)


def test_a_node_that_is_not_there_is_told_and_tested(qtbot, make_page, server):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        gone = Node("gone", host="127.0.0.1", port=taken.getsockname()[1])
        page = make_page(server.node, gone)
        _search(qtbot, page)
        assert len(page.results.model.top.children) == 1
        box = page.results.notices["gone"]
        assert box.severity == "error"
        assert "nothing listens" in box.text()
        assert "1 node could not be asked" in page.results.words.text()
        assert box.button.isVisible()
        assert box.button.text() == "Test"
        qtbot.mouseClick(box.button, LEFT)
        assert "Testing gone" in box.text()
        qtbot.waitUntil(lambda: "nothing listens" in box.text(), timeout=PATIENCE)
    _search(qtbot, page)
    assert len(page.results.notices) == 1


def test_too_many_are_cut_with_a_message(qtbot, make_page, server, tmp_path, phantom):
    other = pydicom.dcmread(phantom["axial-ct"].paths[0])
    other.StudyInstanceUID = other.SeriesInstanceUID = other.SOPInstanceUID = "2.25.77"
    other.file_meta.MediaStorageSOPInstanceUID = "2.25.77"
    other.save_as(tmp_path / "other.dcm")
    server.ask("/instances", (tmp_path / "other.dcm").read_bytes())
    node = Node(
        "few", host="localhost", port=server.node.port, called_aet="ORTHANC",
        limits=Limits(max_results=1),
    )  # fmt: skip
    page = make_page(node)
    qtbot.keyClick(page.form.boxes[""], Qt.Key.Key_Space)
    _search(qtbot, page)
    assert len(page.results.model.top.children) == 1
    box = page.results.notices["few:cut"]
    assert box.isVisible()
    assert box.severity == "warning"
    assert "few" in box.text()


def test_escape_stops_asking_a_node_that_is_silent(qtbot, make_page):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        page = make_page(Node("silent", host="127.0.0.1", port=silent.getsockname()[1]))
        qtbot.keyClick(page.form.name, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: len(page.results.model.top.children) == 1, timeout=PATIENCE)
        assert page.is_busy
        assert page.form.search_button.text() == "Cancel"
        qtbot.keyClick(page.results.view, Qt.Key.Key_Escape)
        qtbot.waitUntil(lambda: not page.is_busy, timeout=PATIENCE)
        # What the database found before stays.
        assert len(page.results.model.top.children) == 1
        assert "cancel" in page.results.words.text().lower()


def test_a_new_search_gives_up_the_one_before(qtbot, make_page):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        page = make_page(Node("silent", host="127.0.0.1", port=silent.getsockname()[1]))
        qtbot.keyClick(page.form.name, Qt.Key.Key_Return)
        qtbot.keyClick(page.form.boxes["silent"], Qt.Key.Key_Space)
        _search(qtbot, page)
        assert len(page.results.model.top.children) == 1
        assert page.results.notices == {}


def test_what_cannot_be_asked_is_said_before_anything_is_asked(qtbot, make_page):
    page = make_page()
    page.form.date.choose("range")
    qtbot.keyClicks(page.form.date.first, "soon")
    qtbot.keyClick(page.form.name, Qt.Key.Key_Return)
    assert not page.is_busy
    assert "StudyDate" in page.results.notices["form"].text()
    page.form.date.clear()
    qtbot.keyClick(page.form.boxes[""], Qt.Key.Key_Space)
    qtbot.keyClick(page.form.name, Qt.Key.Key_Return)
    assert "check a node" in page.results.notices["form"].text()


def test_a_list_of_nodes_that_cannot_be_read_is_told(qtbot, make_page):
    page = make_page()
    nodes_path().unlink(missing_ok=True)
    nodes_path().mkdir()
    page.refresh_nodes()
    qtbot.waitUntil(lambda: "nodes" in page.results.notices, timeout=PATIENCE)
    assert "cannot be read" in page.results.notices["nodes"].text()


def test_without_a_uid_nothing_below_is_asked_for():
    row = MatchRow("study")
    row.take(Match("orthanc", "study", {}))
    from napari_dicomdb.errors import QueryError

    with pytest.raises(QueryError, match="gave no UID"):
        below(row)


def test_search_stays_in_sight_in_a_low_dock(qtbot, make_page):
    page = make_page()
    page.results.tell("pacs", "pacs: " + "words that take a lot of room " * 6, "error")
    page.resize(330, page.minimumSizeHint().height())
    for part in (page.form.search_button, page.results.words, page.results.load_button):
        shown = part.mapTo(page, part.rect().bottomRight())
        assert page.rect().contains(shown)
        assert part.visibleRegion().boundingRect().height() == part.height()
    assert page.results.notices["pacs"].height() < 2 * page.form.search_button.height()
    page.form.clear_button.setFocus()
    qtbot.keyClick(page.form.clear_button, Qt.Key.Key_Return)
    assert page.results.notices == {}  # it was searched anew
    qtbot.waitUntil(lambda: not page.is_busy, timeout=PATIENCE)
