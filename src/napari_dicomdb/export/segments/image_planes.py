"""The planes of the images that labels refer to: where each is, and which frames show it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_dicomdb.loading.grouping import split_repeats, stack_of
from napari_dicomdb.loading.segments.segment_grid import placed_parts
from napari_dicomdb.loading.stacking import Remedy, plan_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.loading.frames import FrameSet

__all__ = ["ImagePlanes", "SourceFrame", "image_planes"]

_SAME = 0.01  # mm
_SAME_COSINE = 1e-4


class SourceFrame(NamedTuple):
    """A frame that labels were drawn on.

    Parameters
    ----------
    record : InstanceRecord
    number : int or None
        From 1; None for all of a single-frame image.
    """

    record: InstanceRecord
    number: int | None


@dataclass(frozen=True, eq=False)
class ImagePlanes:
    """The parallel planes of a series, evenly apart or not.

    Parameters
    ----------
    series_uid : str
    positions : (S, 3) ndarray
        ImagePositionPatient, mm.
    orientation : (6,) ndarray
        Directions along a row, down a column.
    spacing : tuple of 2 float
        Between rows, between columns, mm.
    shape : tuple of 2 int
        Rows, columns.
    is_regular : bool
        Whether they are evenly apart and not shifted.
    times : list of list of SourceFrame
        For each volume (time point, echo, ...) the frame of every plane.
    """

    series_uid: str
    positions: NDArray[np.float64]
    orientation: NDArray[np.float64]
    spacing: tuple[float, float]
    shape: tuple[int, int]
    is_regular: bool
    times: list[list[SourceFrame]] = field(repr=False)

    @property
    def grid(self) -> tuple[int, int, int]:
        """Planes, rows, columns."""
        return (len(self.positions), *self.shape)

    @property
    def steps(self) -> NDArray[np.float64]:
        """(3, 2) steps down a row and along a column, mm."""
        return np.stack(
            [self.orientation[3:] * self.spacing[0], self.orientation[:3] * self.spacing[1]],
            axis=1,
        )

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit normal of the planes, in the direction of a right-handed stack."""
        normal: NDArray[np.float64] = np.cross(self.orientation[:3], self.orientation[3:])
        return normal / np.linalg.norm(normal)

    def ends(self) -> NDArray[np.float64]:
        """Return the lowest and the highest coordinates of voxel centres, (6,) mm."""
        last = np.array(self.shape) - 1
        far = [self.steps @ (last * corner) for corner in ((0, 0), (0, 1), (1, 0), (1, 1))]
        world = (self.positions[:, None, :] + np.array(far)).reshape(-1, 3)
        return np.concatenate([world.min(axis=0), world.max(axis=0)])

    def has_planes_of(self, other: ImagePlanes) -> bool:
        """Return whether both are the same planes."""
        return (
            self.grid == other.grid
            and self.series_uid == other.series_uid
            and bool(np.abs(self.orientation - other.orientation).max() < _SAME_COSINE)
            and bool(np.abs(np.subtract(self.spacing, other.spacing)).max() < _SAME_COSINE)
            and bool(np.abs(self.positions - other.positions).max() < _SAME)
        )


def image_planes(images: Iterable[InstanceRecord]) -> list[ImagePlanes]:
    """Return the planes of the stacks that images make; repeats of one stack together.

    What has no place in the patient is left out.
    """
    found: list[ImagePlanes] = []
    for uid, group in placed_parts(images):
        for volume in split_repeats(group, stack_of(group)):
            one = _planes(uid, group.take(volume.indices))
            same = next((other for other in found if other.has_planes_of(one)), None)
            if same is None:
                found.append(one)
            else:
                same.times.extend(one.times)
    return found


def _planes(uid: str, group: FrameSet) -> ImagePlanes:
    stack = stack_of(group)
    ordered = group.take(stack.order)
    along, down = ordered.orientations[0, :3], ordered.orientations[0, 3:]
    along = along / np.linalg.norm(along)
    down = down - along * (along @ down)
    sources = [
        SourceFrame(
            ordered.instance(k),
            # A tile of a mosaic is no frame that could be named.
            int(ordered.number[k]) + 1 if max(ordered.instance(k).frame_count, 1) > 1 else None,
        )
        for k in range(len(ordered))
    ]
    positions = ordered.positions.copy()
    if stack.is_regular:
        # Without the jitter of headers, as the volume is shown.
        affine = plan_for(stack, Remedy.NONE).affine
        positions = affine[:3, 3] + np.arange(len(ordered))[:, None] * affine[:3, 0]
    return ImagePlanes(
        uid,
        positions,
        np.concatenate([along, down / np.linalg.norm(down)]),
        (float(ordered.spacings[0, 0]), float(ordered.spacings[0, 1])),
        (int(ordered.fields("rows")[0]), int(ordered.fields("columns")[0])),
        stack.is_regular,
        [sources],
    )
