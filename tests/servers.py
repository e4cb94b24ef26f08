"""Programs of others that listen on a port: which port, and when it is ready."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PATIENCE = 60.0  # for what must happen: as long as a loaded machine may take
_TURN = 0.02


def free_port() -> int:
    """Return a port of the loopback interface where nobody listens, and that nobody is given.

    A connection that has been closed keeps the number (TIME_WAIT, a minute): the system gives
    it neither to who asks for any port nor to a client, and a server may listen there.
    """
    with socket.socket() as server:
        if os.name == "posix":
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        port = int(server.getsockname()[1])
        if os.name == "posix":
            with socket.create_connection(("127.0.0.1", port)) as client:
                accepted, _ = server.accept()
                accepted.close()  # who closes first keeps the number
                assert client.recv(1) == b""
    return port


def until(
    is_ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path | None = None
) -> None:
    """Wait until a program that has just been started is ready.

    It tells nobody: it is asked, and its end is waited for in between, for which this fails.
    """
    deadline = time.monotonic() + PATIENCE
    while not is_ready():
        with suppress(subprocess.TimeoutExpired):
            process.wait(_TURN)
        said = "" if log is None else log.read_text(errors="replace")
        assert process.poll() is None, said
        assert time.monotonic() < deadline, said


def say_last(client: socket.socket, answer: bytes) -> None:
    """Send bytes to who has connected, end, and wait until it has gone.

    Closing while it still sends would reset the connection, and may overtake the answer.
    """
    with suppress(OSError):
        client.sendall(answer)
        client.shutdown(socket.SHUT_WR)
        while client.recv(65_536):
            continue


def listens(port: int) -> bool:
    """Whether someone takes connections at a port of the loopback interface."""
    try:
        socket.create_connection(("127.0.0.1", port), PATIENCE).close()
    except ConnectionRefusedError:
        return False
    return True


@contextmanager
def running(
    words: list[str], ports: list[int], folder: Path, **environment: str
) -> Iterator[None]:
    """Run a server until its ports take connections; end it afterwards."""
    log = folder / f"{Path(words[0]).name}-{ports[0]}.log"
    with open(log, "wb") as said:
        process = subprocess.Popen(
            words, stdout=said, stderr=said, env={**os.environ, **environment}, cwd=folder
        )
    try:
        for port in ports:
            until(lambda port=port: listens(port), process, log)
        yield
    finally:
        process.kill()
        process.wait()
