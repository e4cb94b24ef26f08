"""The verbs on scenes: what is in one, its parts as files, writing it as DICOM, opening it."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_dicomdb.cli.opening import view_scene
from napari_dicomdb.cli.options import DatabaseOption, JsonOption, named_path, open_database
from napari_dicomdb.cli.output import (
    print_json,
    progress_bar,
    refuse_existing,
    say,
    say_error,
    visible,
)
from napari_dicomdb.errors import ExportError, LoadError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["extract", "info", "register", "save", "view"]

SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="UID|FILE",
        help="A .dicomscene file, the DICOM file of a scene, or its series or instance UID.",
    ),
]


def info(source: SourceArgument, db: DatabaseOption = None, json_: JsonOption = False) -> None:
    """Show what a scene holds: layers, where their data are, measurements."""
    from napari_dicomdb.export.exporters.scene import open_archive
    from napari_dicomdb.export.scene_archive import read_scene

    with _file_of(source, db) as path, open_archive(path) as archive:
        scene = read_scene(archive)
    layers: list[dict[str, Any]] = [
        {
            "name": layer.name,
            "type": layer.kind,
            "shape": list(getattr(layer.data, "shape", ())),
            "by_reference": layer.reference is not None,
            "series": [s.get("uid") for s in (layer.reference or {}).get("series", [])],
        }
        for layer in scene.layers
    ]
    if json_:
        print_json(
            {
                "name": scene.name,
                "layers": layers,
                "measurements": scene.measurements,
                "notes": scene.notes,
            }
        )
        return
    say(visible(scene.name or "Scene"))
    for layer in layers:
        shape = " x ".join(map(str, layer["shape"]))
        where = f"series {', '.join(map(str, layer['series']))}" if layer["series"] else shape
        say(visible(f"  {layer['type']:<8} {layer['name']}  {where}".rstrip()))
    for measured in scene.measurements:
        facts = ", ".join(
            f"{key} {measured[key]}" for key in measured if key.endswith(("mm", "2"))
        )
        say(visible(f"  {measured.get('layer')}: {measured.get('kind')} {facts}"))
    for note in scene.notes:
        say(visible(f"  not kept: {note}"))


def extract(
    source: SourceArgument,
    to: Annotated[
        Path,
        typer.Option(
            "--to",
            metavar="FILE",
            parser=named_path,
            help="Ends in .dicomscene (the whole scene) or .png (its picture).",
        ),
    ],
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace a file.")] = False,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Get the archive, or the picture, out of a scene."""
    from napari_dicomdb.export.exporters.scene import open_archive
    from napari_dicomdb.export.scene_archive import SUFFIX, read_scene

    if to.suffix.lower() not in (SUFFIX, ".png"):
        raise typer.BadParameter(f"the file ends in {SUFFIX} or .png: {to.name}")
    refuse_existing(to, force=force)
    staged = to.with_name(f".{to.name}.part")
    try:
        with _file_of(source, db) as path, open_archive(path) as archive:
            scene = read_scene(archive)
            if to.suffix.lower() == SUFFIX:
                archive.seek(0)
                with open(staged, "wb") as file:
                    shutil.copyfileobj(archive, file)
            else:
                if scene.picture is None:
                    raise LoadError("the scene has no picture", reason="no-pixels")
                from PIL import Image

                Image.fromarray(scene.picture).save(staged, "PNG")
        staged.replace(to)
    finally:
        staged.unlink(missing_ok=True)
    if json_:
        print_json({"file": str(to)})
    else:
        say(f"written: {to}")


def save(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", parser=named_path, help="A .dicomscene file.")
    ],
    study: Annotated[str, typer.Option("--study", metavar="UID", help="Study it belongs to.")],
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="DIR", parser=named_path, help="Write the DICOM file there."),
    ] = None,
    into_db: Annotated[bool, typer.Option("--into-db", help="Copy it into the database.")] = False,
    node: Annotated[
        str | None, typer.Option("--node", metavar="NAME", help="Send it there.")
    ] = None,
    description: Annotated[
        str | None, typer.Option("--description", metavar="TEXT", help="Of the series.")
    ] = None,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Write a scene as a DICOM object of a study: a picture with the scene behind it."""
    from napari_dicomdb.export.exporters.scene import scene_exportable
    from napari_dicomdb.export.results import write_results
    from napari_dicomdb.export.study import StudyTarget

    if to is None and not into_db and node is None:
        raise typer.BadParameter("say where to: --into-db, --to DIR or --node NAME")
    exportable = scene_exportable(file)
    if description is not None:
        exportable = exportable.with_options(description=description)
    with progress_bar(quiet=json_) as progress, open_database(db) as database:
        target = StudyTarget.of_study(database, study, exportable.source.references)
        report = write_results(
            database,
            [exportable],
            target,
            folder=to,
            into_database=into_db,
            node=node,
            progress=progress,
        )
    if json_:
        print_json(report.to_json())
    else:
        say(report.summary())
    for uid, reason, text in report.rejected:
        say_error(f"{uid}: {text}", reason)
    if report.rejected:
        raise typer.Exit(1)


def view(source: SourceArgument, db: DatabaseOption = None) -> None:
    """Open a scene in napari."""
    with _file_of(source, db) as path:
        view_scene(path, db)


@contextmanager
def _file_of(source: str, db: Path | None) -> Iterator[Path]:
    """Give the file of a scene, which a path, a series or an instance names."""
    if Path(source).is_file():
        yield Path(source)
        return
    if any(c not in "0123456789." for c in source):
        raise LoadError(f"there is no file {source!r:.200}", reason="file-missing")
    from napari_dicomdb.loading.loaders.scene import is_scene

    with open_database(db, read_only=True) as database:
        found = database.instances(uid=source)
        if not found:
            try:
                found = database.instances(source)
            except NotFoundError:
                found = []
        scenes = [record for record in found if is_scene(record)]
        if not found:
            raise NotFoundError(f"neither a file nor a series or instance: {source!r:.200}")
        if len(scenes) != 1:
            many = "no scene" if not scenes else f"{len(scenes)} scenes: name the instance"
            raise ExportError(f"{source} holds {many}", reason="no-scene")
        yield Path(scenes[0].path)


def register(app: typer.Typer) -> None:
    """Add this module's verbs to `app`."""
    scene = typer.Typer(name="scene", help="What a viewer showed, kept.", no_args_is_help=True)
    for verb in (info, extract, save, view):
        scene.command(verb.__name__)(verb)
    app.add_typer(scene)
