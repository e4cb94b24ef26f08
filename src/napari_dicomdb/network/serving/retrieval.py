"""WADO-RS: the files of studies, series and instances, as they are or as asked for."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response, StreamingResponse

from napari_dicomdb.dicom._meta import EXPLICIT_LITTLE
from napari_dicomdb.dicom.encoding import locate_data_set
from napari_dicomdb.dicom.file_meta import encode_file_meta
from napari_dicomdb.dicom.video import VIDEO_SYNTAXES
from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.network.serving.accept import ANY, Wanted, wanted_of
from napari_dicomdb.network.serving.multipart import Part, boundary, parts_of, related
from napari_dicomdb.network.serving.resources import (
    base_url,
    instances_below,
    uids_of,
)
from napari_dicomdb.network.transcoding import TARGETS, encode_as

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from starlette.requests import Request

    from napari_dicomdb.database.records import InstanceRecord

__all__ = [
    "DICOM",
    "Served",
    "choose_syntax",
    "dicom_file",
    "retrieve_instances",
    "served_chunks",
]

DICOM = "application/dicom"
_CHUNK = 256 * 1024
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Served:
    """An instance and the transfer syntax that it goes out in.

    Parameters
    ----------
    record : InstanceRecord
        As its file is now.
    syntax : str
        Transfer syntax UID.
    """

    record: InstanceRecord
    syntax: str

    @property
    def is_as_stored(self) -> bool:
        """Whether not a byte of the data set is changed."""
        return self.syntax == self.record.transfer_syntax_uid

    @property
    def content_type(self) -> str:
        """Of a part, or of a response that is this instance alone."""
        return f"{DICOM}; transfer-syntax={self.syntax}"


def choose_syntax(wanted: Sequence[Wanted], stored: str) -> str | None:
    """Return the transfer syntax that an instance is to have; None: none of those wanted.

    Where none is named, DICOM means Explicit VR Little Endian (PS3.18 Section 8.7.3.5.2); a
    client that takes everything gets what there is.

    Parameters
    ----------
    wanted : sequence of Wanted
        Best first.
    stored : str
        Transfer syntax UID of the file.
    """
    for one in wanted:
        if not one.takes(DICOM):
            continue
        asked = one.transfer_syntax or ("*" if one.type == ANY else EXPLICIT_LITTLE)
        if asked in ("*", stored):
            return stored
        if asked in TARGETS and stored not in VIDEO_SYNTAXES:
            return asked
    return None


def retrieve_instances(request: Request) -> Response:
    """Answer with the files of a study, series or instance."""
    wanted = wanted_of(request)
    records = instances_below(request)
    chosen = [(record, choose_syntax(wanted, record.transfer_syntax_uid)) for record in records]
    fitting = [Served(record, syntax) for record, syntax in chosen if syntax is not None]
    if not fitting:
        raise HTTPException(
            406,
            f"what is wanted is none of the forms there are: {DICOM} as it is stored "
            "(transfer-syntax=*), or Explicit VR Little Endian where it can be decompressed",
        )
    served = [one for one in fitting if _is_there(one.record)]
    if not served:
        raise HTTPException(410, "the files are gone or have changed: verify the database")
    headers = {}
    lacking = len(records) - len(served)
    if lacking:
        headers["Warning"] = f'299 {base_url(request)} "{lacking} instances are not included"'
    if len(records) == 1 and _wants_single(wanted):
        return dicom_file(request, served[0])
    mark = boundary()
    if len({one.syntax for one in served}) == 1:
        headers["Content-Type"] = related(DICOM, mark, served[0].syntax)
    else:
        headers["Content-Type"] = related(DICOM, mark)
    status = 206 if lacking else 200
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    study, _, _ = uids_of(request)
    base = base_url(request)
    if len(served) == 1 and not served[0].is_as_stored:
        # Made before anything is said: an error can still be told.
        content = b"".join(served_chunks(served[0]))
        part = Part(served[0].content_type, [content], len(content))
        return Response(b"".join(parts_of([part], mark)), status, headers)
    return StreamingResponse(
        parts_of(_parts(served, f"{base}/studies/{study}"), mark), status, headers
    )


def _wants_single(wanted: Sequence[Wanted]) -> bool:
    first = next((one for one in wanted if one.takes(DICOM)), Wanted())
    return first.multipart is False


def _is_there(record: InstanceRecord) -> bool:
    try:
        facts = os.stat(record.path)
    except OSError:
        return False
    return (facts.st_size, facts.st_mtime_ns) == (record.file_size, record.file_mtime_ns)


def dicom_file(request: Request, served: Served) -> Response:
    """Answer with one file, or a range of it."""
    if served.is_as_stored and _is_part10(served.record):
        return FileResponse(served.record.path, media_type=served.content_type)
    chunks = b"".join(served_chunks(served))
    return Response(chunks, media_type=served.content_type)


def _parts(served: Sequence[Served], study_url: str) -> Iterator[Part]:
    for one in served:
        record = one.record
        as_it_is = one.is_as_stored and _is_part10(record)
        url = f"{study_url}/series/{record.series_uid}/instances/{record.uid}"
        yield Part(
            one.content_type, served_chunks(one), record.file_size if as_it_is else None, url
        )


def _is_part10(record: InstanceRecord) -> bool:
    with open(record.path, "rb", buffering=0) as file:
        return file.read(132)[128:] == b"DICM"


def served_chunks(served: Served) -> Iterator[bytes]:
    """Yield a DICOM file piece by piece; as it is stored, byte by byte.

    Raises
    ------
    DicomDbError
        If it cannot be read or decompressed; a response that has begun is broken off
        then, so that nobody takes half of it for the whole.
    OSError
        If the file cannot be read.
    """
    record = served.record
    if not served.is_as_stored:
        try:
            content = encode_as(record.path, served.syntax)
        except DicomDbError as error:
            _log.warning("instance %s cannot be decompressed: %s", record.uid, error.reason)
            raise
        yield encode_file_meta(record.sop_class_uid, record.uid, served.syntax)
        yield content
        return
    with open(record.path, "rb", buffering=0) as file:
        left = os.fstat(file.fileno()).st_size
        if file.read(132)[128:] != b"DICM":  # a bare data set
            found = locate_data_set(file, left)
            yield encode_file_meta(record.sop_class_uid, record.uid, served.syntax)
            file.seek(found.offset)
            left -= found.offset
        else:
            file.seek(0)
        while left > 0:
            piece = file.read(min(_CHUNK, left))
            if not piece:
                raise OSError("a file has become shorter while it was sent")
            left -= len(piece)
            yield piece
