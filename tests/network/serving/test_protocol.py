"""Connections on which nothing comes, or too many of them, are closed."""

from __future__ import annotations

import contextlib
import socket
from contextlib import ExitStack
from typing import Any

import pytest
from tests.servers import PATIENCE


def connect(web: Any) -> socket.socket:
    return socket.create_connection(web.server.address, PATIENCE)


def is_closed(one: socket.socket) -> bytes:
    """Read until the server closes; what it said."""
    said = b""
    try:
        while piece := one.recv(65536):
            said += piece
    except ConnectionError:
        return said
    return said


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET /dicom-web/studies HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ",
        b"GET /dicom-web/studies HTTP/1.1\r\nHost: localhost\r\n\r\n",  # answered, then silent
    ],
)
def test_silence(start: Any, begun: bytes) -> None:
    web = start(idle_seconds=1.0 if begun.endswith(b"\r\n\r\n") else 0.1)
    with connect(web) as one:
        with contextlib.suppress(OSError):  # closed before it took all
            one.sendall(begun)
        said = is_closed(one)
    assert said.startswith(b"HTTP/1.1 204") if begun.endswith(b"\r\n\r\n") else said == b""


def test_a_body_that_does_not_come(start: Any) -> None:
    web = start(idle_seconds=1.0)  # in which the head comes for sure
    with connect(web) as one:
        one.sendall(
            b"POST /dicom-web/studies HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
            b'Content-Type: multipart/related; type="application/dicom"; boundary=x\r\n\r\n--x\r\n'
        )
        assert b"408" in is_closed(one).split(b"\r\n")[0]


def test_a_client_that_takes_nothing(web: Any, start: Any) -> None:
    slow = start(database=web.database, idle_seconds=0.3)
    record = max(web.database.instances(), key=lambda one: one.file_size)
    study = web.path(record).split("/series")[0]
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.settimeout(PATIENCE)
        one.connect(slow.server.address)
        head = 'Host: localhost\r\nAccept: multipart/related; type="application/dicom"; '
        request = f"GET /dicom-web{study} HTTP/1.1\r\n{head}transfer-syntax=*\r\n\r\n"
        one.sendall(request.encode() * 40)
        slow.server.stop()  # ends although nothing is read
    assert not slow.server.is_running


def test_too_many(start: Any) -> None:
    web = start(max_connections=3)
    web.client.close()
    with ExitStack() as stack:
        kept = [stack.enter_context(connect(web)) for _ in range(3)]
        request = b"GET /dicom-web/studies HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for one in kept:
            one.sendall(request)
            assert one.recv(65536).startswith(b"HTTP/1.1 204")
        with connect(web) as more:
            with contextlib.suppress(OSError):  # closed before it took all
                more.sendall(request)
            assert is_closed(more) == b""
        kept[0].sendall(request)
        assert kept[0].recv(65536).startswith(b"HTTP/1.1 204")


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 400),  # TLS
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", 505),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n", 400),
        (b"GET /dicom-web/studies/%ff%00/metadata HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /dicom-web/../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET /dicom-web/studies/..%2fetc%2fpasswd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 421),
        (b"DELETE /dicom-web/studies HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
    ],
)
def test_hostile_bytes(web: Any, raw: bytes, status: int) -> None:
    with connect(web) as one:
        one.sendall(raw)
        said = one.recv(65536)
    assert said.split(b" ", 2)[:2] == [b"HTTP/1.1", b"%d" % status]
    assert b"Traceback" not in said
    assert b"root:" not in said
    assert web.get("/").status_code == 200


def test_headers_without_end(web: Any) -> None:
    with connect(web) as one:
        with contextlib.suppress(OSError):  # closed before it took all
            one.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nA: " + b"b" * 2_000_000)
        said = is_closed(one)
    # What was not read resets the connection, which may overtake the answer.
    assert said == b"" or said.startswith(b"HTTP/1.1 400 ")
    assert web.get("/").status_code == 200
