"""What HTTP statuses of a DICOMweb server mean, in plain words."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from napari_dicomdb.errors import NetworkError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_dicomdb.network.node import Node

__all__ = ["BusyError", "status_error"]

_BUSY = frozenset({429, 502, 503, 504})

_MEANINGS = {
    400: ("bad-request", "the server does not understand the request"),
    403: ("forbidden", "the server knows us, but does not allow this"),
    404: ("not-found", "the server has nothing at this address"),
    405: ("not-offered", "the server does not offer this service"),
    406: ("not-acceptable", "the server cannot give it in a form that we can take"),
    408: ("timeout", "the server waited too long for us"),
    409: ("conflict", "the server could store none of it"),
    410: ("not-found", "the server does not have it any more"),
    413: ("too-large", "the server finds this too large"),
    415: ("not-acceptable", "the server does not take this form"),
    429: ("busy", "the server has too many requests: try again later"),
    501: ("not-offered", "the server does not offer this service"),
    502: ("busy", "a proxy reaches no server behind it"),
    503: ("busy", "the server is busy: try again later"),
    504: ("busy", "a proxy waits in vain for the server behind it"),
    507: ("remote-disk-full", "the server has no space left"),
}


class BusyError(NetworkError):
    """The server is busy; it may have said for how long.

    Parameters
    ----------
    message : str
    retry_after : float or None
        Seconds.
    """

    default_reason = "busy"

    def __init__(self, message: str, retry_after: float | None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def status_error(status: int, node: Node, headers: Mapping[str, str]) -> NetworkError:
    """Say in plain words what an HTTP status that is none of success means."""
    if status == 401:
        return _unauthorized(node, headers)
    reason, text = _MEANINGS.get(status, ("", ""))
    if not text:
        kind = "failed" if status >= 500 else "refused the request"
        reason = "server-error" if status >= 500 else "http-status"
        text = f"the server {kind}"
    told = f"{text} (HTTP {status})"
    if status in _BUSY:
        return BusyError(told, _retry_after(headers.get("retry-after", "")))
    return NetworkError(told, reason=reason)


def _unauthorized(node: Node, headers: Mapping[str, str]) -> NetworkError:
    offered = headers.get("www-authenticate", "").lower()
    wants = [name for name in ("basic", "bearer") if name in offered]
    ways = {"basic": "user and password", "bearer": "a token"}
    if node.credentials == "none":
        what = " or ".join(ways[name] for name in wants) or "user and password, or a token"
        text = f"the server wants a login: give {what}"
    elif wants and node.credentials not in wants:
        text = f"the server wants another kind of login: {' or '.join(ways[w] for w in wants)}"
    elif node.credentials == "basic":
        text = "the server does not accept this user and password"
    else:
        text = "the server does not accept the token: it may have expired"
    return NetworkError(f"{text} (HTTP 401)", reason="unauthorized")


def _retry_after(text: str) -> float | None:
    """Return the seconds of a Retry-After header: a number, or a date."""
    if text.strip().isdigit():
        return float(text.strip()[:6])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None
