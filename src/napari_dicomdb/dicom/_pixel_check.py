"""Whether the pixel data that a header announces are in the file."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from napari_dicomdb.dicom.values import Value, parse_is

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_dicomdb.dicom._found import Found
    from napari_dicomdb.dicom._window import Window

__all__ = ["check_pixels", "native_length"]

_ITEM = b"\xfe\xff\x00\xe0"
_END = b"\xfe\xff\xdd\xe0"
MAX_FRAGMENTS = 20_000


def native_length(values: Mapping[str, Value]) -> int | None:
    """Bytes that uncompressed pixels take; None when the description is incomplete."""
    numbers = [values.get(k) for k in ("Rows", "Columns", "BitsAllocated")]
    samples = values.get("SamplesPerPixel", 1)
    frames = parse_is(values.get("NumberOfFrames", ""), lenient=True)
    count = frames[0] if frames else 1
    bits = count
    for number in (*numbers, samples):
        if not isinstance(number, int):
            return None
        bits *= number
    if values.get("PhotometricInterpretation") in {"YBR_FULL_422", "YBR_PARTIAL_422"}:
        bits = bits * 2 // 3  # PS3.3 Section C.7.6.3.1.2
    return (bits + 7) // 8


def check_pixels(
    values: Mapping[str, Value], found: Found, window: Window, problems: list[tuple[str, str]]
) -> None:
    """Append a "truncated-pixels" problem when pixels are missing."""
    offset = found.pixel_offset
    if offset is None:
        return
    held = max(window.size - offset, 0)
    length = found.pixel_length
    if length is None:
        if not _ends(window, offset):
            problems.append(("truncated-pixels", "the compressed pixel data break off"))
        return
    if length > held:
        problems.append(
            (
                "truncated-pixels",
                f"{found.pixel_keyword} should have {length} bytes, the file holds {held}",
            )
        )
        return
    expected = native_length(values)
    if expected is not None and length < expected:
        problems.append(
            (
                "truncated-pixels",
                f"{found.pixel_keyword} has {length} bytes, the description asks for {expected}",
            )
        )


def _ends(window: Window, offset: int) -> bool:
    """Whether the encapsulated pixel data at `offset` end within the file."""
    size = window.size
    if size - offset >= 16 and window.read(size - 8, 8)[:4] == _END:
        return True
    # Something follows the pixels, or they break off: go from fragment to fragment.
    for _ in range(MAX_FRAGMENTS):
        head = window.read(offset, 8)
        if len(head) < 8 or head[:4] not in {_ITEM, _END}:
            return False
        if head[:4] == _END:
            return True
        (length,) = struct.unpack_from("<L", head, 4)
        offset += 8 + length
        if offset > size:
            return False
    return True
