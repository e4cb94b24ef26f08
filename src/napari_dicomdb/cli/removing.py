"""The verb that takes things out of the database: rm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_dicomdb.cli.options import DatabaseOption, JsonOption, open_database
from napari_dicomdb.cli.output import print_json, say, say_error, visible
from napari_dicomdb.errors import NotFoundError

if TYPE_CHECKING:
    from napari_dicomdb.api import Database

__all__ = ["register", "rm"]


def rm(
    uids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[UID...]", help="Study, series or instance UIDs."),
    ] = None,
    patient: Annotated[
        list[str] | None, typer.Option("--patient", metavar="ID", help="PatientID to remove.")
    ] = None,
    delete_copies: Annotated[
        bool,
        typer.Option(
            "--delete-copies",
            help="Also delete the files that were copied into the database. "
            "Linked files are never touched.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Remove patients, studies, series or instances from the database.

    Nothing of them stays in its files but the copies, unless --delete-copies is given; backups
    that were made before have them still.
    """
    if not uids and not patient:
        raise typer.BadParameter("say what to remove: UIDs, or --patient ID")
    with open_database(db) as database:
        targets = _targets(database, uids or [], patient or [])
        if not yes:
            what = "; ".join(_told(database, *target) for target in targets)
            files = "and its copied files" if delete_copies else "files stay where they are"
            typer.confirm(f"Remove {what} ({files})?", abort=True, err=True)
        reports = [
            (level, name, database.remove(delete_copies=delete_copies, **{level: key}))
            for level, name, key in targets
        ]
    if json_:
        print_json([{"level": level, "uid": name, **r.to_json()} for level, name, r in reports])
    else:
        for level, name, report in reports:
            say(f"removed {level} {name}: {report.summary()}")
    copies = sum(len(r.files_kept) for _, _, r in reports)
    if copies and not json_:
        text = (
            f"{copies} copied files of what was removed are still in the database directory: "
            "--delete-copies deletes them at the removal"
        )
        typer.echo(f"note: {text}", err=True)
    for path, reason, text in dict.fromkeys(e for _, _, r in reports for e in r.notes):
        typer.echo(f"note: {visible(path)}: {text} [{reason}]", err=True)
    refused = [entry for _, _, r in reports for entry in r.rejected]
    for path, reason, text in refused:
        say_error(f"{path}: {text}", reason)
    if refused:
        raise typer.Exit(1)


def _targets(
    database: Database, uids: list[str], patients: list[str]
) -> list[tuple[str, str, Any]]:
    targets: list[tuple[str, str, Any]] = []
    for patient_id in patients:
        found = [p for p in database.patients() if p.patient_id == patient_id]
        if not found:
            database.series(patient=patient_id)  # raises when nobody ever had the ID
            raise NotFoundError(
                f"the patient with the ID {patient_id!r} was merged into another one: remove "
                "that one, its studies, or undo the merge first (dicomdb patients)",
                reason="merged",
            )
        targets += [("patient", patient_id, p.key) for p in found]
    for uid in uids:
        targets.append((_level(database, uid), uid, uid))
    return targets


def _told(database: Database, level: str, name: str, key: Any) -> str:
    """Return what is about to be removed; of a patient, how much that is."""
    if level != "patient":
        return f"{level} {name}"
    record = next(p for p in database.patients() if p.key == key)
    count = record.instance_count
    told = f"{count} instance{'' if count == 1 else 's'}"
    if record.others:
        told += f" of {len(record.others) + 1} merged identities"
    return f"{level} {name}: {told}"


def _level(database: Database, uid: str) -> str:
    if any(s.uid == uid for s in database.studies()):
        return "study"
    if any(s.uid == uid for s in database.series()):
        return "series"
    if database.instances(uid=uid):
        return "instance"
    raise NotFoundError(f"no study, series or instance has the UID {uid}")


def register(app: typer.Typer) -> None:
    """Add this module's verbs to `app`."""
    app.command("rm")(rm)
