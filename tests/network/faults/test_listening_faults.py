"""A thousand and more interrupted associations: nothing acknowledged is ever lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.servers import PATIENCE

from napari_dicomdb import Database
from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.association import Association
from napari_dicomdb.network.echo import check_node
from napari_dicomdb.network.listener import ListenerTls
from napari_dicomdb.network.node import Limits, Node, Tls

HERE = Path(__file__).parent
CT = "1.2.840.10008.5.1.4.1.1.2"
ASSOCIATIONS, PARTS, SIDE_BY_SIDE = 1800, 6, 8
KILLS = 12
IMPATIENT = Limits(connect_seconds=0.5, answer_seconds=0.5)


def send_some(node: Node, small: Any, count: int) -> tuple[dict[str, bytes], list[str]]:
    """Send objects on one association until it breaks; what was sent, what acknowledged."""
    objects = dict(small.next() for _ in range(count))
    acknowledged: list[str] = []
    try:
        association = Association.request(node, [(CT, small.syntax)])
        try:
            for uid, content in objects.items():
                message = association.send_request(
                    1,
                    {
                        "AffectedSOPClassUID": CT,
                        "CommandField": 1,
                        "Priority": 0,
                        "CommandDataSetType": 1,
                        "AffectedSOPInstanceUID": uid,
                    },
                    content,
                )
                if association.read_answer(message)["Status"] == 0:
                    acknowledged.append(uid)
            association.release()
        finally:
            association.close()
    except NetworkError:
        pass  # that is what it is for
    return objects, acknowledged


@pytest.mark.parametrize("seed", range(PARTS))
def test_interrupted_associations(
    receiver: Callable[..., Any],
    fault_proxy: Callable[..., Any],
    faults: ModuleType,
    small: Any,
    check_kept: Callable[..., dict[str, Path]],
    seed: int,
) -> None:
    """Cut, reset, half-closed, corrupted, lossy, doubled, slow, silent; by both directions."""
    ours = receiver(idle_seconds=10, max_associations=100)
    chance = random.Random(seed)
    count = ASSOCIATIONS // PARTS
    size = 4 * (len(small.content) + 200)
    # The last kind costs its whole waiting: once in a while is enough.
    kinds = faults.KINDS[:-1] * 4 + faults.KINDS[-1:]
    plan = [faults.random_fault(chance, size, kinds) for _ in range(count)]
    between = fault_proxy(ours.port, lambda number: plan[number])
    node = Node(
        "ours", host="127.0.0.1", port=between.port, called_aet="DICOMDB", limits=IMPATIENT
    )
    counts = [chance.randrange(1, 6) for _ in range(count)]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        done = list(pool.map(lambda number: send_some(node, small, number), counts))
    assert check_node(ours.node).ok
    ours.listener.stop()
    acknowledged = {uid for _, uids in done for uid in uids}
    came = defaultdict(set)
    for one in between.connections:
        for uid, content in faults.stored_messages(one.said):
            came[uid].add(content)
    held = check_kept(ours.database.path, acknowledged, came)
    assert len(between.connections) == count
    assert between.interrupted > count * 2 // 3
    assert len(acknowledged) > count // 2
    assert ours.listener.statistics.stored == len(held)


def test_corrupted_within_tls(
    receiver: Callable[..., Any],
    certificates: Any,
    fault_proxy: Callable[..., Any],
    faults: ModuleType,
    small: Any,
    check_kept: Callable[..., dict[str, Path]],
) -> None:
    """There every wrong byte is noticed: what is here is what was sent."""
    ours = receiver(tls=ListenerTls(certificates.server, certificates.server_key))
    chance = random.Random(7)
    kinds = ("corrupt", "lose", "repeat", "cut", "reset")
    size = 2500 + 3 * (len(small.content) + 200)
    plan = [faults.random_fault(chance, size, kinds) for _ in range(150)]
    between = fault_proxy(ours.port, lambda number: plan[number])
    node = Node(
        "ours",
        host="localhost",
        port=between.port,
        called_aet="DICOMDB",
        limits=Limits(connect_seconds=2, answer_seconds=2),
        tls=Tls(certificates.ca),
    )
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        done = list(pool.map(lambda _: send_some(node, small, 3), plan))
    assert ours.listener.is_running
    ours.listener.stop()
    acknowledged = {uid for _, uids in done for uid in uids}
    sent = {uid: {content} for objects, _ in done for uid, content in objects.items()}
    check_kept(ours.database.path, acknowledged, sent)
    assert between.interrupted > 75
    assert len(acknowledged) > 50


def test_interrupted_associations_of_storescu(
    receiver: Callable[..., Any],
    fault_proxy: Callable[..., Any],
    faults: ModuleType,
    small: Any,
    program: Callable[[str], str],
    tmp_path: Path,
    check_kept: Callable[..., dict[str, Path]],
) -> None:
    """What DCMTK thinks is stored is stored."""
    ours = receiver(idle_seconds=10)
    chance = random.Random(3)
    count = 100
    size = 3 * (len(small.content) + 200)
    plan = [faults.random_fault(chance, size, ("cut", "reset", "trickle")) for _ in range(count)]
    between = fault_proxy(ours.port, lambda number: plan[number])
    files = [small.write(tmp_path / str(number), 3) for number in range(count)]
    send = _by_storescu(program("storescu"))
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        done = list(pool.map(lambda some: send(some, between.port), files))
    assert check_node(ours.node).ok
    ours.listener.stop()
    came = defaultdict(set)
    for one in between.connections:
        for uid, content in faults.stored_messages(one.said):
            came[uid].add(content)
    acknowledged = {uid for uids in done for uid in uids}
    check_kept(ours.database.path, acknowledged, came)
    assert len(acknowledged) > count // 2
    assert between.interrupted > count // 2


def _by_storescu(program: str) -> Callable[[dict[str, Path], int], list[str]]:
    def send(files: dict[str, Path], port: int) -> list[str]:
        words = [program, "-v", "-aec", "DICOMDB", "-ta", "2", "-td", "2", "127.0.0.1", str(port)]
        paths = {str(path): uid for uid, path in files.items()}
        told = subprocess.run(
            [*words, *paths], capture_output=True, text=True, check=False, timeout=60
        )
        said = (told.stdout + told.stderr).split("Sending file: ")[1:]
        return [
            paths[part.split("\n", 1)[0].strip()]
            for part in said
            if "Received Store Response (Success)" in part
        ]

    return send


@pytest.fixture
def killable(tmp_path: Path) -> Iterator[Callable[[Path], tuple[int, int]]]:
    """Listen in a process of its own; returns its number and its port."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", str(HERE / "listening.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "DICOMDB_SETTINGS": str(tmp_path / "settings.json")},
    )

    def start(root: Path) -> tuple[int, int]:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{root}\n")
        process.stdin.flush()
        number, port = process.stdout.readline().split()
        return int(number), int(port)

    with process:
        yield start


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("seed", range(2))
def test_killed_in_the_middle(
    killable: Callable[[Path], tuple[int, int]],
    fault_proxy: Callable[..., Any],
    faults: ModuleType,
    small: Any,
    tmp_path: Path,
    check_kept: Callable[..., dict[str, Path]],
    seed: int,
) -> None:
    """The listener is killed again and again while four peers send through broken lines."""
    root = tmp_path / "database"
    Database.open(root).close()
    chance = random.Random(seed)
    size = 6 * (len(small.content) + 200)
    kinds = ("cut", "reset", "half-close", "trickle", "delay")
    between = fault_proxy(
        0,
        lambda number: faults.random_fault(chance, size, kinds) if number % 2 else faults.Fault(),
    )
    node = Node(
        "ours", host="127.0.0.1", port=between.port, called_aet="DICOMDB", limits=IMPATIENT
    )
    sent: dict[str, bytes] = {}
    acknowledged: set[str] = set()
    told, may_send, over = threading.Condition(), threading.Event(), threading.Event()

    def go_on() -> None:
        while not over.is_set():
            assert may_send.wait(PATIENCE)
            if not over.is_set():
                objects, uids = send_some(node, small, 6)
                with told:
                    sent.update(objects)
                    acknowledged.update(uids)
                    told.notify_all()

    senders = [threading.Thread(target=go_on) for _ in range(4)]
    for thread in senders:
        thread.start()
    try:
        for _ in range(KILLS):
            number, between.target = killable(root)
            may_send.set()
            with told:
                enough = len(acknowledged) + chance.randrange(1, 40)
                assert told.wait_for(lambda: len(acknowledged) >= enough, PATIENCE)  # noqa: B023
            os.kill(number, signal.SIGKILL)
            may_send.clear()
    finally:
        over.set()
        may_send.set()
        for thread in senders:
            thread.join()
    with Database.open(root) as database:
        assert database.info()["instances"] >= len(acknowledged)
    came = {uid: {content} for uid, content in sent.items()}
    check_kept(root, acknowledged, came)
    assert len(acknowledged) >= KILLS
