"""Loops: several frames of one object without a place of their own in the patient.

Ultrasound, angiography and fluoroscopy, endoscopy, multi-frame secondary captures,
MR and CT cine whose header tells times and no positions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.geometry import affine_from_plane, slice_normal
from napari_dicomdb.dicom.spacing import PROJECTION_MODALITIES
from napari_dicomdb.errors import DicomDbError, LoadError
from napari_dicomdb.loading.building import build_volume
from napari_dicomdb.loading.colours import colour_reader, colour_variants
from napari_dicomdb.loading.confidence import Claim, assess
from napari_dicomdb.loading.describing import pixel_findings, referenced_uids, series_name
from napari_dicomdb.loading.frame_axis import FrameAxis, numbers_of
from napari_dicomdb.loading.frames import FrameSet, frame_count_of
from napari_dicomdb.loading.loadable import Loadable
from napari_dicomdb.loading.sequences import (
    axis_of,
    load_sequence,
    sequence_dims,
    sequence_options,
    spacing_of,
)
from napari_dicomdb.loading.sorting import (
    by_concatenation,
    by_series,
    images_of,
    is_nuclear,
    is_placed,
)
from napari_dicomdb.loading.volume import VolumeGeometry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.loading.volume import Volume
    from napari_dicomdb.progress import Progress

__all__ = ["CineLoader"]

PLACED = "placed"
"""Option: all frames show the plane whose position the header gives once."""

# Angles of the C-arm: of the first frame, and from frame to frame (PS3.3 Section C.8.7.5).
_BIPLANE = frozenset({"XA", "RF"})
_ANGLES = ("PositionerPrimaryAngle", "PositionerSecondaryAngle")


class CineLoader:
    """Multi-frame images over time: (time, row, column)."""

    name = "cine"
    version = "1"

    def examine(self, instances: Sequence[InstanceRecord]) -> list[Loadable]:
        """Return one loop for each multi-frame object without positions of its frames."""
        found: list[Loadable] = []
        loops = (i for i in images_of(instances) if frame_count_of(i) > 1)
        for series in by_series(i for i in loops if not is_nuclear(i)):
            planes = _planes(series)
            loops_of_series = by_concatenation(series)
            several = len(loops_of_series) > 1
            for parts in loops_of_series:
                frames = FrameSet.of(parts)
                lost = np.flatnonzero(~is_placed(frames))
                if len(lost):
                    offer = self._offer(frames.take(lost), planes.get(parts[0].uid), several)
                    found += colour_variants(offer)
        return found

    def load(self, loadable: Loadable, *, progress: Progress, lazy: bool) -> Volume:
        """Load what `examine` offered."""
        frames = FrameSet.of_loadable(loadable)
        if len(frames) == 0:
            raise LoadError(f"{loadable.name}: there is no image in it", reason="no-pixels")
        meta = _meta(frames)
        affine = _affine(frames.instances[0]) if loadable.options.get(PLACED) else None
        if affine is None:
            return load_sequence(loadable, frames, progress=progress, lazy=lazy, meta=meta)
        axis = axis_of(frames)
        first = frames.instances[0]
        return build_volume(
            loadable,
            frames,
            VolumeGeometry(
                affine,
                (1, first.rows, first.columns),
                str(first.values.get("FrameOfReferenceUID") or ""),
            ),
            (axis.dim, "slice", "row", "column"),
            lazy=lazy,
            progress=progress,
            reader=colour_reader(loadable),
            leading=(len(frames), 1),
            coords={axis.dim: axis.coord},
            findings=loadable.findings,
            meta={**meta, "frame_axis_source": axis.source},
        )

    def _offer(self, frames: FrameSet, plane: tuple[str, str] | None, several: bool) -> Loadable:
        ordered, options, shape, spacing = sequence_options(frames)
        first = ordered.instances[0]
        axis = axis_of(ordered)
        chosen = spacing_of(ordered)
        findings = [f for f in (axis.finding, chosen.finding) if f is not None]
        findings += pixel_findings(ordered)
        placed = axis.dim == "time" and _affine(first) is not None
        if placed:
            options = {**options, PLACED: True}
            shape = (shape[0], 1, *shape[1:])
        in_volume = any(
            t is not None and "ImagePositionVolume" in t.per_frame for t in ordered.tables
        )
        claims = [
            Claim(f"{len(ordered)} frames of one object in their order"),
            _axis_claim(axis, len(ordered)),
            Claim("all frames show the plane that the header gives")
            if placed
            else Claim(f"sizes are in {chosen.label}", chosen.label != "pixel"),
            Claim("frames have places in a volume of their own", False)
            if in_volume
            else Claim("pixels are as they were acquired"),
        ]
        confidence, reasons = assess(claims, findings)
        name = series_name(first)
        if several and first.number is not None:
            name = f"{name}, image {first.number}"
        together = referenced_uids(ordered)
        if plane is not None:
            name = f"{name}, plane {plane[0]}"
            options["plane"] = plane[0]
            together = (plane[1], *together)
            reasons = (*reasons, "one of the two planes of a biplane acquisition")
        return Loadable(
            name=name,
            kind="image-sequence",
            confidence=confidence,
            reasons=reasons,
            findings=tuple(findings),
            instances=ordered.instances,
            loader=self,
            options=options,
            selected=True,
            shape=shape,
            spacing=spacing,
            referenced_uids=together,
            dims=(axis.dim, "slice", "row", "column") if placed else sequence_dims(ordered),
        )


def _axis_claim(axis: FrameAxis, count: int) -> Claim:
    if axis.dim != "time":
        return Claim("the header gives no frame times", False)
    values = axis.coord.values
    last = float(values[-1])
    rate = f", {(count - 1) / last:.4g} frames/s" if last > 0 and count > 1 else ""
    return Claim(f"frame times from {axis.source}: {last:.4g} s{rate}")


def _planes(series: Sequence[InstanceRecord]) -> dict[str, tuple[str, str]]:
    """Return of each of two loops that were exposed together its letter, and the other's UID.

    Both planes of a biplane system have one InstanceNumber (reference/slicer.md 1.4);
    ImageType value 3 names them where it is filled (PS3.3 Section C.8.7.1.1.1).
    """
    numbered: dict[int, list[InstanceRecord]] = {}
    for record in series:
        if record.number is not None and record.values.get("Modality") in _BIPLANE:
            numbered.setdefault(record.number, []).append(record)
    planes: dict[str, tuple[str, str]] = {}
    for pair in numbered.values():
        if len(pair) == 2:
            told = [_plane_of(record) for record in pair]
            letters = told if set(told) == {"A", "B"} else ["A", "B"]
            for record, letter, other in zip(pair, letters, reversed(pair), strict=True):
                planes[record.uid] = letter, other.uid
    return planes


def _plane_of(record: InstanceRecord) -> str:
    words = str(record.values.get("ImageType") or "").upper().split("\\")
    for word in words:
        if word.strip() in ("BIPLANE A", "BIPLANE B"):
            return word.strip()[-1]
    return ""


def _affine(record: InstanceRecord) -> NDArray[np.float64] | None:
    """Return the affine of the one plane that all frames show, None when it is not told."""
    if (
        record.frames_json is not None
        or record.position is None
        or record.orientation is None
        or record.pixel_spacing is None
        or min(record.pixel_spacing) <= 0
        or record.values.get("Modality") in PROJECTION_MODALITIES
    ):
        return None
    thickness = next(iter(numbers_of(record.values.get("SliceThickness"))), 0.0) or 1.0
    try:
        step = slice_normal(record.orientation) * thickness
        return affine_from_plane(record.position, record.orientation, record.pixel_spacing, step)
    except DicomDbError:  # directions that are none: shown out of the patient
        return None


def _meta(frames: FrameSet) -> dict[str, Any]:
    """Return what else the header tells of the frames: rate of playback, angles."""
    values = frames.instances[0].values
    meta: dict[str, Any] = {}
    for keyword in ("RecommendedDisplayFrameRate", "CineRate"):
        rate = next(iter(numbers_of(values.get(keyword))), 0.0)
        if rate > 0:
            meta["display_frame_rate"] = rate
            break
    features: dict[str, list[float]] = {}
    for keyword in _ANGLES:
        start = numbers_of(values.get(keyword))
        steps = numbers_of(values.get(f"{keyword}Increment"))
        if start and len(steps) > int(frames.number.max()):
            features[keyword] = [start[0] + steps[n] for n in frames.number.tolist()]
    if features:
        meta["frame_features"] = features
    return meta
