"""HTTP over our own connections: cancellable, and what goes wrong is said in plain words.

httpx asks httpcore, httpcore asks for bytes; these come from a `Wire`, as those of DIMSE
do, so that names, TLS and silence are waited for, and told, in one way.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from napari_dicomdb.errors import MissingLibraryError, NetworkError
from napari_dicomdb.network.node import Tls
from napari_dicomdb.network.wire import Wire

try:
    import httpcore
    import httpx
except ImportError as error:
    raise MissingLibraryError(
        'DICOMweb needs httpx: pip install "napari-dicomdb[network]"'
    ) from error

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Iterator

    from napari_dicomdb.network.node import Node
    from napari_dicomdb.network.wire import Waiting

__all__ = ["WireTransport", "told_of"]

_MOST_CONNECTIONS = 16
_NO_WEB_SERVER = "this is no web server but a DIMSE port"


class _WireStream(httpcore.NetworkStream):
    """One connection as httpcore wants it."""

    def __init__(self, wire: Wire, seconds: float) -> None:
        self._wire, self._seconds = wire, seconds

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._wire.receive_some(max_bytes, timeout or self._seconds)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            self._wire.send(buffer, timeout or self._seconds)
        except NetworkError as error:
            if error.reason != "closed":
                raise
            # The server may have answered ("too large") and closed: read that first.
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        self._wire.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return self  # encrypted since it was connected

    def get_extra_info(self, info: str) -> Any:
        # Asked of a connection that rests: has the server closed it?
        return self._wire.is_readable() if info == "is_readable" else None


class _WireBackend(httpcore.NetworkBackend):
    """Makes connections to one node."""

    def __init__(self, node: Node, waiting: Waiting) -> None:
        self._node, self._waiting = node, waiting
        self._is_tls = node.url.lower().startswith("https:")

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        limits = self._node.limits
        wire = Wire(
            host.strip("[]"),
            port,
            tls=(self._node.tls or Tls()) if self._is_tls else None,
            seconds=limits.connect_seconds,
            waiting=self._waiting,
        )
        return _WireStream(wire, limits.answer_seconds)

    def sleep(self, seconds: float) -> None:
        threading.Event().wait(seconds)


class _Body(httpx.SyncByteStream):
    """What a server answers, as it comes."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._stream
        except _HTTPCORE_ERRORS as error:
            raise told_of(error) from error

    def close(self) -> None:
        self._stream.close()


class WireTransport(httpx.BaseTransport):
    """What carries requests to one node.

    Parameters
    ----------
    node : Node
        Of kind "dicomweb"; its `limits` and `tls` are kept.
    waiting : callable
        See `wire.Waiting`.
    """

    def __init__(self, node: Node, waiting: Waiting) -> None:
        self._has_answered = False
        self._pool = httpcore.ConnectionPool(
            max_connections=_MOST_CONNECTIONS,
            keepalive_expiry=10.0,
            network_backend=_WireBackend(node, waiting),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the head of its answer.

        Raises
        ------
        NetworkError
            If there is no answer, or it is none of HTTP.
        """
        asked = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        try:
            answer = self._pool.handle_request(asked)
        except _HTTPCORE_ERRORS as error:
            raise self._guessed(told_of(error)) from error
        except NetworkError as error:
            raise self._guessed(error) from error
        self._has_answered = True
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer.stream),
            extensions=answer.extensions,
        )

    def _guessed(self, error: NetworkError) -> NetworkError:
        """Say of a server that has never answered what it may be."""
        if self._has_answered or error.reason != "closed":
            return error
        return NetworkError(f"{error}: perhaps {_NO_WEB_SERVER}", reason=error.reason)

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


_HTTPCORE_ERRORS = (
    httpcore.ConnectionNotAvailable,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
)


def told_of(error: Exception) -> NetworkError:
    """Say in plain words what the HTTP library complains of."""
    text = str(error)
    if isinstance(error, httpcore.NetworkError) or "disconnected" in text or "closed" in text:
        return NetworkError("the server closed the connection", reason="closed")
    if isinstance(error, httpcore.TimeoutException):
        return NetworkError("the server does not answer", reason="timeout")
    return NetworkError(
        f"what answers at this address does not speak HTTP: is the port right? Perhaps "
        f"{_NO_WEB_SERVER}",
        reason="not-http",
    )
