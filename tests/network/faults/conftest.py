"""Faults between us and a peer, and a checker of what they left; raw SQLite and pydicom."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import sqlite3
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pydicom
import pytest

from napari_dicomdb.viewer.phantom import write_phantom_study

HERE = Path(__file__).parent
CT = "1.2.840.10008.5.1.4.1.1.2"


def _loaded(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def faults() -> ModuleType:
    """The module of the proxy."""
    return _loaded("dicomdb_fault_proxy", HERE / "fault_proxy.py")


@pytest.fixture
def fault_proxy(faults: ModuleType) -> Iterator[Callable[..., Any]]:
    """Make proxies to a port; arguments: the port, and the fault of a connection's number."""
    made: list[Any] = []

    def start(target: int, fault_of: Callable[[int], Any]) -> Any:
        made.append(faults.FaultProxy(target, fault_of))
        return made[-1]

    yield start
    for one in made:
        one.close()


@dataclass
class Small:
    """Endless small objects, the same but for their UIDs."""

    path: Path
    content: bytes
    uid: str
    syntax: str
    numbers: Iterator[int]

    def next(self) -> tuple[str, bytes]:
        """Return the UID and the data set of the next one."""
        uid = f"1.2.826.0.1.1{next(self.numbers):09d}".ljust(len(self.uid), "7")[: len(self.uid)]
        return uid, self.content.replace(self.uid.encode(), uid.encode())

    def write(self, folder: Path, count: int) -> dict[str, Path]:
        """Write files of the next ones; by UID."""
        folder.mkdir(parents=True, exist_ok=True)
        raw, written = self.path.read_bytes(), {}
        for _ in range(count):
            uid, _ = self.next()
            written[uid] = folder / f"{uid[-20:]}-{len(written)}.dcm"
            written[uid].write_bytes(raw.replace(self.uid.encode(), uid.encode()))
        return written


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """Small CT images of 24 by 24 pixels."""
    folder = tmp_path_factory.mktemp("small")
    (series,) = write_phantom_study(folder, ("axial-ct",), matrix=24, slices=4)
    path = series.paths[0]
    raw = path.read_bytes()
    dataset = pydicom.dcmread(path)
    offset = 144 + int(dataset.file_meta.FileMetaInformationGroupLength)
    uid, syntax = str(dataset.SOPInstanceUID), str(dataset.file_meta.TransferSyntaxUID)
    return Small(path, raw[offset:], uid, syntax, itertools.count(1))


def rows(root: Path) -> dict[str, Path]:
    """Return the files of an index by UID."""
    with contextlib.closing(
        sqlite3.connect(f"file:{root / 'dicomdb.sqlite'}?mode=ro", uri=True)
    ) as raw:
        found = raw.execute(
            "SELECT uid, path, name FROM instance JOIN file ON file.id = instance.file"
            " JOIN directory ON directory.id = directory"
        ).fetchall()
    return {
        uid: root / os.fsdecode(directory) / os.fsdecode(name) for uid, directory, name in found
    }


@pytest.fixture(scope="session")
def check_kept(
    data_set_bytes_of: Callable[[Path], bytes],
) -> Callable[..., dict[str, Path]]:
    """Prove what a database that rests has of what was delivered to it.

    Arguments: its directory, the UIDs that were acknowledged, and by UID what came whole.
    """
    checker = _loaded("dicomdb_checker", HERE.parents[1] / "database" / "checker.py")

    def check(
        root: Path,
        acknowledged: Iterable[str],
        came: dict[str, set[bytes]],
    ) -> dict[str, Path]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wrong = checker.problems(root)
        # What was corrupted on the way is kept as it came: a series may be of two minds.
        minds = "not the object that the index says"
        assert [x for x in wrong if not x.startswith("series ") and minds not in x] == []
        held = rows(root)
        assert set(acknowledged) - set(held) == set()  # nothing acknowledged is lost
        for uid, path in held.items():  # and what is visible is whole
            assert data_set_bytes_of(path) in came[uid], uid
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                assert pydicom.dcmread(path).SOPInstanceUID == uid
        # Nothing else lies about.
        assert not (root / "received").exists()
        assert {one for one in (root / "files").rglob("*") if one.is_file()} == set(held.values())
        assert not list(root.rglob("*.part*"))
        return held

    return check


@pytest.fixture(scope="session")
def data_set_bytes_of() -> Callable[[Path], bytes]:
    """Read what follows the file meta information."""

    def read(path: Path) -> bytes:
        raw = path.read_bytes()
        assert raw[128:132] == b"DICM"
        return raw[144 + int.from_bytes(raw[140:144], "little") :]

    return read
