"""What the export dock does on worker threads: examine layers, make targets, try it out."""

from __future__ import annotations

import weakref
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.database.private_folders import private_folder
from napari_dicomdb.dicom.attributes import read_attributes
from napari_dicomdb.errors import DicomDbError, ExportError, NotFoundError
from napari_dicomdb.export.registry import examine_for_export, failures
from napari_dicomdb.export.results import check_results, write_results
from napari_dicomdb.export.study import StudyTarget
from napari_dicomdb.viewer.export_source import source_of
from napari_dicomdb.viewer.frame import dicom_metadata
from napari_dicomdb.viewer.writer import refer_to
from napari_dicomdb.widgets._export_scene import SceneExport
from napari_dicomdb.widgets.models.export_plan import LayerPlan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_dicomdb.api import Database
    from napari_dicomdb.database.records import StudyRecord
    from napari_dicomdb.dicom.attributes import Attribute, AttributeTree
    from napari_dicomdb.export.exporter import Exportable
    from napari_dicomdb.export.results import ResultReport
    from napari_dicomdb.export.source import ExportSource
    from napari_dicomdb.export.study import StudyForm
    from napari_dicomdb.progress import Progress

__all__ = [
    "Destinations",
    "Preview",
    "PreviewRow",
    "StudyChoice",
    "examine_layer",
    "find_studies",
    "frozen",
    "make_preview",
    "study_of",
    "write_layers",
]

_NEWER = {  # than the dictionary of pydicom
    "1.2.840.10008.5.1.4.1.1.66.7": "Label Map Segmentation Storage",
}
_LISTED = 50  # studies; whoever has more goes on typing


@dataclass(frozen=True, slots=True)
class StudyChoice:
    """Where results belong: a study of the database, or a new one by a form."""

    study: StudyRecord | None = None
    form: StudyForm | None = None

    def target(self, database: Database | None, references: Sequence[str]) -> StudyTarget:
        """Return the target; reads a header.

        Raises
        ------
        NotFoundError, ExportError
            Of `StudyTarget`; "no-study" when nothing is chosen.
        """
        if self.form is not None:
            return self.form.target()
        if self.study is None or database is None:
            raise ExportError("choose a study, or fill in a new one", reason="no-study")
        return StudyTarget.of_study(database, self.study, references)


@dataclass(frozen=True, slots=True)
class Destinations:
    """Where files go: any of a folder, the database, a node."""

    folder: Path | None = None
    into_database: bool = False
    node: Any = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is chosen."""
        return self.folder is None and not self.into_database and self.node is None


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """One series as it would be written.

    Attributes
    ----------
    layer, way : str
    count, size : int
        Objects, and their bytes.
    sop_class : str
        Name of the SOP class.
    number : int or None
    description : str
        Of the series.
    losses : tuple of str
        What it will not keep.
    png : bytes or None
        Its picture in the browser.
    """

    layer: str
    way: str
    count: int
    size: int
    sop_class: str = ""
    number: int | None = None
    description: str = ""
    losses: tuple[str, ...] = ()
    png: bytes | None = None


@dataclass(eq=False)
class Preview:
    """What was written for a look; the first object stays until `close`.

    Attributes
    ----------
    rows : list of PreviewRow
    tree : AttributeTree or None
        Of the first object; `top` is its first level.
    folder : Path
        Where it is; nobody else may look into it.
    """

    rows: list[PreviewRow] = field(default_factory=list)
    tree: AttributeTree | None = None
    top: list[Attribute] = field(default_factory=list)
    folder: Path = field(init=False)

    def __post_init__(self) -> None:
        stack = ExitStack()
        self.folder = stack.enter_context(private_folder())
        # With the object, or when Python ends; after a kill the next who opens a database.
        self._remove = weakref.finalize(self, stack.close)

    def close(self) -> None:
        """Remove what was written."""
        self._remove()


def examine_layer(
    layer: Any,
    database: Database | None,
    together: Sequence[Any] = (),
    *,
    frame: Any = None,
    made_on: Any = None,
) -> LayerPlan:
    """Return the ways to write a layer, best first; never raises for a layer that is odd.

    Parameters
    ----------
    layer : napari layer
    database : Database or None
        Which may know what the layer was made from.
    together : sequence of napari layers
        That go into the same object.
    frame : (4, 4) array_like, optional
        Of the viewer.
    made_on : napari layer, optional
        Of ours: what a layer without sources of its own refers to.
    """
    if isinstance(layer, SceneExport):
        return layer.plan(database)
    try:
        source = source_of(layer, database, frame=frame)
        others = tuple(source_of(one, database, frame=frame) for one in together)
        if others:
            source = replace(source, together=others)
    except DicomDbError as error:
        return LayerPlan(layer.name, trouble=str(error))
    if made_on is not None:
        source = refer_to(source, dicom_metadata(made_on))
    ways = examine_for_export(source)
    trouble = ""
    if not ways:
        broken = "; ".join(f"{one.name}: {one.text}" for one in failures())
        trouble = f"there is no way to write it as DICOM ({broken})" if broken else ""
    plan = LayerPlan(layer.name, source, ways, trouble)
    if source.role == "labels":
        plan.colours = _colours(layer, plan)
        with suppress(DicomDbError):  # the table of segments says what does not fit
            plan.prepare()
    return plan


def _colours(layer: Any, plan: LayerPlan) -> dict[int, tuple[int, ...]]:
    """Return the colours of segments as the viewer shows them."""
    needs = [need for way in plan.ways for need in way.needs if need.kind == "segments"]
    values = {int(row["value"]) for need in needs for row in need.default or ()}
    shown = {value: layer.get_color(value) for value in sorted(values)}
    return {
        value: tuple(round(255 * float(part)) for part in colour[:3])
        for value, colour in shown.items()
        if colour is not None
    }


def study_of(database: Database | None, uid: str) -> StudyRecord | None:
    """Return the study `uid` of a database, None where it has none."""
    if database is None or not uid:
        return None
    try:
        series = database.series(study=uid)
    except NotFoundError:
        return None
    found = database.studies_by_key([series[0].study_key]) if series else []
    return found[0] if found else None


def find_studies(database: Database, text: str) -> list[tuple[StudyRecord, str]]:
    """Return studies that a search text finds, newest first, each with its patient's name."""
    studies = database.studies(text=text, order="date", descending=True, limit=_LISTED)
    return with_patients(database, studies)


def with_patients(
    database: Database, studies: Sequence[StudyRecord]
) -> list[tuple[StudyRecord, str]]:
    """Return studies with the names of their patients."""
    patients = database.patients_by_key(dict.fromkeys(one.patient_key for one in studies))
    names = {one.key: one.display_name for one in patients}
    return [(one, names.get(one.patient_key, "")) for one in studies]


def _references(ways: Sequence[Exportable]) -> list[str]:
    sources = [one.source for one in ways]
    together = [other for one in sources for other in one.together]
    return list(dict.fromkeys(uid for one in (*sources, *together) for uid in one.references))


def make_preview(
    database: Database | None,
    ways: Sequence[Exportable],
    choice: StudyChoice,
    *,
    progress: Progress,
) -> Preview:
    """Write everything into a passing folder, and look at it.

    Raises
    ------
    ExportError, NotFoundError
        What would be raised when it is written in earnest.
    """
    target = choice.target(database, _references(ways))
    check_results(database, ways, target)
    made = Preview()
    try:
        for number, one in enumerate(ways):
            folder = made.folder / str(number)
            folder.mkdir()
            files = one.write(target, folder, progress=progress)
            row = _row(one, files)
            row = replace(row, losses=(*row.losses, *one.foresee(target)))
            made.rows.append(row)
            if row.number is not None:  # the next one gets another, as when it is written
                target = replace(target, series_numbers=(*target.series_numbers, row.number))
            if made.tree is None and files:
                made.tree = read_attributes(files[0])
                made.top = made.tree.top()
                files = files[1:]  # what is long is read when it is looked at
            for path in files:
                path.unlink()
    except OSError as error:
        made.close()
        if isinstance(error, DicomDbError):
            raise
        raise ExportError(
            f"the preview cannot be written to {made.folder}: {error.strerror or error}",
            reason="preview",
        ) from error
    except BaseException:
        made.close()
        raise
    return made


def _row(way: Exportable, files: Sequence[Path]) -> PreviewRow:
    """Return what the browser would show of files that were written; the middle one is read."""
    from pydicom.uid import UID

    from napari_dicomdb.api import Database

    size = sum(path.stat().st_size for path in files)
    row = PreviewRow(way.source.name, way.name, len(files), size, losses=tuple(way.losses))
    with Database.in_memory() as index:
        index.import_paths(files[len(files) // 2 :][:1], workers=0)
        series = index.series()
        if not series:
            return row
        (instance,) = index.instances(series[0].uid)[:1]
        return replace(
            row,
            sop_class=_NEWER.get(instance.sop_class_uid) or UID(instance.sop_class_uid).name,
            number=series[0].number,
            description=series[0].description,
            png=index.thumbnail_image(series[0]).png,
        )


def frozen(ways: Sequence[Exportable]) -> list[Exportable]:
    """Return ways that keep labels as they are now: one paints on while others are written."""
    made = []
    for way in ways:
        source = _frozen_source(way.source)
        made.append(way if source is way.source else replace(way, source=source))
    return made


def _frozen_source(source: ExportSource) -> ExportSource:
    together = tuple(_frozen_source(one) for one in source.together)
    if source.role == "labels" and isinstance(source.array, np.ndarray):
        return replace(source, array=source.array.copy(), together=together)
    return source


def write_layers(
    ways: Sequence[Exportable],
    database: Database | None,
    choice: StudyChoice,
    places: Destinations,
    *,
    progress: Progress,
) -> ResultReport:
    """Write layers to a study; see `export.results.write_results`."""
    target = choice.target(database, _references(ways))
    return write_results(
        database,
        ways,
        target,
        folder=places.folder,
        into_database=places.into_database,
        node=places.node,
        progress=progress,
    )
