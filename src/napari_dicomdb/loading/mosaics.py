"""Sheets of tiles: which slices a Siemens mosaic or a UIH grid holds, and where they are.

A whole volume is stored as one image, tile beside tile. For everything that
groups, sorts and reads, each tile is a frame (`loading.frames`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.dicom.pixels import PixelDescription, read_frame
from napari_dicomdb.dicom.values import parse_ds
from napari_dicomdb.errors import PixelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_dicomdb.database.records import InstanceRecord

__all__ = ["Tiling", "is_sheet", "sheets_among", "tilings_of"]

# Asked of the stored JSON first: series without mosaics must not pay for them.
_HINTS = ("MOSAIC", "VFRAME", "NumberOfImagesInMosaic", "SIEMENS_0019_100A")
_COUNTS = ("SIEMENS_CSA_NumberOfImagesInMosaic", "SIEMENS_0019_100A", "UIH_0065_1050")
_USED = (
    *_COUNTS,
    "SIEMENS_CSA_SliceNormalVector",
    "UIH_0065_1051.ImagePositionPatient",
    "SpacingBetweenSlices",
    "SliceThickness",
    "AcquisitionMatrix",
)
_MOST_ACROSS = 32
_ALONG = 0.9  # cosine: less is no normal of these slices


@dataclass(frozen=True, eq=False)
class Tiling:
    """How one sheet is cut, and where the slices are.

    Parameters
    ----------
    count : int
        Slices; tiles beyond are empty.
    across : int
        Tiles beside each other.
    rows, columns : int
        Of a tile.
    positions : (count, 3) ndarray of float
        Centre of the first pixel of each slice, LPS mm.
    findings : tuple of Finding
        What had to be assumed.
    """

    count: int
    across: int
    rows: int
    columns: int
    positions: NDArray[np.float64]
    findings: tuple[Finding, ...] = ()

    def crop(self, sheet: NDArray[Any], tile: int) -> NDArray[Any]:
        """Return slice `tile` (from 0) of the decoded sheet, a view."""
        down, beside = divmod(tile, self.across)
        top, left = down * self.rows, beside * self.columns
        return sheet[top : top + self.rows, left : left + self.columns]


def is_sheet(record: InstanceRecord) -> bool:
    """Return whether the header says that the image is a sheet of tiles."""
    if not (_hinted_at(record.defaults_json) or _hinted_at(record.overrides_json)):
        return False
    if record.frame_count > 1 or record.frames_json is not None:
        return False  # each frame is a slice of its own
    words = str(record.values.get("ImageType") or "").upper().split("\\")
    if "MOSAIC" in words:
        return _stated_count(record) != 1
    return "VFRAME" in words or _stated_count(record) > 1


def sheets_among(records: Sequence[InstanceRecord]) -> list[bool]:
    """Return of each record `is_sheet`; what a whole series shares is looked at once."""
    hinted: dict[int, bool] = {}  # by the string object that the records of a series share
    for record in records:
        if id(record.defaults_json) not in hinted:
            hinted[id(record.defaults_json)] = _hinted_at(record.defaults_json)
    return [
        (hinted[id(r.defaults_json)] or _hinted_at(r.overrides_json)) and is_sheet(r)
        for r in records
    ]


def _hinted_at(text: str) -> bool:
    # Plain searches: a pattern of alternatives takes ten times as long.
    a, b, c, d = _HINTS
    return a in text or b in text or c in text or d in text


def tilings_of(records: Sequence[InstanceRecord]) -> list[Tiling | Finding | None]:
    """Return how the images of `records` are cut; None for what is no sheet.

    A Finding says why a sheet cannot be cut: it is shown as it is. No file is
    opened, unless neither the header nor its private part says how many slices
    there are: then the tiles of the first sheet are counted.
    """
    counts: dict[object, int] = {}
    # The volumes of a time course are alike: one tiling serves them all.
    known: dict[object, Tiling | Finding] = {}
    return [
        _known_cut(r, counts, known) if sheet else None
        for r, sheet in zip(records, sheets_among(records), strict=True)
    ]


def _known_cut(
    record: InstanceRecord, counts: dict[object, int], known: dict[object, Tiling | Finding]
) -> Tiling | Finding:
    values = record.values
    key = (
        *(record.series_uid, record.rows, record.columns),
        *(record.position, record.orientation, record.pixel_spacing),
        *(str(values.get(keyword)) for keyword in _USED),
    )
    cut = known.get(key)
    if cut is None:
        cut = known[key] = _cut(record, counts)
    return cut


def _cut(record: InstanceRecord, counts: dict[object, int]) -> Tiling | Finding:
    """Return how a sheet is cut, or why it cannot be."""
    count = _stated_count(record)
    places = record.values.get("UIH_0065_1051.ImagePositionPatient")
    if isinstance(places, list) and places:
        return _by_positions(record, count, places)
    return _by_normal(record, count, counts)


def _by_positions(record: InstanceRecord, count: int, places: Sequence[Any]) -> Tiling | Finding:
    positions = np.array([_numbers(place, 3) or (np.nan,) * 3 for place in places])
    findings: tuple[Finding, ...] = ()
    if count > 1 and count != len(places):
        text = f"The grid should have {count} slices, positions are there for {len(places)}"
        findings = (_assumed(text, stated=count, positions=len(places)),)
    count = len(places)
    across = math.ceil(math.sqrt(count))
    down = math.ceil(count / across)
    if record.rows % down or record.columns % across:
        return _uncut(record, f"it cannot hold {across} × {down} tiles of one size")
    if not np.isfinite(positions).all():
        return _uncut(record, "the positions of its slices are incomplete")
    return Tiling(
        count, across, record.rows // down, record.columns // across, positions, findings
    )


def _by_normal(record: InstanceRecord, count: int, counts: dict[object, int]) -> Tiling | Finding:
    if record.position is None or record.orientation is None or record.pixel_spacing is None:
        return _uncut(record, "it has no position, orientation or pixel spacing")
    findings: list[Finding] = []
    if count > 1:
        across = math.ceil(math.sqrt(count))
    else:
        across = _across_by_matrix(record)
        if not across:
            return _uncut(record, f"nothing says how many slices it has{_whose(record)}")
        key = (record.series_uid, record.rows, record.columns, across)
        if key not in counts:
            counts[key] = _counted(record, across)
        count = counts[key]
        text = (
            f"The number of slices in the mosaic is not stated{_whose(record)}: {count} tiles of "
            f"{across} × {across} are not empty"
        )
        findings.append(_assumed(text, slices=count))
    if across > _MOST_ACROSS or record.rows % across or record.columns % across:
        return _uncut(record, f"it cannot hold {across} × {across} tiles of one size")
    rows, columns = record.rows // across, record.columns // across
    distance = _distance(record, findings)
    if distance is None:
        return _uncut(record, "the distance between its slices is not stated")
    row, column = np.array(record.orientation[:3]), np.array(record.orientation[3:])
    normal = np.cross(row, column) * _sign(record, np.cross(row, column), findings)
    between_rows, between_columns = record.pixel_spacing
    first = (
        np.array(record.position)
        + row * between_columns * (record.columns - columns) / 2
        + column * between_rows * (record.rows - rows) / 2
    )
    positions = first + np.arange(count)[:, None] * (distance * normal)
    return Tiling(count, across, rows, columns, positions, tuple(findings))


def _sign(record: InstanceRecord, normal: NDArray[np.float64], findings: list[Finding]) -> int:
    """Whether slices follow each other along the normal of the image (1) or against it (-1)."""
    stated = record.values.get("SIEMENS_CSA_SliceNormalVector")
    if isinstance(stated, list) and len(stated) == 3:
        along = float(normal @ np.array(stated, dtype=np.float64))
        if abs(along) >= _ALONG:
            return 1 if along > 0 else -1
        text = "SliceNormalVector is no normal of the slices"
    else:
        text = "The CSA header with SliceNormalVector is not there"
    findings.append(
        _assumed(
            f"{text}: that the slices of the mosaic follow each other along the normal of the "
            "image is assumed; the volume may be upside down"
        )
    )
    return 1


def _distance(record: InstanceRecord, findings: list[Finding]) -> float | None:
    # The one place where SpacingBetweenSlices is right: tiles have no positions of their own.
    between = _number(record.values.get("SpacingBetweenSlices"))
    if between:
        return abs(between)
    thickness = _number(record.values.get("SliceThickness"))
    if not thickness:
        return None
    text = "SpacingBetweenSlices is not there: SliceThickness is taken as distance of the slices"
    findings.append(_assumed(f"{text} ({thickness:g} mm), gaps are not seen", mm=thickness))
    return abs(thickness)


def _stated_count(record: InstanceRecord) -> int:
    """How many slices the header says, 0 when it does not."""
    for keyword in _COUNTS:
        number = _number(record.values.get(keyword))
        if number and number >= 1 and number.is_integer() and number <= _MOST_ACROSS**2:
            return int(number)
    return 0


def _across_by_matrix(record: InstanceRecord) -> int:
    """How many tiles beside each other AcquisitionMatrix lets expect, 0 when it does not."""
    matrix = record.values.get("AcquisitionMatrix")
    sizes = {n for n in matrix if isinstance(n, int) and n > 0} if isinstance(matrix, list) else ()
    for size in sorted(sizes, reverse=True):  # phase field of view may be shorter
        for scale in (1, 2):  # interpolated
            across = record.columns // (size * scale)
            if (
                2 <= across <= _MOST_ACROSS
                and across * size * scale == record.columns
                and record.rows % across == 0
            ):
                return across
    return 0


def _counted(record: InstanceRecord, across: int) -> int:
    """Tiles up to the last that is not empty; as many as fit when that cannot be told."""
    last = _last_filled(_Sheet(record, (str(record.path), record.file_mtime_ns, across)))
    # With fewer slices the sheet would have fewer tiles: those at the end are empty slices.
    return max(last, (across - 1) ** 2 + 1)


class _Sheet:
    """A sheet for the cache: equal by file and number of tiles."""

    __slots__ = ("_key", "record")

    def __init__(self, record: InstanceRecord, key: tuple[str, int, int]) -> None:
        self.record, self._key = record, key

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Sheet) and self._key == other._key

    @property
    def across(self) -> int:
        return self._key[2]


@lru_cache(maxsize=4096)
def _last_filled(sheet: _Sheet) -> int:
    record, across = sheet.record, sheet.across
    try:
        pixels = read_frame(record.path, PixelDescription.from_record(record))
    except (PixelError, OSError, MemoryError):
        return across**2
    rows, columns = record.rows // across, record.columns // across
    tiles = pixels[: rows * across, : columns * across]
    filled = tiles.reshape(across, rows, across, columns).any(axis=(1, 3)).ravel()
    return int(np.flatnonzero(filled)[-1]) + 1 if filled.any() else across**2


def _whose(record: InstanceRecord) -> str:
    """Say who reserved group 0019 when it was not Siemens."""
    creator = record.values.get("PrivateCreator_0019")
    return f" (group 0019 is that of “{creator}”)" if creator else ""


def _assumed(text: str, **numbers: Any) -> Finding:
    return Finding(FindingCode.MOSAIC_ASSUMED, Severity.WARNING, text, numbers)


def _uncut(record: InstanceRecord, why: str) -> Finding:
    text = f"A sheet of tiles ({record.columns} × {record.rows}) is shown as it is: {why}"
    return Finding(FindingCode.MOSAIC_ASSUMED, Severity.WARNING, text)


def _number(value: Any) -> float | None:
    numbers = (float(value),) if isinstance(value, (int, float)) else _parsed(value)
    return numbers[0] if numbers and math.isfinite(numbers[0]) else None


def _numbers(value: Any, count: int) -> tuple[float, ...] | None:
    numbers = _parsed(value)
    return numbers if len(numbers) == count else None


def _parsed(value: Any) -> tuple[float, ...]:
    return tuple(parse_ds(value, lenient=True)) if isinstance(value, str) and value else ()
