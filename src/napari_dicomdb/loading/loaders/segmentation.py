"""Segmentations as labels or fractions, with names, colours and codes of their segments."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode
from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading.confidence import Claim, assess
from napari_dicomdb.loading.describing import pixel_findings, referenced_uids, series_name
from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.loading.loadable import Loadable
from napari_dicomdb.loading.loaders.whole_slide import slide_affine
from napari_dicomdb.loading.segments.label_painting import StoredFrames
from napari_dicomdb.loading.segments.segment_grid import (
    even_grids,
    grid_of,
    orientations_apart,
)
from napari_dicomdb.loading.segments.segment_list import LABEL_MAP_STORAGE, read_segment_list
from napari_dicomdb.loading.segments.segment_tiles import tile_segments, within_reason
from napari_dicomdb.loading.segments.segment_volumes import (
    FRACTIONS,
    LABELS,
    SEGMENT,
    fraction_volume,
    label_volume,
    numbers_of,
    slide_volume,
)
from napari_dicomdb.loading.slides import pyramids_of, slide_images
from napari_dicomdb.loading.sorting import by_concatenation, by_series, is_segmentation
from napari_dicomdb.loading.verify import verify

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.loading.segments.segment_grid import SegmentGrid
    from napari_dicomdb.loading.slides import SlideImage
    from napari_dicomdb.loading.verify import Verified
    from napari_dicomdb.loading.volume import Volume
    from napari_dicomdb.progress import Progress

__all__ = ["SegmentationLoader"]

_THRESHOLD = 0.5
_ONTO = "onto_series"
_MOST_IMAGES = 4
_SPATIAL = ("slice", "row", "column")


class SegmentationLoader:
    """Segmentations: binary, fractional and label maps, in the patient or on a slide.

    Labels are on the grid of the image they were made on where the index has it
    (`Loadable.companions`) and the voxels agree; else on one of their own.
    """

    name = "segmentation"
    version = "5"

    def examine(self, instances: Sequence[InstanceRecord]) -> list[Loadable]:
        """Return what each segmentation among `instances` offers."""
        found: list[Loadable] = []
        for series in by_series(i for i in instances if is_segmentation(i)):
            tiled = [i for i in series if _is_tiled(i)]
            flat = by_concatenation(i for i in series if not _is_tiled(i))
            for group in flat:
                frames = FrameSet.of(group)
                parts = orientations_apart(frames)
                for k, part in enumerate(parts):
                    chosen = frames.take(part) if len(parts) > 1 else frames
                    name = _name(group[0], len(flat), k, len(parts))
                    found += self._of_frames(chosen, name)
            pyramids = pyramids_of([within_reason(image) for image in slide_images(tiled)])
            for pyramid in pyramids:
                name = _name(pyramid[0].instances[0], len(flat) + len(pyramids), 0, 1)
                found += self._of_slide(pyramid, name)
        return found

    def load(self, loadable: Loadable, *, progress: Progress, lazy: bool) -> Volume:
        """Load what `examine` offered; labels are painted now, fractions read when looked at."""
        told = read_segment_list(loadable.instances[0])
        share = loadable.options.get("from_fraction")
        least = 1.0 if share is None else max(float(share) * told.maximum, 1e-9)
        fractions = told.kind == "FRACTIONAL" and share is None
        if loadable.options.get("tiled"):
            levels, findings = _levels(loadable)
            volume = slide_volume(
                loadable,
                levels,
                told,
                slide_affine(levels[0][0]),
                fractions=fractions,
                least=least,
                progress=progress,
            )
            changed: list[str] = []
        else:
            verified = verify(FrameSet.of_loadable(loadable))
            stored = _stored(loadable, verified)
            images = _drawn_on(loadable.find_companions(), told.references)
            grid = grid_of(verified.frames, images)
            onto = _wanted_grid(loadable, images)
            findings, changed = verified.findings, list(verified.changed_uids)
            if fractions:
                volume = fraction_volume(loadable, stored, told, grid)
            else:
                volume = label_volume(
                    loadable, stored, told, grid, least=least, onto=onto, progress=progress
                )
        if not lazy:
            try:
                volume = replace(volume, array=np.asarray(volume.array), levels=())
            except MemoryError as error:
                size = " x ".join(map(str, volume.shape))
                text = f"{loadable.name}: {size} do not fit into memory; open it lazily"
                raise LoadError(text, reason="too-large") from error
        volume.meta["findings"] = (*volume.meta["findings"], *findings)
        volume.meta["changed_instances"] = tuple(changed)
        return volume

    def further(self, loadable: Loadable) -> list[Loadable]:
        """Return the same labels on the voxels of each image that they refer to but do not share.

        Asked once `loadable.find_companions` has an answer.
        """
        if loadable.kind != LABELS or loadable.options.get("tiled") or _ONTO in loadable.options:
            return []
        frames = FrameSet.of_loadable(loadable)
        images = [i for i in loadable.find_companions() if not is_segmentation(i)]
        found: dict[str, SegmentGrid] = {}
        for grid in even_grids(images):
            found.setdefault(grid.of_series, grid)
        if not found:
            return []
        own = grid_of(frames, images)
        if not own.in_patient:
            return []
        names = {i.series_uid: series_name(i) for i in images}
        text = "labels are taken from the nearest voxel"
        return [
            replace(
                loadable,
                name=f"{loadable.name}, on the voxels of {names[uid]}",
                options={**loadable.options, _ONTO: uid},
                selected=False,
                confidence=loadable.confidence * 0.9,
                reasons=(*loadable.reasons, f"every voxel of the image has its label, but {text}"),
                shape=(*loadable.shape[:-3], *grid.shape),
                spacing=tuple(float(v) for v in np.linalg.norm(grid.affine[:3, :3], axis=0)),
            )
            for uid, grid in list(found.items())[:_MOST_IMAGES]
            if uid != own.of_series
        ]

    def _of_frames(self, frames: FrameSet, name: str) -> Iterator[Loadable]:
        grid = grid_of(frames)
        kind = _kind_of(frames.instances[0])
        segments = sorted(set(numbers_of(frames)))
        findings = (*pixel_findings(frames), *grid.findings)
        spacing = tuple(float(v) for v in np.linalg.norm(grid.affine[:3, :3], axis=0))
        shape: tuple[int, ...] = grid.shape
        dims: tuple[str, ...] = _SPATIAL
        if grid.times is not None:
            shape, dims = (len(grid.times), *shape), (grid.times.dim, *dims)
        options = dict(frames.options())
        claims = (
            Claim(f"it is a segmentation ({_WORDS[kind]})"),
            Claim("every frame says where it is in the patient", grid.in_patient),
            Claim("frames are on a regular grid", grid.is_regular),
        )
        offer = self._offer(name, frames, claims, findings, options, spacing)
        # Frames of label maps do not say which segments are in them.
        described = _described(frames.instances[0]) if kind == "LABELMAP" else len(segments)
        offer = replace(offer, parts=_count(described))
        if kind == "FRACTIONAL":
            yield replace(
                offer, kind=FRACTIONS, shape=(len(segments), *shape), dims=(SEGMENT, *dims)
            )
            yield self._thresholded(offer, shape, dims)
        else:
            if not grid.in_patient and grid.shape[0] == 1:
                yield replace(offer, shape=shape[1:], dims=dims[1:])
            else:
                yield replace(offer, shape=shape, dims=dims)

    def _of_slide(self, pyramid: list[SlideImage], name: str) -> Iterator[Loadable]:
        base = pyramid[0]
        kind = _kind_of(base.instances[0])
        claims = (
            Claim(f"it is a segmentation ({_WORDS[kind]}) of a whole slide"),
            Claim("sizes are in mm", base.spacing is not None),
            Claim(f"{len(pyramid)} levels" if len(pyramid) > 1 else "it is complete in itself"),
        )
        frames = FrameSet.of(tuple(i for image in pyramid for i in image.instances))
        offer = self._offer(
            name,
            frames,
            claims,
            (*pixel_findings(frames), *base.findings),
            {"tiled": True},
            base.spacing,
        )
        shape, dims = (base.rows, base.columns), ("row", "column")
        if kind == "FRACTIONAL":
            segments = len(set(tile_segments(base, [])[0]))
            yield replace(offer, kind=FRACTIONS, shape=(segments, *shape), dims=(SEGMENT, *dims))
            yield self._thresholded(offer, shape, dims)
        else:
            yield replace(offer, shape=shape, dims=dims)

    def _offer(
        self,
        name: str,
        frames: FrameSet,
        claims: Sequence[Claim],
        findings: Sequence[Finding],
        options: dict[str, Any],
        spacing: tuple[float, ...] | None,
    ) -> Loadable:
        # Of the image that it was made on, says the standard: its own values are exact.
        findings = [f for f in findings if f.code != FindingCode.LOSSY_COMPRESSION]
        confidence, reasons = assess(claims, findings)
        return Loadable(
            name=name,
            kind=LABELS,
            confidence=confidence,
            reasons=reasons,
            findings=tuple(findings),
            instances=frames.instances,
            loader=self,
            options=options,
            selected=True,
            spacing=spacing,
            # Some name no series: their image is one of the same frame of reference.
            referenced_uids=referenced_uids(frames) or _frame_of_reference(frames),
        )

    def _thresholded(
        self, offer: Loadable, shape: tuple[int, ...], dims: tuple[str, ...]
    ) -> Loadable:
        return replace(
            offer,
            name=f"{offer.name}, labels from {_THRESHOLD:.0%}",
            options={**offer.options, "from_fraction": _THRESHOLD},
            selected=False,
            confidence=offer.confidence * 0.8,
            reasons=(*offer.reasons, "fractions say more than labels"),
            shape=shape,
            dims=dims,
        )


def _described(record: InstanceRecord) -> int:
    """Return how many segments the header of a label map lists, 0 when it cannot be read."""
    try:
        return len(read_segment_list(record).segments)
    except LoadError:
        return 0  # nothing is counted; what is wrong is said when it is loaded


def _count(segments: int) -> str:
    if not segments:
        return ""
    return "1 segment" if segments == 1 else f"{segments} segments"


_WORDS = {
    "BINARY": "each segment by itself",
    "FRACTIONAL": "fractions of each segment",
    "LABELMAP": "a label map",
}


def _is_tiled(record: InstanceRecord) -> bool:
    return bool(record.get("TotalPixelMatrixRows"))


def _kind_of(record: InstanceRecord) -> str:
    said = str(record.values.get("SegmentationType") or "").strip().upper()
    if record.sop_class_uid == LABEL_MAP_STORAGE:
        return "LABELMAP"
    return said if said in _WORDS else "BINARY"


def _name(record: InstanceRecord, objects: int, part: int, parts: int) -> str:
    name = series_name(record)
    if objects > 1:
        label = str(record.values.get("ContentLabel") or "").strip()
        name += f", {label or 'object'} {'' if record.number is None else record.number}".rstrip()
    return f"{name}, orientation {part + 1}" if parts > 1 else name


def _frame_of_reference(frames: FrameSet) -> tuple[str, ...]:
    uid = frames.frame_of_reference_uid
    return (uid,) if uid else ()


def _drawn_on(
    images: Sequence[InstanceRecord], references: Sequence[str]
) -> Sequence[InstanceRecord]:
    """Return the series among `images` that have any of `references`, all where none has."""
    named = set(references)
    series = {one.series_uid for one in images if one.uid in named}
    return [one for one in images if one.series_uid in series] if series else images


def _wanted_grid(loadable: Loadable, images: Sequence[InstanceRecord]) -> SegmentGrid | None:
    """Return the grid of the image that labels are to be resampled to, None for their own."""
    series = loadable.options.get(_ONTO)
    if series is None:
        return None
    for grid in even_grids(i for i in images if i.series_uid == series):
        return grid
    raise LoadError(
        f"{loadable.name}: the image {series} is not there, or is no volume", reason="no-image"
    )


def _stored(loadable: Loadable, verified: Verified) -> StoredFrames:
    if len(verified.refused) == len(verified.frames.instances):
        first = next(iter(verified.refused.values()))
        raise LoadError(
            f"{loadable.name}: it cannot be read: {first}",
            reason="file-missing" if isinstance(first, FileNotFoundError) else None,
        ) from first
    return StoredFrames(verified.frames, verified.refused)


def _levels(
    loadable: Loadable,
) -> tuple[list[tuple[SlideImage, StoredFrames]], tuple[Finding, ...]]:
    """Return the levels of a pyramid that can be read, the largest first."""
    images = [within_reason(image) for image in slide_images(loadable.instances)]
    images.sort(key=lambda one: -one.columns * one.rows)
    levels: list[tuple[SlideImage, StoredFrames]] = []
    findings: list[Finding] = []
    error: LoadError | None = None
    for image in images:
        verified = verify(image.frames)
        findings += verified.findings
        try:
            levels.append((image, _stored(loadable, verified)))
        except LoadError as refused:
            error = refused
    if not levels:
        raise error or LoadError(f"{loadable.name}: there is nothing in it", reason="no-pixels")
    return levels, tuple(findings)
