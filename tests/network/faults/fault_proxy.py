"""A TCP proxy that does to connections what networks do: cuts, resets, delays, corrupts, loses."""

from __future__ import annotations

import random
import select
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

PATIENCE = 20.0
KINDS = ("cut", "reset", "half-close", "corrupt", "lose", "repeat", "delay", "trickle", "hang")
_AT_ONCE = 65_536
_TRICKLED = 200  # bytes that come one by one
_MOST_KEPT = 4 << 20  # of what was delivered, each way


@dataclass(frozen=True)
class Fault:
    """What happens to one connection.

    Attributes
    ----------
    kind : str
        Of `KINDS`; "" none.
    after : int
        How many bytes of that direction come through before.
    of_server : bool
        Of what the server says, else of what the client says.
    amount : int
        Bytes that are lost or come twice; for "corrupt" what they are XORed with.
    """

    kind: str = ""
    after: int = 0
    of_server: bool = False
    amount: int = 1


def random_fault(chance: random.Random, most: int, kinds: tuple[str, ...] = KINDS) -> Fault:
    """Choose a fault somewhere in the first `most` bytes that a client says."""
    of_server = chance.random() < 0.25
    after = chance.randrange(500) if of_server else chance.randrange(most)
    return Fault(chance.choice(kinds), after, of_server, chance.randrange(1, 256))


@dataclass
class Connection:
    """What became of one connection."""

    fault: Fault
    fired: bool = False
    said: bytearray = field(default_factory=bytearray)
    """By the client, as it was delivered."""
    answered: bytearray = field(default_factory=bytearray)
    """By the server, as it was delivered."""


class FaultProxy:
    """Hands on between clients and a port of the loopback interface, a thread each.

    Parameters
    ----------
    target : int
        May be changed; 0: nobody is there.
    fault_of : callable
        What is to happen to a connection, by its number from 0.
    """

    def __init__(self, target: int, fault_of: Callable[[int], Fault]) -> None:
        self.target = target
        self.connections: list[Connection] = []
        self._fault_of = fault_of
        self._ending = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = int(self._server.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def interrupted(self) -> int:
        """How many connections had their fault."""
        return sum(one.fired for one in self.connections)

    def close(self) -> None:
        """Stop; every connection is cut."""
        self._ending.set()
        self._server.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        self._server.close()

    def _accept(self) -> None:
        while not self._ending.is_set():
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            made = Connection(self._fault_of(len(self.connections)))
            self.connections.append(made)
            thread = threading.Thread(target=self._serve, args=(client, made))
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket, made: Connection) -> None:
        with client:
            try:
                server = socket.create_connection(("127.0.0.1", self.target), PATIENCE)
            except OSError:
                return
            with server:
                for one in (client, server):
                    one.settimeout(PATIENCE)
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with suppress(OSError):
                    self._hand_on(client, server, made)

    def _hand_on(self, client: socket.socket, server: socket.socket, made: Connection) -> None:
        left = [client, server]
        while left and not self._ending.is_set():
            for source in select.select(left, [], [], 0.2)[0]:
                target = server if source is client else client
                try:
                    part = source.recv(_AT_ONCE)
                except ConnectionError:
                    _reset(target)
                    return
                if not part:
                    left.remove(source)
                    with suppress(OSError):
                        target.shutdown(socket.SHUT_WR)
                elif not self._deliver(part, target, source is server, made):
                    return

    def _deliver(
        self, part: bytes, target: socket.socket, of_server: bool, made: Connection
    ) -> bool:
        """Hand on what was said, or what a fault makes of it; False: the connection ends."""
        fault, kept = made.fault, made.answered if of_server else made.said
        if not fault.kind or fault.of_server != of_server:
            _send(target, part, kept)
            return True
        if made.fired:
            if fault.kind not in ("half-close", "hang"):
                _send(target, part, kept)
            return True
        if len(kept) + len(part) <= fault.after:
            _send(target, part, kept)
            return True
        place = fault.after - len(kept)
        _send(target, part[:place], kept)
        made.fired, rest = True, part[place:]
        if fault.kind == "cut":
            return False
        if fault.kind == "reset":
            _reset(target)
            return False
        if fault.kind == "half-close":
            target.shutdown(socket.SHUT_WR)
        elif fault.kind == "corrupt":
            _send(target, bytes((rest[0] ^ (fault.amount & 255 or 1),)) + rest[1:], kept)
        elif fault.kind == "lose":
            _send(target, rest[fault.amount :], kept)
        elif fault.kind == "repeat":
            _send(target, rest[: fault.amount] + rest, kept)
        elif fault.kind == "delay":
            self._ending.wait(0.05)
            _send(target, rest, kept)
        elif fault.kind == "trickle":
            for number in range(min(_TRICKLED, len(rest))):
                _send(target, rest[number : number + 1], kept)
            _send(target, rest[_TRICKLED:], kept)
        return True


def _send(target: socket.socket, part: bytes, kept: bytearray) -> None:
    if part:
        if len(kept) < _MOST_KEPT:
            kept += part
        target.sendall(part)


def _reset(target: socket.socket) -> None:
    target.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def stored_messages(raw: bytes) -> list[tuple[str, bytes]]:
    """Take apart what a client has said: UID and data set of each C-STORE that came whole.

    Written against PS3.8 9.3 and PS3.7 Annex E; nothing of ours is used.
    """
    found: list[tuple[str, bytes]] = []
    place, command, content, is_whole = 0, bytearray(), bytearray(), False
    while place + 6 <= len(raw):
        kind, length = struct.unpack_from(">BxL", raw, place)
        body = raw[place + 6 : place + 6 + length]
        place += 6 + length
        if len(body) < length:
            break
        at = 0
        while kind == 4 and at + 6 <= length:
            size, flags = struct.unpack_from(">LxB", body, at)
            value = body[at + 6 : at + 4 + size]
            at += 4 + size
            if flags & 1:
                if is_whole:  # of the message before
                    command, content = bytearray(), bytearray()
                command += value
                is_whole = bool(flags & 2)
            else:
                content += value
                if flags & 2:
                    found.append((_uid_of(command), bytes(content)))
                    command, content = bytearray(), bytearray()
    return found


def _uid_of(command: bytes) -> str:
    place = 0
    while place + 8 <= len(command):
        group, element, length = struct.unpack_from("<HHL", command, place)
        if (group, element) == (0, 0x1000):
            return command[place + 8 : place + 8 + length].decode("latin_1").rstrip("\0 ")
        place += 8 + length
    return ""
