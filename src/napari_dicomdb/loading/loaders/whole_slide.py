"""Images of whole slides: pyramids of tiles; label, overview and thumbnail apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading.confidence import Claim, assess
from napari_dicomdb.loading.describing import pixel_findings, series_name, volume_meta
from napari_dicomdb.loading.lazy import LazyArray
from napari_dicomdb.loading.loadable import Loadable
from napari_dicomdb.loading.reading import FrameReader, note_failure
from napari_dicomdb.loading.slides import pyramids_of, slide_images
from napari_dicomdb.loading.sorting import by_series, is_colour, is_slide
from napari_dicomdb.loading.tiles import TiledArray
from napari_dicomdb.loading.verify import verify
from napari_dicomdb.loading.volume import Coord, Volume, VolumeGeometry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.loading.slides import SlideImage
    from napari_dicomdb.loading.verify import Verified
    from napari_dicomdb.progress import Progress

__all__ = ["WholeSlideLoader", "slide_affine"]

_KINDS = {
    "VOLUME": "whole-slide",
    "LABEL": "slide-label",
    "OVERVIEW": "slide-overview",
    "LOCALIZER": "slide-overview",
    "THUMBNAIL": "slide-thumbnail",
}


class WholeSlideLoader:
    """Whole slide microscopy, read tile by tile where it is looked at."""

    name = "whole-slide"
    version = "1"

    def examine(self, instances: Sequence[InstanceRecord]) -> list[Loadable]:
        """Return the pyramids and the single images of the slides among `instances`."""
        found: list[Loadable] = []
        for series in by_series(i for i in instances if is_slide(i)):
            pyramids = pyramids_of(slide_images(series))
            kinds = [pyramid[0].flavour for pyramid in pyramids]
            for k, pyramid in enumerate(pyramids):
                twins = kinds.count(kinds[k])
                which = kinds[: k + 1].count(kinds[k]) if twins > 1 else 0
                found.append(self._offer(pyramid, which))
        return found

    def load(self, loadable: Loadable, *, progress: Progress, lazy: bool) -> Volume:
        """Load what `examine` offered."""
        images = sorted(slide_images(loadable.instances), key=lambda one: -one.columns * one.rows)
        levels: list[Any] = []
        shown: list[SlideImage] = []
        told: list[Finding] = list(loadable.findings)
        failures: list[Exception] = []
        changed: list[str] = []
        for image in images:
            verified = verify(image.frames)
            told += verified.findings
            changed += verified.changed_uids
            reader = FrameReader(verified.frames, verified.refused)
            _note_refused(reader, verified)
            if len(verified.refused) == len(image.instances):
                failures += verified.refused.values()
                told += reader.problems.findings()
                continue
            levels.append(_level(image, reader))
            shown.append(image)
        if not levels:
            raise LoadError(
                f"{loadable.name}: none of its files can be read: {failures[0]}",
                reason="file-missing" if isinstance(failures[0], FileNotFoundError) else None,
            )
        levels[-1].probe()
        if not lazy:
            for k, level in enumerate(levels):
                progress(k, len(levels), f"Reading level {k + 1} of {len(levels)}")
                levels[k] = np.asarray(level)
                told += level.findings
        progress(len(levels), len(levels), "Ready")
        base = shown[0]
        dims, coords = _axes(base)
        origin = base.origin
        return Volume(
            array=levels[0],
            dims=dims,
            geometry=VolumeGeometry(
                slide_affine(base),
                (1, base.rows, base.columns),
                str(base.instances[0].values.get("FrameOfReferenceUID") or ""),
                in_patient=False,
                in_slide=base.spacing is not None,
                spacing_label="pixel" if base.spacing is None else "mm",
            ),
            coords=coords,
            is_rgb=is_colour(base.instances[0]),
            meta={
                "name": loadable.name,
                "kind": loadable.kind,
                "loader": self.name,
                **volume_meta(base.frames),
                "instance_uids": [i.uid for one in shown for i in one.instances],
                "source_paths": [str(i.path) for one in shown for i in one.instances],
                "rescale": [(1.0, 0.0)],
                "padding": None,
                "value_range": levels[0].value_range if lazy else None,
                "findings": tuple(told),
                "changed_instances": tuple(changed),
                "level_spacings": [one.spacing for one in shown],
                "origin_known": origin is not None,
            },
            levels=tuple(levels) if len(levels) > 1 else (),
        )

    def _offer(self, pyramid: list[SlideImage], which: int) -> Loadable:
        base = pyramid[0]
        first = base.instances[0]
        kind = _KINDS[base.flavour]
        instances = tuple(i for image in pyramid for i in image.instances)
        findings = [f for image in pyramid for f in image.findings]
        known = {f.text for f in findings}
        findings += [f for f in pixel_findings(base.frames) if f.text not in known]
        if base.spacing is None:
            findings.append(_lack(FindingCode.NO_SPACING, "Nothing tells the size of the pixels"))
        elif base.origin is None or base.orientation is None:
            findings.append(
                _lack(
                    FindingCode.NO_GEOMETRY,
                    "Where the image lies on the slide is not told: sizes are right, its place "
                    "is not known",
                )
            )
        count = len(pyramid)
        claims = (
            Claim(f"it is a whole slide image ({base.flavour.lower()})"),
            Claim("the header says where every tile belongs", not base.findings),
            Claim(f"{count} levels of one pyramid")
            if count > 1
            else Claim("the image is complete in itself"),
            Claim("sizes are in mm", base.spacing is not None),
            Claim("pixels are as they were acquired"),
        )
        confidence, reasons = assess(claims, findings)
        what = "" if base.flavour == "VOLUME" else base.flavour.lower()
        name = ", ".join(word for word in (series_name(first), what) if word)
        dims, _ = _axes(base)
        counts = {"optical_path": base.leading[0], "focal_plane": base.leading[1]}
        return Loadable(
            name=f"{name}, {base.columns} × {base.rows}" if which else name,
            kind=kind,
            confidence=confidence,
            reasons=reasons,
            findings=tuple(findings),
            instances=instances,
            loader=self,
            options={"levels": [[image.rows, image.columns] for image in pyramid]},
            selected=True,
            shape=(
                *(counts[dim] for dim in dims if dim in counts),
                base.rows,
                base.columns,
                *((3,) if is_colour(first) else ()),
            ),
            spacing=base.spacing,
            dims=dims,
        )


class _Level(TiledArray):
    """A level that can be tried before it is shown."""

    def __init__(self, reader: FrameReader, *args: Any) -> None:
        self._lazy = LazyArray(reader)
        self.value_range = reader.value_range
        super().__init__(self._lazy, *args)

    def probe(self) -> None:
        """Read one tile to see that something can be read; raise LoadError otherwise."""
        self._lazy.probe()


def slide_affine(image: SlideImage) -> NDArray[np.float64]:
    """Affine from (0, row, column) of the total pixel matrix to slide coordinates, mm.

    Parameters
    ----------
    image : SlideImage

    Returns
    -------
    (4, 4) ndarray
        Maps ``(k, r, c, 1)`` to ``(x, y, z, 1)``. Where the header has no
        orientation, that of scanners in use: columns along -y, rows along -x,
        from the origin; without a spacing, in pixels.

    Notes
    -----
    PS3.3 Section C.8.12.2.1 and C.8.12.6.1: TotalPixelMatrixOriginSequence is
    the centre of the first pixel.
    """
    along = image.orientation or (0.0, -1.0, 0.0, -1.0, 0.0, 0.0)
    row_step, column_step = image.spacing or (1.0, 1.0)
    across, down = np.array(along[:3]), np.array(along[3:])
    affine = np.eye(4)
    affine[:3, 0] = np.cross(across, down)
    affine[:3, 1] = down * row_step
    affine[:3, 2] = across * column_step
    affine[:2, 3] = image.origin or (0.0, 0.0)
    return affine


def _note_refused(reader: FrameReader, verified: Verified) -> None:
    """Tell of files that cannot be read, once each."""
    for k in np.flatnonzero(np.diff(verified.frames.owner, prepend=-1)).tolist():
        error = verified.refused.get(verified.frames.instance(k).uid)
        if error is not None:
            note_failure(reader, k, error)


def _level(image: SlideImage, reader: FrameReader) -> _Level:
    channels, deep = image.leading
    plane = np.where(image.place[:, 0] < 0, -1, image.place[:, 0] * deep + image.place[:, 1])
    place = np.column_stack([plane, image.place[:, 2:]])
    leading = tuple(n for n in (channels, deep) if n > 1)
    # Glass without tissue is bright in transmitted light, dark in fluorescence.
    background = 255 if is_colour(image.instances[0]) and reader.dtype == np.uint8 else reader.fill
    return _Level(reader, place, leading, image.rows, image.columns, background)


def _axes(image: SlideImage) -> tuple[tuple[str, ...], dict[str, Coord]]:
    coords: dict[str, Coord] = {}
    channels, deep = image.leading
    if channels > 1:
        coords["optical_path"] = Coord(image.path_names)
    if deep > 1:
        heights = image.planes
        told = len(set(heights)) == deep
        coords["focal_plane"] = Coord(heights, "mm") if told else Coord(tuple(range(1, deep + 1)))
    return (*coords, "row", "column"), coords


def _lack(code: FindingCode, text: str) -> Finding:
    return Finding(code, Severity.INFO, text)
