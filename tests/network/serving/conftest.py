"""A server over the reference data, for clients that are not ours."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pydicom
import pytest

from napari_dicomdb import Database
from napari_dicomdb.database.records import InstanceRecord
from napari_dicomdb.network.serving import Server, ServerSettings

FOLDERS = ("compressed", "charset", "enhanced", "cine", "rgb_sc", "seg", "sr")


@dataclass
class Web:
    """A running server and an HTTP client of it."""

    database: Database
    server: Server
    client: httpx.Client

    def get(self, path: str, accept: str = "*/*", **options: Any) -> httpx.Response:
        headers = {"Accept": accept, **options.pop("headers", {})}
        return self.client.get(path, headers=headers, **options)

    def path(self, record: InstanceRecord) -> str:
        series = self.database.find_series(record.series_uid)
        return f"/studies/{series.study_uid}/series/{series.uid}/instances/{record.uid}"

    def named(self, name: str) -> InstanceRecord:
        """The instance of the file with this name."""
        (found,) = [i for i in self.database.instances() if i.path.name == name]
        return found


@pytest.fixture(scope="session")
def web(reference_data: Path) -> Iterator[Web]:
    """The reference data, read-only."""
    with Database.in_memory() as database:
        database.import_paths([reference_data / one for one in FOLDERS], workers=0)
        with (
            Server(database, ServerSettings(port=0, read_only=True)) as server,
            httpx.Client(base_url=server.url, timeout=30) as client,
        ):
            yield Web(database, server, client)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Web]]:
    """Serve a new database with these settings."""
    ends: list[Callable[[], Any]] = []

    def begin(*paths: Path, database: Database | None = None, **settings: Any) -> Web:
        db = database or Database.open(tmp_path / "served")
        if database is None:
            ends.append(db.close)
        if paths:
            db.import_paths(paths, workers=0)
        server = Server(db, ServerSettings(port=0, **settings))
        server.start()
        ends.append(server.stop)
        client = httpx.Client(base_url=server.url, timeout=30)
        ends.append(client.close)
        return Web(db, server, client)

    yield begin
    for end in reversed(ends):
        end()


def parts_of(answer: httpx.Response) -> list[tuple[str, bytes]]:
    """Content types and contents of a multipart answer."""
    mark = answer.headers["content-type"].split("boundary=")[1].split(";")[0].strip('"')
    pieces = answer.content.split(f"--{mark}".encode())
    assert pieces[0] == b""
    assert pieces[-1] == b"--\r\n"
    found = []
    for piece in pieces[1:-1]:
        head, _, content = piece.partition(b"\r\n\r\n")
        lines = [line.partition(": ") for line in head.decode().strip().split("\r\n")]
        headers = {name: value for name, _, value in lines}
        assert content.endswith(b"\r\n")
        if "Content-Length" in headers:
            assert int(headers["Content-Length"]) == len(content) - 2
        found.append((headers["Content-Type"], content[:-2]))
    return found


def multipart(*files: bytes, mark: str = "m-a-r-k", kind: str = "application/dicom") -> bytes:
    """A message of these files."""
    parts = [f"--{mark}\r\nContent-Type: {kind}\r\n\r\n".encode() + one + b"\r\n" for one in files]
    return b"".join(parts) + f"--{mark}--\r\n".encode()


def related(mark: str = "m-a-r-k") -> dict[str, str]:
    return {"Content-Type": f'multipart/related; type="application/dicom"; boundary={mark}'}


@pytest.fixture
def split() -> Callable[[httpx.Response], list[tuple[str, bytes]]]:
    """Take a multipart answer apart."""
    return parts_of


@pytest.fixture
def store() -> Callable[..., httpx.Response]:
    """Send files to a server by STOW-RS."""

    def send(web: Web, *files: bytes, path: str = "/studies") -> httpx.Response:
        return web.client.post(path, content=multipart(*files), headers=related())

    return send


@pytest.fixture
def read() -> Callable[[Path], pydicom.Dataset]:
    """Read a file by pydicom, whatever it is like."""

    def by_pydicom(path: Path) -> pydicom.Dataset:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pydicom.dcmread(path, force=True)

    return by_pydicom
