"""File meta information: where the data set of a file starts, and how it is encoded."""

from __future__ import annotations

import struct

from napari_dicomdb.dicom._decode import LONG_VRS, NUMBER_VRS, TEXT_VRS, UnusualHeader
from napari_dicomdb.dicom._inflate import MAX_INFLATED, Inflated
from napari_dicomdb.dicom._window import Window
from napari_dicomdb.errors import HeaderError, NotDicomError

__all__ = [
    "DEFLATED",
    "EXPLICIT_BIG",
    "EXPLICIT_LITTLE",
    "FIRST_READ",
    "IMPLICIT_LITTLE",
    "MEDIA_DIRECTORY",
    "META_NAMES",
    "encoding_of",
    "inflate",
    "read_meta",
    "require_plausible",
    "syntax_of",
]

FIRST_READ = 16_384
IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
# Deflated; JPIP referenced deflated (PS3.5 Annex A.5, A.7)
DEFLATED = frozenset(
    {"1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"}
)
GE_PRIVATE = "1.2.840.113619.5.2"  # implicit little endian but for big-endian pixels
MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"

_META = struct.Struct("<L2sH").unpack_from
_LONG = struct.Struct("<L").unpack_from
META_NAMES = {0x00020002: "MediaStorageSOPClassUID", 0x00100002: "TransferSyntaxUID"}
_ALL_VRS = TEXT_VRS | NUMBER_VRS | LONG_VRS


def read_meta(window: Window) -> tuple[int, dict[str, str], bool]:
    """Read the file meta information: where the data set starts, values, if it is there.

    Its group length is not trusted (PS3.10 Section 7.1): the group is walked.
    """
    buffer = window.buffer
    if buffer[128:132] == b"DICM":
        pos = 132
    elif buffer[:4] == b"DICM":
        pos = 4
    elif buffer[:2] == b"\x02\0" and buffer[4:6] in _ALL_VRS:
        pos = 0  # the preamble is missing
    else:
        return 0, {}, False
    meta: dict[str, str] = {}
    try:
        while True:
            word, vr, length = _META(buffer, pos)
            if word & 0xFFFF != 2:
                return pos, meta, True
            start = pos + 8
            if vr in LONG_VRS:
                (length,) = _LONG(buffer, start)
                start += 4
            elif vr not in _ALL_VRS:
                raise UnusualHeader(f"unknown VR {vr!r} in the file meta information")
            pos = start + length
            if word in META_NAMES:
                meta[META_NAMES[word]] = buffer[start:pos].decode("latin_1").strip(" \0")
    except struct.error:
        if pos == window.size:
            return pos, meta, True
        if window.at_end:
            raise HeaderError(
                "the file ends within the file meta information", reason="truncated"
            ) from None
        window.load(0, 4 * len(buffer))
        return read_meta(window)


def inflate(window: Window, start: int) -> Window:
    """Return a window on the inflated data set that starts at `start`."""
    inflated = Inflated(window.read, window.base + start)
    first = inflated.read(0, FIRST_READ)
    return Window(first, MAX_INFLATED if len(first) == FIRST_READ else len(first), inflated.read)


def encoding_of(
    window: Window, start: int, syntax: str, problems: list[tuple[str, str]]
) -> tuple[bool, bool]:
    """Explicit VR?, little endian? As declared, unless the first element says otherwise."""
    if start + 8 > len(window.buffer) and not window.at_end:
        window.load(0, 2 * start)
    head = window.buffer[start : start + 8]
    if syntax:
        explicit = syntax not in {IMPLICIT_LITTLE, GE_PRIVATE}
        little = syntax != EXPLICIT_BIG
        if (head[4:6] in _ALL_VRS) == explicit or len(head) < 8:
            return explicit, little
    # PS3.10 Section 7.1 requires a transfer syntax; the first group is low (0008).
    explicit = head[4:6] in _ALL_VRS
    little = head[:2] <= b"\x40\0" and head[1:2] == b"\0" if head[1:2] != head[:1] else True
    if syntax:
        problems.append(
            (
                "wrong-transfer-syntax",
                f"{syntax} is declared, the data set is "
                f"{'explicit' if explicit else 'implicit'} VR",
            )
        )
    else:
        problems.append(("no-transfer-syntax", "the transfer syntax was guessed"))
    return explicit, little


def syntax_of(explicit: bool, little: bool) -> str:
    """Return the plain transfer syntax of an encoding."""
    if not little:
        return EXPLICIT_BIG
    return EXPLICIT_LITTLE if explicit else IMPLICIT_LITTLE


def require_plausible(window: Window, explicit: bool, little: bool) -> bool:
    """Refuse what does not start like a bare data set; True when it is a DICOMDIR's."""
    head = window.buffer[:8]
    order = "<" if little else ">"
    if len(head) == 8:
        group, element = struct.unpack_from(f"{order}HH", head)
        (length,) = struct.unpack_from(f"{order}{'xxxxxxH' if explicit else 'xxxxL'}", head)
        if group in {0x0004, 0x0008} and element < 0x3000 and length <= min(window.size, 4096):
            return bool(group == 0x0004)
    raise NotDicomError("not a DICOM file")
