"""Labels as DICOM segmentations: binary, label map; fractions of segments."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.exporter import Exportable
from napari_dicomdb.export.object_file import write_object
from napari_dicomdb.export.planes import is_invertible
from napari_dicomdb.export.segments.segment_encoding import compressed, values_in
from napari_dicomdb.export.segments.segment_fractions import (
    fraction_limits,
    fraction_meanings,
    fraction_planes,
)
from napari_dicomdb.export.segments.segment_grids import check_frame_of_reference
from napari_dicomdb.export.segments.segment_meanings import (
    SegmentMeaning,
    fitting,
    meanings_from,
    meanings_of,
    name_of,
)
from napari_dicomdb.export.segments.segment_needs import (
    CHECKED,
    EMPTY,
    FRACTIONS,
    compression_of,
    needs_of,
    tiling_of,
)
from napari_dicomdb.export.segments.segment_writing import Plan, plan_for
from napari_dicomdb.export.segments.segmentation_object import Content, segmentation_dataset
from napari_dicomdb.export.study import NewSeries, new_uid, value_problem
from napari_dicomdb.progress import no_progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from napari_dicomdb.export.segments.segment_encoding import Frames
    from napari_dicomdb.export.source import ExportSource
    from napari_dicomdb.export.study import StudyTarget
    from napari_dicomdb.progress import Progress

__all__ = ["SegmentationExporter"]

_MOST_BINARY = 20
_MOST_LABEL = 65535
_MANY = 1000  # an atlas has some hundred labels, an image thousands of values
_TIMES = frozenset({"time", "echo_time", "diffusion", "frame", "phase"})
_NAMES = {
    "BINARY": "Segmentation, each segment by itself",
    "LABELMAP": "Label map segmentation",
    "FRACTIONAL": "Fractional segmentation",
}


class SegmentationExporter:
    """Writes labels as a segmentation, and images of 0 to 1 as a fractional one."""

    name = "segmentation"
    version = "2"

    def examine(self, source: ExportSource) -> list[Exportable]:
        """Return the types in which `source` can be written; looks at all values once."""
        if source.role == "labels":
            if not _is_whole(source):
                refused = _refusal("labels that are no whole numbers")
                return [self._of_labels(source, "BINARY", {}, (refused,))]
            values, shared = _values(source)
            kinds = ("BINARY",) if source.together else ("BINARY", "LABELMAP")
            clashes = _clashes(source, shared)
            return [self._of_labels(source, kind, values, clashes) for kind in kinds]
        leading = source.dims[:-3]
        one_each = len(leading) <= 1 and not _TIMES & set(leading)
        if source.dtype.kind == "f" and not source.is_rgb and one_each:
            limits = fraction_limits(source)
            if limits is not None:
                return [self._of_fractions(source, limits)]
        return []

    def foresee(
        self, exportable: Exportable, target: StudyTarget, options: Mapping[str, Any]
    ) -> tuple[str, ...]:
        """Return what happens to the labels on the way to `target`, before it is written.

        Raises
        ------
        ExportError
            What would stop `write`: no place, another frame of reference.
        """
        check_frame_of_reference(
            exportable.source, target, confirmed=bool(options.get("other_frame_of_reference"))
        )
        return _plan(exportable, target, options, no_progress).remarks

    def write(
        self,
        exportable: Exportable,
        target: StudyTarget,
        folder: Path,
        *,
        options: Mapping[str, Any],
        progress: Progress,
    ) -> list[Path]:
        """Write the object; one for each time point where labels change with time."""
        source, kind = exportable.source, str(options["type"])
        for key, keyword in CHECKED.items():
            problem = value_problem(keyword, str(options.get(key) or ""))
            if problem:
                raise ExportError(f"{key.replace('_', ' ')}: {problem}", reason="bad-value")
        reference = check_frame_of_reference(
            source, target, confirmed=bool(options.get("other_frame_of_reference"))
        )
        told = meanings_from(options.get("segments"), _known(exportable))
        plan = _plan(exportable, target, options, progress)
        frames = plan.encode(kind, [one.value for one in told], progress)
        segments = _numbered(told, frames, kind, skip=options.get("empty") != "write")
        series = NewSeries(
            "SEG",
            str(options.get("description") or ""),
            target.series_number(options.get("series_number")),
        )
        kept = [k for k, one in enumerate(frames) if one.present or len(frames) == 1]
        if reference == "" and len(kept) > 1:
            reference = new_uid()
        paths = []
        for number, k in enumerate(kept, 1):
            content = Content(
                frames[k],
                segments,
                str(options.get("algorithm_type") or "MANUAL"),
                str(options.get("algorithm_name") or ""),
                str(options.get("label") or "SEGMENTATION"),
                str(options.get("description") or ""),
                str(options.get("creator") or ""),
                str(options.get("fractional_type") or "PROBABILITY"),
                number,
            )
            dataset = segmentation_dataset(content, plan.layouts[k], target, series, reference)
            name = f"segmentation-{number:04d}.dcm" if len(kept) > 1 else "segmentation.dcm"
            syntax = compressed(dataset, str(options.get("compression") or "none"))
            paths.append(write_object(dataset, folder / name, syntax))
            progress(number, len(kept), "Written")
        return paths

    def _of_labels(
        self,
        source: ExportSource,
        kind: str,
        values: Mapping[int, int],
        more: tuple[Finding, ...] = (),
    ) -> Exportable:
        present = [v for v, count in values.items() if count]
        findings = [*source.findings, *_why_not(source), *more]
        if not present and not more:
            findings.append(_refusal("an empty layer: nothing is labelled"))
        if kind == "LABELMAP" and any(not 0 < v <= _MOST_LABEL for v in present):
            findings.append(_refusal(f"labels beyond 1 to {_MOST_LABEL} as a label map"))
        if len(present) > _MOST_LABEL:
            findings.append(_refusal(f"more than {_MOST_LABEL} segments"))
        empty = [v for v, count in values.items() if not count]
        if empty:
            findings.append(_empty(empty))
        if len(present) > _MANY or min(present, default=0) < 0:
            findings.append(_like_an_image(present))
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
        if source.leading:
            losses.append(f"each step of {' × '.join(source.dims[:-3])} is an object of its own")
        if kind == "BINARY" and sorted(present) != list(range(1, len(present) + 1)):
            losses.append("segments are numbered from 1, whatever their label")
        changed = _renamed(_with_all_labels(source), present)
        if changed:
            which = "the name of 1 segment does" if changed == 1 else f"{changed} names do"
            losses.append(f"{which} not fit (64 characters, none of control): cut to what does")
        safe = [v for v in values if kind == "BINARY" or 0 < v <= _MOST_LABEL]
        known = meanings_of(_with_all_labels(source), safe[: _MOST_LABEL + 1])
        return Exportable(
            name=f"{_NAMES[kind]} ({len(present)})",
            kind="segmentation",
            confidence=0.0 if any(f.severity == Severity.ERROR for f in findings) else confidence,
            reasons=reasons,
            losses=tuple(losses),
            findings=tuple(findings),
            needs=(*needs_of(source, known), EMPTY, compression_of(kind), *tiling_of(source)),
            source=source,
            exporter=self,
            options=MappingProxyType({"type": kind}),
        )

    def _of_fractions(self, source: ExportSource, limits: tuple[float, float, bool]) -> Exportable:
        low, high, gaps = limits
        findings = [*source.findings, *_why_not(source)]
        refused = any(f.severity == Severity.ERROR for f in findings)
        meant = source.meta.get("segmentation_type") == "FRACTIONAL"
        losses = ["fractions are kept to within 1/510"]
        if low < 0 or high > 1:
            losses.append(f"values from {low:.4g} to {high:.4g} are cut to 0 to 1")
        if gaps:
            losses.append("what is no number becomes 0")
        return Exportable(
            name=_NAMES["FRACTIONAL"],
            kind="segmentation",
            confidence=0.0 if refused else 0.95 if meant else 0.3,
            reasons=("all values are between 0 and 1",),
            losses=tuple(losses),
            findings=tuple(findings),
            needs=(
                *needs_of(source, fraction_meanings(source)),
                FRACTIONS,
                compression_of("FRACTIONAL"),
                *tiling_of(source),
            ),
            source=source,
            exporter=self,
            options=MappingProxyType({"type": "FRACTIONAL"}),
        )  # fmt: skip


def _renamed(source: ExportSource, values: Sequence[int]) -> int:
    """Return how many labels have a name that a segment cannot have."""
    names = [name_of(source.labels[v]) for v in values if v in source.labels]
    return sum(fitting(name) != name for name in names)


def _plan(
    exportable: Exportable, target: StudyTarget, options: Mapping[str, Any], progress: Progress
) -> Plan:
    source = exportable.source
    fractions = options["type"] == "FRACTIONAL"
    return plan_for(
        fraction_planes(source) if fractions else [source, *source.together],
        target,
        grid=str(options.get("grid") or "image"),
        full=options.get("tiling") == "full",
        pyramid=options.get("levels") == "all",
        progress=progress,
    )


def _known(exportable: Exportable) -> tuple[SegmentMeaning, ...]:
    """Return what `examine` found in the labels, without looking at them again."""
    source = exportable.source
    if exportable.options["type"] == "FRACTIONAL":
        return fraction_meanings(source)
    (need,) = (one for one in exportable.needs if one.key == "segments")
    return meanings_of(_with_all_labels(source), [row["value"] for row in need.default])


def _is_whole(source: ExportSource) -> bool:
    return all(one.dtype.kind in "biu" for one in (source, *source.together))


def _values(source: ExportSource) -> tuple[dict[int, int], list[int]]:
    """Return on how many planes each label is, and which are in several layers.

    Of named ones that are nowhere the number of planes is 0.
    """
    found: dict[int, int] = {}
    layers: Counter[int] = Counter()
    for one in (source, *source.together):
        found = {v: 0 for v in one.labels if v != 0} | found
        there: set[int] = set()
        for where in np.ndindex(*one.leading, one.grid[0]):
            for number in values_in(one.plane(where[:-1], where[-1])):
                found[number] = found.get(number, 0) + 1
                there.add(number)
        layers.update(there)
    return dict(sorted(found.items())), sorted(v for v, count in layers.items() if count > 1)


def _clashes(source: ExportSource, shared: Sequence[int]) -> tuple[Finding, ...]:
    """Return what is to be known of labels that several layers have: they become one segment."""
    if not shared:
        return ()
    for value in shared:
        labels = [one.labels.get(value) for one in (source, *source.together)]
        names = list(dict.fromkeys(one.name for one in labels if one is not None and one.name))
        if len(names) > 1:
            return (_refusal(
                f"two things in one label: {value} is {names[0]!r} in one layer and {names[1]!r} "
                "in another; give one of them another number, or write the layers apart"
            ),)  # fmt: skip
    text = f"labels {_listed(shared)} are in several layers: each becomes one segment"
    return (
        Finding(FindingCode.SEGMENTS_OVERLAP, Severity.WARNING, text, {"labels": list(shared)}),
    )


def _with_all_labels(source: ExportSource) -> ExportSource:
    labels = dict(source.labels)
    for one in source.together:
        labels = dict(one.labels) | labels
    return replace(source, labels=labels)


def _numbered(
    told: Sequence[SegmentMeaning], frames: Sequence[Frames], kind: str, *, skip: bool
) -> list[tuple[SegmentMeaning, int]]:
    """Return the segments to describe, with their numbers: the same in all objects."""
    present = set().union(*(one.present for one in frames))
    if not present:
        raise ExportError(
            "nothing is labelled where the image is: there is nothing to write",
            reason="nothing-labelled",
        )
    kept = [one for one in told if one.value in present or not skip]
    return [(one, one.value if kind == "LABELMAP" else k) for k, one in enumerate(kept, 1)]


def _why_not(source: ExportSource) -> list[Finding]:
    geometry = source.geometry
    if geometry is not None and not is_invertible(geometry.affine):
        text = "its transform is singular: no voxel has a size"
        return [Finding(FindingCode.NO_GEOMETRY, Severity.ERROR, text)]
    if source.references or (geometry is not None and geometry.in_patient):
        return []
    text = "a segmentation needs a place in the patient, or the image it was drawn on"
    return [Finding(FindingCode.NO_GEOMETRY, Severity.ERROR, text)]


def _refusal(what: str) -> Finding:
    return Finding(
        FindingCode.BAD_HEADER_VALUE, Severity.ERROR, f"a segmentation cannot hold {what}"
    )


def _empty(values: Sequence[int]) -> Finding:
    return Finding(
        FindingCode.BAD_HEADER_VALUE,
        Severity.WARNING,
        f"{len(values)} named segments have no voxel ({_listed(values)})",
        {"labels": list(values)},
    )


def _listed(values: Sequence[int]) -> str:
    return ", ".join(map(str, values[:6])) + (" ..." if len(values) > 6 else "")


def _like_an_image(present: Sequence[int]) -> Finding:
    values = f"{len(present)} values from {min(present)} to {max(present)}"
    return Finding(
        FindingCode.BAD_HEADER_VALUE,
        Severity.WARNING,
        f"{values}: rather those of an image than labels; each would become a segment",
        {"count": len(present)},
    )
