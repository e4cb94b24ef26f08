"""Bulk data: the large values that metadata leave out (PS3.18 Section 10.4.1.1.5)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from napari_dicomdb.dicom._attribute_reading import quiet
from napari_dicomdb.dicom.unreadable import unreadable
from napari_dicomdb.dicom.video import VIDEO_SYNTAXES
from napari_dicomdb.network.serving.accept import wanted_of
from napari_dicomdb.network.serving.frames import OCTETS, frames_response
from napari_dicomdb.network.serving.metadata import data_set_of
from napari_dicomdb.network.serving.multipart import Part, boundary, parts_of, related
from napari_dicomdb.network.serving.resources import one_instance

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from starlette.requests import Request

    from napari_dicomdb.database.records import InstanceRecord

__all__ = ["retrieve_bulk_data"]

_PIXELS = frozenset({"7FE00008", "7FE00009", "7FE00010"})
_PATH = re.compile(r"[0-9A-Fa-f]{8}(/[1-9]\d{0,5}/[0-9A-Fa-f]{8}){0,32}")


def retrieve_bulk_data(request: Request) -> Response:
    """Answer with one value, named by its tag, in sequences by tags and numbers of items."""
    path = str(request.path_params["path"])
    if not _PATH.fullmatch(path):
        raise HTTPException(400, "bulk data are named by tags: 7FE00010, 00420010/1/00420011")
    record = one_instance(request)
    if path.upper() in _PIXELS and record.pixel_keyword:
        return frames_response(request, record, _all_frames(record), whole=True)
    content = _value(data_set_of(record), path.split("/"))
    for one in wanted_of(request):
        if not one.takes(OCTETS):
            continue
        if one.multipart is False:
            return Response(content, media_type=OCTETS)
        mark = boundary()
        headers = {"Content-Type": related(OCTETS, mark)}
        if request.method == "HEAD":
            return Response(headers=headers)
        return StreamingResponse(
            parts_of([Part(OCTETS, [content], len(content))], mark), headers=headers
        )
    raise HTTPException(406, f"only {OCTETS} is offered here")


def _value(dataset: Dataset, steps: list[str]) -> bytes:
    with quiet():
        try:
            while len(steps) > 1:
                dataset = dataset[int(steps[0], 16)].value[int(steps[1]) - 1]
                steps = steps[2:]
            element: Any = dataset[int(steps[0], 16)]
            if element.VR != "SQ":
                return element.value if isinstance(element.value, bytes) else _encoded(element)
        except unreadable(OSError) as error:
            raise HTTPException(404, "this instance has no such value") from error
    raise HTTPException(404, "a sequence is no value")


def _encoded(element: Any) -> bytes:
    """Return a value that is no bytes as a file has it, in UTF-8 and little endian."""
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_data_element

    target = DicomBytesIO()
    target.is_little_endian = True
    target.is_implicit_VR = True
    write_data_element(target, element, ["utf_8"])
    return bytes(target.getvalue()[8:])


def _all_frames(record: InstanceRecord) -> list[int]:
    if record.transfer_syntax_uid in VIDEO_SYNTAXES:
        return [0]  # one stream
    return list(range(max(1, record.frame_count)))
