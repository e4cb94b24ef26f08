"""Which pixels go black: rectangles, all outside of ultrasound regions, presets of devices."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from napari_dicomdb.errors import ExportError, NotFoundError
from napari_dicomdb.settings import change_settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydicom import Dataset

__all__ = [
    "BlackoutPreset",
    "Rectangle",
    "blackout_presets",
    "parse_rectangle",
    "remove_preset",
    "save_preset",
    "ultrasound_regions",
]

_RECTANGLE = re.compile(r"(\d{1,9}),(\d{1,9}),(\d{1,9}),(\d{1,9})(?:@([A-Za-z0-9.]+))?")
_SETTING = "blackout_presets"
_GRAPHICS = 5  # RegionSpatialFormat of what is drawn, and may be text


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Pixels to black out in all frames.

    Parameters
    ----------
    x, y, width, height : int
        Columns and rows of the upper left corner, counted from 0; pixels.
    where : str
        A Modality, SeriesInstanceUID or SOPInstanceUID; "" for all images.
    """

    x: int
    y: int
    width: int
    height: int
    where: str = ""

    def __post_init__(self) -> None:
        if min(self.x, self.y) < 0 or min(self.width, self.height) < 1:
            raise ExportError(
                "a rectangle begins at 0,0 or later and is at least one pixel large",
                reason="bad-rectangle",
            )

    def __str__(self) -> str:
        """Return it as `parse_rectangle` reads it."""
        numbers = f"{self.x},{self.y},{self.width},{self.height}"
        return f"{numbers}@{self.where}" if self.where else numbers

    def concerns(self, modality: str, series_uid: str, uid: str) -> bool:
        """Tell whether it is for this image."""
        return self.where in ("", series_uid, uid) or self.where.upper() == modality.upper()


def parse_rectangle(text: str) -> Rectangle:
    """Read "x,y,width,height" with, after "@", a modality or a UID.

    Raises
    ------
    ExportError
        If it is written otherwise.

    Examples
    --------
    >>> parse_rectangle("0,0,640,48@US").where
    'US'
    """
    match = _RECTANGLE.fullmatch(text.strip().replace(" ", ""))
    if match is None:
        raise ExportError(
            f"{text!r:.80} is no rectangle: write x,y,width,height or x,y,width,height@MODALITY",
            reason="bad-rectangle",
        )
    x, y, width, height = (int(match[n]) for n in range(1, 5))
    return Rectangle(x, y, width, height, match[5] or "")


def ultrasound_regions(dataset: Dataset) -> list[Rectangle]:
    """Return where an image says that its measurable regions are (PS3.3 C.8.5.5).

    Parameters
    ----------
    dataset : Dataset
        The header, as it was.

    Returns
    -------
    list of Rectangle
        Cut to the image, without those of graphics. Empty when there are none, when
        one of them is unreadable or the whole image: then they tell nothing about text.
    """
    rows, columns = _number(dataset, "Rows"), _number(dataset, "Columns")
    found: list[Rectangle] = []
    for item in dataset.get("SequenceOfUltrasoundRegions") or ():
        if item.get("RegionSpatialFormat") == _GRAPHICS:
            continue
        corners = [
            _number(item, f"RegionLocation{corner}")
            for corner in ("MinX0", "MinY0", "MaxX1", "MaxY1")
        ]
        x0, y0, x1, y1 = (-1 if one is None else one for one in corners)
        if not rows or not columns or min(x0, y0) < 0 or x1 < x0 or y1 < y0:
            return []
        # Both corners are within the region.
        width, height = min(x1 + 1, columns) - x0, min(y1 + 1, rows) - y0
        if width < 1 or height < 1:
            return []
        found.append(Rectangle(x0, y0, width, height))
    whole = any((r.width, r.height) == (columns, rows) for r in found)
    return [] if whole else found


def _number(dataset: Dataset, keyword: str) -> int | None:
    value = dataset.get(keyword)
    return int(value) if isinstance(value, int) else None


@dataclass(frozen=True, slots=True)
class BlackoutPreset:
    """Rectangles for all images that a kind of device makes in one size.

    Parameters
    ----------
    name : str
    modality, manufacturer, model : str
        As headers say them, in any case; "" for any.
    rows, columns : int
        Size of the images; rectangles for another size would miss.
    rectangles : tuple of Rectangle
    """

    name: str
    modality: str
    manufacturer: str
    model: str
    rows: int
    columns: int
    rectangles: tuple[Rectangle, ...]

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.rectangles or min(self.rows, self.columns) < 1:
            raise ExportError(
                "a preset has a name, the size of the images, and rectangles",
                reason="bad-preset",
            )

    @classmethod
    def of_image(
        cls, name: str, dataset: Dataset, rectangles: Iterable[Rectangle]
    ) -> BlackoutPreset:
        """Return the preset for all images like this one.

        Raises
        ------
        ExportError
            If the header has no size, or there are no rectangles.
        """
        return cls(
            name.strip(),
            _text(dataset, "Modality"),
            _text(dataset, "Manufacturer"),
            _text(dataset, "ManufacturerModelName"),
            _number(dataset, "Rows") or 0,
            _number(dataset, "Columns") or 0,
            tuple(replace(one, where="") for one in rectangles),
        )

    def fits(self, dataset: Dataset) -> bool:
        """Tell whether an image is of that kind of device, and of that size."""
        sizes = (_number(dataset, "Rows"), _number(dataset, "Columns"))
        return sizes == (self.rows, self.columns) and all(
            wanted.casefold() in ("", _text(dataset, keyword).casefold())
            for wanted, keyword in (
                (self.modality, "Modality"),
                (self.manufacturer, "Manufacturer"),
                (self.model, "ManufacturerModelName"),
            )
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as the settings and jobs keep it."""
        return {**asdict(self), "rectangles": [str(one) for one in self.rectangles]}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> BlackoutPreset:
        """Return what `to_json` kept.

        Raises
        ------
        ExportError
            If it is none.
        """
        try:
            rectangles = tuple(parse_rectangle(str(one)) for one in values["rectangles"])
            return cls(
                str(values["name"]),
                str(values["modality"]),
                str(values["manufacturer"]),
                str(values["model"]),
                int(values["rows"]),
                int(values["columns"]),
                rectangles,
            )
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, ExportError):
                raise
            raise ExportError("that is no preset", reason="bad-preset") from error


def _text(dataset: Dataset, keyword: str) -> str:
    return str(dataset.get(keyword) or "").strip(" \0")


def blackout_presets() -> tuple[BlackoutPreset, ...]:
    """Return the presets that the user keeps, by name; damaged entries are left out."""
    kept = load_settings().others.get(_SETTING)
    found: list[BlackoutPreset] = []
    for one in kept if isinstance(kept, list) else ():
        try:
            found.append(BlackoutPreset.from_json(one))
        except ExportError:
            continue
    return tuple(sorted(found, key=lambda preset: preset.name.casefold()))


def save_preset(preset: BlackoutPreset) -> None:
    """Keep a preset in the settings; one of the same name is replaced."""
    others = [one for one in blackout_presets() if one.name != preset.name]
    _keep([*others, preset])


def remove_preset(name: str) -> None:
    """Forget a preset.

    Raises
    ------
    NotFoundError
        If there is none of that name.
    """
    presets = blackout_presets()
    left = [one for one in presets if one.name != name]
    if len(left) == len(presets):
        raise NotFoundError(f"there is no preset called {name!r:.80}")
    _keep(left)


def _keep(presets: Iterable[BlackoutPreset]) -> None:
    values = [one.to_json() for one in presets]
    change_settings(lambda s: replace(s, others=MappingProxyType({**s.others, _SETTING: values})))
