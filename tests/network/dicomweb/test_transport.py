"""HTTP over our own connections: what goes wrong is said as for DIMSE."""

from __future__ import annotations

import socket
import threading

import httpx
import pytest
from tests.servers import PATIENCE

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.dicomweb.transport import WireTransport
from napari_dicomdb.network.node import Limits, Node
from napari_dicomdb.network.wire import no_waiting


def test_a_connection_is_kept_for_the_next_request(scripted) -> None:
    served: list[str] = []
    plain = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    def serve(server):
        client, _ = server.accept()
        with client:
            for _ in range(2):
                raw = b""
                while b"\r\n\r\n" not in raw:
                    raw += client.recv(65_536)
                served.append(raw.split(b"\r\n")[0].decode())
                client.sendall(plain)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        node = Node("x", kind="dicomweb", url=url, limits=Limits())
        with httpx.Client(transport=WireTransport(node, no_waiting), trust_env=False) as client:
            assert client.get(f"{url}/a").text == "ok"
            assert client.get(f"{url}/b").text == "ok"
        thread.join(PATIENCE)
    assert served == ["GET /a HTTP/1.1", "GET /b HTTP/1.1"]


def test_an_early_answer_is_read_although_the_request_is_cut(answer) -> None:
    """A server that finds a request too large says so and closes."""

    def endless():
        for _ in range(400):
            yield bytes(100_000)

    def serve(server):
        client, _ = server.accept()
        with client:  # closed with bytes unread
            client.recv(1000)
            client.sendall(answer("", "413 Too Large"))

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        node = Node("x", kind="dicomweb", url=url)
        with httpx.Client(transport=WireTransport(node, no_waiting), trust_env=False) as client:
            try:
                got = client.post(f"{url}/studies", content=endless()).status_code
            except NetworkError as error:  # the system threw the answer away with the connection
                got = error.reason
        thread.join(PATIENCE)
    assert got in (413, "closed")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://no-such-name.invalid/rs", "name-not-resolved"),
        ("http://127.0.0.1:1/rs", "refused"),
    ],
)
def test_no_connection(url, reason) -> None:
    node = Node("x", kind="dicomweb", url=url)
    with (
        httpx.Client(transport=WireTransport(node, no_waiting), trust_env=False) as client,
        pytest.raises(NetworkError) as caught,
    ):
        client.get(url)
    assert caught.value.reason == reason


@pytest.mark.parametrize("last_words", [b"", b"\7\0\0\0\0\4\0\0\2\1"])
def test_a_dimse_port_is_guessed(last_words) -> None:
    """Such a server closes, or sends an A-ABORT (PS3.8 Section 9.3.8) first."""

    def serve(server):
        client, _ = server.accept()
        with client:
            client.recv(65_536)
            client.sendall(last_words)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        node = Node("x", kind="dicomweb", url=url, limits=Limits())
        with (
            httpx.Client(transport=WireTransport(node, no_waiting), trust_env=False) as client,
            pytest.raises(NetworkError, match="no web server but a DIMSE port"),
        ):
            client.get(f"{url}/studies")
        thread.join(PATIENCE)
