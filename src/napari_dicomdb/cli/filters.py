"""The verbs for saved searches: filters ls, add, rm."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_dicomdb.cli.options import JsonOption
from napari_dicomdb.cli.output import print_json, print_table, say_error
from napari_dicomdb.database.search import remarks
from napari_dicomdb.errors import NotFoundError
from napari_dicomdb.settings import forget_filter, save_filter, saved_filters

__all__ = ["add", "ls", "register", "rm"]

filters = typer.Typer(
    name="filters",
    help="Saved searches; in a search, @NAME stands for one.",
    no_args_is_help=True,
)


@filters.command("ls")
def ls(json_: JsonOption = False) -> None:
    """List the saved searches."""
    known = saved_filters()
    if json_:
        print_json(known)
        return
    print_table(("name", "search"), known.items())


@filters.command("add")
def add(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    text: Annotated[str, typer.Argument(help='e.g. "modality:CT slices:>100"')],
    json_: JsonOption = False,
) -> None:
    """Save a search; one of that name is replaced."""
    told = remarks(text, {**saved_filters(), " ".join(name.split()): text})
    if any("names itself" in remark for remark in told):
        raise typer.BadParameter("the search names itself, so nothing would be found by it")
    known = save_filter(name, text)
    for remark in remarks(text):
        say_error(remark)
    if json_:
        print_json(known)


@filters.command("rm")
def rm(
    name: Annotated[str, typer.Argument(help="What it is called.")], json_: JsonOption = False
) -> None:
    """Forget a saved search."""
    if name not in saved_filters():
        raise NotFoundError(f"no filter is saved as {name!r:.200}", reason="no-filter")
    known = forget_filter(name)
    if json_:
        print_json(known)


def register(app: typer.Typer) -> None:
    """Add this module's verbs to `app`."""
    app.add_typer(filters)
