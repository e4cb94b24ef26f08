"""Who may ask, and for how long: token, names of the host, foreign web pages, silent clients."""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse

from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.network.serving.settings import LOOPBACK_NAMES, is_loopback

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from napari_dicomdb.network.serving.settings import ServerSettings

__all__ = ["Access", "Patience", "SlowClient", "logged_path"]

_log = logging.getLogger(__name__)
_PLAIN_PATH = re.compile(r"[A-Za-z0-9._/,\-]{1,400}")


class SlowClient(Exception):
    """A client sends nothing for too long."""


def logged_path(path: str) -> str:
    """Return what a log says of a path: UIDs and words, nothing else, never a query."""
    return path if _PLAIN_PATH.fullmatch(path) else "(another path)"


class Access:
    """Lets requests through that may be answered, and notes each without its query.

    Parameters
    ----------
    app : ASGI application
    settings : ServerSettings
    """

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app = app
        self._settings = settings
        self._token = settings.token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            return
        refused = self._refusal(scope)
        status = 0

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers.setdefault("Cache-Control", "private, no-cache")
            await send(message)

        try:
            await (refused or self._app)(scope, receive, told)
        except ClientDisconnect:
            _log.info("a client went away", extra=_peer(scope))
        except RuntimeError as error:
            # A response that has begun is broken off, so that nobody takes it for whole.
            if not isinstance(error.__cause__, DicomDbError | HTTPException | OSError):
                raise
            _log.warning("a response was broken off", extra=_peer(scope))
        finally:
            _log.info(
                "%s %s: %d",
                scope["method"],
                logged_path(scope["path"]),
                status,
                extra=_peer(scope),
            )

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        # The headers were taken by the rules of 1.1, which another version need not follow.
        if scope["http_version"] not in {"1.0", "1.1"}:
            return _refused(505, "HTTP 1.1 is spoken here")
        headers = Headers(scope=scope)
        # A page of a web site whose name was pointed at this computer (DNS rebinding) calls
        # the server by that name.
        if not self._is_our_name(headers.get("host", "")):
            return _refused(421, "this server is not called so")
        origin = headers.get("origin")
        own = f"{scope['scheme']}://{headers.get('host', '')}"
        if origin is not None and origin not in (*self._settings.origins, own):
            return _refused(403, "pages of this origin may not ask here")
        if self._token and not self._has_token(headers):
            _log.warning("a request without the token was refused", extra=_peer(scope))
            answer = _refused(401, "a token is needed: Authorization: Bearer ...")
            answer.headers["WWW-Authenticate"] = 'Bearer realm="dicomdb"'
            return answer
        return None

    def _is_our_name(self, host: str) -> bool:
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        name = name.strip("[]").lower()
        settings = self._settings
        if name in LOOPBACK_NAMES or is_loopback(name) or name in settings.hosts:
            return True
        return not settings.is_local and not settings.hosts

    def _has_token(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        same = hmac.compare_digest(given.strip().encode("latin-1", "replace"), self._token)
        return same and scheme.lower() == "bearer"


class Patience:
    """Gives a client a limited time to send the next piece of its request.

    Parameters
    ----------
    app : ASGI application
    seconds : float
        For each piece.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on."""
        more = True

        async def received() -> Message:
            nonlocal more
            if not more:  # only the end of the connection is waited for
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), self._seconds)
            except TimeoutError as error:
                raise SlowClient("nothing for too long") from error
            more = bool(message.get("more_body", False))
            return message

        await self._app(scope, received, send)


def _refused(status: int, text: str) -> PlainTextResponse:
    return PlainTextResponse(f"{text}\n", status)


def _peer(scope: Scope) -> dict[str, str]:
    client = scope.get("client")
    return {"peer": client[0] if client else ""}
