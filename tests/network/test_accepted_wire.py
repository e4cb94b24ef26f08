"""A connection that came to us: bounded in time, whatever the other side does."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from napari_dicomdb.errors import Cancelled, NetworkError
from napari_dicomdb.network.accepted_wire import AcceptedWire
from napari_dicomdb.network.tls import server_context


@pytest.fixture
def pair():
    """An accepted wire and the peer's socket."""
    made = []

    def connect(**known):
        with socket.create_server(("127.0.0.1", 0)) as server:
            peer = socket.create_connection(server.getsockname(), 5)
            accepted, address = server.accept()
        wire = AcceptedWire(accepted, address[0], **known)
        made.extend([peer, wire])
        return wire, peer

    yield connect
    for one in made:
        one.close()


def receive(wire, seconds=5.0):
    buffer = bytearray(100)
    return bytes(buffer[: wire.receive_into(memoryview(buffer), seconds)])


def test_bytes_go_both_ways(pair):
    wire, peer = pair()
    assert wire.host == "127.0.0.1"
    assert not wire.has_input(0.01)
    peer.sendall(b"abc")
    assert wire.has_input(5)
    assert receive(wire) == b"abc"
    wire.send(b"defg", 5)
    assert peer.recv(100) == b"defg"
    nodelay = wire._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert nodelay


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="Linux has this")
def test_acknowledges_at_once(pair):
    wire, peer = pair()
    option = (socket.IPPROTO_TCP, socket.TCP_QUICKACK)
    wire._socket.setsockopt(*option, 0)
    assert not wire._socket.getsockopt(*option)
    peer.sendall(b"abc")
    assert receive(wire) == b"abc"
    assert wire._socket.getsockopt(*option)


def test_silence_slowness_and_the_end(pair):
    wire, peer = pair()
    with pytest.raises(NetworkError) as caught:
        receive(wire, 0.15)
    assert caught.value.reason == "timeout"
    peer.sendall(b"a")
    wire.deadline = time.monotonic() - 1
    with pytest.raises(NetworkError) as caught:
        receive(wire)
    assert caught.value.reason == "timeout"
    wire.deadline = None
    assert receive(wire) == b"a"
    with pytest.raises(NetworkError) as caught:
        wire.send(bytes(64 << 20), 0.15)  # nobody reads
    assert caught.value.reason == "timeout"
    peer.close()
    with pytest.raises(NetworkError) as caught:
        receive(wire)
    assert caught.value.reason == "closed"
    with pytest.raises(NetworkError) as caught:
        while True:
            wire.send(bytes(1000), 5)
    assert caught.value.reason == "closed"


def test_what_waiting_raises_ends_the_waiting(pair):
    def stop():
        raise Cancelled("stop")

    wire, _ = pair(waiting=stop)
    with pytest.raises(Cancelled):
        receive(wire)


def test_last_word_is_read_though_the_peer_still_talks(pair):
    wire, peer = pair()
    peer.sendall(bytes(10_000))
    wire.send(b"last", 5)
    drained = threading.Thread(target=wire.drain, args=(5,))
    drained.start()
    assert peer.recv(100) == b"last"
    peer.shutdown(socket.SHUT_WR)
    drained.join(5)
    assert not drained.is_alive()
    wire.close()
    wire.drain(1)  # it has gone: nothing happens


@pytest.mark.parametrize(
    ("said", "reason"),
    [(b"GET / HTTP/1.1\r\n\r\n", "tls-not-spoken"), (b"", "timeout"), (None, "tls")],
)
def test_peers_that_do_not_speak_tls(pair, certificates, said, reason):
    wire, peer = pair()
    if said is None:
        peer.close()
    else:
        peer.sendall(said)
    context = server_context(certificates.server, certificates.server_key)
    with pytest.raises(NetworkError) as caught:
        wire.encrypt(context, 0.3)
    assert caught.value.reason == reason
    assert not wire.is_ready


def test_files_of_tls(certificates, tmp_path):
    for words in (
        (str(tmp_path / "none.pem"), "", ""),
        (certificates.server, certificates.client_key, ""),
        (certificates.server, certificates.server_key, str(tmp_path / "none.pem")),
    ):
        with pytest.raises(NetworkError) as caught:
            server_context(*words)
        assert caught.value.reason == "tls-files"
