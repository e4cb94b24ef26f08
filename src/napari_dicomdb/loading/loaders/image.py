"""Images without a place in the patient: radiographs, captures, cine loops, lost geometry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading.confidence import Claim, assess
from napari_dicomdb.loading.describing import pixel_findings, referenced_uids, series_name
from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.loading.loadable import Loadable
from napari_dicomdb.loading.sequences import load_sequence, sequence_options, spacing_of
from napari_dicomdb.loading.sorting import by_series, is_colour, is_image, is_placed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.loading.volume import Volume
    from napari_dicomdb.progress import Progress

__all__ = ["ImageLoader"]

# Each exposure is a picture of its own, never a slice of a stack.
_ONE_BY_ONE = frozenset({"CR", "DX", "MG", "IO", "PX", "RG", "RTIMAGE", "XA", "RF", "GM", "XC"})
_TOMOGRAPHIC = frozenset({"CT", "MR", "PT"})


class ImageLoader:
    """2D images and loops with the right pixel spacing, of any modality."""

    name = "image"
    version = "1"

    def examine(self, instances: Sequence[InstanceRecord]) -> list[Loadable]:
        """Return the images, loops and stacks without geometry among `instances`."""
        found: list[Loadable] = []
        for series in by_series(i for i in instances if is_image(i)):
            frames = FrameSet.of(series)
            groups: dict[tuple[object, ...], list[int]] = {}
            for k in np.flatnonzero(~is_placed(frames)).tolist():
                groups.setdefault(_group(frames.instance(k)), []).append(k)
            found += [
                self._offer(frames.take(members), len(groups)) for members in groups.values()
            ]
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
        claims = (
            Claim("the image is complete in itself")
            if len(frames) == 1
            else Claim(f"{len(frames)} images in the order of their numbers"),
            Claim(f"sizes are in {chosen.label}", chosen.label != "pixel"),
            Claim("pixels are as they were acquired"),
        )
        confidence, reasons = assess(claims, findings)
        name = series_name(first)
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
        )


def _group(record: InstanceRecord) -> tuple[object, ...]:
    if record.frame_count > 1 or record.values.get("Modality") in _ONE_BY_ONE:
        return (record.uid,)
    return (record.rows, record.columns, is_colour(record), record.values.get("PixelSpacing"))


def _without_place(count: int) -> Finding:
    images = "1 image has" if count == 1 else f"{count} images have"
    return Finding(
        FindingCode.NO_GEOMETRY,
        Severity.WARNING,
        f"{images} no usable position or orientation in the patient: shown one after another",
        {"count": count},
    )
