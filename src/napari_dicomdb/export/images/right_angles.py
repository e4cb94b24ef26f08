"""Images whose voxels are not at right angles, or unevenly apart: what to do is asked first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.export.exporter import Need
from napari_dicomdb.export.planes import in_plane_shear, is_invertible, slice_shear
from napari_dicomdb.export.resampling import (
    can_be_resampled,
    resampled_at_right_angles,
    right_angled_grid,
)
from napari_dicomdb.export.source_attributes import SourceImages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_dicomdb.export.source import ExportSource
    from napari_dicomdb.export.study import StudyTarget
    from napari_dicomdb.progress import Progress

__all__ = ["check_resampling", "geometry_need", "resampled_if_asked"]

_KEEP, _RESAMPLE = "keep", "resample"
_COSINE = 1e-4
_AIR = -1000.0  # HU


def geometry_need(source: ExportSource) -> tuple[Need, ...]:
    """Return the question what to do with a sheared or uneven geometry; () of any other.

    Only what can be done is among the answers.
    """
    geometry = source.geometry
    if geometry is None or not geometry.in_patient or not is_invertible(geometry.affine):
        return ()
    affine = np.asarray(geometry.affine, dtype=np.float64)
    sheared = in_plane_shear(affine) > _COSINE
    tilted = source.grid[0] > 1 and slice_shear(affine) > 0.01
    uneven = source.grid[0] > 1 and not geometry.is_regular
    if not (sheared or tilted or uneven):
        return ()
    fits = can_be_resampled(source)
    keep = () if sheared else ((_KEEP, "Write it as it is"),)
    # One that cannot be done either way is refused, see `geometry_findings`.
    resample = ((_RESAMPLE, "Resample it on a right-angled grid"),) if fits or sheared else ()
    tip = (
        "Resampling interpolates: the values change."
        if fits
        else "It is too oblique to be resampled: the grid would be eight times as large."
    )
    text = "what to do with its sheared or uneven geometry"
    return (Need("geometry", text, "choice", None, (*keep, *resample), required=True, tip=tip),)


def check_resampling(
    source: ExportSource, options: Mapping[str, Any], target: StudyTarget
) -> None:
    """Raise what stands against resampling, where that is asked for, before it is begun.

    Raises
    ------
    ExportError
        "too-large", "no-source", "bad-geometry".
    """
    if options.get("geometry") == _RESAMPLE:
        right_angled_grid(source, _real_positions(source, target))


def resampled_if_asked(
    source: ExportSource,
    options: Mapping[str, Any],
    target: StudyTarget,
    progress: Progress,
    *,
    fill: float | None = None,
) -> ExportSource:
    """Return the source on a right-angled grid where the options want that, else as it is.

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
        As `check_resampling`.
    """
    if options.get("geometry") != _RESAMPLE:
        return source
    padding = source.meta.get("padding")
    if fill is None or source.dtype.kind != "f":
        fill = float(padding[0]) if padding else 0.0
        if not padding and source.units == "HU":
            fill = _AIR
    real = _real_positions(source, target)
    return resampled_at_right_angles(source, fill=fill, positions=real, progress=progress)


def _real_positions(source: ExportSource, target: StudyTarget) -> NDArray[np.float64] | None:
    """Return where uneven slices are; None where the affine says it."""
    if source.geometry is None or source.geometry.is_regular:
        return None
    return SourceImages.of(source, target).needed_positions(source)
