"""The data sets of storage commitment (PS3.4 Annex J), encoded and decoded."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_dicomdb.dicom._meta import IMPLICIT_LITTLE
from napari_dicomdb.dicom.unreadable import unreadable
from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.storage_service import is_written_uid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydicom import DataElement, Dataset

__all__ = [
    "COMMITMENT_INSTANCE",
    "FAILURES",
    "CommitmentRequest",
    "CommitmentResult",
    "Reference",
    "decode_request",
    "decode_result",
    "encode_request",
    "encode_result",
]

COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"
"""The well-known SOP instance of storage commitment."""

Reference = tuple[str, str]
"""SOP class and SOP instance UID."""

FAILURES = {
    0x0110: "the node could not check it",
    0x0112: "the node does not have it",
    0x0119: "the node has it under another SOP class",
    0x0122: "the node does not store this SOP class",
    0x0131: "the node took the transaction for a repetition",
    0x0213: "the node has run out of resources",
}
"""Plain words for a FailureReason (PS3.3 Section C.14)."""

_TRANSACTION = 0x00081195
_REFERENCE = (0x00081150, 0x00081155)


@dataclass(frozen=True, slots=True)
class CommitmentRequest:
    """What a peer wants to be kept.

    Attributes
    ----------
    transaction_uid : str
    references : tuple of Reference
    """

    transaction_uid: str
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class CommitmentResult:
    """What is kept, and what is not.

    Attributes
    ----------
    transaction_uid : str
    committed : tuple of Reference
    failed : dict of Reference to int
        With the FailureReason.
    """

    transaction_uid: str
    committed: tuple[Reference, ...] = ()
    failed: dict[Reference, int] = field(default_factory=dict)


def encode_request(request: CommitmentRequest, syntax: str) -> bytes:
    """Encode the data set of an N-ACTION request."""
    from pydicom import Dataset

    made = Dataset()
    made.add(_uid(_TRANSACTION, request.transaction_uid))
    made.ReferencedSOPSequence = [_item(one) for one in request.references]
    return _encoded(made, syntax)


def decode_request(raw: bytes, syntax: str) -> CommitmentRequest:
    """Decode the data set of an N-ACTION request.

    Raises
    ------
    NetworkError
        If it is none, or names what is no UID (reason "bad-answer").
    """
    with_uid = _decoded(raw, syntax)
    references = tuple(reference for reference, _ in _references(with_uid[1], 0x00081199))
    if not references:
        raise _bad("it names no instance")
    uids = {with_uid[0]}.union(*references)
    if not all(is_written_uid(uid) for uid in uids):
        raise _bad("it names what is no UID")
    return CommitmentRequest(with_uid[0], references)


def encode_result(result: CommitmentResult, syntax: str) -> bytes:
    """Encode the data set of an N-EVENT-REPORT."""
    from pydicom import Dataset

    made = Dataset()
    made.add(_uid(_TRANSACTION, result.transaction_uid))
    if result.committed:
        made.ReferencedSOPSequence = [_item(one) for one in result.committed]
    if result.failed:
        made.FailedSOPSequence = [_item(one, why) for one, why in result.failed.items()]
    return _encoded(made, syntax)


def decode_result(raw: bytes, syntax: str) -> CommitmentResult:
    """Decode the data set of an N-EVENT-REPORT.

    Raises
    ------
    NetworkError
        If it is none (reason "bad-answer").
    """
    uid, dataset = _decoded(raw, syntax)
    committed = tuple(reference for reference, _ in _references(dataset, 0x00081199))
    failed = dict(_references(dataset, 0x00081198))
    return CommitmentResult(uid, committed, failed)


def _item(reference: Reference, failure: int | None = None) -> Dataset:
    from pydicom import Dataset

    made = Dataset()
    for tag, uid in zip(_REFERENCE, reference, strict=True):
        made.add(_uid(tag, uid))
    if failure is not None:
        made.FailureReason = failure
    return made


def _uid(tag: int, value: str) -> DataElement:
    """Return an element as it is told: pydicom would warn of zeros at the beginning of numbers."""
    from pydicom import DataElement
    from pydicom.config import IGNORE

    return DataElement(tag, "UI", value, validation_mode=IGNORE)


def _uid_in(dataset: Dataset, tag: int) -> str:
    """Return a UID as it was told, without a warning that prints it."""
    value = dataset.get_item(tag).value if tag in dataset else ""
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value or "")
    return text.strip("\0 ")


def _encoded(dataset: Dataset, syntax: str) -> bytes:
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_dataset

    target = DicomBytesIO()
    target.is_little_endian = True
    target.is_implicit_VR = syntax == IMPLICIT_LITTLE
    write_dataset(target, dataset)
    return bytes(target.getvalue())


def _decoded(raw: bytes, syntax: str) -> tuple[str, Dataset]:
    from pydicom.filereader import read_dataset

    try:
        dataset = read_dataset(io.BytesIO(raw), syntax == IMPLICIT_LITTLE, True)
        uid = _uid_in(dataset, _TRANSACTION)
    except unreadable(OSError) as error:
        raise _bad("it cannot be read") from error
    if not uid or len(uid) > 64:
        raise _bad("it has no transaction UID")
    return uid, dataset


def _references(dataset: Dataset, tag: int) -> Iterable[tuple[Reference, int]]:
    found: list[tuple[Reference, int]] = []
    try:
        items = dataset[tag].value if tag in dataset else []
        for item in items:
            reference = (_uid_in(item, _REFERENCE[0]), _uid_in(item, _REFERENCE[1]))
            found.append((reference, int(item.get("FailureReason", 0x0110) or 0x0110)))
    except unreadable(OSError) as error:
        raise _bad("it cannot be read") from error
    return found


def _bad(why: str) -> NetworkError:
    return NetworkError(f"the data set of storage commitment is wrong: {why}", reason="bad-answer")
