"""The test of a DICOMweb node: what is wrong in plain words, or what it offers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.dicomweb.client import JSON, Answer, DicomWebClient
from napari_dicomdb.network.dicomweb.json_model import items_of, text_of
from napari_dicomdb.network.node import Tls
from napari_dicomdb.network.wire import Waiting, Wire, no_waiting

if TYPE_CHECKING:
    from napari_dicomdb.network.node import Node

__all__ = ["check_dicomweb", "offered_services"]

_SILENT = frozenset({"closed", "not-http", "bad-request", "timeout"})
_CERTIFICATE = frozenset({"tls-unknown-ca", "tls-expired", "tls-client-certificate"})
_NOT_OFFERED = frozenset({"bad-request", "not-found", "not-offered", "not-acceptable"})
_PROBE_SECONDS = 2.0


def check_dicomweb(node: Node, *, waiting: Waiting = no_waiting) -> str:
    """Ask a DICOMweb node whether it answers; return what to tell of it.

    Parameters
    ----------
    node : Node
        Of kind "dicomweb".
    waiting : callable
        Called a few times a second; may raise `Cancelled`.

    Raises
    ------
    NetworkError
        If it does not answer as it should; the message says what is wrong.
    NodeError
        If its password cannot be had from the keyring.
    MissingLibraryError
        If httpx is not installed.
    """
    services = offered_services(node, waiting=waiting)
    is_encrypted = node.url.lower().startswith("https:")
    encrypted = ", encrypted" if is_encrypted else ""
    told = f"{node.address} answers{encrypted}; it offers {', '.join(services)}"
    if node.credentials != "none" and not is_encrypted and not _is_here(node):
        told += "; beware: the login goes to it unencrypted, use https"
    return told


def _is_here(node: Node) -> bool:
    host = urlsplit(node.url).hostname or ""
    return host == "localhost" or host == "::1" or host.startswith("127.")


def offered_services(node: Node, *, waiting: Waiting = no_waiting) -> list[str]:
    """Return what a node offers, of "search", "retrieve" and "store".

    "retrieve" is found by what the search finds: of an empty archive it is not known.

    Raises
    ------
    NetworkError, NodeError, MissingLibraryError
        As `check_dicomweb`.
    """
    with DicomWebClient(node, waiting=waiting, pauses=()) as client:
        try:
            answer = client.get("studies", params=[("limit", "1")])
        except NetworkError as error:
            raise _explained(node, error, waiting) from error
        services = ["search (QIDO-RS)"]
        if (study := _study_of(answer)) and _retrieves(client, study):
            services.append("retrieve (WADO-RS)")
        if _stores(client):
            services.append("store (STOW-RS)")
    return services


def _study_of(answer: Answer) -> str:
    """Return a study's UID of an answer to a search; "" of an empty archive."""
    if answer.status == 204 or not answer.content.strip():
        return ""
    items = items_of(answer.json())
    study = text_of(items[0], "0020000D") if items else ""
    if items and not study:
        raise NetworkError(
            "the server's answer to a search has no StudyInstanceUID: the URL is not that of a "
            "DICOMweb service",
            reason="not-dicomweb",
        )
    return study


def _retrieves(client: DicomWebClient, study: str) -> bool:
    path = f"studies/{quote(study, safe='')}"
    try:
        found = items_of(client.get(f"{path}/series", params=[("limit", "1")]).json())
        series = text_of(found[0], "0020000E") if found else ""
        # Only the head of the answer: it may be long.
        with client.stream("GET", f"{path}/series/{quote(series, safe='')}/metadata"):
            return True
    except NetworkError:
        return False


def _stores(client: DicomWebClient) -> bool:
    """Find out whether the node stores, by offering what nobody stores: plain text."""
    try:
        with client.stream(
            "POST",
            "studies",
            accept=JSON,
            content=[b"nothing"],
            headers={"Content-Type": "text/plain", "Content-Length": "7"},
            raising=False,
        ) as answer:
            return answer.status_code in (400, 409, 415)
    except NetworkError:
        return False


def _explained(node: Node, error: NetworkError, waiting: Waiting) -> NetworkError:
    """Say more of an error, where more can be found out."""
    parts = urlsplit(node.url)
    host = parts.hostname or ""
    if error.reason in _SILENT and parts.scheme == "http" and _speaks_tls(node, waiting):
        return NetworkError(
            f"{host} speaks TLS on this port: let the URL begin with https://",
            reason="tls-needed",
        )
    if error.reason in ("tls-not-spoken", "tls-closed") and _speaks_http(node, waiting):
        return NetworkError(
            f"{host} does not speak TLS on this port: let the URL begin with http://, or use "
            "the port for TLS",
            reason="tls-not-spoken",
        )
    if error.reason in _NOT_OFFERED:
        return NetworkError(
            "a web server answers, but has no DICOMweb service at this URL: it is often "
            f"https://host/dicom-web (Orthanc), …/rs or …/dicomweb; {error}",
            reason="not-dicomweb",
        )
    return error


def _speaks_tls(node: Node, waiting: Waiting) -> bool:
    parts = urlsplit(node.url)
    seconds = min(_PROBE_SECONDS, node.limits.connect_seconds)
    try:
        wire = Wire(
            parts.hostname or "",
            parts.port or 80,
            tls=Tls(check_hostname=False),
            seconds=seconds,
            waiting=waiting,
        )
    except NetworkError as error:
        return error.reason in _CERTIFICATE
    wire.close()
    return True


def _speaks_http(node: Node, waiting: Waiting) -> bool:
    parts = urlsplit(node.url)
    port = f":{parts.port or 443}"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    limits = replace(
        node.limits,
        connect_seconds=min(_PROBE_SECONDS, node.limits.connect_seconds),
        answer_seconds=min(_PROBE_SECONDS, node.limits.answer_seconds),
    )
    # Without credentials: nothing secret goes over a line that is not encrypted.
    plain = replace(
        node, url=f"http://{host}{port}/", tls=None, credentials="none", user="", secret="",
        limits=limits,
    )  # fmt: skip
    try:
        with (
            DicomWebClient(plain, waiting=waiting, pauses=()) as client,
            client.stream("GET", "", accept="*/*", raising=False),
        ):
            return True
    except NetworkError as error:
        return error.reason == "redirected"
