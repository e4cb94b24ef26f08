"""The verb that makes the browser's pictures ahead: thumbnails."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_dicomdb.cli.options import DatabaseOption, JsonOption, open_database
from napari_dicomdb.cli.output import print_json, progress_bar, say, visible

__all__ = ["register", "thumbnails"]

SHOWN_FAILURES = 20


def thumbnails(
    series: Annotated[
        list[str] | None,
        typer.Option("--series", metavar="UID", help="Only this series; may be repeated."),
    ] = None,
    retry: Annotated[
        bool,
        typer.Option("--retry", help="Try again those that could not be made before."),
    ] = False,
    clear: Annotated[
        bool, typer.Option("--clear", help="Delete all pictures, and make none.")
    ] = False,
    limit: Annotated[
        float | None,
        typer.Option(
            "--limit",
            min=0,
            metavar="MB",
            help="Delete the pictures shown longest ago until no more megabytes are kept, "
            "and make none.",
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Threads that draw.")
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="List every picture that cannot be made.")
    ] = False,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Make the pictures of series ahead, so that the browser has them at once."""
    if sum((clear, limit is not None, bool(series) or retry)) > 1:
        raise typer.BadParameter("--clear and --limit go with no other option")
    with open_database(db) as database:
        if clear or limit is not None:
            gone = database.clear_thumbnails() if clear else database.limit_thumbnails(limit or 0)
            if json_:
                print_json({"deleted": gone})
            else:
                say(f"{gone} pictures deleted")
            return
        if retry:
            database.retry_thumbnails(series)
        with progress_bar(quiet=json_) as progress:
            report = database.make_thumbnails(series, progress, workers=workers)
    if json_:
        print_json(report.to_json())
    else:
        say(report.summary())
        shown = report.failures if verbose else report.failures[:SHOWN_FAILURES]
        for uid, reason, text in shown:
            typer.echo(f"no picture: {visible(uid)}: {visible(text)} [{reason}]", err=True)
        if len(shown) < len(report.failures):
            more = len(report.failures) - len(shown)
            typer.echo(f"no picture: {more} more (--verbose or --json lists them)", err=True)
    if not report.ok:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add this module's verbs to `app`."""
    app.command("thumbnails")(thumbnails)
