"""Maps of a quantity as Parametric Map objects, in floating point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.exporter import Exportable, Need
from napari_dicomdb.export.exporters.image import common_needs, prepared
from napari_dicomdb.export.images.frame_dimensions import FrameDimensions
from napari_dicomdb.export.images.image_findings import dimension_losses, unwritable
from napari_dicomdb.export.images.parametric_map_object import (
    QUANTITY_AXIS,
    MapContent,
    parametric_map,
)
from napari_dicomdb.export.images.quantities import QUANTITIES, UNITS, quantity_code, unit_code
from napari_dicomdb.export.images.right_angles import check_resampling
from napari_dicomdb.export.object_file import write_object
from napari_dicomdb.export.pixel_history import refuse_burned_in
from napari_dicomdb.export.planes import geometry_findings
from napari_dicomdb.export.source_attributes import SourceImages, frame_of_reference
from napari_dicomdb.export.study import NewSeries, value_problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from napari_dicomdb.export.source import ExportSource
    from napari_dicomdb.export.study import StudyTarget
    from napari_dicomdb.progress import Progress

__all__ = ["ParametricMapExporter"]

_MOST_AXES = 3  # beside space: what tells frames apart


class ParametricMapExporter:
    """Writes images of one quantity, or of several, exactly, as float32 or float64."""

    name = "parametric-map"
    version = "2"

    def examine(self, source: ExportSource) -> list[Exportable]:
        """Offer a parametric map of any grey image."""
        if source.role != "image" or source.is_rgb or source.dtype.kind not in "biuf":
            return []
        findings = [*source.findings, *geometry_findings(source)]
        refused = unwritable(source)
        if refused is not None:  # no voxel, or too many rows
            findings.append(refused)
        if source.geometry is None or not source.geometry.in_patient:
            text = "a parametric map must have a place in the patient"
            findings.append(Finding(FindingCode.NO_GEOMETRY, Severity.ERROR, text))
        several = _quantities(source)
        dimensions = FrameDimensions.of(source, QUANTITY_AXIS if several else "")
        if not dimensions.are_told_apart or len(source.leading) > _MOST_AXES:
            text = "it has too many axes beside space to tell frames apart: write parts of it"
            findings.append(Finding(FindingCode.MULTIFRAME_INCONSISTENT, Severity.ERROR, text))
        floats = source.dtype.kind == "f"
        known = bool(several or source.meta.get("quantity"))
        known = known or source.meta.get("kind") == "parametric-map"
        needs = [need for need in common_needs(source) if need.key != "compression"]
        if not several:
            needs += [
                Need("quantity", "Quantity", "choice", _guess(source), tuple(
                    (key, meaning) for key, (_, _, meaning) in QUANTITIES.items())),
                Need("units", "Unit of the values (UCUM)", "text", _unit(source),
                     tip="As UCUM writes it: mm2/s, [hnsf'U], {SUVbw}g/ml, 1."),
            ]  # fmt: skip
        needs.append(
            Need("precision", "Precision", "choice", "double" if _is_wide(source) else "single",
                 (("single", "32 bits"), ("double", "64 bits"))),
        )  # fmt: skip
        losses = dimension_losses(source, dimensions)
        if not several and _unit(source) == "1" and _own_unit(source) not in ("", "1"):
            losses.append(f"the unit of the values ({_own_unit(source)}) is no UCUM: say which")
        exact = "every value is kept exactly"
        if source.dtype.kind in "iu" and source.dtype.itemsize == 8:
            exact = "whole numbers are kept exactly up to 2^53"
        return [
            Exportable(
                name="Parametric map, one file",
                kind="parametric-map",
                confidence=0.97 if known and floats else 0.6 if floats else 0.3,
                reasons=(
                    exact,
                    "values are a quantity" if known else "few programs read parametric maps",
                ),
                losses=tuple(losses),
                findings=tuple(findings),
                needs=tuple(needs),
                source=source,
                exporter=self,
            )
        ]

    def foresee(
        self, exportable: Exportable, target: StudyTarget, options: Mapping[str, Any]
    ) -> tuple[str, ...]:
        """Return what 32 bits do not keep.

        Raises
        ------
        ExportError
            "burned-in": its images have text burned in, and a map must not; "too-large" to be
            resampled.
        """
        refuse_burned_in(SourceImages.of(exportable.source, target).records)
        check_resampling(exportable.source, options, target)
        if options.get("precision") == "single" and _is_wide(exportable.source):
            return ("values are kept to 7 digits",)
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
        """Write the map."""
        source = prepared(exportable.source, options, target, progress, fill=float("nan"))
        images = SourceImages.of(source, target)
        planes = images.planes(source)
        if planes is None:
            raise ExportError("it has no place in the patient", reason="no-geometry")
        several = _quantities(source)
        keys = several or (str(options["quantity"]),)
        units = [_UNITS_OF.get(key, "1") for key in several] or [str(options.get("units") or "1")]
        content = MapContent(
            [quantity_code(key) for key in keys],
            [unit_code(unit) for unit in units],
            np.dtype(np.float64 if options.get("precision") == "double" else np.float32),
            str(options.get("description") or ""),
        )
        modality = source.modality
        series = NewSeries(
            modality if modality and not value_problem("Modality", modality) else "OT",
            content.explanation,
            target.series_number(options.get("series_number")),
        )
        made = parametric_map(
            source,
            planes,
            content,
            target,
            series,
            images,
            frame_of_reference(source, target),
            progress=progress,
        )
        return [write_object(made, folder / "00001.dcm")]


def _quantities(source: ExportSource) -> tuple[str, ...]:
    """Return the quantities along an axis of that name, () where there is none.

    Its values are keys or meanings of `QUANTITIES`.
    """
    if QUANTITY_AXIS not in source.dims or QUANTITY_AXIS not in source.coords:
        return ()
    meanings = {meaning.lower(): key for key, (_, _, meaning) in QUANTITIES.items()}
    found = []
    for value in source.coords[QUANTITY_AXIS].values:
        key = str(value).lower()
        key = key if key in QUANTITIES else meanings.get(key, "")
        if not key or key in found:
            return ()
        found.append(key)
    return tuple(found)


def _is_wide(source: ExportSource) -> bool:
    if source.dtype.kind == "f":
        return source.dtype.itemsize > 4
    return source.dtype.itemsize > 2  # float32 has 24 bits of whole numbers


def _guess(source: ExportSource) -> str:
    known = str(source.meta.get("quantity") or "").lower()
    for key, (_, _, meaning) in QUANTITIES.items():
        if known and known in (key, meaning.lower()):
            return key
    told = f"{known} {source.name}".lower()
    for key, words in _HINTS.items():
        if any(word in told for word in words):
            return key
    return "value"


_HINTS = {
    "adc": ("apparent diffusion", "adc"),
    "fa": ("fractional anisotropy",),
    "t1": ("t1 map", "t1map"),
    "t2": ("t2 map", "t2map"),
    "suvbw": ("suv",),
}


_UNITS_OF = {"adc": "mm2/s", "t1": "ms", "t2": "ms", "t2star": "ms", "suvbw": "{SUVbw}g/ml",
             "attenuation": "[hnsf'U]", "ktrans": "/min"}  # fmt: skip


def _unit(source: ExportSource) -> str:
    unit = _own_unit(source)
    try:
        unit_code(unit)
    except ExportError:
        return "1"
    return UNITS.get(unit, unit) or "1"


def _own_unit(source: ExportSource) -> str:
    return str(source.meta.get("ucum_units") or source.units or "")
