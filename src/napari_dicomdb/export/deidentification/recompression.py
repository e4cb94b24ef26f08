"""Pixels that were compressed and had to be decoded, compressed again without loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.unreadable import unreadable
from napari_dicomdb.export.images.pixel_encoding import encoded_frame

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom import Dataset

__all__ = ["compress_again"]

_RLE = "1.2.840.10008.1.2.5"
_JPEG_LOSSLESS = "1.2.840.10008.1.2.4.57"
_JPEG_LS = "1.2.840.10008.1.2.4.80"
_JPEG_2000 = "1.2.840.10008.1.2.4.90"
_FAMILIES = {
    _RLE: _RLE,
    **dict.fromkeys((f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 57, 70)), _JPEG_LOSSLESS),
    **dict.fromkeys((f"1.2.840.10008.1.2.4.{n}" for n in (80, 81)), _JPEG_LS),
    **dict.fromkeys(
        (f"1.2.840.10008.1.2.4.{n}" for n in (90, 91, 92, 93, 201, 202, 203)), _JPEG_2000
    ),
}


def compress_again(dataset: Dataset, before: str) -> str:
    """Compress native pixels losslessly, by the family that they came in.

    What cannot be encoded so, or does not decode to the very same bytes, stays as it is.

    Parameters
    ----------
    dataset : Dataset
        With native, little endian pixels; changed in place.
    before : str
        The transfer syntax that the file had.

    Returns
    -------
    str
        The transfer syntax now: explicit VR little endian when nothing was compressed.
    """
    from pydicom.uid import ExplicitVRLittleEndian

    plain = str(ExplicitVRLittleEndian)
    syntax = _FAMILIES.get(before, "")
    samples = int(dataset.get("SamplesPerPixel", 1) or 1)
    bits = int(dataset.get("BitsAllocated", 8) or 8)
    photometric = str(dataset.get("PhotometricInterpretation", ""))
    if not syntax or bits not in (8, 16) or "PixelData" not in dataset:
        return plain
    if samples == 3 and photometric not in ("RGB", "YBR_FULL"):
        return plain
    if samples == 3 and syntax == _JPEG_LOSSLESS:
        syntax = _JPEG_LS  # our encoder of lossless JPEG knows one component only
    frames = _frames(dataset, samples, bits)
    try:
        encoded = [_encoded(frame, syntax, dataset) for frame in frames]
        same = all(
            np.array_equal(_decoded(data, syntax, frame), _unsigned(frame))
            for data, frame in zip(encoded, frames, strict=True)
        )
    except unreadable(RuntimeError):  # imagecodecs' own errors are RuntimeErrors
        return plain
    if not same:
        return plain
    _put(dataset, encoded, syntax, samples, photometric)
    return syntax


def _frames(dataset: Dataset, samples: int, bits: int) -> NDArray[Any]:
    """Return the pixels as (frames, rows, columns[, samples])."""
    count = int(dataset.get("NumberOfFrames", 1) or 1)
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    sign = "i" if dataset.get("PixelRepresentation", 0) == 1 else "u"
    total = count * rows * columns * samples
    flat = np.frombuffer(dataset.PixelData, f"<{sign}{bits // 8}", total)
    if samples == 1:
        return flat.reshape(count, rows, columns)
    if int(dataset.get("PlanarConfiguration", 0) or 0) == 1:
        apart = flat.reshape(count, samples, rows, columns)
        return np.ascontiguousarray(np.moveaxis(apart, 1, -1))
    return flat.reshape(count, rows, columns, samples)


def _unsigned(frame: NDArray[Any]) -> NDArray[Any]:
    return frame.view(f"u{frame.dtype.itemsize}")


def _encoded(frame: NDArray[Any], syntax: str, dataset: Dataset) -> bytes:
    import imagecodecs

    if syntax == _RLE:
        return encoded_frame(frame, "rle")
    if syntax == _JPEG_LS:
        return encoded_frame(frame, "jpeg-ls")
    if syntax == _JPEG_LOSSLESS:
        return bytes(imagecodecs.ljpeg_encode(np.ascontiguousarray(_unsigned(frame))))
    stored = int(dataset.get("BitsStored", 0) or 0)
    colour = frame.ndim == 3
    return bytes(
        imagecodecs.jpeg2k_encode(
            frame, level=0, codecformat="j2k", reversible=True, mct=colour,
            bitspersample=stored or None,
        )
    )  # fmt: skip


def _decoded(data: bytes, syntax: str, like: NDArray[Any]) -> NDArray[Any]:
    import imagecodecs

    if syntax == _RLE:
        size = like.dtype.itemsize
        raw = bytes(imagecodecs.dicomrle_decode(data, f"<u{size}"))
        planes = np.frombuffer(raw, f"<u{size}").reshape(-1, *like.shape[:2])
        return np.moveaxis(planes, 0, -1).reshape(like.shape)
    decode = {
        _JPEG_LS: imagecodecs.jpegls_decode,
        _JPEG_LOSSLESS: imagecodecs.ljpeg_decode,
        _JPEG_2000: imagecodecs.jpeg2k_decode,
    }[syntax]
    made: NDArray[Any] = decode(data)
    return _unsigned(made).reshape(like.shape)


def _put(
    dataset: Dataset, encoded: list[bytes], syntax: str, samples: int, photometric: str
) -> None:
    from pydicom.encaps import encapsulate

    dataset.add_new(0x7FE00010, "OB", encapsulate(encoded))
    dataset["PixelData"].is_undefined_length = True
    if samples > 1:
        dataset.PlanarConfiguration = 0
        if syntax == _JPEG_2000:
            dataset.PhotometricInterpretation = "YBR_RCT"
