"""The verbs that open images: examine, load, convert, view."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_dicomdb.cli.options import (
    DatabaseOption,
    JsonOption,
    LoadableOption,
    RemoteOption,
    TargetsArgument,
    open_database,
)
from napari_dicomdb.cli.output import (
    print_json,
    progress_bar,
    rejected_rows,
    say,
    say_error,
    visible,
)
from napari_dicomdb.cli.targets import choose, examined
from napari_dicomdb.errors import DicomDbError, LoadError, MissingLibraryError
from napari_dicomdb.loading.content import CONTENT
from napari_dicomdb.settings import DATABASE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dicomdb.loading.loadable import Loadable
    from napari_dicomdb.loading.volume import Volume

__all__ = ["convert", "examine", "load", "register", "view", "view_scene"]

# Longest first: ".nii.gz" before any ".gz".
WRITERS = {
    ".nii.gz": "to_nifti",
    ".nii": "to_nifti",
    ".nrrd": "to_nrrd",
    ".zarr": "to_zarr",
}

FileOption = Annotated[
    Path, typer.Option("--to", metavar="FILE", help=f"Ends in {', '.join(WRITERS)}.")
]
OptionalFileOption = Annotated[
    Path | None, typer.Option("--to", metavar="FILE", help=f"Ends in {', '.join(WRITERS)}.")
]
OptionalTargetsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SERIES_UID|PATH...]",
        help="Series of the database, or files and folders (no database needed).",
    ),
]
AllOption = Annotated[
    bool, typer.Option("--all", help="Write every default loadable, numbered FILE-1, FILE-2...")
]
ForceOption = Annotated[bool, typer.Option("--force", "-f", help="Replace an existing file.")]


def examine(
    targets: OptionalTargetsArgument = None,
    all_: Annotated[
        bool,
        typer.Option(
            "--all", help="Examine what was not yet, so that `has:findings` knows; say how many."
        ),
    ] = False,
    node: RemoteOption = None,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Show the ways to open a series: confidence, reasons, and what is wrong."""
    if all_ == bool(targets):
        raise typer.BadParameter("say what to examine, or --all")
    if not targets:
        _examine_all(db, json_)
        return
    with (
        progress_bar(quiet=json_) as progress,
        examined(targets, db, progress, node) as found,
    ):
        if json_:
            print_json(
                {
                    "loadables": [
                        {"number": n, **x.to_json()} for n, x in enumerate(found.loadables, 1)
                    ],
                    "rejected": rejected_rows(found.rejected),
                }
            )
        else:
            for number, loadable in enumerate(found.loadables, 1):
                _print_loadable(number, loadable)
        _say_rejected(found.rejected)
        if found.rejected or not found.loadables:
            raise typer.Exit(1)


def _examine_all(db: Path | None, json_: bool) -> None:
    with open_database(db) as database, progress_bar(quiet=json_) as progress:
        wanted = database.unexamined()
        done = sum(1 for _ in database.examine_each(wanted, progress=progress))
    if json_:
        print_json({"examined": done})
    else:
        say(f"{done} series examined")


def _print_loadable(number: int, loadable: Loadable) -> None:
    mark = "*" if loadable.selected else " "
    shape = " x ".join(map(str, loadable.shape))
    spacing = ""
    if loadable.spacing is not None:
        spacing = ", " + " x ".join(f"{s:.4g}" for s in loadable.spacing) + " mm"
    head = f"{mark}{number:>3}  {loadable.confidence:4.2f}  {visible(loadable.name)}"
    say(f"{head}  [{loadable.kind}: {shape}{spacing}]")
    for reason in loadable.reasons:
        say(f"            {visible(reason)}")
    for finding in loadable.findings:
        say(f"            {finding.severity.upper()}: {visible(finding.text)} [{finding.code}]")


def _say_rejected(rejected: list[tuple[str, str, str]]) -> None:
    for path, reason, text in rejected:
        say_error(f"refused: {path}: {text.removeprefix(f'{path}: ')}", reason)


def load(
    targets: TargetsArgument,
    to: OptionalFileOption = None,
    number: LoadableOption = None,
    all_: AllOption = False,
    force: ForceOption = False,
    node: RemoteOption = None,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Load a series and say what came out; with --to also write it to a file."""
    _load(targets, to, number, all_=all_, force=force, node=node, db=db, json_=json_)


def convert(
    targets: TargetsArgument,
    to: FileOption,
    number: LoadableOption = None,
    all_: AllOption = False,
    force: ForceOption = False,
    node: RemoteOption = None,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Convert a series to NIfTI, NRRD or Zarr."""
    _load(targets, to, number, all_=all_, force=force, node=node, db=db, json_=json_)


def _load(
    targets: list[str],
    to: Path | None,
    number: int | None,
    *,
    all_: bool,
    force: bool,
    node: str | None,
    db: Path | None,
    json_: bool,
) -> None:
    if to is not None:
        _ending(to)
    results: list[dict[str, Any]] = []
    refused: list[tuple[str, str, str]] = []
    with (
        progress_bar(quiet=json_) as progress,
        examined(targets, db, progress, node) as found,
    ):
        refused += found.rejected
        chosen = choose(found, number)
        if to is not None and len(chosen) > 1 and not all_:
            for n, loadable in enumerate(found.loadables, 1):
                if loadable.selected:
                    say_error(f"  {n}  {loadable.name}")
            raise LoadError(
                f"{len(chosen)} volumes for one file: choose one with --loadable N, "
                "or write all with --all",
                reason="ambiguous",
            )
        for n, loadable in enumerate(chosen, 1):
            target = to if to is None or len(chosen) == 1 else _numbered(to, n)
            if target is not None and not target.parent.is_dir():
                raise LoadError(f"there is no folder {target.parent}", reason="no-folder")
            if target is not None and target.exists() and not force:
                raise LoadError(f"{target} exists; --force replaces it", reason="file-exists")
            if loadable.kind == CONTENT:
                if target is not None:
                    why = "it holds no image: without --to its content is printed"
                    refused.append((loadable.name, "no-pixels", why))
                else:
                    results += _contents(loadable)
                continue
            try:
                volume = loadable.load(progress=progress, lazy=False)
                if target is not None:
                    _write(volume, target)
            except MissingLibraryError:
                raise
            except LoadError as error:
                refused.append((loadable.name, error.reason, str(error)))
                continue
            results.append(_facts(loadable, volume, target))
    if json_:
        print_json({"loaded": results, "rejected": rejected_rows(refused)})
    else:
        for facts in results:
            _print_content(facts) if "content" in facts else _print_facts(facts)
    _say_rejected(refused)
    if refused:
        raise typer.Exit(1)


def _ending(path: Path) -> str:
    for ending in WRITERS:
        if path.name.lower().endswith(ending):
            return ending
    raise typer.BadParameter(f"{path}: the file name must end in one of {', '.join(WRITERS)}")


def _numbered(path: Path, number: int) -> Path:
    ending = _ending(path)
    stem, kept = path.name[: -len(ending)], path.name[-len(ending) :]
    return path.with_name(f"{stem}-{number}{kept}")


def _write(volume: Volume, path: Path) -> None:
    try:
        getattr(volume, WRITERS[_ending(path)])(path)
    except DicomDbError:
        raise
    except OSError as error:
        raise LoadError(
            f"{path} cannot be written: {error.strerror or error}", reason="not-written"
        ) from error


def _facts(loadable: Loadable, volume: Volume, path: Path | None) -> dict[str, Any]:
    return {
        "name": loadable.name,
        "kind": loadable.kind,
        "dims": list(volume.dims),
        "shape": list(volume.shape),
        "dtype": str(volume.dtype),
        "units": volume.units,
        "spacing": list(volume.geometry.spacing),
        "spacing_label": volume.geometry.spacing_label,
        "affine_lps": volume.geometry.affine.tolist(),
        "is_regular": volume.geometry.is_regular,
        "frame_of_reference_uid": volume.geometry.frame_of_reference_uid,
        "findings": [f.to_json() for f in volume.findings],
        "file": None if path is None else str(path),
    }


def _contents(loadable: Loadable) -> list[dict[str, Any]]:
    found = []
    for index in range(len(loadable.instances)):
        tree = loadable.content(index)
        found.append({"name": loadable.name, "kind": loadable.kind, "content": tree.to_json()})
    return found


def _print_content(facts: dict[str, Any]) -> None:
    from napari_dicomdb.dicom.content import ContentTree

    for line in ContentTree.from_json(facts["content"]).lines():
        say(visible(line))


def _print_facts(facts: dict[str, Any]) -> None:
    size = " x ".join(f"{n} {d}" for n, d in zip(facts["shape"], facts["dims"], strict=False))
    spacing = " x ".join(f"{s:.6g}" for s in facts["spacing"])
    say(f"{visible(facts['name'])}: {size}, {facts['dtype']} {facts['units']}".rstrip())
    say(f"  spacing {spacing} {facts['spacing_label']}")
    for finding in facts["findings"]:
        say(f"  {finding['severity'].upper()}: {visible(finding['text'])} [{finding['code']}]")
    if facts["file"]:
        say(f"  written to {facts['file']}")


def view(
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SERIES_UID|PATH...]", help="What to open; nothing: the browser."),
    ] = None,
    node: RemoteOption = None,
    db: DatabaseOption = None,
) -> None:
    """Open napari with the DICOM browser, and in it the series or paths given."""
    launch = _launcher(db)
    if not targets:
        if node is not None:
            raise typer.BadParameter("say which series of the node to open")
        launch()
        return
    with progress_bar() as progress, examined(targets, db, progress, node) as found:
        _say_rejected(found.rejected)
        chosen = choose(found, None)
    if found.are_paths and len({x.instances[0].series_uid for x in chosen}) > 1:
        # Many series: rather than a heap of layers, the browser to choose from.
        launch(paths=targets)
    else:
        launch(chosen)


def view_scene(path: Path, db: Path | None) -> None:
    """Open napari with a scene in it: what `dicomdb scene view` does."""
    _launcher(db)(scenes=[path])


def _launcher(db: Path | None) -> Callable[..., None]:
    # The only verb that needs a screen, hence the only import of the viewer here.
    try:
        from napari_dicomdb.viewer.launch import launch
    except ImportError as error:
        raise MissingLibraryError(
            f"napari is needed for this ({error}): pip install 'napari-dicomdb[all]'"
        ) from error
    if db is not None:
        # The browser opens the default database; for this process it is the one named.
        os.environ[DATABASE_VARIABLE] = str(db)
    return launch


def register(app: typer.Typer) -> None:
    """Add this module's verbs to `app`."""
    app.command("examine")(examine)
    app.command("load")(load)
    app.command("convert")(convert)
    app.command("view")(view)
