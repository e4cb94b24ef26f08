"""Scan the header of one DICOM file, fast: what the index keeps, and where the pixels are."""

from __future__ import annotations

import io
import os
import re
from dataclasses import dataclass, field

from napari_dicomdb.dicom._charset import charsets_of, decode_text, is_latin
from napari_dicomdb.dicom._decode import (
    CHARSET_VRS,
    FREE_TEXT,
    MAX_TEXT,
    PADDING,
    UnusualHeader,
    fit_to_vr,
)
from napari_dicomdb.dicom._fallback import read_with_pydicom
from napari_dicomdb.dicom._found import NUMBER_KEYWORDS, Found
from napari_dicomdb.dicom._inflate import Reading
from napari_dicomdb.dicom._meta import (
    DEFLATED,
    FIRST_READ,
    MEDIA_DIRECTORY,
    encoding_of,
    inflate,
    read_meta,
    require_plausible,
    syntax_of,
)
from napari_dicomdb.dicom._pixel_check import check_pixels
from napari_dicomdb.dicom._template import Template, Templates
from napari_dicomdb.dicom._walk import walk
from napari_dicomdb.dicom._window import Window
from napari_dicomdb.dicom.functional_groups import FrameTable, from_items
from napari_dicomdb.dicom.keywords import KEPT_KEYWORDS, VR_OF
from napari_dicomdb.dicom.values import Value, parse_is
from napari_dicomdb.errors import HeaderError, NotDicomError

__all__ = ["Header", "Templates", "scan_bytes", "scan_file"]

# Not to wait for a writer where a named pipe lies among the files.
_READ_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_GOOD_UIDS = re.compile(r"(?:[0-9][0-9.]{0,63} ){3}").fullmatch
_SAFE_UID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}").fullmatch
_UIDS = ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
_CHARSET_KEYWORDS = frozenset(k for k in KEPT_KEYWORDS if VR_OF[k] in CHARSET_VRS)
_NAME_KEYWORDS = frozenset(k for k in KEPT_KEYWORDS if VR_OF[k] == "PN")
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
    stable, own : dict or None
        What `values` was put together from, when it was scanned by a template: what
        all headers by this template have, the very same object, and the rest.
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
    stable: dict[str, Value] | None = field(default=None, repr=False, compare=False)
    own: dict[str, Value] | None = field(default=None, repr=False, compare=False)


def scan_file(
    path: str | os.PathLike[str],
    size: int | None = None,
    *,
    by: str = "walker",
    templates: Templates | None = None,
) -> Header:
    """Scan the header of a file.

    Parameters
    ----------
    path : path-like
    size : int, optional
        Its size in bytes, when known already.
    by : str
        "pydicom" leaves the walker out.
    templates : Templates, optional
        What is remembered from file to file, to be faster with those of a series.

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
        return _scan(Window(buffer, size, read), os.fspath(path), by, templates)
    finally:
        os.close(descriptor)


def scan_bytes(
    data: bytes,
    *,
    name: str = "(data)",
    by: str = "walker",
    templates: Templates | None = None,
) -> Header:
    """Scan the header of a whole file in memory; as `scan_file`.

    `name` stands for the file in messages.
    """
    window = Window(
        data[:FIRST_READ], len(data), lambda offset, count: data[offset : offset + count]
    )
    return _scan(window, name, by, templates)


def _scan(window: Window, name: str, by: str, templates: Templates | None) -> Header:
    if window.size == 0:
        raise NotDicomError(f"{name}: the file is empty", reason="empty-file")
    whole = Window(window.buffer, window.size, window.read)
    header = Header(scanned_by=by)
    try:
        if by != "walker":
            templates = None
        alike = templates.match(window) if templates is not None else None
        if alike is not None:
            template, found = alike
            header.transfer_syntax_uid = template.transfer_syntax_uid
            _finish_alike(header, template, found)
            check_pixels(header.values, found, whole, header.problems)
            return header
        start, meta, has_meta = read_meta(window)
        syntax = meta.get("TransferSyntaxUID", "")
        if meta.get("MediaStorageSOPClassUID") == MEDIA_DIRECTORY:
            header.media = True
            header.transfer_syntax_uid = syntax
            header.values["SOPClassUID"] = MEDIA_DIRECTORY
            return header
        deflated = syntax in DEFLATED
        if deflated:
            window, start = inflate(window, start), 0
        explicit, little = encoding_of(window, start, syntax, header.problems)
        if not has_meta:
            header.media = require_plausible(window, explicit, little)
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
        header.transfer_syntax_uid = syntax or syntax_of(explicit, little)
        _finish(header, found, meta, has_meta)
        if deflated and found.pixel_keyword:
            header.pixel_offset = header.pixel_length = None
        elif found.pixel_keyword:
            if templates is not None and header.scanned_by == by and has_meta:
                templates.learn(whole, start, explicit, header)
            check_pixels(header.values, found, whole, header.problems)
    except HeaderError as error:
        raise HeaderError(f"{name}: {error}", reason=error.reason) from error
    except NotDicomError as error:
        raise NotDicomError(f"{name}: {error}", reason=error.reason) from error
    except UnusualHeader as error:
        raise HeaderError(f"{name}: {error}", reason="bad-header") from error
    return header


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
    _take(header, found)
    charset = str(values.get("SpecificCharacterSet", ""))
    _normalise(header, values, charset, found.end)
    if not values.get("SOPClassUID") and meta.get("MediaStorageSOPClassUID"):
        values["SOPClassUID"] = meta["MediaStorageSOPClassUID"]
        header.problems.append(("sop-class-from-meta", "SOPClassUID is missing"))
    _check_identity(header, found, has_meta)
    header.frames = from_items(found.groups) if found.groups else None
    if header.frames is not None:
        _check_frame_count(header, header.frames)


def _finish_alike(header: Header, template: Template, found: Found) -> None:
    """Do as `_finish` for a file that is like others but for what was found."""
    _take(header, found)
    _normalise(header, found.values, template.charset, found.end)
    header.values = template.stable | found.values
    header.stable, header.own = template.stable, found.values
    _check_identity(header, found, has_meta=True)


def _take(header: Header, found: Found) -> None:
    header.problems += found.problems
    header.pixel_keyword = found.pixel_keyword
    header.pixel_offset = found.pixel_offset
    header.pixel_length = found.pixel_length
    header.encapsulated = bool(found.pixel_keyword) and found.pixel_length is None


def _normalise(header: Header, values: dict[str, Value], charset: str, end: int) -> None:
    """Bring `values` to their final form, each by itself."""
    numbers = () if NUMBER_KEYWORDS.isdisjoint(values) else NUMBER_KEYWORDS & values.keys()
    for keyword in numbers:
        value = values[keyword]
        if type(value) is str and value:
            fitted = fit_to_vr(value, VR_OF[keyword])
            header.problems.append(("wrong-vr", f"{keyword} is text: {value!r:.40}"))
            if fitted is None:
                del values[keyword]
            else:
                values[keyword] = fitted
    if charset and header.scanned_by == "walker":
        charsets = charsets_of(charset)
        if not is_latin(charsets):
            for keyword in values.keys() & _CHARSET_KEYWORDS:
                text = str(values[keyword])
                if not text.isascii() or "\x1b" in text:
                    raw = text.encode("latin_1", "replace")
                    values[keyword] = decode_text(raw, charsets, VR_OF[keyword]).strip(PADDING)
    names = () if _NAME_KEYWORDS.isdisjoint(values) else _NAME_KEYWORDS & values.keys()
    for keyword in names:
        name = values[keyword]
        if type(name) is str and name.endswith("="):
            values[keyword] = name.rstrip("=")  # empty groups, PS3.5 Section 6.2.1.2
    if end > MAX_TEXT:
        for keyword, value in values.items():
            if type(value) is str and len(value) > MAX_TEXT and VR_OF.get(keyword) in FREE_TEXT:
                values[keyword] = value[:MAX_TEXT]
                header.problems.append(
                    ("long-value", f"{keyword} has {len(value)} characters; it is cut")
                )


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
