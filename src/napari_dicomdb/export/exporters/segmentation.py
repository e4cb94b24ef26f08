"""Labels as DICOM segmentations: binary, label map; fractions of segments."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.exporter import Exportable, Need
from napari_dicomdb.export.object_file import write_object
from napari_dicomdb.export.segment_grids import check_frame_of_reference, on_grid
from napari_dicomdb.export.segment_meanings import (
    SegmentMeaning,
    meanings_from,
    meanings_of,
)
from napari_dicomdb.export.segmentation_object import (
    Content,
    as_numbers,
    has_highdicom,
    segmentation_dataset,
)
from napari_dicomdb.export.study import NewSeries, value_problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_dicomdb.export.segment_grids import Gridded
    from napari_dicomdb.export.source import ExportSource
    from napari_dicomdb.export.study import StudyTarget
    from napari_dicomdb.progress import Progress

__all__ = ["SegmentationExporter"]

_MOST_BINARY = 20
_MOST_LABEL = 65535
_SEGMENT_AXIS = "segment"
_NAMES = {
    "BINARY": "Segmentation, each segment by itself",
    "LABELMAP": "Label map segmentation",
    "FRACTIONAL": "Fractional segmentation",
}


class SegmentationExporter:
    """Writes labels as a segmentation, and images of 0 to 1 as a fractional one."""

    name = "segmentation"
    version = "1"

    def examine(self, source: ExportSource) -> list[Exportable]:
        """Return the types in which `source` can be written; looks at all values once."""
        if source.role == "labels":
            values = _values(source)
            kinds = ("BINARY",) if source.together else ("BINARY", "LABELMAP")
            return [self._of_labels(source, kind, values) for kind in kinds]
        fractions = source.dtype.kind == "f" and not source.is_rgb
        if fractions and source.dims[:-3] in ((), (_SEGMENT_AXIS,)) and _is_share(source):
            return [self._of_fractions(source)]
        return []

    def write(
        self,
        exportable: Exportable,
        target: StudyTarget,
        folder: Path,
        *,
        options: Mapping[str, Any],
        progress: Progress,
    ) -> list[Path]:
        """Write the object."""
        source, kind = exportable.source, str(options["type"])
        for key, keyword in _CHECKED.items():
            problem = value_problem(keyword, str(options.get(key) or ""))
            if problem:
                raise ExportError(f"{key.replace('_', ' ')}: {problem}", reason="bad-value")
        reference = check_frame_of_reference(
            source, target, confirmed=bool(options.get("other_frame_of_reference"))
        )
        sources = _planes_of(source) if kind == "FRACTIONAL" else [source, *source.together]
        grid = on_grid(sources, target, own=options.get("grid") == "own", progress=progress)
        if kind == "FRACTIONAL":
            known = _fraction_meanings(source)
            segments = meanings_from(options.get("segments"), known)
            pixels = np.stack([np.clip(a, 0, 1).astype(np.float32) for a in grid.arrays], axis=3)
        else:
            known = meanings_of(_with_all_labels(source), _known_values(source))
            told = meanings_from(options.get("segments"), known)
            pixels, segments = _numbered(grid, told, kind, skip=options.get("empty") != "write")
        content = Content(
            kind,
            pixels,
            segments,
            str(options.get("algorithm_type") or "MANUAL"),
            str(options.get("algorithm_name") or ""),
            str(options.get("label") or "SEGMENTATION"),
            str(options.get("description") or ""),
            str(options.get("creator") or ""),
            str(options.get("fractional_type") or "PROBABILITY"),
        )
        series = NewSeries(
            "SEG",
            str(options.get("description") or ""),
            target.series_number(options.get("series_number")),
        )
        progress(0, 1, "Encoding")
        dataset = segmentation_dataset(content, grid, target, series, reference)
        path = write_object(dataset, folder / "segmentation.dcm")
        progress(1, 1, "Written")
        return [path]

    def _of_labels(self, source: ExportSource, kind: str, values: Mapping[int, int]) -> Exportable:
        present = [v for v, count in values.items() if count]
        findings = [*source.findings, *_why_not(source)]
        if source.leading:
            findings.append(_refusal("labels that change along other axes than space"))
        if not present:
            findings.append(_refusal("an empty layer: nothing is labelled"))
        if any(v < 0 or v > _MOST_LABEL for v in values):
            findings.append(_refusal(f"labels beyond 1 to {_MOST_LABEL}"))
        empty = [v for v, count in values.items() if not count]
        if empty:
            findings.append(_empty(empty))
        few = len(present) <= _MOST_BINARY
        reasons = (
            f"{len(present)} segment{'' if len(present) == 1 else 's'}",
            (
                "every program reads it"
                if kind == "BINARY"
                else "small and quick to open, but few programs read it yet"
            ),
        )
        # Few segments are for every program; many make large files of one frame each.
        confidence = 0.95 if (kind == "BINARY") == (few or bool(source.together)) else 0.85
        losses = []
        if kind == "BINARY" and sorted(present) != list(range(1, len(present) + 1)):
            losses.append("segments are numbered from 1, whatever their label")
        safe = [v for v in values if 0 < v <= _MOST_LABEL]
        known = meanings_of(_with_all_labels(source), safe)
        return Exportable(
            name=f"{_NAMES[kind]} ({len(present)})",
            kind="segmentation",
            confidence=0.0 if any(f.severity == Severity.ERROR for f in findings) else confidence,
            reasons=reasons,
            losses=tuple(losses),
            findings=tuple(findings),
            needs=(*_needs(source, known), _EMPTY_NEED),
            source=source,
            exporter=self,
            options=MappingProxyType({"type": kind}),
        )

    def _of_fractions(self, source: ExportSource) -> Exportable:
        findings = [*source.findings, *_why_not(source)]
        refused = any(f.severity == Severity.ERROR for f in findings)
        meant = source.meta.get("segmentation_type") == "FRACTIONAL"
        return Exportable(
            name=_NAMES["FRACTIONAL"],
            kind="segmentation",
            confidence=0.0 if refused else 0.95 if meant else 0.3,
            reasons=("all values are between 0 and 1",),
            losses=("fractions are kept to within 1/510",),
            findings=tuple(findings),
            needs=(*_needs(source, _fraction_meanings(source)), _FRACTION_NEED),
            source=source,
            exporter=self,
            options=MappingProxyType({"type": "FRACTIONAL"}),
        )


_CHECKED = {
    "description": "SeriesDescription",
    "label": "ContentLabel",
    "creator": "ContentCreatorName",
    "algorithm_name": "SegmentAlgorithmName",
}
_EMPTY_NEED = Need(
    "empty",
    "Segments without a voxel",
    "choice",
    "skip",
    (("skip", "Leave them out"), ("write", "Write them")),
    tip="Some programs refuse segments without a frame.",
)
_FRACTION_NEED = Need(
    "fractional_type",
    "What fractions are",
    "choice",
    "PROBABILITY",
    (("PROBABILITY", "Probability"), ("OCCUPANCY", "Share of the voxel")),
)


def _needs(source: ExportSource, known: Sequence[SegmentMeaning]) -> tuple[Need, ...]:
    told = str(source.meta.get("content_label") or "")
    return (
        Need(
            "description",
            "Series description",
            "text",
            source.name[:64].strip(),
            tip="At most 64 characters.",
        ),
        Need(
            "segments",
            "Segments",
            "segments",
            [one.to_json() for one in known],
            tip="What each label is: name, category and type by code, region, colour.",
        ),
        Need(
            "algorithm_type",
            "Made",
            "choice",
            "MANUAL",
            (
                ("MANUAL", "By hand"),
                ("SEMIAUTOMATIC", "By a person with a program"),
                ("AUTOMATIC", "By a program alone"),
            ),
            tip="Of segments that do not say it themselves.",
        ),
        Need("algorithm_name", "Name of the algorithm", "text", ""),
        Need("creator", "Who made it", "text", "", tip="Family^Given"),
        Need(
            "label",
            "Content label",
            "text",
            told if told and not value_problem("ContentLabel", told) else "SEGMENTATION",
            tip="Capitals, digits, space and underscore; at most 16.",
        ),
        Need(
            "grid",
            "Grid",
            "choice",
            "image",
            (("image", "That of the image"), ("own", "That of the layer")),
            tip="Other programs expect the voxels of the image; the nearest label is taken.",
        ),
        Need(
            "other_frame_of_reference",
            "Write it though the image is in another frame of reference",
            "bool",
            False,
        ),
    )


def _values(source: ExportSource) -> dict[int, int]:
    """Return how many voxels each label has; of named ones without any, 0."""
    found: dict[int, int] = {v: 0 for v in source.labels if v != 0}
    for one in (source, *source.together):
        found = {v: 0 for v in one.labels if v != 0} | found
        for where in np.ndindex(*one.leading, one.grid[0]):
            plane = one.plane(where[:-1], where[-1])
            numbers, counts = np.unique(plane, return_counts=True)
            for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
                if number != 0:
                    found[int(number)] = found.get(int(number), 0) + int(count)
    return dict(sorted(found.items()))


def _known_values(source: ExportSource) -> list[int]:
    return list(_values(source))


def _with_all_labels(source: ExportSource) -> ExportSource:
    labels = dict(source.labels)
    for one in source.together:
        labels = dict(one.labels) | labels
    return replace(source, labels=labels)


def _numbered(
    grid: Gridded, told: Sequence[SegmentMeaning], kind: str, *, skip: bool
) -> tuple[NDArray[Any], tuple[SegmentMeaning, ...]]:
    """Return pixels and segments with the numbers that they get in the object."""
    present = set().union(*(set(np.unique(a).tolist()) for a in grid.arrays)) - {0}
    kept = [one for one in told if one.value in present or not skip]
    if not kept:
        raise ExportError(
            "nothing is labelled where the image is: there is nothing to write",
            reason="nothing-labelled",
        )
    if kind == "LABELMAP":
        pixels = np.where(np.isin(grid.arrays[0], [one.value for one in kept]), grid.arrays[0], 0)
        return as_numbers(pixels), tuple(kept)
    segments = tuple(replace(one, value=k) for k, one in enumerate(kept, 1))
    if len(grid.arrays) > 1:
        planes = [
            np.any([a == one.value for a in grid.arrays], axis=0).astype(np.uint8) for one in kept
        ]
        return np.stack(planes, axis=3), segments
    table = {one.value: k for k, one in enumerate(kept, 1)}
    values = np.array(sorted(table), dtype=np.int64)
    numbers = np.array([table[v] for v in sorted(table)])
    array = grid.arrays[0]
    at = np.minimum(np.searchsorted(values, array), len(values) - 1)
    pixels = np.where(values[at] == array, numbers[at], 0)
    return as_numbers(pixels), segments


def _planes_of(source: ExportSource) -> list[ExportSource]:
    """Return a source for each segment of fractions."""
    if not source.leading:
        return [source]
    whole = source.numpy()
    return [
        replace(source, array=whole[k], dims=source.dims[1:], coords={})
        for k in range(source.leading[0])
    ]


def _fraction_meanings(source: ExportSource) -> tuple[SegmentMeaning, ...]:
    from napari_dicomdb.export.source import Label

    count = source.leading[0] if source.leading else 1
    names = source.coords[_SEGMENT_AXIS].values if _SEGMENT_AXIS in source.coords else ()
    rows = list(source.meta.get("segments") or ())
    labels = {}
    for k in range(count):
        row = rows[k] if k < len(rows) and isinstance(rows[k], dict) else {}
        name = str(names[k]) if k < len(names) else str(row.get("name") or source.name)
        labels[k + 1] = Label(k + 1, name, features=row)
    return meanings_of(replace(source, labels=labels), labels)


def _is_share(source: ExportSource) -> bool:
    for where in np.ndindex(*source.leading, source.grid[0]):
        plane = source.plane(where[:-1], where[-1])
        if not (plane.size and float(plane.min()) >= 0 and float(plane.max()) <= 1):
            return False
    return True


def _why_not(source: ExportSource) -> list[Finding]:
    found = []
    if source.geometry is None or not source.geometry.in_patient:
        found.append(
            Finding(
                FindingCode.NO_GEOMETRY,
                Severity.ERROR,
                "a segmentation needs a place in the patient",
            )
        )
    if not has_highdicom():
        found.append(
            Finding(
                FindingCode.LOADER_FAILED,
                Severity.ERROR,
                'segmentations are encoded by highdicom: pip install "napari-dicomdb[export]"',
            )
        )
    return found


def _refusal(what: str) -> Finding:
    return Finding(
        FindingCode.BAD_HEADER_VALUE, Severity.ERROR, f"a segmentation cannot hold {what}"
    )


def _empty(values: Sequence[int]) -> Finding:
    shown = ", ".join(map(str, values[:6])) + (" ..." if len(values) > 6 else "")
    return Finding(
        FindingCode.BAD_HEADER_VALUE,
        Severity.WARNING,
        f"{len(values)} named segments have no voxel ({shown})",
        {"labels": list(values)},
    )
