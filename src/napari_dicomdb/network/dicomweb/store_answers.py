"""What a server says of each instance that was sent to it (PS3.18 Annex I)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.dicomweb.http_statuses import status_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from napari_dicomdb.network.node import Node

__all__ = ["Stored", "read_store_answer"]

_REFERENCED, _FAILED = "00081199", "00081198"
_INSTANCE, _WARNING, _REASON = "00081155", "00081196", "00081197"
_CANNOT_PROCESS = 0x0110
# What says with its status alone that all, or nothing, was stored.
_WITH_RESULTS = frozenset({200, 201, 202, 409})


@dataclass(slots=True)
class Stored:
    """What became of the instances of one request.

    Attributes
    ----------
    statuses : dict of str to int
        By SOPInstanceUID; 0: stored.
    otherwise : int or None
        Of those not named; None: not known.
    """

    statuses: dict[str, int] = field(default_factory=dict)
    otherwise: int | None = None

    def status_of(self, uid: str) -> int | None:
        """Return the status of an instance; None: the server did not say."""
        return self.statuses.get(uid, self.otherwise)


def read_store_answer(
    status: int, content: bytes, node: Node, headers: Mapping[str, str]
) -> Stored:
    """Read the answer to a STOW-RS request.

    Parameters
    ----------
    status : int
        Of HTTP.
    content : bytes
        JSON, or XML from servers that know no other.
    node : Node
    headers : mapping

    Raises
    ------
    NetworkError
        If the request failed as a whole.
    """
    if status not in _WITH_RESULTS and not (status == 400 and content):
        raise status_error(status, node, headers)
    found = _results_of(content)
    if found is None or not (found.statuses or found.otherwise is not None):
        if status in (200, 201) and not content.strip():
            return Stored(otherwise=0)  # Table 10.5.3-1: all was stored
        if status in (200, 201) and found is not None:
            return found
        if status in (200, 201, 202):
            raise NetworkError(
                "the server's answer does not say what it stored: the URL is perhaps not that "
                "of a DICOMweb service",
                reason="not-dicomweb",
            )
        raise status_error(status, node, headers)
    return found


def _results_of(content: bytes) -> Stored | None:
    """Return what a body says; None when it is none of DICOM."""
    if content.lstrip()[:1] == b"<":
        return _of_xml(content)
    try:
        answer: Any = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if isinstance(answer, list):
        answer = answer[0] if answer else {}
    if not isinstance(answer, dict):
        return None
    stored = Stored()
    for item in _items(answer, _REFERENCED):
        stored.statuses[str(_first(item, _INSTANCE))] = _number(_first(item, _WARNING), 0)
    for item in _items(answer, _FAILED):
        reason = _number(_first(item, _REASON), _CANNOT_PROCESS)
        stored.statuses[str(_first(item, _INSTANCE))] = reason
    if not stored.statuses and not answer.keys() & {_REFERENCED, _FAILED, "0008119A", "00081190"}:
        return None
    return stored


def _items(data_set: Any, tag: str) -> Iterator[dict[str, Any]]:
    element = data_set.get(tag)
    value = element.get("Value") if isinstance(element, dict) else None
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            yield item


def _first(item: dict[str, Any], tag: str) -> Any:
    element = item.get(tag)
    value = element.get("Value") if isinstance(element, dict) else None
    return value[0] if isinstance(value, list) and value else None


def _number(value: Any, otherwise: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return otherwise
    try:
        return int(value) & 0xFFFF
    except (OverflowError, ValueError):
        return otherwise


def _of_xml(content: bytes) -> Stored | None:
    """Read the native DICOM model (PS3.19 Annex A); entities, which could explode, not at all."""
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        return None
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError:
        return None
    stored = Stored()
    for sequence in root.iter():
        tag = sequence.get("tag", "").upper()
        if tag not in (_REFERENCED, _FAILED):
            continue
        for item in sequence:
            values = {one.get("tag", "").upper(): "".join(one.itertext()).strip() for one in item}
            uid = values.get(_INSTANCE, "")
            if tag == _REFERENCED:
                stored.statuses[uid] = _number(values.get(_WARNING), 0)
            else:
                stored.statuses[uid] = _number(values.get(_REASON), _CANNOT_PROCESS)
    return stored if stored.statuses else None
