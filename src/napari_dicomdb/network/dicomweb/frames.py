"""What WADO-RS gives beside whole files: metadata, frames, rendered images, bulk data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.dicomweb.json_model import items_of, text_of
from napari_dicomdb.network.dicomweb.multipart import (
    boundary_of,
    parameter_of,
    read_parts,
    transfer_syntax_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx

    from napari_dicomdb.network.dicomweb.client import DicomWebClient

__all__ = [
    "EncodedFrame",
    "fetch_bulk",
    "fetch_frame",
    "fetch_metadata",
    "fetch_rendered",
    "find_series",
]

ANY_SYNTAX = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
LARGEST_FRAME = 1 << 30
LARGEST_BULK = 256 << 20
_EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
# What a media type says where the server names no transfer syntax (PS3.18 Table 8.7.3-5).
_SYNTAX_OF = {
    "application/octet-stream": _EXPLICIT_LITTLE,
    "image/jpeg": "1.2.840.10008.1.2.4.50",
    "image/jls": "1.2.840.10008.1.2.4.80",
    "image/jp2": "1.2.840.10008.1.2.4.90",
    "image/jpx": "1.2.840.10008.1.2.4.92",
    "image/jphc": "1.2.840.10008.1.2.4.201",
    "image/dicom-rle": "1.2.840.10008.1.2.5",
    "image/x-dicom-rle": "1.2.840.10008.1.2.5",
    "image/x-jls": "1.2.840.10008.1.2.4.80",
}


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """One frame as the server keeps it.

    Parameters
    ----------
    content : bytes
        A compressed stream, or little endian pixels.
    transfer_syntax_uid : str
        Which of them.
    """

    content: bytes
    transfer_syntax_uid: str


def fetch_metadata(
    client: DicomWebClient, study_uid: str, series_uid: str
) -> tuple[list[Mapping[str, Any]], str]:
    """Return the data sets of a series without bulk data, and the URL they came from.

    Raises
    ------
    NetworkError
        If the server does not give them, or gives those of another series
        (reason "uid-mismatch").
    """
    path = f"studies/{quote(study_uid, safe='')}/series/{quote(series_uid, safe='')}/metadata"
    answer = client.get(path)
    items = items_of(answer.json()) if answer.content.strip() else []
    wrong = [item for item in items if text_of(item, "0020000E") not in (series_uid, "")]
    if wrong:
        raise NetworkError("the server answered with another series", reason="uid-mismatch")
    return items, answer.url


def find_series(client: DicomWebClient, series_uid: str) -> str:
    """Return the StudyInstanceUID of a series that the server has.

    Raises
    ------
    NetworkError
        If it has none (reason "not-found"), or does not say.
    """
    answer = client.get("series", params=[("SeriesInstanceUID", series_uid), ("limit", "2")])
    items = items_of(answer.json()) if answer.content.strip() else []
    for item in items:
        if text_of(item, "0020000E") == series_uid and (study := text_of(item, "0020000D")):
            return study
    raise NetworkError(f"the server has no series {series_uid}", reason="not-found")


def fetch_frame(
    client: DicomWebClient, study_uid: str, series_uid: str, instance_uid: str, number: int
) -> EncodedFrame:
    """Return one frame, in whatever transfer syntax the server keeps it.

    Parameters
    ----------
    client : DicomWebClient
    study_uid, series_uid, instance_uid : str
    number : int
        From 1.

    Raises
    ------
    NetworkError
        If it cannot be had.
    """
    path = f"{_instance(study_uid, series_uid, instance_uid)}/frames/{number}"

    def once() -> EncodedFrame:
        with client.stream("GET", path, accept=ANY_SYNTAX) as answer:
            kind, content = _only_part(client, answer, LARGEST_FRAME)
        inner = kind.partition(";")[0].strip().lower()
        syntax = transfer_syntax_of(kind) or _SYNTAX_OF.get(inner, "")
        if not syntax:
            raise NetworkError(
                f"a frame came as {inner or 'something unnamed'}, which is none that we know",
                reason="not-acceptable",
            )
        return EncodedFrame(content, syntax)

    return client.retried(once)


def fetch_rendered(
    client: DicomWebClient,
    study_uid: str,
    series_uid: str,
    instance_uid: str,
    *,
    frame: int | None = None,
    media_type: str = "image/jpeg",
) -> bytes:
    """Return an image as the server renders it, windowed, for people to look at.

    Parameters
    ----------
    client : DicomWebClient
    study_uid, series_uid, instance_uid : str
    frame : int, optional
        From 1; the server's choice by default.
    media_type : str
        "image/jpeg" or "image/png".

    Raises
    ------
    NetworkError
        If it cannot be had.
    """
    part = "" if frame is None else f"/frames/{frame}"
    path = f"{_instance(study_uid, series_uid, instance_uid)}{part}/rendered"
    answer = client.get(path, accept=media_type, largest=LARGEST_BULK)
    if not answer.media_type.startswith("image/"):
        raise NetworkError("the server rendered no image", reason="not-acceptable")
    return answer.content


def fetch_bulk(
    client: DicomWebClient, uri: str, base: str, *, largest: int = LARGEST_BULK
) -> bytes:
    """Return a value that lies at a BulkDataURI.

    Parameters
    ----------
    client : DicomWebClient
    uri : str
        As the metadata has it; may be relative.
    base : str
        URL of the metadata.
    largest : int
        Bytes that are taken.

    Raises
    ------
    NetworkError
        If it cannot be had, or lies at another server (reason "redirected").
    """
    url = client.url_of(urljoin(base, uri))

    def once() -> bytes:
        accept = 'multipart/related; type="application/octet-stream", application/octet-stream'
        with client.stream("GET", url, accept=accept) as answer:
            return _only_part(client, answer, largest)[1]

    return client.retried(once)


def _only_part(client: DicomWebClient, answer: httpx.Response, largest: int) -> tuple[str, bytes]:
    """Return content type and content of an answer with, or of, one part."""
    whole = answer.headers.get("content-type", "")
    pieces: Iterator[bytes] = client.parts(answer)
    if whole.partition(";")[0].strip().lower() != "multipart/related":
        if "html" in whole.lower() or "json" in whole.lower():
            raise NetworkError("something else than pixels came", reason="not-acceptable")
        return whole, b"".join(client.bounded(answer, largest))
    for part in read_parts(pieces, boundary_of(whole)):
        kind = part.content_type
        outer = parameter_of(whole, "type")
        if not transfer_syntax_of(kind):
            # Orthanc names it in the type of the whole.
            syntax = transfer_syntax_of(whole)
            kind = kind or outer.partition(";")[0]
            kind = f"{kind}; transfer-syntax={syntax}" if syntax else kind
        return kind, part.read(largest)
    raise NetworkError("the server's answer has no part in it", reason="bad-multipart")


def _instance(study: str, series: str, instance: str) -> str:
    names = (("studies", study), ("series", series), ("instances", instance))
    return "/".join(f"{name}/{quote(uid, safe='')}" for name, uid in names)
