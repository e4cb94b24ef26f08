"""The verb that prints the attributes of one object: show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_dicomdb.cli.options import DatabaseOption, JsonOption, open_database
from napari_dicomdb.cli.output import print_json, say, visible
from napari_dicomdb.errors import HeaderError, NotDicomError, NotFoundError

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["register", "show"]

MAX_VALUE = 120


def show(
    target: Annotated[str, typer.Argument(metavar="INSTANCE|PATH", help="SOP UID or file.")],
    filter_: Annotated[
        str | None,
        typer.Option("--filter", metavar="TEXT", help="Only lines with TEXT in name, tag, value."),
    ] = None,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Print the attributes of one instance, sequences indented; pixels are left out."""
    path = Path(target)
    if not path.is_file():
        path = _instance_path(target, db)
    dataset = _read(path)
    if json_:
        everything = {**dataset.file_meta.to_json_dict(), **dataset.to_json_dict()}
        print_json(everything)
        return
    wanted = filter_.casefold() if filter_ else ""
    for line in (*_lines(dataset.file_meta, 0), *_lines(dataset, 0)):
        if wanted in line.casefold():
            say(line)


def _instance_path(uid: str, db: Path | None) -> Path:
    with open_database(db, read_only=True) as database:
        records = database.instances(uid=uid)
    if not records:
        raise NotFoundError(f"neither a file nor an instance of the database: {uid}")
    return records[0].path


def _read(path: Path) -> Dataset:
    import pydicom
    from pydicom.errors import InvalidDicomError

    from napari_dicomdb.dicom.header import scan_file

    # The scanner tells apart what is not DICOM, truncated, hostile...
    scan_file(path)
    try:
        return pydicom.dcmread(path, stop_before_pixels=True, force=True)
    except InvalidDicomError as error:
        raise NotDicomError(f"{path}: {error}") from error
    except (ValueError, EOFError, KeyError, NotImplementedError) as error:
        raise HeaderError(f"{path}: {error}") from error


def _lines(dataset: Dataset, depth: int) -> Iterator[str]:
    indent = "  " * depth
    for element in dataset:
        tag = f"({element.tag.group:04X},{element.tag.element:04X})"
        head = f"{indent}{tag} {element.VR} {element.name}"
        if element.VR == "SQ":
            yield f"{head}: {len(element.value)} item(s)"
            for number, item in enumerate(element.value, 1):
                yield f"{indent}  item {number}"
                yield from _lines(item, depth + 2)
            continue
        if isinstance(element.value, bytes):
            value = f"{len(element.value)} bytes"
        else:
            value = visible(element.value)
        if len(value) > MAX_VALUE:
            value = f"{value[:MAX_VALUE]}... ({len(value)} characters)"
        yield f"{head}: {value}"


def register(app: typer.Typer) -> None:
    """Add this module's verbs to `app`."""
    app.command("show")(show)
