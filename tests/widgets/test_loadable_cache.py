"""The ways to open series are found out in the background, without any click."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtGui import QColor

from napari_dicomdb import Database
from napari_dicomdb.database.database import INDEX_NAME
from napari_dicomdb.dicom.findings import Severity
from napari_dicomdb.widgets import loadable_cache
from napari_dicomdb.widgets._theme import SEVERITY_COLOURS
from napari_dicomdb.widgets._ways import default_severity
from napari_dicomdb.widgets.loadable_cache import LoadableCache
from napari_dicomdb.widgets.models import OpensAsRole, SecondaryTextRole, SeverityRole


class Session(QObject):
    """As much of a `DatabaseSession` as a cache hears of."""

    import_finished = Signal(object, object)
    import_failed = Signal(object, object)
    import_cancelled = Signal(object)
    is_importing = False


@pytest.fixture
def cache(qtbot):
    session = Session()
    made = LoadableCache(session)
    made.told = []
    made.ready.connect(made.told.append)
    made.session = session
    yield made
    made.runner.close()
    made.related.runner.close()


@pytest.fixture
def idle(qtbot, cache):
    """Wait until nothing is asked any more."""

    def wait():
        def at_rest():
            return not (cache._pause.isActive() or cache._task or cache.runner.is_busy)

        qtbot.waitUntil(at_rest)

    return wait


class Recorder:
    """A database that notes what it is asked, one question at a time."""

    def __init__(self, database, known=()):
        self._database, self._known = database, set(known)
        self.looked, self.examined = [], []
        self.begun, self.go = threading.Event(), threading.Event()
        self.go.set()

    def loadables(self, series):
        self.begun.set()
        self.go.wait(60)
        self.looked.append(series.uid)
        return self._database.loadables(series) if series.uid in self._known else None

    def examine_each(self, batch, *, progress):
        for series in batch:
            self.examined.append(series.uid)
            yield from self._database.examine_each([series], progress=progress)


def ask(cache, series):
    return [cache.summaries(one) for one in series]


def hurry(cache):
    """End the pause in which wishes are gathered."""
    cache._pause.stop()
    cache._take_wishes()


def told(ways):
    return [(w.name, w.kind, w.shape, w.spacing, [f.text for f in w.findings]) for w in ways]


def test_what_the_database_says(cache, idle, database, phantom):
    series = database.series()
    cache.reset(database)
    assert ask(cache, series) == [()] * 4, "the first answer is never waited for"
    idle()
    assert sorted(cache.told) == sorted(s.uid for s in series)
    for one in series:
        assert told(cache.summaries(one)) == told(database.loadables(one))
    severities = {s.uid: default_severity(cache.summaries(s)) for s in series}
    assert severities[phantom["missing-slice"].series_uid] is Severity.WARNING
    assert severities[phantom["axial-ct"].series_uid] is None
    idle()
    assert len(cache.told) == 4, "what is known is not asked again"


def test_known_ones_first_then_the_newest(cache, idle, database):
    series = database.series()
    database.examine(series[3])
    recorder = Recorder(database, known=[series[3].uid])
    recorder.go.clear()
    cache.reset(recorder)
    ask(cache, series[:1])
    hurry(cache)
    assert recorder.begun.wait(60)
    ask(cache, series[1:])
    hurry(cache)
    recorder.go.set()
    idle()
    uids = [s.uid for s in series]
    assert recorder.looked == [uids[0], *uids[1:]]
    assert cache.told[0] == uids[3]
    assert recorder.examined == [uids[1], uids[2], uids[0]], "newest wishes, rows from the top"


def test_it_rests_while_an_import_runs(cache, idle, database, qtbot):
    recorder = Recorder(database)
    cache.reset(recorder)
    cache.session.is_importing = True
    ask(cache, database.series())
    idle()
    assert recorder.looked == []
    cache.session.import_finished.emit(None, None)
    cache.session.is_importing = False
    qtbot.waitUntil(lambda: len(cache.told) == 4)


def test_a_broken_index_shows_nothing(cache, idle, database):
    with sqlite3.connect(Path(database.path) / INDEX_NAME) as connection:
        connection.execute("DROP TABLE examination")
    connection.close()
    series = database.series()
    cache.reset(database)
    for _ in range(2):
        assert ask(cache, series) == [()] * 4
        idle()
    assert cache.told == []


def test_what_fails_is_asked_once(cache, idle, database):
    class Failing(Recorder):
        def examine_each(self, batch, *, progress):
            self.examined.append(batch[0].uid)
            raise OSError("disk gone")

    failing = Failing(database)
    cache.reset(failing)
    for _ in range(2):
        assert ask(cache, database.series()) == [()] * 4
        idle()
    assert len(failing.examined) == 4
    assert cache.told == []


def test_a_read_only_database_is_examined_all_the_same(cache, idle, database, phantom):
    path = database.path
    database.close()
    with Database.open(path, read_only=True) as frozen:
        series = frozen.series()
        cache.reset(frozen)
        ask(cache, series)
        idle()
        assert len(cache.told) == 4
        assert frozen.loadables(series[0]) is None, "nothing was written"


def test_changes_are_looked_up_and_the_old_is_shown_meanwhile(cache, idle, database, phantom):
    uid = phantom["axial-ct"].series_uid
    (series,) = [s for s in database.series() if s.uid == uid]
    cache.reset(database)
    ask(cache, [series])
    idle()
    before = cache.summaries(series)
    assert default_severity(before) is None
    database.remove(instance=database.instances(series)[3])
    cache.expire()
    assert cache.summaries(series) == before
    idle()
    assert default_severity(cache.summaries(series)) is Severity.WARNING
    assert cache.told == [uid, uid]


def test_a_removed_series_has_no_ways(cache, idle, database):
    series = database.series()[0]
    database.remove(series=series)
    cache.reset(database)
    ask(cache, [series])
    idle()
    assert cache.summaries(series) == ()
    assert cache.told == []


def test_answers_of_another_database_are_dropped(cache, idle, database):
    recorder = Recorder(database)
    recorder.go.clear()
    cache.reset(recorder)
    ask(cache, database.series())
    hurry(cache)
    assert recorder.begun.wait(60)
    cache.reset(None)
    recorder.go.set()
    idle()
    assert ask(cache, database.series()) == [()] * 4
    assert (cache.told, recorder.examined) == ([], [])


def test_closing_stops_between_two_series(cache, database):
    recorder = Recorder(database)
    recorder.go.clear()
    cache.reset(recorder)
    ask(cache, database.series())
    hurry(cache)
    assert recorder.begun.wait(60)
    cache._task.cancel()
    recorder.go.set()
    cache.runner.close()
    assert len(recorder.looked) == 1


def test_who_scrolls_past_is_not_waited_for(cache, idle, database, monkeypatch):
    monkeypatch.setattr(loadable_cache, "_WAITING", 2)
    monkeypatch.setattr(loadable_cache, "_KEPT", 1)
    recorder = Recorder(database)
    cache.reset(recorder)
    series = database.series()
    ask(cache, series)
    idle()
    assert recorder.examined == [series[0].uid, series[1].uid]
    assert list(cache._known) == [series[1].uid]


# -- in the browser --------------------------------------------------------------------


def test_a_badge_appears_without_a_click(browser, phantom, qtbot):
    lists = browser.lists
    browser.window().show()
    model = lists.series_model
    uid = phantom["missing-slice"].series_uid
    index = model.index(model.row_of(uid), 0)
    lists.series.scrollTo(index)
    lists.series.grab()  # paints what is in sight, and nothing but that asks
    qtbot.waitUntil(lambda: uid in browser.ways._known, timeout=20_000)
    assert lists.selected_series() == []
    assert index.data(SeverityRole) == "warning"
    assert index.data(OpensAsRole) == "8 × 32 × 32 · 18.8 × 8 × 8 mm"
    assert index.data(SecondaryTextRole).startswith("4 ways · #7 · ")
    tip = index.data(Qt.ItemDataRole.ToolTipRole)
    assert "Warning: 1 slice is missing" in tip
    assert "(as stacked)" in tip
    clean = model.index(model.row_of(phantom["axial-ct"].series_uid), 0)
    qtbot.waitUntil(lambda: clean.data(OpensAsRole) != "", timeout=20_000)
    assert clean.data(SeverityRole) == ""
    colour = QColor(SEVERITY_COLOURS["warning"]).rgb()
    for one, expected in ((index, True), (clean, False)):
        picture = lists.series.viewport().grab(lists.series.visualRect(one)).toImage()
        pixels = (picture.pixel(x, y) for x in range(60) for y in range(picture.height()))
        assert (colour in pixels) is expected


def test_rows_follow_changes_of_the_database(browser, database, phantom, qtbot):
    lists = browser.lists
    browser.window().show()
    uid = phantom["axial-ct"].series_uid

    def severity():
        row = lists.series_model.row_of(uid)
        index = lists.series_model.index(row, 0)
        return row >= 0 and index.data(OpensAsRole) != "" and index.data(SeverityRole)

    qtbot.waitUntil(lambda: severity() == "", timeout=20_000)
    browser.database.remove(instance=browser.database.instances(uid)[3])
    browser._session.changed.emit()
    qtbot.waitUntil(lambda: severity() == "warning", timeout=20_000)
