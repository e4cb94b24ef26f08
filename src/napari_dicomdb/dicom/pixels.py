"""Stored values of one frame or all: where they lie, how they are read and decoded."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import numpy as np

from napari_dicomdb.dicom._whole_values import palette_of, pixel_value
from napari_dicomdb.dicom.bits import keep_stored_bits, swap_words, unpack
from napari_dicomdb.dicom.codecs import decode, note
from napari_dicomdb.dicom.description import PixelDescription
from napari_dicomdb.dicom.fragments import frame_index, read_encoded_frame
from napari_dicomdb.dicom.modality import modality_rescale, output_dtype, rescale_into
from napari_dicomdb.dicom.photometric import to_rgb, upsample_422
from napari_dicomdb.dicom.streamed import FetchedFrame, WholeFile, source_of
from napari_dicomdb.dicom.video import VIDEO_SYNTAXES, read_video_frame
from napari_dicomdb.errors import PixelError

if TYPE_CHECKING:
    import io

    from napari_dicomdb.dicom.bits import Array

__all__ = [
    "PixelDescription",
    "Problems",
    "modality_rescale",
    "output_dtype",
    "read_frame",
    "read_frames",
    "rescale_into",
]

Problems = list[tuple[str, str]]
"""Reason codes and words of what was repaired or missing, as in `Header.problems`."""

_LARGEST_TRUNCATED = 1 << 31
_RLE = "1.2.840.10008.1.2.5"


def read_frame(
    path: str | os.PathLike[str],
    description: PixelDescription,
    frame: int = 0,
    out: Array | None = None,
    *,
    rgb: bool = True,
    problems: Problems | None = None,
) -> Array:
    """Read one frame.

    Parameters
    ----------
    path : path-like
        The DICOM file.
    description : PixelDescription
        Of its pixels.
    frame : int
        From 0.
    out : ndarray, optional
        Receives the frame; when it is contiguous and of the stored type, the
        bytes of an uncompressed file go straight into it.
    rgb : bool
        Convert YBR and palettes to RGB; False gives the samples as stored
        (as the decoder gives them when compressed).
    problems : list of (str, str), optional
        Receives reason code and words of what was repaired or is missing.

    Returns
    -------
    (rows, columns) or (rows, columns, 3) ndarray
        Stored values, before the modality LUT; `out` when it was given. Of a
        truncated file, what exists; the rest is 0. MONOCHROME1 stays as stored.

    Raises
    ------
    PixelError
        If there is nothing to read or it cannot be decoded.
    MissingDecoderError
        If a plug-in is missing; the message names it.
    OSError
        If the file cannot be read.
    """
    if not 0 <= frame < description.frame_count:
        raise PixelError(f"{path}: frame {frame} of {description.frame_count}")
    notes: Problems = [] if problems is None else problems
    source = source_of(path)
    if source is None and description.native:
        target = out
        if target is None or target.dtype != description.dtype or not target.flags.c_contiguous:
            target = _empty(path, description.frame_shape, description.dtype)
        elif target.shape != description.frame_shape:
            raise PixelError(f"{path}: {description.frame_shape} into array {target.shape}")
        _read_native(path, description, frame, target, notes)
        cells = target
    else:
        try:
            if source is None:
                cells = _read_any(path, description, frame, rgb, notes)
            else:
                fetched = source.fetch(frame)
                cells = _read_fetched(path, description, frame, fetched, rgb, notes)
        except PixelError as error:
            if str(path) in str(error):
                raise
            raise type(error)(f"{path}: {error}", reason=error.reason) from error
    if out is None or cells is out:
        return cells
    if out.shape != cells.shape:
        raise PixelError(f"{path}: {cells.shape} into array {out.shape}")
    out[...] = cells
    return out


def read_frames(
    path: str | os.PathLike[str],
    description: PixelDescription,
    *,
    rgb: bool = True,
    problems: Problems | None = None,
) -> Array:
    """Read all frames, in one read where the file is uncompressed.

    Parameters
    ----------
    path, description, rgb, problems
        As in `read_frame`.

    Returns
    -------
    (frames, rows, columns) or (frames, rows, columns, 3) ndarray
    """
    count = description.frame_count
    if description.native:
        every = _empty(path, (count, *description.frame_shape), description.dtype)
        _read_native(path, description, 0, every, [] if problems is None else problems)
        return every
    first = read_frame(path, description, 0, rgb=rgb, problems=problems)
    every = _empty(path, (count, *first.shape), first.dtype)
    every[0] = first
    for frame in range(1, count):
        read_frame(path, description, frame, every[frame], rgb=rgb, problems=problems)
    return every


def _empty(path: str | os.PathLike[str], shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    try:
        return np.empty(shape, dtype)
    except MemoryError as error:
        raise PixelError(
            f"{path}: no memory for an image of {shape}", reason="too-large"
        ) from error


def _read_native(
    path: str | os.PathLike[str],
    description: PixelDescription,
    frame: int,
    target: Array,
    problems: Problems,
) -> None:
    start = frame * (description.frame_bits // 8)
    wanted = target.nbytes
    if description.length is not None:
        wanted = max(0, min(wanted, description.length - start))
    octets = memoryview(target.reshape(-1).view(np.uint8))  # type: ignore[arg-type]
    done = _read_into(path, (description.offset or 0) + start, octets[:wanted])
    if done < target.nbytes:
        _note_truncated(path, done, target.nbytes, problems)
        octets[done:] = bytes(target.nbytes - done)
    if description.bits_stored < description.bits_allocated and target.dtype.kind in "iu":
        keep_stored_bits(target, description.bits_stored, description.high_bit)


def _note_truncated(
    path: str | os.PathLike[str], have: int, need: int, problems: Problems
) -> None:
    if have == 0 or (need > _LARGEST_TRUNCATED and have < need // 2):
        raise PixelError(
            f"{path}: {have} of {need} bytes of pixel data are there: the file is truncated "
            "or Rows, Columns and BitsAllocated are wrong",
            reason="truncated-pixels",
        )
    note(problems, "truncated-pixels", f"{have} of {need} bytes of a frame are there; rest is 0")


if hasattr(os, "preadv"):

    def _read_into(path: str | os.PathLike[str], offset: int, octets: memoryview) -> int:
        """Fill `octets` from `offset`; the number of bytes that were there."""
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        try:
            done, total = 0, len(octets)
            while done < total:
                got = os.preadv(descriptor, [octets[done:]], offset + done)
                if got == 0:
                    break
                done += got
            return done
        finally:
            os.close(descriptor)

else:

    def _read_into(path: str | os.PathLike[str], offset: int, octets: memoryview) -> int:
        """Fill `octets` from `offset`; the number of bytes that were there."""
        with open(path, "rb", buffering=0) as file:
            return read_into_file(file, offset, octets)


def read_into_file(file: BinaryIO | io.FileIO, offset: int, octets: memoryview) -> int:
    """Fill `octets` from `offset` of an open file, where preadv does not exist (Windows)."""
    file.seek(offset)
    done, total = 0, len(octets)
    while done < total:
        got = file.readinto(octets[done:])  # type: ignore[union-attr]
        if not got:
            break
        done += got
    return done


def _read_any(
    path: str | os.PathLike[str],
    description: PixelDescription,
    frame: int,
    rgb: bool,
    problems: Problems,
) -> Array:
    if description.transfer_syntax_uid in VIDEO_SYNTAXES:
        offset = description.offset
        if offset is None:
            offset = pixel_value(path, description.keyword, problems)[0]
        return read_video_frame(path, description, frame, offset)
    if description.encapsulated:
        samples, photometric = _decode_frame(path, description, frame, problems)
    else:
        samples, photometric = _unpack_frame(path, description, frame, problems)
    return _coloured(path, description, samples, photometric, rgb, problems)


def _read_fetched(
    path: str | os.PathLike[str],
    description: PixelDescription,
    frame: int,
    fetched: FetchedFrame | WholeFile,
    rgb: bool,
    problems: Problems,
) -> Array:
    """Decode a frame that came from elsewhere; its header is the file at `path`."""
    if isinstance(fetched, WholeFile):
        return read_frame(fetched.path, fetched.description, frame, rgb=rgb, problems=problems)
    own = replace(description, transfer_syntax_uid=fetched.transfer_syntax_uid, length=None)
    if own.encapsulated:
        samples, photometric = _decoded(fetched.content, own, problems)
    else:
        raw = fetched.content
        if own.subsampled and len(raw) >= own.rows * own.columns * 3 * own.bits_allocated // 8:
            own = replace(own, length=len(raw) * own.frame_count)  # all chroma is there
        missing = (own.frame_bits + 7) // 8 - len(raw)
        if missing > 0:
            _note_truncated(path, len(raw), len(raw) + missing, problems)
            raw += bytes(missing)
        samples, photometric = _unpacked(raw, own, 0, False)
    return _coloured(path, own, samples, photometric, rgb, problems)


def _coloured(
    path: str | os.PathLike[str],
    description: PixelDescription,
    samples: Array,
    photometric: str,
    rgb: bool,
    problems: Problems,
) -> Array:
    if not rgb:
        return samples
    if description.samples == 3:
        return to_rgb(samples, photometric, description.bits_stored)
    if description.samples == 1 and description.photometric == "PALETTE COLOR":
        return palette_of(path, problems).apply(samples)
    return samples


def _decode_frame(
    path: str | os.PathLike[str], description: PixelDescription, frame: int, problems: Problems
) -> tuple[Array, str]:
    name = os.fspath(path)
    with open(path, "rb", buffering=0) as file:
        facts = os.fstat(file.fileno())
        offset = description.offset
        if offset is None:
            offset = pixel_value(path, description.keyword, problems)[0]
        index = frame_index(
            file, name, facts.st_size, facts.st_mtime_ns, offset, description.frame_count
        )
        stream = read_encoded_frame(file, index, frame, facts.st_size)
    for code, text in index.problems:
        note(problems, code, text)
    if not stream:
        raise PixelError(
            f"{path}: compressed frame {frame} is not there", reason="truncated-pixels"
        )
    return _decoded(stream, description, problems)


def _decoded(
    stream: bytes, description: PixelDescription, problems: Problems
) -> tuple[Array, str]:
    cells, photometric = decode(stream, description, problems)
    stored = description.stored_dtype
    if cells.dtype.kind in "iu":
        rle = description.transfer_syntax_uid == _RLE
        if not cells.flags.writeable or not cells.flags.c_contiguous:
            cells = np.ascontiguousarray(cells).copy()
        keep_stored_bits(
            cells,
            description.bits_stored,
            description.high_bit if rle else description.bits_stored - 1,
        )
    return cells.astype(stored, copy=False), photometric


def _unpack_frame(
    path: str | os.PathLike[str], description: PixelDescription, frame: int, problems: Problems
) -> tuple[Array, str]:
    first_bit = frame * description.frame_bits
    start, end = first_bit // 8, (first_bit + description.frame_bits + 7) // 8
    raw, words = _raw_bytes(path, description, start, end, problems)
    return _unpacked(raw, description, first_bit % 8, words)


def _unpacked(raw: bytes, d: PixelDescription, skip: int, words: bool) -> tuple[Array, str]:
    """Return the samples of one frame, which begins at bit `skip`."""
    cells: Array
    if d.bits_allocated % 8 or d.bits_allocated not in (8, 16, 32, 64):
        count = d.frame_bits // d.bits_allocated
        cells = unpack(raw, d.bits_allocated, count, skip=skip)
        cells = cells.view(d.stored_dtype)
    else:
        order: Literal["<", ">"] = ">" if d.big_endian and not words else "<"
        cells = np.frombuffer(raw, d.stored_dtype.newbyteorder(order)).astype(d.stored_dtype)
    if cells.dtype.kind in "iu":
        keep_stored_bits(cells, d.bits_stored, d.high_bit)
    if d.subsampled:
        return upsample_422(cells, d.rows, d.columns), d.photometric
    if d.samples == 1:
        return cells.reshape(d.rows, d.columns), d.photometric
    if d.planar_configuration == 1:
        planes = cells.reshape(d.samples, d.rows, d.columns)
        return np.ascontiguousarray(np.moveaxis(planes, 0, -1)), d.photometric
    return cells.reshape(d.rows, d.columns, d.samples), d.photometric


def _raw_bytes(
    path: str | os.PathLike[str],
    d: PixelDescription,
    start: int,
    end: int,
    problems: Problems,
) -> tuple[bytes, bool]:
    # The bytes of a frame in little endian order of words, when it is of words.
    swap = False
    if d.offset is None:
        value = pixel_value(path, d.keyword, problems)[1]
        if d.big_endian and (d.bits_allocated % 8 or d.bits_allocated == 8):
            value, swap = swap_words(value + b"\0" * (len(value) % 2)), True
        raw = value[start:end]
    else:
        if d.big_endian and (d.bits_allocated % 8 or d.bits_allocated == 8):
            head = bytearray(8)
            _read_into(path, d.offset - 8, memoryview(head))
            swap = bytes(head[:2]) == b"OW"
        low, high = (start - start % 2, end + end % 2) if swap else (start, end)
        limit = high if d.length is None else min(high, d.length)
        octets = bytearray(max(0, limit - low))
        done = _read_into(path, d.offset + low, memoryview(octets))
        raw = bytes(octets[:done])
        if swap:
            raw = swap_words(raw + b"\0" * (len(raw) % 2))[start - low :][: end - start]
    if len(raw) < end - start:
        _note_truncated(path, len(raw), end - start, problems)
        raw += b"\0" * (end - start - len(raw))
    return raw, swap
