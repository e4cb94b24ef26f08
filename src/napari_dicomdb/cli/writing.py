"""The verb that writes results of other programs as DICOM: write."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_dicomdb.cli.options import DatabaseOption, JsonOption, named_path, open_database
from napari_dicomdb.cli.output import print_json, progress_bar, rejected_rows, say, say_error
from napari_dicomdb.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dicomdb.api import Database
    from napari_dicomdb.export.exporter import Exportable, Need
    from napari_dicomdb.export.source import ExportSource, Label

__all__ = ["register", "write"]

KINDS = ("image", "parametric-map", "seg")
FORMS = ("classic", "enhanced", "secondary-capture", "multi-frame")
_KIND_OF = {"image": "image", "parametric-map": "parametric-map", "seg": "segmentation"}


def write(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.{nii,nii.gz,nrrd}", parser=named_path, help="A result.")
    ],
    study: Annotated[
        str, typer.Option("--study", metavar="UID", help="Study that it belongs to.")
    ] = ...,  # type: ignore[assignment]
    as_: Annotated[
        str, typer.Option("--as", metavar="|".join(KINDS), help="What to write.")
    ] = "image",
    source: Annotated[
        str | None,
        typer.Option(
            "--source",
            metavar="UID",
            help="Series it was made from; the only image series of the study when absent.",
        ),
    ] = None,
    into_db: Annotated[
        bool, typer.Option("--into-db", help="Copy what is written into the database.")
    ] = False,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="DIR", parser=named_path, help="Write into this folder."),
    ] = None,
    node: Annotated[
        str | None, typer.Option("--node", metavar="NAME", help="Send what is written there.")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--form",
            metavar="classic|enhanced|secondary-capture|multi-frame",
            help="Of images: one file a slice, all in one, or as pictures.",
        ),
    ] = None,
    description: Annotated[
        str | None, typer.Option("--description", metavar="TEXT", help="Of the new series.")
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(
            "--names",
            metavar="FILE",
            parser=named_path,
            help="With --as seg: what labels are, as JSON (of dcmqi, nnU-Net or a list) or "
            "ITK-SNAP's text. Said in the header of .seg.nrrd and by TotalSegmentator.",
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Another option; --dry-run lists them."),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Only tell how it could be written, what is lost, and what stands against it.",
        ),
    ] = False,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Write a NIfTI or NRRD file as DICOM images, parametric map or segmentation."""
    from napari_dicomdb.export.linking import linked, source_series
    from napari_dicomdb.export.results import check_results
    from napari_dicomdb.export.segments.label_names import read_label_names
    from napari_dicomdb.export.study import StudyTarget
    from napari_dicomdb.network.nodes import find_node

    if as_ not in KINDS:
        raise typer.BadParameter(f"--as takes {', '.join(KINDS)}")
    if not dry_run and not into_db and to is None and node is None:
        raise typer.BadParameter("say where to write: --into-db, --to DIR or --node NAME")
    if form is not None and form not in FORMS:
        raise typer.BadParameter(f"--form takes {', '.join(FORMS)}")
    if form is not None and as_ != "image":
        raise typer.BadParameter("--form goes with --as image")
    if names is not None and as_ != "seg":
        raise typer.BadParameter("--names goes with --as seg")
    options = _options(set_ or [], description)
    receiver = find_node(node) if node is not None else None
    with progress_bar() as progress, open_database(db, read_only=not into_db) as database:
        series = source_series(database, study, source)
        if series is None:
            _say_no_source(database, study)
        made = linked(_read(file, as_, options), database, series)
        if names is not None:
            made = _named(made, read_label_names(names))
        if not made.geometry or not made.geometry.in_patient:
            made = replace(made, references=())
        offers = _offers(made, _KIND_OF[as_], form)
        chosen = _of_type(offers, options)
        _say_taken(database, study, options)
        if dry_run:
            told = [(o, *_foreseen(o, options, database, study)) for o in offers]
            _tell(told, chosen, json_)
            against = next(error for offer, _, error in told if offer is chosen)
            if against is not None:
                raise against
            target = StudyTarget.of_study(database, study, made.references)
            chosen = _with_options(chosen, options)
            check_results(database, [chosen], target, folder=to, into_database=into_db)
            return
        chosen = _with_options(chosen, options)
        report = database.write(
            chosen, study, folder=to, into_database=into_db, node=receiver, progress=progress
        )
    if json_:
        print_json({**report.to_json(), "rejected": rejected_rows(report.rejected)})
    else:
        say(report.summary())
        for loss in report.losses:
            say(f"  {loss}")
    for uid, reason, text in report.rejected:
        say_error(f"{uid}: {text}", reason)
    if report.rejected:
        raise typer.Exit(1)


def _say_no_source(database: Database, study: str) -> None:
    if len(database.series(study=study)) > 1:
        told = "it refers to no images; --source names the series that it was made from"
        typer.echo(f"note: {told}", err=True)


def _say_taken(database: Database, study: str, options: dict[str, str]) -> None:
    number = options.get("series_number", "").strip()
    if number in {str(one.number) for one in database.series(study=study)}:
        told = f"the study has a series {number}: the next free number is taken"
        typer.echo(f"note: {told}", err=True)


def _read(file: Path, as_: str, options: dict[str, str]) -> ExportSource:
    """Return what a file holds: labels for a segmentation, unless it is to be fractional."""
    from napari_dicomdb.errors import LoadError
    from napari_dicomdb.export.read_source import read_source

    if as_ != "seg":
        return read_source(file)
    if options.get("type", "").upper() == "FRACTIONAL":
        fractions = read_source(file)
        if fractions.dtype.kind == "f":
            return fractions
    try:
        return read_source(file, role="labels")
    except LoadError as error:
        if error.reason != "no-labels":
            raise
        hint = "; fractions of 0 to 1 are written with --set type=FRACTIONAL"
        raise LoadError(f"{error}{hint}", reason=error.reason) from error


def _named(source: ExportSource, labels: dict[int, Label]) -> ExportSource:
    """Return labels with what a file says of them; of names without a label nothing is kept."""
    together = tuple(_named(one, labels) for one in source.together)
    return replace(source, labels={**source.labels, **labels}, together=together)


def _foreseen(
    offer: Exportable, options: dict[str, str], database: Database, study: str
) -> tuple[tuple[str, ...], ExportError | None]:
    """Return what would happen to it on the way to the study, and what stands against it."""
    from napari_dicomdb.export.study import StudyTarget

    if offer.refusal:
        return (), None
    try:
        uids = [u for one in (offer.source, *offer.source.together) for u in one.references]
        target = StudyTarget.of_study(database, study, uids)
        known = {k: v for k, v in options.items() if k in _needs(offer)}
        return _with_options(offer, known).foresee(target), None
    except ExportError as error:
        return (f"{error} ({error.reason})",), error


def _options(given: list[str], description: str | None) -> dict[str, str]:
    options = {}
    for one in given:
        key, equals, value = one.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"--set takes KEY=VALUE, not {one!r}")
        options[key] = value
    if description is not None:
        options["description"] = description
    return options


def _offers(source: ExportSource, kind: str, form: str | None) -> list[Exportable]:
    from napari_dicomdb.export.registry import examine_for_export, failures

    offers = [one for one in examine_for_export(source) if one.kind == kind]
    if form is not None:
        forms = sorted({str(one.options.get("form")) for one in offers})
        offers = [one for one in offers if one.options.get("form") == form]
        if not offers:
            raise ExportError(
                f"it cannot be written as {form!r}, only as {', '.join(forms)}",
                reason="no-exporter",
            )
    if not offers:
        why = "; ".join(failure.text for failure in failures())
        raise ExportError(
            f"no exporter can write it as {kind}{f' ({why})' if why else ''}",
            reason="no-exporter",
        )
    return offers


def _of_type(offers: list[Exportable], options: dict[str, str]) -> Exportable:
    """Return the offer of the type asked for with --set type=LABELMAP, else the best."""
    wanted = options.get("type", "").upper()
    if not wanted or not any("type" in offer.options for offer in offers):
        return offers[0]
    found = [offer for offer in offers if offer.options.get("type") == wanted]
    if not found:
        types = sorted({str(offer.options["type"]) for offer in offers if "type" in offer.options})
        raise ExportError(
            f"it cannot be written as type {wanted}, only as {', '.join(types)}",
            reason="bad-option",
        )
    del options["type"]
    return found[0]


def _needs(offer: Exportable) -> dict[str, Need]:
    """Return what can be said with --set, by key."""
    from napari_dicomdb.export.exporter import SERIES_NUMBER

    return {need.key: need for need in (*offer.needs, SERIES_NUMBER)}


def _with_options(offer: Exportable, options: dict[str, str]) -> Exportable:
    needs = _needs(offer)
    unknown = sorted(set(options) - set(needs))
    if unknown:
        known = ", ".join(sorted(needs))
        raise ExportError(
            f"{offer.name} has no option {', '.join(unknown)}, but {known}", reason="bad-option"
        )
    typed: dict[str, Any] = {}
    for key, text in options.items():
        try:
            typed[key] = _READ.get(needs[key].kind, str)(text)
        except ValueError as error:
            raise ExportError(f"{needs[key].label}: {error}", reason="bad-option") from error
    answered = offer.with_options(**typed)
    if answered.unanswered and not answered.refusal:
        ways = "; ".join(
            f"{need.label}: --set {need.key}={' or '.join(str(v) for v, _ in need.choices)}"
            for need in answered.unanswered
        )
        raise ExportError(f"{answered.name}: first say {ways}", reason="unanswered")
    return answered


def _truth(text: str) -> bool:
    if text.lower() not in ("yes", "no", "true", "false"):
        raise ValueError("say yes or no")
    return text.lower() in ("yes", "true")


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"this is no JSON, such as {_SHOWN['segments']}") from error


_READ: dict[str, Callable[[str], Any]] = {
    "int": int,
    "float": float,
    "bool": _truth,
    "segments": _json,
}

_SHOWN = {"segments": """'[{"value": 1, "label": "liver"}]'""", "bool": "yes | no"}
"""How the value of an option is shown, where its kind does not say it."""


def _tell(
    offers: list[tuple[Exportable, tuple[str, ...], ExportError | None]],
    chosen: Exportable,
    json_: bool,
) -> None:
    if json_:
        print_json(
            [
                {**offer.to_json(), "foreseen": list(told), "is_chosen": offer is chosen}
                for offer, told, _ in offers
            ]
        )
        return
    for offer, told, _ in offers:
        which = "" if offer is not chosen or len(offers) == 1 else ": this is what is written"
        say(f"{offer.name} (confidence {offer.confidence:.2f}){which}")
        for text in (*offer.reasons, *offer.losses, *told, *(f.text for f in offer.findings)):
            say(f"  {text}")
        for need in _needs(offer).values():
            choices = " | ".join(str(value) for value, _ in need.choices)
            told_default = f" (default: {need.default})" if need.default not in (None, "") else ""
            if need.kind == "segments":
                told_default = ", or --names FILE"
            what = choices or _SHOWN.get(need.kind, need.kind.upper())
            say(f"  --set {need.key}={what}  {need.label}{told_default}")


def register(app: typer.Typer) -> None:
    """Add this module's verbs to `app`."""
    app.command("write")(write)
