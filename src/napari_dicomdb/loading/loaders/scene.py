"""Scenes of viewers, hidden in the picture of what they show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dicomdb.loading.confidence import Claim, assess
from napari_dicomdb.loading.describing import referenced_uids, series_name
from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.loading.loadable import Loadable
from napari_dicomdb.loading.sequences import load_sequence, sequence_dims, sequence_options
from napari_dicomdb.loading.sorting import images_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.loading.volume import Volume
    from napari_dicomdb.progress import Progress

__all__ = ["SCENE", "SCENE_IMAGE_TYPE", "SceneLoader", "is_scene"]

SCENE = "scene"
"""Kind of a loadable that is opened as layers, camera and sliders (`viewer.scene`)."""

SCENE_IMAGE_TYPE = "DICOMDB SCENE"
"""Fourth value of ImageType of the objects that hold one."""

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def is_scene(record: InstanceRecord) -> bool:
    """Return whether an instance says that it holds a scene, without opening its file."""
    if record.sop_class_uid != _SECONDARY_CAPTURE:
        return False
    return SCENE_IMAGE_TYPE in str(record.get("ImageType") or "").split("\\")


class SceneLoader:
    """Objects of one picture with an archive behind it (docs/scenes.md).

    In a viewer the scene opens; `load` gives the picture, as any other program has it.
    """

    name = "scene"
    version = "1"

    def examine(self, instances: Sequence[InstanceRecord]) -> list[Loadable]:
        """Return one loadable for each scene among `instances`."""
        return [self._offer(record) for record in images_of(instances) if is_scene(record)]

    def load(self, loadable: Loadable, *, progress: Progress, lazy: bool) -> Volume:
        """Load the picture of the scene."""
        frames = FrameSet.of_loadable(loadable)
        return load_sequence(loadable, frames, progress=progress, lazy=lazy)

    def _offer(self, record: InstanceRecord) -> Loadable:
        frames, options, shape, spacing = sequence_options(FrameSet.of([record]))
        confidence, reasons = assess(
            (
                Claim("its image type says that it holds a scene"),
                Claim("layers, camera and sliders open as they were"),
                Claim("its picture is what the scene showed"),
                Claim("one object is one scene"),
            )
        )
        return Loadable(
            name=series_name(record),
            kind=SCENE,
            confidence=confidence,
            reasons=reasons,
            findings=(),
            instances=frames.instances,
            loader=self,
            options=options,
            selected=True,
            shape=shape,
            spacing=spacing,
            dims=sequence_dims(frames),
            referenced_uids=referenced_uids(frames),
        )
