"""STOW-RS: objects taken into the database while they arrive (PS3.18 Section 10.5)."""

from __future__ import annotations

import json
import logging
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from napari_dicomdb.errors import DicomDbError, HeaderError
from napari_dicomdb.network.serving.accept import parse_media_type, wants_json
from napari_dicomdb.network.serving.multipart import Reader
from napari_dicomdb.network.serving.resources import base_url, service_of, uids_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from napari_dicomdb.database.receiving import Arrival, Inbox
    from napari_dicomdb.network.serving.json_values import Json

__all__ = ["Outcome", "Taking", "meta_of", "store_instances"]

_DICOM = "application/dicom"
_PIECE = 512 * 1024
_LONGEST_META = 64 * 1024
_INDEX_SECONDS = 30.0
_LONG_VRS = frozenset({b"OB", b"OW", b"UN", b"UT", b"UC", b"UR", b"SQ", b"OF", b"OD", b"OL"})
_UIDS = {0x0002: "SOPClassUID", 0x0003: "SOPInstanceUID", 0x0010: "TransferSyntaxUID"}
# PS3.18 Table 10.5.3-2 and PS3.4 Table B.2-1
_OUT_OF_RESOURCES, _MISMATCH, _NOT_UNDERSTOOD, _FAILED = 0xA700, 0xA900, 0xC000, 0x0110
_REASONS = {
    "disk-full": _OUT_OF_RESOURCES,
    "too-large": _OUT_OF_RESOURCES,
    "uid-mismatch": _MISMATCH,
    "bad-uid": _NOT_UNDERSTOOD,
    "missing-uid": _NOT_UNDERSTOOD,
    "bad-header": _NOT_UNDERSTOOD,
    "not-dicom": _NOT_UNDERSTOOD,
    "truncated": _NOT_UNDERSTOOD,
    "media": _NOT_UNDERSTOOD,
}
_log = logging.getLogger(__name__)


def meta_of(head: bytes | bytearray) -> tuple[int, dict[str, str]] | None:
    """Read the file meta information at the beginning of a file that is still arriving.

    Parameters
    ----------
    head : bytes
        Its first bytes.

    Returns
    -------
    offset : int
        Where the data set begins.
    uids : dict of str to str
        SOPClassUID, SOPInstanceUID and TransferSyntaxUID.

    None when more bytes are needed.

    Raises
    ------
    HeaderError
        If there is none, or it is damaged.
    """
    if len(head) < 140:
        return None
    if head[128:132] != b"DICM":
        raise HeaderError("no DICOM file (PS3.10)", reason="not-dicom")
    uids: dict[str, str] = {}
    place = 132
    while len(head) >= place + 12:
        group, number, vr, length = struct.unpack_from("<HH2sH", head, place)
        if group != 2:
            return place, uids
        place += 8
        if vr in _LONG_VRS:
            (length,) = struct.unpack_from("<L", head, place)
            place += 4
        if place + length > _LONGEST_META:
            raise HeaderError("the file meta information is damaged")
        if len(head) < place + length:
            return None
        if number in _UIDS:
            uids[_UIDS[number]] = (
                bytes(head[place : place + length]).decode("latin-1").strip("\0 ")
            )
        place += length
    return None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one object; `reason` is "" when it was taken."""

    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    study_uid: str = ""
    series_uid: str = ""
    reason: str = ""

    @property
    def failure(self) -> int:
        """FailureReason (0008,1197)."""
        return _REASONS.get(self.reason, _FAILED)


@dataclass
class Taking:
    """Takes the parts of one request into an inbox.

    Parameters
    ----------
    inbox : Inbox
    study_uid : str
        The only study that is taken; "": any.
    largest : int
        Bytes of an object.
    source : str
        Who sends.
    """

    inbox: Inbox
    study_uid: str = ""
    largest: int = 1 << 40
    source: str = ""
    outcomes: list[Outcome] = field(default_factory=list)
    _head: bytearray = field(default_factory=bytearray)
    _arrival: Arrival | None = None
    _uids: dict[str, str] = field(default_factory=dict)
    _failed: str = ""

    def begin(self, headers: Mapping[str, str]) -> None:
        """Begin a part."""
        self._head.clear()
        self._arrival, self._uids, self._failed = None, {}, ""
        content_type = headers.get("content-type", _DICOM)
        if parse_media_type(content_type)[0] != _DICOM:
            self._failed = "not-dicom"

    def write(self, piece: memoryview) -> None:
        """Take a piece of it."""
        if self._failed:
            return
        try:
            if self._arrival is None:
                self._head += piece
                self._open()
            else:
                self._append(piece)
        except DicomDbError as error:
            self._fail(error)

    def _open(self) -> None:
        found = meta_of(self._head)
        if found is None:
            return
        offset, self._uids = found
        self._arrival = self.inbox.open(
            self._uids.get("SOPClassUID", ""),
            self._uids.get("SOPInstanceUID", ""),
            self._uids.get("TransferSyntaxUID", ""),
            self.source,
        )
        if self.study_uid:
            self._arrival.expected["StudyInstanceUID"] = self.study_uid
        with memoryview(self._head) as head:
            self._append(head[offset:])
        self._head.clear()

    def _append(self, piece: memoryview) -> None:
        assert self._arrival is not None
        if self._arrival.size + len(piece) > self.largest:
            raise HeaderError("the object is too large", reason="too-large")
        self._arrival.write(piece)

    def end(self) -> None:
        """Keep what has come, or say why not."""
        arrival = self._arrival
        if not self._failed and arrival is None:
            self._failed = "not-dicom" if len(self._head) < 140 else "bad-header"
        study = series = ""
        if arrival is not None and not self._failed:
            try:
                arrival.commit()
            except DicomDbError as error:
                self._fail(error)
            else:
                values = arrival.header.values if arrival.header is not None else {}
                study = str(values.get("StudyInstanceUID", ""))
                series = str(values.get("SeriesInstanceUID", ""))
        self.outcomes.append(
            Outcome(
                self._uids.get("SOPClassUID", ""),
                self._uids.get("SOPInstanceUID", ""),
                study,
                series,
                self._failed,
            )
        )
        self._arrival = None

    def _fail(self, error: DicomDbError) -> None:
        _log.warning(
            "instance %s is not taken: %s", self._uids.get("SOPInstanceUID", "?"), error.reason
        )
        self._failed = error.reason
        self.discard()

    def discard(self) -> None:
        """Leave nothing of what is not whole."""
        if self._arrival is not None:
            self._arrival.discard()
            self._arrival = None


async def store_instances(request: Request) -> Response:
    """Take the objects of a request into the database."""
    service = service_of(request)
    settings = service.settings
    media_type = wants_json(request)
    kind, parameters = parse_media_type(request.headers.get("content-type", ""))
    if kind != "multipart/related" or parameters.get("type", _DICOM).lower() != _DICOM:
        raise HTTPException(415, f'only multipart/related; type="{_DICOM}" is taken')
    study, _, _ = uids_of(request)
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > settings.largest_request:
        raise HTTPException(413, "the request is too large: send fewer instances at once")
    inbox = await run_in_threadpool(service.inbox)
    taking = Taking(inbox, study, settings.largest_object)
    reader = Reader(parameters.get("boundary", ""), taking.begin, taking.write, taking.end)
    try:
        await _read(request, reader, settings.largest_request)
    finally:
        # Also when the connection is cut: what was whole stays, the rest goes.
        await run_in_threadpool(taking.discard)
    await run_in_threadpool(_index, inbox)
    return _answer(request, taking.outcomes, media_type)


async def _read(request: Request, reader: Reader, largest: int) -> None:
    pending = bytearray()
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > largest:
            raise HTTPException(413, "the request is too large: send fewer instances at once")
        pending += piece
        if len(pending) >= _PIECE:
            await run_in_threadpool(reader.feed, bytes(pending))
            pending.clear()
    await run_in_threadpool(reader.feed, bytes(pending))
    reader.finish()


def _index(inbox: Inbox) -> None:
    """Have it in the index before the answer: whoever asks next finds it."""
    try:
        inbox.flush(_INDEX_SECONDS)
    except DicomDbError as error:  # nothing is lost, it comes later
        _log.warning("what was stored is not in the index yet: %s", error.reason)


def _answer(request: Request, outcomes: list[Outcome], media_type: str) -> Response:
    taken = [one for one in outcomes if not one.reason]
    failed = [one for one in outcomes if one.reason]
    if not outcomes:
        raise HTTPException(400, "the request holds no instance")
    base = base_url(request)
    content: Json = {}
    if len({one.study_uid for one in taken}) == 1:
        url = f"{base}/studies/{taken[0].study_uid}"
        content["00081190"] = {"vr": "UR", "Value": [url]}
    if failed:
        items = [
            {**_reference(one), "00081197": {"vr": "US", "Value": [one.failure]}} for one in failed
        ]
        content["00081198"] = {"vr": "SQ", "Value": items}
    if taken:
        items = [{**_reference(one), "00081190": _url(base, one)} for one in taken]
        content["00081199"] = {"vr": "SQ", "Value": items}
    return Response(json.dumps(content), _status(taken, failed), media_type=media_type)


def _status(taken: list[Outcome], failed: list[Outcome]) -> int:
    if not failed:
        return 200
    reasons = {one.reason for one in failed}
    if "disk-full" in reasons:
        return 507
    if taken:
        return 202
    return 413 if reasons == {"too-large"} else 409


def _reference(one: Outcome) -> Json:
    found: dict[str, Any] = {}
    for tag, uid in (("00081150", one.sop_class_uid), ("00081155", one.sop_instance_uid)):
        found[tag] = {"vr": "UI", "Value": [uid]} if uid else {"vr": "UI"}
    return found


def _url(base: str, one: Outcome) -> Json:
    url = (
        f"{base}/studies/{one.study_uid}/series/{one.series_uid}/instances/{one.sop_instance_uid}"
    )
    return {"vr": "UR", "Value": [url]}
