"""Images of any kind as DICOM images: single-frame series, enhanced, secondary captures."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.exporter import Exportable, Need
from napari_dicomdb.export.images.image_findings import (
    axis_losses,
    frame_findings,
    lacking_findings,
    out_of_reach,
    unwritable,
    value_findings,
)
from napari_dicomdb.export.images.multi_frames import (
    LEGACY_CLASSES,
    write_legacy_converted,
    write_multi_frame_capture,
)
from napari_dicomdb.export.images.pixel_encoding import COMPRESSION_NAMES
from napari_dicomdb.export.images.right_angles import (
    check_resampling,
    geometry_need,
    resampled_if_asked,
)
from napari_dicomdb.export.images.single_frames import (
    IMAGE_CLASSES,
    PET_UNITS,
    SECONDARY_CAPTURE,
    Drawing,
    write_single_frames,
)
from napari_dicomdb.export.images.stored_values import (
    StoredValues,
    ValueRange,
    as_it_was,
    plan_stored,
    value_range,
)
from napari_dicomdb.export.images.value_units import can_be_said
from napari_dicomdb.export.pixel_history import refuse_burned_in
from napari_dicomdb.export.planes import (
    geometry_findings,
)
from napari_dicomdb.export.source_attributes import SourceImages
from napari_dicomdb.export.study import NewSeries, value_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from napari_dicomdb.dicom.findings import Finding
    from napari_dicomdb.export.source import ExportSource
    from napari_dicomdb.export.study import StudyTarget
    from napari_dicomdb.progress import Progress

    _Again = Callable[[], StoredValues | None]

__all__ = ["FORMS", "ImageExporter", "common_needs", "prepared"]

FORMS = ("classic", "enhanced", "secondary-capture", "multi-frame")
"""Option ``form``: one file a slice of the modality's class; all in one; pictures."""

_NAMES = {"CT": "CT", "MR": "MR", "PT": "PET"}
_LONGEST_NAME = 64


class ImageExporter:
    """Writes images: classic series, legacy converted enhanced, secondary captures."""

    name = "image"
    version = "2"

    def __init__(self) -> None:
        self._ranges: WeakKeyDictionary[ExportSource, ValueRange] = WeakKeyDictionary()

    def examine(self, source: ExportSource) -> list[Exportable]:
        """Return the forms in which `source` can be written; looks at all values once."""
        if source.role != "image":
            return []
        refusal = unwritable(source)
        if refusal is not None:
            return [self._refused(source, refusal)]
        found = self._range_of(source)
        refusal = out_of_reach(source, found)
        if refusal is not None:
            return [self._refused(source, refusal)]
        forms = ["secondary-capture", "multi-frame"]
        if not source.is_rgb and source.modality in IMAGE_CLASSES and _is_placed(source):
            forms = ["classic", *(["enhanced"] if source.references else []), *forms]
        again = cache(partial(as_it_was, source, found))  # which reads all of it
        offers = [self._offer(source, form, found, again) for form in forms]
        return [offer for offer in offers if offer is not None]

    def foresee(
        self, exportable: Exportable, target: StudyTarget, options: Mapping[str, Any]
    ) -> tuple[str, ...]:
        """Raise what its source images, or its geometry, have against it.

        Raises
        ------
        ExportError
            "no-source", "burned-in"; "too-large" to be resampled.
        """
        source = exportable.source
        check_resampling(source, options, target)
        if options["form"] == "enhanced":
            refuse_burned_in(SourceImages.of(source, target).records)
        if options["form"] in ("classic", "enhanced") and source.modality == "PT":
            SourceImages.of(source, target).check("PT")
        return ()

    def write(
        self,
        exportable: Exportable,
        target: StudyTarget,
        folder: Path,
        *,
        options: Mapping[str, Any],
        progress: Progress,
    ) -> list[Path]:
        """Write the series."""
        source = prepared(exportable.source, options, target, progress)
        form = str(options["form"])
        found = self._range_of(source)
        modality = _modality(source, form)
        stored = _plan(source, form, found, wide=str(options.get("bits", "32")) == "32")
        if stored is None:
            raise ExportError(f"{exportable.name}: its values do not fit", reason="bad-value")
        series = NewSeries(
            modality,
            str(options.get("description") or ""),
            target.series_number(options.get("series_number")),
        )
        sop_class = IMAGE_CLASSES[modality] if form in ("classic", "enhanced") else ""
        drawing = Drawing(
            source,
            target,
            series,
            sop_class or SECONDARY_CAPTURE,
            stored,
            str(options.get("derivation") or "Written by napari-dicomdb from an image layer"),
        )
        compression = str(options["compression"])
        if form == "enhanced":
            return write_legacy_converted(drawing, folder, compression, progress)
        if form == "multi-frame":
            return write_multi_frame_capture(drawing, folder, compression, progress)
        return write_single_frames(drawing, folder, compression, progress)

    def _range_of(self, source: ExportSource) -> ValueRange:
        """Look at all values; at those of what is lazy once, not again when they are written."""
        if source.is_rgb:
            return ValueRange(0, 255, True)
        if isinstance(source.array, np.ndarray):
            return value_range(source)  # which may have been painted on meanwhile
        if source not in self._ranges:
            self._ranges[source] = value_range(source)
        return self._ranges[source]

    def _refused(self, source: ExportSource, finding: Finding) -> Exportable:
        return Exportable(
            name="Images",
            kind="image",
            confidence=0.0,
            reasons=(finding.text,),
            losses=(),
            findings=(*source.findings, finding),
            needs=(),
            source=source,
            exporter=self,
            options=MappingProxyType({"form": "secondary-capture"}),
        )

    def _offer(
        self, source: ExportSource, form: str, found: ValueRange, again: _Again
    ) -> Exportable | None:
        stored = _plan(source, form, found, again=again)
        if stored is None:
            return None
        modality = _modality(source, form)
        if modality == "PT" and form != "secondary-capture":
            known = not source.units or source.units in PET_UNITS
            if not known or not source.references:
                return None
        lacking = lacking_findings(source) if form in ("classic", "enhanced") else ()
        reasons, confidence = _reasons(source, form, stored)
        count = int(np.prod(source.leading, dtype=int)) * source.grid[0]
        what = {
            "classic": f"{_NAMES.get(modality, modality)} images, one file a slice",
            "enhanced": f"Enhanced {_NAMES.get(modality, modality)} (legacy converted), one file",
            "secondary-capture": "Secondary captures, one file a slice",
            "multi-frame": "Multi-frame secondary capture, one file",
        }[form]
        return Exportable(
            name=f"{what} ({count})" if count > 1 else what,
            kind="image",
            confidence=0.0 if lacking else confidence,
            reasons=reasons,
            losses=_losses(source, stored, found, form),
            findings=(
                *source.findings,
                *geometry_findings(source),
                *value_findings(found),
                *frame_findings(source, form),
                *lacking,
            ),
            needs=(*common_needs(source), *_bits(source, form, found, stored, again)),
            source=source,
            exporter=self,
            options=MappingProxyType({"form": form}),
        )


def _bits(
    source: ExportSource, form: str, found: ValueRange, stored: StoredValues, again: _Again
) -> tuple[Need, ...]:
    """Ask how many bits a pixel has, where it is not said otherwise."""
    if stored.dtype.itemsize < 4:
        return ()
    shorter = _plan(source, form, found, wide=False, again=again)
    error = 0.0 if shorter is None else shorter.error
    choices = (("32", "32, exactly"), ("16", f"16, to within {error:.3g}"))
    tip = "Every program reads 16 bits a pixel; not all read 32."
    return (Need("bits", "Bits a pixel", "choice", "32", choices, tip=tip),)


def common_needs(source: ExportSource) -> tuple[Need, ...]:
    """Return what every exporter of images wants to be told."""
    needs = [
        Need(
            "description",
            "Series description",
            "text",
            _described(source.title),
            tip="At most 64 characters.",
        ),
        Need(
            "compression",
            "Compression",
            "choice",
            "none",
            tuple(COMPRESSION_NAMES.items()),
            tip="All are lossless; every program reads images that are not compressed.",
        ),
    ]
    return (*needs, *geometry_need(source))


def _described(name: str) -> str:
    """Return a name as SeriesDescription can hold it."""
    text = "".join(c if c.isprintable() else " " for c in name.replace("\\", "/"))
    text = text.encode("utf-8", "replace").decode("utf-8")
    return " ".join(text.split())[:_LONGEST_NAME].strip()


def prepared(
    source: ExportSource,
    options: Mapping[str, Any],
    target: StudyTarget,
    progress: Progress,
    *,
    fill: float | None = None,
) -> ExportSource:
    """Return the source as the options want it: resampled when they say so.

    Parameters
    ----------
    source : ExportSource
    options : mapping
    target : StudyTarget
        Whose images say where uneven slices are.
    progress : Progress
    fill : float, optional
        Of floats, where a resampled grid has nothing; by default the padding of the images,
        air, or 0.

    Raises
    ------
    ExportError
        "bad-value": the description does not fit its attribute.
    """
    problem = value_problem("SeriesDescription", str(options.get("description") or ""))
    if problem:
        raise ExportError(f"the series description: {problem}", reason="bad-value")
    return resampled_if_asked(source, options, target, progress, fill=fill)


def _is_placed(source: ExportSource) -> bool:
    return source.geometry is not None and source.geometry.in_patient


def _modality(source: ExportSource, form: str) -> str:
    if form in ("classic", "enhanced"):
        return source.modality
    known = source.modality
    return known if known and not value_problem("Modality", known) else "OT"


def _plan(
    source: ExportSource,
    form: str,
    found: ValueRange,
    *,
    wide: bool = True,
    again: _Again | None = None,
) -> StoredValues | None:
    if source.is_rgb:
        wide = source.dtype.kind == "u" and source.dtype.itemsize > 1
        if wide and (source.dtype.itemsize > 2 or form == "multi-frame"):
            return None
        if source.dtype.kind == "i":
            return None
        return StoredValues(np.dtype(np.uint16 if wide else np.uint8))
    if form == "multi-frame":
        return plan_stored(source, found, at_least_16=False, unsigned_only=True, again=again)
    if form == "secondary-capture":
        # Not of voxels that are no number: their padding has no room in the header.
        wide = wide and not found.strange
        return plan_stored(source, found, at_least_16=False, wide=wide, again=again)
    planned = plan_stored(source, found, no_intercept=source.modality == "PT", again=again)
    # In one object: ITK applies the rescale of the first frame to all.
    return replace(planned, by_plane=planned.by_plane and form == "classic")


def _reasons(
    source: ExportSource, form: str, stored: StoredValues
) -> tuple[tuple[str, ...], float]:
    reasons, confidence = [], 0.5
    if form in LEGACY_CLASSES or form in ("classic", "enhanced"):
        reasons.append(f"it was made from {_NAMES[source.modality]} images")
        confidence += 0.3
    if form == "classic":
        reasons.append("every program reads single-frame images")
        confidence += 0.1
    if form == "classic" and source.modality == "MR" and not stored.is_identity:
        reasons.append("its rescale is an extension of MR images, which most programs apply")
    if form == "enhanced":
        reasons.append("few programs read legacy converted images")
    if form == "multi-frame":
        reasons.append("few programs place multi-frame secondary captures in the patient")
        confidence -= 0.1
        if source.is_rgb and source.leading and source.grid[0] == 1:
            confidence += 0.2
    if stored.dtype.itemsize == 4:
        reasons.append("pixels have 32 bits, which not every program reads")
    if stored.error == 0:
        reasons.append("all values are kept exactly")
        confidence += 0.05
    else:
        reasons.append("values are rounded to 16 bits")
        confidence -= 0.1
    if not _is_placed(source):
        reasons.append("it has no place in the patient")
        confidence -= 0.1
    return tuple(reasons), round(max(0.05, confidence), 4)


def _losses(
    source: ExportSource, stored: StoredValues, found: ValueRange, form: str
) -> tuple[str, ...]:
    losses = []
    if stored.error:
        unit = f" {source.units}" if source.units else ""
        finer = ", finer in slices of lower values" if stored.by_plane else ""
        losses.append(f"values are kept to within {stored.error:.3g}{unit}{finer}")
    if found.strange:
        losses.append(f"{found.strange} voxels that are no number become padding")
    if source.is_rgb and source.shape[-1] == 4:
        losses.append("transparency is not kept")
    if source.is_rgb and source.dtype.kind == "f":
        losses.append("colours are kept to within 1/510 of full brightness")
    if len(source.title.strip()) > _LONGEST_NAME:
        losses.append(f"its name is cut to {_LONGEST_NAME} characters")
    elif _described(source.title) != source.title.strip():
        losses.append("characters of its name that DICOM has no place for are left out")
    losses += axis_losses(source, form)
    known = source.units == "HU" or (form in ("classic", "enhanced") and source.modality == "PT")
    if source.units and not known and not can_be_said(source.units):
        losses.append(f"the unit of the values ({source.units}) is not kept")
    return tuple(losses)
