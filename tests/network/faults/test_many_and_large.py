"""Thousands of associations at once, and objects that say they are gigabytes."""

from __future__ import annotations

import random
import resource
import socket
import struct
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any

import pytest
from tests.servers import PATIENCE

from napari_dicomdb.network.commands import decode_command, encode_command
from napari_dicomdb.network.echo import check_node
from napari_dicomdb.network.listener import ListenerTls
from napari_dicomdb.network.node import Limits, Tls

CT, EXPLICIT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1"
CONNECTIONS = 2000
UID = "1.2.826.0.1.77"


@pytest.fixture
def handles() -> Iterator[None]:
    """Let us have enough open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 3 * CONNECTIONS
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"only {hard} open files are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_thousands_at_once(
    receiver: Callable[..., Any], raw_peer: Callable[..., Any], handles: None
) -> None:
    """All open together, half of them silent: those in excess are sent away, no one is harmed."""
    ours = receiver(max_associations=20)
    inside = raw_peer(ours.port)
    inside.send(inside.request((1, "1.2.840.10008.1.1", "1.2.840.10008.1.2")))
    assert inside.read()[0] == 2
    request = inside.request((1, "1.2.840.10008.1.1", "1.2.840.10008.1.2"))
    most = 0
    with ExitStack() as stack:
        for number in range(CONNECTIONS):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", ours.port), 20))
            if number % 2:
                with suppress(OSError):
                    one.sendall(request)
            most = max(most, threading.active_count())
        assert most < 20 + 64 + 20  # associations, the entrance, ours
        # Whoever is inside goes on, whatever the crowd does; handles beyond 1023 do not matter.
        echo = {"AffectedSOPClassUID": "1.2.840.10008.1.1", "CommandField": 0x30, "MessageID": 9}
        inside.send(inside.value(1, 3, encode_command({**echo, "CommandDataSetType": 0x101})))
        kind, body = inside.read()
        assert (kind, decode_command(body[6:])["Status"]) == (4, 0)
    patient = replace(ours.node, limits=Limits(connect_seconds=20, answer_seconds=20))
    deadline = time.monotonic() + PATIENCE
    while not (result := check_node(patient)).ok:  # those who have gone still take the room
        assert result.reason in ("busy", "closed"), result
        assert time.monotonic() < deadline
    assert ours.listener.statistics.rejected_associations > CONNECTIONS // 4


def test_handles_beyond_1023(receiver: Callable[..., Any], handles: None) -> None:
    ours = receiver(stores=False)
    with ExitStack() as stack:
        for _ in range(1100):
            stack.enter_context(socket.socket())
        assert check_node(ours.node).ok


@pytest.mark.parametrize("declared", [1 << 30, 0xFFFFFFF0])
def test_gigabytes_declared(
    receiver: Callable[..., Any], raw_peer: Callable[..., Any], declared: int
) -> None:
    """In the head of a PDU, of a value, of an element, of a command: nothing is allocated."""
    ours = receiver()
    command = encode_command(
        {
            "AffectedSOPClassUID": CT,
            "CommandField": 1,
            "MessageID": 1,
            "Priority": 0,
            "CommandDataSetType": 1,
            "AffectedSOPInstanceUID": UID,
        }
    )
    identity = b"".join(
        struct.pack("<HH2sH", group, element, b"UI", len(value)) + value
        for group, element, value in (
            (8, 0x16, CT.encode() + b"\0"),
            (8, 0x18, UID.encode()),
            (0x20, 0xD, b"1.2.3\0"),
            (0x20, 0xE, b"1.2.4\0"),
        )
    )
    pixels = struct.pack("<HH2sxxL", 0x7FE0, 0x10, b"OW", declared) + bytes(1000)
    name = struct.pack("<HHL", 0, 0x1000, declared)
    tracemalloc.start()
    try:
        for said, kinds in (
            (struct.pack(">BxL", 4, declared), {7, 0}),
            (struct.pack(">BxLLBB", 4, 6, declared, 1, 3), {7, 0}),
            (raw_peer_value(1, 3, name), {7, 0}),
            (raw_peer_value(1, 3, command) + raw_peer_value(1, 2, identity + pixels), {4}),
        ):
            peer = raw_peer(ours.port)
            peer.send(peer.request((1, CT, EXPLICIT)))
            assert peer.read()[0] == 2
            peer.send(said)
            kind, body = peer.read()
            assert kind in kinds
            if kind == 4:
                assert decode_command(body[6:])["Status"] == 0xC000
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()
    assert check_node(ours.node).ok
    ours.listener.stop()
    assert ours.database.instances() == []
    assert ours.partial() == []


def raw_peer_value(context: int, flags: int, content: bytes) -> bytes:
    """Encode a P-DATA-TF of one value."""
    head = struct.pack(">LBB", len(content) + 2, context, flags)
    return struct.pack(">BxL", 4, len(head) + len(content)) + head + content


def test_garbage_where_tls_is_spoken(receiver: Callable[..., Any], certificates: Any) -> None:
    ours = receiver(tls=ListenerTls(certificates.server, certificates.server_key))
    chance = random.Random(5)
    starts = (b"", b"\x16\x03\x01", b"\x16\x03\x01\xff\xff", b"\x15\x03\x03\0\2\2(", b"GET / ")
    for number in range(200):
        with socket.create_connection(("127.0.0.1", ours.port), 20) as one, suppress(OSError):
            one.sendall(starts[number % len(starts)] + chance.randbytes(chance.randrange(400)))
    node = replace(ours.node, tls=Tls(certificates.ca))
    deadline = time.monotonic() + PATIENCE
    while not check_node(node).ok:
        assert time.monotonic() < deadline
    assert ours.listener.is_running
