"""Where the frames of encapsulated pixel data lie in their file (PS3.5 Section A.4)."""

from __future__ import annotations

import struct
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, BinaryIO

from napari_dicomdb.errors import PixelError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "FrameIndex",
    "Span",
    "clear_frame_indexes",
    "frame_index",
    "frame_spans",
    "read_encoded_frame",
]

Span = tuple[int, int]
"""Offset in the file and length of one fragment."""

_ITEM = 0xE000FFFE
_SEQUENCE_DELIMITER = 0xE0DDFFFE
_UNDEFINED = 0xFFFFFFFF
_LONGEST_TABLE = 64 * 1024 * 1024
# First bytes of a JPEG or JPEG-LS stream, a JPEG 2000 codestream and a JP2 file.
_STREAM_STARTS = (b"\xff\xd8", b"\xff\x4f", b"\x00\x00\x00\x0c")


@dataclass(slots=True)
class FrameIndex:
    """The fragments of each frame; with an offset table, looked up when asked for.

    Attributes
    ----------
    spans : list of (list of Span or None)
        Per frame; None: not looked up yet.
    starts : sequence of int
        Offset of each frame's first item, from an offset table; empty without one.
    problems : list of (str, str)
        Reason code and words of what is wrong with the tables or the fragments.
    """

    spans: list[list[Span] | None]
    starts: Sequence[int] = ()
    problems: list[tuple[str, str]] = field(default_factory=list)


_indexes: OrderedDict[tuple[str, int, int, int, int], FrameIndex] = OrderedDict()
_lock = threading.Lock()
_MOST_INDEXES = 256


def clear_frame_indexes() -> None:
    """Forget all tables (a test, or memory, asks for it)."""
    with _lock:
        _indexes.clear()


def frame_index(
    file: BinaryIO, path: str, size: int, mtime_ns: int, offset: int, frame_count: int
) -> FrameIndex:
    """Table of the frames of one file, made once per file version and kept.

    Parameters
    ----------
    file : binary file
        Open for reading, seekable.
    path : str
        Its name, for the cache and for messages.
    size, mtime_ns : int
        As `os.stat` gives them; another value means another version.
    offset : int
        Of the Basic Offset Table's item tag.
    frame_count : int
        NumberOfFrames.

    Returns
    -------
    FrameIndex

    Raises
    ------
    PixelError
        If there are no fragments at `offset`.
    """
    key = (path, size, mtime_ns, offset, frame_count)
    with _lock:
        found = _indexes.get(key)
        if found is not None:
            _indexes.move_to_end(key)
            return found
    made = _make_index(file, path, size, offset, frame_count)
    with _lock:
        _indexes[key] = made
        while len(_indexes) > _MOST_INDEXES:
            _indexes.popitem(last=False)
    return made


def read_encoded_frame(file: BinaryIO, index: FrameIndex, frame: int, size: int) -> bytes:
    """Read the encoded bytes of one frame, its fragments joined.

    Parameters
    ----------
    file : binary file
        The one that `index` was made of.
    index : FrameIndex
        From `frame_index`.
    frame : int
        From 0.
    size : int
        Of the file.

    Returns
    -------
    bytes
        Empty when the file ends before the frame.
    """
    parts = []
    for start, length in frame_spans(file, index, frame, size):
        file.seek(start)
        parts.append(file.read(length))
    return parts[0] if len(parts) == 1 else b"".join(parts)


def frame_spans(file: BinaryIO, index: FrameIndex, frame: int, size: int) -> list[Span]:
    """Return where the fragments of one frame lie; arguments as of `read_encoded_frame`."""
    spans = index.spans[frame]
    if spans is None:
        end = index.starts[frame + 1] if frame + 1 < len(index.starts) else size
        spans = _walk(file, index.starts[frame], end, size, index.problems)
        index.spans[frame] = spans
    return spans


def _make_index(file: BinaryIO, path: str, size: int, offset: int, frame_count: int) -> FrameIndex:
    file.seek(offset)
    head = file.read(8)
    if len(head) < 8 or struct.unpack("<I", head[:4])[0] != _ITEM:
        raise PixelError(
            f"{path}: no Basic Offset Table at byte {offset}: the compressed pixel data "
            "are damaged, or the file has changed since it was indexed"
        )
    table_length = struct.unpack("<I", head[4:])[0]
    first = offset + 8 + table_length
    if first >= size:
        raise PixelError(f"{path}: the file ends before the first compressed frame")
    problems: list[tuple[str, str]] = []
    starts = _extended_starts(file, offset, first, frame_count)
    if not starts and table_length == 4 * frame_count and table_length <= _LONGEST_TABLE:
        file.seek(offset + 8)
        table = struct.unpack(f"<{frame_count}I", file.read(table_length))
        starts = [first + relative for relative in table]
    if starts:
        if _are_items(file, starts, first, size):
            return FrameIndex([None] * frame_count, starts, problems)
        problems.append(
            ("bad-offset-table", "the offset table points past the frames; fragments counted")
        )
    fragments = _walk(file, first, size, size, problems)
    spans = _group(file, fragments, frame_count, problems)
    return FrameIndex(list(spans), (), problems)


def _extended_starts(file: BinaryIO, offset: int, first: int, frame_count: int) -> list[int]:
    # The Extended Offset Table and its Lengths (7FE0,0001 and 0002) stand just
    # before Pixel Data, so their places follow from the number of frames.
    one = 12 + 8 * frame_count
    place = offset - 12 - 2 * one
    if place < 132 or 8 * frame_count > _LONGEST_TABLE:
        return []
    file.seek(place)
    head = file.read(12)
    if head != struct.pack("<HH2sHI", 0x7FE0, 0x0001, b"OV", 0, 8 * frame_count):
        return []
    table = struct.unpack(f"<{frame_count}Q", file.read(8 * frame_count))
    return [first + relative for relative in table]


def _are_items(file: BinaryIO, starts: Sequence[int], first: int, size: int) -> bool:
    # First and last are looked at: a table that overflowed 32 bits shows there.
    if starts[0] != first or any(b <= a for a, b in pairwise(starts)):
        return False
    for start in {starts[0], starts[-1]}:
        if start + 8 > size:
            # Truncated file: the table is right, the frame is not there.
            continue
        file.seek(start)
        if struct.unpack("<I", file.read(4))[0] != _ITEM:
            return False
    return True


def _walk(
    file: BinaryIO, start: int, end: int, size: int, problems: list[tuple[str, str]]
) -> list[Span]:
    spans: list[Span] = []
    place = start
    while place + 8 <= min(end, size):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            break
        tag, length = struct.unpack("<II", head)
        if tag == _SEQUENCE_DELIMITER:
            return spans
        if tag != _ITEM or length == _UNDEFINED:
            problems.append(
                ("bad-fragment", f"no item tag at byte {place}; what follows is not read")
            )
            return spans
        place += 8
        if place + length > size:
            problems.append(("truncated-pixels", "the file ends within a compressed frame"))
            length = max(0, size - place)
        spans.append((place, length))
        place += length
    return spans


def _group(
    file: BinaryIO, fragments: list[Span], frame_count: int, problems: list[tuple[str, str]]
) -> list[list[Span]]:
    if frame_count == 1:
        return [fragments]
    if len(fragments) > frame_count:
        grouped: list[list[Span]] = []
        for span in fragments:
            file.seek(span[0])
            if not grouped or file.read(4).startswith(_STREAM_STARTS):
                grouped.append([span])
            else:
                grouped[-1].append(span)
        if len(grouped) == frame_count:
            return grouped
        problems.append(
            (
                "fragments-mismatch",
                f"{len(fragments)} fragments for {frame_count} frames and no usable offset "
                "table: one fragment is taken for one frame",
            )
        )
    return [[fragments[i]] if i < len(fragments) else [] for i in range(frame_count)]
