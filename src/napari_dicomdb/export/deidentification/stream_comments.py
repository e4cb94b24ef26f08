"""What encoders leave beside the pixels of compressed frames: comments, Exif, thumbnails.

All of it is overwritten in place: lengths, offset tables and decoded pixels stay.
"""

from __future__ import annotations

import re
import struct

__all__ = ["begins_stream", "without_comments"]

_RLE = "1.2.840.10008.1.2.5"
_MPEG2 = ("1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.101")
_AVC = "1.2.840.10008.1.2.4.10"  # 102 to 106; 107 and 108 are HEVC
_SOI, _SOC = b"\xff\xd8", b"\xff\x4f"
# A marker within entropy-coded data: neither stuffing nor a restart.
_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")
_EOI, _SOS, _COM = 0xD9, 0xDA, 0xFE
_J2K_COM, _J2K_SOT, _J2K_SOD, _J2K_EOC = 0xFF64, 0xFF90, 0xFF93, 0xFFD9
# Names of programs, and nothing else.
_HARMLESS = re.compile(
    rb"(?:Kakadu-v?[\d.]+|Created by OpenJPEG version [\d.]+|Creator: JasPer Version [\d.]+)\0?"
)
# What stays of application segments, by how they begin: colour transforms and densities.
_KEPT_OF_SEGMENTS = {
    b"Adobe": 12,
    b"mrfx": 5,
    b"JFIF\0": 12,
    b"SPIFF\0": 30,
    b"\0\0\0\1\xff\xd8": 6,  # end of the SPIFF directory
}
_KEPT_BOXES = frozenset(
    (b"jP  ", b"ftyp", b"jp2h", b"jp2c", b"JXL ", b"jxll", b"jxlc", b"jxlp", b"jxli", b"mdat",
     b"moov", b"moof", b"mfra", b"sidx", b"styp")
)  # fmt: skip
_START_CODE = b"\0\0\1"
_USER_DATA = b"\0\0\1\xb2"
_FILLING = b"\xff"  # of video, where zeros would begin something new


def begins_stream(data: bytes, syntax: str) -> bool:
    """Tell whether a fragment is the first one of a frame, as far as it shows.

    Parameters
    ----------
    data : bytes
    syntax : str
        Transfer syntax.
    """
    if syntax == _RLE:
        return True
    return data[:2] in (_SOI, _SOC) or data[4:8] in (b"jP  ", b"JXL ")


def without_comments(data: bytes, syntax: str) -> bytes:
    """Return one frame, of the same length, that says nothing beside its pixels.

    Parameters
    ----------
    data : bytes
        All of its fragments, joined; a whole video.
    syntax : str
        Transfer syntax. Streams are told by how they begin, as headers lie.
    """
    made = bytearray(data)
    if data[:2] == _SOI:
        _clean_jpeg(made)
    elif data[:2] == _SOC:
        _clean_codestream(made, 0, len(made))
    elif data[4:8] in (b"jP  ", b"JXL ", b"ftyp"):
        _clean_boxes(made)
    elif syntax == _RLE:
        _clean_rle(made)
    elif syntax.startswith(_MPEG2):
        _clean_mpeg2(made)
    elif syntax.startswith(_AVC):
        _clean_units(made, hevc=syntax[-3:] in ("107", "108"))
    return bytes(made)


def _blank(data: bytearray, begin: int, end: int, filling: bytes = b"\0") -> None:
    end = min(end, len(data))
    if begin < end:
        data[begin:end] = filling * (end - begin)


def _clean_jpeg(data: bytearray) -> None:
    """Clean JPEG and JPEG-LS: markers and segments (T.81 B.1, T.87 C)."""
    pos = 2
    while pos + 4 <= len(data):
        if data[pos] != 0xFF:  # entropy-coded data, or damage
            match = _MARKER.search(data, pos)
            if match is None:
                return
            pos = match.start()
            continue
        marker = data[pos + 1]
        if marker == 0xFF:  # filling
            pos += 1
            continue
        if marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD8:
            pos += 2
            continue
        if marker == _EOI:
            break
        (length,) = struct.unpack_from(">H", data, pos + 2)
        stop = pos + 2 + max(length, 2)
        if marker == _COM or 0xE0 <= marker <= 0xEF:
            _clean_segment(data, pos + 4, stop)
        pos = stop
        if marker == _SOS:
            match = _MARKER.search(data, pos)
            if match is None:
                return
            pos = match.start()
    if data[pos : pos + 2] == b"\xff\xd9":
        _blank(data, pos + 2, len(data))


def _clean_segment(data: bytearray, begin: int, end: int) -> None:
    content = bytes(data[begin:end])
    if _HARMLESS.fullmatch(content):
        return
    kept = next((n for name, n in _KEPT_OF_SEGMENTS.items() if content.startswith(name)), 0)
    _blank(data, begin + kept, end)


def _clean_codestream(data: bytearray, begin: int, end: int) -> None:
    """Clean JPEG 2000: main and tile-part headers (T.800 A.3)."""
    pos, tile = begin + 2, (0, 0)
    while pos + 4 <= end:
        marker, length = struct.unpack_from(">HH", data, pos)
        if marker == _J2K_EOC:
            break
        if marker == _J2K_SOT and pos + 12 <= end:
            (size,) = struct.unpack_from(">L", data, pos + 6)
            tile = (pos, size)
        elif marker == _J2K_SOD:
            start, size = tile
            if not size:  # up to the end
                pos = data.rfind(b"\xff\xd9", pos, end)
                break
            pos = max(start + size, pos + 2)
            continue
        elif marker == _J2K_COM and not _HARMLESS.fullmatch(data[pos + 6 : pos + 2 + length]):
            _blank(data, pos + 6, min(pos + 2 + length, end))
        pos += 2 + (0 if 0xFF30 <= marker <= 0xFF3F else max(length, 2))
    if pos > begin and data[pos : pos + 2] == b"\xff\xd9":
        _blank(data, pos + 2, end)


def _clean_boxes(data: bytearray) -> None:
    """Clean JP2, JPEG XL and MP4 files: boxes that are not of the pixels."""
    pos = 0
    while pos + 8 <= len(data):
        length, name = struct.unpack_from(">L4s", data, pos)
        inside = pos + 8
        if length == 1 and pos + 16 <= len(data):
            (length,) = struct.unpack_from(">Q", data, inside)
            inside += 8
        end = pos + length if length >= inside - pos else len(data)
        if name == b"jp2c":
            _clean_codestream(data, inside, min(end, len(data)))
        elif name == b"moov":
            _clean_movie(data, inside, min(end, len(data)))
        elif name not in _KEPT_BOXES:
            _blank(data, inside, end)
        pos = end
    _blank(data, pos, len(data))


def _clean_movie(data: bytearray, begin: int, end: int) -> None:
    """Make user data and metadata of a movie's description free space, which nobody reads."""
    for name in (b"udta", b"meta", b"uuid"):
        pos = data.find(name, begin, end)
        while pos >= begin + 4:
            (length,) = struct.unpack_from(">L", data, pos - 4)
            if 8 <= length <= end - pos + 4:
                data[pos : pos + 4] = b"free"
                _blank(data, pos + 4, pos - 4 + length)
            pos = data.find(name, pos + 4, end)


def _clean_rle(data: bytearray) -> None:
    """Clean the offsets of segments that are not there (PS3.5 G.5)."""
    if len(data) >= 64:
        (count,) = struct.unpack_from("<L", data)
        if count <= 15:
            _blank(data, 4 + 4 * count, 64)


def _clean_mpeg2(data: bytearray) -> None:
    pos = data.find(_USER_DATA)
    while pos >= 0:
        end = data.find(_START_CODE, pos + 4)
        end = len(data) if end < 0 else end
        _blank(data, pos + 4, end, _FILLING)
        pos = data.find(_USER_DATA, end)


def _clean_units(data: bytearray, *, hevc: bool) -> None:
    """Clean the user data in messages of H.264 and H.265 byte streams (SEI types 4 and 5)."""
    pos = data.find(_START_CODE)
    while pos >= 0 and pos + 6 < len(data):
        end = data.find(_START_CODE, pos + 3)
        end = len(data) if end < 0 else end
        head = data[pos + 3]
        if (head >> 1 & 0x3F in (39, 40)) if hevc else (head & 0x1F == 6):
            _clean_messages(data, pos + (5 if hevc else 4), end)
        pos = data.find(_START_CODE, end)


def _clean_messages(data: bytearray, pos: int, end: int) -> None:
    while pos + 2 < end:
        numbers = []
        for _ in range(2):  # type, size
            number = 0
            while pos < end and data[pos] == 0xFF:
                number, pos = number + 0xFF, pos + 1
            number, pos = number + (data[pos] if pos < end else 0), pos + 1
            numbers.append(number)
        kind, size = numbers
        if kind in (4, 5):
            _blank(data, pos + (16 if kind == 5 else 3), min(pos + size, end), _FILLING)
        pos += size
