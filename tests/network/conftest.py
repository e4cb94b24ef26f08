"""Real peers on free loopback ports: DCMTK's storescp, Orthanc, with and without TLS."""

from __future__ import annotations

import datetime
import ipaddress
import json
import socket
import struct
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keyring
import keyring.backend
import keyring.errors
import pydicom
import pytest
from pydicom.uid import JPEGLossless, JPEGLosslessSV1
from pynetdicom import AE, evt
from pynetdicom.dimse_messages import C_CANCEL_RQ
from pynetdicom.sop_class import (
    PatientRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelFind,
)
from tests.servers import PATIENCE, free_port, running, say_last

from napari_dicomdb import Database
from napari_dicomdb.network.node import Limits, Node
from napari_dicomdb.viewer.phantom import write_phantom_study


def data_set_bytes(path: Path | bytes) -> bytes:
    """Return what follows the file meta information, by its group length (PS3.10 7.1)."""
    raw = path if isinstance(path, bytes) else path.read_bytes()
    if raw[128:132] != b"DICM":
        assert raw[:2] == b"\x08\0"  # a bare data set
        return raw
    group, element, vr, length = struct.unpack_from("<HH2sH", raw, 132)
    assert (group, element, vr, length) == (2, 0, b"UL", 4)
    return raw[144 + struct.unpack_from("<L", raw, 140)[0] :]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[Callable[[int], list[str]]], int]]:
    """Run a server whose words are made of its port; returns that."""
    with ExitStack() as stack:

        def start(words: Callable[[int], list[str]]) -> int:
            port = free_port()
            stack.enter_context(running(words(port), [port], tmp_path))
            return port

        yield start


@pytest.fixture
def data_set_of() -> Callable[[Path | bytes], bytes]:
    """Give the bytes of a file after its file meta information."""
    return data_set_bytes


@dataclass
class StoreScp:
    """A running storescp and what it has written."""

    node: Node
    folder: Path

    @property
    def received(self) -> dict[str, Path]:
        """Files by SOP Instance UID."""
        return {
            p.name.partition(".")[2]: p  # storescp names files by modality and UID
            for p in self.folder.iterdir()
            if p.is_file()
        }


@pytest.fixture
def storescp(tmp_path: Path, program: Callable[[str], str]) -> Iterator[Callable[..., StoreScp]]:
    """Start storescp with these options; it writes data sets bit by bit as they come."""
    with ExitStack() as stack:

        def start(*options: str, bit_preserving: bool = True, **of_node: Any) -> StoreScp:
            port = free_port()
            folder = tmp_path / f"received-{port}"
            folder.mkdir()
            keep = ["--bit-preserving"] if bit_preserving else []
            words = [program("storescp"), *keep, "-od", str(folder), *options, str(port)]
            stack.enter_context(running(words, [port], tmp_path, TCP_NODELAY="1"))
            return StoreScp(Node("scp", host="127.0.0.1", port=port, **of_node), folder)

        yield start


@pytest.fixture
def dcmqrscp(
    tmp_path: Path, program: Callable[[str], str], serve: Callable[..., int]
) -> Callable[..., Node]:
    """Start dcmqrscp with these files in its store; it knows us at a port (C-MOVE)."""

    def start(
        files: list[Path], *, options: tuple[str, ...] = (), move_port: int = 0, **of_node: Any
    ) -> Node:
        folder = tmp_path / f"quiver-{len(list(tmp_path.glob('quiver-*')))}"
        store = folder / "STORE"
        store.mkdir(parents=True)
        copies = []
        for number, file in enumerate(files):
            copies.append(store / f"{number:05}.dcm")
            copies[-1].write_bytes(file.read_bytes())
        move_port = move_port or free_port()
        settings = folder / "dcmqrscp.cfg"
        settings.write_text(
            "MaxPDUSize = 65536\nMaxAssociations = 16\n"
            f"HostTable BEGIN\nus = (DICOMDB, localhost, {move_port})\nHostTable END\n"
            "VendorTable BEGIN\nVendorTable END\nAETable BEGIN\n"
            f"STORE {store} RW (2000, 8192mb) ANY\nAETable END\n"
        )
        for start_at in range(0, len(copies), 100):
            part = map(str, copies[start_at : start_at + 100])
            subprocess.run([program("dcmqridx"), str(store), *part], check=True)
        port = serve(lambda port: [program("dcmqrscp"), *options, "-c", str(settings), str(port)])
        return Node(
            "dcmqrscp",
            host="localhost",
            port=port,
            called_aet="STORE",
            move_port=move_port,
            **of_node,
        )

    return start


@dataclass
class Orthanc:
    """A running Orthanc."""

    node: Node
    url: str

    def ask(self, path: str, content: bytes | None = None) -> Any:
        """Ask its REST interface; JSON or bytes."""
        with urllib.request.urlopen(f"{self.url}{path}", data=content, timeout=10) as answer:
            raw = answer.read()
            is_json = "json" in answer.headers.get("Content-Type", "")
        return json.loads(raw) if is_json else raw

    def file(self, uid: str) -> bytes:
        """Return the file of an instance."""
        (found,) = self.ask("/tools/lookup", uid.encode())
        return bytes(self.ask(f"/instances/{found['ID']}/file"))


@pytest.fixture
def orthanc(tmp_path: Path, program: Callable[[str], str]) -> Iterator[Callable[..., Orthanc]]:
    """Start Orthanc with these entries of its configuration."""
    with ExitStack() as stack:

        def start(tls: Any = None, **entries: Any) -> Orthanc:
            port, http = free_port(), free_port()
            folder = tmp_path / f"orthanc-{port}"
            folder.mkdir()
            configuration = {
                "Name": "test",
                "StorageDirectory": str(folder),
                "IndexDirectory": str(folder),
                "HttpPort": http,
                "DicomPort": port,
                "DicomAet": "ORTHANC",
                "RemoteAccessAllowed": False,
                "AuthenticationEnabled": False,
                "DicomAlwaysAllowEcho": True,
                "DicomAlwaysAllowStore": True,
                "UnknownSopClassAccepted": True,
                "Plugins": [],
                **entries,
            }
            settings = folder / "orthanc.json"
            settings.write_text(json.dumps(configuration))
            words = [program("Orthanc"), str(settings)]
            stack.enter_context(running(words, [port, http], folder, TCP_NODELAY="1"))
            node = Node("orthanc", host="localhost", port=port, called_aet="ORTHANC", tls=tls)
            return Orthanc(node, f"http://127.0.0.1:{http}")

        yield start


@dataclass
class Certificates:
    """PEM files of a CA, of a server and a client that it signed, and of a stranger."""

    folder: Path
    made: dict[str, Path] = field(default_factory=dict)

    def __getattr__(self, name: str) -> str:
        return str(self.folder / f"{name.replace('_', '-')}.pem")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates for localhost, made anew."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    folder = tmp_path_factory.mktemp("certificates")
    now = datetime.datetime.now(datetime.UTC)

    def name_of(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def make(
        file: str, subject: str, issuer: Any = None, *, host: str = "", days: int = 30
    ) -> tuple[Any, Any]:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        signer, signing = issuer or (None, key)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name_of(subject))
            .issuer_name(signer.subject if signer else name_of(subject))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=40))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), True)
        )
        if host:
            names: list[x509.GeneralName] = [x509.DNSName(host)]
            if host == "localhost":
                names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
            builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
        made = builder.sign(signing, hashes.SHA256())
        pem = serialization.Encoding.PEM
        (folder / f"{file}.pem").write_bytes(made.public_bytes(pem))
        (folder / f"{file}-key.pem").write_bytes(
            key.private_bytes(
                pem,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        return made, key

    ca = make("ca", "test CA")
    make("server", "localhost", ca, host="localhost")
    make("elsewhere", "pacs.example.org", ca, host="pacs.example.org")
    make("expired", "localhost", ca, host="localhost", days=-5)
    make("client", "our client", ca)
    make("stranger", "another CA")
    return Certificates(folder)


class Proxy:
    """Hands bytes on between a client and a server, and cuts where it is told to.

    Parameters
    ----------
    target : int
        Port of the server.
    cuts : list of int
        For the first connections: after how many bytes of the client's to cut; None: not.
    of_server : bool
        Of the server's, instead.
    """

    def __init__(self, target: int, cuts: list[int | None], *, of_server: bool = False) -> None:
        self._target, self._cuts = target, list(cuts)
        self._of_server = of_server
        self.connections = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            limit = self._cuts[self.connections] if self.connections < len(self._cuts) else None
            self.connections += 1
            server = socket.create_connection(("127.0.0.1", self._target))
            self._sockets += [client, server]
            limits = (None, limit) if self._of_server else (limit, None)
            for one, other, most in (
                (client, server, limits[0]),
                (server, client, limits[1]),
            ):
                thread = threading.Thread(target=self._hand_on, args=(one, other, most))
                self._threads.append(thread)
                thread.start()

    @staticmethod
    def _hand_on(source: socket.socket, target: socket.socket, most: int | None) -> None:
        with suppress(OSError):
            while most is None or most > 0:
                part = source.recv(65_536 if most is None else min(most, 65_536))
                if not part:
                    break
                target.sendall(part)
                if most is not None:
                    most -= len(part)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Stop; every connection is cut."""
        self.refuse()
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
        for one in self._sockets:
            one.close()

    def refuse(self) -> None:
        """Take no more connections."""
        if self._server.fileno() >= 0:
            self._server.shutdown(socket.SHUT_RDWR)
            self._threads[0].join(PATIENCE)
            self._server.close()


@pytest.fixture
def free_port_of() -> Callable[[], int]:
    """Give free ports of the loopback interface."""
    return free_port


@pytest.fixture
def proxy() -> Iterator[Callable[..., Proxy]]:
    """Make proxies to a port."""
    made: list[Proxy] = []

    def start(target: int, *cuts: int | None, of_server: bool = False) -> Proxy:
        made.append(Proxy(target, list(cuts), of_server=of_server))
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture
def answering() -> Iterator[Callable[[bytes | None], int]]:
    """Listen on a port; to whatever comes, answer these bytes and close (None: be silent)."""
    servers: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(answer: bytes | None) -> int:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def serve() -> None:
            kept = []
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    break
                if answer is None:
                    kept.append(client)
                    continue
                with client, suppress(OSError):
                    client.settimeout(2)
                    client.recv(65_536)
                    say_last(client, answer)
            for one in kept:
                one.close()

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        return int(server.getsockname()[1])

    yield start
    for server in servers:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
    for thread in threads:
        thread.join(PATIENCE)


class MemoryKeyring(keyring.backend.KeyringBackend):
    """A keyring that lives as long as the test."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if (service, username) not in self.kept:
            raise keyring.errors.PasswordDeleteError("not there")
        del self.kept[service, username]


@pytest.fixture
def memory_keyring() -> Iterator[dict[tuple[str, str], str]]:
    """Entries of a keyring in the place of the system's."""
    before = keyring.get_keyring()
    ours = MemoryKeyring()
    keyring.set_keyring(ours)
    yield ours.kept
    keyring.set_keyring(before)


@pytest.fixture(scope="session")
def phantom_paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Files of one phantom series, ten slices."""
    folder = tmp_path_factory.mktemp("phantom")
    (series,) = write_phantom_study(folder, ("axial-ct",), matrix=64, slices=10)
    return list(series.paths)


@pytest.fixture
def phantom_database(phantom_paths: list[Path]) -> Iterator[Database]:
    """An index in memory of the phantom series."""
    with Database.in_memory() as database:
        database.import_paths([phantom_paths[0].parent], workers=0)
        yield database


@pytest.fixture
def quick() -> Limits:
    """Limits for peers that do not answer."""
    return Limits(connect_seconds=0.5, answer_seconds=0.5)


@pytest.fixture
def decoded(program, tmp_path):
    """Read a file by others: lossless JPEG, for which pydicom may have no decoder, by DCMTK."""

    def read(path):
        dataset = pydicom.dcmread(path)
        if dataset.file_meta.TransferSyntaxUID in (JPEGLossless, JPEGLosslessSV1):
            target = tmp_path / "decoded.dcm"
            subprocess.run([program("dcmdjpeg"), str(path), str(target)], check=True)
            dataset = pydicom.dcmread(target)
        return dataset

    return read


# -- peers that are asked ---------------------------------------------------------------------

FIND_ROOTS = {
    "patient": PatientRootQueryRetrieveInformationModelFind,
    "study": StudyRootQueryRetrieveInformationModelFind,
}
# One file of each name; the others of that folder are the same objects again, or have none.
_LEFT_OUT = ("chrFrenMulti", "chrJapMultiExplicitIR6")


@pytest.fixture(scope="session")
def expected_names(reference_data: Path) -> dict[str, str]:
    """Names that the files of data/charset have, by file."""
    names: dict[str, str] = json.loads(
        (reference_data / "charset" / "expected_names.json").read_text(encoding="utf-8")
    )
    return {file: name for file, name in names.items() if file not in _LEFT_OUT}


@pytest.fixture
def charset_files(reference_data: Path, expected_names: dict[str, str]) -> list[Path]:
    """Files whose names are in every character set of DICOM."""
    return [reference_data / "charset" / f"{name}.dcm" for name in expected_names]


@pytest.fixture
def findscu(tmp_path: Path, program: Callable[[str], str]) -> Callable[..., list[pydicom.Dataset]]:
    """Ask a node by DCMTK: keys as "Keyword" or "Keyword=value"; returns its answers."""
    calls = 0

    def ask(node: Node, level: str, *keys: str, root: str = "study") -> list[pydicom.Dataset]:
        nonlocal calls
        calls += 1
        folder = tmp_path / f"found-{calls}"
        folder.mkdir()
        words = [program("findscu"), "-P" if root == "patient" else "-S", "-X", "-od", str(folder)]
        words += ["-aet", node.calling_aet, "-aec", node.called_aet]
        for key in (f"QueryRetrieveLevel={level}", *keys):
            words += ["-k", key]
        subprocess.run(
            [*words, node.host, str(node.port)], check=True, capture_output=True, timeout=60
        )
        return [pydicom.dcmread(path, force=True) for path in sorted(folder.iterdir())]

    return ask


@pytest.fixture
def find_scp() -> Iterator[Callable[..., Node]]:
    """Run a node whose answers a function gives: (status, identifier) one after another.

    `cancelled` is set when it is told to stop.
    """
    with ExitStack() as stack:

        def start(
            handle: Callable[[Any], Any],
            *,
            roots: tuple[str, ...] = ("study", "patient"),
            extended: Callable[[Any], Any] | None = None,
            cancelled: threading.Event | None = None,
            limits: Limits | None = None,
            **of_node: Any,
        ) -> Node:
            entity = AE("FINDER")
            for root in roots:
                entity.add_supported_context(FIND_ROOTS[root])
            entity.add_supported_context("1.2.840.10008.1.1")
            handlers: list[Any] = [(evt.EVT_C_FIND, handle)]
            if extended is not None:
                handlers.append((evt.EVT_SOP_EXTENDED, extended))
            if cancelled is not None:

                def received(event: Any) -> None:
                    if isinstance(event.message, C_CANCEL_RQ):
                        cancelled.set()

                handlers.append((evt.EVT_DIMSE_RECV, received))
            server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
            stack.callback(server.shutdown)
            port = int(server.socket.getsockname()[1])
            return Node(
                "finder",
                host="127.0.0.1",
                port=port,
                called_aet="FINDER",
                limits=limits or Limits(),
                **of_node,
            )

        yield start


@dataclass
class Receiver:
    """A running listener of ours and what it told."""

    listener: Any
    database: Database | None
    events: list[Any]
    told: threading.Condition

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.listener.address[1])

    @property
    def node(self) -> Node:
        """What others know of it."""
        return Node("ours", host="localhost", port=self.port, called_aet="DICOMDB")

    def kinds(self) -> list[str]:
        """Kinds of the events in their order."""
        return [event.kind for event in self.events]

    def wait_for(self, kind: str, count: int = 1) -> list[Any]:
        """Wait until so many events of a kind were told; return them."""

        def found() -> list[Any]:
            return [event for event in self.events if event.kind == kind]

        with self.told:
            assert self.told.wait_for(lambda: len(found()) >= count, PATIENCE), self.events
            return found()

    def file(self, uid: str) -> Path:
        """Return the file of an instance that was received."""
        assert self.database is not None
        self.listener.inbox.flush(PATIENCE)
        (record,) = self.database.instances(uid=uid)
        return record.path

    def partial(self) -> list[Path]:
        """Return the files of what is not whole."""
        assert self.database is not None
        return list(Path(self.database.path).rglob("*.part*"))


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Callable[..., Receiver]]:
    """Start our listener with these settings, on a database of its own."""
    from napari_dicomdb.network.listener import Listener, ListenerSettings

    with ExitStack() as stack:

        def start(*, stores: bool = True, pauses: Any = (), **settings: Any) -> Receiver:
            database = None
            if stores:
                place = tmp_path / f"database-{free_port()}"
                database = stack.enter_context(Database.open(place, create=True))
            events: list[Any] = []
            told = threading.Condition()

            def on_event(event: Any) -> None:
                with told:
                    events.append(event)
                    told.notify_all()

            listener = Listener(
                database,
                ListenerSettings(**{"port": 0, **settings}),
                on_event=on_event,
                pauses=pauses,
            )
            stack.enter_context(listener)
            return Receiver(listener, database, events, told)

        yield start


class RawPeer:
    """A peer that says what it is told to, right or wrong, over a plain socket."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)

    @staticmethod
    def item(kind: int, value: bytes) -> bytes:
        """Encode an item of an A-ASSOCIATE-RQ."""
        return struct.pack(">BxH", kind, len(value)) + value

    @classmethod
    def request(
        cls,
        *contexts: tuple[int, str, str],
        called: bytes = b"DICOMDB",
        calling: bytes = b"RAW",
        version: int = 1,
        application: bytes = b"1.2.840.10008.3.1.1.1",
    ) -> bytes:
        """Encode an A-ASSOCIATE-RQ."""
        parts = [
            struct.pack(">Hxx", version),
            called.ljust(16),
            calling.ljust(16),
            bytes(32),
            cls.item(0x10, application),
        ]
        for number, abstract, syntax in contexts:
            syntaxes = cls.item(0x30, abstract.encode()) + cls.item(0x40, syntax.encode())
            parts.append(cls.item(0x20, bytes((number, 0, 0, 0)) + syntaxes))
        parts.append(cls.item(0x50, cls.item(0x51, struct.pack(">L", 65_536))))
        return cls.pdu(1, b"".join(parts))

    @staticmethod
    def pdu(kind: int, body: bytes = b"\0\0\0\0") -> bytes:
        """Encode a PDU."""
        return struct.pack(">BxL", kind, len(body)) + body

    @classmethod
    def value(cls, context: int, flags: int, content: bytes) -> bytes:
        """Encode a P-DATA-TF of one value."""
        head = struct.pack(">LBB", len(content) + 2, context, flags)
        return cls.pdu(4, head + content)

    def send(self, content: bytes) -> None:
        """Send bytes."""
        self.socket.sendall(content)

    def read(self) -> tuple[int, bytes]:
        """Return type and body of the next PDU; (0, b"") when the connection has ended."""
        with suppress(ConnectionError):
            head = self._exactly(6)
            if len(head) == 6:
                kind, length = struct.unpack(">BxL", head)
                return kind, self._exactly(length)
        return 0, b""

    def _exactly(self, length: int) -> bytes:
        found = b""
        while len(found) < length:
            part = self.socket.recv(length - len(found))
            if not part:
                break
            found += part
        return found


@pytest.fixture
def raw_peer() -> Iterator[Callable[[int], RawPeer]]:
    """Connect to a port as a peer that says anything."""
    made: list[RawPeer] = []

    def connect(port: int) -> RawPeer:
        made.append(RawPeer(port))
        return made[-1]

    yield connect
    for one in made:
        one.socket.close()
