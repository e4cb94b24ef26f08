"""C-STORE as its provider: one object, from the first bytes of its data set to the status."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_dicomdb.errors import DicomDbError, NetworkError
from napari_dicomdb.network.storage_classes import is_storage_class

if TYPE_CHECKING:
    from pathlib import Path

    from napari_dicomdb.database.receiving import Arrival, Inbox
    from napari_dicomdb.network.commands import Command

__all__ = ["StoreOperation", "StoreResult", "is_written_uid"]

# PS3.7 Annex C, PS3.4 Section B.2.3
_SUCCESS = 0x0000
_PROCESSING_FAILURE = 0x0110
_INVALID_INSTANCE = 0x0117
_CLASS_NOT_SUPPORTED = 0x0122
_OUT_OF_RESOURCES = 0xA700
_DOES_NOT_MATCH_CLASS = 0xA900
_CANNOT_UNDERSTAND = 0xC000
_STATUSES = {
    "disk-full": _OUT_OF_RESOURCES,
    "too-large": _OUT_OF_RESOURCES,
    "bad-uid": _INVALID_INSTANCE,
    "wrong-class": _CLASS_NOT_SUPPORTED,
    "uid-mismatch": _DOES_NOT_MATCH_CLASS,
    "not-writable": _PROCESSING_FAILURE,
    "closed": _PROCESSING_FAILURE,
    "read-only": _PROCESSING_FAILURE,
    "database": _PROCESSING_FAILURE,
}
# Some devices write components with leading zeros; nothing but digits and dots is a UID.
is_written_uid = re.compile(r"[0-9.]{1,64}").fullmatch
_COMMENT = {
    _OUT_OF_RESOURCES: "out of resources",
    _PROCESSING_FAILURE: "it cannot be kept now",
    _INVALID_INSTANCE: "no valid SOP Instance UID",
    _CLASS_NOT_SUPPORTED: "not the SOP class of the context",
    _DOES_NOT_MATCH_CLASS: "data set has other UIDs than the command",
    _CANNOT_UNDERSTAND: "data set cannot be read",
}


@dataclass(frozen=True, slots=True)
class StoreResult:
    """What became of an object.

    Attributes
    ----------
    status : int
        For the answer.
    comment : str
        ErrorComment; "" when it was stored.
    reason : str
        Our reason code; "".
    text : str
        Plain words.
    size : int
        Bytes of its data set.
    path : Path or None
        Where it lies until it is indexed.
    """

    status: int
    comment: str
    reason: str
    text: str
    size: int
    path: Path | None = None


class StoreOperation:
    """A sink for the data set of one C-STORE; never raises while that arrives.

    What cannot be kept is read to its end, so that the peer gets an answer and the
    association goes on.

    Parameters
    ----------
    inbox : Inbox
    command : dict
        Of the request.
    abstract_syntax, transfer_syntax : str
        Of its presentation context.
    source : str
        Calling AE title.
    largest : int
        Bytes that a data set may have.
    """

    def __init__(
        self,
        inbox: Inbox,
        command: Command,
        abstract_syntax: str,
        transfer_syntax: str,
        *,
        source: str,
        largest: int,
    ) -> None:
        self.size = 0
        self.uid = str(command.get("AffectedSOPInstanceUID", ""))
        self._largest = largest
        self._arrival: Arrival | None = None
        self._refused: DicomDbError | None = None
        class_uid = str(command.get("AffectedSOPClassUID", ""))
        try:
            if not is_written_uid(self.uid):
                raise NetworkError("its SOP Instance UID is none", reason="bad-uid")
            if class_uid != abstract_syntax or not is_storage_class(class_uid):
                raise NetworkError(
                    "its SOP class is not that of its presentation context", reason="wrong-class"
                )
            self._arrival = inbox.open(class_uid, self.uid, transfer_syntax, source)
        except DicomDbError as error:
            self._refuse(error)

    def write(self, content: memoryview) -> None:
        """Take the next bytes.

        Raises
        ------
        NetworkError
            If far more comes than is allowed (reason "too-large").
        """
        self.size += len(content)
        if self._arrival is None:
            if self.size > 2 * self._largest + (64 << 20):
                raise NetworkError("the peer sends an object without end", reason="too-large")
            return
        if self.size > self._largest:
            text = f"it is larger than the {self._largest} bytes that are allowed"
            self._refuse(NetworkError(text, reason="too-large"))
            return
        try:
            self._arrival.write(content)
        except DicomDbError as error:
            self._refuse(error)

    def finish(self) -> StoreResult:
        """Keep the object: when this returns status 0 it is on disk, whole."""
        if self._arrival is not None:
            try:
                path = self._arrival.commit()
            except DicomDbError as error:
                self._refuse(error)
            except (RecursionError, MemoryError):
                self._refuse(NetworkError("it is nested too deep", reason="bad-header"))
            else:
                return StoreResult(_SUCCESS, "", "", "stored", self.size, path)
        why = self._refused or NetworkError("it had no data set", reason="no-data-set")
        status = _STATUSES.get(why.reason, _CANNOT_UNDERSTAND)
        return StoreResult(status, _COMMENT[status], why.reason, str(why), self.size)

    def discard(self) -> None:
        """Leave nothing of an object that did not come to its end."""
        if self._arrival is not None:
            self._arrival.discard()
            self._arrival = None

    def _refuse(self, error: DicomDbError) -> None:
        self._refused = error
        self.discard()
