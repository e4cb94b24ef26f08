"""From a planned loadable to a `Volume`: files verified, pixels read or made lazy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.video import VIDEO_SYNTAXES
from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading.colours import COLOURS_OPTION
from napari_dicomdb.loading.describing import units_of, volume_meta
from napari_dicomdb.loading.eager import read_all
from napari_dicomdb.loading.image_annotations import annotations_of
from napari_dicomdb.loading.lazy import LazyArray
from napari_dicomdb.loading.lookup_tables import voi_luts
from napari_dicomdb.loading.reading import FrameReader, note_failure
from napari_dicomdb.loading.verify import verify
from napari_dicomdb.loading.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari_dicomdb.dicom.findings import Finding
    from napari_dicomdb.loading.frames import FrameSet
    from napari_dicomdb.loading.loadable import Loadable
    from napari_dicomdb.loading.reading import Frames
    from napari_dicomdb.loading.volume import Coord, VolumeGeometry
    from napari_dicomdb.progress import Progress

__all__ = ["build_volume"]


def build_volume(
    loadable: Loadable,
    frames: FrameSet,
    geometry: VolumeGeometry,
    dims: tuple[str, ...],
    *,
    lazy: bool,
    progress: Progress,
    reader: Callable[[Frames], Frames] | None = None,
    leading: tuple[int, ...] | None = None,
    coords: Mapping[str, Coord] | None = None,
    units: str | None = None,
    findings: Sequence[Finding] = (),
    meta: Mapping[str, Any] | None = None,
) -> Volume:
    """Read `frames`, now or when looked at, and put them into a `Volume`.

    Parameters
    ----------
    loadable : Loadable
        What is being loaded; gives name, kind and loader.
    frames : FrameSet
        Images in the order of the volume, the last leading axis fastest.
    geometry, dims, coords
        Of the volume.
    lazy : bool
        Whether frames are read when looked at.
    progress : Progress
    reader : callable, optional
        Puts another reader (e.g. a resampling one) over that of the images.
    leading : tuple of int, optional
        Shape of the axes before (row, column); by default one, as long as
        there are frames; () for a single image.
    units : str, optional
        Of the values, where `reader` gives other than those of the modality.
    findings : sequence of Finding
        Known before the pixels were touched.
    meta : mapping, optional
        More entries for `Volume.meta`.

    Raises
    ------
    LoadError
        If nothing can be read; the message says why.
    """
    verified = verify(frames)
    if len(verified.refused) == len(frames.instances):
        first = next(iter(verified.refused.values()))
        reason = getattr(first, "reason", None) or (
            "file-missing" if isinstance(first, FileNotFoundError) else None
        )
        why = "; ".join(dict.fromkeys(_said(e) for e in list(verified.refused.values())[:3]))
        raise LoadError(f"none of the files can be read: {why}", reason=reason) from first
    images = FrameReader(verified.frames, verified.refused, compact=True)
    slices = images if reader is None else reader(images)
    if reader is not None and slices is not images:
        # What is resampled is computed with every value there can be.
        images.widen()
        slices = reader(images)
    if leading is None:
        leading = (len(slices),)
    array: Any
    if lazy:
        for k in range(len(images)):
            error = verified.refused.get(verified.frames.instance(k).uid)
            if error is not None:
                note_failure(images, k, error)
        places = np.arange(len(slices)).reshape(leading)
        array = LazyArray(slices, places)
        try:
            array.probe()
        except OverflowError:
            images.widen()
            array = LazyArray(slices, places)
            array.probe()
        # The type is settled now: what a later slice has beyond it is clipped and told.
        images.clip()
        progress(len(slices), len(slices), "Ready")
    else:
        # A video has one decoder, which goes forwards: threads would only jump about in it.
        is_video = frames.instances[0].transfer_syntax_uid in VIDEO_SYNTAXES
        whole = read_all(slices, progress=progress, workers=1 if is_video else None)
        array = whole.reshape(*leading, *slices.frame_shape)
    on_grid = slices is images or COLOURS_OPTION in loadable.options
    luts, lut_findings = voi_luts(verified.frames, verified.refused)
    told = (*findings, *lut_findings, *verified.findings, *slices.problems.findings())
    return Volume(
        array=array,
        dims=dims,
        geometry=geometry,
        coords=dict(coords or {}),
        units=units_of(frames) if units is None else units,
        is_rgb=len(slices.frame_shape) == 3,
        meta={
            "name": loadable.name,
            "kind": loadable.kind,
            "loader": loadable.loader.name,
            **volume_meta(frames),
            "rescale": images.rescale(),
            "padding": images.padding,
            "voi_luts": luts,
            "value_range": images.value_range,
            "findings": _distinct(told),
            "changed_instances": verified.changed_uids,
            "annotations": annotations_of(verified.frames, leading) if on_grid else (),
            **(meta or {}),
        },
    )


def _said(error: Exception) -> str:
    # str() of an OSError begins with "[Errno 2]".
    if isinstance(error, FileNotFoundError):
        return f"{error.filename} is not there any more"
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _distinct(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Drop repetitions; findings hold dicts and cannot be hashed."""
    seen: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        seen.setdefault((str(finding.code), finding.text), finding)
    return tuple(seen.values())
