"""A TCP or TLS connection to a node: patient, without Nagle's delay, and it says what is wrong.

Whatever waits calls back a few times a second, so that it can be cancelled.
"""

from __future__ import annotations

import errno
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.tls import client_context, tls_error

if TYPE_CHECKING:
    from napari_dicomdb.network.node import Tls

__all__ = ["ByteStream", "Waiting", "Wire", "acknowledge_at_once", "no_waiting"]

Waiting = Callable[[], None]
"""Called a few times a second while something is waited for; may raise `Cancelled`."""

_QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)
_TURN = 0.1  # seconds between two calls of `Waiting`
_IN_PROGRESS = {errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", 0)}
_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}


def no_waiting() -> None:
    """Wait without being asked."""


def acknowledge_at_once(connection: socket.socket) -> None:
    """Let the system acknowledge what it receives next without delay, where it can (Linux).

    DCMTK and what is built on it (Orthanc) write a header and its content apart and keep
    Nagle's delay: the content waits for our acknowledgement, which the system holds back for
    40 ms: with every message. The system forgets this wish, hence once for each reading.
    """
    if _QUICK_ACK is not None:
        connection.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)


class ByteStream:
    """Sends and receives bytes over a connection that is there.

    Parameters
    ----------
    connection : socket
        It is closed with this.
    peer : str
        What errors call the other side.
    waiting : callable
        See `Waiting`.
    """

    def __init__(self, connection: socket.socket, peer: str, waiting: Waiting) -> None:
        self._socket = connection
        self._peer, self._waiting = peer, waiting
        self._silence = f"{peer} does not answer"
        # Nagle's algorithm makes each answer wait for an acknowledgement.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(_TURN)

    def send(self, content: bytes | bytearray | memoryview, seconds: float) -> None:
        """Send all of `content`.

        Raises
        ------
        NetworkError
            If the peer has gone (reason "closed") or takes nothing for `seconds`
            ("timeout").
        """
        view = memoryview(content)
        deadline = time.monotonic() + seconds
        while view:
            try:
                sent = self._socket.send(view)
            except TimeoutError:
                self._turn(deadline, f"{self._peer} takes no more data")
            except OSError as error:
                raise self._lost(error) from error
            else:
                view = view[sent:]
                deadline = time.monotonic() + seconds

    def receive_into(self, view: memoryview, seconds: float) -> int:
        """Receive what has come, at least a byte and at most as many as `view` holds.

        Raises
        ------
        NetworkError
            If the peer has closed or gone (reason "closed"), or is silent for `seconds`
            ("timeout").
        """
        return self._receive_until(view, time.monotonic() + seconds)

    def _receive_until(self, view: memoryview, deadline: float) -> int:
        while True:
            try:
                acknowledge_at_once(self._socket)
                count = self._socket.recv_into(view)
            except TimeoutError:
                self._turn(deadline, self._silence)
            except OSError as error:
                raise self._lost(error) from error
            else:
                if not count:
                    raise self._closed()
                return count

    def has_input(self, seconds: float) -> bool:
        """Wait for bytes, or for the end of the connection; tell whether either came."""
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return True
        return _is_ready(self._socket, selectors.EVENT_READ, seconds)

    def close(self) -> None:
        """Close the connection; nothing more is said."""
        self._socket.close()

    def _lost(self, error: OSError) -> NetworkError:
        return NetworkError(
            f"the connection to {self._peer} broke: {error.strerror or type(error).__name__}",
            reason="closed",
        )

    def _closed(self) -> NetworkError:
        return NetworkError(f"{self._peer} closed the connection", reason="closed")

    def _turn(self, deadline: float, text: str, reason: str = "timeout") -> None:
        if time.monotonic() >= deadline:
            raise NetworkError(text, reason=reason)
        self._waiting()


class Wire(ByteStream):
    """Sends and receives bytes; every error is a `NetworkError` in plain words.

    Parameters
    ----------
    host, port : str, int
    tls : Tls, optional
        Encrypt.
    seconds : float
        For name, connection and TLS together.
    waiting : callable
        See `Waiting`.

    Raises
    ------
    NetworkError
        If there is no connection; the reason code says why.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: Tls | None = None,
        seconds: float = 10.0,
        waiting: Waiting = no_waiting,
    ) -> None:
        self.host, self.port = host, port
        self._waiting = waiting
        self._has_received = False
        self._is_tls = tls is not None
        context = None if tls is None else client_context(tls)
        deadline = time.monotonic() + seconds
        self._socket = self._connect(deadline)
        try:
            super().__init__(self._socket, host, waiting)
            if context is not None:
                self._encrypt(context, deadline)
        except BaseException:
            self._socket.close()
            raise

    # -- connecting -----------------------------------------------------------------------

    def _connect(self, deadline: float) -> socket.socket:
        failure: OSError | None = None
        for family, kind, protocol, _, address in self._addresses(deadline):
            made = socket.socket(family, kind, protocol)
            try:
                self._connect_one(made, address, deadline)
            except OSError as error:
                made.close()
                failure = error
            except BaseException:
                made.close()
                raise
            else:
                return made
        raise self._connect_error(failure) from failure

    def _addresses(self, deadline: float) -> list[tuple[int, int, int, str, tuple[object, ...]]]:
        found: list[tuple[int, int, int, str, tuple[object, ...]]] = []
        failures: list[OSError | UnicodeError] = []

        def look_up() -> None:
            try:
                found.extend(socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM))
            except (OSError, UnicodeError) as error:
                failures.append(error)

        # Nothing interrupts a name server that does not answer: a thread is left to it.
        thread = threading.Thread(target=look_up, name="dicomdb-name", daemon=True)
        thread.start()
        thread.join(_TURN)
        while thread.is_alive():
            self._turn(deadline, f"no name server says where {self.host} is")
            thread.join(_TURN)
        if failures:
            raise NetworkError(
                f"no computer is known under the name {self.host}: look at its spelling",
                reason="name-not-resolved",
            ) from failures[0]
        return found

    def _connect_one(
        self, made: socket.socket, address: tuple[object, ...], deadline: float
    ) -> None:
        made.setblocking(False)
        code = made.connect_ex(address)
        if code in _IN_PROGRESS:
            while not _is_ready(made, selectors.EVENT_WRITE, _TURN):
                if time.monotonic() >= deadline:
                    raise TimeoutError
                self._waiting()
            code = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, errno.errorcode.get(code, "error"))

    def _connect_error(self, error: OSError | None) -> NetworkError:
        where = f"{self.host} port {self.port}"
        if isinstance(error, TimeoutError) or (error and error.errno == errno.ETIMEDOUT):
            return NetworkError(
                f"{where} does not answer: is the computer on, does a firewall keep us out?",
                reason="timeout",
            )
        if error is not None and error.errno == errno.ECONNREFUSED:
            return NetworkError(
                f"nothing listens at {where}: is the server started, is the port right?",
                reason="refused",
            )
        if error is not None and error.errno in _UNREACHABLE:
            return NetworkError(f"there is no way to {self.host}", reason="unreachable")
        why = "" if error is None else f": {error.strerror or error}"
        return NetworkError(f"no connection to {where}{why}", reason="unreachable")

    def _encrypt(self, context: ssl.SSLContext, deadline: float) -> None:
        try:
            encrypted = context.wrap_socket(
                self._socket, server_hostname=self.host, do_handshake_on_connect=False
            )
        except (OSError, ValueError) as error:
            raise tls_error(OSError(str(error)), self.host) from error
        self._socket = encrypted
        while True:
            try:
                encrypted.do_handshake()
            except TimeoutError:
                self._turn(
                    deadline,
                    f"{self.host} does not answer when TLS begins: perhaps it does not speak "
                    "TLS on this port",
                    "tls-closed",
                )
            except (ssl.SSLError, OSError) as error:
                raise tls_error(error, self.host) from error
            else:
                return

    # -- sending and receiving ------------------------------------------------------------

    def receive(self, length: int, seconds: float) -> bytes:
        """Receive exactly `length` bytes.

        Raises
        ------
        NetworkError
            If the peer closes before (reason "closed") or is silent for `seconds`
            ("timeout").
        """
        whole = bytearray(length)
        view = memoryview(whole)
        while view:
            view = view[self.receive_into(view, seconds) :]
        return bytes(whole)

    def receive_into(self, view: memoryview, seconds: float) -> int:
        """Receive what has come, at least a byte and at most as many as `view` holds.

        Raises
        ------
        NetworkError
            As `receive`.
        """
        count = super().receive_into(view, seconds)
        self._has_received = True
        return count

    def receive_some(self, most: int, seconds: float) -> bytes:
        """Receive what is there, at most `most` bytes; b"" when the peer has closed.

        Raises
        ------
        NetworkError
            If the connection breaks (reason "closed") or the peer is silent for
            `seconds` ("timeout").
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                part: bytes = self._socket.recv(most)
            except TimeoutError:
                self._turn(deadline, self._silence)
                continue
            except OSError as error:
                raise self._lost(error) from error
            if not part and self._is_tls and not self._has_received:
                raise self._closed()
            self._has_received = True
            return part

    def is_readable(self) -> bool:
        """Whether something, if only its end, can be received at once."""
        try:
            return _is_ready(self._socket, selectors.EVENT_READ, 0)
        except (OSError, ValueError):  # closed on our side
            return True

    def _lost(self, error: OSError) -> NetworkError:
        if self._is_tls and not self._has_received:
            # TLS 1.3: that our certificate is not wanted comes after the handshake.
            told = tls_error(error, self.host)
            return self._closed() if told.reason == "tls-closed" else told
        return super()._lost(error)

    def _closed(self) -> NetworkError:
        if self._is_tls and not self._has_received:
            return NetworkError(
                f"{self.host} closed the connection as soon as it was encrypted: perhaps it "
                "wants a certificate of ours that it trusts",
                reason="tls-client-certificate",
            )
        return super()._closed()


def _is_ready(one: socket.socket, event: int, seconds: float) -> bool:
    with selectors.DefaultSelector() as selector:  # select knows no handle beyond 1023
        selector.register(one, event)
        return bool(selector.select(seconds))
