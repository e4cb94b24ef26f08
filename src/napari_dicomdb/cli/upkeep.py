"""The verbs that look after a database: verify, repair, relink, check, backup and others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_dicomdb.cli.options import DatabaseOption, JsonOption, named_path, open_database
from napari_dicomdb.cli.output import print_json, print_table, progress_bar, say, say_error
from napari_dicomdb.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "backup",
    "check",
    "register",
    "relink",
    "repair",
    "restore",
    "stats",
    "vacuum",
    "verify",
]

_DRY_RUN = typer.Option("--dry-run", help="Only report what would be done.")


def verify(
    content: Annotated[
        bool, typer.Option("--content", help="Also read each header again and compare.")
    ] = False,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Look whether every file is where and what it was; note in the lists what is gone."""
    with _writable(db) as database, progress_bar(quiet=json_) as progress:
        report = database.verify(content=content, progress=progress)
    if json_:
        print_json(report.to_json())
    else:
        say(report.summary())
        amiss = [f for f in report.folders if f.missing or f.changed or f.unavailable]
        if amiss:
            print_table(
                ("folder", "files", "missing", "changed", "drive there"),
                (
                    (f.folder, f.checked, f.missing, f.changed, "no" if f.unavailable else "yes")
                    for f in amiss
                ),
                right=("files", "missing", "changed"),
            )
    _refuse((path, "file-missing", "is not there any more") for path in report.missing)
    _refuse(report.remarks)
    _refuse(
        (root, "not-available", f"this drive or share is not there now ({count} files)")
        for root, count in report.unavailable_roots.items()
    )
    _end(report.ok)


def repair(
    forget_missing: Annotated[
        bool,
        typer.Option(
            "--forget-missing",
            help="Also remove images whose files were deleted; "
            "those on a drive that is away stay.",
        ),
    ] = False,
    adopt: Annotated[
        bool,
        typer.Option(
            "--adopt",
            help="Also import copies in the database directory that the index does not list.",
        ),
    ] = False,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Mend what can be mended: files, counts, search text, or a damaged index as a whole."""
    from napari_dicomdb.api import Database
    from napari_dicomdb.settings import default_database

    with progress_bar(quiet=json_) as progress:
        try:
            with open_database(db) as database:
                damaged = database.check(progress=progress).damaged
                if not damaged:
                    report = database.repair(
                        forget_missing=forget_missing, adopt=adopt, progress=progress
                    )
        except DatabaseError as error:
            if error.reason != "database-damaged":
                raise
            damaged = True
        if damaged:
            report = Database.salvage(db or default_database(), progress)
    if json_:
        print_json(report.to_json())
    else:
        say(report.summary())
    _refuse(report.rejected)
    _end(report.ok)


def relink(
    old: Annotated[str, typer.Argument(metavar="OLD", help="Folder as the database knows it.")],
    new: Annotated[
        Path | None,
        typer.Argument(
            metavar="[NEW]", parser=named_path, help="Folder that has its content now."
        ),
    ] = None,
    find: Annotated[
        list[Path] | None,
        typer.Option("--find", metavar="DIR", help="Suggest NEW by looking below DIR."),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Read the header of every file.")] = False,
    dry_run: Annotated[bool, _DRY_RUN] = False,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Follow files that were moved: everything below OLD is below NEW now.

    With --find, nothing is changed: it says where files of OLD were met.
    """
    if not old:
        raise typer.BadParameter("an empty path names nothing: name the old folder")
    if (new is None) == (not find):
        raise typer.BadParameter("give the new folder, or --find DIR to look for it")
    with _writable(db) as database, progress_bar(quiet=json_) as progress:
        if new is None:
            from napari_dicomdb.database.places import is_under
            from napari_dicomdb.database.relink import whole_root

            old = whole_root(old)

            found = [
                one
                for one in database.find_moved(list(find or ()), progress)
                if is_under(one.old_root, old) or is_under(old, one.old_root)
            ]
            if json_:
                print_json([one.to_json() for one in found])
            for one in () if json_ else found:
                say(f"{one.old_root} -> {one.new_root} ({one.folders} folders)")
            if not found:
                say_error(f"nothing that was below {old} was met", "not-found")
            _end(bool(found))
            return
        report = database.relink(old, new, dry_run=dry_run, check_all=all_, progress=progress)
    if json_:
        print_json(report.to_json())
    else:
        say(report.summary())
    _refuse((path, "not-found", "is not at the new place") for path in report.not_found)
    _refuse(report.rejected)
    _end(report.ok)


def vacuum(db: DatabaseOption = None, json_: JsonOption = False) -> None:
    """Write the index anew: smaller, and without a trace of what was removed."""
    with open_database(db) as database, progress_bar(quiet=json_) as progress:
        freed = database.vacuum(progress)
        size = database.info()["index_size"]
    if json_:
        print_json({"freed": freed, "index_size": size})
    else:
        say(f"{freed / 1e6:.1f} MB freed; the index takes {size / 1e6:.1f} MB")


def stats(db: DatabaseOption = None, json_: JsonOption = False) -> None:
    """Say what the database holds and what takes room in it."""
    with open_database(db, read_only=True) as database:
        found = database.statistics()
    if json_:
        print_json(found)
        return
    index = found["index"]
    each = index["bytes_per_instance"]
    say(
        f"index {index['size'] / 1e6:.1f} MB, {index['free'] / 1e6:.1f} MB of it free"
        + (f", {each:.0f} bytes an instance" if each is not None else "")
    )
    print_table(
        ("modality", "series", "instances", "frames", "MB"),
        (
            (name, m["series"], m["instances"], m["frames"], f"{m['size'] / 1e6:.1f}")
            for name, m in found["modalities"].items()
        ),
        right=("series", "instances", "frames", "MB"),
    )
    print_table(
        ("files", "number", "MB"),
        ((name, f["files"], f"{f['size'] / 1e6:.1f}") for name, f in found["files"].items()),
        right=("number", "MB"),
    )
    pictures = found["thumbnails"]
    say(f"pictures: {pictures['made']}, {pictures['size'] / 1e6:.1f} MB")
    say(
        f"missing files: {found['missing_files']}; refused files: {sum(found['refused'].values())}"
    )
    if found["study_dates"]:
        say(f"studies from {found['study_dates'][0]} to {found['study_dates'][1]}")


def backup(
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="New directory, or FILE.zip.")],
    with_copies: Annotated[
        bool, typer.Option("--with-copies", help="Also the files copied into the database.")
    ] = False,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Write a backup of the index, and of the copied files when asked; linked files never."""
    with open_database(db, read_only=True) as database, progress_bar(quiet=json_) as progress:
        report = database.backup(target, with_copies=with_copies, progress=progress)
    _tell(report, json_)
    _refuse(report.rejected)
    _end(report.ok)


def restore(
    source: Annotated[Path, typer.Argument(metavar="BACKUP", help="What `backup` wrote.")],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Of the database to be.")],
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace a database that is there; it is kept beside."),
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Make a database of a backup."""
    from napari_dicomdb.api import Database

    with progress_bar(quiet=json_) as progress:
        report = Database.restore(source, directory, progress, overwrite=overwrite)
    _tell(report, json_)


def check(
    full: Annotated[
        bool, typer.Option("--full", help="Compare every SQLite index with its table, too.")
    ] = False,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Check the index itself: pages, relations, counts, search text."""
    with _writable(db) as database, progress_bar(quiet=json_) as progress:
        report = database.check(full=full, progress=progress)
    _tell(report, json_)
    for problem in report.problems:
        say_error(problem.text, problem.code)
    _end(report.ok)


def _can_write(db: Path | None) -> bool:
    from napari_dicomdb.settings import default_database

    directory = db or default_database()
    return not directory.exists() or os.access(directory, os.W_OK)


def _writable(db: Path | None) -> Any:
    """Open a database for writing where that is possible, else for reading."""
    return open_database(db, read_only=not _can_write(db))


def _tell(report: Any, json_: bool) -> None:
    if json_:
        print_json(report.to_json())
    else:
        say(report.summary())


def _refuse(entries: Iterable[tuple[str, str, str]]) -> None:
    for path, reason, text in entries:
        say_error(f"{path}: {text}", reason)


def _end(ok: bool) -> None:
    if not ok:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add this module's verbs to `app`."""
    for verb in (verify, repair, relink, check, vacuum, stats, backup, restore):
        app.command(verb.__name__)(verb)
