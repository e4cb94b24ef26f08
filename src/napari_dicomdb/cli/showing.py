"""The verb that prints the attributes of one object: show."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_dicomdb.cli.options import DatabaseOption, JsonOption, open_database
from napari_dicomdb.cli.output import print_json, refuse_existing, say, say_error, visible
from napari_dicomdb.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_dicomdb.dicom.attributes import Attribute, AttributeTree

__all__ = ["register", "show"]


def show(
    target: Annotated[str, typer.Argument(metavar="INSTANCE|PATH", help="SOP UID or file.")],
    filter_: Annotated[
        str | None,
        typer.Option(
            "--filter",
            metavar="TEXT",
            help="Only attributes with TEXT in name, tag or value; vr:PN, name:, value:, tag:.",
        ),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Values in full length.")] = False,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write them as a table.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Replace an existing FILE.")
    ] = False,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Print the attributes of one instance, sequences indented; pixels are summed up.

    Of a damaged file, what can be read is printed, and on standard error what is wrong.
    """
    from napari_dicomdb.dicom.attribute_export import tree_csv, tree_json, write_text
    from napari_dicomdb.dicom.attributes import read_attributes

    refuse_existing(csv, force=force)
    path = Path(target)
    if not path.is_file():
        path = _instance_path(target, db)
    with warnings.catch_warnings():
        # What is wrong is told in our words, below.
        warnings.simplefilter("ignore")
        tree = read_attributes(path)
        if csv is not None:
            write_text(csv, tree_csv(tree))
            if not json_:
                say(f"attributes written to {visible(csv)}")
        elif json_:
            print_json(tree_json(tree))
        else:
            for line in _lines(tree, filter_ or "", full):
                say(line)
    for problem in tree.problems:
        say_error(problem, "damaged")
    if tree.problems:
        raise typer.Exit(1)


def _instance_path(uid: str, db: Path | None) -> Path:
    with open_database(db, read_only=True) as database:
        records = database.instances(uid=uid)
    if not records:
        raise NotFoundError(f"neither a file nor an instance of the database: {uid}")
    return records[0].path


def _lines(tree: AttributeTree, wanted: str, full: bool) -> Iterator[str]:
    from napari_dicomdb.dicom.attribute_search import find_attributes

    if not wanted.strip():
        for one in tree.walk():
            yield _line(tree, one, full)
        return
    told: set[str] = set()
    for found in find_attributes(tree, wanted):
        for above in found.above:
            if above.path not in told:
                told.add(above.path)
                yield _line(tree, above, False)
        yield _line(tree, found.attribute, full)


def _line(tree: AttributeTree, one: Attribute, full: bool) -> str:
    indent = "  " * one.depth
    if one.is_item:
        return f"{indent}{one.name.lower()}"
    if one.problem:
        return f"{indent}{one.tag_text} {one.vr} {one.name}: {one.problem}: {visible(one.value)}"
    value = tree.whole_value(one) if full and one.is_cut else one.value
    return f"{indent}{one.tag_text} {one.vr} {visible(one.name)}: {visible(value)}"


def register(app: typer.Typer) -> None:
    """Add this module's verbs to `app`."""
    app.command("show")(show)
