"""Text that is burned into images: which may have it, and rectangles made black."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.bits import keep_stored_bits
from napari_dicomdb.dicom.codecs import decode
from napari_dicomdb.dicom.description import PixelDescription
from napari_dicomdb.dicom.unreadable import unreadable
from napari_dicomdb.dicom.video import VIDEO_SYNTAXES
from napari_dicomdb.errors import PixelError
from napari_dicomdb.export.deidentification.defacing import checked_deface

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom import Dataset

    from napari_dicomdb.export.deidentification.defacing import Defacer
    from napari_dicomdb.export.deidentification.regions import Rectangle

__all__ = ["burned_in", "clean_pixels", "overlay_bits", "stray_bits"]

Array = np.ndarray[Any, Any]

_RLE = "1.2.840.10008.1.2.5"
_LOSSY = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 81, 91, 93, 203))
_OFFSET_TABLES = ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")
_SC = "1.2.840.10008.5.1.4.1.1.7"
_SUSPECT_CLASSES = (
    _SC,
    "1.2.840.10008.5.1.4.1.1.3",  # ultrasound multi-frame, retired and not
    "1.2.840.10008.5.1.4.1.1.6",  # ultrasound
    "1.2.840.10008.5.1.4.1.1.12.1",  # X-ray angiography and fluoroscopy
    "1.2.840.10008.5.1.4.1.1.12.2",
    "1.2.840.10008.5.1.4.1.1.77.1.1",  # endoscopy
    "1.2.840.10008.5.1.4.1.1.77.1.4",  # photography
)
_SUSPECT_MODALITIES = frozenset(
    ("US", "IVUS", "ES", "XA", "RF", "XC", "SC", "OT", "DOC", "BDUS", "BMD", "HC")
)
# Words of ImageType by which makers of scanners mark pictures of their screens.
_CAPTURES = re.compile(
    r"SCREEN|SNAPSHOT|CAPTURE|DOSE.?(?:INFO|REPORT)|PROT$|PROTOCOL|^REPORT$|CSA.?REPORT|PASTED"
)
_GREY_MODALITIES = frozenset(("CT", "MR", "PT", "CR", "DX", "MG"))


def burned_in(dataset: Dataset, *, has_pixels: bool = True) -> str:
    """Return why text may be burned into the pixels, "" when nothing speaks for it.

    Parameters
    ----------
    dataset : Dataset
        The header, as it was.
    has_pixels : bool
    """
    if not has_pixels:
        return ""
    said = str(dataset.get("BurnedInAnnotation", "") or "").strip().upper()
    if said == "YES":
        return "the header says that text is burned into the image"
    kind = [str(part).upper() for part in dataset.get("ImageType") or ()]
    label = str(dataset.get("SpecimenLabelInImage", "") or "").strip().upper()
    if "LABEL" in kind or label == "YES" or ("OVERVIEW" in kind and label != "NO"):
        return "the image shows the label of a slide"
    if said == "NO":
        return ""
    if any(_CAPTURES.search(part) for part in kind):
        return "the image was taken of a screen, which often shows names and dates"
    sop_class = str(dataset.get("SOPClassUID", ""))
    modality = str(dataset.get("Modality", "")).upper()
    suspect = any(sop_class == one or sop_class.startswith(f"{one}.") for one in _SUSPECT_CLASSES)
    if suspect or modality in _SUSPECT_MODALITIES:
        what = "of secondary capture" if sop_class.startswith(_SC) else f"of modality {modality}"
        return f"images {what} often show names and dates, and the header does not deny it"
    if modality in _GREY_MODALITIES and dataset.get("SamplesPerPixel") == 3:
        return f"coloured images of modality {modality} are taken of screens, with their texts"
    return ""


def overlay_bits(dataset: Dataset) -> list[int]:
    """Return the bits of the pixels in which overlays are drawn (a retired way).

    Bit 0 is none of them where it is of the image: headers say 0 who mean nothing.
    """
    stored, high = (_number(dataset, key) for key in ("BitsStored", "HighBit"))
    of_image = range(high - stored + 1, high + 1) if stored else range(0)
    bits: list[int] = []
    for group in range(0x6000, 0x6020, 2):
        if (group, 0x0102) in dataset and (group, 0x3000) not in dataset:
            value = dataset[group, 0x0102].value
            bits.append(value if isinstance(value, int) else -1)
    most = _number(dataset, "BitsAllocated")
    return [bit for bit in dict.fromkeys(bits) if 0 <= bit < most and (bit or 0 not in of_image)]


def stray_bits(dataset: Dataset, pixels: bytes, *, little: bool) -> list[int]:
    """Return the bits outside of those stored that native pixels have, padding and signs aside.

    Overlays may have been drawn there whose groups are gone.

    Parameters
    ----------
    dataset : Dataset
        The header.
    pixels : bytes
        All or some of them.
    little : bool
        They are little endian.
    """
    allocated, stored, high = (
        _number(dataset, key) for key in ("BitsAllocated", "BitsStored", "HighBit")
    )
    if allocated not in (8, 16, 32) or not 0 < stored < allocated or not stored <= high + 1:
        return []
    if high >= allocated:
        return []
    width = allocated // 8
    words = np.frombuffer(pixels, f"{'<' if little else '>'}u{width}", len(pixels) // width)
    unused = (1 << allocated) - 1 - (((1 << stored) - 1) << (high - stored + 1))
    if not words.size or not int(np.bitwise_or.reduce(words)) & unused:
        return []
    words = words[words & unused != 0]
    if _number(dataset, "PixelRepresentation") == 1:
        signs = unused >> high + 1 << high + 1
        is_sign = (words & unused == signs) & (words >> high & 1 == 1)
        words = words[~is_sign]
    padding = dataset.get("PixelPaddingValue")
    if isinstance(padding, int):
        words = words[words != padding & (1 << allocated) - 1]
    found = int(np.bitwise_or.reduce(words)) & unused if words.size else 0
    return [bit for bit in range(allocated) if found >> bit & 1]


def _number(dataset: Dataset, keyword: str) -> int:
    value = dataset.get(keyword)
    return value if isinstance(value, int) else 0


def clean_pixels(
    dataset: Dataset,
    rectangles: Sequence[Rectangle],
    *,
    keep: Sequence[Rectangle] = (),
    bits: Sequence[int] = (),
    deface: Defacer | None = None,
) -> bool:
    """Black out rectangles in all frames; compressed pixels are decoded for it.

    The pixels are native, little endian, afterwards.

    Parameters
    ----------
    dataset : Dataset
        With file meta information and pixels, as `pydicom.dcmread` returns it.
    rectangles : sequence of Rectangle
        Those for this image; what lies outside of it does nothing.
    keep : sequence of Rectangle
        When there are any, all outside of them goes black.
    bits : sequence of int
        Bits of each pixel that are made 0.
    deface : callable, optional
        See `Profile.deface`.

    Returns
    -------
    bool
        Whether `deface` changed anything.

    Raises
    ------
    PixelError
        If the pixels cannot be decoded, or are of a kind that we cannot change.
    ExportError
        If the defacing fails.
    """
    _decode(dataset)
    keyword = next(
        (k for k in ("PixelData", "FloatPixelData", "DoubleFloatPixelData") if k in dataset), ""
    )
    if not keyword:
        raise PixelError("it has no pixels", reason="no-pixels")
    photometric = str(dataset.get("PhotometricInterpretation", ""))
    if photometric.endswith(("_422", "_420")):
        raise PixelError(f"pixels of {photometric} cannot be blacked out", reason="unsupported")
    pixels, planar = _frames(dataset, keyword)
    black = _mask(pixels.shape[1:3], rectangles, keep)
    if black.any():
        colour = _black(dataset, photometric, pixels.dtype)
        for frame in pixels:
            frame[black] = colour
    for bit in bits:
        if pixels.dtype.kind in "iu":
            # Through unsigned numbers: the highest bit of signed ones is their sign.
            view = pixels.view(f"u{pixels.dtype.itemsize}")
            view &= view.dtype.type(~(1 << bit) & (256**pixels.dtype.itemsize - 1))
    changed = False
    if deface is not None:
        squeezed = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
        made = checked_deface(deface, dataset, squeezed.copy())
        # What it has not changed may not claim to be without a face.
        if made is not None and not np.array_equal(made, squeezed):
            squeezed[...] = made
            changed = True
    _put_back(dataset, keyword, pixels, planar)
    return changed


def _mask(
    shape: tuple[int, int], rectangles: Sequence[Rectangle], keep: Sequence[Rectangle]
) -> Array:
    """Return which pixels go black: (rows, columns) bool."""
    black: Array = np.full(shape, bool(keep))
    for value, several in ((False, keep), (True, rectangles)):
        for one in several:
            black[one.y : one.y + one.height, one.x : one.x + one.width] = value
    return black


def _decode(dataset: Dataset) -> None:
    """Decode compressed pixels, and turn native ones into little endian."""
    meta: Any = getattr(dataset, "file_meta", None)
    syntax: Any = meta.get("TransferSyntaxUID") if meta is not None else None
    if syntax is None or syntax.is_private:
        raise PixelError("its transfer syntax is not known", reason="unsupported")
    if not syntax.is_encapsulated:
        bits = int(dataset.get("BitsAllocated", 8) or 8)
        if not syntax.is_little_endian and bits > 8 and "PixelData" in dataset:
            words = np.frombuffer(dataset.PixelData, f">u{bits // 8}")
            dataset.PixelData = words.astype(f"<u{bits // 8}").tobytes()
        return
    try:
        _decompress(dataset, meta)
    except unreadable() as error:
        if isinstance(error, PixelError):
            raise
        raise PixelError("its compressed pixels cannot be decoded", reason="no-decoder") from error


def _decompress(dataset: Dataset, meta: Any) -> None:
    """Decode by the codecs that load images; colours stay as the codec gives them."""
    from pydicom.encaps import generate_frames
    from pydicom.uid import ExplicitVRLittleEndian

    description = PixelDescription.from_dataset(dataset)
    syntax = description.transfer_syntax_uid
    if syntax in VIDEO_SYNTAXES:
        raise PixelError("parts of a video cannot be blacked out", reason="video")
    tables = [dataset.get(key) for key in _OFFSET_TABLES]
    encoded = generate_frames(
        dataset.PixelData,
        number_of_frames=description.frame_count,
        extended_offsets=(tables[0], tables[1]) if all(tables) else None,
    )
    high = description.high_bit if syntax == _RLE else description.bits_stored - 1
    frames, photometric = [], ""
    for stream in encoded:
        cells, photometric = decode(stream, description, [])
        cells = np.array(cells, order="C")
        if cells.dtype.kind in "iu":
            keep_stored_bits(cells, description.bits_stored, high)
        frames.append(cells.astype(description.stored_dtype, copy=False).tobytes())
    if len(frames) != description.frame_count:
        raise PixelError("its compressed pixels are incomplete", reason="truncated-pixels")
    content = b"".join(frames)
    dataset.PixelData = content + b"\0" * (len(content) % 2)
    dataset["PixelData"].VR = "OB" if description.bits_allocated <= 8 else "OW"
    dataset["PixelData"].is_undefined_length = False
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if description.samples > 1:
        # The decoder has given thinned out colours their full size.
        plain = photometric.replace("_422", "").replace("_420", "")
        dataset.PhotometricInterpretation = plain.replace("PARTIAL", "FULL")
        dataset.PlanarConfiguration = 0
    if syntax != _RLE:
        dataset.HighBit = description.bits_stored - 1
    if syntax in _LOSSY:
        dataset.LossyImageCompression = "01"  # PS3.3 Section C.7.6.1.1.5: for ever


def _frames(dataset: Dataset, keyword: str) -> tuple[Array, bool]:
    """Return pixels, writable, as (frames, rows, columns, samples), and if planes were apart."""
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    samples = int(dataset.get("SamplesPerPixel", 1) or 1)
    frames = int(dataset.get("NumberOfFrames", 1) or 1)
    bits = int(dataset.get("BitsAllocated", 8) or 8)
    count = frames * rows * columns * samples
    data = bytearray(dataset[keyword].value)
    if keyword == "PixelData" and bits == 1:
        flat = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    elif keyword == "PixelData":
        if bits not in (8, 16, 32):
            raise PixelError(f"pixels of {bits} bits cannot be changed", reason="unsupported")
        sign = "i" if dataset.get("PixelRepresentation", 0) == 1 else "u"
        flat = np.frombuffer(data, f"<{sign}{bits // 8}", len(data) * 8 // bits)
    else:
        flat = np.frombuffer(data, "<f4" if keyword == "FloatPixelData" else "<f8")
    if flat.size < count:
        raise PixelError("its pixels are incomplete", reason="truncated-pixels")
    planar = samples > 1 and int(dataset.get("PlanarConfiguration", 0) or 0) == 1
    if planar:
        apart = flat[:count].reshape(frames, samples, rows, columns)
        return np.ascontiguousarray(np.moveaxis(apart, 1, -1)), True
    return flat[:count].reshape(frames, rows, columns, samples), False


def _put_back(dataset: Dataset, keyword: str, pixels: Array, planar: bool) -> None:
    if planar:
        pixels = np.moveaxis(pixels, -1, 1)
    if keyword == "PixelData" and dataset.get("BitsAllocated", 8) == 1:
        data = np.packbits(np.ascontiguousarray(pixels).reshape(-1), bitorder="little").tobytes()
    else:
        data = np.ascontiguousarray(pixels).tobytes()
    setattr(dataset, keyword, data + b"\0" * (len(data) % 2))
    if keyword == "PixelData":
        dataset["PixelData"].VR = "OB" if int(dataset.get("BitsAllocated", 8)) <= 8 else "OW"
    for tag in _OFFSET_TABLES:
        if tag in dataset:
            delattr(dataset, tag)


def _black(dataset: Dataset, photometric: str, dtype: np.dtype[Any]) -> Any:
    if photometric.startswith("YBR") and dtype.kind in "iu":
        middle = 1 << (int(dataset.get("BitsStored", 8)) - 1)
        return np.array([0, middle, middle], dtype)
    if photometric == "MONOCHROME1" and dtype.kind in "iu":
        stored = int(dataset.get("BitsStored", dtype.itemsize * 8))
        return (1 << (stored - (1 if dtype.kind == "i" else 0))) - 1
    return 0
