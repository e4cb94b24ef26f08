"""Puts the verbs together, and turns every error into one line and an exit code."""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer

from napari_dicomdb import __version__
from napari_dicomdb.cli import (
    attributes,
    browsing,
    comparing,
    databases,
    deidentifying,
    exporting,
    filters,
    finding,
    getting,
    importing,
    jobs,
    listening,
    mappings,
    nodes,
    opening,
    patients,
    removing,
    scenes,
    sending,
    serving,
    showing,
    taking_over,
    thumbnails,
    upkeep,
    watching,
    writing,
)
from napari_dicomdb.cli.output import say_error
from napari_dicomdb.errors import Cancelled, DicomDbError, place_of

__all__ = ["TRACEBACK", "app", "run"]

TRACEBACK = "DICOMDB_TRACEBACK"  # a variable: faults of the program are shown whole

# Exit codes (DESIGN 3): 0 done, 1 something was refused, 2 wrong usage (click's own).
REFUSED = 1
INTERRUPTED = 130
_INTERRUPTED = "interrupted; what was done stays done"

app = typer.Typer(
    name="dicomdb",
    help="A local DICOM database: import, list, examine, convert and view.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"dicomdb {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Print the version and stop."
        ),
    ] = False,
) -> None:
    pass


for _module in (
    importing,
    browsing,
    opening,
    showing,
    comparing,
    attributes,
    exporting,
    writing,
    deidentifying,
    mappings,
    scenes,
    nodes,
    finding,
    getting,
    sending,
    listening,
    jobs,
    serving,
    filters,
    removing,
    thumbnails,
    patients,
    upkeep,
    databases,
    watching,
    taking_over,  # last: adds to the group `db`
):
    _module.register(app)


def run(arguments: list[str] | None = None) -> None:
    """Run the command and exit the process with its code.

    Parameters
    ----------
    arguments : list of str, optional
        Words after the command's name; those of this process by default.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A file name or a patient's name that the terminal's encoding has
            # not is shown escaped; it is no error.
            stream.reconfigure(errors="backslashreplace")
    try:
        app(args=arguments)
    except SystemExit as end:
        if end.code == INTERRUPTED:  # typer takes the interruption, and says nothing
            say_error(_INTERRUPTED)
        raise
    except Cancelled as error:
        say_error(f"stopped: {error}")
        sys.exit(REFUSED)
    except DicomDbError as error:
        say_error(str(error), error.reason)
        sys.exit(REFUSED)
    except KeyboardInterrupt:
        say_error(_INTERRUPTED)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader (head, less) has gone: that is no error. Python would
        # still flush stdout at exit and complain, hence /dev/null.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        say_error(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))
        sys.exit(REFUSED)
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        say_error(
            f"a fault of the program ({place_of(error)}): please report it, with what it prints "
            f"when {TRACEBACK}=1 is set (look through that for names of patients)",
            "internal",
        )
        sys.exit(REFUSED)
