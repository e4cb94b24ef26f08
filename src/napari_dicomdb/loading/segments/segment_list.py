"""What a segmentation says of itself and of its segments (PS3.3 Section C.8.20.2)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom.display_colours import CYCLE, cielab_to_rgb
from napari_dicomdb.dicom.photometric import palette_from_dataset
from napari_dicomdb.dicom.structure_colours import structure_colour, varied
from napari_dicomdb.dicom.unreadable import unreadable
from napari_dicomdb.errors import LoadError, PixelError
from napari_dicomdb.loading.pictures.headers import (
    items,
    read_header,
    referenced_uids,
    values_of,
)

if TYPE_CHECKING:
    from pydicom import Dataset

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.dicom.photometric import Palette

__all__ = [
    "LABEL_MAP_STORAGE",
    "SEGMENTATION_STORAGE",
    "Code",
    "Segment",
    "SegmentList",
    "read_segment_list",
    "segment_list_of",
]

SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.4"
LABEL_MAP_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"

_AFTER_SEGMENTS = 0x00700000  # everything about segments, and palettes, has a smaller tag
_BACKGROUND = ("125040", "DCM")
_LONGEST_TEXT = 1024


@dataclass(frozen=True, slots=True)
class Code:
    """A coded concept: value, scheme ("SCT", "DCM", "FMA", "99XYZ"), meaning."""

    value: str
    scheme: str
    meaning: str

    def __str__(self) -> str:
        return f"{self.scheme} {self.value}"


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a segmentation.

    Parameters
    ----------
    number : int
        SegmentNumber.
    value : int
        What stands for it in the labels array; not 0.
    label, description : str
    colour : tuple of 3 int
        Red, green, blue, 0 to 255: of the palette, else recommended, else by what the
        segment is (`dicom.structure_colours`), else by its number.
    algorithm_type, algorithm_name : str
    category, type, type_modifier, region, region_modifier : Code or None
        Segmented property category, type and its modifier; anatomic region and
        its modifier.
    tracking_id, tracking_uid : str
    """

    number: int
    value: int
    label: str
    colour: tuple[int, int, int]
    description: str = ""
    algorithm_type: str = ""
    algorithm_name: str = ""
    category: Code | None = None
    type: Code | None = None
    type_modifier: Code | None = None
    region: Code | None = None
    region_modifier: Code | None = None
    tracking_id: str = ""
    tracking_uid: str = ""

    def features(self) -> dict[str, Any]:
        """Return what stands in its row of ``layer.features``."""
        row: dict[str, Any] = {
            "index": self.value,
            "name": self.label,
            "number": self.number,
            "description": self.description,
        }
        for key in ("category", "type", "type_modifier", "region", "region_modifier"):
            code: Code | None = getattr(self, key)
            row[key] = "" if code is None else code.meaning
            row[f"{key}_code"] = "" if code is None else str(code)
        return row | {
            "algorithm_type": self.algorithm_type,
            "algorithm_name": self.algorithm_name,
            "tracking_id": self.tracking_id,
            "tracking_uid": self.tracking_uid,
            "colour": "#{:02x}{:02x}{:02x}".format(*self.colour),
        }


@dataclass(frozen=True, eq=False)
class SegmentList:
    """What the header of a segmentation says, but for its frames.

    Parameters
    ----------
    kind : str
        "BINARY", "FRACTIONAL" or "LABELMAP".
    segments : tuple of Segment
        By number; of a label map without the one that is its background.
    background : int
        Stored value of a label map that is no segment.
    maximum : float
        MaximumFractionalValue.
    fractional_type : str
        "PROBABILITY" or "OCCUPANCY", "" when not said.
    label : str
        ContentLabel.
    references : tuple of str
        SOP Instance UIDs of the images that it was made on, as far as the header names
        them at its top.
    palette : Palette or None
        Of a label map with colours of its own.
    """

    kind: str
    segments: tuple[Segment, ...]
    background: int = 0
    maximum: float = 255.0
    fractional_type: str = ""
    label: str = ""
    references: tuple[str, ...] = ()
    palette: Palette | None = None

    def with_numbers(self, numbers: set[int]) -> tuple[Segment, ...]:
        """Return the segments, with one for each of `numbers` that the header does not list."""
        known = {s.number for s in self.segments}
        added = [
            Segment(
                n,
                n or max(numbers | known) + 1,
                f"Segment {n}",
                _of_palette(self.palette, n) or _cyclic(n),
            )
            for n in sorted(numbers - known)
            if self.kind != "LABELMAP" or n != self.background
        ]
        return tuple(sorted((*self.segments, *added), key=lambda s: s.number))


def read_segment_list(record: InstanceRecord) -> SegmentList:
    """Read what a segmentation says of itself; no frame is read.

    Raises
    ------
    LoadError
        If its header cannot be read.
    """
    try:
        header = read_header(record.path, lambda tag: tag >= _AFTER_SEGMENTS)
    except OSError as error:
        raise LoadError(
            f"{record.path}: {error.strerror or error}", reason="file-missing"
        ) from error
    except PixelError as error:
        raise LoadError(str(error), reason=error.reason) from error
    return segment_list_of(header, record)


def segment_list_of(header: Dataset, record: InstanceRecord) -> SegmentList:
    """Return what a header, read up to its pixels, says of a segmentation."""
    kind = _text(header, "SegmentationType").upper()
    if record.sop_class_uid == LABEL_MAP_STORAGE or kind == "LABELMAP":
        kind = "LABELMAP"
    elif kind != "FRACTIONAL":
        kind = "BINARY"
    palette = None
    if record.photometric == "PALETTE COLOR":
        try:
            palette = palette_from_dataset(header)
        except PixelError:
            palette = None  # the colours of the segments take its place
    described = [
        (_integer(item, "SegmentNumber", place), item)
        for place, item in enumerate(items(header, "SegmentSequence"), 1)
    ]
    background = _background(header, described) if kind == "LABELMAP" else 0
    highest = max([number for number, _ in described], default=0)
    segments: dict[int, Segment] = {}
    colours = _Colours(palette)
    for number, item in described:
        if number in segments or (kind == "LABELMAP" and number == background):
            continue
        # 0 is nothing in napari: a segment of that number takes the first free one.
        segments[number] = _segment(item, number, number or highest + 1, colours)
    return SegmentList(
        kind,
        tuple(segments[number] for number in sorted(segments)),
        background,
        float(_integer(header, "MaximumFractionalValue", 255)) or 255.0,
        _text(header, "SegmentationFractionalType").upper(),
        _text(header, "ContentLabel"),
        tuple(dict.fromkeys(referenced_uids(header, limit=100_000))),
        palette,
    )


def _background(header: Dataset, described: list[tuple[int, Dataset]]) -> int:
    """Return the stored value that is no segment: the padding, else what is called so, else 0."""
    if values_of(header, "PixelPaddingValue"):
        return _integer(header, "PixelPaddingValue", 0)
    for number, item in described:
        code = _code(item, "SegmentedPropertyTypeCodeSequence")
        if code is not None and (code.value, code.scheme) == _BACKGROUND:
            return number
    return 0


def _segment(item: Dataset, number: int, value: int, colours: _Colours) -> Segment:
    kind = next(iter(items(item, "SegmentedPropertyTypeCodeSequence")), None)
    region = next(iter(items(item, "AnatomicRegionSequence")), None)
    codes = (
        _code(item, "SegmentedPropertyTypeCodeSequence"),
        _code(item, "AnatomicRegionSequence"),
    )
    return Segment(
        number,
        value,
        _text(item, "SegmentLabel") or f"Segment {number}",
        colours.of(item, number, codes),
        _text(item, "SegmentDescription"),
        _text(item, "SegmentAlgorithmType"),
        _text(item, "SegmentAlgorithmName"),
        _code(item, "SegmentedPropertyCategoryCodeSequence"),
        codes[0],
        None if kind is None else _code(kind, "SegmentedPropertyTypeModifierCodeSequence"),
        codes[1],
        None if region is None else _code(region, "AnatomicRegionModifierSequence"),
        _text(item, "TrackingID"),
        _text(item, "TrackingUID"),
    )


class _Colours:
    """Chooses the colours of segments: palette, recommended, by what they are, by number."""

    def __init__(self, palette: Palette | None) -> None:
        self._palette = palette
        self._given: Counter[tuple[int, int, int]] = Counter()

    def of(
        self, item: Dataset, number: int, codes: tuple[Code | None, ...]
    ) -> tuple[int, int, int]:
        known = _of_palette(self._palette, number)
        if known is not None:
            return known
        try:
            return cielab_to_rgb(values_of(item, "RecommendedDisplayCIELabValue"))
        except (TypeError, ValueError):
            # The type says it; where that is as general as "tissue", the region may.
            for code in codes:
                if code is None:
                    continue
                found = structure_colour(code.value, code.scheme, code.meaning)
                if found is not None:
                    self._given[found] += 1
                    return varied(found, self._given[found] - 1)
            return _cyclic(number)


def _of_palette(palette: Palette | None, number: int) -> tuple[int, int, int] | None:
    if palette is None:
        return None
    import numpy as np

    try:
        red, green, blue = palette.apply(np.array([number], np.uint16))[0].tolist()
    except unreadable():
        return None
    return int(red), int(green), int(blue)


def _cyclic(number: int) -> tuple[int, int, int]:
    return CYCLE[(number - 1) % len(CYCLE)]


def _code(item: Dataset, keyword: str) -> Code | None:
    for one in items(item, keyword)[:1]:
        value = (
            _text(one, "CodeValue") or _text(one, "LongCodeValue") or _text(one, "URNCodeValue")
        )
        meaning = _text(one, "CodeMeaning")
        if value or meaning:
            return Code(value, _text(one, "CodingSchemeDesignator"), meaning)
    return None


def _text(item: Dataset, keyword: str) -> str:
    found = values_of(item, keyword)
    text = "\\".join(str(one) for one in found)[:_LONGEST_TEXT]
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text).strip()


def _integer(item: Dataset, keyword: str, otherwise: int) -> int:
    try:
        return int(values_of(item, keyword)[0])
    except (IndexError, TypeError, ValueError):
        return otherwise
