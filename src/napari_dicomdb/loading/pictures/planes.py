"""The image on which something is drawn: its plane, its pixels, a canvas over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.database.thumbnail_pictures import (
    reduced,
    shown_pixels,
    size_of,
    stored_frame,
)
from napari_dicomdb.dicom.functional_groups import FrameTable
from napari_dicomdb.dicom.plane import PlaneGeometry
from napari_dicomdb.errors import DicomDbError, GeometryError
from napari_dicomdb.loading.dose_grid import RT_DOSE
from napari_dicomdb.loading.frame_places import frame_places
from napari_dicomdb.loading.mosaics import is_sheet

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_dicomdb.database.records import InstanceRecord, SeriesRecord
    from napari_dicomdb.database.thumbnail_pictures import Source

__all__ = ["NOT_THERE", "Canvas", "ImagePlane", "find_planes", "nearest", "planes_of"]

NOT_THERE = "The image that it refers to is not in the database"
"""Note of what is drawn over black."""

_ALONG = 0.99  # cosine between normals of planes that count as parallel (8 degrees)
_MOST_SERIES = 12  # that are looked at for the image
_MOST_INSTANCES = 20_000
_NO_PICTURES = frozenset({"SEG", "RTSTRUCT", "RTDOSE", "RTPLAN", "SR", "PR", "KO", "REG", "DOC"})
# Anatomy first: a dose is read on the CT it was planned on.
_LIKED = {"CT": 3, "MR": 2, "PT": 1}
_RGB = 3


@dataclass(frozen=True, slots=True)
class ImagePlane:
    """One frame of an image, and where it is.

    Parameters
    ----------
    record : InstanceRecord
        Of the file.
    frame : int
        From 0.
    geometry : PlaneGeometry
        Of the frame.
    """

    record: InstanceRecord
    frame: int
    geometry: PlaneGeometry


def planes_of(records: Iterable[InstanceRecord]) -> list[ImagePlane]:
    """Return the frames of images whose place in the patient is known."""
    found = []
    for record in records:
        if not record.pixel_keyword or record.rows <= 0 or record.columns <= 0:
            continue
        if is_sheet(record) or record.frame_count > _MOST_INSTANCES:
            continue
        table = None if record.frames_json is None else FrameTable.from_bytes(record.frames_json)
        places, cosines, spacings = frame_places(record, table, record.frame_count)
        for frame in range(record.frame_count):
            geometry = _geometry(record, places[frame], cosines[frame], spacings[frame])
            if geometry is not None:
                found.append(ImagePlane(record, frame, geometry))
    return found


def _geometry(
    record: InstanceRecord,
    position: NDArray[np.float64],
    orientation: NDArray[np.float64],
    spacing: NDArray[np.float64],
) -> PlaneGeometry | None:
    if not all(np.isfinite(part).all() for part in (position, orientation, spacing)):
        return None
    plane = PlaneGeometry(
        tuple(position.tolist()),
        tuple(orientation.tolist()),
        tuple(spacing.tolist()),
        record.rows,
        record.columns,
    )
    try:
        _ = plane.affine
    except GeometryError:
        return None
    return plane


def find_planes(
    series: SeriesRecord,
    source: Source,
    *,
    series_uids: Sequence[str] = (),
    frame_uids: Sequence[str] = (),
    instance_uids: Sequence[str] = (),
    near: Iterable[InstanceRecord] = (),
) -> list[ImagePlane]:
    """Return the planes of the image that an object refers to, [] when it is not there.

    Parameters
    ----------
    series : SeriesRecord
        Of the object.
    source : Source
        The database.
    series_uids : sequence of str
        SeriesInstanceUIDs that it names; tried first.
    frame_uids : sequence of str
        FrameOfReferenceUIDs that it lies in.
    instance_uids : sequence of str
        Some SOPInstanceUIDs that it names.
    near : iterable of InstanceRecord
        Not used for drawing: the object itself.
    """
    own = {record.series_uid for record in near} | {series.uid}
    beside = source.series(patient=series.patient_key)
    named = set(series_uids)
    for uid in instance_uids:
        named |= {record.series_uid for record in source.instances(uid=uid)}
        if named - set(series_uids):
            break
    frames = {uid for uid in frame_uids if uid}
    candidates = []
    for other in beside:
        if other.uid in own or other.modality in _NO_PICTURES or other.sop_class_uid == RT_DOSE:
            continue
        # Being named outweighs lying in the same frame of reference.
        rank = 2 * (other.uid in named) + (other.frame_of_reference_uid in frames)
        if rank and 0 < other.instance_count <= _MOST_INSTANCES:
            liked = _LIKED.get(other.modality, 0)
            same_study = other.study_uid == series.study_uid
            candidates.append((rank >= 2, same_study, liked, other.frame_count, other))
    candidates.sort(key=lambda one: one[:-1], reverse=True)
    for *_, other in candidates[:_MOST_SERIES]:
        planes = planes_of(source.instances(other))
        if planes:
            return planes
    return []


def nearest(
    planes: Sequence[ImagePlane], geometry: PlaneGeometry, *, within: float | None = None
) -> ImagePlane | None:
    """Return the plane that is nearest to another one, of those parallel to it.

    Parameters
    ----------
    planes : sequence of ImagePlane
        To choose from.
    geometry : PlaneGeometry
        What is to be near.
    within : float, optional
        mm between them at most; half the usual distance of the planes, and at least
        half a mm, when None.
    """
    normal, place = geometry.normal, np.asarray(geometry.position)
    parallel = [p for p in planes if abs(float(p.geometry.normal @ normal)) >= _ALONG]
    if not parallel:
        return None
    # At the middle of the plane: slightly tilted ones part towards the edges.
    centre = geometry.corners().mean(axis=0)
    distances = np.array(
        [
            abs(float(p.geometry.normal @ (centre - np.asarray(p.geometry.position))))
            for p in parallel
        ]
    )
    if within is None:
        along = np.unique(
            np.round(
                [float(normal @ (np.asarray(p.geometry.position) - place)) for p in parallel], 3
            )
        )
        step = float(np.median(np.diff(along))) if len(along) > 1 else 1.0
        within = max(0.5, step / 2) + 1e-3
    best = int(np.argmin(distances))
    return parallel[best] if distances[best] <= within else None


class Canvas:
    """A small picture of a plane in the patient, to draw on.

    Parameters
    ----------
    geometry : PlaneGeometry
        What it shows; its longer side gets `LARGEST_SIDE` pixels.

    Attributes
    ----------
    pixels : (height, width, 3) ndarray of float32
        0 to 255; black at first.
    """

    def __init__(self, geometry: PlaneGeometry) -> None:
        self.geometry = geometry
        row, column = geometry.spacing
        aspect = min(max(row / column, 0.05), 20.0)
        self.width, self.height = size_of(geometry.rows, geometry.columns, aspect)
        self.pixels = np.zeros((self.height, self.width, _RGB), np.float32)

    def show(self, plane: ImagePlane, source: Source) -> str:
        """Draw an image below; return why that is not possible, "" when it is."""
        from PIL import Image

        try:
            record = source.refresh_instance(plane.record)
            stored = stored_frame(record, plane.frame)
            shown = shown_pixels(reduced(stored), record, plane.frame)
        except (DicomDbError, OSError, MemoryError) as error:
            return f"The image that it refers to cannot be read: {error}"
        if shown.ndim == 2:
            shown = np.repeat(shown[..., None], _RGB, axis=2)
        image = Image.fromarray(np.ascontiguousarray(shown[..., :_RGB]))
        image = image.resize((self.width, self.height), Image.Resampling.BILINEAR)
        self.pixels = np.asarray(image).astype(np.float32)
        return ""

    def points(self) -> NDArray[np.float64]:
        """Return where the centres of the pixels are: (height, width, 3), LPS mm."""
        rows = (np.arange(self.height) + 0.5) * self.geometry.rows / self.height - 0.5
        columns = (np.arange(self.width) + 0.5) * self.geometry.columns / self.width - 0.5
        affine = self.geometry.affine
        points: NDArray[np.float64] = (
            affine[:3, 3]
            + rows[:, None, None] * affine[:3, 1]
            + columns[None, :, None] * affine[:3, 2]
        )
        return points

    def places(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (N, 2) x and y on the canvas, pixel edges at whole numbers, of (N, 3) mm."""
        inverse = np.linalg.inv(self.geometry.affine)
        indices = points @ inverse[:3, :3].T + inverse[:3, 3]
        x = (indices[:, 2] + 0.5) * self.width / self.geometry.columns
        y = (indices[:, 1] + 0.5) * self.height / self.geometry.rows
        return np.stack([x, y], axis=1)

    def blend(self, colour: Any, share: NDArray[np.float64] | NDArray[np.float32]) -> None:
        """Lay a colour, or an image of colours, over it; `share` (height, width) of 0 to 1."""
        alpha = share[..., None].astype(np.float32)
        self.pixels += alpha * (np.asarray(colour, np.float32) - self.pixels)

    def tint(self, mask: NDArray[np.bool_], colour: Any, fill: float = 0.45) -> None:
        """Fill a region lightly, its edge wholly."""
        self.blend(colour, np.where(edge_of(mask), 1.0, np.where(mask, fill, 0.0)))

    def png(self) -> bytes:
        """Return it as a PNG."""
        from napari_dicomdb.database.thumbnail_pictures import as_png

        return as_png(np.clip(self.pixels + 0.5, 0, 255).astype(np.uint8))


def edge_of(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels of a region that have a neighbour outside it."""
    inner = mask.copy()
    inner[1:] &= mask[:-1]
    inner[:-1] &= mask[1:]
    inner[:, 1:] &= mask[:, :-1]
    inner[:, :-1] &= mask[:, 1:]
    return mask & ~inner
