"""Decoding of compressed frames: imagecodecs as a plug-in of pydicom's decoders.

imagecodecs (BSD-3-Clause) brings libjpeg-turbo 3 (8 and 12 bit, lossless), CharLS,
OpenJPEG and OpenJPH, releases the GIL, and reads every transfer syntax of DICOM
for still images. Where it is missing, pydicom's own plug-ins take its place.
"""

from __future__ import annotations

import struct
import threading
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom import video
from napari_dicomdb.errors import MissingDecoderError, PixelError

if TYPE_CHECKING:
    from pydicom.pixels.decoders.base import Decoder, DecodeRunner

    from napari_dicomdb.dicom.bits import Array
    from napari_dicomdb.dicom.pixels import PixelDescription

__all__ = ["JpegStream", "decode", "is_available", "jpeg_photometric", "parse_jpeg"]

_JPEG = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 57, 70))
_JPEG_LS = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (80, 81))
_JPEG_2000 = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (90, 91, 201, 202, 203))
_RLE = "1.2.840.10008.1.2.5"
# Deflated Image Frame Compression (PS3.5 Section A.4.12)
_DEFLATED_FRAME = "1.2.840.10008.1.2.8.1"
_KNOWN = _JPEG | _JPEG_LS | _JPEG_2000 | {_RLE}
# Every SOFn of T.81 (C4, C8 and CC are other markers), and that of JPEG-LS.
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
_REMEDY = "pip install imagecodecs"

# Read by pydicom: what each transfer syntax needs.
DECODER_DEPENDENCIES = dict.fromkeys(_KNOWN, ("imagecodecs>=2026.3.6",))


@dataclass(frozen=True, slots=True)
class JpegStream:
    """What the markers of a JPEG or JPEG-LS stream say before its first scan.

    `adobe_transform` is that of the APP14 segment, None without one;
    `subsampled` says that a component is coarser than another.
    """

    process: int
    precision: int
    rows: int
    columns: int
    component_ids: tuple[int, ...]
    subsampled: bool
    jfif: bool
    adobe_transform: int | None


def parse_jpeg(stream: bytes) -> JpegStream | None:
    """Read the markers up to the first scan; None when it is not such a stream.

    Parameters
    ----------
    stream : bytes
        One encoded frame.

    Notes
    -----
    ITU-T T.81 Annex B; the APP14 segment is Adobe Technical Note 5116.
    """
    if stream[:2] != b"\xff\xd8":
        return None
    place, jfif, transform = 2, False, None
    while place + 4 <= len(stream):
        if stream[place] != 0xFF:
            return None
        marker = stream[place + 1]
        if marker == 0xFF or marker == 0x01 or 0xD0 <= marker <= 0xD7:
            place += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(stream[place + 2 : place + 4])
        body = stream[place + 4 : place + 2 + length]
        if marker == 0xE0 and body.startswith(b"JFIF"):
            jfif = True
        elif marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12:
            transform = body[11]
        elif marker in _START_OF_FRAME:
            if len(body) < 6 or len(body) < 6 + 3 * body[5]:
                return None
            precision, rows, columns, count = struct.unpack_from(">BHHB", body)
            ids = tuple(body[6 + 3 * i] for i in range(count))
            sampling = {body[7 + 3 * i] for i in range(count)}
            return JpegStream(
                marker, precision, rows, columns, ids, len(sampling) > 1, jfif, transform
            )
        place += 2 + length
    return None


def jpeg_photometric(stream: JpegStream, declared: str) -> str:
    """Colour space of a three-component JPEG: the stream's word before the header's.

    Parameters
    ----------
    stream : JpegStream
        From `parse_jpeg`. A JFIF marker, an Adobe transform, components named
        R, G, B and subsampled chroma each tell the colour space.
    declared : str
        PhotometricInterpretation.

    Returns
    -------
    str
        "RGB" or "YBR_FULL", or `declared` when the stream is silent.
    """
    if len(stream.component_ids) != 3:
        return declared
    if bytes(stream.component_ids) in (b"RGB", b"rgb"):
        truth = "RGB"
    elif stream.jfif or stream.adobe_transform == 1:
        truth = "YBR_FULL"
    elif stream.adobe_transform == 0:
        truth = "RGB"
    elif declared == "RGB" and stream.subsampled:
        # Nobody thins out green and blue: scanners for slides forget the label.
        truth = "YBR_FULL"
    else:
        return declared
    return declared if declared.startswith(truth[:3]) else truth


def is_available(uid: str) -> bool:
    """Whether what reads this transfer syntax is here (asked by pydicom, too)."""
    if uid in video.VIDEO_SYNTAXES:
        return video.is_available()
    try:
        import imagecodecs
    except ImportError:
        return False
    if uid in _JPEG:
        return bool(imagecodecs.JPEG8.available)
    if uid in _JPEG_LS:
        return bool(imagecodecs.JPEGLS.available)
    if uid in _JPEG_2000:
        return bool(imagecodecs.JPEG2K.available)
    return uid in (_RLE, _DEFLATED_FRAME)


def _decode_frame(stream: bytes, runner: DecodeRunner) -> bytes:
    # The signature is that of pydicom's decoder plug-ins.
    import imagecodecs

    uid = str.__str__(runner.transfer_syntax)
    if uid == _RLE:
        runner.set_option("planar_configuration", 1)
        return bytes(imagecodecs.dicomrle_decode(stream, f"<u{runner.bits_allocated // 8}"))
    cells: Array
    if uid in _JPEG:
        cells = _decode_jpeg(stream, runner)
    elif uid in _JPEG_LS:
        cells = imagecodecs.jpegls_decode(stream)
    else:
        cells = imagecodecs.jpeg2k_decode(stream)
        if runner.photometric_interpretation in ("YBR_ICT", "YBR_RCT"):
            # OpenJPEG undoes the component transformation.
            runner.set_option("photometric_interpretation", "RGB")
    expected: tuple[int, ...] = (runner.rows, runner.columns)
    if runner.samples_per_pixel > 1:
        expected += (runner.samples_per_pixel,)
        runner.set_option("planar_configuration", 0)
    if cells.shape != expected:
        raise PixelError(f"the stream holds {cells.shape} pixels, the header says {expected}")
    runner.set_option("bits_allocated", 8 * cells.dtype.itemsize)
    return cells.tobytes()


def _decode_jpeg(stream: bytes, runner: DecodeRunner) -> Array:
    from imagecodecs import jpeg8_decode

    photometric = str(runner.photometric_interpretation)
    if runner.samples_per_pixel != 3:
        return jpeg8_decode(stream)
    if not photometric.startswith("YBR"):
        return jpeg8_decode(stream, colorspace="RGB", outcolorspace="RGB")
    info = parse_jpeg(stream)
    if info is not None and info.process in (0xC3, 0xC7, 0xCB):
        # libjpeg-turbo converts no colours of lossless streams; our caller does.
        return jpeg8_decode(stream, colorspace="YCBCR", outcolorspace="YCBCR")
    runner.set_option("photometric_interpretation", "RGB")
    return jpeg8_decode(stream, colorspace="YCBCR", outcolorspace="RGB")


_decoders: dict[str, tuple[Decoder, str] | None] = {}
_lock = threading.Lock()
# Not "gdcm": it aborts the process on streams that contradict their header.
_OTHERS = ("pylibjpeg", "pyjpegls", "pillow", "pydicom")


def _decoder_of(uid: str) -> tuple[Decoder, str] | None:
    """Give the decoder of a transfer syntax and the name of its plug-in to use."""
    from pydicom.pixels.decoders.base import Decoder, get_decoder
    from pydicom.uid import UID

    if uid not in _KNOWN:
        return None  # JPIP, private
    with _lock:  # add_plugin is not thread-safe
        if uid not in _decoders:
            # Our own instance: pydicom's global ones stay as other code expects.
            ours = Decoder(UID(uid))
            ours.add_plugin("imagecodecs", (__name__, "_decode_frame"))
            if ours.is_available:
                _decoders[uid] = (ours, "imagecodecs")
            else:
                theirs = get_decoder(UID(uid))
                usable = [name for name in _OTHERS if name in theirs.available_plugins]
                _decoders[uid] = (theirs, usable[0]) if usable else None
        return _decoders[uid]


def decode(
    stream: bytes, description: PixelDescription, problems: list[tuple[str, str]]
) -> tuple[Array, str]:
    """Decode one encoded frame.

    Parameters
    ----------
    stream : bytes
        The frame's fragments, joined.
    description : PixelDescription
        What the header says of it.
    problems : list of (str, str)
        Receives reason code and words of what had to be corrected.

    Returns
    -------
    cells : (rows, columns) or (rows, columns, samples) ndarray
        In the type that `description` or the stream asks for.
    photometric : str
        Colour space of `cells`: "RGB" when the decoder has converted.

    Raises
    ------
    MissingDecoderError
        If no installed plug-in reads the transfer syntax.
    PixelError
        If the stream is damaged or contradicts the header.
    """
    from pydicom.uid import UID

    uid = description.transfer_syntax_uid
    if uid == _DEFLATED_FRAME or (uid == _RLE and description.bits_allocated == 1):
        return _packed_frame(stream, description), description.photometric
    if uid == _RLE and description.bits_allocated not in (8, 16, 32, 64):
        # PS3.5 Annex G: a segment for every byte of a cell.
        text = f"RLE has whole bytes or single bits, no cells of {description.bits_allocated} bits"
        raise PixelError(text, reason="bits-allocated")
    name = UID(uid).name or "unknown"
    found = _decoder_of(uid)
    if found is None:
        remedy = (
            f"install the plug-in: {_REMEDY}"
            if uid in _KNOWN
            else "no plug-in for it is known; convert the file, for example with gdcmconv"
        )
        raise MissingDecoderError(f"transfer syntax {name} ({uid}) cannot be decoded: {remedy}")
    photometric = description.photometric
    if uid in _JPEG | _JPEG_LS and description.samples == 3:
        info = parse_jpeg(stream)
        truth = photometric if info is None else jpeg_photometric(info, photometric)
        if truth != photometric:
            note(
                problems,
                "wrong-photometric",
                f"PhotometricInterpretation says {photometric}, the JPEG stream {truth}",
            )
            photometric = truth
    item = struct.pack("<HHIHHI", 0xFFFE, 0xE000, 0, 0xFFFE, 0xE000, len(stream) + len(stream) % 2)
    options: dict[str, Any] = {
        "rows": description.rows,
        "columns": description.columns,
        "number_of_frames": 1,
        "samples_per_pixel": description.samples,
        "photometric_interpretation": photometric,
        "planar_configuration": description.planar_configuration,
        "pixel_representation": description.pixel_representation,
        "bits_allocated": description.bits_allocated,
        "bits_stored": description.bits_stored,
        "pixel_keyword": "PixelData",
        # Left to bits.keep_stored_bits, which knows HighBit.
        "correct_unused_bits": False,
    }
    source = item + stream + b"\0" * (len(stream) % 2)
    decoder, plugin = found
    try:
        cells, properties = decoder.as_array(
            source, index=0, raw=True, validate=False, decoding_plugin=plugin, **options
        )
    except (RuntimeError, ValueError, AttributeError) as error:
        # pydicom says at length which plug-ins it tried: we know.
        why = " ".join(str(error).split()).rpartition("plugins:")[2].strip()
        raise PixelError(f"{name} cannot be decoded: {why}") from error
    return np.asarray(cells), str(properties["photometric_interpretation"])


def _packed_frame(stream: bytes, description: PixelDescription) -> Array:
    """Return a frame whose bytes, cells or packed bits, are deflated or run-length encoded."""
    from napari_dicomdb.dicom.bits import unpack

    d = description
    count = d.rows * d.columns * d.samples
    octets = (count * d.bits_allocated + 7) // 8
    try:
        if d.transfer_syntax_uid == _RLE:
            import imagecodecs

            raw = bytes(imagecodecs.dicomrle_decode(stream, "<u1"))
        else:
            raw = zlib.decompressobj(-zlib.MAX_WBITS).decompress(stream, octets + 1)
    except (zlib.error, RuntimeError, ValueError) as error:
        raise PixelError(f"a compressed frame cannot be decoded: {error}") from error
    except ImportError as error:
        raise MissingDecoderError(f"RLE cannot be decoded: {_REMEDY}") from error
    if len(raw) < octets:
        raise PixelError(
            f"{len(raw)} of {octets} bytes are in a compressed frame", reason="truncated-pixels"
        )
    cells: Array
    if d.bits_allocated % 8:
        cells = unpack(raw[:octets], d.bits_allocated, count)
    else:
        cells = np.frombuffer(raw[:octets], f"<u{d.bits_allocated // 8}")
    shape = (d.rows, d.columns) if d.samples == 1 else (d.rows, d.columns, d.samples)
    return cells.reshape(shape)


def note(problems: list[tuple[str, str]], code: str, text: str) -> None:
    """Add a problem once, however many frames have it."""
    if (code, text) not in problems:
        problems.append((code, text))
