"""A thousand and more interrupted associations: nothing acknowledged is ever lost."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.association import Association
from napari_dicomdb.network.echo import check_node
from napari_dicomdb.network.node import Limits, Node

CT = "1.2.840.10008.5.1.4.1.1.2"
ASSOCIATIONS, PARTS, SIDE_BY_SIDE = 1800, 6, 8
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
    held = check_kept(ours.database.path, acknowledged, came, corrupted=True)
    assert len(between.connections) == count
    assert between.interrupted > count * 2 // 3
    assert len(acknowledged) > count // 2
    assert ours.listener.statistics.stored == len(held)
