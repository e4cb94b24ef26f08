"""A file read up to its pixels, and written again with other attributes around them."""

from __future__ import annotations

import io
import os
import shutil
import struct
import zlib
from array import array
from typing import TYPE_CHECKING, Any, BinaryIO

from napari_dicomdb.dicom._attribute_reading import quiet
from napari_dicomdb.dicom._edited_file import Source, read_for_editing
from napari_dicomdb.dicom.unreadable import unreadable
from napari_dicomdb.errors import HeaderError
from napari_dicomdb.export.deidentification.recompression import compress_again
from napari_dicomdb.export.deidentification.stream_comments import (
    begins_stream,
    without_comments,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom import Dataset

__all__ = ["Source", "pixel_extents", "read_source", "write_copy", "write_decoded"]

_IMPLEMENTATION = "2.25.269447812233184407110338021561190297011"  # as on the network
_PIXEL_ELEMENTS = (0x0001, 0x0002, 0x0008, 0x0009, 0x0010)  # of group 7FE0
_PIXEL_DATA = (0x7FE0, 0x0010)
_ITEM, _END_OF_ITEMS = 0xFFFEE000, 0xFFFEE0DD
_LONG_VRS = (b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"UN", b"SQ", b"UT", b"UC", b"UR",
             b"SV", b"UV")  # fmt: skip
_UNDEFINED = 0xFFFFFFFF
_WORDS = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}
_TYPES = {2: "H", 4: "I", 8: "Q"}

read_source = read_for_editing
"""Read a file up to its pixels; raises HeaderError, NotDicomError or LoadError."""


def pixel_extents(
    file: BinaryIO, start: int, *, implicit: bool, little: bool
) -> list[tuple[int, int]]:
    """Return where the pixels, and the tables of their frames, are in a file.

    Parameters
    ----------
    file : binary file
    start : int
        Where the first element of group 7FE0 or later begins.
    implicit, little : bool
        How the data set is encoded.

    Returns
    -------
    list of (begin, end)
        Whole elements, with their tags. What else comes at the end of a file
        (signatures, padding, private attributes) is in none of them.

    Raises
    ------
    HeaderError
        If the fragments of compressed pixels are damaged.
    """
    order = "<" if little else ">"
    end = file.seek(0, io.SEEK_END)
    extents: list[tuple[int, int]] = []
    pos = start
    while pos + 8 <= end:
        file.seek(pos)
        head = file.read(12)
        group, element = struct.unpack_from(f"{order}HH", head)
        if group != 0x7FE0:
            break
        size = 8
        if implicit:
            (length,) = struct.unpack_from(f"{order}L", head, 4)
        elif head[4:6] in _LONG_VRS:
            (length,) = struct.unpack_from(f"{order}L", head.ljust(12, b"\0"), 8)
            size = 12
        else:
            (length,) = struct.unpack_from(f"{order}H", head, 6)
        stop = _end_of_fragments(file, pos + size, end, order) if length == _UNDEFINED else (
            pos + size + length
        )  # fmt: skip
        if element in _PIXEL_ELEMENTS:
            extents.append((pos, min(stop, end)))
        pos = stop
    return extents


def _end_of_fragments(file: BinaryIO, pos: int, end: int, order: str) -> int:
    while pos + 8 <= end:
        file.seek(pos)
        group, element, length = struct.unpack(f"{order}HHL", file.read(8))
        tag = group << 16 | element
        if tag == _END_OF_ITEMS:
            return pos + 8
        if tag != _ITEM or length == _UNDEFINED:
            break
        pos += 8 + length
    raise HeaderError(
        "the compressed pixels end without their end mark: the file is damaged",
        reason="truncated-pixels",
    )


def write_copy(source: Source, target: Path) -> int:
    """Write the data set of `source`, which was changed, with the pixels as they are.

    The file meta information is new, and the preamble empty. Comments in compressed
    frames, and what follows the last frame of others, is overwritten.

    Returns
    -------
    int
        Bytes written.

    Raises
    ------
    HeaderError
        If a value cannot be written.
    OSError
        If the target cannot be.
    """
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_dataset

    implicit, little = source.encoding
    header = DicomBytesIO()
    header.is_implicit_VR, header.is_little_endian = implicit, little
    try:
        with quiet():
            write_dataset(header, source.dataset)
            meta = _meta(source.dataset, source.syntax)
    except unreadable() as error:
        raise HeaderError("its attributes cannot be written again") from error
    with target.open("xb") as out:
        out.write(meta)
        if source.inflated is None:
            out.write(header.getvalue())
            with source.path.open("rb") as original:
                _copy_pixels(original, source, out)
        else:
            whole = io.BytesIO(source.inflated)
            plain = io.BytesIO()
            _copy_pixels(whole, source, plain)
            packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
            packed = packer.compress(header.getvalue() + plain.getvalue()) + packer.flush()
            out.write(packed + b"\0" * (len(packed) % 2))
        return _finish(out)


def _copy_pixels(original: BinaryIO, source: Source, out: BinaryIO) -> None:
    implicit, little = source.encoding
    order = "<" if little else ">"
    for begin, end in pixel_extents(original, source.rest, implicit=implicit, little=little):
        original.seek(begin)
        head = original.read(8)
        group, element = struct.unpack_from(f"{order}HH", head)
        if not implicit and head[4:6] in _LONG_VRS:
            head += original.read(4)
        out.write(head)
        left = end - begin - len(head)
        if head[-4:] == b"\xff" * 4:
            _copy_fragments(original, source.syntax, order, out)
            continue
        used = _used_bytes(source.dataset, left) if (group, element) == _PIXEL_DATA else left
        blank = max(left - used, 0)
        left -= blank
        while left and (piece := original.read(min(left, 1 << 20))):
            out.write(piece)
            left -= len(piece)
        while blank:
            out.write(b"\0" * min(blank, 1 << 20))
            blank -= min(blank, 1 << 20)


def _copy_fragments(original: BinaryIO, syntax: str, order: str, out: BinaryIO) -> None:
    """Copy compressed frames, without what is in them beside pixels."""

    def write(*several: bytes) -> None:
        for one in several:
            out.write(struct.pack(f"{order}HHL", 0xFFFE, 0xE000, len(one)) + one)

    def write_frame() -> None:
        whole, pos = without_comments(b"".join(frame), syntax), 0
        for one in frame:
            write(whole[pos : pos + len(one)])
            pos += len(one)
        frame.clear()

    frame: list[bytes] = []
    offsets: bytes | None = None
    while True:
        group, element, length = struct.unpack(f"{order}HHL", original.read(8))
        if group << 16 | element != _ITEM:
            break
        piece = original.read(length)
        if offsets is None:
            offsets = piece if _are_offsets(piece, order) else b""
            write(offsets)
            continue
        if frame and begins_stream(piece, syntax):
            write_frame()
        frame.append(piece)
    write_frame()
    out.write(struct.pack(f"{order}HHL", 0xFFFE, 0xE0DD, 0))


def _are_offsets(table: bytes, order: str) -> bool:
    if len(table) % 4:
        return False
    offsets = struct.unpack(f"{order}{len(table) // 4}L", table)
    return not offsets or (offsets[0] == 0 and list(offsets) == sorted(offsets))


def _used_bytes(dataset: Dataset, length: int) -> int:
    """Return how many of `length` bytes native pixels need; very many when that is not sure."""
    rows, columns, bits = (dataset.get(k) for k in ("Rows", "Columns", "BitsAllocated"))
    samples = dataset.get("SamplesPerPixel", 1) or 1
    try:
        frames = int(dataset.get("NumberOfFrames", 1) or 1)
    except (TypeError, ValueError):
        return _UNDEFINED
    thinned = str(dataset.get("PhotometricInterpretation", "")).endswith(("_422", "_420"))
    if thinned or not all(isinstance(n, int) and n > 0 for n in (rows, columns, bits, samples)):
        return _UNDEFINED
    size = (rows * columns * bits * samples * frames + 7) // 8
    if "NumberOfFrames" not in dataset and length % size == 0:
        return _UNDEFINED  # whole frames whose count could not be read: no words behind the image
    return int(size + size % 2)


def write_decoded(dataset: Dataset, target: Path, compressed_as: str = "") -> int:
    """Write a data set whose pixels were decoded: explicit VR, little endian.

    Parameters
    ----------
    dataset : Dataset
    target : Path
    compressed_as : str
        Transfer syntax of the original: pixels are compressed without loss by the
        same family (see `recompression`); "": they stay as they are.

    Raises as `write_copy`.
    """
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_dataset

    whole = DicomBytesIO()
    whole.is_implicit_VR, whole.is_little_endian = False, True
    try:
        with quiet():
            _convert(dataset, swap=dataset.original_encoding[1] is False)
            syntax = compress_again(dataset, compressed_as)
            write_dataset(whole, dataset)
            meta = _meta(dataset, syntax)
    except unreadable() as error:
        raise HeaderError("its attributes cannot be written again") from error
    with target.open("xb") as out:
        out.write(meta)
        whole.seek(0)
        shutil.copyfileobj(whole, out, 1 << 20)
        return _finish(out)


def _convert(dataset: Dataset, *, swap: bool) -> None:
    """Make values of all bytes of a data set, which are as their file encoded them.

    Parameters
    ----------
    dataset : Dataset
        Whose pixels are little endian already.
    swap : bool
        The file was big endian: words that pydicom leaves as bytes are turned.
    """
    for element in dataset.iterall():
        width = _WORDS.get(element.VR, 0)
        if swap and width and element.tag.group != 0x7FE0 and isinstance(element.value, bytes):
            words = array(_TYPES[width])
            words.frombytes(element.value[: len(element.value) // width * width])
            words.byteswap()
            element.value = words.tobytes()


def _meta(dataset: Dataset, syntax: str) -> bytes:
    from pydicom.dataset import FileMetaDataset
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_file_meta_info

    meta: Any = FileMetaDataset()
    meta.MediaStorageSOPClassUID = str(dataset.get("SOPClassUID", ""))
    meta.MediaStorageSOPInstanceUID = str(dataset.get("SOPInstanceUID", ""))
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = _IMPLEMENTATION
    meta.ImplementationVersionName = "NAPARI_DICOMDB"
    buffer = DicomBytesIO()
    write_file_meta_info(buffer, meta, enforce_standard=True)
    return b"\0" * 128 + b"DICM" + bytes(buffer.getvalue())


def _finish(out: BinaryIO) -> int:
    size = out.tell()
    out.flush()
    os.fsync(out.fileno())
    return size
