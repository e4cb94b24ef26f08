"""Frames as bytes: as they are, or compressed without loss."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.errors import ExportError, MissingLibraryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from pydicom import Dataset

__all__ = ["COMPRESSIONS", "COMPRESSION_NAMES", "encoded_frame", "set_pixels"]

COMPRESSIONS = {
    "none": "1.2.840.10008.1.2.1",
    "deflated": "1.2.840.10008.1.2.1.99",
    "rle": "1.2.840.10008.1.2.5",
    "jpeg-ls": "1.2.840.10008.1.2.4.80",
    "jpeg-2000": "1.2.840.10008.1.2.4.90",
}
"""Transfer syntaxes by the names of our options; all lossless."""

COMPRESSION_NAMES = {
    "none": "Not compressed",
    "deflated": "Deflated (the whole file, as zip does)",
    "rle": "RLE",
    "jpeg-ls": "JPEG-LS lossless",
    "jpeg-2000": "JPEG 2000 lossless",
}


def set_pixels(dataset: Dataset, frames: Sequence[NDArray[Any]], compression: str) -> str:
    """Put the pixels of one object into it, and what describes them.

    Parameters
    ----------
    dataset : Dataset
        Gets PixelData, Rows, Columns, bits, samples, photometric interpretation.
    frames : sequence of (rows, columns) or (rows, columns, 3) ndarray
        uint8, or int and uint of 16 or 32 bits; all alike.
    compression : str
        A key of `COMPRESSIONS`.

    Returns
    -------
    str
        Transfer syntax UID.

    Raises
    ------
    ExportError
        "bad-option": no such compression, or not of 32 bits; "too-large": a frame or
        object beyond 4 GB.
    MissingLibraryError
        If the library that compresses is not installed.
    """
    from pydicom.encaps import encapsulate

    if compression not in COMPRESSIONS:
        known = ", ".join(COMPRESSIONS)
        raise ExportError(
            f"no compression {compression!r}: use one of {known}", reason="bad-option"
        )
    first = frames[0]
    samples = first.shape[2] if first.ndim == 3 else 1
    if max(first.shape[:2]) > 65535:
        raise ExportError(
            f"an image of {first.shape[0]} x {first.shape[1]} pixels is too large: DICOM has at "
            "most 65535 rows and columns",
            reason="too-large",
        )
    bits = first.dtype.itemsize * 8
    dataset.SamplesPerPixel = samples
    dataset.PhotometricInterpretation = "RGB" if samples == 3 else "MONOCHROME2"
    if samples == 3:
        dataset.PlanarConfiguration = 0
    dataset.Rows, dataset.Columns = first.shape[:2]
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = int(first.dtype.kind == "i")
    if compression in ("none", "deflated"):
        size = first.nbytes * len(frames)
        if size >= 2**32 - 1:
            raise ExportError(
                "an object of more than 4 GB cannot be written: compress it, or write one file "
                "a slice",
                reason="too-large",
            )
        raw = b"".join(
            np.ascontiguousarray(f, f.dtype.newbyteorder("<")).tobytes() for f in frames
        )
        dataset.add_new(0x7FE00010, "OW" if bits > 8 else "OB", raw + b"\0" * (len(raw) % 2))
        return COMPRESSIONS[compression]
    if bits > 16:
        # GDCM reads no RLE of 32 bits, JPEG-LS has none.
        raise ExportError(
            "pixels of 32 bits cannot be compressed so: use deflated or none",
            reason="bad-option",
        )
    if compression == "jpeg-2000" and samples == 3:
        dataset.PhotometricInterpretation = "YBR_RCT"
    encoded = [encoded_frame(frame, compression) for frame in frames]
    dataset.add_new(0x7FE00010, "OB", encapsulate(encoded))
    dataset["PixelData"].is_undefined_length = True
    return COMPRESSIONS[compression]


def encoded_frame(frame: NDArray[Any], compression: str) -> bytes:
    """Compress one frame without loss.

    Parameters
    ----------
    frame : (rows, columns) or (rows, columns, 3) ndarray
        Of integers of 8 or 16 bits.
    compression : {"rle", "jpeg-ls", "jpeg-2000"}

    Raises
    ------
    MissingLibraryError
        If the library that compresses is not installed.
    """
    return {"rle": _rle, "jpeg-ls": _jpeg_ls, "jpeg-2000": _jpeg_2000}[compression](frame)


def _rle(frame: NDArray[Any]) -> bytes:
    """Encode as PS3.5 Annex G: a segment for each byte of each sample, most significant first."""
    codecs = _imagecodecs()
    rows, columns = frame.shape[:2]
    size = frame.dtype.itemsize
    raw = np.ascontiguousarray(frame, frame.dtype.newbyteorder(">")).view(np.uint8)
    planes = raw.reshape(rows, columns, -1, size)
    segments = []
    for sample in range(planes.shape[2]):
        for byte in range(size):
            plane = np.ascontiguousarray(planes[:, :, sample, byte])
            segment = b"".join(codecs.packbits_encode(row.tobytes()) for row in plane)
            segments.append(segment + b"\0" * (len(segment) % 2))
    offsets, place = [], 64
    for segment in segments:
        offsets.append(place)
        place += len(segment)
    header = struct.pack("<16L", len(segments), *offsets, *[0] * (15 - len(segments)))
    return header + b"".join(segments)


def _jpeg_ls(frame: NDArray[Any]) -> bytes:
    # JPEG-LS knows no sign: the bits go as they are, and the header tells.
    unsigned = frame.view(f"u{frame.dtype.itemsize}")
    return bytes(_imagecodecs().jpegls_encode(unsigned, level=0))


def _jpeg_2000(frame: NDArray[Any]) -> bytes:
    return bytes(
        _imagecodecs().jpeg2k_encode(
            frame, level=0, codecformat="j2k", reversible=True, mct=frame.ndim == 3
        )
    )


def _imagecodecs() -> Any:
    try:
        import imagecodecs
    except ImportError as error:
        raise MissingLibraryError(
            f"compressing needs imagecodecs ({error}): pip install imagecodecs"
        ) from error
    return imagecodecs
