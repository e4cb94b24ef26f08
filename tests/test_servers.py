"""Ports that nobody else is given, and programs that are ready when they are used."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.servers import free_port, listens, running, say_last

LISTEN = """
import socket, sys, threading
kept = [socket.create_server(("127.0.0.1", int(port))) for port in sys.argv[1:]]
threading.Event().wait()
"""


def words(code: str, *more: object) -> list[str]:
    return [sys.executable, "-c", code, *map(str, more)]


@pytest.mark.skipif(sys.platform != "linux", reason="as Linux gives numbers")
def test_a_port_is_free_and_kept_from_others() -> None:
    port = free_port()
    assert not listens(port)
    with socket.socket() as other, pytest.raises(OSError):
        other.bind(("127.0.0.1", port))
    # Nor is any of them given to who asks for whichever is free.
    ports = {free_port() for _ in range(200)}
    assert len(ports) == 200
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert server.getsockname()[1] not in ports
        for _ in range(200):
            with socket.create_connection(server.getsockname()) as client:
                assert client.getsockname()[1] not in ports
                server.accept()[0].close()
    with socket.create_server(("", port)):  # but who wants it gets it
        assert listens(port)


def test_a_program_runs_until_the_end_of_the_block(tmp_path: Path) -> None:
    ports = [free_port(), free_port()]
    with running(words(LISTEN, *ports), ports, tmp_path):
        assert all(map(listens, ports))
    assert not any(map(listens, ports))


def test_a_program_that_ends_says_why(tmp_path: Path) -> None:
    end = "print('no licence'); raise SystemExit(3)"
    with (
        pytest.raises(AssertionError, match="no licence"),
        running(words(end), [free_port()], tmp_path),
    ):
        pass


def test_an_answer_is_read_though_more_is_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = (
            "import socket, sys\n"
            "with socket.create_connection(('127.0.0.1', int(sys.argv[1]))) as one:\n"
            "    one.sendall(bytes(5_000_000))\n"
            "    print(one.recv(100))\n"
        )
        asking = subprocess.Popen(
            words(code, server.getsockname()[1]), stdout=subprocess.PIPE, text=True
        )
        client, _ = server.accept()
        with client:
            say_last(client, b"answer")
        assert asking.communicate() == ("b'answer'\n", None)
