"""Geometry of planes and of stacks of planes: one door to what the dicom package knows.

`plane` has single planes and the affine, `stack` examines many of them, `remedies`
splits or regularises what is not evenly stacked.
"""

from __future__ import annotations

from napari_dicomdb.dicom.plane import (
    COSINE_TOLERANCE,
    PlaneGeometry,
    affine_from_plane,
    check_orientation,
    patient_direction,
    slice_normal,
)
from napari_dicomdb.dicom.remedies import RegularGrid, regular_grid, split_at_gaps
from napari_dicomdb.dicom.stack import Stack, examine_stack

__all__ = [
    "COSINE_TOLERANCE",
    "PlaneGeometry",
    "RegularGrid",
    "Stack",
    "affine_from_plane",
    "check_orientation",
    "examine_stack",
    "patient_direction",
    "regular_grid",
    "slice_normal",
    "split_at_gaps",
]
