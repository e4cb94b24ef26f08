"""What a DICOMweb server is allowed: where it listens, to whom it answers, how much it takes."""

from __future__ import annotations

import ipaddress
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from napari_dicomdb.errors import NetworkError

__all__ = ["LOOPBACK_NAMES", "ServerSettings", "is_loopback", "new_token"]

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_SHORTEST_TOKEN = 16
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")  # RFC 6750 Section 2.1


def new_token() -> str:
    """Return a token that nobody can guess."""
    return secrets.token_urlsafe(32)


def is_loopback(address: str) -> bool:
    """Tell whether only programs of this computer reach an address."""
    if address.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How a database is served.

    Parameters
    ----------
    port : int
        0: a free one.
    bind : str
        Address or host name to listen at. Beyond loopback a token and TLS are demanded.
    token : str
        Who asks must give it (``Authorization: Bearer ...``); "": nobody needs one, on
        loopback only.
    tls_certificate, tls_key : str
        PEM files; "": no TLS. The key may be in the certificate's file.
    read_only : bool
        Take nothing (no STOW-RS). So is a database that was opened read-only.
    origins : tuple of str
        Web pages of which servers may read answers (CORS), as ``http://localhost:3000``.
    hosts : tuple of str
        Further names by which clients may call this server; any beyond loopback when empty.
    largest_request, largest_object : int
        Bytes of one request to store, and of each object in it.
    max_connections : int
        At the same time.
    idle_seconds : float
        After which a connection is closed on which nothing comes, or nothing is taken.
    most_results : int
        Of one search; the rest is to be asked for by `offset`.
    """

    port: int = 8043
    bind: str = "127.0.0.1"
    token: str = field(default="", repr=False)
    tls_certificate: str = ""
    tls_key: str = ""
    read_only: bool = False
    origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    largest_request: int = 32 << 30
    largest_object: int = 8 << 30
    max_connections: int = 64
    idle_seconds: float = 30.0
    most_results: int = 5000

    @property
    def is_local(self) -> bool:
        """Whether only programs of this computer reach it."""
        return is_loopback(self.bind)

    def check(self) -> None:
        """Refuse what would be unsafe or cannot work.

        Raises
        ------
        NetworkError
            "needs-token", "needs-tls", "bad-token", "bad-origin", "bad-limit", "bad-port" or
            "tls-files"; the message says what to do.
        """
        if not 0 <= self.port <= 65_535:
            raise NetworkError(f"there is no port {self.port}: use 1 to 65535", reason="bad-port")
        if not self.is_local and not self.token:
            raise NetworkError(
                f"other computers reach {self.bind or 'every address'}: a token is needed, so "
                "that not everybody reads the database. Give one, or listen at 127.0.0.1",
                reason="needs-token",
            )
        if not self.is_local and not self.tls_certificate:
            raise NetworkError(
                f"other computers reach {self.bind or 'every address'}: TLS is needed, or "
                "everybody on the way reads along. Give a certificate and its key, or listen at "
                "127.0.0.1 behind a server that has them",
                reason="needs-tls",
            )
        if self.token and (len(self.token) < _SHORTEST_TOKEN or not _TOKEN.fullmatch(self.token)):
            raise NetworkError(
                f"the token must have {_SHORTEST_TOKEN} or more letters and digits, without "
                "blanks: let one be made",
                reason="bad-token",
            )
        if self.tls_key and not self.tls_certificate:
            raise NetworkError("a key needs its certificate", reason="tls-files")
        for path in filter(None, (self.tls_certificate, self.tls_key)):
            if not Path(path).is_file():
                raise NetworkError(f"{path} is not there", reason="tls-files")
        for origin in self.origins:
            _check_origin(origin)
        limits = (self.largest_request, self.largest_object, self.max_connections)
        if min(*limits, self.most_results) < 1 or not 0 < self.idle_seconds < 86_400:
            raise NetworkError("limits must be above 0", reason="bad-limit")


def _check_origin(origin: str) -> None:
    parts = urlsplit(origin)
    if parts.scheme not in ("http", "https") or f"{parts.scheme}://{parts.netloc}" != origin:
        raise NetworkError(
            f"{origin} is no origin of web pages: give it as http://localhost:3000, without a "
            "path; * for all is not taken",
            reason="bad-origin",
        )
