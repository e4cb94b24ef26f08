"""Columns of the series table, and what their cells say of a series and of a way to open it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_dicomdb.widgets._text import (
    count,
    day,
    file_size,
    matrix,
    number,
    one_line,
    series_title,
)
from napari_dicomdb.widgets._ways import dimensions, distances
from napari_dicomdb.widgets.models._columns import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.database.records import SeriesRecord
    from napari_dicomdb.loading.stored import LoadableSummary

__all__ = ["SERIES_COLUMNS", "cell_of_series", "cell_of_way", "whereabouts", "whereabouts_text"]


def _number(series: SeriesRecord) -> str:
    return "" if series.number is None else str(series.number)


def _scanner(series: SeriesRecord) -> str:
    return one_line(" ".join(p for p in (series.manufacturer, series.model) if p))


def _nothing(_record: Any) -> str:
    return ""


SERIES_COLUMNS = (
    Column("series", "Series", series_title, "description", "W" * 16, 0),
    Column("modality", "Mod.", lambda s: one_line(s.modality), "modality", "RTSTRU", 1,
           hint="Modality"),
    Column("images", "Images", lambda s: number(s.frame_count or s.instance_count),
           "frame_count", "0 000", 2, True, hint="Images (frames)"),
    Column("dimensions", "Dimensions", _nothing, "matrix", "000 × 512 × 512", 4, True,
           hint="Slices × rows × columns of what opens by default"),
    Column("spacing", "Spacing (mm)", _nothing, "spacing", "2.5 × 0.98 × 0.98", 5, True,
           hint="Distance between slices × rows × columns, mm"),
    Column("size", "Size", lambda s: file_size(s.size), "size", "00.0 MB", 6, True,
           hint="Of all files"),
    Column("date", "Date", lambda s: s.date, "date", "2000-00-00", 7),
    Column("where", "Files", _nothing, "storage", "Files", 3,
           hint="Whether the files were copied, are linked, or missing"),
    Column("added", "Added", lambda s: day(s.added), "added", "2000-00-00", 8),
    Column("number", "No.", _number, "number", "0000", 9, True, False, "Series number"),
    Column("findings", "Findings", _nothing, "", "Findings", 10, shown=False,
           hint="What loaders found wrong"),
    Column("body_part", "Body part", lambda s: one_line(s.body_part), "body_part", "EXTREMITY",
           11, shown=False),
    Column("protocol", "Protocol", lambda s: one_line(s.protocol), "protocol", "W" * 8, 12,
           shown=False),
    Column("scanner", "Scanner", _scanner, "", "W" * 10, 13, shown=False),
)  # fmt: skip


def missing_of(series: SeriesRecord) -> int:
    """Return how many files of `series` were gone when last looked for."""
    return series.missing_count


def whereabouts(series: SeriesRecord) -> str:
    """Return "linked", "copied", "mixed", "server", or "missing" when files are gone."""
    return "missing" if missing_of(series) else series.storage


def whereabouts_text(series: SeriesRecord) -> str:
    """Say in words where the files of `series` lie."""
    files = count(series.instance_count, "file")
    if missing_of(series):
        return f"{number(missing_of(series))} of {files} missing"
    return {
        "copied": f"{files}, copied into the database",
        "linked": f"{files}, linked: they lie where they were imported from",
        "mixed": f"{files}, some copied into the database, some linked",
        "server": f"{files} on a server",
    }.get(series.storage, files)


def cell_of_series(series: SeriesRecord, column: Column, ways: Sequence[LoadableSummary]) -> str:
    """Return what a cell of a series says, once `ways` are known by them."""
    chosen = next((way for way in ways if way.selected), None)
    if column.name == "dimensions":
        known = dimensions(chosen) if chosen is not None else ""
        return known or matrix(series.columns, series.rows)
    if column.name == "spacing":
        known = distances(chosen) if chosen is not None else ""
        return known or _indexed_spacing(series)
    if column.name == "findings":
        found = sum(len(way.findings) for way in ways if way.selected)
        return number(found) if found else ""
    return column.text(series)


def cell_of_way(way: LoadableSummary, column: Column) -> str:
    """Return what a cell of one way to open a series says."""
    match column.name:
        case "dimensions":
            return dimensions(way)
        case "spacing":
            return distances(way)
        case "images":
            return number(way.instance_count)
        case "findings":
            return number(len(way.findings)) if way.findings else ""
    return ""


def _indexed_spacing(series: SeriesRecord) -> str:
    if series.spacing is None:
        return ""
    slices = () if series.slice_spacing is None else (series.slice_spacing,)
    return " × ".join(f"{value:.3g}" for value in (*slices, *series.spacing))
