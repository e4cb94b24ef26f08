"""What SERIES_UID|PATH... on the command line means: loadables of an index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from napari_dicomdb.cli.options import open_database
from napari_dicomdb.errors import LoadError, NotFoundError

if TYPE_CHECKING:
    from napari_dicomdb.api import Database
    from napari_dicomdb.database.report import Remark
    from napari_dicomdb.loading.loadable import Loadable
    from napari_dicomdb.progress import Progress

__all__ = ["Examined", "choose", "examined", "indexed"]


@dataclass(frozen=True)
class Examined:
    """All ways to open what was named, numbered from 1 over all series."""

    database: Database
    loadables: list[Loadable]
    rejected: list[tuple[str, str, str]]
    are_paths: bool


@contextmanager
def examined(
    targets: list[str], db: Path | None, progress: Progress, node: str | None = None
) -> Iterator[Examined]:
    """Index the paths among `targets` in memory, look the UIDs up, examine all series.

    With `node` they are series of that DICOMweb node, which are not imported.

    Raises
    ------
    NotFoundError
        When a target is neither a path nor a series of the database.
    typer.BadParameter
        When paths and UIDs are mixed.
    """
    if node is not None:
        with _remote(targets, node, progress) as found:
            yield found
        return
    paths = [t for t in targets if t and Path(t).exists()]  # Path("") is the working folder
    uids = [t for t in targets if t not in paths]
    if paths and uids:
        _refuse_mistyped_paths(uids)
        raise typer.BadParameter("give either paths or series UIDs, not both")
    if paths:
        with indexed(paths, progress) as (database, rejected):
            loadables = database.examine_several(database.series())
            yield Examined(database, loadables, rejected, are_paths=True)
        return
    try:
        opened = open_database(db, read_only=True)
    except NotFoundError:
        _refuse_mistyped_paths(uids)
        raise
    with opened as database:
        series = []
        for uid in uids:
            try:
                series.append(database.find_series(uid))
            except NotFoundError as error:
                text = f"neither a file or folder nor a series of the database: {uid!r}"
                raise NotFoundError(text) from error
        loadables = database.examine_several(series)
        yield Examined(database, loadables, [], are_paths=False)


@contextmanager
def _remote(uids: list[str], node: str, progress: Progress) -> Iterator[Examined]:
    from napari_dicomdb.api import Database
    from napari_dicomdb.network.nodes import find_node
    from napari_dicomdb.network.streaming import open_remote_series

    known = find_node(node)
    loadables: list[Loadable] = []
    for uid in uids:
        loadables += open_remote_series(known, "", uid, progress=progress)
    with Database.in_memory() as database:
        yield Examined(database, loadables, [], are_paths=False)


def _refuse_mistyped_paths(targets: list[str]) -> None:
    for target in targets:
        if not target.replace(".", "").isdigit():
            raise NotFoundError(f"no such file or folder: {target!r}")


@contextmanager
def indexed(paths: Sequence[str], progress: Progress) -> Iterator[tuple[Database, list[Remark]]]:
    """Give a database in memory of files and folders, and what was refused of them.

    Raises
    ------
    LoadError
        When there is no DICOM among them.
    """
    from napari_dicomdb.api import Database

    with Database.in_memory() as database:
        report = database.import_paths(paths, progress=progress)
        refused = [*report.rejected, *report.missing]
        if not database.series():
            why = f" ({refused[0][2]})" if refused else ""
            raise LoadError(f"no DICOM found in {', '.join(paths)}{why}", reason="not-dicom")
        yield database, refused


def choose(found: Examined, number: int | None) -> list[Loadable]:
    """Return loadable `number` (from 1), or those of the default choice.

    Raises
    ------
    typer.BadParameter
        When there is no such number.
    LoadError
        When nothing can be opened.
    """
    if number is not None:
        if number > len(found.loadables):
            count = len(found.loadables)
            raise typer.BadParameter(
                f"there {'is only 1 loadable' if count == 1 else f'are only {count} loadables'}"
            )
        return [found.loadables[number - 1]]
    chosen = [x for x in found.loadables if x.selected]
    if not chosen:
        raise LoadError("nothing here can be opened as an image", reason="no-image")
    return chosen
