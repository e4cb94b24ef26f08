"""Real-world values: what stored values mean, of which quantity, in which unit.

A mapping applies to stored values, before and without the modality LUT
(PS3.3 Section C.7.6.16.2.11.1.2). One image may have several: pieces of one
map for different ranges of stored values, and maps to different quantities.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = [
    "SEQUENCE",
    "RealWorldMap",
    "RealWorldValueMapping",
    "mappings_of_dataset",
    "mappings_of_text",
    "mappings_of_values",
    "maps_of",
    "real_world_dtype",
]

SEQUENCE = "RealWorldValueMappingSequence"
_UNITLESS = frozenset({"", "1", "{no units}", "no units"})


@dataclass(frozen=True, eq=False)
class RealWorldValueMapping:
    """One item of RealWorldValueMappingSequence.

    Parameters
    ----------
    slope : float or None
        RealWorldValueSlope; None when a table maps the values.
    intercept : float
        RealWorldValueIntercept.
    first, last : float or None
        Stored values that are mapped, both ends included; None when the
        mapping holds for all.
    label, explanation : str
        LUTLabel, LUTExplanation.
    units : str
        Code of MeasurementUnitsCodeSequence, UCUM as a rule: "mm2/s".
    quantity : str
        Meaning of the quantity in QuantityDefinitionSequence.
    table : (n,) ndarray of float64 or None
        RealWorldValueLUTData; its first entry is for `first`.
    """

    slope: float | None
    intercept: float = 0.0
    first: float | None = None
    last: float | None = None
    label: str = ""
    explanation: str = ""
    units: str = ""
    quantity: str = ""
    table: NDArray[np.float64] | None = None

    @property
    def is_identity(self) -> bool:
        """Whether every stored value is its own real-world value."""
        return self.slope == 1 and self.intercept == 0 and self.first is None

    def covers(self, stored: NDArray[Any]) -> NDArray[np.bool_]:
        """Tell which stored values are mapped."""
        if self.first is None or self.last is None:
            return np.ones(stored.shape, dtype=bool)
        return np.asarray((stored >= self.first) & (stored <= self.last))

    def apply(self, stored: NDArray[Any]) -> NDArray[np.float64]:
        """Map stored values; NaN where the mapping does not hold.

        Parameters
        ----------
        stored : (...) ndarray

        Raises
        ------
        ValueError
            If there is neither slope nor table.

        Notes
        -----
        PS3.3 Section C.7.6.16.2.11.1.2: RV = slope * SV + intercept.

        Examples
        --------
        >>> RealWorldValueMapping(0.5, 10, first=0, last=4).apply(np.array([4, 5]))
        array([12., nan])
        """
        if self.slope is not None:
            values = stored.astype(np.float64) * self.slope + self.intercept
        elif self.table is not None and self.first is not None:
            place = stored.astype(np.int64) - int(self.first)
            values = self.table[np.clip(place, 0, len(self.table) - 1)]
        else:
            raise ValueError(f"real-world value mapping {self.name!r} has no slope and no table")
        return np.where(self.covers(stored), values, np.nan)

    @property
    def name(self) -> str:
        """What it maps to, for people."""
        return self.quantity or self.explanation or self.label or "real-world value"

    def for_pixels(self, kind: str, bits: int) -> RealWorldValueMapping:
        """Return the mapping with its range read as the pixels are stored.

        Parameters
        ----------
        kind : {"u", "i", "f"}
            Unsigned, signed, floating.
        bits : int
            BitsAllocated.

        Notes
        -----
        Floating pixels have their range in DoubleFloatRealWorldValueFirstValueMapped;
        what stands in the 16 bits beside it is a filler (dcmqi: 0 to 0). For
        signed pixels, VR US holds the two's complement.
        """
        if self.first is None or self.last is None:
            return self
        first, last = self.first, self.last
        if kind == "i" and bits <= 16:
            first, last = (v - 65536 if v > 32767 else v for v in (first, last))
        # A line through one stored value, or backwards, is a filler as well.
        if (kind == "f" and self.table is None) or (last <= first and self.table is None):
            return replace(self, first=None, last=None)
        return replace(self, first=first, last=last)


@dataclass(frozen=True, eq=False)
class RealWorldMap:
    """A map of stored values to one quantity, in one piece or several.

    Parameters
    ----------
    pieces : tuple of RealWorldValueMapping
        Not empty; the first that covers a value maps it.
    """

    pieces: tuple[RealWorldValueMapping, ...]

    @property
    def units(self) -> str:
        """UCUM code; "" when the values have no unit."""
        units = self.pieces[0].units
        return "" if units in _UNITLESS else units

    @property
    def quantity(self) -> str:
        """What is measured, for people."""
        return self.pieces[0].name

    @property
    def key(self) -> tuple[str, str, str]:
        """What maps of the same quantity have in common, whatever their numbers."""
        first = self.pieces[0]
        return (first.quantity, first.units, first.label)

    @property
    def lacks_table(self) -> bool:
        """Whether the lookup table must still be read from the file."""
        return any(p.slope is None and p.table is None for p in self.pieces)

    @property
    def line(self) -> tuple[float, float] | None:
        """Slope and intercept, where one line maps all."""
        first = self.pieces[0]
        if len(self.pieces) > 1 or first.slope is None:
            return None
        return (first.slope, first.intercept)

    def apply(self, stored: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Map stored values; NaN where no piece holds.

        Parameters
        ----------
        stored : (...) ndarray
        dtype : numpy.dtype
            Of the result (`real_world_dtype`).
        """
        if len(self.pieces) == 1 and self.pieces[0].is_identity:
            return stored.astype(dtype, copy=False)
        values = self.pieces[0].apply(stored)
        for piece in self.pieces[1:]:
            values = np.where(np.isnan(values), piece.apply(stored), values)
        return values.astype(dtype)

    def for_pixels(self, kind: str, bits: int) -> RealWorldMap:
        """Return the map with its ranges read as the pixels are stored."""
        return RealWorldMap(tuple(p.for_pixels(kind, bits) for p in self.pieces))


def real_world_dtype(stored: np.dtype[Any]) -> np.dtype[Any]:
    """Type that holds real-world values of stored ones: float64 where float32 loses digits."""
    wide = stored.itemsize > 4 or (stored.kind in "iu" and stored.itemsize == 4)
    return np.dtype(np.float64 if wide else np.float32)


def maps_of(mappings: Sequence[RealWorldValueMapping]) -> tuple[RealWorldMap, ...]:
    """Put the items of one image together: pieces of one quantity make one map.

    Items of the same quantity and unit whose ranges do not overlap are pieces;
    others are maps of their own, to choose from.

    Notes
    -----
    PS3.3 Section C.7.6.16.2.11.1.1.
    """
    groups: list[list[RealWorldValueMapping]] = []
    for mapping in mappings:
        for group in groups:
            same = (group[0].quantity, group[0].units) == (mapping.quantity, mapping.units)
            if same and all(_apart(other, mapping) for other in group):
                group.append(mapping)
                break
        else:
            groups.append([mapping])
    return tuple(RealWorldMap(tuple(group)) for group in groups)


def mappings_of_text(text: str) -> tuple[RealWorldValueMapping, ...]:
    """Read the items that a `FrameTable` keeps of a functional group; without tables."""
    return tuple(_mapping(_flat(item)) for item in json.loads(text))


def mappings_of_values(values: Mapping[str, Any]) -> tuple[RealWorldValueMapping, ...]:
    """Read the items that the index keeps of the top level of a file; without tables."""
    count = values.get(SEQUENCE)
    if not isinstance(count, int):
        return ()
    items: list[dict[str, Any]] = [{} for _ in range(count)]
    for path, column in values.items():
        if path.startswith(f"{SEQUENCE}.") and isinstance(column, list):
            for item, value in zip(items, column, strict=False):
                if value not in ("", [], None):
                    item.setdefault(".".join(path.split(".")[1:]), value)
    return tuple(_mapping(item) for item in items)


def mappings_of_dataset(items: Iterable[Any]) -> tuple[RealWorldValueMapping, ...]:
    """Read the items of a pydicom sequence, lookup tables and all."""
    found = []
    for item in items:
        flat = {e.keyword: e.value for e in item if e.VR != "SQ" and e.value is not None}
        units = item.get("MeasurementUnitsCodeSequence") or ()
        flat[_UNITS] = next((str(code.get("CodeValue", "")) for code in units), "")
        for definition in item.get("QuantityDefinitionSequence") or ():
            for code in definition.get("ConceptCodeSequence") or ():
                flat.setdefault(_QUANTITY, str(code.get("CodeMeaning", "")))
        mapping = _mapping(flat)
        data = flat.get("RealWorldValueLUTData")
        if mapping.slope is None and data is not None:
            table = np.atleast_1d(np.asarray(data, dtype=np.float64))
            mapping = replace(mapping, table=table)
        found.append(mapping)
    return tuple(found)


_UNITS = "MeasurementUnitsCodeSequence.CodeValue"
_QUANTITY = "QuantityDefinitionSequence.ConceptCodeSequence.CodeMeaning"


def _flat(item: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Return an item with nested ones under dotted paths; of several the first counts."""
    flat: dict[str, Any] = {}
    for keyword, value in item.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for below in value:
                for deeper, inner in _flat(below, f"{path}{keyword}.").items():
                    flat.setdefault(deeper, inner)
        else:
            flat[f"{path}{keyword}"] = value
    return flat


def _mapping(flat: Mapping[str, Any]) -> RealWorldValueMapping:
    first = _number(flat.get("DoubleFloatRealWorldValueFirstValueMapped"))
    last = _number(flat.get("DoubleFloatRealWorldValueLastValueMapped"))
    if first is None or last is None:
        first = _number(flat.get("RealWorldValueFirstValueMapped"))
        last = _number(flat.get("RealWorldValueLastValueMapped"))
    if first is None or last is None:
        first = last = None
    return RealWorldValueMapping(
        slope=_number(flat.get("RealWorldValueSlope")),
        intercept=_number(flat.get("RealWorldValueIntercept")) or 0.0,
        first=first,
        last=last,
        label=str(flat.get("LUTLabel") or "").strip(),
        explanation=str(flat.get("LUTExplanation") or "").strip(),
        units=str(flat.get(_UNITS) or "").strip(),
        quantity=str(flat.get(_QUANTITY) or "").strip(),
    )


def _number(value: Any) -> float | None:
    if isinstance(value, (list, tuple)):
        value = value[0] if value else None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None


def _apart(one: RealWorldValueMapping, other: RealWorldValueMapping) -> bool:
    if one.first is None or other.first is None or one.last is None or other.last is None:
        return False
    return one.last < other.first or other.last < one.first
