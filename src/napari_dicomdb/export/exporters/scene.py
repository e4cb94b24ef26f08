"""Scenes as DICOM: a Secondary Capture of the view, with the archive in a private block.

Any viewer shows the picture; this package opens the scene. The block is described in
docs/scenes.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.dicom.unreadable import unreadable
from napari_dicomdb.errors import ExportError, LoadError
from napari_dicomdb.export.exporter import Exportable, Need
from napari_dicomdb.export.object_file import write_object
from napari_dicomdb.export.scene_archive import Scene, read_scene
from napari_dicomdb.export.scenes.private_block import (
    CREATOR,
    GROUP,
    LARGEST,
    archive_in,
    hide_archive,
)
from napari_dicomdb.export.scenes.references import referenced_instances
from napari_dicomdb.export.scenes.values import bad_scene
from napari_dicomdb.export.source import ExportSource
from napari_dicomdb.export.source_references import refer_by_series
from napari_dicomdb.export.study import NewSeries
from napari_dicomdb.loading.loaders.scene import SCENE, SCENE_IMAGE_TYPE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydicom import Dataset

    from napari_dicomdb.export.study import StudyTarget
    from napari_dicomdb.progress import Progress

__all__ = [
    "CREATOR",
    "GROUP",
    "LARGEST",
    "SceneExporter",
    "description_need",
    "open_archive",
    "scene_exportable",
    "too_large",
]

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_ARCHIVE = "scene_archive"
_STEP = 1000  # series of that number: at the end of most studies


def scene_exportable(archive: str | Path, scene: Scene | None = None) -> Exportable:
    """Return the way to write an archive of a scene as DICOM (see `export.results`).

    Parameters
    ----------
    archive : path-like
        Written by `scene_archive.write_scene`; must stay until it is written.
    scene : Scene, optional
        What is in it, where that is known; otherwise it is read.

    Raises
    ------
    LoadError
        "bad-scene": it is none.
    """
    known = read_scene(archive) if scene is None else scene
    picture = known.picture
    if picture is None:
        picture = np.zeros((64, 64, 3), np.uint8)
    source = ExportSource(
        name=known.name or "Scene",
        array=picture[None],
        dims=("slice", "row", "column"),
        is_rgb=True,
        meta={_ARCHIVE: str(archive), "notes": tuple(known.notes)},
        references=tuple(referenced_instances([layer.reference for layer in known.layers])),
    )
    return SceneExporter().examine(source)[0]


class SceneExporter:
    """Writes the archive of a scene into one Secondary Capture Image object."""

    name = "scene"
    version = "1"

    def examine(self, source: ExportSource) -> Sequence[Exportable]:
        """Return the one way to write a source made by `scene_exportable`; none for others."""
        archive = source.meta.get(_ARCHIVE)
        if not isinstance(archive, str):
            return []
        size = Path(archive).stat().st_size
        findings = []
        if size > LARGEST:
            about = {"bytes": size}
            finding = Finding(FindingCode.OTHER_OBJECT, Severity.ERROR, too_large(size), about)
            findings.append(finding)
        return [
            Exportable(
                name="Scene: layers, camera and sliders in a picture of the view",
                kind=SCENE,
                confidence=1.0 if not findings else 0.0,
                reasons=("it is a scene",),
                losses=tuple(source.meta.get("notes", ())),
                findings=tuple(findings),
                needs=(description_need(source.name),),
                source=source,
                exporter=self,
            )
        ]

    def write(
        self,
        exportable: Exportable,
        target: StudyTarget,
        folder: Path,
        *,
        options: Mapping[str, Any],
        progress: Progress,
    ) -> list[Path]:
        """Write the object."""
        source = exportable.source
        progress(0, 2, "Writing the scene")
        number = target.series_number(options.get("series_number") or _STEP)
        series = NewSeries("OT", str(options["description"]), number)
        made = target.dataset(_SECONDARY_CAPTURE, series)
        _fill_picture(made, source.plane((), 0))
        made.ContentDate, made.ContentTime = made.InstanceCreationDate, made.InstanceCreationTime
        _refer(made, target, source.references)
        archive = Path(source.meta[_ARCHIVE])
        try:
            hide_archive(made, archive, lambda: progress(0, 2, "Writing the scene"))
        except OSError as error:
            raise ExportError(
                f"{archive} cannot be read: {error.strerror or error}", reason="file-missing"
            ) from error
        progress(1, 2, "Writing the scene")
        path = write_object(made, folder / "scene.dcm")
        progress(2, 2, "Writing the scene")
        return [path]


def open_archive(path: str | Path) -> IO[bytes]:
    """Return the archive in a scene: of a plain file, or of the DICOM object that hides it.

    Raises
    ------
    LoadError
        "bad-scene": there is none in it, or it is damaged; "file-missing".
    """
    try:
        with open(path, "rb") as file:
            is_archive = file.read(4) == b"PK\x03\x04"
        if is_archive:
            return open(path, "rb")
        return archive_in(Path(path))
    except FileNotFoundError as error:
        raise LoadError(f"{path} is not there any more", reason="file-missing") from error
    except unreadable(OSError) as error:
        raise bad_scene("it is neither an archive nor a DICOM object") from error


def too_large(size: int) -> str:
    """Return why an archive of so many bytes, or of more, is no DICOM object."""
    return (
        f"the scene has {size / 1e9:.1f} GB, DICOM objects of more than 2 GB cannot be read by "
        "many programs: save it as a file, or first export its layers to the study, so that the "
        "scene refers to them"
    )


def description_need(name: str) -> Need:
    """Return the need of a series description, for a scene of that name."""
    tip = "Of the series."
    return Need("description", "Description", "text", _described(name), tip=tip)


def _described(name: str) -> str:
    return " ".join(name.replace("\\", " ").split())[:64] or "Scene"


def _fill_picture(made: Dataset, picture: Any) -> None:
    made.ImageType = ["DERIVED", "SECONDARY", "OTHER", SCENE_IMAGE_TYPE]
    made.ConversionType = "WSD"
    made.InstanceNumber = 1
    made.Laterality = made.PatientOrientation = None
    made.SamplesPerPixel = 3
    made.PhotometricInterpretation = "RGB"
    made.PlanarConfiguration = 0
    made.Rows, made.Columns = int(picture.shape[0]), int(picture.shape[1])
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation = 7, 0
    raw = np.ascontiguousarray(picture[..., :3], dtype=np.uint8).tobytes()
    made.PixelData = raw + b"\0" * (len(raw) % 2)
    made["PixelData"].VR = "OB"


def _refer(made: Dataset, target: StudyTarget, references: Sequence[str]) -> None:
    from pydicom import Dataset

    items = []
    records = [target.instances[uid] for uid in references if uid in target.instances]
    for record in refer_by_series(made, records):
        item = Dataset()
        item.ReferencedSOPClassUID = record.sop_class_uid
        item.ReferencedSOPInstanceUID = record.uid
        items.append(item)
    if items:
        made.ReferencedImageSequence = items
