"""Options of verbs that write anonymised copies: what stays, names, what goes black."""

from __future__ import annotations

import csv
import functools
import inspect
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_dicomdb.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dicomdb.export.deidentification.profile import Profile

__all__ = [
    "PASSPHRASE_VARIABLE",
    "AllowedTextsOption",
    "Anonymising",
    "BlackoutOption",
    "DefaceOption",
    "DeidentifyOption",
    "EncryptOption",
    "MappingOption",
    "NoRecompressOption",
    "OutsideRegionsOption",
    "PatientIdOption",
    "PatientNameOption",
    "PixelsCheckedOption",
    "PresetsOption",
    "ProjectOption",
    "PseudonymsOption",
    "RetainDatesOption",
    "RetainOption",
    "ShiftDatesOption",
    "asked_passphrase",
    "may_anonymise",
    "passphrase_for",
    "profile_of",
]

PASSPHRASE_VARIABLE = "DICOMDB_PASSPHRASE"
"""Environment variable of the passphrase of a mapping, where nobody can be asked."""

_NAMES = (
    "characteristics, descriptors, structured-content, graphics, device, institution, uids, "
    "safe-private, extended-private"
)

DeidentifyOption = Annotated[
    bool,
    typer.Option(
        "--deidentify",
        help="Anonymised copies instead of the files (PS3.15 Basic Profile); see `deidentify`.",
    ),
]
RetainDatesOption = Annotated[
    bool, typer.Option("--retain-dates", help="Keep dates; else they are removed.")
]
ShiftDatesOption = Annotated[
    bool,
    typer.Option("--shift-dates", help="Shift dates, by as many days for all of a patient."),
]
RetainOption = Annotated[
    list[str] | None,
    typer.Option("--retain", metavar="NAME,...", help=f"Keep more: {_NAMES}."),
]
ProjectOption = Annotated[
    str,
    typer.Option(
        "--project",
        metavar="NAME",
        help="The same patient and UID become the same in all exports of a project.",
    ),
]
PatientIdOption = Annotated[
    str,
    typer.Option(
        "--patient-id",
        metavar="TEXT",
        help="New PatientID; {code} is a keyed code, {number} counts patients.",
    ),
]
PatientNameOption = Annotated[
    str, typer.Option("--patient-name", metavar="TEXT", help="New PatientName, likewise.")
]
PseudonymsOption = Annotated[
    Path | None,
    typer.Option(
        "--pseudonyms", metavar="FILE.csv", help="Original and new PatientID, one pair a line."
    ),
]
BlackoutOption = Annotated[
    list[str] | None,
    typer.Option(
        "--blackout",
        metavar="X,Y,W,H[@MODALITY]",
        help="Rectangle of pixels to black out; @ also takes a series UID.",
    ),
]
OutsideRegionsOption = Annotated[
    bool,
    typer.Option(
        "--outside-regions",
        help="Black out all that is outside of the regions that ultrasound images name.",
    ),
]
PresetsOption = Annotated[
    bool,
    typer.Option(
        "--presets", help="Black out the rectangles kept for devices; see `blackout-presets`."
    ),
]
NoRecompressOption = Annotated[
    bool,
    typer.Option(
        "--no-recompress",
        help="Leave pixels uncompressed that had to be decoded to be blacked out.",
    ),
]
AllowedTextsOption = Annotated[
    Path | None,
    typer.Option(
        "--allowed-texts",
        metavar="FILE.txt",
        help="Descriptions kept as they are, one a line (with --retain descriptors).",
    ),
]
PixelsCheckedOption = Annotated[
    bool,
    typer.Option("--pixels-checked", help="I have looked: no text is burned into the images."),
]
DefaceOption = Annotated[
    str,
    typer.Option("--deface", metavar="NAME", help="Remove faces by a defacer of another package."),
]
MappingOption = Annotated[
    Path | None,
    typer.Option(
        "--mapping", metavar="FILE", help="Note which pseudonym stands for whom; keep it safe."
    ),
]
EncryptOption = Annotated[
    bool,
    typer.Option(
        "--encrypt",
        help=f"Encrypt the mapping: asks for a passphrase, or takes {PASSPHRASE_VARIABLE}.",
    ),
]


def profile_of(
    *,
    retain: list[str] | None = None,
    retain_dates: bool = False,
    shift_dates: bool = False,
    project: str = "",
    patient_id: str = "{code}",
    patient_name: str = "{code}",
    pseudonyms: Path | None = None,
    blackout: list[str] | None = None,
    outside_regions: bool = False,
    presets: bool = False,
    recompress: bool = True,
    pixels_checked: bool = False,
    allowed_texts: Path | None = None,
    deface: str = "",
) -> Profile:
    """Return what the options ask for.

    Raises
    ------
    typer.BadParameter
        If they contradict each other, or one is not possible.
    """
    from napari_dicomdb.export.deidentification.defacing import defacer_named
    from napari_dicomdb.export.deidentification.profile import Profile
    from napari_dicomdb.export.deidentification.regions import blackout_presets, parse_rectangle

    if retain_dates and shift_dates:
        raise typer.BadParameter("dates are either kept or shifted: give one of the two")
    names = [name.strip() for text in retain or () for name in text.split(",") if name.strip()]
    try:
        return Profile.retaining(
            names,
            dates="keep" if retain_dates else "shift" if shift_dates else "remove",
            project=project,
            patient_id=patient_id,
            patient_name=patient_name,
            pseudonyms=_pseudonyms(pseudonyms),
            blackout=tuple(parse_rectangle(text) for text in blackout or ()),
            outside_regions=outside_regions,
            presets=blackout_presets() if presets else (),
            recompress=recompress,
            pixels_confirmed=pixels_checked,
            allowed_texts=_lines(allowed_texts),
            deface=defacer_named(deface) if deface else None,
        )
    except ExportError as error:
        raise typer.BadParameter(str(error)) from error


@dataclass(frozen=True)
class Anonymising:
    """What the options of a verb that may anonymise ask for.

    Parameters
    ----------
    profile : Profile or None
        None: it is not to anonymise.
    mapping : Path or None
    passphrase : str
        Of the mapping.
    """

    profile: Profile | None
    mapping: Path | None = None
    passphrase: str = field(default="", repr=False)

    @property
    def options(self) -> dict[str, Any]:
        """As `Database.export` and `Database.send` take them."""
        return {
            "deidentify": self.profile, "mapping": self.mapping, "passphrase": self.passphrase
        }  # fmt: skip


def _asked(
    deidentify: DeidentifyOption = False,
    retain_dates: RetainDatesOption = False,
    shift_dates: ShiftDatesOption = False,
    retain: RetainOption = None,
    project: ProjectOption = "",
    pseudonyms: PseudonymsOption = None,
    blackout: BlackoutOption = None,
    outside_regions: OutsideRegionsOption = False,
    presets: PresetsOption = False,
    pixels_checked: PixelsCheckedOption = False,
    mapping: MappingOption = None,
    encrypt: EncryptOption = False,
) -> Anonymising:
    """Return what these options ask for; their names and order are those of the command."""
    of_profile: dict[str, Any] = {
        "retain_dates": retain_dates, "shift_dates": shift_dates, "retain": retain,
        "project": project, "pseudonyms": pseudonyms, "blackout": blackout,
        "outside_regions": outside_regions, "presets": presets, "pixels_checked": pixels_checked,
    }  # fmt: skip
    given = [name for name, value in of_profile.items() if value]
    if given and not deidentify:
        raise typer.BadParameter(
            f"--{given[0].replace('_', '-')} is for anonymised copies: give --deidentify, too"
        )
    profile = profile_of(**of_profile) if deidentify else None
    return Anonymising(
        profile, mapping, passphrase_for(mapping, encrypt=encrypt, anonymises=deidentify)
    )


def may_anonymise(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb the options of anonymised copies, where its parameter `anonymising` is.

    The verb gets an `Anonymising` there.

    Raises
    ------
    typer.BadParameter
        By the verb: as `profile_of` and `passphrase_for`, or if there are options of
        anonymised copies and `--deidentify` is not given.
    """
    options = inspect.signature(_asked, eval_str=True).parameters
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(verb, eval_str=True).parameters.values():
        parameters += options.values() if parameter.name == "anonymising" else [parameter]

    @functools.wraps(verb)
    def wrapped(**given: Any) -> None:
        asked = {name: given.pop(name) for name in options}
        verb(**given, anonymising=_asked(**asked))

    wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {one.name: one.annotation for one in parameters}
    return wrapped


def _lines(path: Path | None) -> frozenset[str]:
    if path is None:
        return frozenset()
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ExportError(f"{path} cannot be read as a list of texts") from error
    return frozenset(line.strip() for line in lines if line.strip())


def _pseudonyms(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ExportError(f"{path} cannot be read as a list of pseudonyms") from error
    wrong = [number for number, row in enumerate(rows, 1) if len(row) != 2 or not all(row)]
    if wrong:
        raise ExportError(f"{path}, line {wrong[0]}: give the original ID, a comma, the new ID")
    return {row[0]: row[1] for row in rows}


def passphrase_for(mapping: Path | None, *, encrypt: bool, anonymises: bool = True) -> str:
    """Return the passphrase of a new mapping, "" when it is not encrypted.

    Raises
    ------
    typer.BadParameter
        If there is no mapping to encrypt, or nothing that a mapping could be of.
    """
    if mapping is not None and not anonymises:
        raise typer.BadParameter("--mapping is for anonymised copies: give --deidentify, too")
    if encrypt and mapping is None:
        raise typer.BadParameter("--encrypt is for the --mapping FILE")
    return asked_passphrase(again=True) if encrypt else ""


def asked_passphrase(*, again: bool) -> str:
    """Return the passphrase of a mapping: of the environment, else asked for.

    Parameters
    ----------
    again : bool
        Have it typed twice: it is a new one.
    """
    named = os.environ.get(PASSPHRASE_VARIABLE, "")
    if named:
        return named
    asked: str = typer.prompt(
        "Passphrase of the mapping", hide_input=True, confirmation_prompt=again, err=True
    )
    return asked
