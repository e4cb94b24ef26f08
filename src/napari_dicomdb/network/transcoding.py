"""A data set in another transfer syntax, for a node that does not take that of the file.

Only into uncompressed ones, so nothing that the pixels say is lost.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom import codecs
from napari_dicomdb.dicom._attribute_reading import quiet
from napari_dicomdb.dicom._meta import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from napari_dicomdb.dicom.bits import keep_stored_bits
from napari_dicomdb.dicom.description import PixelDescription
from napari_dicomdb.dicom.fragments import frame_index, read_encoded_frame
from napari_dicomdb.dicom.unreadable import unreadable
from napari_dicomdb.dicom.video import VIDEO_SYNTAXES
from napari_dicomdb.errors import DicomDbError, HeaderError, PixelError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["TARGETS", "encode_as"]

TARGETS = (EXPLICIT_LITTLE, IMPLICIT_LITTLE)
"""Transfer syntaxes that a data set can be changed to, the better first."""

_RLE = "1.2.840.10008.1.2.5"
_LOSSY = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 81, 91, 203))
_WORDS = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}


def encode_as(path: str | os.PathLike[str], transfer_syntax_uid: str) -> bytes:
    """Read a file and encode its data set anew, decompressed if need be.

    Parameters
    ----------
    path : path-like
    transfer_syntax_uid : str
        One of `TARGETS`.

    Returns
    -------
    bytes
        The data set, without file meta information.

    Raises
    ------
    PixelError
        If its pixels cannot be decompressed, or are a video (reason "video").
    HeaderError
        If it cannot be read or written.
    OSError
        If the file cannot be read.
    """
    from pydicom import config, dcmread
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_dataset

    if transfer_syntax_uid not in TARGETS:
        raise ValueError(f"cannot encode as {transfer_syntax_uid}")
    target = DicomBytesIO()
    target.is_little_endian = True
    target.is_implicit_VR = transfer_syntax_uid == IMPLICIT_LITTLE
    try:
        # Values that break a rule are the sender's business, not ours.
        with quiet(), config.disable_value_validation():
            dataset = dcmread(path, force=True)
            syntax = str(dataset.file_meta.get("TransferSyntaxUID", ""))
            if syntax == EXPLICIT_BIG:
                _swap_words(dataset)
            elif syntax and _is_compressed(syntax):
                _decompress(dataset, path)
            write_dataset(target, dataset)
    except (DicomDbError, OSError):
        raise
    except unreadable() as error:
        raise HeaderError(
            f"it cannot be encoded anew ({type(error).__name__})", reason="not-transcoded"
        ) from error
    return bytes(target.getvalue())


def _is_compressed(syntax: str) -> bool:
    from pydicom.uid import UID

    uid = UID(syntax)
    return not uid.is_transfer_syntax or uid.is_encapsulated


def _swap_words(dataset: Dataset) -> None:
    """Turn values of words round: pydicom leaves the bytes of OW and its like alone."""
    for element in dataset.iterall():
        size = _WORDS.get(element.VR)
        if size and isinstance(element.value, bytes):
            count = len(element.value) // size * size
            words = np.frombuffer(element.value[:count], f"u{size}").byteswap()
            element.value = words.tobytes() + element.value[count:]


def _decompress(dataset: Dataset, path: str | os.PathLike[str]) -> None:
    description = PixelDescription.from_dataset(dataset)
    syntax = description.transfer_syntax_uid
    if syntax in VIDEO_SYNTAXES:
        raise PixelError("a video is not decompressed for sending", reason="video")
    if description.offset is None:
        raise PixelError("its compressed pixels are not found")
    frames, photometric = _decoded_frames(description, path)
    content = b"".join(frames)
    dataset.PixelData = content + b"\0" * (len(content) % 2)
    dataset["PixelData"].VR = "OB" if description.bits_allocated <= 8 else "OW"
    dataset["PixelData"].is_undefined_length = False
    if description.samples > 1:
        dataset.PhotometricInterpretation = photometric.replace("_422", "")
        dataset.PlanarConfiguration = 0
    if syntax != _RLE:
        dataset.HighBit = description.bits_stored - 1
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in dataset:
            del dataset[keyword]
    if syntax in _LOSSY and dataset.get("LossyImageCompression") != "01":
        dataset.LossyImageCompression = "01"  # PS3.3 Section C.7.6.1.1.5: for ever


def _decoded_frames(
    description: PixelDescription, path: str | os.PathLike[str]
) -> tuple[list[bytes], str]:
    """Decode as stored: no colour is converted but where the codec itself does so."""
    problems: list[tuple[str, str]] = []
    frames: list[bytes] = []
    photometric = description.photometric
    with open(path, "rb", buffering=0) as file:
        facts = os.fstat(file.fileno())
        offset = description.offset or 0
        index = frame_index(
            file,
            os.fspath(path),
            facts.st_size,
            facts.st_mtime_ns,
            offset,
            description.frame_count,
        )
        for frame in range(description.frame_count):
            stream = read_encoded_frame(file, index, frame, facts.st_size)
            if not stream:
                raise PixelError(f"compressed frame {frame} is not there", reason="truncated")
            cells: np.ndarray[Any, Any]
            cells, photometric = codecs.decode(stream, description, problems)
            if description.transfer_syntax_uid != _RLE and cells.dtype.kind in "iu":
                cells = np.array(cells, order="C")
                keep_stored_bits(cells, description.bits_stored, description.bits_stored - 1)
            stored = cells.astype(description.stored_dtype, copy=False)
            frames.append(stored.astype(stored.dtype.newbyteorder("<"), copy=False).tobytes())
    return frames, photometric
