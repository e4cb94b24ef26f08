"""Labels on whole slides: the level they were drawn on, and tiles of it, one at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.numbers import decimal_strings
from napari_dicomdb.export.segments.image_planes import SourceFrame
from napari_dicomdb.export.segments.segment_layouts import Layout
from napari_dicomdb.export.source_references import derivation_items
from napari_dicomdb.loading.loaders.whole_slide import slide_affine
from napari_dicomdb.loading.slides import slide_images
from napari_dicomdb.loading.sorting import is_slide

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from pydicom import Dataset

    from napari_dicomdb.export.source import ExportSource
    from napari_dicomdb.export.study import StudyTarget
    from napari_dicomdb.loading.slides import SlideImage

__all__ = ["SlideLevel", "slide_level"]

_MOST_OF_A_TILE = 2048  # pixels of a side
_TILE = 512
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
    """

    image: SlideImage
    source_from_level: NDArray[np.float64] = field(repr=False)
    tile: tuple[int, int]
    corners: list[tuple[int, int]] = field(repr=False)
    resampled: bool

    def reader(self, source: ExportSource) -> Callable[[int], list[NDArray[Any]]]:
        """Return what reads one tile of the labels, and no more than that."""

        def read(k: int) -> list[NDArray[Any]]:
            return [self._tile_of(source, *self.corners[k])]

        return read

    def _tile_of(self, source: ExportSource, top: int, left: int) -> NDArray[Any]:
        rows, columns = self.tile
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
            length = source.grid[axis]
            valid = valid & (at >= -0.5 - 1e-6) & (at <= length - 0.5 + 1e-6)
            index.append(np.rint(np.clip(at, 0, length - 1)).astype(np.intp))
        if not valid.any():
            return np.zeros(self.tile, source.dtype)
        low = [int(one.min()) for one in index]
        high = [int(one.max()) + 1 for one in index]
        block = np.asarray(source.array[0, low[0] : high[0], low[1] : high[1]])
        values = block[index[0] - low[0], index[1] - low[1]]
        return np.broadcast_to(np.where(valid, values, np.zeros((), source.dtype)), self.tile)

    def layout(self, target: StudyTarget, *, full: bool) -> Layout:
        """Return the layout of tiles: all of them in order, or those that have labels.

        All of them say where they are, too, though order tells it: not every program
        knows TILED_FULL.
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


def slide_level(source: ExportSource, target: StudyTarget) -> SlideLevel | None:
    """Return the level of a slide of `target` that labels were drawn on, None without a slide.

    That whose pixels are nearest in size; of several slides of a series the one that
    labels lie on.

    Raises
    ------
    ExportError
        "no-geometry": the layer does not say where on the slide it is.
    """
    images = list(slide_images(i for i in target.instances.values() if is_slide(i)))
    images = [one for one in images if one.flavour == "VOLUME"] or images
    if not images:
        return None
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
    level = slide_affine(best)
    # Both lie in the plane of the glass, whichever way their first axis leads.
    flat = own.copy()
    flat[:, 0] = level[:, 0]
    flat[2] = level[2]
    source_from_level = np.linalg.solve(flat, level).astype(np.float64)
    rounded = np.rint(source_from_level)
    off = source_from_level - rounded
    far = np.array([[0, 0], [best.rows - 1, 0], [0, best.columns - 1]], dtype=np.float64)
    resampled = bool(np.abs(far @ off[1:3, 1:3].T + off[1:3, 3]).max() >= _SAME)
    first = best.instances[0]
    tile = (first.rows, first.columns)
    if max(tile) > _MOST_OF_A_TILE:
        tile = (_TILE, _TILE)
    corners = [
        (top, left)
        for top in range(0, best.rows, tile[0])
        for left in range(0, best.columns, tile[1])
    ]
    return SlideLevel(best, source_from_level if resampled else rounded, tile, corners, resampled)


def _thickness(header: Dataset) -> float:
    for groups in header.get("SharedFunctionalGroupsSequence") or ():
        for measures in groups.get("PixelMeasuresSequence") or ():
            value = measures.get("SliceThickness")
            if value:
                return float(value)
    return _THIN
