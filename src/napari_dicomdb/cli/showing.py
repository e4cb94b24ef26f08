"""The verb that prints the attributes of one object: show."""

from __future__ import annotations

import base64
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_dicomdb.cli.options import DatabaseOption, JsonOption, open_database
from napari_dicomdb.cli.output import print_json, say, visible
from napari_dicomdb.errors import HeaderError, NotDicomError, NotFoundError

if TYPE_CHECKING:
    from pydicom import DataElement, Dataset
    from pydicom.tag import BaseTag

__all__ = ["register", "show"]

MAX_VALUE = 120

# What pydicom raises on values that contradict their VR, and on VRs that do not exist.
_UNREADABLE = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    NotImplementedError,
    EOFError,
)


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
    with warnings.catch_warnings():
        # What pydicom warns of is in the values shown.
        warnings.simplefilter("ignore")
        dataset = _read(path)
        if json_:
            print_json({**_json(dataset.file_meta), **_json(dataset)})
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
    except _UNREADABLE as error:
        raise HeaderError(f"{path}: {error}") from error


def _element(dataset: Dataset, tag: BaseTag) -> DataElement | None:
    """Return an element, or None when its value cannot be made out."""
    try:
        return dataset[tag]
    except _UNREADABLE:
        return None


def _raw(dataset: Dataset, tag: BaseTag) -> bytes:
    # As in the file; only until the element has been made out.
    value = dataset.get_item(tag).value
    return value if isinstance(value, bytes) else b""


def _lines(dataset: Dataset, depth: int) -> Iterator[str]:
    from pydicom.datadict import dictionary_description, dictionary_has_tag

    indent = "  " * depth
    for tag in sorted(dataset.keys()):
        head = f"{indent}({tag.group:04X},{tag.element:04X})"
        element = _element(dataset, tag)
        if element is None:
            name = dictionary_description(tag) if dictionary_has_tag(tag) else "Unknown"
            yield f"{head} ?? {name}: unreadable: {_cut(visible(_raw(dataset, tag)))}"
            continue
        head = f"{head} {element.VR} {visible(element.name)}"
        if element.VR == "SQ":
            yield f"{head}: {len(element.value)} item(s)"
            for number, item in enumerate(element.value, 1):
                yield f"{indent}  item {number}"
                yield from _lines(item, depth + 2)
        elif isinstance(element.value, bytes):
            yield f"{head}: {len(element.value)} bytes"
        else:
            yield f"{head}: {_cut(visible(element.value))}"


def _cut(value: str) -> str:
    if len(value) <= MAX_VALUE:
        return value
    return f"{value[:MAX_VALUE]}... ({len(value)} characters)"


def _json(dataset: Dataset) -> dict[str, Any]:
    """Return the DICOM JSON model (PS3.18 Annex F); what contradicts its VR as bytes."""
    model: dict[str, Any] = {}
    for tag in sorted(dataset.keys()):
        raw = _raw(dataset, tag)
        element = _element(dataset, tag)
        try:
            if element is not None and element.VR == "SQ":
                value: Any = {"vr": "SQ", "Value": [_json(item) for item in element.value]}
            elif element is not None:
                value = element.to_json_dict(None, 1024)
            else:
                value = None
        except _UNREADABLE:
            value = None
        if value is None:
            value = {"vr": "UN", "InlineBinary": base64.b64encode(raw).decode("ascii")}
        model[f"{tag:08X}"] = value
    return model


def register(app: typer.Typer) -> None:
    """Add this module's verbs to `app`."""
    app.command("show")(show)
