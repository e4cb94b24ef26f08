"""Frames: pixels as they are stored, or decompressed (PS3.18 Sections 8.7.3 and 10.4.1.1.6)."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from napari_dicomdb.dicom._attribute_reading import quiet
from napari_dicomdb.dicom._meta import DEFLATED, EXPLICIT_LITTLE
from napari_dicomdb.dicom.fragments import frame_index, read_encoded_frame
from napari_dicomdb.dicom.pixels import PixelDescription, read_frame
from napari_dicomdb.dicom.video import VIDEO_SYNTAXES
from napari_dicomdb.errors import PixelError
from napari_dicomdb.network.serving.accept import ANY, Wanted, wanted_of
from napari_dicomdb.network.serving.metadata import data_set_of
from napari_dicomdb.network.serving.multipart import Part, boundary, parts_of, related
from napari_dicomdb.network.serving.resources import frame_numbers, one_instance
from napari_dicomdb.network.transcoding import encode_as

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from starlette.requests import Request

    from napari_dicomdb.database.records import InstanceRecord

__all__ = ["MEDIA_TYPES", "OCTETS", "Form", "choose_form", "frames_response", "retrieve_frames"]

OCTETS = "application/octet-stream"
_CHUNK = 256 * 1024

MEDIA_TYPES: dict[str, str] = {
    "1.2.840.10008.1.2.5": "image/dicom-rle",
    **{f"1.2.840.10008.1.2.4.{n}": "image/jpeg" for n in (50, 51, 57, 70)},
    **{f"1.2.840.10008.1.2.4.{n}": "image/jls" for n in (80, 81)},
    **{f"1.2.840.10008.1.2.4.{n}": "image/jp2" for n in (90, 91)},
    **{f"1.2.840.10008.1.2.4.{n}": "image/jpx" for n in (92, 93)},
    **{f"1.2.840.10008.1.2.4.{n}": "image/jxl" for n in (110, 111, 112)},
    **{f"1.2.840.10008.1.2.4.{n}": "image/jphc" for n in (201, 202, 203)},
    **{f"1.2.840.10008.1.2.4.{n}": "video/mpeg2" for n in (100, 101)},
    **{f"1.2.840.10008.1.2.4.{n}": "video/mp4" for n in (102, 103, 104, 105, 106)},
    **{f"1.2.840.10008.1.2.4.{n}": "video/H265" for n in (107, 108)},
}
"""Media type of a frame by the transfer syntax of its file (PS3.18 Tables 8.7.3-2 and -5)."""

_ALIASES = {"image/x-dicom-rle": "image/dicom-rle", "image/x-jls": "image/jls"}


@dataclass(frozen=True, slots=True)
class Form:
    """How frames go out.

    Parameters
    ----------
    media_type : str
        Of each.
    syntax : str
        Transfer syntax of their bytes.
    is_stored : bool
        Whether compressed frames are sent as they are.
    """

    media_type: str
    syntax: str
    is_stored: bool

    @property
    def content_type(self) -> str:
        """Of a part."""
        return f"{self.media_type}; transfer-syntax={self.syntax}"


def choose_form(wanted: Sequence[Wanted], stored: str, is_compressed: bool) -> Form | None:
    """Return the form that is wanted most; None: there is none that is wanted.

    Parameters
    ----------
    wanted : sequence of Wanted
        Best first.
    stored : str
        Transfer syntax of the file.
    is_compressed : bool
        Whether its frames are.
    """
    plain = Form(OCTETS, EXPLICIT_LITTLE, False)
    for one in wanted:
        if one.type in _ALIASES:
            one = Wanted(_ALIASES[one.type], one.multipart, one.transfer_syntax)
        asked = one.transfer_syntax
        if not is_compressed:
            if one.takes(OCTETS) and asked in ("", "*", EXPLICIT_LITTLE):
                return plain
            continue
        media_type = MEDIA_TYPES.get(stored, OCTETS)
        # Who says nothing of it gets octets (PS3.18 Section 8.7.3.5.2), but of a video.
        says_nothing = one.type == OCTETS or (one.type == ANY and stored not in VIDEO_SYNTAXES)
        as_it_is = asked in ("*", stored) or (not asked and not says_nothing)
        if as_it_is and (one.takes(media_type) or one.takes(OCTETS)):
            # Viewers ask for octets in any transfer syntax and look at that.
            kind = media_type if one.takes(media_type) else OCTETS
            return Form(kind, stored, True)
        if one.takes(OCTETS) and asked in ("", EXPLICIT_LITTLE):
            return plain
    return None


def retrieve_frames(request: Request) -> Response:
    """Answer with the frames that the path names."""
    record = one_instance(request)
    return frames_response(request, record, frame_numbers(request, record))


def frames_response(
    request: Request, record: InstanceRecord, frames: list[int], *, whole: bool = False
) -> Response:
    """Answer with frames of an instance, counted from 0.

    Parameters
    ----------
    request : Request
    record : InstanceRecord
        Of an image.
    frames : list of int
    whole : bool
        As bulk data: what is not compressed comes in one part, so does a video.
    """
    wanted = wanted_of(request)
    description = PixelDescription.from_record(record)
    form = choose_form(wanted, description.transfer_syntax_uid, description.encapsulated)
    is_video = description.transfer_syntax_uid in VIDEO_SYNTAXES
    if form is None or (is_video and form.is_stored and not whole):
        stored = MEDIA_TYPES.get(description.transfer_syntax_uid, OCTETS)
        raise HTTPException(
            406, f"these pixels are offered as {stored} (as stored) and {OCTETS} (decompressed)"
        )
    read = _reader(record, description, form)
    if whole and (is_video or not form.is_stored):
        parts: Iterator[Part] = iter([Part(form.content_type, map(read, frames))])
        count = 1
    else:
        # The first is read before anything is said: an error can still be told.
        first = read(frames[0])
        parts = _parts(form, first, read, frames)
        count = len(frames)
    chosen = next(one for one in wanted if one.multipart is not False or _takes_single(one, form))
    if chosen.multipart is False and count == 1:
        (only,) = parts
        return Response(b"".join(only.chunks), media_type=form.content_type)
    if chosen.multipart is False:
        raise HTTPException(406, "several frames come as multipart/related")
    mark = boundary()
    headers = {"Content-Type": related(form.media_type, mark, form.syntax)}
    if request.method == "HEAD":
        return Response(headers=headers)
    return StreamingResponse(parts_of(parts, mark), headers=headers)


def _takes_single(one: Wanted, form: Form) -> bool:
    kind = _ALIASES.get(one.type, one.type)
    return Wanted(kind).takes(form.media_type)


def _parts(
    form: Form, first: bytes, read: Callable[[int], bytes], frames: list[int]
) -> Iterator[Part]:
    yield Part(form.content_type, [first], len(first))
    for frame in frames[1:]:
        content = read(frame)
        yield Part(form.content_type, [content], len(content))


def _reader(
    record: InstanceRecord, description: PixelDescription, form: Form
) -> Callable[[int], bytes]:
    """Return what reads a frame in this form."""
    if form.is_stored:
        return lambda frame: _encoded(record, description, frame)
    if description.encapsulated:
        return lambda frame: _decoded(record, description, frame)
    bits = description.frame_bits
    is_plain = not description.big_endian and description.transfer_syntax_uid not in DEFLATED
    if is_plain and description.offset is not None and bits % 8 == 0:
        return lambda frame: _slice(record, description, frame)
    value = _plain_value(record, description)
    return lambda frame: _bits(value, frame * bits, bits)


def _slice(record: InstanceRecord, description: PixelDescription, frame: int) -> bytes:
    length = description.frame_bits // 8
    start = frame * length
    if description.length is not None and start + length > description.length:
        raise PixelError("the file ends before this frame", reason="truncated-pixels")
    with open(record.path, "rb", buffering=0) as file:
        file.seek((description.offset or 0) + start)
        content = bytearray()
        while len(content) < length:
            piece = file.read(min(_CHUNK * 16, length - len(content)))
            if not piece:
                raise PixelError("the file ends before this frame", reason="truncated-pixels")
            content += piece
    return bytes(content)


def _encoded(record: InstanceRecord, description: PixelDescription, frame: int) -> bytes:
    with open(record.path, "rb", buffering=0) as file:
        facts = os.fstat(file.fileno())
        index = frame_index(
            file,
            os.fspath(record.path),
            facts.st_size,
            facts.st_mtime_ns,
            _offset(record, description),
            1 if description.transfer_syntax_uid in VIDEO_SYNTAXES else description.frame_count,
        )
        content = read_encoded_frame(file, index, frame, facts.st_size)
    if not content:
        raise PixelError(f"compressed frame {frame + 1} is not there", reason="truncated-pixels")
    return content


def _offset(record: InstanceRecord, description: PixelDescription) -> int:
    if description.offset is not None:
        return description.offset
    with quiet():
        return int(data_set_of(record)[description.keyword].file_tell or 0)


def _decoded(record: InstanceRecord, description: PixelDescription, frame: int) -> bytes:
    cells = read_frame(record.path, description, frame, rgb=False)
    return cells.astype(cells.dtype.newbyteorder("<"), copy=False).tobytes()


def _plain_value(record: InstanceRecord, description: PixelDescription) -> bytes:
    """Return uncompressed pixels of a file that is big endian, deflated, or packs bits."""
    from pydicom.filereader import read_dataset

    with quiet():
        content = encode_as(record.path, EXPLICIT_LITTLE)
        dataset: Any = read_dataset(io.BytesIO(content), False, True)
        return bytes(dataset[description.keyword].value)


def _bits(value: bytes, first: int, count: int) -> bytes:
    """Return `count` bits from bit `first` on, lowest of a byte first (PS3.5 Section 8.1.1)."""
    end = first + count
    if end > len(value) * 8:
        raise PixelError("the file ends before this frame", reason="truncated-pixels")
    piece = value[first // 8 : (end + 7) // 8]
    if first % 8 == 0 and count % 8 == 0:
        return piece
    number = (int.from_bytes(piece, "little") >> first % 8) & ((1 << count) - 1)
    return number.to_bytes((count + 7) // 8, "little")
