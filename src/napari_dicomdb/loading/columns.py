"""The values of chosen attributes over all instances of a series, as a table.

What the index keeps comes from it, with no file opened; the rest is read from the
headers, in threads.
"""

from __future__ import annotations

import contextlib
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom import _attribute_values as text
from napari_dicomdb.dicom._attribute_reading import quiet
from napari_dicomdb.dicom.attribute_export import csv_text
from napari_dicomdb.dicom.attribute_search import resolve_tag
from napari_dicomdb.dicom.keywords import KEPT_KEYWORDS
from napari_dicomdb.dicom.unreadable import unreadable
from napari_dicomdb.errors import NotFoundError
from napari_dicomdb.progress import no_progress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pydicom import Dataset

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.progress import Progress

__all__ = ["Column", "ValueTable", "column_of", "sorted_instances", "values_over"]

_THREADS = 4
_UNITS = {
    "EchoTime": "ms", "RepetitionTime": "ms", "InversionTime": "ms", "TriggerTime": "ms",
    "FlipAngle": "°", "SliceLocation": "mm", "SliceThickness": "mm", "PixelSpacing": "mm",
    "SpacingBetweenSlices": "mm", "ImagePositionPatient": "mm", "KVP": "kV",
    "XRayTubeCurrent": "mA", "ExposureTime": "ms", "Exposure": "mAs",
    "DiffusionBValue": "s/mm²", "PatientWeight": "kg", "PatientSize": "m",
    "GantryDetectorTilt": "°", "ImagingFrequency": "MHz", "MagneticFieldStrength": "T",
    "FrameTime": "ms", "ReconstructionDiameter": "mm", "TableHeight": "mm", "SAR": "W/kg",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """One attribute that is told of every instance.

    Attributes
    ----------
    path : tuple of int
        Tags from the outermost sequence to the attribute.
    label : str
        Keywords joined by dots; tags where there is no keyword.
    name : str
        For people.
    unit : str
        "" when the attribute has none.
    """

    path: tuple[int, ...]
    label: str
    name: str
    unit: str = ""

    @property
    def title(self) -> str:
        """Name with unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def is_indexed(self) -> bool:
        """Whether the index keeps the value."""
        return len(self.path) == 1 and self.label in KEPT_KEYWORDS


def column_of(words: str) -> Column:
    """Return the column that ``EchoTime``, ``0018,0081`` or ``Sequence.Keyword`` names.

    Raises
    ------
    NotFoundError
        If there is no such attribute.
    """
    from pydicom.datadict import dictionary_description, keyword_for_tag

    path, labels, name = [], [], ""
    for part in words.strip().split("."):
        tag = resolve_tag(part.partition("[")[0])
        if tag is None:
            raise NotFoundError(f"there is no attribute {part!r:.80}", reason="no-attribute")
        path.append(tag)
        labels.append(keyword_for_tag(tag) or text.tag_text(tag))
        try:
            name = dictionary_description(tag)
        except KeyError:
            name = text.tag_text(tag)
    return Column(tuple(path), ".".join(labels), name, _UNITS.get(labels[-1], ""))


def sorted_instances(instances: Sequence[InstanceRecord]) -> list[InstanceRecord]:
    """Return instances by number, those without one at the end."""
    return sorted(
        instances, key=lambda one: (one.number is None, one.number or 0, one.uid, str(one.path))
    )


@dataclass(slots=True)
class ValueTable:
    """Values of columns over instances.

    Attributes
    ----------
    columns : list of Column
    instances : list of InstanceRecord
        Sorted by instance number.
    cells : list of list of str
        One list an instance; None where the attribute is absent.
    problems : list of (Path, str)
        Files that could not be read.
    """

    columns: list[Column]
    instances: list[InstanceRecord]
    cells: list[list[str | None]]
    problems: list[tuple[Path, str]] = field(default_factory=list)

    def numbers(self, column: int) -> list[list[float]]:
        """Return a column as lines to plot: one for each component, NaN where it is absent.

        Empty when a value is no number.
        """
        rows: list[list[float]] = []
        for row in self.cells:
            cell = row[column]
            try:
                rows.append([] if not cell else [float(part) for part in cell.split("\\")])
            except ValueError:
                return []
        width = max((len(row) for row in rows), default=0)
        return [[row[k] if k < len(row) else math.nan for row in rows] for k in range(width)]

    def header(self) -> list[str]:
        """Return the titles of an exported table."""
        return ["InstanceNumber", "SOPInstanceUID", *(column.label for column in self.columns)]

    def rows(self) -> list[list[object]]:
        """Return the rows of an exported table."""
        return [
            [one.number, one.uid, *cells]
            for one, cells in zip(self.instances, self.cells, strict=True)
        ]

    def to_csv(self, *, byte_order_mark: bool = False) -> str:
        """Return the table as CSV, safe to be opened in a spreadsheet."""
        return csv_text(self.header(), self.rows(), byte_order_mark=byte_order_mark)

    def to_json(self) -> list[dict[str, Any]]:
        """Return one dict an instance: numbers where all values are."""
        return [
            {
                "InstanceNumber": one.number,
                "SOPInstanceUID": one.uid,
                **{c.label: _plain(v) for c, v in zip(self.columns, cells, strict=True)},
            }
            for one, cells in zip(self.instances, self.cells, strict=True)
        ]


def _plain(cell: str | None) -> Any:
    if cell is None:
        return None
    parts = cell.split("\\")
    numbers: list[float | str] = []
    for part in parts:
        try:
            number = float(part)
        except ValueError:
            return cell if len(parts) == 1 else parts
        numbers.append(int(part) if part.lstrip("+-").isdigit() else number)
    return numbers[0] if len(numbers) == 1 else numbers


def values_over(
    instances: Sequence[InstanceRecord],
    columns: Sequence[Column],
    *,
    progress: Progress | None = None,
) -> ValueTable:
    """Return the values of `columns` over `instances`.

    Parameters
    ----------
    instances : sequence of InstanceRecord
        In any order.
    columns : sequence of Column
    progress : Progress, optional
        May raise `Cancelled`.
    """
    tell, rows = progress or no_progress, sorted_instances(instances)
    from_files = [column for column in columns if not column.is_indexed]
    table = ValueTable(list(columns), rows, [[None] * len(columns) for _ in rows])
    for k, column in enumerate(columns):
        if column.is_indexed:
            for row, one in zip(table.cells, rows, strict=True):
                row[k] = _kept(one.get(column.label))
    if not from_files:
        return table
    places = [k for k, column in enumerate(columns) if not column.is_indexed]
    # Here for all threads: the filters of warnings belong to the process.
    with quiet(), contextlib.closing(_Reading(from_files)) as reading:
        for number, (found, problem) in enumerate(reading.of([one.path for one in rows])):
            tell(number, len(rows), "reading headers")
            if problem:
                table.problems.append((rows[number].path, problem))
            for place, value in zip(places, found, strict=True):
                table.cells[number][place] = value
    tell(len(rows), len(rows), "reading headers")
    return table


def _kept(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, list):
        return "\\".join(str(one) for one in value)
    return f"{value:.9g}" if isinstance(value, float) else str(value)


class _Reading:
    """Reads a few attributes of many files, some at a time."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="columns")
        tags = {column.path[0] for column in columns}
        creators = {tag & 0xFFFF0000 | (tag >> 8 & 0xFF) for tag in tags if tag >> 16 & 1}
        self._tags = sorted(tags | creators | {0x00080005, 0x00280103})

    def of(self, paths: Sequence[Path]) -> Any:
        return self._pool.map(self._one, paths)

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _one(self, path: Path) -> tuple[list[str | None], str]:
        from pydicom import dcmread

        try:
            with path.open("rb") as file:
                dataset = dcmread(
                    file, stop_before_pixels=True, force=True, specific_tags=[*self._tags]
                )
            charsets = text.charsets_in(dataset)
            parts = [dataset.file_meta, dataset]
            found = [
                next((v for p in parts if (v := _value(p, c.path, charsets)) is not None), None)
                for c in self._columns
            ]
        except OSError as error:
            return [None] * len(self._columns), error.strerror or str(error)
        except unreadable() as error:
            return [None] * len(self._columns), str(error).partition("\n")[0][:200]
        return found, ""


def _value(dataset: Dataset, path: tuple[int, ...], charsets: tuple[str, ...]) -> str | None:
    """Return the value at a path; those of several items joined by backslashes."""
    tag, *below = path
    if tag not in dataset:
        return None
    charsets = text.charsets_in(dataset, charsets)
    if below:
        items = dataset[tag].value if dataset[tag].VR == "SQ" else []
        found = [_value(item, tuple(below), charsets) for item in items or []]
        told = [one for one in found if one is not None]
        return "\\".join(told) if told else None
    element: Any = dataset.get_item(tag)
    vr = text.vr_of(dataset, element)
    if vr == "SQ":
        return f"{len(dataset[tag].value or [])} items"
    values = text.values_of(element, vr, charsets)
    return text.shown(values, "LO" if vr == "UI" else vr, 0)
