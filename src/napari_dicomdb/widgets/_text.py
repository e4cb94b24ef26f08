"""How facts are written in the browser: pure functions from records to words."""

from __future__ import annotations

import time
import unicodedata
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.database.records import PatientRecord, SeriesRecord, StudyRecord
    from napari_dicomdb.database.related import Related
    from napari_dicomdb.loading.loadable import Loadable

__all__ = [
    "count",
    "day",
    "file_size",
    "isolated",
    "loadable_facts",
    "losses_text",
    "matrix",
    "number",
    "one_line",
    "patient_facts",
    "related_line",
    "related_tip",
    "series_facts",
    "series_title",
    "study_title",
    "tool_tip",
]

_LONGEST = 300
_NAMED = 4  # series that one is linked to
_MARKS = 4  # accents on one letter
_JOINERS = "\u200c\u200d"


def one_line(text: str) -> str:
    """Return `text` fit for one row: no control characters, no endless length.

    Joiners stay, which Persian and Indic scripts need; marks that turn the
    direction of what follows go, and so do towers of accents.
    """
    kept: list[str] = []
    marks = 0
    for character in text[: 4 * _LONGEST]:
        category = unicodedata.category(character)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if marks > _MARKS or (category == "Cf" and character not in _JOINERS):
            continue
        is_shown = character.isprintable() or character in _JOINERS
        kept.append(character if is_shown else " ")
    clean = " ".join("".join(kept).split())
    return clean if len(clean) <= _LONGEST else clean[: _LONGEST - 1] + "…"


def isolated(text: str) -> str:
    """Return `text` such that words from right to left in it move nothing around it."""
    if any(unicodedata.bidirectional(c) in ("R", "AL") for c in text):
        return f"\u2068{text}\u2069"
    return text


def tool_tip(text: str) -> str:
    """Return `text` as a tool tip, which would take <b> in a header for its own."""
    lines = "<br>".join(escape(line, quote=False) for line in text.split("\n"))
    return f"<qt>{lines}</qt>"


def number(value: int) -> str:
    """Return "12 345"; a thin space groups digits in every language."""
    return f"{value:,}".replace(",", "\u2009")


def count(number_of: int, one: str, many: str | None = None) -> str:
    """Return "1 file", "2 files", "12 345 files"."""
    return f"{number(number_of)} {one if number_of == 1 else many or one + 's'}"


def day(seconds: float) -> str:
    """Return the local date of a time in seconds since the epoch, "" when it is unknown."""
    return time.strftime("%Y-%m-%d", time.localtime(seconds)) if seconds > 0 else ""


def file_size(size: int) -> str:
    """Return a number of bytes as "512 B", "3.4 MB"."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 99.5 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def matrix(columns: int, rows: int) -> str:
    """Return "512 × 512" (width first, as scanners print it), "" when there is no image."""
    return f"{columns} × {rows}" if rows and columns else ""


def patient_facts(patient: PatientRecord) -> str:
    """Return what tells patients of one name apart: "ID 4711 · M · 1950-03-02"."""
    parts = [f"ID {patient.patient_id}" if patient.patient_id else "no ID"]
    parts += [patient.sex, patient.birth_date]
    return " · ".join(isolated(one_line(p)) for p in parts if p)


def study_title(study: StudyRecord) -> str:
    """Return the description of a study, or what comes nearest to one."""
    if study.description:
        return one_line(study.description)
    return one_line(f"Study {study.study_id}") if study.study_id else "Study without description"


def series_title(series: SeriesRecord) -> str:
    """Return the description of a series, or what comes nearest to one."""
    title = series.description or series.protocol or series.body_part
    return one_line(title) if title else f"{series.modality or 'Series'} without description"


def related_line(related: Related) -> str:
    """Return what a series is linked to, in a few words: "of 4: T1 AX", "2 results"."""
    parts = []
    if related.sources:
        more = len(related.sources) - 1
        parts.append(f"of {_named(related.sources[0])}" + (f" and {more} more" if more else ""))
    elif related.missing:
        parts.append("its source is not here")
    if related.results:
        parts.append(count(len(related.results), "result"))
    return " · ".join(parts)


def related_tip(related: Related) -> str:
    """Return what a series is linked to, a line each way; "" where there is nothing."""
    lines = []
    if related.sources:
        lines.append(f"Made from {_listed(related.sources)}")
    if related.missing:
        what = "Part of what" if related.sources else "What"
        lines.append(f"{what} it was made from is not in the database (any more)")
    if related.results:
        lines.append(f"Results: {_listed(related.results)}")
    return "\n".join(lines)


def _listed(series: Sequence[SeriesRecord]) -> str:
    names = [f"{_named(one)} ({one_line(one.modality)})" for one in series[:_NAMED]]
    more = len(series) - _NAMED
    return "; ".join(names) + (f" and {more} more" if more > 0 else "")


def _named(series: SeriesRecord) -> str:
    title = series_title(series)
    return title if series.number is None else f"{series.number}: {title}"


def series_facts(series: SeriesRecord) -> str:
    """Return the second line of a series row: "#4 · 2019-03-02 · CHEST"."""
    parts = [f"#{series.number}" if series.number is not None else "", series.date]
    if series.body_part and series.body_part.lower() not in series.description.lower():
        parts.append(series.body_part.capitalize())
    if series.storage == "copied":
        parts.append("copied")
    missing = series.missing_count
    if missing:
        parts.append("files missing" if missing >= series.instance_count else "incomplete")
    return " · ".join(isolated(one_line(p)) for p in parts if p)


def losses_text(losses: Sequence[str]) -> str:
    """Return in one line what is lost or altered when something is written, "" for nothing."""
    return f"What changes: {'; '.join(losses)}" if losses else ""


def loadable_facts(loadable: Loadable) -> str:
    """Return what a loadable will be: "scalar volume · 120 × 512 × 512 · 2.5 × 0.7 × 0.7 mm"."""
    parts = [loadable.kind.replace("-", " ")]
    parts += [loadable.parts] if loadable.parts else []
    if loadable.shape:
        parts.append(" × ".join(str(n) for n in loadable.shape))
    if loadable.spacing:
        lengths = " × ".join(f"{s:.3g}" for s in loadable.spacing)
        parts.append(f"{lengths} mm")
    parts.append(count(len(loadable.instances), "file"))
    return " · ".join(parts)
