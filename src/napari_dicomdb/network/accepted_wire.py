"""A connection that another computer made to us: plain or TLS, bounded in time."""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.wire import ByteStream, no_waiting

if TYPE_CHECKING:
    from napari_dicomdb.network.wire import Waiting

__all__ = ["AcceptedWire"]


class AcceptedWire(ByteStream):
    """Sends and receives bytes; every error is a `NetworkError`.

    Parameters
    ----------
    connection : socket
        It is closed with this.
    host : str
        Address of the peer.
    waiting : callable
        Called a few times a second while something is waited for; what it raises ends
        the waiting.
    """

    def __init__(
        self, connection: socket.socket, host: str, *, waiting: Waiting = no_waiting
    ) -> None:
        super().__init__(connection, "the peer", waiting)
        self._silence = "the peer is silent"
        self.host = host
        self.deadline: float | None = None
        """By `time.monotonic`: when whatever is received must have come."""
        self.is_ready = True

    def encrypt(self, context: ssl.SSLContext, seconds: float) -> None:
        """Do the handshake of TLS.

        Raises
        ------
        NetworkError
            If there is none (reason "tls"): the peer does not speak TLS, or has no
            certificate that we trust.
        """
        deadline = time.monotonic() + seconds
        try:
            encrypted = context.wrap_socket(
                self._socket, server_side=True, do_handshake_on_connect=False
            )
        except (OSError, ValueError) as error:
            raise NetworkError("the peer went before TLS began", reason="closed") from error
        self._socket = encrypted
        self.is_ready = False
        while True:
            try:
                encrypted.do_handshake()
            except TimeoutError:
                self._turn(deadline, "the peer does not begin with TLS")
            except ssl.SSLCertVerificationError as error:
                text = f"the peer's certificate is not trusted: {error.verify_message}"
                raise NetworkError(text, reason="tls-client-certificate") from error
            except OSError as error:
                raise self._tls_error(error) from error
            else:
                self.is_ready = True
                return

    @staticmethod
    def _tls_error(error: OSError) -> NetworkError:
        text = str(error)
        if "PEER_DID_NOT_RETURN_A_CERTIFICATE" in text:
            return NetworkError("the peer shows no certificate", reason="tls-client-certificate")
        if "HTTP_REQUEST" in text or "WRONG_VERSION" in text or "UNKNOWN_PROTOCOL" in text:
            return NetworkError("the peer does not speak TLS", reason="tls-not-spoken")
        why = getattr(error, "reason", None) or type(error).__name__
        return NetworkError(f"TLS with the peer failed: {why}", reason="tls")

    def receive_into(self, view: memoryview, seconds: float) -> int:
        """Receive what has come, at least a byte and at most as many as `view` holds.

        Raises
        ------
        NetworkError
            As `send`.
        """
        deadline = time.monotonic() + seconds
        if self.deadline is not None:
            deadline = min(deadline, self.deadline)
            self._turn(deadline, "the peer is too slow")
        return self._receive_until(view, deadline)

    def drain(self, seconds: float) -> None:
        """Let the peer read what we said last, before the connection is closed.

        Closing with bytes unread would reset the connection, and our last word be lost.
        """
        deadline = time.monotonic() + seconds
        try:
            self._socket.shutdown(socket.SHUT_WR)
            while time.monotonic() < deadline:
                try:
                    if not self._socket.recv(65_536):
                        return
                except TimeoutError:
                    continue
        except (OSError, ValueError):
            return  # it has gone

    def _turn(self, deadline: float, text: str, reason: str = "timeout") -> None:
        self._waiting()
        if time.monotonic() >= deadline:
            raise NetworkError(text, reason=reason)
