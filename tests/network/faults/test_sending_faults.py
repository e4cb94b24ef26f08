"""Sending through broken lines: what the report says is sent is at the peer, whole."""

from __future__ import annotations

import random
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from napari_dicomdb import Database
from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.node import Limits, Node
from napari_dicomdb.network.send_report import SendReport
from napari_dicomdb.network.sending import send_instances

PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
IMPATIENT = Limits(connect_seconds=1, answer_seconds=1)
COUNT, ROUNDS = 8, 15
STATES = {"sent", "warning", "failed", "refused"}


@pytest.fixture
def source(small: Any, tmp_path: Path) -> Iterator[Database]:
    """Small instances."""
    small.write(tmp_path / "files", COUNT)
    with Database.in_memory() as database:
        database.import_paths([tmp_path / "files"], workers=0)
        yield database


def send(source: Database, node: Node) -> SendReport | None:
    """Send all; None: there was no association at all."""
    try:
        report = send_instances(source.instances(), node, pauses=(0.0, 0.0, 0.0))
    except NetworkError:
        return None
    assert {one.state for one in report.outcomes} <= STATES
    assert all(one.text for one in report.outcomes if one.state != "sent")
    assert [one.uid for one in report.outcomes] == [one.uid for one in source.instances()]
    return report


def contents(folder: Path) -> set[bytes]:
    """Data sets of the files that are there, whole or not; each is taken away."""
    found = set()
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # it was of a broken connection
            raw = path.read_bytes()
            path.unlink()
            found.add(raw[144 + int.from_bytes(raw[140:144], "little") :])
    return found


@pytest.mark.parametrize("seed", range(2))
def test_to_storescp(
    storescp: Callable[..., Any],
    fault_proxy: Callable[..., Any],
    faults: ModuleType,
    source: Database,
    small: Any,
    seed: int,
) -> None:
    # Who serves a broken connection may still clean up when the next one stores the same.
    peer = storescp("--fork", "--unique-filenames")
    chance = random.Random(seed)
    kinds = faults.KINDS[:-1] * 4 + faults.KINDS[-1:]
    size = COUNT * (len(small.content) + 200)
    between = fault_proxy(peer.node.port, lambda _: faults.random_fault(chance, size, kinds))
    node = replace(peer.node, port=between.port, host="127.0.0.1", limits=IMPATIENT)
    sent = whole = 0
    for _ in range(ROUNDS):
        first = len(between.connections)
        report = send(source, node)
        if report is None:
            continue
        came = defaultdict(set)
        for one in between.connections[first:]:
            for uid, content in faults.stored_messages(one.said):
                came[uid].add(content)
        received = contents(peer.folder)
        for one in report.outcomes:
            if one.state in ("sent", "warning"):
                sent += 1
                assert received & came[one.uid]
        whole += report.ok
    assert between.interrupted > ROUNDS
    assert whole > ROUNDS // 3
    assert sent > ROUNDS * COUNT // 2


@pytest.mark.parametrize("way", ["C-STORE", "STOW-RS"])
def test_to_orthanc(
    orthanc: Callable[..., Any],
    fault_proxy: Callable[..., Any],
    faults: ModuleType,
    source: Database,
    data_set_of: Callable[[Path | bytes], bytes],
    small: Any,
    way: str,
) -> None:
    is_web = way == "STOW-RS"
    if is_web and not Path(PLUGIN).exists():
        pytest.skip("the DICOMweb plug-in of Orthanc is not installed")
    more = {"Plugins": [PLUGIN], "DicomWeb": {"Enable": True}} if is_web else {}
    server = orthanc(**more)
    chance = random.Random(way)
    # What is corrupted is kept under any UID there.
    kinds = tuple({*faults.KINDS} - {"corrupt", "lose", "repeat"})
    size = COUNT * (len(small.content) + 200)
    target = int(server.url.rpartition(":")[2]) if is_web else server.node.port
    between = fault_proxy(target, lambda _: faults.random_fault(chance, size, sorted(kinds)))
    node = replace(server.node, port=between.port, host="127.0.0.1", limits=IMPATIENT)
    if is_web:
        url = f"http://127.0.0.1:{between.port}/dicom-web"
        node = Node("web", kind="dicomweb", url=url, limits=IMPATIENT)
    whole = 0
    for _ in range(ROUNDS):
        report = send(source, node)
        if report is None:
            continue
        whole += report.ok
        paths = {one.uid: one.path for one in source.instances()}
        for one in report.outcomes:
            if one.state == "sent":
                assert data_set_of(server.file(one.uid)) == data_set_of(paths[one.uid])
        for study in server.ask("/studies"):
            request = urllib.request.Request(f"{server.url}/studies/{study}", method="DELETE")
            urllib.request.urlopen(request, timeout=20).close()
    assert between.interrupted > ROUNDS // 2
    assert whole > ROUNDS // 3
