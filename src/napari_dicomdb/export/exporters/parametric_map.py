"""Maps of a quantity as Parametric Map objects, in floating point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom._attribute_reading import quiet
from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.errors import ExportError, MissingLibraryError
from napari_dicomdb.export.exporter import Exportable, Need
from napari_dicomdb.export.exporters.image import common_needs, prepared
from napari_dicomdb.export.numbers import decimal_strings
from napari_dicomdb.export.object_file import write_object
from napari_dicomdb.export.planes import Planes, geometry_findings
from napari_dicomdb.export.quantities import QUANTITIES, UNITS, quantity_code, unit_code
from napari_dicomdb.export.source_attributes import SourceImages, frame_of_reference
from napari_dicomdb.export.study import new_uid, value_problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from pydicom import Dataset

    from napari_dicomdb.export.source import ExportSource
    from napari_dicomdb.export.study import StudyTarget
    from napari_dicomdb.progress import Progress

__all__ = ["ParametricMapExporter"]


class ParametricMapExporter:
    """Writes images of one quantity exactly, as float32 or float64."""

    name = "parametric-map"
    version = "1"

    def examine(self, source: ExportSource) -> list[Exportable]:
        """Offer a parametric map of any grey image."""
        if source.role != "image" or source.is_rgb:
            return []
        findings = [*source.findings, *geometry_findings(source)]
        if source.geometry is None or not source.geometry.in_patient:
            text = "a parametric map must have a place in the patient"
            findings.append(Finding(FindingCode.NO_GEOMETRY, Severity.ERROR, text))
        if not source.references:
            text = "a parametric map must say which images it was made from: name their series"
            findings.append(Finding(FindingCode.FILE_MISSING, Severity.ERROR, text))
        if source.leading:
            text = "a parametric map has no axis beside space: write one volume at a time"
            findings.append(Finding(FindingCode.MULTIFRAME_INCONSISTENT, Severity.ERROR, text))
        floats = source.dtype.kind == "f"
        known = source.meta.get("kind") == "parametric-map" or bool(source.meta.get("quantity"))
        double = source.dtype.itemsize > 4 or (source.dtype.kind in "iu" and _is_wide(source))
        reasons = ["every value is kept exactly" if not source.dtype.itemsize > 8 else "rounded"]
        reasons.append("values are a quantity" if known else "few programs read parametric maps")
        needs = [need for need in common_needs(source) if need.key != "compression"]
        needs += [
            Need("quantity", "Quantity", "choice", _guess(source), tuple(
                (key, meaning) for key, (_, _, meaning) in QUANTITIES.items())),
            Need("units", "Unit of the values (UCUM)", "text", _unit(source),
                 tip="As UCUM writes it: mm2/s, [hnsf'U], {SUVbw}g/ml, 1."),
            Need("precision", "Precision", "choice", "double" if double else "single",
                 (("single", "32 bits"), ("double", "64 bits"))),
        ]  # fmt: skip
        return [
            Exportable(
                name="Parametric map, one file",
                kind="parametric-map",
                confidence=0.97 if known and floats else 0.6 if floats else 0.3,
                reasons=tuple(reasons),
                losses=(),
                findings=tuple(findings),
                needs=tuple(needs),
                source=source,
                exporter=self,
            )
        ]

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
        try:
            import highdicom
            from highdicom import pm
        except ImportError as error:
            raise MissingLibraryError(
                f"parametric maps need highdicom ({error}): pip install 'napari-dicomdb[export]'"
            ) from error
        source = prepared(exportable.source, options, progress)
        frame = frame_of_reference(source, target)
        images = SourceImages.of(source, target)
        headers = target.headers([r.uid for r in images.records])
        if not headers:
            raise ExportError(
                "a parametric map must say what it was made from, and the source images are not "
                "there: write images instead",
                reason="no-source",
            )
        planes = Planes.of(source)
        if planes is None:
            raise ExportError("it has no place in the patient", reason="no-geometry")
        values, order = _values(source, options, planes), planes.order()
        low, high = _finite_range(values)
        progress(0, 2, "Making the map")
        unit = unit_code(str(options.get("units") or "1"))
        mapping = pm.RealWorldValueMapping(
            lut_label="1",
            lut_explanation=str(options.get("description") or "Map")[:64],
            unit=unit,
            value_range=(low, high),
            slope=1.0,
            intercept=0.0,
            quantity_definition=quantity_code(str(options["quantity"])),
        )
        for header in headers:
            _share(header, target, frame)
        with quiet():
            try:
                made = pm.ParametricMap(
                    headers,
                    values[order],
                    series_instance_uid=new_uid(),
                    series_number=target.series_number(options.get("series_number")),
                    sop_instance_uid=new_uid(),
                    instance_number=1,
                    manufacturer="napari-dicomdb",
                    manufacturer_model_name="napari-dicomdb",
                    software_versions=_version(),
                    device_serial_number="0",
                    contains_recognizable_visual_features=False,
                    real_world_value_mappings=[mapping],
                    window_center=(low + high) / 2 + 0.5,  # LINEAR ends half a unit within
                    window_width=high - low + 1,
                    content_label="MAP",
                    pixel_measures=highdicom.PixelMeasuresSequence(
                        planes.spacing, planes.thickness, planes.thickness
                    ),
                    plane_orientation=highdicom.PlaneOrientationSequence(
                        "PATIENT", [float(x) for x in decimal_strings(planes.orientation)]
                    ),
                    plane_positions=[
                        highdicom.PlanePositionSequence(
                            "PATIENT", [float(x) for x in decimal_strings(planes.positions[k])]
                        )
                        for k in order
                    ],
                )
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise ExportError(
                    f"it cannot be made a parametric map: {error}", reason="cannot-be-written"
                ) from error
        progress(1, 2, "Writing the map")
        _finish(made, target, options)
        return [write_object(made, folder / "00001.dcm")]


def _finish(made: Dataset, target: StudyTarget, options: Mapping[str, Any]) -> None:
    """Say of the study what the target says, not what single headers do."""
    from napari_dicomdb.export.headers import PATIENT_KEYWORDS, STUDY_KEYWORDS
    from napari_dicomdb.export.study import CHARSET

    for keyword in (*PATIENT_KEYWORDS, *STUDY_KEYWORDS):
        if keyword in target.values:
            made[keyword] = target.values[keyword]
    made.SpecificCharacterSet = CHARSET
    if not made.get("ContentCreatorName"):
        made.ContentCreatorName = None
    shared = made.SharedFunctionalGroupsSequence[0]
    if "FrameAnatomySequence" not in shared:
        # dcmqi reads no map without; the images do not say more.
        shared.FrameAnatomySequence = [_whole_body()]
    text = str(options.get("description") or "")
    if text and not value_problem("SeriesDescription", text):
        made.SeriesDescription = text


def _whole_body() -> Dataset:
    from pydicom import Dataset

    anatomy, region = Dataset(), Dataset()
    region.CodeValue, region.CodingSchemeDesignator = "38266002", "SCT"
    region.CodeMeaning = "Entire body"
    anatomy.AnatomicRegionSequence = [region]
    anatomy.FrameLaterality = "U"
    return anatomy


def _share(header: Dataset, target: StudyTarget, frame: str) -> None:
    header.StudyInstanceUID = target.study_uid
    header.FrameOfReferenceUID = frame


def _values(source: ExportSource, options: Mapping[str, Any], planes: Planes) -> NDArray[Any]:
    dtype = np.float64 if options.get("precision") == "double" else np.float32
    return np.ascontiguousarray(source.numpy(), dtype=dtype)


def _finite_range(values: NDArray[Any]) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def _is_wide(source: ExportSource) -> bool:
    return source.dtype.itemsize > 2  # float32 has 24 bits of whole numbers


def _version() -> str:
    from napari_dicomdb import __version__

    return __version__


def _guess(source: ExportSource) -> str:
    told = f"{source.meta.get('quantity') or ''} {source.name}".lower()
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


def _unit(source: ExportSource) -> str:
    unit = str(source.meta.get("ucum_units") or source.units or "")
    return UNITS.get(unit, unit) or "1"
