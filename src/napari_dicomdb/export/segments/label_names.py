"""Names, colours and codes of labels as other programs keep them.

In the header of the labels (3D Slicer, TotalSegmentator), or in a file beside them
(dcmqi, nnU-Net, ITK-SNAP, or a plain list).
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from xml.etree import ElementTree

from napari_dicomdb.errors import LoadError
from napari_dicomdb.export.source import Label

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

__all__ = ["labels_of_extensions", "labels_of_nrrd", "layers_of_nrrd", "read_label_names"]

_MOST_BYTES = 1 << 24
# What 3D Slicer separates by "~", in its order (vtkMRMLSegmentation, TerminologyEntry).
_ENTRY = ("", "category", "type", "type_modifier", "", "region", "region_modifier")
_DCMQI = {
    "category": "SegmentedPropertyCategoryCodeSequence",
    "type": "SegmentedPropertyTypeCodeSequence",
    "type_modifier": "SegmentedPropertyTypeModifierCodeSequence",
    "region": "AnatomicRegionSequence",
    "region_modifier": "AnatomicRegionModifierSequence",
}
_DCMQI_TEXTS = {
    "description": "SegmentDescription",
    "algorithm_type": "SegmentAlgorithmType",
    "algorithm_name": "SegmentAlgorithmName",
    "tracking_id": "TrackingIdentifier",
    "tracking_uid": "TrackingUniqueIdentifier",
}


def labels_of_nrrd(header: Mapping[str, Any]) -> dict[int, Label]:
    """Return the segments that 3D Slicer describes in the header of a ``.seg.nrrd``.

    Where it keeps overlapping segments in several layers, labels may repeat: see
    `layers_of_nrrd`.
    """
    found: dict[int, Label] = {}
    for one, _ in _slicer_segments(header):
        found.setdefault(one.value, one)
    return found


def layers_of_nrrd(header: Mapping[str, Any]) -> list[dict[int, Label]]:
    """Return the segments of each layer of a ``.seg.nrrd``."""
    layers: dict[int, dict[int, Label]] = {}
    for one, layer in _slicer_segments(header):
        layers.setdefault(layer, {})[one.value] = one
    return [layers.get(k, {}) for k in range(max(layers, default=-1) + 1)]


def _slicer_segments(header: Mapping[str, Any]) -> Iterable[tuple[Label, int]]:
    keys = (re.fullmatch(r"Segment(\d+)_LabelValue", str(key)) for key in header)
    numbers = sorted(int(match[1]) for match in keys if match)
    for k in numbers:
        told = {
            name: str(header.get(f"Segment{k}_{name}", ""))
            for name in ("LabelValue", "Layer", "Name", "Color", "Tags")
        }
        try:
            value, layer = int(told["LabelValue"]), int(told["Layer"] or 0)
            parts = [float(x) for x in told["Color"].split()]
        except ValueError:
            continue
        if value:
            colour = (parts[0], parts[1], parts[2]) if len(parts) == 3 else None
            yield Label(value, told["Name"], colour, _terminology(told["Tags"])), layer


def _terminology(tags: str) -> dict[str, str]:
    """Return the codes of the tag TerminologyEntry of 3D Slicer, as columns of features."""
    found: dict[str, str] = {}
    for tag in tags.split("|"):
        name, _, entry = tag.partition(":")
        if name.strip() != "TerminologyEntry":
            continue
        for key, code in zip(_ENTRY, unquote(entry).split("~"), strict=False):
            parts = code.split("^")
            if key and len(parts) == 3 and parts[0] and parts[1]:
                found[f"{key}_code"] = f"{parts[0]} {parts[1]}"
                found[key] = parts[2]
    return found


def labels_of_extensions(extensions: Iterable[Any]) -> dict[int, Label]:
    """Return the label table that TotalSegmentator, and Caret, keep in a NIfTI header.

    Parameters
    ----------
    extensions : iterable
        Those of nibabel: with ``get_content()``.
    """
    for one in extensions:
        content = one.get_content()
        text = content if isinstance(content, bytes) else str(content).encode()
        if b"<LabelTable" in text and b"<!DOCTYPE" not in text and b"<!ENTITY" not in text:
            try:
                root = ElementTree.fromstring(text.strip(b"\0 \r\n\t"))
            except ElementTree.ParseError:
                continue
            return {one.value: one for one in map(_of_caret, root.iter("Label")) if one.value}
    return {}


def _of_caret(element: ElementTree.Element) -> Label:
    try:
        value = int(element.get("Key", "0"))
        red, green, blue = (float(element.get(c, "")) for c in ("Red", "Green", "Blue"))
    except ValueError:
        return Label(_whole(element.get("Key")), (element.text or "").strip())
    scale = 255.0 if max(red, green, blue) > 1 else 1.0
    colour = (red / scale, green / scale, blue / scale)
    return Label(value, (element.text or "").strip(), colour)


def read_label_names(path: str | os.PathLike[str]) -> dict[int, Label]:
    """Read what labels are from a file.

    Parameters
    ----------
    path : path-like
        JSON of dcmqi (``segmentAttributes``), of nnU-Net (``labels``), of numbers and names
        (``{"1": "liver"}``) or a list of what `SegmentMeaning` has; or label
        descriptions of ITK-SNAP (``.txt``, ``.label``).

    Raises
    ------
    LoadError
        "unreadable", "unsupported-format".
    """
    path = Path(path)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise LoadError(f"{path} is no list of labels: it is too large", reason="unreadable")
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise LoadError(f"{path} cannot be read: {error}", reason="unreadable") from error
    try:
        found = _of_json(json.loads(text)) if text.lstrip()[:1] in "[{" else _of_itk_snap(text)
    except (
        ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError
    ) as error:  # fmt: skip
        raise LoadError(f"{path} is no list of labels", reason="unsupported-format") from error
    if not found:
        raise LoadError(f"{path} names no label", reason="unsupported-format")
    return {one.value: one for one in found if one.value}


def _of_json(told: Any) -> list[Label]:
    if isinstance(told, list):
        return [_of_row(row) for row in told]
    if "segmentAttributes" in told:
        return [_of_dcmqi(row) for group in told["segmentAttributes"] for row in group]
    table = told.get("labels", told)
    if isinstance(table, list):
        return [_of_row(row) for row in table]
    # nnU-Net has {"liver": 1}, others {"1": "liver"}; regions [1, 2] are no label.
    pairs = [(n, v) if isinstance(n, str) and n.lstrip("-").isdigit() else (v, n)
             for n, v in table.items() if not isinstance(v, list)]  # fmt: skip
    named = [(_number(value), _name(name)) for value, name in pairs]
    return [Label(value, name) for value, name in named if name.lower() != "background"]


def _number(value: Any) -> int:
    if isinstance(value, float) and not value.is_integer():
        raise ValueError("the number of a label is whole")
    return int(value)


def _name(told: Any) -> str:
    if isinstance(told, (dict, list)):
        raise TypeError("the name of a label is a text")
    return "" if told is None else str(told)


def _of_row(row: Mapping[str, Any]) -> Label:
    features: dict[str, Any] = {}
    for key, value in row.items():
        if key in _DCMQI and isinstance(value, list):
            scheme, meaning = str(value[1]), str(value[2]) if len(value) > 2 else ""
            features[f"{key}_code"], features[key] = f"{scheme} {value[0]}", meaning
        elif key in _DCMQI and value:
            features[f"{key}_code"] = str(value)
        elif key not in ("value", "label", "name", "colour"):
            features[key] = str(value)
    name = str(row.get("label") or row.get("name") or "")
    return Label(_number(row["value"]), name, _rgb(row.get("colour")), features)


def _of_dcmqi(row: Mapping[str, Any]) -> Label:
    features: dict[str, Any] = {}
    for key, keyword in _DCMQI.items():
        code = row.get(keyword)
        code = code[0] if isinstance(code, list) and code else code
        if code:
            features[f"{key}_code"] = f"{code['CodingSchemeDesignator']} {code['CodeValue']}"
            features[key] = str(code.get("CodeMeaning", ""))
    features |= {k: str(row[keyword]) for k, keyword in _DCMQI_TEXTS.items() if keyword in row}
    name = str(row.get("SegmentLabel") or features.get("description") or features.get("type", ""))
    colour = _rgb(row.get("recommendedDisplayRGBValue"))
    return Label(int(row["labelID"]), name, colour, features)


def _of_itk_snap(text: str) -> list[Label]:
    found = []
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            number, red, green, blue, *_, name = shlex.split(line)
            found.append(Label(int(number), name, _rgb([int(red), int(green), int(blue)])))
    return found


def _rgb(value: Any) -> tuple[float, float, float] | None:
    if not value:
        return None
    red, green, blue = (min(max(float(c) / 255, 0.0), 1.0) for c in value[:3])
    return (red, green, blue)


def _whole(text: str | None) -> int:
    return int(text) if text is not None and text.lstrip("-").isdigit() else 0
