"""Whole slide images: the matrix that tiles make, where it is on the slide, pyramids of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.dicom.values import parse_ds
from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.loading.multiframe import concatenation_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_dicomdb.database.records import InstanceRecord

__all__ = ["SlideImage", "pyramids_of", "slide_images"]

_FLAVOURS = frozenset({"VOLUME", "LABEL", "OVERVIEW", "THUMBNAIL", "LOCALIZER"})
_LEAST_FACTOR = 1.25  # between levels; less is another image
_SPACING_TOLERANCE = 0.05
_TELLING_SIZE = 64  # columns below which rounding spoils the ratio of spacings
_ROUNDING = 1.5  # pixels by which a level may miss the shape of the one before


@dataclass(frozen=True, eq=False)
class SlideImage:
    """One image of a slide: one instance, or the parts of a concatenation.

    Parameters
    ----------
    frames : FrameSet
        All tiles.
    rows, columns : int
        Of the total pixel matrix.
    flavour : str
        Third value of ImageType: "VOLUME", "LABEL", "OVERVIEW", "THUMBNAIL".
    paths : tuple of str
        Identifiers of the optical paths, one a channel.
    path_names : tuple of str
        What they are, for people.
    planes : tuple of float
        Heights of the focal planes above the slide, mm; 0 when unknown.
    place : (N, 4) ndarray of int
        For each tile: optical path, focal plane, first row, first column, from 0.
    spacing : tuple of 2 float or None
        Between rows, between columns, mm.
    origin : tuple of 2 float or None
        Slide coordinates x, y of the centre of the first pixel, mm.
    orientation : tuple of 6 float or None
        ImageOrientationSlide: direction of increasing column, then row index.
    findings : tuple of Finding
    """

    frames: FrameSet
    rows: int
    columns: int
    flavour: str
    paths: tuple[str, ...]
    path_names: tuple[str, ...]
    planes: tuple[float, ...]
    place: NDArray[np.intp]
    spacing: tuple[float, float] | None
    origin: tuple[float, float] | None
    orientation: tuple[float, ...] | None
    findings: tuple[Finding, ...]

    @property
    def instances(self) -> tuple[InstanceRecord, ...]:
        """Its instances, in order."""
        return self.frames.instances

    @property
    def reference(self) -> str:
        """FrameOfReferenceUID."""
        return str(self.instances[0].values.get("FrameOfReferenceUID") or "")

    @property
    def leading(self) -> tuple[int, int]:
        """Number of optical paths, of focal planes."""
        return len(self.paths), len(self.planes)


def slide_images(instances: Iterable[InstanceRecord]) -> list[SlideImage]:
    """Return the images that instances make, parts of concatenations put together."""
    groups: dict[str, list[InstanceRecord]] = {}
    for record in instances:
        part = concatenation_key(record)
        groups.setdefault(part[0] if part else record.uid, []).append(record)
    for group in groups.values():
        group.sort(key=lambda record: (concatenation_key(record) or ("", 0))[1])
    return [_image(group) for group in groups.values()]


def pyramids_of(images: Sequence[SlideImage]) -> list[list[SlideImage]]:
    """Group images that show the same at different scales, the largest first.

    Levels share flavour, colour, optical paths and focal planes, the place on
    the slide, and the shape of the matrix, within rounding. Two of one size are
    not levels of one pyramid. They share a frame of reference as well, unless
    every image has its own, as some converters write it: then it says nothing.
    """
    pyramids: list[list[SlideImage]] = []
    references = [one.reference for one in images if one.flavour == "VOLUME"]
    telling = len(set(references)) < len(references)
    for image in sorted(images, key=lambda one: -one.columns * one.rows):
        for pyramid in pyramids:
            same = not telling or image.reference == pyramid[0].reference
            if same and _is_level_of(pyramid, image):
                pyramid.append(image)
                break
        else:
            pyramids.append([image])
    return pyramids


def _is_level_of(pyramid: list[SlideImage], image: SlideImage) -> bool:
    base = pyramid[0]
    if image.flavour != "VOLUME" or _kind(image) != _kind(base):
        return False
    if _factor(pyramid[-1], image) < _LEAST_FACTOR:
        return False
    factor = _factor(base, image)
    # Whoever halves again and again rounds again and again: at most one pixel in the end.
    missed = (base.rows / factor - image.rows, base.columns / factor - image.columns)
    return max(map(abs, missed)) <= _ROUNDING and _covers_the_same(base, image, factor)


def _factor(larger: SlideImage, smaller: SlideImage) -> float:
    return float((larger.rows * larger.columns / (smaller.rows * smaller.columns)) ** 0.5)


def _covers_the_same(base: SlideImage, image: SlideImage, factor: float) -> bool:
    """Whether spacing and origin, as far as they are told, allow it."""
    if base.spacing is None or image.spacing is None:
        return True
    coarser = image.spacing[1] / base.spacing[1]
    if abs(coarser / factor - 1) > _SPACING_TOLERANCE and image.columns > _TELLING_SIZE:
        return False
    if base.origin is None or image.origin is None:
        return True
    # First pixels of different sizes have their centres at different places.
    apart = np.hypot(*np.subtract(base.origin, image.origin))
    return bool(apart <= 2 * max(image.spacing))


def _kind(image: SlideImage) -> tuple[Any, ...]:
    first = image.instances[0]
    return (
        image.flavour,
        first.values.get("PyramidUID"),
        first.samples,
        first.bits_allocated,
        image.paths,
        len(image.planes),
    )


def _image(instances: Sequence[InstanceRecord]) -> SlideImage:
    frames = FrameSet.of(instances)
    first = frames.instances[0]
    rows = _whole(first, "TotalPixelMatrixRows") or first.rows
    columns = _whole(first, "TotalPixelMatrixColumns") or first.columns
    findings = list(frames.findings())
    tops = frames.values("RowPositionInTotalImagePixelMatrix")
    lefts = frames.values("ColumnPositionInTotalImagePixelMatrix")
    declared = str(first.values.get("DimensionOrganizationType") or "")
    told = all(isinstance(value, int) for value in (*tops, *lefts))
    if declared == "TILED_FULL" or not told:
        if declared != "TILED_FULL" and len(frames) > 1:
            findings.append(
                _finding(
                    "Not every tile says where it belongs: they are taken to be complete and in "
                    "order, row by row"
                )
            )
        paths, planes, place = _regular(frames, rows, columns, findings)
    else:
        paths, planes, place = _irregular(frames, tops, lefts)
    names = dict(
        zip(
            _listed(first, "OpticalPathSequence.OpticalPathIdentifier"),
            _listed(first, "OpticalPathSequence.OpticalPathDescription"),
            strict=False,
        )
    )
    kinds = str(first.values.get("ImageType") or "").split("\\")
    flavour = kinds[2] if len(kinds) > 2 and kinds[2] in _FLAVOURS else "VOLUME"
    x = _listed(first, "TotalPixelMatrixOriginSequence.XOffsetInSlideCoordinateSystem")
    y = _listed(first, "TotalPixelMatrixOriginSequence.YOffsetInSlideCoordinateSystem")
    origin = _numbers("\\".join([*x[:1], *y[:1]]))
    orientation = _numbers(first.values.get("ImageOrientationSlide"))
    return SlideImage(
        frames,
        rows,
        columns,
        flavour,
        paths,
        tuple(names.get(path) or path for path in paths),
        planes,
        place,
        _spacing(frames, rows, columns),
        (origin[0], origin[1]) if len(origin) == 2 else None,
        orientation if len(orientation) == 6 else None,
        tuple(findings),
    )


def _regular(
    frames: FrameSet, rows: int, columns: int, findings: list[Finding]
) -> tuple[tuple[str, ...], tuple[float, ...], NDArray[np.intp]]:
    """Places of tiles that are all there, in order.

    PS3.3 Section C.7.6.17.3: along a row of tiles first, then down the rows,
    then through the focal planes, then through the optical paths.
    """
    first = frames.instances[0]
    tile_rows, tile_columns = first.rows, first.columns
    across, down = -(-columns // tile_columns), -(-rows // tile_rows)
    deep = max(_whole(first, "TotalPixelMatrixFocalPlanes"), 1)
    known = _listed(first, "OpticalPathSequence.OpticalPathIdentifier")
    channels = max(_whole(first, "NumberOfOpticalPaths"), len(known), 1)
    starts, running = [], 0
    for instance, owner in zip(frames.instances, range(len(frames.instances)), strict=True):
        offset = instance.values.get("ConcatenationFrameOffsetNumber")
        starts.append(offset if isinstance(offset, int) else running)
        running = starts[-1] + int(np.count_nonzero(frames.owner == owner))
    number = np.array(starts, dtype=np.intp)[frames.owner] + frames.number
    expected = across * down * deep * channels
    if running != expected:
        findings.append(
            _finding(
                f"{running} tiles are there, {expected} are needed for {columns} × {rows} pixels"
                f"{f' in {deep} planes' if deep > 1 else ''}"
                f"{f' of {channels} optical paths' if channels > 1 else ''}",
                frames=running,
                expected=expected,
            )
        )
    position, plane = number % (across * down), number // (across * down)
    place = np.column_stack(
        [
            # What is too many stays out of every plane.
            np.where(number < expected, plane // deep, -1),
            plane % deep,
            position // across * tile_rows,
            position % across * tile_columns,
        ]
    ).astype(np.intp)
    paths = tuple(known[k] if k < len(known) else str(k + 1) for k in range(channels))
    step = _plane_distance(frames, deep)
    return paths, tuple(round(step * k, 6) for k in range(deep)), place


def _plane_distance(frames: FrameSet, count: int) -> float:
    """Distance of focal planes, mm; 0 when unknown."""
    if count == 1:
        return 0.0
    table = frames.tables[0]
    told = table.shared.get("SpacingBetweenSlices") if table is not None else None
    if isinstance(told, (int, float)):
        return float(told)
    depth = frames.instances[0].values.get("ImagedVolumeDepth")  # in µm, unlike width and height
    return float(depth) / 1000 / count if isinstance(depth, (int, float)) else 0.0


def _irregular(
    frames: FrameSet, tops: Sequence[Any], lefts: Sequence[Any]
) -> tuple[tuple[str, ...], tuple[float, ...], NDArray[np.intp]]:
    """Places of tiles that each say where they belong."""
    said = [str(value or "") for value in frames.values("OpticalPathIdentifier")]
    known = _listed(frames.instances[0], "OpticalPathSequence.OpticalPathIdentifier")
    used = set(said)
    paths = tuple(dict.fromkeys([*(p for p in known if p in used), *said]))
    heights = [
        round(float(value), 6) if isinstance(value, (int, float)) else 0.0
        for value in frames.values("ZOffsetInSlideCoordinateSystem")
    ]
    planes = tuple(sorted(set(heights)))
    channel = {path: k for k, path in enumerate(paths)}
    deep = {height: k for k, height in enumerate(planes)}
    place = np.column_stack(
        [
            [channel[path] for path in said],
            [deep[height] for height in heights],
            np.array(tops, dtype=np.intp) - 1,
            np.array(lefts, dtype=np.intp) - 1,
        ]
    ).astype(np.intp)
    return paths, planes, place


def _spacing(frames: FrameSet, rows: int, columns: int) -> tuple[float, float] | None:
    """PixelSpacing, else what size of the imaged volume and of the matrix make."""
    first, table = frames.instances[0], frames.tables[0]
    told = table.shared.get("PixelSpacing") if table is not None else None
    pair = told if isinstance(told, list) else [float(v) for v in frames.spacings[0]]
    if len(pair) == 2 and all(np.isfinite(v) and v > 0 for v in pair):
        return float(pair[0]), float(pair[1])
    height, width = first.values.get("ImagedVolumeHeight"), first.values.get("ImagedVolumeWidth")
    if isinstance(height, (int, float)) and isinstance(width, (int, float)) and height * width > 0:
        return height / rows, width / columns
    return None


def _whole(record: InstanceRecord, keyword: str) -> int:
    value = record.values.get(keyword)
    return value if isinstance(value, int) and value > 0 else 0


def _listed(record: InstanceRecord, path: str) -> list[str]:
    value = record.values.get(path)
    return [str(v).strip() for v in value] if isinstance(value, list) else []


def _numbers(value: Any) -> tuple[float, ...]:
    try:
        return parse_ds("" if value is None else str(value))
    except ValueError:
        return ()


def _finding(text: str, **numbers: Any) -> Finding:
    return Finding(FindingCode.MULTIFRAME_INCONSISTENT, Severity.WARNING, text, numbers)
