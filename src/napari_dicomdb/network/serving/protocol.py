"""HTTP connections that are not kept open for nothing, and of which there are not too many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

    from uvicorn.config import Config

    from napari_dicomdb.network.serving.settings import ServerSettings

__all__ = ["BoundedProtocol"]

_SETTINGS = "_dicomdb_settings"


class BoundedProtocol(H11Protocol):
    """A connection that is closed when no request comes, or not to its end.

    uvicorn itself waits for the first request, and for the rest of its headers, for ever.
    """

    @classmethod
    def configure(cls, config: Config, settings: ServerSettings) -> None:
        """Say by which settings the connections of a server are bounded."""
        setattr(config, _SETTINGS, settings)

    def connection_made(self, transport: Any) -> None:
        """Begin; refuse one too many."""
        super().connection_made(transport)
        settings: ServerSettings = getattr(self.config, _SETTINGS)
        self._seconds = settings.idle_seconds
        self.access_log = False  # it would note queries, and with them names
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        if len(self.connections) > settings.max_connections:
            transport.abort()
            return
        self._wait_for_request()

    def data_received(self, data: bytes) -> None:
        """Take what has come; headers have to be whole within the time."""
        super().data_received(data)
        if self._is_in_request():
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """Go on with the next request."""
        super().on_response_complete()
        if not self.transport.is_closing() and not self._is_in_request():
            self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._stop_waiting()
        self._stop_stalled()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Wait for the client to take what it asked for, but not for ever."""
        super().pause_writing()
        self._stalled = self.loop.call_later(self._seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the client has taken some of it."""
        self._stop_stalled()
        super().resume_writing()

    def _stop_stalled(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _is_in_request(self) -> bool:
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete

    def _wait_for_request(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(self._seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        if not self._is_in_request() and not self.transport.is_closing():
            self.transport.abort()
