"""Scan the header of one DICOM file, fast: what the index keeps, and where the pixels are."""

from __future__ import annotations

import io
import os
import re
import struct
from dataclasses import dataclass, field

from napari_dicomdb.dicom._charset import charsets_of, decode_text, is_latin
from napari_dicomdb.dicom._decode import (
    CHARSET_VRS,
    FREE_TEXT,
    LONG_VRS,
    MAX_TEXT,
    NUMBER_VRS,
    PADDING,
    TEXT_VRS,
    UnusualHeader,
    fit_to_vr,
)
from napari_dicomdb.dicom._fallback import read_with_pydicom
from napari_dicomdb.dicom._found import NUMBER_KEYWORDS, Found
from napari_dicomdb.dicom._inflate import MAX_INFLATED, Inflated, Reading
from napari_dicomdb.dicom._pixel_check import check_pixels
from napari_dicomdb.dicom._walk import walk
from napari_dicomdb.dicom._window import Window
from napari_dicomdb.dicom.functional_groups import FrameTable, from_items
from napari_dicomdb.dicom.keywords import KEPT_KEYWORDS, VR_OF
from napari_dicomdb.dicom.values import Value, parse_is
from napari_dicomdb.errors import HeaderError, NotDicomError

__all__ = ["Header", "scan_bytes", "scan_file"]

FIRST_READ = 16_384
# Not to wait for a writer where a named pipe lies among the files.
_READ_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
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
_META_NAMES = {0x00020002: "MediaStorageSOPClassUID", 0x00100002: "TransferSyntaxUID"}
_ALL_VRS = TEXT_VRS | NUMBER_VRS | LONG_VRS
_GOOD_UIDS = re.compile(r"(?:[0-9][0-9.]{0,63} ){3}").fullmatch
_SAFE_UID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}").fullmatch
_UIDS = ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
_CHARSET_KEYWORDS = tuple(k for k in KEPT_KEYWORDS if VR_OF[k] in CHARSET_VRS)
_NAME_KEYWORDS = tuple(k for k in KEPT_KEYWORDS if VR_OF[k] == "PN")
_PIXEL_DESCRIPTION = (
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
)


@dataclass(slots=True)
class Header:
    """What the scan keeps of one file.

    Attributes
    ----------
    values : dict
        Kept keywords that the file has (`dicom.keywords`). Text: decoded, padding
        stripped, several values joined by backslashes; DS and IS stay text. Binary
        numbers: a number, or a list when there are several. Sequences: number of
        items. Empty values are "".
    transfer_syntax_uid : str
        From the file meta information, or guessed.
    pixel_keyword : str
        "PixelData", "FloatPixelData", "DoubleFloatPixelData" or "".
    pixel_offset, pixel_length : int or None
        Place of the pixel data's value in the file. Encapsulated: offset of the
        first item tag (the Basic Offset Table), no length. Both None when there
        are no pixels, or they are deflated.
    encapsulated : bool
    frames : FrameTable or None
        Functional groups of enhanced multi-frame objects.
    scanned_by : str
        "walker" or "pydicom".
    problems : list of (code, text)
        Oddities that were repaired or ignored.
    media : bool
        It is a DICOMDIR; `values` then has only the SOP class.
    """

    values: dict[str, Value] = field(default_factory=dict)
    transfer_syntax_uid: str = ""
    pixel_keyword: str = ""
    pixel_offset: int | None = None
    pixel_length: int | None = None
    encapsulated: bool = False
    frames: FrameTable | None = None
    scanned_by: str = "walker"
    problems: list[tuple[str, str]] = field(default_factory=list)
    media: bool = False


def scan_file(
    path: str | os.PathLike[str], size: int | None = None, *, by: str = "walker"
) -> Header:
    """Scan the header of a file.

    Parameters
    ----------
    path : path-like
    size : int, optional
        Its size in bytes, when known already.
    by : str
        "pydicom" leaves the walker out.

    Raises
    ------
    NotDicomError
        It holds no DICOM object (reasons "not-dicom", "empty-file").
    HeaderError
        Reasons "truncated", "bad-header", "missing-uid", "bad-uid",
        "nested-too-deep", "header-too-large".
    OSError
        It cannot be read.
    """
    descriptor = os.open(path, _READ_FLAGS)

    def read(offset: int, count: int) -> bytes:
        os.lseek(descriptor, offset, os.SEEK_SET)
        data = os.read(descriptor, count)
        while len(data) < count:  # network file systems may give less than asked
            more = os.read(descriptor, count - len(data))
            if not more:
                break
            data += more
        return data

    try:
        if size is None:
            size = os.fstat(descriptor).st_size
        buffer = os.read(descriptor, FIRST_READ)
        if len(buffer) != min(size, FIRST_READ):
            buffer, size = read(0, FIRST_READ), os.fstat(descriptor).st_size
        return _scan(Window(buffer, size, read), os.fspath(path), by)
    finally:
        os.close(descriptor)


def scan_bytes(data: bytes, *, name: str = "(data)", by: str = "walker") -> Header:
    """Scan the header of a whole file in memory; as `scan_file`.

    `name` stands for the file in messages.
    """
    window = Window(
        data[:FIRST_READ], len(data), lambda offset, count: data[offset : offset + count]
    )
    return _scan(window, name, by)


def _scan(window: Window, name: str, by: str) -> Header:
    if window.size == 0:
        raise NotDicomError(f"{name}: the file is empty", reason="empty-file")
    whole = Window(window.buffer, window.size, window.read)
    header = Header(scanned_by=by)
    try:
        start, meta, has_meta = _read_meta(window)
        syntax = meta.get("TransferSyntaxUID", "")
        if meta.get("MediaStorageSOPClassUID") == MEDIA_DIRECTORY:
            header.media = True
            header.transfer_syntax_uid = syntax
            header.values["SOPClassUID"] = MEDIA_DIRECTORY
            return header
        deflated = syntax in DEFLATED
        if deflated:
            window, start = _inflate(window, start), 0
        explicit, little = _encoding(window, start, syntax, header)
        if not has_meta:
            header.media = _require_plausible(window, explicit, little)
            if header.media:
                header.values["SOPClassUID"] = MEDIA_DIRECTORY
                return header
        try:
            if by != "walker":
                raise UnusualHeader("pydicom was asked for")
            found = walk(window, start, explicit, little)
        except UnusualHeader as unusual:
            source = window if deflated else whole
            found, more = _fall_back(source, explicit, little, deflated, unusual)
            meta = more or meta
            header.scanned_by = "pydicom"
        header.transfer_syntax_uid = syntax or _syntax_of(explicit, little)
        _finish(header, found, meta, has_meta)
        if deflated and found.pixel_keyword:
            header.pixel_offset = header.pixel_length = None
        elif found.pixel_keyword:
            check_pixels(header.values, found, whole, header.problems)
    except HeaderError as error:
        raise HeaderError(f"{name}: {error}", reason=error.reason) from error
    except NotDicomError as error:
        raise NotDicomError(f"{name}: {error}", reason=error.reason) from error
    except UnusualHeader as error:
        raise HeaderError(f"{name}: {error}", reason="bad-header") from error
    return header


def _read_meta(window: Window) -> tuple[int, dict[str, str], bool]:
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
            if word in _META_NAMES:
                meta[_META_NAMES[word]] = buffer[start:pos].decode("latin_1").strip(" \0")
    except struct.error:
        if pos == window.size:
            return pos, meta, True
        if window.at_end:
            raise HeaderError(
                "the file ends within the file meta information", reason="truncated"
            ) from None
        window.load(0, 4 * len(buffer))
        return _read_meta(window)


def _inflate(window: Window, start: int) -> Window:
    inflated = Inflated(window.read, window.base + start)
    first = inflated.read(0, FIRST_READ)
    return Window(first, MAX_INFLATED if len(first) == FIRST_READ else len(first), inflated.read)


def _encoding(window: Window, start: int, syntax: str, header: Header) -> tuple[bool, bool]:
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
        header.problems.append(
            (
                "wrong-transfer-syntax",
                f"{syntax} is declared, the data set is "
                f"{'explicit' if explicit else 'implicit'} VR",
            )
        )
    else:
        header.problems.append(("no-transfer-syntax", "the transfer syntax was guessed"))
    return explicit, little


def _syntax_of(explicit: bool, little: bool) -> str:
    if not little:
        return EXPLICIT_BIG
    return EXPLICIT_LITTLE if explicit else IMPLICIT_LITTLE


def _require_plausible(window: Window, explicit: bool, little: bool) -> bool:
    """Refuse what does not start like a bare data set; True when it is a DICOMDIR's."""
    head = window.buffer[:8]
    order = "<" if little else ">"
    if len(head) == 8:
        group, element = struct.unpack_from(f"{order}HH", head)
        (length,) = struct.unpack_from(f"{order}{'xxxxxxH' if explicit else 'xxxxL'}", head)
        if group in {0x0004, 0x0008} and element < 0x3000 and length <= min(window.size, 4096):
            return bool(group == 0x0004)
    raise NotDicomError("not a DICOM file")


def _fall_back(
    window: Window, explicit: bool, little: bool, deflated: bool, unusual: UnusualHeader
) -> tuple[Found, dict[str, str]]:
    stream = io.BufferedReader(Reading(window.read, window.size))
    try:
        return read_with_pydicom(stream, (explicit, little) if deflated else None)
    except UnusualHeader as error:
        raise UnusualHeader(f"{unusual}; pydicom: {error}") from error


def _finish(header: Header, found: Found, meta: dict[str, str], has_meta: bool) -> None:
    """Check and normalise what was found, and put it into `header`."""
    found.settle_orphans()
    values = header.values = found.values
    header.problems += found.problems
    header.pixel_keyword = found.pixel_keyword
    header.pixel_offset = found.pixel_offset
    header.pixel_length = found.pixel_length
    header.encapsulated = bool(found.pixel_keyword) and found.pixel_length is None
    for keyword in NUMBER_KEYWORDS & values.keys():
        value = values[keyword]
        if type(value) is str and value:
            fitted = fit_to_vr(value, VR_OF[keyword])
            header.problems.append(("wrong-vr", f"{keyword} is text: {value!r:.40}"))
            if fitted is None:
                del values[keyword]
            else:
                values[keyword] = fitted
    charset = values.get("SpecificCharacterSet")
    if charset:
        charsets = charsets_of(str(charset))
        if header.scanned_by == "walker" and not is_latin(charsets):
            for keyword in values.keys() & _CHARSET_KEYWORDS:
                text = str(values[keyword])
                if not text.isascii() or "\x1b" in text:
                    raw = text.encode("latin_1", "replace")
                    values[keyword] = decode_text(raw, charsets, VR_OF[keyword]).strip(PADDING)
    for keyword in _NAME_KEYWORDS:
        name = values.get(keyword)
        if type(name) is str and name.endswith("="):
            values[keyword] = name.rstrip("=")  # empty groups, PS3.5 Section 6.2.1.2
    if found.end > MAX_TEXT:
        for keyword, value in values.items():
            if type(value) is str and len(value) > MAX_TEXT and VR_OF.get(keyword) in FREE_TEXT:
                values[keyword] = value[:MAX_TEXT]
                header.problems.append(
                    ("long-value", f"{keyword} has {len(value)} characters; it is cut")
                )
    if not values.get("SOPClassUID") and meta.get("MediaStorageSOPClassUID"):
        values["SOPClassUID"] = meta["MediaStorageSOPClassUID"]
        header.problems.append(("sop-class-from-meta", "SOPClassUID is missing"))
    _check_identity(header, found, has_meta)
    header.frames = from_items(found.groups) if found.groups else None
    if header.frames is not None:
        _check_frame_count(header, header.frames)


def _check_identity(header: Header, found: Found, has_meta: bool) -> None:
    values = header.values
    uids = [values.get(keyword) for keyword in _UIDS]
    if not has_meta and not any(uids):
        raise NotDicomError("not a DICOM file")
    if found.cut:
        if not all(uids) or not all(keyword in values for keyword in _PIXEL_DESCRIPTION):
            raise HeaderError(f"the file is cut off: {found.cut}", reason="truncated")
        header.problems.append(("truncated-header", found.cut))
    if not all(uids):
        missing = ", ".join(k for k, uid in zip(_UIDS, uids, strict=True) if not uid)
        raise HeaderError(f"{missing} missing or empty", reason="missing-uid")
    if _GOOD_UIDS(f"{uids[0]} {uids[1]} {uids[2]} "):
        return
    for keyword, uid in zip(_UIDS, uids, strict=True):
        if not _SAFE_UID(str(uid)):
            raise HeaderError(f"{keyword} is no UID: {str(uid)!r:.80}", reason="bad-uid")
    header.problems.append(("odd-uid", "a UID is not made of digits and dots, or too long"))


def _check_frame_count(header: Header, frames: FrameTable) -> None:
    stated = parse_is(header.values.get("NumberOfFrames", ""), lenient=True)
    if frames.count and stated and stated[0] != frames.count:
        problem = (
            "frame-count",
            f"NumberOfFrames is {stated[0]}, functional groups describe {frames.count} frames",
        )
        frames.problems.append(problem)
        header.problems.append(problem)
