"""What servers told in this session is kept, and nowhere written."""

from __future__ import annotations

from qtpy.QtCore import QObject

from napari_dicomdb.network.query import Match
from napari_dicomdb.widgets import remote_known as module
from napari_dicomdb.widgets.remote_known import RemoteKnown, remote_known


def _series(node, number, images=""):
    values = {"NumberOfSeriesRelatedInstances": images}
    return Match(node, "series", values, study_uid="1.2", series_uid=f"1.2.{number}")


def test_series_by_study_and_node(qtbot):
    known = RemoteKnown()
    with qtbot.waitSignal(known.changed):
        known.note([_series("a", 1, "10"), _series("b", 1, "12"), _series("a", 2)])
    assert [(one.node, one.series_uid) for one in known.of_study("1.2")] == [
        ("a", "1.2.1"),
        ("a", "1.2.2"),
    ]
    assert [one.count for one in known.of_series("1.2.1")] == [10, 12]
    assert known.more_of("1.2.1", 11).node == "b"
    assert known.more_of("1.2.1", 12) is None
    assert known.more_of("1.2.2", 0) is None  # nobody said how many there are
    assert known.of_study("9") == []


def test_only_series_of_servers_count(qtbot):
    known = RemoteKnown()
    with qtbot.assertNotEmitted(known.changed):
        known.note([
            _series("", 1),
            Match("a", "study", study_uid="1.2"),
            Match("a", "series", study_uid="", series_uid="1"),
        ])  # fmt: skip
    assert known.of_study("1.2") == []


def test_it_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "_MOST_SERIES", 3)
    known = RemoteKnown()
    known.note([_series("a", number) for number in range(5)])
    assert [one.series_uid for one in known.of_study("1.2")] == ["1.2.2", "1.2.3", "1.2.4"]


def test_one_for_a_session(qapp):
    session = QObject()
    assert remote_known(session) is remote_known(session)
