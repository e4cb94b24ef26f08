"""Single images without a place in the patient: radiographs, captures, lost geometry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.dicom.spacing import PROJECTION_MODALITIES
from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading.colours import colour_variants
from napari_dicomdb.loading.confidence import Claim, assess
from napari_dicomdb.loading.describing import pixel_findings, referenced_uids, series_name
from napari_dicomdb.loading.frames import FrameSet, frame_count_of
from napari_dicomdb.loading.loadable import Loadable
from napari_dicomdb.loading.sequences import (
    load_sequence,
    sequence_dims,
    sequence_options,
    spacing_of,
)
from napari_dicomdb.loading.sorting import by_series, images_of, is_colour, is_placed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.loading.volume import Volume
    from napari_dicomdb.progress import Progress

__all__ = ["ImageLoader"]

# Each exposure is a picture of its own, never a slice of a stack.
_ONE_BY_ONE = frozenset({"CR", "DX", "MG", "IO", "PX", "RG", "RTIMAGE", "XA", "RF", "GM", "XC"})
_TOMOGRAPHIC = frozenset({"CT", "MR", "PT"})
_SCALES = (
    "PixelSpacing",
    "SequenceOfUltrasoundRegions.PhysicalDeltaX",
    "SequenceOfUltrasoundRegions.PhysicalDeltaY",
)


class ImageLoader:
    """2D images with the right pixel spacing, of any modality; loops are for `CineLoader`."""

    name = "image"
    version = "2"

    def examine(self, instances: Sequence[InstanceRecord]) -> list[Loadable]:
        """Return the images, and stacks of images without geometry, among `instances`."""
        found: list[Loadable] = []
        single = (i for i in images_of(instances) if frame_count_of(i) == 1)
        for series in by_series(single):
            frames = FrameSet.of(series)
            groups: dict[tuple[object, ...], list[int]] = {}
            for k in np.flatnonzero(~is_placed(frames)).tolist():
                groups.setdefault(_group(frames.instance(k)), []).append(k)
            for members in groups.values():
                found += colour_variants(self._offer(frames.take(members), len(groups)))
        return found

    def load(self, loadable: Loadable, *, progress: Progress, lazy: bool) -> Volume:
        """Load what `examine` offered."""
        frames = FrameSet.of_loadable(loadable)
        if len(frames) == 0:
            raise LoadError(f"{loadable.name}: there is no image in it", reason="no-pixels")
        return load_sequence(loadable, frames, progress=progress, lazy=lazy)

    def _offer(self, frames: FrameSet, siblings: int) -> Loadable:
        ordered, options, shape, spacing = sequence_options(frames)
        first = ordered.instances[0]
        chosen = spacing_of(ordered)
        findings = [] if chosen.finding is None else [chosen.finding]
        if first.values.get("Modality") in _TOMOGRAPHIC:
            findings.append(_without_place(len(frames)))
        findings += pixel_findings(ordered)
        if first.values.get("PresentationIntentType") == "FOR PROCESSING":
            findings.append(_for_processing())
        claims = (
            Claim("the image is complete in itself")
            if len(frames) == 1
            else Claim(f"{len(frames)} images in the order of their numbers"),
            Claim(f"sizes are in {chosen.label}", chosen.label != "pixel"),
            Claim("pixels are as they were acquired"),
        )
        confidence, reasons = assess(claims, findings)
        name = series_name(first)
        # Many descriptions end in the view: "Skull AP".
        name = ", ".join([name, *(w for w in _view_words(first) if not name.endswith(f" {w}"))])
        if siblings > 1 and first.number is not None and len(ordered.instances) == 1:
            name = f"{name}, image {first.number}"
        elif siblings > 1:
            name = f"{name}, {first.columns} × {first.rows}"
        return Loadable(
            name=name,
            kind="image" if len(frames) == 1 else "image-sequence",
            confidence=confidence,
            reasons=reasons,
            findings=tuple(findings),
            instances=ordered.instances,
            loader=self,
            options=options,
            selected=True,
            shape=shape,
            spacing=spacing,
            referenced_uids=referenced_uids(ordered),
            dims=sequence_dims(ordered),
        )


def _group(record: InstanceRecord) -> tuple[object, ...]:
    values = record.values
    if values.get("Modality") in _ONE_BY_ONE:
        return (record.uid,)
    # Screens of one examination at different depth settings have different scales.
    scales = tuple(str(values.get(keyword)) for keyword in _SCALES)
    return (record.rows, record.columns, is_colour(record), *scales)


def _view_words(record: InstanceRecord) -> list[str]:
    """Tell radiographs of one examination apart: side, view, whether it is for display."""
    values = record.values
    if values.get("Modality") not in PROJECTION_MODALITIES:
        return []
    side = str(values.get("ImageLaterality") or values.get("Laterality") or "").strip()
    view = str(values.get("ViewPosition") or "").strip()
    if not view:
        meanings = values.get("ViewCodeSequence.CodeMeaning")
        view = str(meanings[0]).strip() if isinstance(meanings, list) and meanings else ""
    words = [" ".join(word for word in (side, view) if word)]
    if str(values.get("BreastImplantPresent") or "").strip() == "YES":
        words.append("implant")
    if values.get("PresentationIntentType") == "FOR PROCESSING":
        words.append("for processing")
    return [word for word in words if word]


def _for_processing() -> Finding:
    return Finding(
        FindingCode.FOR_PROCESSING,
        Severity.INFO,
        "Detector values for further processing, not meant to be looked at: an image for "
        "presentation may lie beside it",
    )


def _without_place(count: int) -> Finding:
    images = "1 image has" if count == 1 else f"{count} images have"
    return Finding(
        FindingCode.NO_GEOMETRY,
        Severity.WARNING,
        f"{images} no usable position or orientation in the patient: shown one after another",
        {"count": count},
    )
