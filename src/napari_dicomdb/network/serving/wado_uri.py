"""WADO-URI: one object by a query (PS3.18 Section 9), for older viewers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import Response

from napari_dicomdb.dicom._meta import EXPLICIT_LITTLE
from napari_dicomdb.dicom.video import VIDEO_SYNTAXES
from napari_dicomdb.network.serving.rendering import JPEG, PICTURE_TYPES, picture_of, view_of
from napari_dicomdb.network.serving.resources import current, find_instances, service_of
from napari_dicomdb.network.serving.retrieval import DICOM, Served, dicom_file
from napari_dicomdb.network.transcoding import TARGETS

if TYPE_CHECKING:
    from starlette.requests import Request

    from napari_dicomdb.database.records import InstanceRecord

__all__ = ["retrieve_by_query"]

_UID = re.compile(r"[0-9A-Za-z._\-]{1,128}")


def retrieve_by_query(request: Request) -> Response:
    """Answer with the object that ``studyUID``, ``seriesUID`` and ``objectUID`` name."""
    asked = request.query_params
    if asked.get("requestType") != "WADO":
        raise HTTPException(400, "requestType=WADO is expected")
    uids = [asked.get(name, "") for name in ("studyUID", "seriesUID", "objectUID")]
    if not all(_UID.fullmatch(uid) for uid in uids):
        raise HTTPException(400, "studyUID, seriesUID and objectUID are expected")
    service = service_of(request)
    found = find_instances(service, *uids)
    if not found:
        raise HTTPException(404, "the database has no such object")
    record = current(service, found[0])
    default = JPEG if record.pixel_keyword else DICOM
    types = [
        part.split(";")[0].strip().lower() for part in asked.get("contentType", default).split(",")
    ]
    for media_type in types:
        if media_type in (DICOM, "*/*"):
            return dicom_file(
                request, Served(record, _syntax(asked.get("transferSyntax"), record))
            )
        if media_type in PICTURE_TYPES and record.pixel_keyword:
            return _picture(request, record, media_type)
    raise HTTPException(406, f"offered are {DICOM} and, of images, {', '.join(PICTURE_TYPES)}")


def _syntax(asked: str | None, record: InstanceRecord) -> str:
    stored = record.transfer_syntax_uid
    if asked == stored or asked == "*":
        return stored
    if asked is None:  # Explicit VR Little Endian, where it can be (PS3.18 Section 9.1.2.2.2)
        return stored if stored in VIDEO_SYNTAXES else EXPLICIT_LITTLE
    if asked not in TARGETS or stored in VIDEO_SYNTAXES:
        raise HTTPException(406, "this object is not offered in that transfer syntax")
    return asked


def _picture(request: Request, record: InstanceRecord, media_type: str) -> Response:
    asked = request.query_params
    frame = asked.get("frameNumber", "1")
    if not re.fullmatch(r"[1-9]\d{0,8}", frame):
        raise HTTPException(400, "frameNumber is a number from 1")
    if int(frame) > max(1, record.frame_count):
        raise HTTPException(404, f"this object has {max(1, record.frame_count)} frames")
    wanted = {"quality": asked.get("imageQuality", "")}
    if "windowCenter" in asked or "windowWidth" in asked:
        wanted["window"] = f"{asked.get('windowCenter', '')},{asked.get('windowWidth', '')}"
    if "rows" in asked or "columns" in asked:
        columns, rows = asked.get("columns", "8192"), asked.get("rows", "8192")
        wanted["viewport"] = f"{columns},{rows}"
    content = picture_of(record, int(frame) - 1, view_of(wanted), media_type)
    return Response(content, media_type=media_type)
