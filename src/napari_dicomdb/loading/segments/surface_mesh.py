"""Meshes of surface segmentations (PS3.3 Sections A.57, C.8.23, C.27)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.display_colours import cielab_to_rgb
from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.errors import LoadError, PixelError
from napari_dicomdb.loading.pictures.headers import items, read_header, values_of
from napari_dicomdb.loading.segments.segment_list import segment_list_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from pydicom import Dataset

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.loading.segments.segment_list import Segment

__all__ = ["SURFACE_SEGMENTATION_STORAGE", "SurfaceMesh", "read_surfaces"]

SURFACE_SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.5"

_PIXELS = 0x7FE00008


@dataclass(frozen=True, eq=False)
class SurfaceMesh:
    """One surface of a segment.

    Parameters
    ----------
    number : int
        SurfaceNumber.
    points : (N, 3) ndarray of float64
        LPS mm.
    triangles : (M, 3) ndarray of int
        Indices of points, from 0.
    segment : Segment
        Whose surface it is; one made for it where none refers to it.
    colour : tuple of 3 int
        That of the surface, else of its segment.
    opacity : float
        0 to 1.
    """

    number: int
    points: NDArray[np.float64]
    triangles: NDArray[np.intp]
    segment: Segment
    colour: tuple[int, int, int]
    opacity: float = 1.0

    @property
    def volume_ml(self) -> float:
        """Volume that it encloses, if it is closed."""
        a, b, c = (self.points[self.triangles[:, k]] for k in range(3))
        return abs(float(np.einsum("ij,ij->", a, np.cross(b, c)))) / 6000


def read_surfaces(
    record: InstanceRecord,
) -> tuple[tuple[SurfaceMesh, ...], tuple[Finding, ...]]:
    """Read the meshes of an object; a broken one is told and left out.

    Raises
    ------
    LoadError
        If the file cannot be read, or has not one mesh that can.
    """
    try:
        header = read_header(record.path, lambda tag: tag >= _PIXELS)
    except OSError as error:
        text = f"{record.path}: {error.strerror or error}"
        raise LoadError(text, reason="file-missing") from error
    except PixelError as error:
        raise LoadError(str(error), reason=error.reason) from error
    owner = _owners(header)
    surfaces = list(enumerate(items(header, "SurfaceSequence"), 1))
    numbers = {place: _number(item, "SurfaceNumber", place) for place, item in surfaces}
    told = segment_list_of(header, record)
    unowned = {n for n in numbers.values() if n not in owner}
    free = max([0, *(s.number for s in told.segments)])
    owner |= {n: free + k for k, n in enumerate(sorted(unowned), 1)}
    segments = {s.number: s for s in told.with_numbers(set(owner.values()))}
    found: list[SurfaceMesh] = []
    findings: list[Finding] = []
    for place, item in surfaces:
        number = numbers[place]
        try:
            found.append(_mesh(item, number, segments[owner[number]], findings))
        except ValueError as error:
            findings.append(_finding(f"Surface {number} is left out: {error}", Severity.ERROR))
    if not found:
        why = f": {findings[0].text}" if findings else ""
        raise LoadError(f"{record.path}: it has no surface{why}", reason="no-surface")
    return tuple(found), tuple(findings)


def _owners(header: Dataset) -> dict[int, int]:
    """Return the segment number of each surface number."""
    found: dict[int, int] = {}
    for place, segment in enumerate(items(header, "SegmentSequence"), 1):
        number = _number(segment, "SegmentNumber", place)
        for reference in items(segment, "ReferencedSurfaceSequence"):
            for surface in values_of(reference, "ReferencedSurfaceNumber")[:1]:
                found.setdefault(int(surface), number)
    return found


def _mesh(item: Dataset, number: int, segment: Segment, findings: list[Finding]) -> SurfaceMesh:
    holder = next(iter(items(item, "SurfacePointsSequence")), None)
    if holder is None:
        raise ValueError("it has no points")
    stored = _array(holder, "PointCoordinatesData", np.float32)
    points = stored[: len(stored) // 3 * 3].reshape(-1, 3).astype(np.float64)
    told = _number(holder, "NumberOfSurfacePoints", len(points))
    if told != len(points):
        text = f"Surface {number} says {told} points and has {len(points)}"
        findings.append(_finding(text, Severity.WARNING))
        points = points[: max(told, 0) or len(points)]
    lists = [
        part for one in items(item, "SurfaceMeshPrimitivesSequence")[:1] for part in _parts(one)
    ]
    triangles = np.concatenate([np.zeros((0, 3), np.intp), *lists]) - 1
    finite: NDArray[np.bool_] = np.asarray(np.isfinite(points).all(axis=1))
    there: NDArray[np.bool_] = (triangles >= 0) & (triangles < len(points))
    there[there] = finite[triangles[there]]
    good: NDArray[np.bool_] = np.asarray(there.all(axis=1))
    if not good.any():
        raise ValueError("it has no triangle of points that are there")
    if not good.all():
        lost = int(np.count_nonzero(~good))
        text = f"{lost} triangles of surface {number} are left out: their points are not there"
        findings.append(_finding(text, Severity.ERROR))
    return SurfaceMesh(
        number,
        np.where(finite[:, None], points, 0.0),
        triangles[good],
        segment,
        _colour(item, segment),
        _opacity(item),
    )


def _parts(primitives: Dataset) -> Iterator[NDArray[np.intp]]:
    """Yield triangles, of point numbers from 1, of everything that makes an area."""
    for keyword in ("LongTrianglePointIndexList", "TrianglePointIndexList"):
        numbers = _indices(primitives, keyword)
        yield numbers[: len(numbers) // 3 * 3].reshape(-1, 3)
    for kind in ("TriangleStripSequence", "TriangleFanSequence", "FacetSequence"):
        for one in items(primitives, kind):
            for keyword in ("LongPrimitivePointIndexList", "PrimitivePointIndexList"):
                numbers = _indices(one, keyword)
                if len(numbers) < 3:
                    continue
                if kind == "TriangleStripSequence":
                    strip = np.column_stack([numbers[:-2], numbers[1:-1], numbers[2:]])
                    strip[1::2] = strip[1::2, [1, 0, 2]]  # so that all look the same way
                    yield strip
                else:  # a fan, and a flat convex facet, from its first point
                    first = np.full(len(numbers) - 2, numbers[0])
                    yield np.column_stack([first, numbers[1:-1], numbers[2:]])


def _indices(item: Dataset, keyword: str) -> NDArray[np.intp]:
    kind = np.uint32 if keyword.startswith("Long") else np.uint16
    return _array(item, keyword, kind).astype(np.intp)


def _array(item: Dataset, keyword: str, kind: Any) -> NDArray[Any]:
    """Return numbers stored as bytes; in the byte order of the object."""
    stored = item.get(keyword)
    if not isinstance(stored, (bytes, bytearray)):
        found = values_of(item, keyword)
        try:
            return np.array(found, dtype=kind)
        except (TypeError, ValueError, OverflowError):
            return np.zeros(0, kind)
    order = ">" if item.original_encoding[1] is False else "<"
    size = np.dtype(kind).itemsize
    return np.frombuffer(
        bytes(stored[: len(stored) // size * size]), np.dtype(kind).newbyteorder(order)
    )


def _colour(item: Dataset, segment: Segment) -> tuple[int, int, int]:
    try:
        return cielab_to_rgb(values_of(item, "RecommendedDisplayCIELabValue"))
    except (TypeError, ValueError):
        return segment.colour


def _opacity(item: Dataset) -> float:
    for value in values_of(item, "RecommendedPresentationOpacity")[:1]:
        share = float(value)
        if 0 < share <= 1:
            return share
    return 1.0


def _number(item: Dataset, keyword: str, otherwise: int) -> int:
    try:
        return int(values_of(item, keyword)[0])
    except (IndexError, TypeError, ValueError):
        return otherwise


def _finding(text: str, severity: Severity) -> Finding:
    return Finding(FindingCode.BAD_HEADER_VALUE, severity, text)
