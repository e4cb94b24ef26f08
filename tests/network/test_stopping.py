"""C-CANCEL: when it is sent, and how long its effect is waited for."""

from __future__ import annotations

import pytest

from napari_dicomdb.errors import Cancelled, NetworkError
from napari_dicomdb.network.stopping import Stop


class Recorder:
    """Takes the place of an association; asks for a turn while it sends, as a wire does."""

    def __init__(self, stop):
        self.cancels = []
        self.stop = stop

    def send_cancel(self, context, message):
        self.cancels.append((context, message))
        self.stop.turn()


def made(waiting, grace=60.0):
    stop = Stop(waiting, grace)
    stop.association = Recorder(stop)
    return stop


def raising():
    raise Cancelled("enough")


def test_cancel_goes_to_the_operation_that_runs():
    stop = made(raising)
    with pytest.raises(Cancelled):
        stop.turn()  # nothing runs yet
    stop.begin(3, 7)
    assert stop.seconds_left() is None
    stop.turn()
    stop.turn()
    assert stop.association.cancels == [(3, 7)]
    assert stop.is_asked
    assert isinstance(stop.error, Cancelled)
    assert 0 < stop.seconds_left() <= 60
    stop.is_over = True
    stop.turn()


def test_node_that_goes_on_is_left():
    stop = made(lambda: None, grace=-1.0)
    stop.begin(1, 1)
    stop.turn()
    stop._deadline = 1e-9  # long ago
    with pytest.raises(NetworkError, match="does not stop"):
        stop.turn()


def test_each_operation_begins_anew():
    stop = made(lambda: None)
    stop.begin(1, 1)
    stop.ask()
    stop.end()
    stop.begin(1, 2)
    assert not stop.is_asked
    stop.ask()
    assert stop.association.cancels == [(1, 1), (1, 2)]
