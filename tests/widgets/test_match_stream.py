"""Answers come to the GUI thread in order, in portions, and none after the end."""

from __future__ import annotations

import threading

import pytest
from qtpy.QtCore import QThread
from qtpy.QtWidgets import QApplication

from napari_dicomdb.network.query import Match
from napari_dicomdb.widgets._match_stream import MatchStream


def _matches(first, last):
    return [Match("a", "study", study_uid=str(number)) for number in range(first, last)]


@pytest.fixture
def stream(qtbot):
    made = MatchStream()
    yield made
    made.close()


def _from_a_thread(call, *args):
    thread = threading.Thread(target=call, args=args)
    thread.start()
    thread.join()


def test_in_order_and_in_portions_on_the_gui_thread(qtbot, stream):
    portions, threads = [], set()
    stream.arrived.connect(lambda part: portions.append(part))
    stream.arrived.connect(lambda _: threads.add(QThread.currentThread()))
    _from_a_thread(stream.push, _matches(0, 500))
    _from_a_thread(stream.push, _matches(500, 1000))
    assert portions == []
    qtbot.waitUntil(lambda: sum(map(len, portions)) == 1000)
    assert [one.study_uid for part in portions for one in part] == [str(n) for n in range(1000)]
    assert max(map(len, portions)) <= 300
    assert threads == {QThread.currentThread()}


def test_the_rest_is_given_at_the_end_and_nothing_after(qtbot, stream):
    taken, portions, ends = [], [], []
    stream.arrived.connect(taken.extend)
    stream.arrived.connect(lambda part: portions.append(len(part)))
    _from_a_thread(stream.push, _matches(0, 700))
    stream.end(lambda: ends.append(len(taken)))
    assert stream.is_ending
    qtbot.waitUntil(lambda: bool(ends))
    assert ends == [700]
    assert max(portions) <= 300
    assert not stream.is_ending
    stream.push(_matches(0, 5))
    qtbot.waitUntil(lambda: not stream._calm.isActive())
    QApplication.processEvents()
    assert len(taken) == 700


def test_the_end_comes_at_once_when_nothing_is_left(stream):
    ends = []
    stream.end(lambda: ends.append(True))
    assert ends == [True]


def test_what_is_given_up_while_it_ends_never_ends(qtbot, stream):
    taken, ends = [], []
    stream.arrived.connect(taken.extend)
    stream.push(_matches(0, 700))
    stream.end(lambda: ends.append(True))
    stream.close()
    QApplication.processEvents()
    assert (len(taken), ends, stream.is_ending) == (300, [], False)


def test_what_is_given_up_is_dropped(qtbot, stream):
    taken = []
    stream.arrived.connect(taken.extend)
    stream.push(_matches(0, 5))
    stream.close()
    qtbot.waitUntil(lambda: not stream._calm.isActive())
    QApplication.processEvents()
    assert taken == []
