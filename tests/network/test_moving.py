"""C-MOVE: where the node sends to, who listens there, and how long is waited."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import AE, evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelMove
from tests.servers import PATIENCE

from napari_dicomdb import Database
from napari_dicomdb.errors import Cancelled, NetworkError
from napari_dicomdb.network.moving import Mover, destination_of, listening
from napari_dicomdb.network.node import Limits, Node
from napari_dicomdb.network.retrieve_plan import Request

STUDY = Request("study", {"StudyInstanceUID": "1.2.3"})


@pytest.fixture
def silent() -> Iterator[Node]:
    """A node that takes a C-MOVE and says nothing any more."""
    end = threading.Event()

    def move(event: Any) -> Iterator[Any]:
        end.wait(PATIENCE)
        yield None, None

    ae = AE("PEER")
    ae.add_supported_context(StudyRootQueryRetrieveInformationModelMove)
    # pynetdicom does not close the connection of an association that it aborts.
    opened: list[Any] = []
    handlers: list[Any] = [
        (evt.EVT_C_MOVE, move),
        (evt.EVT_CONN_OPEN, lambda event: opened.append(event.assoc.dul.socket.socket)),
    ]
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    port = server.socket.getsockname()[1]
    limits = Limits(answer_seconds=1.0)
    yield Node("peer", host="127.0.0.1", port=port, called_aet="PEER", limits=limits)
    end.set()
    server.shutdown()
    for connection in opened:
        connection.close()


def test_silence(silent: Node) -> None:
    with pytest.raises(NetworkError) as caught, Mover(silent, lambda: 0, lambda: None) as mover:
        mover.run(STUDY)
    assert caught.value.reason == "timeout"


def test_objects_are_a_sign_of_life(silent: Node) -> None:
    came = iter(range(1000))
    asked = 0

    def waiting() -> None:
        nonlocal asked
        asked += 1
        if asked == 15:  # for longer than it would wait in silence
            raise Cancelled("enough")

    with (
        pytest.MonkeyPatch.context() as patch,
        pytest.raises(Cancelled),
        Mover(silent, lambda: next(came), waiting) as mover,
    ):
        patch.setattr("napari_dicomdb.network.moving._CANCEL_SECONDS", 0.1)
        mover.run(STUDY)
    assert asked == 15


def test_destination() -> None:
    node = Node("n", host="h", calling_aet="WE")
    assert destination_of(node) == "WE"
    assert destination_of(Node("n", host="h", move_destination="THERE")) == "THERE"


def test_a_listener_of_our_own(tmp_path: Path, free_port_of: Callable[[], int]) -> None:
    node = Node("n", host="127.0.0.1", move_port=free_port_of())
    with (
        Database.open(tmp_path / "db") as database,
        listening(database, node, lambda event: None) as own,
    ):
        assert own
        with listening(database, node, lambda event: None) as second:
            assert not second
    assert not (tmp_path / "db" / "received").exists()


def test_unknown_host(tmp_path: Path) -> None:
    node = Node("n", host="no-such-host.invalid")
    with (
        Database.open(tmp_path / "db") as database,
        pytest.raises(NetworkError) as caught,
        listening(database, node, lambda event: None),
    ):
        pass
    assert caught.value.reason == "name-not-resolved"


def test_no_move(storescp: Callable[..., Any]) -> None:
    with (
        pytest.raises(NetworkError) as caught,
        Mover(storescp().node, lambda: 0, lambda: None) as mover,
    ):
        mover.run(STUDY)
    assert caught.value.reason == "no-context"
