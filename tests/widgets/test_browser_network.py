"""The browser says what servers have more of, and leads to the network dock."""

from __future__ import annotations

import pytest
from browser_hands import pick
from qtpy.QtCore import Qt

from napari_dicomdb.network.nodes import save_nodes
from napari_dicomdb.network.query import Match
from napari_dicomdb.widgets.models import place_of
from napari_dicomdb.widgets.models.series_columns import SERIES_COLUMNS

LEFT = Qt.MouseButton.LeftButton
PATIENCE = 30_000  # ms
WHERE = place_of(SERIES_COLUMNS, "where")


def _told(phantom, name, images, uid=""):
    values = {"NumberOfSeriesRelatedInstances": str(images)}
    series = phantom[name]
    return Match("orthanc", "series", values, "", series.study_uid, uid or series.series_uid)


@pytest.fixture
def chosen(browser, phantom, qtbot):
    """The browser with one series selected."""
    browser.show_series([browser.database.find_series(phantom["axial-ct"].series_uid)])
    qtbot.waitUntil(lambda: len(browser.views.selected_series()) == 1, timeout=PATIENCE)
    return browser


def test_row_says_that_a_server_has_more_of_it(qtbot, chosen, phantom):
    model = chosen.lists.series_model
    index = model.index(model.row_of(phantom["axial-ct"].series_uid), WHERE)
    icon = int(Qt.ItemDataRole.DecorationRole)
    assert index.data(icon) == "linked"
    chosen.remote.known.note([_told(phantom, "axial-ct", 8)])
    assert index.data(icon) == "linked"
    with qtbot.waitSignal(model.dataChanged):
        chosen.remote.known.note([_told(phantom, "axial-ct", 12)])
    assert index.data(icon) == "server"
    words = "8 of 12 instances here; the others are on orthanc"
    assert words in index.data(int(Qt.ItemDataRole.ToolTipRole))
    assert index.data(int(Qt.ItemDataRole.AccessibleDescriptionRole)) == words


def test_series_that_are_only_on_a_server_are_offered(qtbot, chosen, phantom, orthanc):
    server = orthanc(DicomAlwaysAllowFind=True, DicomAlwaysAllowGet=True)
    for path in phantom["oblique-mr"].paths:
        server.ask("/instances", path.read_bytes())
    save_nodes([server.node])
    remote, uid = chosen.remote, phantom["oblique-mr"].series_uid
    assert remote.strip.isHidden()
    chosen.database.remove(series=uid)
    chosen.session.changed.emit()
    remote.known.note([_told(phantom, "oblique-mr", 8), _told(phantom, "axial-ct", 8)])
    qtbot.waitUntil(lambda: not remote.strip.isHidden(), timeout=PATIENCE)
    assert remote.strip.text() == "1 more series of this study is on orthanc."
    qtbot.mouseClick(remote.strip.button, LEFT)
    assert remote.strip.isHidden()
    # It comes into the list by itself, without F5.
    model = chosen.lists.series_model
    qtbot.waitUntil(lambda: model.row_of(uid) >= 0, timeout=PATIENCE)
    assert chosen.database.find_series(uid).instance_count == 8


def test_strip_that_was_closed_stays_closed(qtbot, chosen, phantom):
    remote = chosen.remote
    remote.known.note([_told(phantom, "axial-ct", 3, "2.25.1")])
    qtbot.waitUntil(lambda: not remote.strip.isHidden(), timeout=PATIENCE)
    qtbot.mouseClick(remote.strip._close, LEFT)
    remote.known.note([_told(phantom, "axial-ct", 3, "2.25.1")])
    qtbot.waitUntil(lambda: not remote._calm.isActive(), timeout=PATIENCE)
    qtbot.waitUntil(lambda: not chosen._queries.is_busy, timeout=PATIENCE)
    assert remote.strip.isHidden()


def test_dock_is_opened_by_the_button(qtbot, browser):
    qtbot.mouseClick(browser.bar.network_button, LEFT)
    widget = browser.remote.widget
    assert widget.page == "query"
    assert widget.network is browser.session.network
    assert browser.remote.open("jobs") is widget
    assert widget.page == "jobs"


def test_menu_asks_servers_for_the_study(qtbot, chosen, phantom, orthanc):
    server = orthanc(DicomAlwaysAllowFind=True)
    for path in phantom["oblique-mr"].paths[:2]:
        server.ask("/instances", path.read_bytes())
    save_nodes([server.node])
    table = chosen.lists.series
    index = table.model().index(table.model().row_of(phantom["axial-ct"].series_uid), 0)
    pick(qtbot, table.viewport(), table.visualRect(index).center(), "Find on servers…")
    page = chosen.remote.widget.query
    qtbot.waitUntil(
        lambda: not page.is_busy and page.results.model.rowCount() == 4, timeout=PATIENCE
    )
    rows = {row.uid: row.held for row in page.results.model.rows()}
    assert rows[phantom["oblique-mr"].series_uid] == "all"
    assert len(rows) == 4
    assert page.form.chosen_level() == "series"
