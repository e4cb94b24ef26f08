"""Labels on whole slides: the level they were drawn on, and tiles of it, one at a time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.numbers import decimal_strings
from napari_dicomdb.export.segments.image_planes import SourceFrame
from napari_dicomdb.export.segments.segment_layouts import Layout
from napari_dicomdb.export.source_references import derivation_items
from napari_dicomdb.loading.loaders.whole_slide import slide_affine
from napari_dicomdb.loading.slides import pyramids_of, slide_images
from napari_dicomdb.loading.sorting import is_slide

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from pydicom import Dataset

    from napari_dicomdb.export.source import ExportSource
    from napari_dicomdb.export.study import StudyTarget
    from napari_dicomdb.loading.slides import SlideImage

__all__ = ["SlideLevel", "slide_levels"]

_MOST_OF_A_TILE = 2048  # pixels of a side
_TILE = 512
_MOST_READ = 1 << 24  # labels at once, for a tile of a coarse level that is made
_SAME = 0.02  # pixels by which corners may differ in what is one grid
_THIN = 0.001  # mm, of a slide that does not say how thick it is
# Of the level: what is on the glass (PS3.3 Section C.7.6.22).
_OF_SPECIMEN = (
    "ContainerIdentifier", "IssuerOfTheContainerIdentifierSequence", "ContainerTypeCodeSequence",
    "SpecimenDescriptionSequence",
)  # fmt: skip
_WORLD_TO_SLIDE = np.array([[0.0, -1, 0, 0], [-1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])


@dataclass(frozen=True, eq=False)
class SlideLevel:
    """A level of a slide, cut into the tiles in which labels are written.

    Parameters
    ----------
    image : SlideImage
    source_from_level : (4, 4) ndarray
        Indices (k, row, column) of the labels from those of the level.
    tile : tuple of 2 int
        Rows, columns of a tile.
    corners : list of (int, int)
        First row and column of each tile, row by row; all of the matrix.
    resampled : bool
        Whether labels are on another grid: the nearest are taken.
    of_level : int
        Which array of the labels is read: 0 is `ExportSource.array`, others are its levels.
    """

    image: SlideImage
    source_from_level: NDArray[np.float64] = field(repr=False)
    tile: tuple[int, int]
    corners: list[tuple[int, int]] = field(repr=False)
    resampled: bool
    of_level: int = 0

    @property
    def uid(self) -> str:
        """SOPInstanceUID of (the first part of) the image."""
        return self.image.instances[0].uid

    def reader(self, source: ExportSource) -> Callable[[int], list[NDArray[Any]]]:
        """Return what reads one tile of the labels, and no more than that."""
        array = (source.array, *source.levels)[self.of_level]

        def read(k: int) -> list[NDArray[Any]]:
            return [self._part_of(array, *self.corners[k], *self.tile)]

        return read

    def _part_of(self, array: Any, top: int, left: int, rows: int, columns: int) -> NDArray[Any]:
        """Return rows and columns of the level, of labels as (1, rows, columns)."""
        row = np.arange(top, top + rows, dtype=np.float64)[:, None]
        column = np.arange(left, left + columns, dtype=np.float64)[None, :]
        # The last tiles reach beyond the matrix.
        valid = (row < self.image.rows) & (column < self.image.columns)
        index = []
        for axis in (1, 2):
            a, b, c = self.source_from_level[axis, [1, 2, 3]]
            at = np.full((1, 1), c)
            at = at + a * row if a else at
            at = at + b * column if b else at
            length = int(array.shape[axis])
            valid = valid & (at >= -0.5 - 1e-6) & (at <= length - 0.5 + 1e-6)
            index.append(np.rint(np.clip(at, 0, length - 1)).astype(np.intp))
        if not valid.any():
            return np.zeros((rows, columns), array.dtype)
        low = [int(one.min()) for one in index]
        high = [int(one.max()) + 1 for one in index]
        if (high[0] - low[0]) * (high[1] - low[1]) > _MOST_READ and max(rows, columns) > 1:
            return self._in_halves(array, top, left, rows, columns)
        block = np.asarray(array[0, low[0] : high[0], low[1] : high[1]])
        values = block[index[0] - low[0], index[1] - low[1]]
        found = np.where(valid, values, np.zeros((), array.dtype))
        return np.broadcast_to(found, (rows, columns))

    def _in_halves(self, array: Any, top: int, left: int, rows: int, columns: int) -> NDArray[Any]:
        if rows >= columns:
            half = rows // 2
            above = self._part_of(array, top, left, half, columns)
            below = self._part_of(array, top + half, left, rows - half, columns)
            return np.concatenate([above, below])
        half = columns // 2
        before = self._part_of(array, top, left, rows, half)
        after = self._part_of(array, top, left + half, rows, columns - half)
        return np.concatenate([before, after], axis=1)

    def layout(self, target: StudyTarget, *, full: bool, pyramid: str = "") -> Layout:
        """Return the layout of tiles: all of them in order, or those that have labels.

        All of them say where they are, too, though order tells it: not every program
        knows TILED_FULL.

        Parameters
        ----------
        target : StudyTarget
        full : bool
        pyramid : str
            PyramidUID, where this is a level of several (PS3.3 Section C.8.12.11).
        """
        from pydicom import Dataset

        image = self.image
        affine = slide_affine(image)
        (header,) = target.headers([image.instances[0].uid])
        attributes, origin, measures, shared = Dataset(), Dataset(), Dataset(), Dataset()
        for keyword in _OF_SPECIMEN:
            if keyword in header:
                attributes[keyword] = header[keyword]
        spacing = image.spacing or (1.0, 1.0)
        along, down = affine[:3, 2] / spacing[1], affine[:3, 1] / spacing[0]
        attributes.ImageOrientationSlide = decimal_strings([*along, *down])
        origin.XOffsetInSlideCoordinateSystem = decimal_strings(affine[:1, 3])[0]
        origin.YOffsetInSlideCoordinateSystem = decimal_strings(affine[1:2, 3])[0]
        attributes.TotalPixelMatrixOriginSequence = [origin]
        attributes.PatientOrientation = ""
        attributes.TotalPixelMatrixRows = image.rows
        attributes.TotalPixelMatrixColumns = image.columns
        attributes.TotalPixelMatrixFocalPlanes = 1
        if pyramid:
            attributes.PyramidUID = pyramid
        attributes.DimensionOrganizationType = "TILED_FULL" if full else "TILED_SPARSE"
        measures.PixelSpacing = decimal_strings(spacing)
        measures.SliceThickness = decimal_strings([_thickness(header)])[0]
        shared.PixelMeasuresSequence = [measures]
        sources = self._sources()

        def groups(k: int) -> Dataset:
            item, place = Dataset(), Dataset()
            top, left = self.corners[k]
            x, y, z = (affine @ (0.0, top, left, 1.0))[:3]
            place.ColumnPositionInTotalImagePixelMatrix = left + 1
            place.RowPositionInTotalImagePixelMatrix = top + 1
            place.XOffsetInSlideCoordinateSystem = decimal_strings([x])[0]
            place.YOffsetInSlideCoordinateSystem = decimal_strings([y])[0]
            place.ZOffsetInSlideCoordinateSystem = decimal_strings([z])[0]
            item.PlanePositionSlideSequence = [place]
            if sources:  # of all tiles or of none, if need be empty
                drawn_on = sources.get((top, left), [])
                item.DerivationImageSequence = derivation_items(drawn_on, preserved=True)
            return item

        return Layout(
            self.tile[0],
            self.tile[1],
            [(top // self.tile[0] + 1, left // self.tile[1] + 1) for top, left in self.corners],
            (
                ("RowPositionInTotalImagePixelMatrix", "PlanePositionSlideSequence"),
                ("ColumnPositionInTotalImagePixelMatrix", "PlanePositionSlideSequence"),
            ),
            groups,
            shared,
            attributes,
            image.instances,
            every=full,
        )

    def _sources(self) -> dict[tuple[int, int], list[SourceFrame]]:
        """Return the tiles of the image by their corner, where they are cut the same."""
        first = self.image.instances[0]
        found: dict[tuple[int, int], list[SourceFrame]] = {}
        if self.tile != (first.rows, first.columns):
            return found
        frames = self.image.frames
        for k, (path, _, top, left) in enumerate(self.image.place.tolist()):
            if path >= 0:
                one = SourceFrame(frames.instance(k), int(frames.number[k]) + 1)
                found.setdefault((top, left), []).append(one)
        return found


def slide_levels(
    source: ExportSource, target: StudyTarget, *, pyramid: bool = False
) -> list[SlideLevel]:
    """Return the level of a slide of `target` that labels were drawn on, and coarser ones.

    The first is that whose pixels are nearest in size; of several slides of a series the one
    that labels lie on. [] without a slide.

    Parameters
    ----------
    source : ExportSource
    target : StudyTarget
    pyramid : bool
        Whether the coarser levels of the same pyramid follow, the coarsest last.

    Raises
    ------
    ExportError
        "no-geometry": the layer does not say where on the slide it is.
    """
    images = list(slide_images(i for i in target.instances.values() if is_slide(i)))
    images = [one for one in images if one.flavour == "VOLUME"] or images
    if not images:
        return []
    geometry = source.geometry
    if geometry is None or not geometry.has_spacing:
        raise ExportError(
            "nothing says where on the slide the labels are: give the layer the scale, position "
            "and units of the slide's layer",
            reason="no-geometry",
        )
    own = np.asarray(geometry.affine, dtype=np.float64)
    if not geometry.in_slide:
        own = _WORLD_TO_SLIDE @ own
    size = float(np.prod(np.linalg.norm(own[:3, 1:3], axis=0)))

    def apart(image: SlideImage) -> float:
        spacing = image.spacing or (1.0, 1.0)
        return abs(float(np.log(spacing[0] * spacing[1] / size)))

    best = min(images, key=apart)
    first = _level(best, own)
    if not pyramid:
        return [first]
    (levels,) = (one for one in pyramids_of(images) if any(image is best for image in one))
    coarser = levels[next(k for k, one in enumerate(levels) if one is best) + 1 :]
    return [first, *(_coarser(image, source, own, first) for image in coarser)]


def _level(image: SlideImage, own: NDArray[np.float64]) -> SlideLevel:
    """Return a level with what leads from it to the labels, whose affine is `own`."""
    level = slide_affine(image)
    # Both lie in the plane of the glass, whichever way their first axis leads.
    flat = own.copy()
    flat[:, 0] = level[:, 0]
    flat[2] = level[2]
    source_from_level = np.linalg.solve(flat, level).astype(np.float64)
    rounded = np.rint(source_from_level)
    off = source_from_level - rounded
    far = np.array([[0, 0], [image.rows - 1, 0], [0, image.columns - 1]], dtype=np.float64)
    resampled = bool(np.abs(far @ off[1:3, 1:3].T + off[1:3, 3]).max() >= _SAME)
    return _tiled(image, source_from_level if resampled else rounded, resampled=resampled)


def _coarser(
    image: SlideImage, source: ExportSource, own: NDArray[np.float64], first: SlideLevel
) -> SlideLevel:
    """Return a level of the labels' own pyramid, where it has one of that size; else made."""
    grid = (first.image.rows, first.image.columns)
    if not first.resampled and source.grid[1:] == grid:
        for k, array in enumerate(source.levels, 1):
            if tuple(array.shape[-2:]) == (image.rows, image.columns):
                return _tiled(image, np.eye(4), of_level=k)
    return replace(_level(image, own), resampled=True)


def _tiled(
    image: SlideImage,
    source_from_level: NDArray[np.float64],
    *,
    resampled: bool = False,
    of_level: int = 0,
) -> SlideLevel:
    first = image.instances[0]
    tile = (first.rows, first.columns)
    if max(tile) > _MOST_OF_A_TILE:
        tile = (_TILE, _TILE)
    corners = [
        (top, left)
        for top in range(0, image.rows, tile[0])
        for left in range(0, image.columns, tile[1])
    ]
    return SlideLevel(image, source_from_level, tile, corners, resampled, of_level)


def _thickness(header: Dataset) -> float:
    for groups in header.get("SharedFunctionalGroupsSequence") or ():
        for measures in groups.get("PixelMeasuresSequence") or ():
            value = measures.get("SliceThickness")
            if value:
                return float(value)
    return _THIN
