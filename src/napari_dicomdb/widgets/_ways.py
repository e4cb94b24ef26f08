"""How the ways to open a series are written in its row and its tool tip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dicomdb.dicom.findings import Severity, worst
from napari_dicomdb.loading.content import CONTENT
from napari_dicomdb.widgets._text import count, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.loading.stored import LoadableSummary

__all__ = [
    "default_severity",
    "dimensions",
    "distances",
    "opens_as",
    "way_facts",
    "ways_count",
    "ways_text",
]

_LISTED = 8  # ways in a tool tip; more do not fit on a screen
_INDENT = "\u00a0" * 4  # a tool tip would swallow blanks
_IN_SPACE = frozenset({"slice", "row", "column"})
_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


def default_severity(ways: Sequence[LoadableSummary]) -> Severity | None:
    """Return the gravest severity among the findings of what opens by default.

    Ways that nobody is led to do not count: images shown without their
    geometry are wrong for every series, and no flaw of it.
    """
    return worst([finding for way in ways if way.selected for finding in way.findings])


def opens_as(ways: Sequence[LoadableSummary]) -> str:
    """Return what opens by default in short: "60 × 256 × 256 · 2.5 × 1 × 1 mm"."""
    chosen = [way for way in ways if way.selected]
    if not chosen:
        return "nothing opens by default" if ways else ""
    more = f" + {len(chosen) - 1} more" if len(chosen) > 1 else ""
    return one_line(" · ".join(_size(chosen[0])) + more)


def dimensions(way: LoadableSummary) -> str:
    """Return "60 × 256 × 256", "" for what has no pixels."""
    return "" if way.kind == CONTENT or not way.shape else _size(way)[0]


def distances(way: LoadableSummary) -> str:
    """Return the voxel size "2.5 × 1 × 1" in mm, "" when it is unknown."""
    return " × ".join(_length(s) for s in way.spacing or ())


def short_names(ways: Sequence[LoadableSummary]) -> list[str]:
    """Return what tells the ways to open one series apart, without what all names begin with."""
    names = [one_line(way.name) for way in ways]
    if len(names) < 2:
        return names
    shared = 0
    while len({name[: shared + 1] for name in names}) == 1 and shared < len(names[0]):
        shared += 1
    if any(name[shared : shared + 1].isalnum() for name in names):
        while shared and names[0][shared - 1].isalnum():  # not amid a word
            shared -= 1
    rests = [_bare(name[shared:].strip(" ,:")) for name in names]
    if not any(rests):
        return names
    return [
        rest[:1].upper() + rest[1:] if rest else name
        for rest, name in zip(rests, names, strict=True)
    ]


def _bare(text: str) -> str:
    """Return what is in brackets without them, other texts as they are."""
    return text[1:-1] if text.startswith("(") and text.endswith(")") else text


def ways_count(ways: Sequence[LoadableSummary]) -> str:
    """Return "4 ways" when there is a choice, else ""."""
    return count(len(ways), "way") if len(ways) > 1 else ""


def way_facts(way: LoadableSummary) -> str:
    """Return kind, named axes, spacing and number of files of one way."""
    parts = [] if way.kind == CONTENT else [way.kind.replace("-", " ")]
    parts += [way.parts] if way.parts else []
    return " · ".join([*parts, *_size(way, named=True), count(way.instance_count, "file")])


def ways_text(ways: Sequence[LoadableSummary]) -> str:
    """Return every way with its findings in words, one a line; those opened by default first."""
    if not ways:
        return ""
    lines = [f"{count(len(ways), 'way')} to open it:"]
    listed = sorted(ways, key=lambda way: not way.selected)[:_LISTED]
    for way in listed:
        default = " (by default)" if way.selected and len(ways) > 1 else ""
        lines += [f"• {one_line(way.name)}{default}", f"{_INDENT}{way_facts(way)}"]
        for finding in sorted(way.findings, key=lambda f: _ORDER[f.severity]):
            severity = str(finding.severity).capitalize()
            lines.append(f"{_INDENT}{severity}: {one_line(finding.text)}")
    rest = len(ways) - len(listed)
    if rest:
        lines.append(f"and {count(rest, 'more way', 'more ways')}; select the series to see all")
    return "\n".join(lines)


def _size(way: LoadableSummary, *, named: bool = False) -> list[str]:
    """Return size, spacing and colour; axes other than those of space by their names."""
    if way.kind == CONTENT or not way.shape:
        return [way.kind.replace("-", " ")]
    dims = way.dims or ("",) * len(way.shape)
    sizes = []
    for name, length in zip(dims, way.shape, strict=False):
        shown = "" if name in _IN_SPACE and not named else name.replace("_", " ")
        sizes.append(f"{shown} {length}".strip())
    parts = [" × ".join(sizes)]
    if way.spacing:
        parts.append(" × ".join(_length(s) for s in way.spacing) + " mm")
    if len(way.shape) > len(dims):
        parts.append("colour")
    return parts


def _length(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"
