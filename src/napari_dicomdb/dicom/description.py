"""What the header says of the pixels, made usable: size, bits, colour, place in the file."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.bits import container_dtype
from napari_dicomdb.errors import PixelError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydicom.dataset import Dataset

__all__ = ["PixelDescription"]

_IMPLICIT = "1.2.840.10008.1.2"
_EXPLICIT = "1.2.840.10008.1.2.1"
_DEFLATED = "1.2.840.10008.1.2.1.99"
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
# GE wrote little endian headers with big endian pixels under this private syntax.
_GE_PRIVATE = "1.2.840.113619.5.2"
_NATIVE = frozenset({_IMPLICIT, _EXPLICIT, _DEFLATED, _BIG_ENDIAN, _GE_PRIVATE, ""})
_FLOATS: dict[str, np.dtype[Any]] = {
    "FloatPixelData": np.dtype("f4"),
    "DoubleFloatPixelData": np.dtype("f8"),
}


# In the order of the fields, all but the place in the file.
_HEADER_FIELDS = (
    "rows",
    "columns",
    "frame_count",
    "samples",
    "photometric",
    "planar_configuration",
    "bits_allocated",
    "bits_stored",
    "high_bit",
    "pixel_representation",
    "transfer_syntax_uid",
    "keyword",
)
_HEADER_OF = attrgetter(*_HEADER_FIELDS[:-1], "pixel_keyword")


@dataclass(frozen=True, slots=True)
class PixelDescription:
    """All that is needed to read the pixels of one file.

    Attributes
    ----------
    rows, columns, frame_count, samples : int
        Size. samples: SamplesPerPixel.
    photometric : str
        PhotometricInterpretation.
    planar_configuration : int
        0 colour by pixel, 1 colour by plane.
    bits_allocated, bits_stored, high_bit, pixel_representation : int
        As in the header, impossible values corrected.
    transfer_syntax_uid : str
        Of the file.
    keyword : str
        "PixelData", "FloatPixelData" or "DoubleFloatPixelData".
    offset, length : int or None
        Place in the file of the value (compressed: of the Basic Offset Table's
        item); offset None: found by reading the file; length None: compressed.
    """

    rows: int
    columns: int
    frame_count: int = 1
    samples: int = 1
    photometric: str = "MONOCHROME2"
    planar_configuration: int = 0
    bits_allocated: int = 16
    bits_stored: int = 16
    high_bit: int = 15
    pixel_representation: int = 0
    transfer_syntax_uid: str = _EXPLICIT
    keyword: str = "PixelData"
    offset: int | None = None
    length: int | None = None

    @classmethod
    def from_record(cls, record: Any) -> PixelDescription:
        """Describe the pixels of an `InstanceRecord`, or anything with its attributes.

        Raises
        ------
        PixelError
            If the record is of no image.
        """
        return cls.from_records((record,))[0]

    @classmethod
    def from_records(cls, records: Iterable[Any]) -> list[PixelDescription]:
        """Describe the pixels of many records; quick, as most differ in their place only.

        Raises
        ------
        PixelError
            If one of the records is of no image.
        """
        checked: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        found = []
        for record in records:
            header = _HEADER_OF(record)
            fields = checked.get(header)
            if fields is None:
                named = dict(zip(_HEADER_FIELDS, header, strict=True))
                made = _checked(**named, offset=None, length=None)
                fields = checked[header] = tuple(getattr(made, name) for name in _HEADER_FIELDS)
            found.append(cls(*(*fields, record.pixel_offset, record.pixel_length)))
        return found

    @classmethod
    def from_dataset(cls, dataset: Dataset) -> PixelDescription:
        """Describe the pixels of a data set; with their place when read from a file.

        Raises
        ------
        PixelError
            If it is no image.
        """
        keyword = next((k for k in ("PixelData", *_FLOATS) if k in dataset), "")
        meta = getattr(dataset, "file_meta", None)
        uid = str(meta.get("TransferSyntaxUID", "")) if meta is not None else ""
        if not uid and dataset.original_encoding[1] is False:
            uid = _BIG_ENDIAN
        offset = length = None
        if keyword and uid != _DEFLATED and getattr(dataset, "filename", None):
            element = dataset[keyword]
            offset = element.file_tell or None
            if offset is not None and not element.is_undefined_length:
                length = len(element.value)
        return _checked(
            rows=dataset.get("Rows"),
            columns=dataset.get("Columns"),
            frame_count=_frames_of(dataset),
            samples=dataset.get("SamplesPerPixel"),
            photometric=dataset.get("PhotometricInterpretation"),
            planar_configuration=dataset.get("PlanarConfiguration"),
            bits_allocated=dataset.get("BitsAllocated"),
            bits_stored=dataset.get("BitsStored"),
            high_bit=dataset.get("HighBit"),
            pixel_representation=dataset.get("PixelRepresentation"),
            transfer_syntax_uid=uid,
            keyword=keyword,
            offset=offset,
            length=length,
        )

    @property
    def encapsulated(self) -> bool:
        """Whether the frames are fragments of compressed data."""
        return self.transfer_syntax_uid not in _NATIVE

    @property
    def big_endian(self) -> bool:
        """Whether cells have their most significant byte first."""
        return self.transfer_syntax_uid in (_BIG_ENDIAN, _GE_PRIVATE)

    @property
    def native(self) -> bool:
        """Whether a frame is read straight into an array: uncompressed, whole bytes."""
        return (
            self.offset is not None
            and self.transfer_syntax_uid in (_IMPLICIT, _EXPLICIT, "")
            and self.bits_allocated in (8, 16, 32, 64)
            and (self.samples == 1 or self.photometric == "RGB")
            and (self.samples == 1 or self.planar_configuration == 0)
            and self.photometric != "PALETTE COLOR"
        )

    @property
    def is_colour(self) -> bool:
        """Whether `read_frame` gives RGB."""
        return self.samples == 3 or (self.samples == 1 and self.photometric == "PALETTE COLOR")

    @property
    def stored_dtype(self) -> np.dtype[Any]:
        """Type of the stored values, native byte order."""
        return _FLOATS.get(self.keyword) or container_dtype(
            self.bits_allocated, self.pixel_representation == 1
        )

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of what `read_frame` gives: uint8 for palettes, else that of stored values."""
        if self.samples == 1 and self.photometric == "PALETTE COLOR":
            return np.dtype(np.uint8)
        return self.stored_dtype

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """Shape of what `read_frame` gives: (rows, columns) or (rows, columns, 3)."""
        if self.is_colour:
            return (self.rows, self.columns, 3)
        return (self.rows, self.columns) + ((self.samples,) if self.samples > 1 else ())

    @property
    def subsampled(self) -> bool:
        """Whether chroma is stored for every second pixel (uncompressed YBR_FULL_422)."""
        if self.encapsulated or self.samples != 3:
            return False
        if self.photometric not in ("YBR_FULL_422", "YBR_PARTIAL_422"):
            return False
        # Some writers name 4:2:2 and store all chroma: the length tells.
        whole = self.rows * self.columns * 3 * self.bits_allocated // 8 * self.frame_count
        return self.length is None or self.length < whole

    @property
    def frame_bits(self) -> int:
        """Bits of one frame of uncompressed data."""
        cells = self.rows * self.columns * (2 if self.subsampled else self.samples)
        return cells * self.bits_allocated


def _frames_of(dataset: Dataset) -> int:
    # Raw: pydicom would warn of, or refuse, what is not a number.
    if "NumberOfFrames" not in dataset:
        return 1
    try:
        return int(dataset.get_item("NumberOfFrames").value or 1)
    except (TypeError, ValueError):
        return 1


def _checked(**values: Any) -> PixelDescription:
    for name in ("rows", "columns"):
        if not values[name]:
            raise PixelError(f"no image: {name.capitalize()} is absent or 0", reason="no-pixels")
    if not values["keyword"]:
        raise PixelError("no image: no pixel data", reason="no-pixels")
    values["frame_count"] = max(values["frame_count"] or 1, 1)
    values["samples"] = values["samples"] or 1
    values["photometric"] = (values["photometric"] or "").strip() or (
        "RGB" if values["samples"] == 3 else "MONOCHROME2"
    )
    for name in ("planar_configuration", "pixel_representation"):
        values[name] = 1 if values[name] == 1 else 0
    allocated = values["bits_allocated"] or 0
    if values["keyword"] in _FLOATS:
        allocated = 8 * _FLOATS[values["keyword"]].itemsize
    if not 1 <= allocated <= 64:
        raise PixelError(f"BitsAllocated {allocated} is absent or not between 1 and 64")
    stored = values["bits_stored"] or allocated
    stored = stored if 1 <= stored <= allocated else allocated
    high = values["high_bit"] or 0
    if not stored - 1 <= high < allocated:
        high = stored - 1
    values.update(bits_allocated=allocated, bits_stored=stored, high_bit=high)
    return PixelDescription(**values)
