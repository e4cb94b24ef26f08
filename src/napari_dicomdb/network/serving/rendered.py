"""Rendered images and thumbnails (PS3.18 Sections 10.4.1.1.3 and 10.4.1.1.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from napari_dicomdb.database.thumbnail_pictures import LARGEST_SIDE, middle_instance
from napari_dicomdb.network.serving.accept import first_of, wanted_of
from napari_dicomdb.network.serving.multipart import Part, boundary, parts_of, related
from napari_dicomdb.network.serving.rendering import PICTURE_TYPES, PNG, picture_of, view_of
from napari_dicomdb.network.serving.resources import (
    base_url,
    current,
    frame_numbers,
    instances_below,
    one_instance,
    service_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from starlette.requests import Request

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.network.serving.rendering import View
    from napari_dicomdb.network.serving.resources import Service

__all__ = ["retrieve_rendered", "retrieve_rendered_frames", "retrieve_thumbnail"]

_MOST_PICTURES = 2000
_NOT_DONE = ("annotation", "iccprofile")


def _type_of(request: Request) -> tuple[str, bool | None]:
    found = first_of(wanted_of(request), PICTURE_TYPES)
    if found is None:
        raise HTTPException(406, f"pictures are offered as {' and '.join(PICTURE_TYPES)}")
    return found[1], found[0].multipart


def _remarks(request: Request) -> dict[str, str]:
    asked = [name for name in _NOT_DONE if request.query_params.get(name)]
    if not asked:
        return {}
    return {"Warning": f'299 {base_url(request)} "{" and ".join(asked)} is not supported"'}


def retrieve_rendered(request: Request) -> Response:
    """Answer with a picture of an instance, or one of each of a study or series."""
    media_type, is_multipart = _type_of(request)
    view = view_of(request.query_params)
    records = [one for one in instances_below(request) if one.pixel_keyword and one.rows]
    if not records:
        raise HTTPException(404, "there is no image in it")
    if len(records) > 1 and is_multipart is False:
        raise HTTPException(406, "several pictures come as multipart/related")
    if len(records) > _MOST_PICTURES:
        raise HTTPException(413, "too many images at once: ask series by series")
    headers = _remarks(request)
    if len(records) == 1 and is_multipart is not True:
        record = current(service_of(request), records[0])
        content = picture_of(record, 0, view, media_type)
        return Response(content, media_type=media_type, headers=headers)
    return _multipart(request, [(record, 0) for record in records], view, media_type, headers)


def retrieve_rendered_frames(request: Request) -> Response:
    """Answer with pictures of the frames that the path names."""
    media_type, is_multipart = _type_of(request)
    view = view_of(request.query_params)
    record = one_instance(request)
    frames = frame_numbers(request, record)
    headers = _remarks(request)
    if len(frames) == 1 and is_multipart is not True:
        content = picture_of(record, frames[0], view, media_type)
        return Response(content, media_type=media_type, headers=headers)
    if is_multipart is False:
        raise HTTPException(406, "several pictures come as multipart/related")
    if len(frames) > _MOST_PICTURES:
        raise HTTPException(413, "too many frames at once")
    return _multipart(request, [(record, frame) for frame in frames], view, media_type, headers)


def _multipart(
    request: Request,
    images: Sequence[tuple[InstanceRecord, int]],
    view: View,
    media_type: str,
    headers: dict[str, str],
) -> Response:
    mark = boundary()
    headers = {**headers, "Content-Type": related(media_type, mark)}
    if request.method == "HEAD":
        return Response(headers=headers)
    parts = _pictures(service_of(request), images, view, media_type)
    return StreamingResponse(parts_of(parts, mark), headers=headers)


def _pictures(
    service: Service, images: Sequence[tuple[InstanceRecord, int]], view: View, media_type: str
) -> Iterator[Part]:
    for record, frame in images:
        content = picture_of(current(service, record), frame, view, media_type)
        yield Part(media_type, [content], len(content))


def retrieve_thumbnail(request: Request) -> Response:
    """Answer with a small picture of a study, series, instance or frame."""
    media_type, _ = _type_of(request)
    view = view_of(request.query_params, (LARGEST_SIDE, LARGEST_SIDE))
    records = instances_below(request)
    frame = 0
    if "frames" in request.path_params:
        frame = frame_numbers(request, records[0])[0]
    elif "instance" in request.path_params:
        frame = max(0, records[0].frame_count // 2)
    service = service_of(request)
    middle = middle_instance(records)
    if middle is not None:
        record = current(service, middle)
        if "instance" not in request.path_params:
            frame = record.frame_count // 2
        frame = min(frame, max(0, record.frame_count - 1))
        return Response(picture_of(record, frame, view, media_type), media_type=media_type)
    # What has no pixels of its own is drawn on what it refers to.
    made = service.database.thumbnail_image(records[0].series_uid)
    if made.png is None:
        raise HTTPException(404, "there is no picture of it")
    if media_type != PNG and not any(one.takes(PNG) for one in wanted_of(request)):
        raise HTTPException(406, f"this picture is {PNG}")
    return Response(made.png, media_type=PNG)
