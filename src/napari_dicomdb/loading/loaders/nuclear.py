"""Nuclear medicine: planar, dynamic, gated and tomographic acquisitions, reconstructions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.dicom.geometry import affine_from_plane, slice_normal
from napari_dicomdb.errors import DicomDbError, LoadError
from napari_dicomdb.loading.building import build_volume
from napari_dicomdb.loading.confidence import Claim, assess
from napari_dicomdb.loading.describing import pixel_findings, referenced_uids, series_name
from napari_dicomdb.loading.frame_axis import numbers_of
from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.loading.loadable import Loadable
from napari_dicomdb.loading.nuclear_axes import NuclearAxis, grid_of
from napari_dicomdb.loading.sequences import spacing_of
from napari_dicomdb.loading.sorting import by_series, images_of, is_nuclear
from napari_dicomdb.loading.volume import Coord, VolumeGeometry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.loading.volume import Volume
    from napari_dicomdb.progress import Progress

__all__ = ["NuclearLoader"]


class NuclearLoader:
    """Frames of a gamma camera along the axes that their vectors name."""

    name = "nuclear"
    version = "1"

    def examine(self, instances: Sequence[InstanceRecord]) -> list[Loadable]:
        """Return one loadable for each multi-frame NM object."""
        found: list[Loadable] = []
        objects = (i for i in images_of(instances) if i.frame_count > 1 and is_nuclear(i))
        for series in by_series(objects):
            found += [self._offer(record, len(series) > 1) for record in series]
        return found

    def load(self, loadable: Loadable, *, progress: Progress, lazy: bool) -> Volume:
        """Load what `examine` offered."""
        if not loadable.instances:
            raise LoadError(f"{loadable.name}: there is no image in it", reason="no-pixels")
        plan = _plan(loadable.instances[0])
        frames = FrameSet.of(loadable.instances[:1]).take(plan.order)
        volume = build_volume(
            loadable,
            frames,
            plan.geometry,
            plan.dims,
            lazy=lazy,
            progress=progress,
            leading=plan.leading,
            coords=plan.coords,
            findings=loadable.findings,
            meta={"calibrated": True},
        )
        if not volume.units and not plan.reconstructed:
            volume.units = "counts"  # what a gamma camera stores
        return volume

    def _offer(self, record: InstanceRecord, several: bool) -> Loadable:
        plan = _plan(record)
        frames = FrameSet.of([record])
        findings = (*plan.findings, *pixel_findings(frames))
        names = [d for d in plan.dims if d not in ("row", "column")]
        claims = [
            Claim(f"frames follow the vectors of {', '.join(names)}" if names else "one frame"),
            Claim(
                "the vectors fill the grid" if "frame" not in names else "they fill no grid",
                "frame" not in names,
            ),
        ]
        if "slice" in plan.dims:
            claims += [
                Claim(
                    "the detector gives position and orientation"
                    if plan.geometry.in_patient
                    else "the header gives no position in the patient",
                    plan.geometry.in_patient,
                ),
                Claim(
                    "slices are evenly spaced" if plan.has_step else "the header gives no step",
                    plan.has_step,
                ),
            ]
        else:
            claims.append(
                Claim(f"sizes are in {plan.geometry.spacing_label}", plan.geometry.has_spacing)
            )
        confidence, reasons = assess(claims, findings)
        name = series_name(record)
        if several and record.number is not None:
            name = f"{name}, image {record.number}"
        return Loadable(
            name=name,
            kind=plan.kind,
            confidence=confidence,
            reasons=reasons,
            findings=findings,
            instances=(record,),
            loader=self,
            selected=True,
            shape=(*plan.leading, record.rows, record.columns),
            spacing=plan.geometry.spacing
            if plan.geometry.in_patient
            else plan.geometry.spacing[1:]
            if plan.geometry.has_spacing
            else None,
            referenced_uids=referenced_uids(frames),
            dims=plan.dims,
        )


@dataclass(frozen=True, eq=False)
class _Plan:
    order: NDArray[np.intp]
    dims: tuple[str, ...]
    leading: tuple[int, ...]
    coords: Mapping[str, Coord]
    geometry: VolumeGeometry
    findings: tuple[Finding, ...]
    has_step: bool
    reconstructed: bool

    @property
    def kind(self) -> str:
        if "slice" not in self.dims:
            return "image-sequence"
        return "scalar-volume" if len(self.dims) == 3 else "multi-volume"


def _plan(record: InstanceRecord) -> _Plan:
    grid = grid_of(record)
    findings = list(grid.findings)
    axes = list(grid.axes)
    order = grid.order
    reconstructed = "RECON" in str(record.values.get("ImageType") or "").upper()
    slices = axes[-1] if axes and axes[-1].dim == "slice" else None
    if slices is None and reconstructed and not axes:
        slices = NuclearAxis("slice", np.zeros(1, dtype=np.intp), Coord((1,)))
        axes.append(slices)
    if slices is None:
        geometry, step = _flat(record, findings), 0.0
    else:
        count = len(slices.coord.values)
        step = _step(record, findings)
        geometry = _stacked(record, count, step, findings)
        if step < 0:
            # Slices are always stored along the normal: the last one comes first.
            order = order.reshape(-1, count)[:, ::-1].ravel()
    return _Plan(
        order,
        (*(axis.dim for axis in axes), "row", "column"),
        tuple(len(axis.coord.values) for axis in axes),
        {axis.dim: axis.coord for axis in axes if axis is not slices},
        geometry,
        tuple(findings),
        step != 0,
        reconstructed,
    )


def _flat(record: InstanceRecord, findings: list[Finding]) -> VolumeGeometry:
    """Place images that are no slices by their pixel spacing alone."""
    spacing = spacing_of(FrameSet.of([record]))
    if spacing.finding is not None:
        findings.append(spacing.finding)
    return _outside(record, 1, (1.0, spacing.row, spacing.column), spacing.label)


def _outside(
    record: InstanceRecord, count: int, spacing: tuple[float, float, float], label: str
) -> VolumeGeometry:
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2] = spacing
    affine[3, 3] = 1
    return VolumeGeometry(
        affine, (count, record.rows, record.columns), in_patient=False, spacing_label=label
    )


def _step(record: InstanceRecord, findings: list[Finding]) -> float:
    """Return SpacingBetweenSlices with its sign; SliceThickness for want of it; 0 unknown."""
    spacing = next(iter(numbers_of(record.values.get("SpacingBetweenSlices"))), 0.0)
    if spacing:
        return spacing
    thickness = next(iter(numbers_of(record.values.get("SliceThickness"))), 0.0)
    findings.append(
        Finding(
            FindingCode.NO_SPACING,
            Severity.WARNING,
            "The header gives no SpacingBetweenSlices: "
            + (
                f"SliceThickness ({thickness:.4g} mm) is taken, and stacking along the normal"
                if thickness > 0
                else "the distance between slices is unknown"
            ),
            {"slice_thickness": thickness},
        )
    )
    return max(thickness, 0.0)


def _stacked(
    record: InstanceRecord, count: int, step: float, findings: list[Finding]
) -> VolumeGeometry:
    """Place slices by the detector's position, in the patient when that is told.

    Notes
    -----
    PS3.3 Section C.8.4.15: the sign of SpacingBetweenSlices is the direction of
    stacking; positive is behind the first slice, along rows × columns.
    """
    values = record.values
    spacing = spacing_of(FrameSet.of([record]))
    position = _first(values, "ImagePositionPatient", 3)
    orientation = _first(values, "ImageOrientationPatient", 6)
    if position and orientation and spacing.has_spacing and step:
        pixel = (spacing.row, spacing.column)
        try:
            normal = slice_normal(orientation)
            origin = np.asarray(position) + (normal * step * (count - 1) if step < 0 else 0.0)
            affine = affine_from_plane(origin, orientation, pixel, normal * abs(step))
        except DicomDbError as error:
            findings.append(
                Finding(FindingCode.BAD_ORIENTATION, Severity.WARNING, f"Not placed: {error}")
            )
        else:
            return VolumeGeometry(
                affine,
                (count, record.rows, record.columns),
                str(values.get("FrameOfReferenceUID") or ""),
            )
    else:
        missing = [
            name
            for name, value in (
                ("ImagePositionPatient", position),
                ("ImageOrientationPatient", orientation),
                ("PixelSpacing", spacing.has_spacing),
                ("SpacingBetweenSlices", step),
            )
            if not value
        ]
        findings.append(
            Finding(
                FindingCode.NO_GEOMETRY,
                Severity.WARNING,
                f"Not placed in the patient: {', '.join(missing)} missing",
                {"missing": missing},
            )
        )
    known = spacing.has_spacing and step != 0
    sizes = (abs(step), spacing.row, spacing.column) if known else (1.0, 1.0, 1.0)
    return _outside(record, count, sizes, spacing.label if known else "pixel")


def _first(values: Mapping[str, Any], keyword: str, width: int) -> tuple[float, ...]:
    """Return the value of the first detector that has one, else that of the top level."""
    column = values.get(f"DetectorInformationSequence.{keyword}")
    candidates = [*(column if isinstance(column, list) else []), values.get(keyword)]
    for candidate in candidates:
        numbers = numbers_of(candidate)
        if len(numbers) == width:
            return tuple(numbers)
    return ()
