"""RT Dose grids: where their planes are, and what a stored value is in Gy.

Both are said in attributes of their own, at the top level, which no other
multi-frame object has (PS3.3 Section C.8.8.3).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.dicom.geometry import slice_normal
from napari_dicomdb.dicom.values import parse_ds
from napari_dicomdb.errors import LoadError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_dicomdb.database.records import InstanceRecord

__all__ = ["RT_DOSE", "dose_findings", "dose_scaling", "plane_positions"]

RT_DOSE = "1.2.840.10008.5.1.4.1.1.481.2"
"""RT Dose Storage."""

_SAME_PLACE = 0.01  # mm: what DS of a few decimals may differ by


def dose_scaling(record: InstanceRecord) -> float:
    """Return DoseGridScaling: the dose of stored value 1, in DoseUnits.

    Raises
    ------
    LoadError
        If there is none: whatever were assumed, the dose would be wrong.
    """
    scaling = _scaling(record)
    if scaling is None:
        raise LoadError(
            f"{record.path}: DoseGridScaling is missing or no number: the dose of a stored value "
            "is not known",
            reason="no-dose-grid-scaling",
        )
    return scaling


def plane_positions(record: InstanceRecord, count: int) -> NDArray[np.float64] | None:
    """Return where the planes of a dose grid are.

    Parameters
    ----------
    record : InstanceRecord
        RT Dose of several frames.
    count : int
        Frames.

    Returns
    -------
    (count, 3) ndarray of float64 or None
        ImagePositionPatient of each plane; None where the header does not tell.

    Notes
    -----
    PS3.3 Section C.8.8.3.2: GridFrameOffsetVector is relative to the first
    plane, along the normal of the planes, or (axial planes only) holds patient
    coordinates z. As the first of those is the z of ImagePositionPatient, its
    differences to the first value are offsets in either case.
    """
    offsets = _offsets(record)
    if offsets is None or len(offsets) != count or not record.position or not record.orientation:
        return None
    relative = offsets - offsets[0]
    normal = slice_normal(record.orientation)
    places: NDArray[np.float64] = np.asarray(record.position) + relative[:, None] * normal
    return places


def dose_findings(record: InstanceRecord) -> tuple[Finding, ...]:
    """Return what is wrong with the scaling and the planes of a dose grid."""
    found = []
    if _scaling(record) is None:
        found.append(
            _finding(
                FindingCode.BAD_HEADER_VALUE,
                "DoseGridScaling is missing or no number: the dose of a stored value is not known",
            )
        )
    offsets = _offsets(record)
    if record.frame_count > 1 and (offsets is None or len(offsets) != record.frame_count):
        have = 0 if offsets is None else len(offsets)
        found.append(
            _finding(
                FindingCode.MULTIFRAME_INCONSISTENT,
                f"GridFrameOffsetVector places {have} planes, the dose has {record.frame_count}: "
                "where they are is not known",
                planes=have,
                frames=record.frame_count,
            )
        )
    elif offsets is not None and record.position and record.orientation:
        first = float(offsets[0])
        axial = abs(abs(slice_normal(record.orientation)[2]) - 1) < 1e-6
        upwards = axial and slice_normal(record.orientation)[2] > 0
        absolute = upwards and abs(first - record.position[2]) < _SAME_PLACE
        if first != 0 and not absolute:
            found.append(
                Finding(
                    FindingCode.BAD_HEADER_VALUE,
                    Severity.WARNING,
                    f"GridFrameOffsetVector begins with {first:g}, neither 0 nor the position of "
                    "the first plane: planes are placed relative to the first",
                    {"first": first},
                )
            )
    return tuple(found)


def _finding(code: FindingCode, text: str, **numbers: Any) -> Finding:
    return Finding(code, Severity.ERROR, text, numbers)


def _scaling(record: InstanceRecord) -> float | None:
    numbers = _numbers(record.values.get("DoseGridScaling"))
    if len(numbers) != 1 or not math.isfinite(numbers[0]) or numbers[0] == 0:
        return None
    return numbers[0]


def _offsets(record: InstanceRecord) -> NDArray[np.float64] | None:
    numbers = np.array(_numbers(record.values.get("GridFrameOffsetVector")), dtype=np.float64)
    return numbers if len(numbers) and np.isfinite(numbers).all() else None


def _numbers(value: Any) -> tuple[float, ...]:
    try:
        return parse_ds("" if value is None else str(value))
    except ValueError:
        return ()
