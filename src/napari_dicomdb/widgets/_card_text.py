"""How facts are written on study cards: pure functions from records to words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dicomdb.database.related import UNRELATED
from napari_dicomdb.widgets._text import (
    count,
    file_size,
    matrix,
    one_line,
    patient_facts,
    related_tip,
    series_title,
    study_title,
)
from napari_dicomdb.widgets._ways import opens_as, ways_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.database.records import PatientRecord, SeriesRecord, StudyRecord
    from napari_dicomdb.database.related import Related
    from napari_dicomdb.loading.stored import LoadableSummary

__all__ = [
    "facts",
    "images",
    "numbered_title",
    "patient_tip",
    "place",
    "series_tip",
    "spacing",
    "study_counts",
    "study_line",
    "study_tip",
    "way_line",
]

_SEGMENTATIONS = "segmentation"  # the loader of ours
_MERGED_NAMED = 6  # identities in a tool tip
_PLACES = {
    "linked": "linked: its files stay where they are",
    "copied": "copied into the database",
    "mixed": "some files copied, some linked",
    "missing": "its files are missing",
}


def numbered_title(series: SeriesRecord) -> str:
    """Return the first lines of a tile: "4  Axial CT, bone"."""
    title = series_title(series)
    return title if series.number is None else f"{series.number}\u2002{title}"


def images(series: SeriesRecord, ways: Sequence[LoadableSummary] = ()) -> str:
    """Return images and their size: "120 × 512 × 512", or the number of files.

    Of segmentations, which have a frame for each segment in each slice, what opens:
    "3 segments · 48 × 512 × 512".
    """
    way = next((way for way in ways if way.selected), None)
    if way is not None and way.loader == _SEGMENTATIONS and len(way.shape) > 1:
        return " · ".join(part for part in (way.parts, _grid(way)) if part)
    size = matrix(series.columns, series.rows)
    if not size:
        return count(series.instance_count, "file")
    return size if series.frame_count == 1 else f"{series.frame_count} × {size}"


def _grid(way: LoadableSummary) -> str:
    """Return slices and size of a segmentation in the order of all cards: columns before rows."""
    rows, columns = way.shape[-2:]
    lead = [
        str(length) if name == "slice" else f"{name.replace('_', ' ')} {length}"
        for name, length in zip(way.dims[:-2], way.shape[:-2], strict=False)
        if name != "segment"
    ]
    return " × ".join((*lead, matrix(columns, rows)))


def spacing(series: SeriesRecord, ways: Sequence[LoadableSummary]) -> str:
    """Return what is known of the spacing: "0.7 × 0.7 × 2.5 mm", "" without any.

    In the order of the axes: between slices, rows, columns.
    """
    for way in ways:
        if way.selected and way.spacing:
            return " × ".join(_length(value) for value in way.spacing) + " mm"
    if series.spacing is None:
        return ""
    values = [*series.spacing]
    if series.slice_spacing is not None:
        values.insert(0, series.slice_spacing)
    return " × ".join(_length(value) for value in values) + " mm"


def _length(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def way_line(ways: Sequence[LoadableSummary]) -> str:
    """Return how a series opens and whether there is a choice: "scalar volume · +2 ways"."""
    chosen = [way for way in ways if way.selected]
    if not ways:
        return ""
    first = one_line(chosen[0].kind.replace("-", " ")) if chosen else "does not open by itself"
    further = len(ways) - 1 if chosen else len(ways)
    return f"{first} · +{count(further, 'way')}" if further else first


def facts(
    series: SeriesRecord, ways: Sequence[LoadableSummary], most: int, related: str = ""
) -> list[str]:
    """Return images, spacing, what it is linked to and how it opens, in `most` lines or less."""
    last = " · ".join(part for part in (related, way_line(ways)) if part)
    found = [images(series, ways), spacing(series, ways), last]
    found = [fact for fact in found if fact]
    if most < len(found):
        # The first two belong together: "120 × 512 × 512 · 2.5 × 0.7 × 0.7 mm".
        found = [" · ".join(found[:2]), *found[2:]] if most > 1 else [" · ".join(found)]
    return found


def place(series: SeriesRecord) -> str:
    """Return where the files are: "missing", "copied", "linked" or "mixed"."""
    return "missing" if series.missing_count else series.storage


def study_line(study: StudyRecord) -> str:
    """Return what a study is: "2019-03-02 14:05 · Chest low dose"."""
    when = f"{study.date} {study.time[:5]}".strip() if study.date else "no date"
    return one_line(f"{when} · {study_title(study)}")


def study_counts(listed: int, total: int, instances: int) -> str:
    """Return how much a study has: "4 series · 620 files", "2 of 4 series"."""
    if listed != total:
        return f"{listed} of {count(total, 'series', 'series')}"
    return f"{count(total, 'series', 'series')} · {count(instances, 'file')}"


def patient_tip(patient: PatientRecord) -> str:
    """Return all that is known of a patient, a fact a line."""
    lines = [
        one_line(patient.display_name),
        patient_facts(patient),
        one_line(f"ID issued by {patient.issuer}" if patient.issuer else ""),
        *(one_line(f"merged with {other}") for other in patient.others[:_MERGED_NAMED]),
        "split off from a patient of the same name" if patient.is_split else "",
        f"{count(patient.study_count, 'study', 'studies')},"
        f" {count(patient.series_count, 'series', 'series')},"
        f" {count(patient.instance_count, 'file')}",
    ]
    return "\n".join(line for line in lines if line)


def study_tip(study: StudyRecord, patient: PatientRecord) -> str:
    """Return all that is known of a study, a fact a line."""
    lines = [
        study_title(study),
        f"{study.date} {study.time}".strip(),
        one_line(f"{patient.display_name} · {patient_facts(patient)}"),
        one_line(f"Accession number {study.accession_number}" if study.accession_number else ""),
        one_line(f"Referred by {study.referring_physician}" if study.referring_physician else ""),
        one_line(study.institution),
        one_line(", ".join(study.modalities)),
        study_counts(study.series_count, study.series_count, study.instance_count),
    ]
    return "\n".join(line for line in lines if line)


def series_tip(
    series: SeriesRecord,
    ways: Sequence[LoadableSummary],
    picture: str = "",
    related: Related = UNRELATED,
) -> str:
    """Return all that is known of a series, a fact a line, and what is of its picture."""
    scanner = " ".join(p for p in (series.manufacturer, series.model) if p)
    where = _PLACES.get(place(series), "")
    if series.missing_count and series.missing_count < series.instance_count:
        are = "is" if series.missing_count == 1 else "are"
        where = f"{series.missing_count} of its files {are} missing"
    lines = [
        numbered_title(series),
        one_line(
            " · ".join(p for p in (series.modality, images(series, ways), series.body_part) if p)
        ),
        opens_as(ways) or spacing(series, ways),
        f"{count(series.instance_count, 'file')}, {file_size(series.size)}; {where}",
        f"{series.date} {series.time}".strip(),
        one_line(series.protocol),
        one_line(scanner),
        related_tip(related),
        one_line(picture),
    ]
    found = "\n".join(line for line in lines if line)
    known = ways_text(ways)
    return f"{found}\n\n{known}" if known else found
