"""From the frames of one stack to a `Volume`: sorted, remedied, read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_dicomdb.loading.building import build_volume
from napari_dicomdb.loading.grouping import stack_of
from napari_dicomdb.loading.stacking import Remedy, plan_for
from napari_dicomdb.loading.volume import VolumeGeometry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_dicomdb.loading.frames import FrameSet
    from napari_dicomdb.loading.loadable import Loadable
    from napari_dicomdb.loading.reading import Frames
    from napari_dicomdb.loading.volume import Volume
    from napari_dicomdb.progress import Progress

__all__ = ["STACK_DIMS", "load_stack"]

STACK_DIMS = ("slice", "row", "column")


def load_stack(
    loadable: Loadable,
    frames: FrameSet,
    *,
    lazy: bool,
    progress: Progress,
    values: Callable[[Frames], Frames] | None = None,
    units: str | None = None,
    meta: Mapping[str, Any] | None = None,
) -> Volume:
    """Load `frames` as one stack of slices, with the remedy that `loadable` names.

    Parameters
    ----------
    loadable : Loadable
    frames : FrameSet
        All with geometry, in any order.
    lazy : bool
    progress : Progress
    values : callable, optional
        Puts a reader of other values over that of the images, which are in the
        order of the stack; interpolation, if any, comes after it.
    units : str, optional
        Of these values.
    meta : mapping, optional
        More entries for `Volume.meta`.
    """
    stack = stack_of(frames)
    plan = plan_for(stack, Remedy(loadable.options.get("remedy", Remedy.NONE)))

    def reader(images: Frames) -> Frames:
        return plan.reader(images if values is None else values(images))

    return build_volume(
        loadable,
        frames.take(stack.order),
        VolumeGeometry(
            plan.affine,
            plan.shape,
            frames.frame_of_reference_uid,
            is_regular=plan.is_regular,
        ),
        STACK_DIMS,
        lazy=lazy,
        progress=progress,
        reader=reader,
        units=units,
        findings=loadable.findings,
        meta={
            "remedy": str(plan.remedy),
            "filled_slices": list(plan.filled),
            "slice_sources": plan.sources(),
            **(meta or {}),
        },
    )
