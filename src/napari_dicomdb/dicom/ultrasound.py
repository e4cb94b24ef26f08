"""Calibrated regions of ultrasound images (PS3.3 Section C.8.5.5): what an axis means where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.dicom.spacing import InPlaneSpacing

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["UltrasoundRegion", "choose_region", "region_spacing", "regions_of"]

_SEQUENCE = "SequenceOfUltrasoundRegions"
_FORMATS = {1: "2D", 2: "M-mode", 3: "spectral", 4: "waveform", 5: "graphics"}
_DATA_TYPES = {
    1: "tissue",
    2: "colour flow",
    3: "PW Doppler",
    4: "CW Doppler",
    5: "Doppler mean trace",
    6: "Doppler mode trace",
    7: "Doppler max trace",
    8: "volume trace",
    9: "d(volume)/dt trace",
    10: "ECG trace",
    11: "pulse trace",
    12: "phonocardiogram trace",
    13: "gray bar",
    14: "colour bar",
    15: "integrated backscatter",
    16: "area trace",
    17: "d(area)/dt",
    18: "other physiological",
}
_UNITS = {
    1: "%",
    2: "dB",
    3: "cm",
    4: "s",
    5: "Hz",
    6: "dB/s",
    7: "cm/s",
    8: "cm2",
    9: "cm2/s",
    10: "cm3",
    11: "cm3/s",
    12: "deg",
}
_CM = 3
_PICTURES = frozenset({1, 2})  # data types: tissue, colour flow
SAME_SCALE = 1e-3
"""Relative difference of deltas that two regions of one scale may have."""


@dataclass(frozen=True, slots=True)
class UltrasoundRegion:
    """One region of an image, with the physical meaning of its axes.

    Parameters
    ----------
    spatial_format, data_type : int
        RegionSpatialFormat, RegionDataType; 0 when absent.
    top, left, bottom, right : int
        First and last row and column, from 0, both inside.
    unit_codes : tuple of 2 int
        PhysicalUnitsYDirection (along a column of pixels, downwards) and
        PhysicalUnitsXDirection (along a row, to the right).
    deltas : tuple of 2 float
        PhysicalDeltaY, PhysicalDeltaX: from one pixel to the next, in units;
        may be negative.
    reference_pixel : tuple of 2 float
        Row and column, counted from the region's top left, of the pixel where
        the quantities have `reference_values` (baseline of a Doppler trace).
    reference_values : tuple of 2 float
        ReferencePixelPhysicalValueY and X.
    """

    spatial_format: int
    data_type: int
    top: int
    left: int
    bottom: int
    right: int
    unit_codes: tuple[int, int]
    deltas: tuple[float, float]
    reference_pixel: tuple[float, float] = (0.0, 0.0)
    reference_values: tuple[float, float] = (0.0, 0.0)

    @property
    def units(self) -> tuple[str, str]:
        """Units of the vertical and the horizontal axis, "" when there is none."""
        vertical, horizontal = self.unit_codes
        return _UNITS.get(vertical, ""), _UNITS.get(horizontal, "")

    @property
    def label(self) -> str:
        """What the region shows: "2D tissue", "spectral PW Doppler"."""
        words = (_FORMATS.get(self.spatial_format, ""), _DATA_TYPES.get(self.data_type, ""))
        return " ".join(word for word in words if word) or "region"

    @property
    def area(self) -> int:
        """Pixels inside."""
        return (self.bottom - self.top + 1) * (self.right - self.left + 1)

    @property
    def spacing(self) -> tuple[float, float] | None:
        """Between rows, between columns, mm; None unless both axes are lengths."""
        if self.unit_codes != (_CM, _CM):
            return None
        row, column = (10 * abs(delta) for delta in self.deltas)
        return (row, column) if 0 < row < 1e3 and 0 < column < 1e3 else None

    def contains(self, row: float, column: float) -> bool:
        """Whether a pixel lies in the region."""
        return self.top <= row <= self.bottom and self.left <= column <= self.right

    def physical(self, row: float, column: float) -> tuple[float, float]:
        """Vertical and horizontal physical value at a pixel of the image, in `units`.

        Notes
        -----
        PS3.3 Section C.8.5.5.1.4 and following: the reference pixel is counted
        from the region's top left corner and may lie outside of it.
        """
        places = (row - self.top, column - self.left)
        y, x = (
            value + delta * (place - pixel)
            for value, delta, place, pixel in zip(
                self.reference_values, self.deltas, places, self.reference_pixel, strict=True
            )
        )
        return y, x


def regions_of(values: Mapping[str, Any]) -> tuple[UltrasoundRegion, ...]:
    """Return the usable regions that kept header values describe, in the file's order.

    Parameters
    ----------
    values : mapping
        With "SequenceOfUltrasoundRegions" (number of items) and the columns
        "SequenceOfUltrasoundRegions.PhysicalDeltaX" and so on.
    """
    count = values.get(_SEQUENCE)
    if not isinstance(count, int):
        return ()
    regions = []
    for item in range(count):

        def number(keyword: str, item: int = item) -> float | None:
            column = values.get(f"{_SEQUENCE}.{keyword}")
            value = column[item] if isinstance(column, list) and item < len(column) else None
            return value if isinstance(value, (int, float)) else None

        bounds = [number(f"RegionLocation{end}") for end in ("MinY0", "MinX0", "MaxY1", "MaxX1")]
        if None in bounds:
            continue
        top, left, bottom, right = (int(bound or 0) for bound in bounds)
        if bottom < top or right < left:
            continue
        regions.append(
            UltrasoundRegion(
                int(number("RegionSpatialFormat") or 0),
                int(number("RegionDataType") or 0),
                top,
                left,
                bottom,
                right,
                (
                    int(number("PhysicalUnitsYDirection") or 0),
                    int(number("PhysicalUnitsXDirection") or 0),
                ),
                (number("PhysicalDeltaY") or 0.0, number("PhysicalDeltaX") or 0.0),
                (number("ReferencePixelY0") or 0.0, number("ReferencePixelX0") or 0.0),
                (
                    number("ReferencePixelPhysicalValueY") or 0.0,
                    number("ReferencePixelPhysicalValueX") or 0.0,
                ),
            )
        )
    return tuple(regions)


def choose_region(
    regions: tuple[UltrasoundRegion, ...], rows: int, columns: int
) -> UltrasoundRegion | None:
    """Return the region whose scale the whole image is shown in, None without one.

    Among 2D regions with lengths on both axes: tissue or colour flow before
    others, then the one with the image's centre in it, then the largest.
    """
    scaled = [r for r in regions if r.spacing is not None and r.spatial_format in (0, 1)]
    if not scaled:
        return None
    centre = ((rows - 1) / 2, (columns - 1) / 2)
    return max(scaled, key=lambda r: (r.data_type in _PICTURES, r.contains(*centre), r.area))


def region_spacing(values: Mapping[str, Any], rows: int, columns: int) -> InPlaneSpacing | None:
    """Choose the spacing of an ultrasound image from its regions, None when they have none.

    Parameters
    ----------
    values : mapping
        Kept header values.
    rows, columns : int
        Of the image.

    Returns
    -------
    InPlaneSpacing or None
        Its finding says where in the image the spacing does not hold.
    """
    regions = regions_of(values)
    chosen = choose_region(regions, rows, columns)
    if chosen is None or chosen.spacing is None:
        return None
    row, column = chosen.spacing
    # One pixel of grace: some writers give the edge behind the last pixel. Beyond one edge
    # only, the image was cropped and keeps its scale; beyond both, it may have been scaled.
    if chosen.bottom > rows and chosen.right > columns:
        return _beyond(chosen, row, column, rows, columns)
    others = [r for r in regions if r is not chosen and not _same_scale(r, chosen)]
    if not others:
        return InPlaneSpacing(row, column, "mm, calibrated (ultrasound region)", True)
    kinds = ", ".join(dict.fromkeys(r.label for r in others))
    return InPlaneSpacing(
        row,
        column,
        f"mm in the region of {chosen.label}",
        True,
        Finding(
            FindingCode.UNCALIBRATED_SPACING,
            Severity.INFO,
            f"The spacing holds in the region of {chosen.label} (rows {chosen.top} to "
            f"{chosen.bottom}, columns {chosen.left} to {chosen.right}); {len(others)} of "
            f"{len(regions)} regions have another scale: {kinds}",
            {
                "keyword": _SEQUENCE,
                "row_mm": row,
                "column_mm": column,
                "region": [chosen.top, chosen.left, chosen.bottom, chosen.right],
                "others": len(others),
            },
        ),
    )


def _beyond(
    region: UltrasoundRegion, row: float, column: float, rows: int, columns: int
) -> InPlaneSpacing:
    return InPlaneSpacing(
        row,
        column,
        "mm, unverified: the ultrasound region exceeds the image",
        False,
        Finding(
            FindingCode.BAD_HEADER_VALUE,
            Severity.WARNING,
            f"The ultrasound region ends at row {region.bottom}, column {region.right} of an "
            f"image of {rows} × {columns}: it was cropped or scaled afterwards, and lengths are "
            "wrong if it was scaled",
            {
                "keyword": _SEQUENCE,
                "region_end": [region.bottom, region.right],
                "image": [rows, columns],
            },
        ),
    )


def _same_scale(one: UltrasoundRegion, other: UltrasoundRegion) -> bool:
    if one.spacing is None or other.spacing is None:
        return False
    return all(
        abs(a - b) <= SAME_SCALE * b for a, b in zip(one.spacing, other.spacing, strict=True)
    )
