"""Scenes that are still in memory: to a file, or all the way to DICOM on a thread."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.dicom.streamed import waiting_allowed
from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.exporter import Exportable, Need
from napari_dicomdb.export.exporters.scene import (
    LARGEST,
    SceneExporter,
    description_need,
    scene_exportable,
    too_large,
)
from napari_dicomdb.export.files import cannot_write
from napari_dicomdb.export.scene_archive import write_scene
from napari_dicomdb.export.scenes.measurements import measure_layer
from napari_dicomdb.export.scenes.references import find_reference
from napari_dicomdb.export.source import ExportSource
from napari_dicomdb.loading.loaders.scene import SCENE
from napari_dicomdb.progress import no_progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_dicomdb.database.database import Database
    from napari_dicomdb.export.scene_archive import Scene, SceneLayer
    from napari_dicomdb.export.study import StudyTarget
    from napari_dicomdb.progress import Progress

__all__ = ["CapturedScene", "captured_exportable", "write_captured"]

_PICTURE = (1, 1, 1, 3)  # of the source, before there is a picture


def write_captured(
    scene: Scene,
    path: str | Path,
    *,
    database: Database | None = None,
    progress: Progress | None = None,
) -> Scene:
    """Write what `viewer.scene.capture` returned, on any thread.

    Layers that `database` has as they are become references; others keep their data.

    Returns
    -------
    Scene
        As written; `scene` itself stays as it was.
    """
    tell, layers = progress or no_progress, []
    # What is still on its way from a server is waited for, rather than kept as black.
    with waiting_allowed(True):
        for k, layer in enumerate(scene.layers):
            tell(k, 2 * len(scene.layers), "Looking for the layers' files")
            layers.append(_referring(layer, database))
        measured = [one for layer in scene.layers for one in measure_layer(layer)]
        written = replace(
            scene,
            layers=layers,
            notes=list(scene.notes),
            measurements=[*scene.measurements, *measured],
        )
        write_scene(written, path, progress=_second_half(tell))
    return written


def _referring(layer: SceneLayer, database: Database | None) -> SceneLayer:
    metadata = layer.state.get("metadata") or {}
    found = find_reference(layer.kind, layer.data, metadata.get("dicomdb"), database)
    if found is None:
        return layer
    kept = {key: value for key, value in metadata.items() if key != "dicomdb"}
    return replace(layer, state={**layer.state, "metadata": kept}, reference=found, data=None)


def captured_exportable(
    scene: Scene | None,
    database: Database | None = None,
    *,
    name: str = "",
    references: Sequence[str] = (),
    size: int = 0,
    whole: int = 0,
    study_uid: str = "",
) -> Exportable:
    """Return the way to write a scene that is in memory as DICOM (see `export.results`).

    Parameters
    ----------
    scene : Scene or None
        As `viewer.scene.capture` returns it. None: it is captured later, until then
        nothing can be written (see `with_scene`).
    database : Database, optional
        Layers it has the files of are kept by reference.
    name : str
        Of the scene, by default its own.
    references : sequence of str
        SOP Instance UIDs that its layers came from.
    size : int
        Bytes of the layers that are kept with their data, for the check of the disk: those
        that `database` has not.
    whole : int
        Bytes of all layers, which "Keep all data" keeps.
    study_uid : str
        Of the study to suggest for it.
    """
    source = ExportSource(
        name=name or ("" if scene is None else scene.name) or "Scene",
        array=np.zeros(_PICTURE, np.uint8),
        dims=("slice", "row", "column"),
        is_rgb=True,
        meta={"bytes": size, "whole": max(size, whole), "study_uid": study_uid},
        references=tuple(references),
    )
    findings = []
    if size > LARGEST:
        about = {"bytes": size}
        finding = Finding(FindingCode.OTHER_OBJECT, Severity.WARNING, _may_not_fit(size), about)
        findings.append(finding)
    embed = Need(
        "embed", "Keep all data", "bool", False,
        tip="So that it opens without the images that its layers came from; larger",
    )  # fmt: skip
    return Exportable(
        name="Scene: layers, camera and sliders in a picture of the view",
        kind=SCENE,
        confidence=1.0,
        reasons=(
            "all layers as they are shown; those from DICOM by reference",
            "any other program shows the picture",
        ),
        losses=() if scene is None else tuple(scene.notes),
        findings=tuple(findings),
        needs=(description_need(source.name), embed),
        source=source,
        exporter=CapturedScene(scene, database),
    )


def _may_not_fit(size: int) -> str:
    return (
        f"its layers have {size / 1e9:.1f} GB, a DICOM object takes 2 GB: it may not fit, "
        "unless it packs well; a file of a scene takes any size"
    )


class CapturedScene:
    """Exporter of one scene in memory: archive, picture and object are made on a thread.

    Parameters
    ----------
    scene : Scene or None
    database : Database or None
    """

    name = "scene"
    version = SceneExporter.version

    def __init__(self, scene: Scene | None, database: Database | None) -> None:
        self.scene = scene
        self.database = database

    def with_scene(self, way: Exportable, scene: Scene) -> Exportable:
        """Return `way`, which is one of ours, with what the viewer shows now."""
        exporter = CapturedScene(scene, self.database)
        return replace(way, exporter=exporter, losses=tuple(scene.notes))

    def examine(self, source: ExportSource) -> Sequence[Exportable]:
        """Return nothing: no other source is a scene in memory."""
        return []

    def foresee(
        self, exportable: Exportable, target: StudyTarget, options: Mapping[str, Any]
    ) -> tuple[str, ...]:
        """Return that it may be too large with all data, where it is not without."""
        size, whole = (int(exportable.source.meta.get(key) or 0) for key in ("bytes", "whole"))
        told = options.get("embed") and whole > LARGEST and size <= LARGEST
        return (_may_not_fit(whole),) if told else ()

    def write(
        self,
        exportable: Exportable,
        target: StudyTarget,
        folder: Path,
        *,
        options: Mapping[str, Any],
        progress: Progress,
    ) -> list[Path]:
        """Write the object; the archive that is made on the way never stays.

        Raises
        ------
        ExportError
            "no-scene": nothing was captured; "cannot-be-written": it is too large.
        """
        if self.scene is None:
            raise ExportError("what the viewer shows was not taken", reason="no-scene")
        database = None if options.get("embed") else self.database
        try:
            # Beside the object: there was a look at how much room is there.
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".scene-") as stage:
                archive = Path(stage) / "scene.dicomscene"
                tell = _while_small(archive, progress)
                written = write_captured(self.scene, archive, database=database, progress=tell)
                made = scene_exportable(archive, written)
                made = made.with_options(**{n.key: options[n.key] for n in made.needs})
                if "series_number" in options:
                    made = made.with_options(series_number=options["series_number"])
                return made.write(target, folder, progress=progress)
        except OSError as error:
            if isinstance(error, ExportError):
                raise
            raise cannot_write(folder, error) from error


def _while_small(archive: Path, progress: Progress) -> Progress:
    """Stop what will be refused before gigabytes more of it are packed."""

    def tell(done: int, total: int | None, text: str) -> None:
        for one in archive.parent.iterdir():  # it has its name when it is complete
            if one.stat().st_size > LARGEST:
                raise ExportError(too_large(one.stat().st_size), reason="cannot-be-written")
        progress(done, total, text)

    return tell


def _second_half(progress: Progress) -> Progress:
    def tell(done: int, total: int | None, text: str) -> None:
        progress(done + (total or 0), 2 * total if total else None, text)

    return tell
