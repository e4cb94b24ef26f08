"""A note beside staged objects: they come into the database if these files are in a folder.

What goes to a folder and into the database is renamed into the folder first and committed next.
A process that is killed between the two leaves this note, with the objects; who opens the database
next finds the files where the note says, and brings the objects in. Where they are not, as the
process was killed before, or took them back, both are without them.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from napari_dicomdb.database.copying import make_durable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["is_kept", "promise"]

_NOTE = "promised.json"


def promise(
    stage: Path, files: Sequence[tuple[Path, os.stat_result]], *, complete: bool = True
) -> None:
    """Note which files must be in a folder for what is staged to come into the database.

    Parameters
    ----------
    stage : Path
        Folder of the objects, of `together.staged`.
    files : sequence of (Path, os.stat_result)
        Where each will be, and what it is now: a rename changes neither size nor time.
    complete : bool
        Whether these are all: otherwise more is renamed, and noted, later.
    """
    if complete:
        make_durable([str(one) for one in stage.iterdir() if one.name != _NOTE])
    named = [[os.fspath(path), status.st_size, status.st_mtime_ns] for path, status in files]
    note = stage / _NOTE
    note.write_text(json.dumps({"complete": complete, "files": named}), encoding="utf-8")
    make_durable([str(note)])


def is_kept(stage: Path) -> bool:
    """Tell whether a note is there, and all that it names is where it says."""
    try:
        note = json.loads((stage / _NOTE).read_text(encoding="utf-8"))
        if not note["complete"] or not note["files"]:
            return False
        for path, size, mtime_ns in note["files"]:
            status = os.stat(os.fspath(path))
            if (status.st_size, status.st_mtime_ns) != (size, mtime_ns):
                return False
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        # None, torn, or files that are gone.
        return False
    return True
