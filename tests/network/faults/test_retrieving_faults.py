"""Retrieving through broken lines: nothing partial, nothing else, and all of it in the end."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pydicom
import pytest

from napari_dicomdb import Database
from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.node import Limits, Node
from napari_dicomdb.network.retrieving import RetrieveReport, Wanted, retrieve

PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
IMPATIENT = Limits(connect_seconds=1, answer_seconds=1)
COUNT, ROUNDS = 8, 12
PASSING = ("cut", "reset", "half-close", "delay", "trickle")


def get(database: Database, node: Node, study: str) -> RetrieveReport | None:
    """Retrieve a study; None: the node was never reached."""
    wanted = [Wanted("study", study_uid=study)]
    try:
        report = retrieve(database, node, wanted, pauses=(0.0, 0.0, 0.0))
    except NetworkError:
        return None
    held = {record.uid for record in database.instances()}
    assert set(report.received_uids) <= held
    assert not report.ok or len(held) == COUNT
    assert all(reason and text for _, reason, text in report.failed)
    return report


@pytest.mark.parametrize("way", ["get", "move", "wado"])
def test_comes_to_its_end(
    dcmqrscp: Callable[..., Node],
    orthanc: Callable[..., Any],
    fault_proxy: Callable[..., Any],
    faults: ModuleType,
    small: Any,
    free_port_of: Callable[[], int],
    data_set_of: Callable[[Path], bytes],
    tmp_path: Path,
    check_kept: Callable[..., dict[str, Path]],
    way: str,
) -> None:
    files = small.write(tmp_path / "files", COUNT)
    study = str(pydicom.dcmread(small.path).StudyInstanceUID)
    came = {uid: {data_set_of(path)} for uid, path in files.items()}
    chance = random.Random(way)
    size = COUNT * (len(small.content) + 200)

    def fault(number: int) -> Any:
        made = faults.random_fault(chance, size, PASSING)
        if way == "move":  # few bytes, as the objects come on another association
            kind = made.kind if number % 3 == 1 else ""
            return replace(made, kind=kind, of_server=True, after=chance.randrange(1000))
        return replace(made, of_server=True, after=chance.randrange(size))

    def fault_on_the_way_in(number: int) -> Any:
        # Every third only, and nothing for which DCMTK would wait.
        kind = ("cut", "reset", "trickle") if number % 3 == 1 else ("",)
        return faults.random_fault(chance, size, kind)

    incoming = None
    if way == "wado":
        if not Path(PLUGIN).exists():
            pytest.skip("the DICOMweb plug-in of Orthanc is not installed")
        server = orthanc(Plugins=[PLUGIN], DicomWeb={"Enable": True})
        for path in files.values():
            server.ask("/instances", path.read_bytes())
        target, node = int(server.url.rpartition(":")[2]), server.node
        came = {uid: {data_set_of(server.file(uid))} for uid in files}
    else:
        port = free_port_of()
        incoming = fault_proxy(port, fault_on_the_way_in)
        node = dcmqrscp([*files.values()], retrieve=way, move_port=incoming.port)
        node = replace(node, move_port=port)
        target = node.port
    between = fault_proxy(target, fault)
    node = replace(node, port=between.port, host="127.0.0.1", limits=IMPATIENT)
    if way == "wado":
        url = f"http://127.0.0.1:{between.port}/dicom-web"
        node = Node("web", kind="dicomweb", url=url, limits=IMPATIENT)
    whole, rounds = 0, 5 if way == "move" else ROUNDS
    for number in range(rounds):
        root = tmp_path / f"database-{number}"
        with Database.open(root) as database:
            for _ in range(20):
                report = get(database, node, study)
                if report is not None and report.ok:
                    break
        held = check_kept(root, report.received_uids if report else (), came)
        whole += len(held) == COUNT
    assert whole == rounds
    assert between.interrupted > rounds // 3
    if way == "move":
        assert incoming.interrupted > 1


@pytest.mark.parametrize("seed", range(2))
def test_corrupted(
    dcmqrscp: Callable[..., Node],
    fault_proxy: Callable[..., Any],
    faults: ModuleType,
    small: Any,
    data_set_of: Callable[[Path], bytes],
    tmp_path: Path,
    check_kept: Callable[..., dict[str, Path]],
    seed: int,
) -> None:
    """Wrong, lost and doubled bytes: an object is as it came, or is not kept."""
    files = small.write(tmp_path / "files", COUNT)
    study = str(pydicom.dcmread(small.path).StudyInstanceUID)
    node = dcmqrscp([*files.values()])
    chance = random.Random(seed)
    size = COUNT * (len(small.content) + 200)

    def fault(_: int) -> Any:
        made = faults.random_fault(chance, 3000, ("corrupt", "lose", "repeat"))
        if chance.random() < 0.2:
            return made
        return replace(made, of_server=True, after=chance.randrange(size))

    between = fault_proxy(node.port, fault)
    node = replace(node, port=between.port, host="127.0.0.1", limits=IMPATIENT)
    kept = 0
    for number in range(ROUNDS):
        root, first = tmp_path / f"database-{number}", len(between.connections)
        with Database.open(root) as database:
            report = get_one(database, node, study)
        came = defaultdict(set)
        for one in between.connections[first:]:
            for uid, content in faults.stored_messages(one.answered):
                came[uid].add(content)
        received = report.received_uids if report is not None else ()
        kept += len(check_kept(root, received, came))
    assert kept > ROUNDS
    assert between.interrupted > ROUNDS // 2


def get_one(database: Database, node: Node, study: str) -> RetrieveReport | None:
    """Retrieve a study once; what it was asked for may have been corrupted, too."""
    try:
        return retrieve(database, node, [Wanted("study", study_uid=study)], pauses=(0.0,))
    except NetworkError:
        return None
