"""The verbs about anonymised copies afterwards: mapping, and blackout-presets before."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_dicomdb.cli.options import JsonOption, named_path
from napari_dicomdb.cli.output import print_json, print_table, say
from napari_dicomdb.cli.profile_options import asked_passphrase
from napari_dicomdb.errors import ExportError, NotFoundError

__all__ = ["mapping", "presets", "register"]

presets = typer.Typer(
    help="Rectangles blacked out in all images of a device: list, add, remove.",
    no_args_is_help=True,
)


def mapping(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", parser=named_path, help="That `deidentify --mapping` wrote."
        ),
    ],
    values: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ID|UID...]",
            help="Pseudonyms, original PatientIDs or UIDs of either; all patients when none.",
        ),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Look up who a pseudonym stands for; an encrypted mapping asks for its passphrase."""
    from napari_dicomdb.export.deidentification.mapping import is_encrypted, read_mapping

    passphrase = asked_passphrase(again=False) if is_encrypted(file) else ""
    found = read_mapping(file, passphrase).look_up(values or ())
    if json_:
        print_json([{"kind": f.kind, "original": f.original, "new": f.new} for f in found])
    elif found:
        print_table(("Kind", "Original", "New"), [(f.kind, f.original, f.new) for f in found])
    known = {text for one in found for text in (one.original, one.new)}
    unknown = [value for value in values or () if value not in known]
    if unknown:
        raise NotFoundError(f"{len(unknown)} of the values are not in the mapping")


@presets.command("ls")
def ls(json_: JsonOption = False) -> None:
    """List the presets."""
    from napari_dicomdb.export.deidentification.regions import blackout_presets

    found = blackout_presets()
    if json_:
        print_json([one.to_json() for one in found])
        return
    print_table(
        ("Name", "Modality", "Device", "Size", "Rectangles"),
        [
            (
                one.name,
                one.modality,
                f"{one.manufacturer} {one.model}".strip(),
                f"{one.columns} x {one.rows}",
                "; ".join(map(str, one.rectangles)),
            )
            for one in found
        ],
    )


@presets.command("add")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="One of this name is replaced.")],
    image: Annotated[
        Path,
        typer.Argument(
            metavar="IMAGE", parser=named_path, help="A file of the device, of the usual size."
        ),
    ],
    blackout: Annotated[
        list[str],
        typer.Option("--blackout", metavar="X,Y,W,H", help="Rectangle of pixels, several times."),
    ],
    json_: JsonOption = False,
) -> None:
    """Keep rectangles for all images of the same modality, device and size as IMAGE."""
    from napari_dicomdb.export.deidentification.regions import (
        BlackoutPreset,
        parse_rectangle,
        save_preset,
    )
    from napari_dicomdb.export.deidentification.rewriting import read_source

    try:
        rectangles = [parse_rectangle(text) for text in blackout]
    except ExportError as error:
        raise typer.BadParameter(str(error)) from error
    preset = BlackoutPreset.of_image(name, read_source(image).dataset, rectangles)
    save_preset(preset)
    if json_:
        print_json(preset.to_json())
    else:
        say(f"Kept {preset.name} for images of {preset.columns} x {preset.rows} pixels.")


@presets.command("remove")
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME")], json_: JsonOption = False
) -> None:
    """Forget a preset."""
    from napari_dicomdb.export.deidentification.regions import remove_preset

    remove_preset(name)
    if json_:
        print_json({"removed": name})
    else:
        say(f"Removed {name}.")


def register(app: typer.Typer) -> None:
    """Add this module's verbs to `app`."""
    app.command("mapping")(mapping)
    app.add_typer(presets, name="blackout-presets")
