"""A connection that says what is wrong and can be cancelled while it waits."""

from __future__ import annotations

import socket

import pytest

from napari_dicomdb.errors import Cancelled, NetworkError
from napari_dicomdb.network.wire import Wire


@pytest.fixture
def pair():
    """A wire, and the socket at its other end."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        wire = Wire("localhost", server.getsockname()[1])
        other, _ = server.accept()
    with other:
        yield wire, other
        wire.close()


def test_no_delay(pair):
    wire, _ = pair
    assert wire._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="Linux has this")
def test_acknowledges_at_once(pair):
    wire, other = pair
    option = (socket.IPPROTO_TCP, socket.TCP_QUICKACK)
    wire._socket.setsockopt(*option, 0)
    assert not wire._socket.getsockopt(*option)
    other.sendall(b"abc")
    assert wire.receive(3, 1) == b"abc"
    assert wire._socket.getsockopt(*option)


def test_bytes_in_parts(pair):
    wire, other = pair
    other.sendall(b"abc")
    assert wire.receive(2, 1) == b"ab"
    other.sendall(b"def")
    assert wire.receive(4, 1) == b"cdef"
    wire.send(b"xyz", 1)
    assert other.recv(3) == b"xyz"


def test_silence_and_end(pair):
    wire, other = pair
    with pytest.raises(NetworkError) as caught:
        wire.receive(1, 0.2)
    assert caught.value.reason == "timeout"
    other.sendall(b"a")
    other.shutdown(socket.SHUT_RDWR)
    with pytest.raises(NetworkError) as caught:
        wire.receive(2, 1)
    assert caught.value.reason == "closed"


def test_peer_that_takes_nothing(pair):
    wire, _ = pair
    with pytest.raises(NetworkError) as caught:
        wire.send(bytes(64 << 20), 0.3)
    assert caught.value.reason == "timeout"


def test_waiting_may_cancel():
    def waiting():
        raise Cancelled("enough")

    with socket.create_server(("127.0.0.1", 0)) as server:
        wire = Wire("127.0.0.1", server.getsockname()[1], waiting=waiting)
        with pytest.raises(Cancelled):
            wire.receive(1, 10)
        wire.close()
