"""Runs the DICOMweb server in a thread of its own, with limits on what clients may take."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
import threading
import traceback
from typing import TYPE_CHECKING, Any, Self

from napari_dicomdb.errors import MissingLibraryError, NetworkError
from napari_dicomdb.network.port_owner import owner_of_port
from napari_dicomdb.network.serving.settings import ServerSettings

if TYPE_CHECKING:
    from napari_dicomdb.database.database import Database

__all__ = ["Server"]

_LONGEST_HEADERS = 64 * 1024
_HANDSHAKE_SECONDS = 10.0
_log = logging.getLogger(__name__)


class Server:
    """Offers a database by DICOMweb, until it is stopped.

    Parameters
    ----------
    database : Database
        May be read-only: then nothing is taken.
    settings : ServerSettings, optional

    Examples
    --------
    >>> from napari_dicomdb import Database
    >>> with Database.in_memory() as db, Server(db, ServerSettings(port=0)) as server:
    ...     server.url.startswith("http://127.0.0.1:")
    True
    """

    def __init__(self, database: Database, settings: ServerSettings | None = None) -> None:
        self.database = database
        self.settings = settings or ServerSettings()
        self._socket: socket.socket | None = None
        self._running: Any = None
        self._service: Any = None
        self._thread: threading.Thread | None = None
        self._address = ("", 0)

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Stop it."""
        self.stop()

    @property
    def is_running(self) -> bool:
        """Whether it answers."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens: address and port."""
        return self._address

    @property
    def url(self) -> str:
        """What other programs are told: the base of all DICOMweb addresses."""
        from napari_dicomdb.network.serving.resources import PREFIX

        scheme = "https" if self.settings.tls_certificate else "http"
        host, port = self._address
        shown = f"[{host}]" if ":" in host else host
        return f"{scheme}://{shown}:{port}{PREFIX}"

    def start(self) -> None:
        """Listen, and answer from now on.

        Raises
        ------
        NetworkError
            If the settings are unsafe (see `ServerSettings.check`), the port is taken
            ("port-in-use") or may not be used ("port-forbidden"), the address is none of this
            computer ("no-address"), or the certificate cannot be used ("tls-files").
        MissingLibraryError
            If starlette and uvicorn are not installed.
        """
        if self.is_running:
            return
        settings = self.settings
        settings.check()
        try:
            import uvicorn

            from napari_dicomdb.network.serving.application import make_application
            from napari_dicomdb.network.serving.protocol import BoundedProtocol
            from napari_dicomdb.network.serving.resources import Service
        except ImportError as error:
            raise MissingLibraryError(
                'serving needs starlette and uvicorn: pip install "napari-dicomdb[serve]"'
            ) from error
        self._service = Service(self.database, settings)
        config = uvicorn.Config(
            make_application(self._service),
            http=BoundedProtocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=settings.max_connections + 1,
            timeout_keep_alive=max(1, int(settings.idle_seconds)),
            timeout_graceful_shutdown=5,
            h11_max_incomplete_event_size=_LONGEST_HEADERS,
        )
        context = _tls_context(settings)
        config.load()
        if context is not None:
            config.ssl = context
        BoundedProtocol.configure(config, settings)
        logging.getLogger("uvicorn.error").addFilter(_without_values)
        self._socket = _listen(settings)
        self._address = self._socket.getsockname()[:2]
        self._running = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="dicomdb server", daemon=True)
        self._thread.start()
        _log.info("serving at %s:%d", *self._address)

    def _run(self) -> None:
        seconds = min(_HANDSHAKE_SECONDS, self.settings.idle_seconds)
        with asyncio.Runner(loop_factory=lambda: _Loop(seconds)) as runner:
            runner.run(self._running.serve(sockets=[self._socket]))

    def stop(self) -> None:
        """Answer what is asked now, index what has come, and end; harmless when stopped."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._running.should_exit = True
        thread.join()
        if self._socket is not None:
            self._socket.close()
        self._service.close()
        _log.info("stopped serving at %s:%d", *self._address)


class _Loop(asyncio.SelectorEventLoop):
    """Waits for the handshake of TLS for a shorter time than a minute, asyncio's own."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def create_server(self, *args: Any, **options: Any) -> Any:
        """Listen."""
        if options.get("ssl") is not None:
            options.setdefault("ssl_handshake_timeout", self._seconds)
        return await super().create_server(*args, **options)


class _WithoutValues(logging.Filter):
    """Leaves of an error its kind and place: its words may hold a patient's name."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change a record that has an error."""
        if record.exc_info and record.exc_info[0] is not None:
            places = traceback.extract_tb(record.exc_info[2])
            at = f"{places[-1].filename}:{places[-1].lineno}" if places else "?"
            record.msg, record.args = "%s: %s at %s", (record.msg, record.exc_info[0].__name__, at)
            record.exc_info = None
        return True


_without_values = _WithoutValues()


def _tls_context(settings: ServerSettings) -> ssl.SSLContext | None:
    if not settings.tls_certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # BCP 195 profile, PS3.15 Annex B.9

    def refuse_password() -> str:
        raise ValueError("the key is protected by a password: use one that is not")

    try:
        context.load_cert_chain(
            settings.tls_certificate, settings.tls_key or None, password=refuse_password
        )
    except (OSError, ssl.SSLError, ValueError) as error:
        why = getattr(error, "strerror", None) or getattr(error, "reason", None) or str(error)
        raise NetworkError(
            f"certificate and key cannot be used ({why}): {settings.tls_certificate}",
            reason="tls-files",
        ) from error
    return context


def _listen(settings: ServerSettings) -> socket.socket:
    try:
        found = socket.getaddrinfo(
            settings.bind, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise NetworkError(
            f"{settings.bind} is no address of this computer", reason="no-address"
        ) from error
    family, _, _, _, address = sorted(found, key=lambda one: one[0] != socket.AF_INET)[0]
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(min(128, settings.max_connections * 2))
        made.setblocking(False)
    except OSError as error:
        made.close()
        raise _not_listening(settings, error) from error
    return made


def _not_listening(settings: ServerSettings, error: OSError) -> NetworkError:
    if error.errno == errno.EADDRINUSE:
        owner = owner_of_port(settings.port) or "another program"
        return NetworkError(
            f"port {settings.port} is in use by {owner}: stop that, or serve at another port",
            reason="port-in-use",
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return NetworkError(
            f"port {settings.port} may not be used: take one above 1023", reason="port-forbidden"
        )
    return NetworkError(
        f"{settings.bind} is no address of this computer that can be listened at",
        reason="no-address",
    )
