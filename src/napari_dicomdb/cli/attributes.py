"""The verbs on attributes of many objects: values, edit."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_dicomdb.cli.options import DatabaseOption, JsonOption, named_path, open_database
from napari_dicomdb.cli.output import (
    print_json,
    print_table,
    progress_bar,
    refuse_existing,
    rejected_rows,
    say,
    say_error,
    visible,
)
from napari_dicomdb.cli.targets import indexed
from napari_dicomdb.database.private_folders import working_folder
from napari_dicomdb.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.dicom.editing import Edit
    from napari_dicomdb.progress import Progress

__all__ = ["edit", "register", "values"]

_Targets = Annotated[
    list[str],
    typer.Argument(metavar="UID|PATH...", help="Instances, series, studies; files, folders."),
]


def values(
    targets: _Targets,
    tags: Annotated[
        str,
        typer.Option("--tags", metavar="A,B", help="Keywords, Sequence.Keyword or (gggg,eeee)."),
    ],
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write the table there.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Replace an existing FILE.")
    ] = False,
    byte_order_mark: Annotated[
        bool, typer.Option("--bom", help="Begin the CSV with a byte order mark, for Excel.")
    ] = False,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Print the values of chosen attributes over all instances of a series."""
    from napari_dicomdb.dicom.attribute_export import write_text
    from napari_dicomdb.loading.columns import column_of, values_over

    refuse_existing(csv, force=force)
    columns = [column_of(words) for words in split_tags(tags)]
    if not columns:
        raise typer.BadParameter("--tags names no attribute")
    with progress_bar(quiet=json_) as progress, _instances(targets, db, progress) as found:
        instances, refused = found
        table = values_over(instances, columns, progress=progress)
    refused += [(path, "unreadable", text) for path, text in table.problems]
    if csv is not None:
        write_text(csv, table.to_csv(byte_order_mark=byte_order_mark))
        if not json_:
            say(f"{len(table.instances)} rows written to {visible(csv)}")
    if json_:
        print_json({"values": table.to_json(), "rejected": rejected_rows(refused)})
    elif csv is None:
        cells = [
            ("" if one.number is None else one.number, *row)
            for one, row in zip(table.instances, table.cells, strict=True)
        ]
        print_table(("number", *(column.title for column in columns)), cells)
    _end(refused)


def split_tags(text: str) -> list[str]:
    """Return the names between commas; a tag's own comma is none.

    Examples
    --------
    >>> split_tags("EchoTime,(0018,0080),0019,100C")
    ['EchoTime', '(0018,0080)', '0019,100C']
    """
    import re

    pattern = r"\(?[0-9A-Fa-f]{4}\s*,\s*[0-9A-Fa-f]{4}\)?(?=\s*,|\s*$)|[^,]+"
    return [part.strip() for part in re.findall(pattern, text) if part.strip()]


def edit(
    targets: _Targets,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEYWORD=VALUE", help="Set a value; repeatable."),
    ] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option("--remove", metavar="KEYWORD", help="Remove an attribute; repeatable."),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="DIR", parser=named_path, help="Folder for the copies."),
    ] = None,
    into_db: Annotated[
        bool, typer.Option("--into-db", help="Import the copies into the database.")
    ] = False,
    keep_uids: Annotated[
        bool, typer.Option("--keep-uids", help="The copies keep the UIDs of the originals.")
    ] = False,
    utf8: Annotated[
        bool, typer.Option("--utf8", help="Write UTF-8 where the character set lacks a letter.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell the changes of the first file; write nothing.")
    ] = False,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Edit attributes in copies of files; the originals are never written to.

    Copies are named by their new SOPInstanceUID. What is not edited, pixels above
    all, is copied byte for byte.
    """
    edits = _edits(set_ or [], remove or [])
    if not edits:
        raise typer.BadParameter("nothing to edit: give --set or --remove")
    if to is None and not into_db and not dry_run:
        raise typer.BadParameter("where do the copies go? give --to DIR or --into-db")
    with progress_bar(quiet=json_) as progress, _instances(targets, db, progress) as found:
        instances, refused = found
        if not dry_run:
            _try_edits(instances, edits)
        if dry_run:
            _preview(instances, edits, json_)
        else:
            options = {"keep_uids": keep_uids, "utf8": utf8}
            refused += _write(instances, edits, to, db if into_db else None, into_db,
                              json_, progress, options)  # fmt: skip
    _end(refused)


def _edits(set_: list[str], remove: list[str]) -> list[Edit]:
    from napari_dicomdb.dicom.editing import EditError, parse_edit

    try:
        edits = []
        for words in set_:
            path, equals, value = words.partition("=")
            if not equals:
                raise typer.BadParameter(f"--set takes KEYWORD=VALUE, not {words!r}")
            edits.append(parse_edit(path, value))
        return edits + [parse_edit(path, None) for path in remove]
    except EditError as error:
        raise typer.BadParameter(str(error)) from error


def _try_edits(instances: list[InstanceRecord], edits: list[Edit]) -> None:
    """Make the copy of one file and drop it: what cannot be set is refused once, at once."""
    from napari_dicomdb.dicom.editing import EditError, edited_copy

    with working_folder() as temporary:
        try:
            edited_copy(instances[0].path, edits, temporary, utf8=True)
        except EditError as error:
            if error.reason in ("bad-value", "needed"):
                raise typer.BadParameter(str(error)) from error


def _preview(instances: list[InstanceRecord], edits: list[Edit], json_: bool) -> None:
    from napari_dicomdb.dicom.editing import preview

    changes = preview(instances[0].path, edits)
    if json_:
        print_json([{"path": c.path, "before": c.before, "after": c.after} for c in changes])
    else:
        print_table(
            ("attribute", "before", "after"), [(c.path, c.before, c.after) for c in changes]
        )


def _write(
    instances: list[InstanceRecord],
    edits: list[Edit],
    to: Path | None,
    db: Path | None,
    into_db: bool,
    json_: bool,
    progress: Progress,
    options: dict[str, bool],
) -> list[tuple[Path, str, str]]:
    from napari_dicomdb.dicom.editing import edited_copies

    with working_folder() as temporary:
        folder = temporary if to is None else to
        report = edited_copies(
            [one.path for one in instances], edits, folder, progress=progress, **options
        )
        added = 0
        if into_db and report.written:
            with open_database(db, create=True) as database:
                copies = [copy for _, copy in report.written]
                added = database.import_paths(copies, copy=to is None, workers=0).added
    for remark in report.remarks:
        say_error(remark)
    if json_:
        print_json({**report.to_json(), "imported": added})
    elif to is not None:
        say(f"{len(report.written)} copies written to {to}")
    if into_db and not json_:
        say(f"{added} copies added to the database")
    return report.refused


@contextmanager
def _instances(targets: list[str], db: Path | None, progress: Progress) -> Iterator[Any]:
    """Give the instances that were named, and what was refused on the way."""
    paths = [t for t in targets if t and Path(t).exists()]
    if paths and len(paths) < len(targets):
        missing = next(t for t in targets if t not in paths)
        raise NotFoundError(f"no such file or folder: {missing!r:.200}")
    if paths:
        with indexed(paths, progress) as (database, refused):
            yield database.instances(), refused
        return
    with open_database(db, read_only=True) as database:
        found = []
        for uid in targets:
            found += _of_uid(database, uid)
    yield found, []


def _of_uid(database: Any, uid: str) -> list[InstanceRecord]:
    found: list[InstanceRecord] = database.instances(uid=uid)
    if found:
        return found[:1]
    try:
        found = database.instances(uid)
    except NotFoundError:
        found = []
    if not found:
        try:
            found = [one for s in database.series(uid) for one in database.instances(s)]
        except NotFoundError:
            found = []
    if not found:
        raise NotFoundError(f"neither a path nor an object of the database: {uid!r:.200}")
    return found


def _end(refused: list[tuple[Path, str, str]]) -> None:
    for path, reason, text in refused:
        say_error(text if str(path) in text else f"{path}: {text}", reason)
    if refused:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add this module's verbs to `app`."""
    app.command("values")(values)
    app.command("edit")(edit)
