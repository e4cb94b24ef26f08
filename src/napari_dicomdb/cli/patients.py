"""The verbs about patients: similar, merge, split, undo, history."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_dicomdb.cli.options import DatabaseOption, JsonOption, open_database
from napari_dicomdb.cli.output import print_json, print_table, say, visible

if TYPE_CHECKING:
    from napari_dicomdb.database.patients import PatientChange
    from napari_dicomdb.database.records import PatientRecord

__all__ = ["register"]

patients = typer.Typer(
    help="Patients that are one person, or two: merge and split them. No file is edited.",
    no_args_is_help=True,
)

_COLUMNS = ("key", "name", "ID", "issuer", "birth date", "sex", "studies", "merged with")
_WHO = "PatientID, or the key that `similar` and `list` show (#12)."
_NAMED = typer.Argument(metavar="PATIENT", help=_WHO)


@patients.command("list")
def list_(db: DatabaseOption = None, json_: JsonOption = False) -> None:
    """List all patients with their keys and the identities merged into them."""
    with open_database(db, read_only=True) as database:
        found = database.patients()
    if json_:
        print_json([_as_json(p) for p in found])
    else:
        _print_patients(found)


@patients.command("similar")
def similar(db: DatabaseOption = None, json_: JsonOption = False) -> None:
    """Suggest patients that may be one person: same ID, or same name and birth date."""
    with open_database(db, read_only=True) as database:
        found = database.similar_patients()
    if json_:
        print_json(
            [
                {
                    "code": one.code,
                    "reason": one.reason,
                    "patients": [_as_json(p) for p in one.patients],
                }
                for one in found
            ]
        )
        return
    for one in found:
        say(f"{one.reason}:")
        _print_patients(one.patients)
        say("")
    if not found:
        say("no patients that seem to be one person")


@patients.command("merge")
def merge(
    into: Annotated[str, typer.Argument(metavar="INTO", help=f"Who is listed: {_WHO}")],
    others: Annotated[
        list[str], typer.Argument(metavar="OTHER...", help="Who is the same person.")
    ],
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Show the studies of OTHER with INTO, those imported later, too."""
    with open_database(db) as database:
        record = database.merge_patients(_key(into), [_key(one) for one in others])
    _tell(record, json_)


@patients.command("split")
def split(
    patient: Annotated[str, _NAMED],
    study: Annotated[
        list[str],
        typer.Option("--study", metavar="UID", help="Study to split off; may be given again."),
    ],
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Make chosen studies of a patient a patient of their own."""
    with open_database(db) as database:
        record = database.split_patient(_key(patient), study)
    _tell(record, json_)


@patients.command("undo")
def undo(
    numbers: Annotated[
        list[int] | None,
        typer.Argument(metavar="[N...]", help="Numbers that `history` shows; else the last one."),
    ] = None,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Take merges and splits back."""
    with open_database(db) as database:
        done = [database.undo_patient_change(number) for number in (numbers or (None,))]
    if json_:
        print_json([_change_json(change) for change in done])
        return
    for change in done:
        say(f"undone: {visible(change)}")


@patients.command("history")
def history(db: DatabaseOption = None, json_: JsonOption = False) -> None:
    """List the merges and splits that are in force, the latest first."""
    with open_database(db, read_only=True) as database:
        changes = database.patient_changes()
    if json_:
        print_json([_change_json(change) for change in changes])
        return
    print_table(
        ("N", "when", "what"),
        [(change.key, _when(change.at), str(change)) for change in changes],
        right=("N",),
    )


def _key(text: str) -> int | str:
    number = text.removeprefix("#")
    return int(number) if text.startswith("#") and number.isdecimal() else text


def _when(at: float) -> str:
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M")


def _tell(record: PatientRecord, json_: bool) -> None:
    if json_:
        print_json(_as_json(record))
    else:
        _print_patients([record])


def _print_patients(records: Any) -> None:
    print_table(
        _COLUMNS,
        [
            (
                f"#{p.key}",
                p.display_name + (" (split off)" if p.is_split else ""),
                p.patient_id,
                p.issuer,
                p.birth_date,
                p.sex,
                p.study_count,
                "; ".join(map(str, p.others)),
            )
            for p in records
        ],
        right=("studies",),
    )


def _as_json(record: PatientRecord) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(record), "display_name": record.display_name}


def _change_json(change: PatientChange) -> dict[str, Any]:
    return {**change.to_json(), "text": str(change)}


def register(app: typer.Typer) -> None:
    """Add this module's verbs to `app`."""
    app.add_typer(patients, name="patients")
