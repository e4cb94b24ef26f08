"""What the command prints: tables for people, JSON for machines, errors on stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress
from rich.table import Table
from rich.text import Text

from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.progress import Progress, no_progress

__all__ = [
    "print_json",
    "print_json_list",
    "print_table",
    "progress_bar",
    "refuse_existing",
    "say",
    "say_error",
    "visible",
]

# A pipe has no width: give a table enough for UIDs instead of rich's 80 columns.
PIPE_WIDTH = 240


def visible(text: object) -> str:
    """Return `text` with control characters replaced, so no header can drive a terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))


def say(text: str) -> None:
    """Print one line for people on standard output."""
    typer.echo(text)


def say_error(text: str, reason: str | None = None) -> None:
    """Print one error line on standard error."""
    code = f" [{reason}]" if reason else ""
    typer.echo(f"dicomdb: {visible(text)}{code}", err=True)


def refuse_existing(path: Path | None, *, force: bool) -> None:
    """Refuse to write over a file, unless told to.

    Raises
    ------
    DicomDbError
        "exists": the file is there, and `force` is not set.
    """
    if path is not None and path.exists() and not force:
        raise DicomDbError(f"{path} exists: --force replaces it", reason="exists")


def print_json(value: Any) -> None:
    """Print `value` as JSON on standard output.

    Numbers that JSON has not (NaN, infinity) become null. Characters that drive
    a terminal or that no encoding has are escaped, as JSON allows.
    """
    typer.echo(_as_json(value))


def print_json_list(values: Iterable[Any]) -> None:
    """Print a list as `print_json` does, each of its values as soon as it is there."""
    first = True
    for value in values:
        lines = _as_json(value).replace("\n", "\n  ")
        typer.echo(f"{'[' if first else ','}\n  {lines}", nl=False)
        first = False
    typer.echo("[]" if first else "\n]")


def _as_json(value: Any) -> str:
    unicode_out = "utf" in (getattr(sys.stdout, "encoding", None) or "").lower()
    try:
        text = json.dumps(
            value, ensure_ascii=not unicode_out, indent=2, default=str, allow_nan=False
        )
    except ValueError:
        text = json.dumps(
            _finite(value), ensure_ascii=not unicode_out, indent=2, default=str, allow_nan=False
        )
    lines = (line if line.isprintable() else _escaped(line) for line in text.split("\n"))
    return "\n".join(lines)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _escaped(text: str) -> str:
    # json.dumps in ASCII makes the escape, with surrogate pairs beyond 16 bits.
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()
) -> None:
    """Print rows under column titles; `right` names the columns of numbers."""
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else visible(cell)) for cell in row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPE_WIDTH)
    console.print(table)


@contextmanager
def progress_bar(*, quiet: bool = False) -> Iterator[Progress]:
    """Give a progress callback that draws a bar on standard error.

    Nothing is drawn when `quiet`, or when standard error is not a terminal.
    """
    if quiet or not sys.stderr.isatty():
        yield no_progress
        return
    bar = RichProgress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=None)

        def show(done: int, total: int | None, text: str) -> None:
            bar.update(task, completed=done, total=total, description=visible(text))

        yield show


def rejected_rows(rejected: Iterable[tuple[Any, str, str]]) -> list[Mapping[str, str]]:
    """Return (path, reason, text) entries as mappings for JSON."""
    return [{"path": str(p), "reason": r, "text": t} for p, r, t in rejected]
