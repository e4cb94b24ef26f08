"""The listener: takes associations, a thread for each, and what they store into the database."""

from __future__ import annotations

import errno
import itertools
import logging
import socket
import threading
import time
from typing import TYPE_CHECKING, Self

from napari_dicomdb.database.receiving import Inbox
from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.accepted_wire import AcceptedWire
from napari_dicomdb.network.commitment_service import PAUSES, Courier
from napari_dicomdb.network.listener_events import Counters, ListenerEvent
from napari_dicomdb.network.listener_settings import ListenerSettings, ListenerTls
from napari_dicomdb.network.port_owner import owner_of_port
from napari_dicomdb.network.served_association import ServedAssociation
from napari_dicomdb.network.storage_classes import is_storage_class
from napari_dicomdb.network.tls import server_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from napari_dicomdb.database import Database
    from napari_dicomdb.database.report import ImportReport
    from napari_dicomdb.network.commitment_data import CommitmentResult
    from napari_dicomdb.network.listener_events import ListenerStatistics

__all__ = ["Listener", "ListenerSettings", "ListenerTls"]

_TURN = 0.2
_BACKLOG = 128
_ENTRANCE = 64  # connections beyond those allowed, that are told so
_STOP_SECONDS = 20.0
_PRIVILEGED = 1024
_log = logging.getLogger(__name__)


class Listener:
    """Listens for other DICOM programs that store here (C-STORE, C-ECHO, storage commitment).

    What was acknowledged is on disk, whole: stopping, or a kill, loses none of it.

    Parameters
    ----------
    database : Database or None
        Opened for writing; stays open. None: nothing is stored; echoes are answered, and
        results of storage commitment are taken.
    settings : ListenerSettings
    on_event : callable, optional
        Called with each `ListenerEvent`, in the thread where it happens; must be quick and
        must not raise.
    inbox : Inbox, optional
        Of `database`; by default one of its own.
    pauses : sequence of float
        Before each further attempt to bring a result of storage commitment.

    Attributes
    ----------
    on_event : callable or None
    settings : ListenerSettings
    """

    def __init__(
        self,
        database: Database | None,
        settings: ListenerSettings | None = None,
        *,
        on_event: Callable[[ListenerEvent], None] | None = None,
        inbox: Inbox | None = None,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self.settings = settings or ListenerSettings()
        self.on_event = on_event
        self.counters = Counters()
        self.inbox: Inbox | None = inbox
        self.tls: ssl.SSLContext | None = None
        self._database = database
        self._own_inbox = False
        self._pauses = pauses
        self._courier: Courier | None = None
        self._socket: socket.socket | None = None
        self._port = 0
        self._stopping: float | None = None
        self._lock = threading.Lock()
        self._threads: dict[int, threading.Thread] = {}
        self._open: set[int] = set()
        self._numbers = itertools.count(1)
        self._accepting: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        """Stop."""
        self.stop()

    # -- for its owner ------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        """Whether it listens."""
        return self._accepting is not None

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens: address and port."""
        return self.settings.bind, self._port or self.settings.port

    @property
    def statistics(self) -> ListenerStatistics:
        """What it did since it was started."""
        return self.counters.read()

    def start(self) -> Self:
        """Begin to listen; return the listener.

        Raises
        ------
        NetworkError
            If it cannot: the port is in use ("port-in-use"; the message names its owner
            where the system tells), not allowed ("port-not-allowed"), or the address is
            none of this computer ("no-such-address"); or a file of TLS cannot be read
            ("tls-files").
        DatabaseError
            If the database cannot be written.
        """
        if self.is_running:
            return self
        tls = self.settings.tls
        self.tls = None if tls is None else server_context(tls.certificate, tls.key, tls.ca)
        self._stopping = None
        self.counters = Counters()
        is_storage_class("")  # reads the dictionary of UIDs now, not when the first peer waits
        server = self._listening_socket()
        try:
            if self.inbox is None and self._database is not None:
                self.inbox = Inbox(self._database)
                self.inbox.on_indexed = self._indexed
                self._own_inbox = True
        except BaseException:
            server.close()
            raise
        self._socket = server
        self._port = int(server.getsockname()[1])
        self._courier = Courier(self._brought, self._pauses)
        thread = threading.Thread(target=self._accept, name="dicomdb listener", daemon=True)
        self._accepting = thread
        thread.start()
        where = f"{self.settings.bind} port {self._port}"
        _log.info("listening at %s as %s", where, self.settings.aet)
        self.tell(ListenerEvent("listening", f"listening at {where} as {self.settings.aet}"))
        return self

    def stop(self) -> None:
        """End: objects on their way get some seconds; what was acknowledged is indexed."""
        accepting, server = self._accepting, self._socket
        if accepting is None or server is None:
            return
        self._stopping = time.monotonic()
        accepting.join()
        server.close()
        deadline = time.monotonic() + _STOP_SECONDS
        for thread in self._running():
            thread.join(max(deadline - time.monotonic(), 0.0))
        if self._courier is not None:
            self._courier.stop()
        if self._own_inbox and self.inbox is not None:
            self.inbox.close()
            self.inbox, self._own_inbox = None, False
        self._accepting = self._socket = None
        _log.info("stopped listening")
        self.tell(ListenerEvent("stopped", f"stopped: {self.statistics.summary()}"))
        self._port = 0

    # -- for its associations -----------------------------------------------------------------

    def tell(self, event: ListenerEvent) -> None:
        """Tell whoever wants to know of an event."""
        if self.on_event is not None:
            self.on_event(event)

    def enter(self, association: ServedAssociation) -> bool:
        """Count an association in; False: there are as many as are allowed."""
        with self._lock:
            if len(self._open) >= self.settings.max_associations:
                return False
            self._open.add(association.number)
        self.counters.add(open_associations=1)
        return True

    def leave(self, association: ServedAssociation) -> None:
        """Count an association out, once."""
        with self._lock:
            was_open = association.number in self._open
            self._open.discard(association.number)
        if was_open:
            self.counters.add(open_associations=-1)

    def stopping_since(self) -> float | None:
        """When it began to stop, by `time.monotonic`; None: it does not."""
        return self._stopping

    def bring_later(self, result: CommitmentResult, aet: str, address: str) -> None:
        """Bring a result of storage commitment on another association."""
        if self._courier is not None:
            self._courier.send(result, aet, address, self.settings.aet)

    def _brought(self, ok: bool, node: str, text: str) -> None:
        self.tell(ListenerEvent("committed", text, "" if ok else "not-brought", peer=node))

    def _indexed(self, report: ImportReport) -> None:
        self.counters.add(indexed=report.added)
        self.tell(ListenerEvent("indexed", report.summary()))

    # -- connections --------------------------------------------------------------------------

    def _listening_socket(self) -> socket.socket:
        address, port = self.settings.bind, self.settings.port
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        server = socket.socket(family, socket.SOCK_STREAM)
        try:
            if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows: nobody else beside us
                server.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:
                server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind((address, port))
            server.listen(_BACKLOG)
            server.settimeout(_TURN)
        except OSError as error:
            server.close()
            raise _not_listening(error, address, port) from error
        return server

    def _accept(self) -> None:
        server = self._socket
        if server is None:
            return
        while self._stopping is None:
            try:
                connection, address = server.accept()
            except TimeoutError:
                continue
            except OSError as error:
                # Too many open files, or a peer that has gone again: the next one may do.
                _log.warning("a connection could not be taken: %s", error.strerror)
                time.sleep(_TURN)
                continue
            self._take(connection, str(address[0]))

    def _take(self, connection: socket.socket, host: str) -> None:
        with self._lock:
            most = self.settings.max_associations + _ENTRANCE
            if len(self._threads) >= most:
                connection.close()
                self.counters.add(rejected_associations=1)
                return
            number = next(self._numbers)
            thread = threading.Thread(
                target=self._serve,
                args=(number, connection, host),
                name=f"dicomdb association {number}",
                daemon=True,
            )
            self._threads[number] = thread
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads
            _log.warning("no thread for another association")
            connection.close()
            self._forget(number)

    def _serve(self, number: int, connection: socket.socket, host: str) -> None:
        try:
            association = ServedAssociation(self, number)
            try:
                wire = AcceptedWire(connection, host, waiting=association.waiting)
            except OSError:
                connection.close()  # it has gone already
            else:
                association.run(wire)
        finally:
            self._forget(number)

    def _forget(self, number: int) -> None:
        with self._lock:
            self._threads.pop(number, None)

    def _running(self) -> list[threading.Thread]:
        with self._lock:
            return [one for one in self._threads.values() if one is not threading.current_thread()]


def _not_listening(error: OSError, address: str, port: int) -> NetworkError:
    if error.errno == errno.EADDRINUSE:
        owner = owner_of_port(port)
        by = f" by {owner}" if owner else " by another program"
        return NetworkError(
            f"port {port} is in use{by}: stop that, or choose another port", reason="port-in-use"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        why = "those below 1024 need an administrator: " if port < _PRIVILEGED else ""
        return NetworkError(
            f"port {port} may not be used: {why}choose another, such as 11112",
            reason="port-not-allowed",
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return NetworkError(
            f"{address} is no address of this computer: use 127.0.0.1, or 0.0.0.0 for every "
            "network",
            reason="no-such-address",
        )
    return NetworkError(
        f"cannot listen at {address} port {port}: {error.strerror or error}",
        reason="not-listening",
    )
