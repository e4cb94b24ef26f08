"""Scenes of viewers, hidden in the picture of what they show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.dicom.unreadable import unreadable
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

# Of the private block, which `export.scenes.private_block` writes.
_GROUP, _CREATOR, _LENGTH, _FIRST = 0x0099, "NAPARI-DICOMDB SCENE", 0x03, 0x10
_LATER = 2**10  # bytes of a value from which it is not read here
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
        opens, findings = Claim("layers, camera and sliders open as they were"), []
        if not _block_is_there(record):
            text = (
                "the scene behind the picture is gone or cut off: only the picture can be opened"
            )
            opens = Claim("its private data were removed on the way", holds=False)
            findings = [Finding(FindingCode.OTHER_OBJECT, Severity.ERROR, text)]
        confidence, reasons = assess(
            (
                Claim("its image type says that it holds a scene"),
                opens,
                Claim("its picture is what the scene showed"),
                Claim("one object is one scene"),
            ),
            findings,
        )
        return Loadable(
            name=series_name(record),
            kind=SCENE,
            confidence=confidence,
            reasons=reasons,
            findings=tuple(findings),
            instances=frames.instances,
            loader=self,
            options=options,
            selected=True,
            shape=shape,
            spacing=spacing,
            dims=sequence_dims(frames),
            referenced_uids=referenced_uids(frames),
        )


def _block_is_there(record: InstanceRecord) -> bool:
    """Return whether the file holds as much of an archive as it says (docs/scenes.md).

    True, too, where there is no file to look at: it is told when the scene is opened.
    """
    from pydicom import dcmread

    try:
        read = dcmread(record.path, stop_before_pixels=True, defer_size=_LATER)
    except unreadable(OSError):
        return True
    try:
        block = read.private_block(_GROUP, _CREATOR)
        said = block[_LENGTH].value
        length = int(said.decode("ascii") if isinstance(said, bytes) else said)
    except unreadable():
        return False
    places = (block.get_tag(k) for k in range(_FIRST, 0x100) if k in block)
    parts = (read.get_item(place, keep_deferred=True) for place in places)
    return 0 < length <= sum(getattr(part, "length", 0) for part in parts)
