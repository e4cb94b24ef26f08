"""A real Orthanc with its DICOMweb plug-in, and a server that answers whatever it is told."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from tests.servers import PATIENCE, free_port, running, say_last

from napari_dicomdb.network.node import Node

PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


@dataclass
class WebOrthanc:
    """A running Orthanc with DICOMweb."""

    node: Node
    url: str
    user: str = ""

    def add(self, *paths: Path) -> None:
        """Give it files by its own interface."""
        for path in paths:
            with urllib.request.urlopen(
                f"{self.url}/instances", data=path.read_bytes(), timeout=20
            ) as answer:
                answer.read()

    def file(self, uid: str) -> bytes:
        """Return the file of an instance as it keeps it."""
        with urllib.request.urlopen(
            f"{self.url}/tools/lookup", data=uid.encode(), timeout=20
        ) as answer:
            (found,) = [x for x in json.loads(answer.read()) if x["Type"] == "Instance"]
        with urllib.request.urlopen(f"{self.url}{found['Path']}/file", timeout=20) as answer:
            return bytes(answer.read())

    @property
    def port(self) -> int:
        """Of its web server."""
        return int(self.url.rpartition(":")[2])

    def through(self, port: int, scheme: str = "http", **changes: Any) -> Node:
        """Return the node as it is reached by another port, such as a proxy's."""
        return replace(self.node, url=f"{scheme}://localhost:{port}/dicom-web", **changes)


@contextmanager
def _orthanc(program: str, folder: Path, **entries: Any) -> Iterator[WebOrthanc]:
    if not Path(PLUGIN).exists():
        pytest.skip("the DICOMweb plug-in of Orthanc is not installed")
    http = free_port()
    configuration = {
        "Name": "web",
        "StorageDirectory": str(folder / "store"),
        "IndexDirectory": str(folder / "store"),
        "HttpPort": http,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "Plugins": [PLUGIN],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        **entries,
    }
    (folder / "store").mkdir()
    (folder / "orthanc.json").write_text(json.dumps(configuration))
    with running([program, str(folder / "orthanc.json")], [http], folder):
        url = f"http://localhost:{http}"
        yield WebOrthanc(Node("web", kind="dicomweb", url=f"{url}/dicom-web"), url)


@pytest.fixture(scope="session")
def web(
    program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebOrthanc]:
    """One Orthanc for all tests that do not mind what else it keeps."""
    with _orthanc(program("Orthanc"), tmp_path_factory.mktemp("web")) as made:
        yield made


@pytest.fixture
def start_web(
    program: Callable[[str], str], tmp_path: Path
) -> Iterator[Callable[..., WebOrthanc]]:
    """Start an Orthanc of one's own with these entries of its configuration."""
    with ExitStack() as stack:

        def start(**entries: Any) -> WebOrthanc:
            folder = tmp_path / f"orthanc-{free_port()}"
            folder.mkdir()
            return stack.enter_context(_orthanc(program("Orthanc"), folder, **entries))

        yield start


@dataclass
class Request:
    """What a client asked."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Scripted:
    """A server on a socket that sends bytes as they are, HTTP or not."""

    port: int
    requests: list[Request] = field(default_factory=list)

    @property
    def node(self) -> Node:
        """A node that leads to it."""
        url = f"http://127.0.0.1:{self.port}/rs"
        return Node("scripted", kind="dicomweb", url=url)


Answering = Callable[[Request], bytes]


def http(
    content: bytes | str = b"",
    status: str = "200 OK",
    kind: str = "application/dicom+json",
    **headers: str,
) -> bytes:
    """Make an HTTP answer."""
    body = content.encode() if isinstance(content, str) else content
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}{more}Connection: close\r\n\r\n".encode() + body


@pytest.fixture
def answer() -> Callable[..., bytes]:
    """Make HTTP answers."""
    return http


@pytest.fixture
def scripted() -> Iterator[Callable[[Answering], Scripted]]:
    """Start a server that answers each request with the bytes that a function gives."""
    servers: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def handle(client: socket.socket, made: Scripted, answering: Answering) -> None:
        with client, suppress(OSError):
            client.settimeout(5)
            raw = b""
            while b"\r\n\r\n" not in raw:
                part = client.recv(65_536)
                if not part:
                    return
                raw += part
            head, _, body = raw.partition(b"\r\n\r\n")
            line, *lines = head.decode("latin_1").split("\r\n")
            headers = {n.lower(): v.strip() for n, _, v in (x.partition(":") for x in lines)}
            while len(body) < int(headers.get("content-length", 0)):
                part = client.recv(65_536)
                if not part:
                    return
                body += part
            request = Request(line, headers, body)
            made.requests.append(request)
            say_last(client, answering(request))

    def start(answering: Answering) -> Scripted:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)
        made = Scripted(int(server.getsockname()[1]))

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                threads.append(threading.Thread(target=handle, args=(client, made, answering)))
                threads[-1].start()

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        return made

    yield start
    for server in servers:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
    for thread in threads:
        thread.join(PATIENCE)


@pytest.fixture
def tls_front() -> Iterator[Callable[..., int]]:
    """Put TLS before a port, as a proxy does; Debian's Orthanc resets HTTPS of its own.

    Arguments: the port, a certificate's files, and, to ask for one of the client's, a CA.
    """
    servers: list[socket.socket] = []
    sockets: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def hand_on(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while part := source.recv(65_536):
                target.sendall(part)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def accept(server: socket.socket, port: int, context: ssl.SSLContext) -> None:
        while True:
            try:
                plain, _ = server.accept()
            except OSError:
                return
            sockets.append(plain)
            try:
                client = context.wrap_socket(plain, server_side=True)
            except (ssl.SSLError, OSError):
                plain.close()
                continue
            behind = socket.create_connection(("127.0.0.1", port))
            sockets.extend((client, behind))
            for ends in ((client, behind), (behind, client)):
                threads.append(threading.Thread(target=hand_on, args=ends))
                threads[-1].start()

    def start(port: int, certificate: str, key: str, ca: str = "") -> int:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        if ca:
            context.load_verify_locations(ca)
            context.verify_mode = ssl.CERT_REQUIRED
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)
        threads.append(threading.Thread(target=accept, args=(server, port, context)))
        threads[-1].start()
        return int(server.getsockname()[1])

    yield start
    for one in servers:
        one.shutdown(socket.SHUT_RDWR)
        one.close()
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join(PATIENCE)
    for one in sockets:
        one.close()
