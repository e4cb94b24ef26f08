"""Attributes and tables of them as JSON, CSV and text that other programs read."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom._attribute_values import raw_bytes
from napari_dicomdb.dicom.attributes import quiet
from napari_dicomdb.dicom.unreadable import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pydicom import DataElement, Dataset

    from napari_dicomdb.dicom.attributes import AttributeTree

__all__ = ["csv_text", "json_model", "safe_cell", "tree_csv", "tree_json", "tree_lines",
           "write_text"]  # fmt: skip

BYTE_ORDER_MARK = "\ufeff"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_INLINE = 1024  # bytes
_CHARSET = 0x00080005


def safe_cell(value: object) -> str:
    """Return a cell that no spreadsheet takes for a formula.

    Text that begins like one is led by an apostrophe; numbers stay as they are.

    Examples
    --------
    >>> safe_cell("=HYPERLINK(1)"), safe_cell("-1.5"), safe_cell("+49 30"), safe_cell(None)
    ("'=HYPERLINK(1)", '-1.5', "'+49 30", '')
    """
    text = "" if value is None else str(value)
    if not text.lstrip(" ").startswith(_FORMULA):
        return text
    if all(_is_number(part) for part in text.split("\\")):
        return text
    return f"'{text}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return not text.startswith("@")


def csv_text(
    header: Sequence[str], rows: Iterable[Sequence[object]], *, byte_order_mark: bool = False
) -> str:
    """Return a table as CSV (RFC 4180): CRLF, quotes where needed, no formulas.

    Parameters
    ----------
    header : sequence of str
    rows : iterable of sequence
    byte_order_mark : bool
        Begin with one, by which Excel knows UTF-8.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([safe_cell(cell) for cell in header])
    for row in rows:
        writer.writerow([safe_cell(cell) for cell in row])
    return (BYTE_ORDER_MARK if byte_order_mark else "") + out.getvalue()


def tree_csv(tree: AttributeTree, *, byte_order_mark: bool = False) -> str:
    """Return the tree as CSV: path, tag, keyword, name, VR, VM, value in full."""
    rows = (
        (one.words, one.tag_text, one.keyword, one.name, one.vr, one.vm, tree.whole_value(one))
        for one in tree.walk()
        if not one.is_item
    )
    header = ("Path", "Tag", "Keyword", "Name", "VR", "VM", "Value")
    return csv_text(header, rows, byte_order_mark=byte_order_mark)


def tree_lines(tree: AttributeTree) -> Iterator[str]:
    """Yield the tree as indented text, one attribute a line."""
    for one in tree.walk():
        indent = "  " * one.depth
        if one.is_item:
            yield f"{indent}{one.name.lower()}"
        else:
            trouble = f" ({one.problem})" if one.problem else ""
            yield f"{indent}{one.tag_text} {one.vr} {one.name}: {one.value}{trouble}"


def tree_json(tree: AttributeTree) -> dict[str, Any]:
    """Return the DICOM JSON model (PS3.18 Annex F), which has no file meta information."""
    model: dict[str, Any] = {}
    with quiet():
        for part in tree.parts:
            model.update(json_model(part))
    return model


def json_model(dataset: Dataset) -> dict[str, Any]:
    """Return the DICOM JSON model (PS3.18 Annex F); what contradicts its VR as bytes."""
    model: dict[str, Any] = {}
    for tag in sorted(dataset.keys()):
        if tag >> 16 == 2 or tag & 0xFFFF == 0:
            continue  # what belongs to the encoding as a file
        raw = raw_bytes(dataset.get_item(tag)) or b""  # until the element has been made out
        element = _element(dataset, tag)
        try:
            if element is not None and element.VR == "SQ":
                items = [json_model(item) for item in element.value]
                value: Any = {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}
            elif tag == _CHARSET:
                value = {"vr": "CS", "Value": ["ISO_IR 192"]}  # JSON is UTF-8
            elif element is not None:
                value = element.to_json_dict(None, _INLINE)
            else:
                value = None
        except unreadable(OSError):
            value = None
        if value is None:
            value = {"vr": "UN", "InlineBinary": base64.b64encode(raw).decode("ascii")}
        model[f"{tag:08X}"] = value
    return model


def _element(dataset: Dataset, tag: Any) -> DataElement | None:
    try:
        element: DataElement = dataset[tag]
    except unreadable(OSError):
        return None
    return element


def json_text(value: Any) -> str:
    """Return `value` as JSON; numbers that JSON has not become null."""
    return json.dumps(_finite(value), ensure_ascii=False, indent=2, default=str)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_text(path: str | os.PathLike[str], text: str) -> Path:
    """Write a text file that is whole or not there; what was there before is replaced.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    target = Path(path)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    partial = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogatepass", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target
