"""Where a volume stands in napari: permuted and flipped views, native or resliced.

Three spaces, all in millimetres (DESIGN 4, reference/napari.md A.11 to A.13):

*LPS*       the patient coordinates of DICOM, (x, y, z).
*physical*  ``(I, P, L) = (-z, y, x)``: with napari's untouched camera all three
            planes are radiological and 3D is not mirrored. A layer's
            scale, rotate and translate lead here.
*world*     ``frame @ physical``: what napari slices along. `frame` is one rigid
            rotation per viewer, the ``affine`` of every layer we make; it makes
            the first volume axis-aligned.

napari slices rightly only along axes of the data that are axes of the world.
So a volume is either *native* (the off-diagonal part of its transform is too
small to matter, and dropped) or *resliced* on a grid aligned with the world.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.errors import GeometryError
from napari_dicomdb.viewer.reorient import reoriented
from napari_dicomdb.viewer.reslice import Resliced

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_dicomdb.loading.volume import Volume

__all__ = [
    "IPL_FROM_LPS",
    "LPS_FROM_IPL",
    "NATIVE_TOLERANCE",
    "Layout",
    "Placement",
    "frame_for",
    "lay_out",
    "place",
]

#: A volume is shown natively when the far corner moves by less, in voxels.
NATIVE_TOLERANCE = 0.5

#: (x, y, z, 1) of the patient to (-z, y, x, 1); a rotation, not a mirror.
IPL_FROM_LPS = np.array(
    [[0, 0, -1, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]], dtype=np.float64
)
LPS_FROM_IPL = IPL_FROM_LPS.T.copy()


@dataclass(frozen=True, eq=False)
class Layout:
    """How a grid of voxels is laid out along the axes of the world.

    Parameters
    ----------
    axes : tuple of 3 int
        For each axis of the world, the axis of the volume (0 slice, 1 row,
        2 column) that runs closest along it.
    flips : tuple of 3 bool
        For each axis of the world, whether that axis of the volume runs backwards.
    shape : tuple of 3 int
        Of the data handed to napari.
    scale : (3,) ndarray
        Its voxels, mm.
    origin : (3,) ndarray
        World position of its first voxel, mm.
    frame : (4, 4) ndarray
        World from physical.
    native : bool
        Whether the data are the voxels themselves, not interpolated.
    lps_from_data : (4, 4) ndarray
        LPS from indices of the data handed to napari; exact.
    volume_from_data : (4, 4) ndarray
        Indices (k, row, column) of the volume from indices of the data.
    displacement : float
        By how much a corner would move in native display that held the opposite
        corner, voxels. (It holds the centre, so that they move half as far.)
    dropped_angle_degrees : float
        Between the axes of the volume and those it is drawn along; 0 if resliced.
    """

    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]
    shape: tuple[int, int, int]
    scale: NDArray[np.float64]
    origin: NDArray[np.float64]
    frame: NDArray[np.float64]
    native: bool
    lps_from_data: NDArray[np.float64]
    volume_from_data: NDArray[np.float64]
    displacement: float
    dropped_angle_degrees: float

    @property
    def rotate(self) -> NDArray[np.float64]:
        """(3, 3) rotation of the layer: undoes `frame` within physical space."""
        return self.frame[:3, :3].T

    @property
    def translate(self) -> NDArray[np.float64]:
        """(3,) translation of the layer in physical space, mm."""
        return self.rotate @ self.origin


@dataclass(frozen=True, eq=False)
class Placement(Layout):
    """A `Layout` with the array that belongs to it.

    Parameters
    ----------
    array : array_like
        Leading axes, then the axes of the world, then colour.
    """

    array: Any = field(default=None, repr=False)


def frame_for(affine: ArrayLike, shape: tuple[int, int, int]) -> NDArray[np.float64]:
    """Return the frame of a viewer in which this volume is the first.

    The identity when the volume is native without it; otherwise the rotation
    that lays the rows and columns of its slices along axes of the world. (When
    the stack is sheared by a tilted gantry the slices are then still whole
    planes, only shifted against each other.)

    Parameters
    ----------
    affine : (4, 4) array_like
        LPS from (k, row, column).
    shape : tuple of 3 int
        Slices, rows, columns.

    Returns
    -------
    (4, 4) ndarray
        World from physical.
    """
    affine = np.asarray(affine, dtype=np.float64)
    if lay_out(affine, shape, np.eye(4)).native:
        return np.eye(4)
    axes, flips = _closest_axes((IPL_FROM_LPS @ affine)[:3, :3])
    linear = (IPL_FROM_LPS @ affine @ _volume_from_reoriented(axes, flips, shape))[:3, :3]
    through = axes.index(0)
    first, second = (through + 1) % 3, (through + 2) % 3
    in_plane = linear[:, [first, second]]
    in_plane = in_plane / np.linalg.norm(in_plane, axis=0)
    # The nearest pair of perpendicular directions: six digits of a cosine never are.
    u, _, vt = np.linalg.svd(in_plane, full_matrices=False)
    in_plane = u @ vt
    rotation = np.empty((3, 3))
    rotation[:, first] = in_plane[:, 0]
    rotation[:, second] = in_plane[:, 1]
    rotation[:, through] = np.cross(in_plane[:, 0], in_plane[:, 1])
    frame = np.eye(4)
    frame[:3, :3] = rotation.T
    return frame


def lay_out(
    affine: ArrayLike, shape: tuple[int, int, int], frame: ArrayLike | None = None
) -> Layout:
    """Lay a grid of voxels out along the axes of the world.

    Parameters
    ----------
    affine : (4, 4) array_like
        LPS from (k, row, column).
    shape : tuple of 3 int
        Slices, rows, columns.
    frame : (4, 4) array_like, optional
        World from physical, of the viewer; `frame_for` this volume when None.

    Raises
    ------
    GeometryError
        If the affine is singular or not finite.
    """
    affine = np.asarray(affine, dtype=np.float64)
    _check(affine)
    frame = frame_for(affine, shape) if frame is None else np.asarray(frame, dtype=np.float64)
    to_world = frame @ IPL_FROM_LPS @ affine
    axes, flips = _closest_axes(to_world[:3, :3])
    volume_from_data = _volume_from_reoriented(axes, flips, shape)
    exact = to_world @ volume_from_data
    linear = exact[:3, :3]
    ordered = (shape[axes[0]], shape[axes[1]], shape[axes[2]])
    scale = np.linalg.norm(linear, axis=0)
    dropped = linear - np.diag(scale)
    far = np.array(ordered, dtype=np.float64) - 1
    diagonals = np.array(list(itertools.product((-1.0, 1.0), repeat=3))) * far
    moved = diagonals @ dropped.T / scale
    displacement = float(np.linalg.norm(moved, axis=1).max())
    if displacement < NATIVE_TOLERANCE:
        cosines = np.clip(np.diag(linear) / scale, -1, 1)
        # The sine is the accurate one for the tiny angles that are met here.
        sines = np.linalg.norm(linear / scale - np.diag(cosines), axis=0)
        return Layout(
            axes=axes,
            flips=flips,
            shape=ordered,
            scale=scale,
            origin=exact[:3, 3] + dropped @ (far / 2),
            frame=frame,
            native=True,
            lps_from_data=affine @ volume_from_data,
            volume_from_data=volume_from_data,
            displacement=displacement,
            dropped_angle_degrees=float(np.degrees(np.arctan2(sines, cosines)).max()),
        )
    spacing = _grid_spacing(linear)
    low, high = _edges(exact, ordered)
    # Grid lines pass through the first voxel: planes of a stack that is only
    # sheared stay the planes that were acquired.
    before = np.ceil((low - exact[:3, 3]) / spacing - 1e-6)
    after = np.floor((high - exact[:3, 3]) / spacing + 1e-6)
    origin = exact[:3, 3] + before * spacing
    world_from_grid = np.eye(4)
    world_from_grid[:3, :3] = np.diag(spacing)
    world_from_grid[:3, 3] = origin
    count = (after - before).astype(int) + 1
    lps_from_grid = LPS_FROM_IPL @ _inverse_rigid(frame) @ world_from_grid
    return Layout(
        axes=axes,
        flips=flips,
        shape=(int(count[0]), int(count[1]), int(count[2])),
        scale=spacing,
        origin=origin,
        frame=frame,
        native=False,
        lps_from_data=lps_from_grid,
        volume_from_data=np.linalg.solve(affine, lps_from_grid),
        displacement=displacement,
        dropped_angle_degrees=0.0,
    )


def place(volume: Volume, frame: ArrayLike | None = None, *, nearest: bool = False) -> Placement:
    """Place a volume in the world of a viewer.

    Parameters
    ----------
    volume : Volume
        With slice, row and column axes (and any leading ones) in the patient.
    frame : (4, 4) array_like, optional
        World from physical; that of the volume itself, as the first, when None.
    nearest : bool
        Take the nearest voxel instead of interpolating: for labels.

    Returns
    -------
    Placement
        Its array is a view of the volume's, or a lazy `Resliced`.
    """
    from dataclasses import fields

    spatial = len(volume.dims) - 3
    shape = volume.shape[spatial : spatial + 3]
    layout = lay_out(volume.geometry.affine, (shape[0], shape[1], shape[2]), frame)
    array: Any
    if layout.native:
        axes = [*range(spatial), *(spatial + a for a in layout.axes)]
        flips = [False] * spatial + list(layout.flips)
        if volume.is_rgb:
            axes.append(len(axes))
            flips.append(False)
        array = reoriented(volume.array, axes, flips)
    else:
        padding = volume.meta.get("padding")
        outside = 0.0 if nearest or volume.is_rgb else None
        array = Resliced(
            volume.array,
            layout.volume_from_data,
            layout.shape,
            order=0 if nearest else 1,
            outside=float(padding[0]) if padding and outside is None else outside,
            is_rgb=volume.is_rgb,
        )
    return Placement(**{f.name: getattr(layout, f.name) for f in fields(layout)}, array=array)


def _check(affine: NDArray[np.float64]) -> None:
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise GeometryError(f"the affine of a volume must be 4 x 4 and finite: {affine.tolist()}")
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not lengths.all() or abs(np.linalg.det(affine[:3, :3] / lengths)) < 1e-6:
        raise GeometryError(
            "the slice, row and column axes of a volume must span space; their steps in mm are "
            f"{affine[:3, :3].T.tolist()}"
        )


def _closest_axes(
    linear: NDArray[np.float64],
) -> tuple[tuple[int, int, int], tuple[bool, bool, bool]]:
    """Assign an axis of the volume to each axis of the world, closest overall."""
    cosines = linear / np.linalg.norm(linear, axis=0)
    best = max(
        itertools.permutations(range(3)),
        # Rounded, so that noise does not decide at 45 degrees.
        key=lambda axes: round(sum(abs(cosines[i, a]) for i, a in enumerate(axes)), 9),
    )
    axes = (best[0], best[1], best[2])
    flips = (
        bool(cosines[0, axes[0]] < 0),
        bool(cosines[1, axes[1]] < 0),
        bool(cosines[2, axes[2]] < 0),
    )
    return axes, flips


def _volume_from_reoriented(
    axes: tuple[int, int, int], flips: tuple[bool, bool, bool], shape: tuple[int, int, int]
) -> NDArray[np.float64]:
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1
    for i, (axis, flip) in enumerate(zip(axes, flips, strict=True)):
        matrix[axis, i] = -1 if flip else 1
        matrix[axis, 3] = shape[axis] - 1 if flip else 0
    return matrix


def _grid_spacing(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """Choose the spacing of a grid along the world for voxels that lie across it.

    That of the voxels, but no step of the grid may pass over more than one
    voxel along any axis of the volume: with thick slices, tilted, a step of
    the slice distance would skip rows. Where two axes of the volume lie in the
    planes of the world (a sheared stack in its own frame), a step leads from
    plane to plane.
    """
    own = np.linalg.norm(linear, axis=0)
    inverse = np.linalg.inv(linear)
    spacing = np.minimum(own, 1 / np.abs(inverse).max(axis=0))
    relative = np.abs(linear) / own
    for i in range(3):
        if all(relative[i, j] < 1e-6 for j in range(3) if j != i):
            spacing[i] = abs(linear[i, i])
    return spacing


def _edges(
    world_from_index: NDArray[np.float64], shape: tuple[int, int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the least and greatest world position of the edges of the voxels."""
    ends = [(-0.5, n - 0.5) for n in shape]
    corners = np.array(list(itertools.product(*ends)))
    world = corners @ world_from_index[:3, :3].T + world_from_index[:3, 3]
    return world.min(axis=0), world.max(axis=0)


def _inverse_rigid(frame: NDArray[np.float64]) -> NDArray[np.float64]:
    inverse = np.eye(4)
    inverse[:3, :3] = frame[:3, :3].T
    inverse[:3, 3] = -frame[:3, :3].T @ frame[:3, 3]
    return inverse
