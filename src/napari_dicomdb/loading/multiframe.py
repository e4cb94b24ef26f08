"""What multi-frame headers get wrong: counts, functional groups, indices, concatenations."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.dicom.functional_groups import FrameTable

__all__ = ["concatenation_key", "multiframe_findings", "with_true_count"]

_SHOWN = 6
_PLACE = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
_SAME_PLACE = 2  # decimals of mm


def with_true_count(record: InstanceRecord, table: FrameTable | None) -> InstanceRecord:
    """Return `record` with the number of frames that its pixel data bear out.

    Where NumberOfFrames and the functional groups disagree, the length of
    uncompressed pixel data says who is right. Of compressed data NumberOfFrames
    is believed, unless it is missing.
    """
    if table is None or table.count < 1 or table.count == record.frame_count:
        return record
    if record.pixel_length is None:
        right = record.frame_count <= 1
    else:
        cells = record.rows * record.columns * max(record.samples, 1)
        held = record.pixel_length * 8 // max(cells * record.bits_allocated, 1)
        more = table.count > record.frame_count
        right = held >= table.count if more else held == table.count
    return replace(record, frame_count=table.count) if right else record


def concatenation_key(record: InstanceRecord) -> tuple[str, int] | None:
    """Return ConcatenationUID and InConcatenationNumber of a part of a concatenation."""
    uid = record.get("ConcatenationUID")
    if not uid:
        return None
    number = record.values.get("InConcatenationNumber")
    return str(uid), number if isinstance(number, int) else 0


def multiframe_findings(
    records: Sequence[InstanceRecord], tables: Sequence[FrameTable | None]
) -> list[tuple[Finding, ...]]:
    """Return for each instance of a series what is wrong with its multi-frame header.

    Parameters
    ----------
    records : sequence of InstanceRecord
        Of whole series: which parts of a concatenation are missing is told, too.
    tables : sequence of FrameTable or None
        Their functional groups.
    """
    found = [
        tuple(_of_table(r, t)) if t is not None else ()
        for r, t in zip(records, tables, strict=True)
    ]
    if any(table is not None for table in tables):
        for uid, finding in _missing_parts(records).items():
            for k, record in enumerate(records):
                if record.values.get("ConcatenationUID") == uid:
                    found[k] = (*found[k], finding)
        jump = _jumps(table for table in tables if table is not None)
        if jump is not None:
            found = [
                (*told, jump) if t is not None else told
                for told, t in zip(found, tables, strict=True)
            ]
    return found


def _of_table(record: InstanceRecord, table: FrameTable) -> Iterable[Finding]:
    for code, text in table.problems[:3]:
        if code != "frame-count":
            yield _finding(text, reason=code)
    if table.count and record.frame_count != table.count:
        yield _finding(
            f"{record.path.name} has {record.frame_count} frames, functional groups describe "
            f"{table.count}",
            frames=record.frame_count,
            described=table.count,
        )
    elif any(code == "frame-count" for code, _ in table.problems):
        text = next(text for code, text in table.problems if code == "frame-count")
        yield _finding(f"{text}: the pixel data bear the latter out", frames=table.count)
    elif table.count > 1 and not record.values.get("NumberOfFrames"):
        yield _finding(
            f"{record.path.name} has no NumberOfFrames: {table.count} as functional groups say",
            frames=table.count,
        )
    lacking: dict[tuple[int, ...], list[str]] = {}
    for keyword in _PLACE:
        column = table.per_frame.get(keyword)
        if column is not None and keyword not in table.shared and None in column:
            frames = tuple(k + 1 for k, value in enumerate(column) if value is None)
            lacking.setdefault(frames, []).append(keyword)
    for frames, keywords in lacking.items():
        which = ", ".join(map(str, frames[:_SHOWN])) + (" ..." if len(frames) > _SHOWN else "")
        yield _finding(
            f"{len(frames)} of {table.count} frames of {record.path.name} ({which}) lack "
            f"{' and '.join(keywords)} in their functional groups: they are shown apart",
            frames=list(frames),
        )
    yield from _of_indices(record, table)


def _of_indices(record: InstanceRecord, table: FrameTable) -> Iterable[Finding]:
    pointers, rows = _indices(table)
    if pointers and any(len(row) != len(pointers) for row in rows):
        yield _finding(
            f"Frames of {record.path.name} have another number of DimensionIndexValues than the "
            f"{len(pointers)} dimensions that DimensionIndexSequence names",
            dimensions=len(pointers),
        )
    if _contradicted(table):
        yield _finding(
            f"InStackPositionNumber of {record.path.name} contradicts ImagePositionPatient: "
            "slices are where their positions say"
        )


def _indices(table: FrameTable) -> tuple[list[str], list[list[Any]]]:
    """Keywords of the dimensions, and the index values of each frame that has some."""
    pointers = table.shared.get("DimensionIndexPointers")
    rows = table.per_frame.get("DimensionIndexValues") or []
    if not isinstance(pointers, list):
        return [], []
    return pointers, [row if isinstance(row, list) else [row] for row in rows if row is not None]


def _jumps(tables: Iterable[FrameTable]) -> Finding | None:
    """Tell of index values with gaps; together, as a dimension may extend over instances."""
    seen: dict[str, set[int]] = {}
    for table in tables:
        pointers, rows = _indices(table)
        for k, name in enumerate(pointers):
            # What makers count in private dimensions is their own affair.
            if name[:1].isalpha():
                seen.setdefault(name, set()).update(row[k] for row in rows if k < len(row))
    jumping = [
        f"{name} ({_range(sorted(values))})"
        for name, values in seen.items()
        if values and (min(values), max(values)) != (1, len(values))
    ]
    if not jumping:
        return None
    return Finding(
        FindingCode.MULTIFRAME_INCONSISTENT,
        Severity.INFO,
        f"Index values do not count from 1 without gaps: {', '.join(jumping)}; frames are sorted "
        "by what the indices stand for",
        {"dimensions": jumping},
    )


def _contradicted(table: FrameTable) -> bool:
    """Whether one number in the stack stands for several places, or one place for several."""
    numbers = table.per_frame.get("InStackPositionNumber")
    places = table.per_frame.get("ImagePositionPatient")
    if not numbers or not places:
        return False
    stacks = table.per_frame.get("StackID") or [None] * len(numbers)
    place_of: dict[Any, Any] = {}
    number_of: dict[Any, Any] = {}
    for stack, number, place in zip(stacks, numbers, places, strict=True):
        # What has another number of values than it should is told elsewhere.
        if not isinstance(number, int) or isinstance(stack, list):
            continue
        if not isinstance(place, list) or len(place) != 3:
            continue
        rounded = tuple(round(v, _SAME_PLACE) + 0.0 for v in place)
        first = place_of.setdefault((stack, number), rounded)
        # Rounding may part what is one place: a step of the last decimal is none.
        if max(abs(a - b) for a, b in zip(first, rounded, strict=True)) > 0.05:
            return True
        if number_of.setdefault((stack, rounded), number) != number:
            return True
    return False


def _missing_parts(records: Sequence[InstanceRecord]) -> dict[str, Finding]:
    """By ConcatenationUID: a finding where parts of a concatenation are not there."""
    parts: dict[str, set[int]] = {}
    totals: dict[str, int] = {}
    for record in records:
        key = concatenation_key(record)
        if key is None:
            continue
        parts.setdefault(key[0], set()).add(key[1])
        total = record.values.get("InConcatenationTotalNumber")
        if isinstance(total, int):
            totals[key[0]] = max(totals.get(key[0], 0), total)
    found: dict[str, Finding] = {}
    for uid, numbers in parts.items():
        # The total may be absent; then only holes are seen.
        total = min(max(totals.get(uid, 0), *numbers), 65535)
        missing = sorted(set(range(1, total + 1)) - numbers)
        if missing:
            which = ", ".join(map(str, missing[:_SHOWN]))
            found[uid] = _finding(
                f"{len(missing)} of {total} parts of a concatenation are missing ({which}"
                f"{' ...' if len(missing) > _SHOWN else ''}): the images are incomplete",
                missing=missing[:1000],
            )
    return found


def _range(values: Sequence[Any]) -> str:
    if len(values) <= 3:
        return ", ".join(map(str, values))
    return f"{values[0]} to {values[-1]}, {len(values)} values"


def _finding(text: str, **numbers: Any) -> Finding:
    return Finding(FindingCode.MULTIFRAME_INCONSISTENT, Severity.WARNING, text, numbers)
