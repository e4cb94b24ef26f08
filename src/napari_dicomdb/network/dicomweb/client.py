"""One DICOMweb server to talk to: login, limits, retries, and errors in plain words."""

from __future__ import annotations

import json
import logging
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode, urljoin, urlsplit

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.dicomweb.http_statuses import BusyError, status_error
from napari_dicomdb.network.dicomweb.transport import WireTransport
from napari_dicomdb.network.secrets import secret_of
from napari_dicomdb.network.wire import Waiting, no_waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    import httpx

    from napari_dicomdb.network.node import Node

__all__ = ["JSON", "PAUSES", "Answer", "DicomWebClient"]

T = TypeVar("T")

JSON = "application/dicom+json"
PAUSES = (1.0, 4.0, 15.0)
"""Seconds before each further attempt: so many attempts more than one there are."""

LARGEST_JSON = 256 * 1024 * 1024
"""Bytes of a JSON answer; the metadata of a series of thousands take some."""

_LONGEST_PAUSE = 60.0
_MOST_REDIRECTS = 5
_TURN = 0.1
_PART = 256 * 1024
_PASSING = frozenset({"closed", "timeout", "busy"})
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered, whole.

    Parameters
    ----------
    status : int
    headers : mapping
        By lower-case name.
    content : bytes
    url : str
        Where it came from, after redirects.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    url: str

    @property
    def media_type(self) -> str:
        """Content-Type without parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def warnings(self) -> list[str]:
        """Texts of the Warning headers (RFC 7234 Section 5.5)."""
        said = self.headers.get("warning", "")
        texts = said.split('"')[1::2] if '"' in said else [said]
        return [text.strip()[:200] for text in texts if text.strip()]

    def json(self) -> Any:
        """Return the content as JSON.

        Raises
        ------
        NetworkError
            If it is none (reason "not-json").
        """
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError) as error:
            raise not_json(self.media_type, self.content) from error


def not_json(media_type: str, content: bytes) -> NetworkError:
    """Say that something else than JSON came."""
    if "html" in media_type or content.lstrip()[:15].lower().startswith((b"<!doctype", b"<html")):
        return NetworkError(
            "a web page came where DICOM JSON was expected: the URL is not that of a DICOMweb "
            "service, or a login page is in the way",
            reason="not-dicomweb",
        )
    return NetworkError(
        f"the server's answer is no JSON ({media_type or 'of no type'})", reason="not-json"
    )


class DicomWebClient:
    """Talks to one DICOMweb node; use it in a ``with`` statement. Threads may share it.

    Parameters
    ----------
    node : Node
        Of kind "dicomweb".
    waiting : callable
        Called a few times a second while something is waited for; may raise `Cancelled`.
    pauses : sequence of float
        Seconds before each further attempt, where the server is busy or a connection
        broke; empty: there is one attempt.

    Raises
    ------
    NetworkError
        If the node is none of DICOMweb (reason "wrong-kind").
    NodeError
        If its password or token cannot be had from the keyring.
    MissingLibraryError
        If httpx is not installed.
    """

    def __init__(
        self, node: Node, *, waiting: Waiting = no_waiting, pauses: Sequence[float] = PAUSES
    ) -> None:
        import httpx

        if node.kind != "dicomweb":
            raise NetworkError(f"{node.name} is no DICOMweb node", reason="wrong-kind")
        self.node = node
        self.root = node.url.rstrip("/")
        self._waiting, self._pauses = waiting, tuple(pauses)
        headers = {"User-Agent": "napari-dicomdb"}
        auth: httpx.Auth | None = None
        if node.credentials == "basic":
            auth = httpx.BasicAuth(node.user, secret_of(node))
        elif node.credentials == "bearer":
            headers["Authorization"] = f"Bearer {secret_of(node)}"
        self._client = httpx.Client(
            transport=WireTransport(node, waiting),
            headers=headers,
            auth=auth,
            trust_env=False,  # no .netrc: credentials are the node's
            follow_redirects=False,
            timeout=node.limits.answer_seconds,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    # -- requests -----------------------------------------------------------------------------

    def get(
        self,
        path: str,
        *,
        accept: str = JSON,
        params: Sequence[tuple[str, str]] = (),
        largest: int = LARGEST_JSON,
    ) -> Answer:
        """Get something whole.

        Parameters
        ----------
        path : str
            Below the node's root ("studies"), or a whole URL of the same server.
        accept : str
            Media types.
        params : sequence of (name, value)
        largest : int
            Bytes that are taken.

        Returns
        -------
        Answer
            With status 200 to 299.

        Raises
        ------
        NetworkError
            If it cannot be had; reason and text say why.
        """

        def once() -> Answer:
            with self.stream("GET", path, accept=accept, params=params) as answer:
                content = b"".join(self.bounded(answer, largest))
                headers = {name.lower(): value for name, value in answer.headers.items()}
                return Answer(answer.status_code, headers, content, str(answer.url))

        return self.retried(once)

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        accept: str = JSON,
        params: Sequence[tuple[str, str]] = (),
        content: Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        raising: bool = True,
    ) -> Iterator[httpx.Response]:
        """Send one request; its answer is open, to be read by `parts`, within the block.

        Redirects are followed for GET and within the same server only: our login goes
        nowhere else.

        Raises
        ------
        NetworkError
            If there is no answer or, with `raising`, its status is none of success.
        """
        import httpx

        url = self.url_of(path)
        given = {"Accept": accept, **(headers or {})}
        if accept.startswith(("multipart", "*")):
            given["Accept-Encoding"] = "identity"  # pixels hardly shrink
        # Wildcards and lists as they are: Orthanc takes "%2A" for itself.
        query = urlencode(list(params), safe="*?,:^", quote_via=quote)
        for _ in range(_MOST_REDIRECTS + 1):
            try:
                request = self._client.build_request(
                    method,
                    f"{url}?{query}" if query else url,
                    content=content,
                    headers=given,
                )
            except (httpx.InvalidURL, UnicodeError) as error:
                raise NetworkError(f"this is no usable URL: {url!r:.200}") from error
            answer = self._client.send(request, stream=True)
            try:
                if answer.is_redirect and method == "GET":
                    url, query = self._redirected(url, answer.headers["location"]), ""
                    continue
                if raising and not answer.is_success:
                    raise status_error(answer.status_code, self.node, answer.headers)
                yield answer
                return
            finally:
                answer.close()
        raise NetworkError("the server redirects in a circle", reason="redirected")

    def parts(self, answer: httpx.Response) -> Iterator[bytes]:
        """Give the content of an open answer as it comes.

        Raises
        ------
        NetworkError
            If the connection breaks, or the content cannot be decompressed.
        """
        import httpx

        last = time.monotonic()
        try:
            for part in answer.iter_bytes(_PART):
                if (now := time.monotonic()) - last > _TURN:
                    last = now
                    self._waiting()
                yield part
        except httpx.DecodingError as error:
            raise NetworkError(
                "the server's answer cannot be decompressed", reason="bad-answer"
            ) from error

    def bounded(self, answer: httpx.Response, largest: int = LARGEST_JSON) -> Iterator[bytes]:
        """Give the content of an open answer as it comes, until it is more than `largest` bytes.

        Raises
        ------
        NetworkError
            As `parts`, and when there is more (reason "answer-too-large").
        """
        size = 0
        for part in self.parts(answer):
            size += len(part)
            if size > largest:
                raise NetworkError(
                    f"the server's answer is larger than {largest / 2**20:.0f} MB",
                    reason="answer-too-large",
                )
            yield part

    def url_of(self, path: str) -> str:
        """Return the URL of what lies below the root; whole URLs must be of this server.

        One behind a proxy that gives addresses of its own is asked by its path
        from "/studies/" on.
        """
        if "://" not in path:
            return f"{self.root}/{path.lstrip('/')}"
        if _origin(path) == _origin(self.root):
            return path
        before, found, after = path.partition("/studies/")
        if found and "?" not in before:
            return f"{self.root}/studies/{after}"
        raise NetworkError(
            f"the server refers to another one, {urlsplit(path).hostname or ''}: our login is not "
            "sent there",
            reason="redirected",
        )

    def _redirected(self, url: str, location: str) -> str:
        target = urljoin(url, location)
        if _origin(target) != _origin(url):
            parts = urlsplit(target)
            raise NetworkError(
                f"the server sends us on to {parts.scheme}://{parts.netloc.rpartition('@')[2]}, "
                "where our login is not sent: if that is right, make it the node's URL",
                reason="redirected",
            )
        return target

    # -- retries ------------------------------------------------------------------------------

    def retried(self, once: Callable[[], T]) -> T:
        """Return what ``once()`` returns; try again what may pass, after a pause.

        Raises
        ------
        NetworkError
            If it fails for good, or as often as there are pauses and once more.
        """
        for pause in self._pauses:
            try:
                return once()
            except NetworkError as error:
                if error.reason not in _PASSING:
                    raise
                _log.info("%s: %s; once more", self.node.name, error.reason)
                asked = error.retry_after if isinstance(error, BusyError) else None
                self.rest(min(_LONGEST_PAUSE, pause if asked is None else max(asked, pause)))
        return once()

    def rest(self, seconds: float) -> None:
        """Wait; may raise `Cancelled`."""
        until = time.monotonic() + seconds
        self._waiting()
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _TURN))
            self._waiting()


def _origin(url: str) -> tuple[str, str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme.lower() == "https" else 80)
        return parts.scheme.lower(), (parts.hostname or "").lower(), port
    except ValueError:
        return "", "", 0
