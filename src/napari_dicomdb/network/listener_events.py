"""What a listener tells of itself: events as they happen, and numbers."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["KINDS", "Counters", "ListenerEvent", "ListenerStatistics"]

KINDS = (
    "listening",
    "stopped",
    "associated",
    "rejected",
    "released",
    "broken",
    "echo",
    "stored",
    "refused",
    "indexed",
    "commitment",
    "committed",
)
"""Kinds of events: `rejected` is an association, `refused` an object, `broken` an association
that ended as it should not, `commitment` a request for it and `committed` its result."""


@dataclass(frozen=True, slots=True)
class ListenerEvent:
    """Something that happened; UIDs and numbers, no values of patients.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    text : str
        Plain words.
    reason : str
        Reason code of what went wrong; "".
    association : int
        Number of the association, from 1; 0: of none.
    peer : str
        ``AET@address``; "".
    uid : str
        SOPInstanceUID of an object.
    path : Path or None
        Of what was stored, until it is indexed.
    size : int
        Bytes of its data set.
    status : int or None
        Of the answer to C-STORE.
    originator : str
        AE title that asked for it by C-MOVE; "".
    originator_message : int
        MessageID of that C-MOVE; 0.
    at : float
        Seconds since 1970.
    """

    kind: str
    text: str
    reason: str = ""
    association: int = 0
    peer: str = ""
    uid: str = ""
    path: Path | None = None
    size: int = 0
    status: int | None = None
    originator: str = ""
    originator_message: int = 0
    at: float = field(default_factory=time.time)

    def to_json(self) -> dict[str, Any]:
        """Return the event as a dict that `json.dumps` accepts, without what it has not."""
        values = asdict(self)
        values["path"] = None if self.path is None else str(self.path)
        return {k: v for k, v in values.items() if v not in ("", 0, None) or k in ("at", "status")}


@dataclass(frozen=True, slots=True)
class ListenerStatistics:
    """What a listener did since it was started.

    Attributes
    ----------
    associations, open_associations, rejected_associations, broken_associations : int
    stored, refused : int
        Objects.
    indexed : int
        Instances that came into the index.
    size : int
        Bytes of data sets that were stored.
    seconds : float
        Since the start.
    """

    associations: int = 0
    open_associations: int = 0
    rejected_associations: int = 0
    broken_associations: int = 0
    stored: int = 0
    refused: int = 0
    indexed: int = 0
    size: int = 0
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as a dict that `json.dumps` accepts."""
        return asdict(self)

    def summary(self) -> str:
        """Return one line for people."""
        parts = [f"{self.stored} instance{'' if self.stored == 1 else 's'} received"]
        if self.refused:
            parts.append(f"{self.refused} refused")
        parts.append(f"{self.associations} association{'' if self.associations == 1 else 's'}")
        if self.rejected_associations:
            parts.append(f"{self.rejected_associations} rejected")
        if self.broken_associations:
            parts.append(f"{self.broken_associations} broken off")
        return ", ".join(parts)


class Counters:
    """Counts from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = dict.fromkeys(ListenerStatistics.__dataclass_fields__, 0)
        self._started = time.monotonic()

    def add(self, **changes: int) -> None:
        """Add to numbers by name."""
        with self._lock:
            for name, change in changes.items():
                self._numbers[name] += change

    def read(self) -> ListenerStatistics:
        """Return the numbers of now."""
        with self._lock:
            numbers: dict[str, Any] = dict(self._numbers)
        return ListenerStatistics(**{**numbers, "seconds": time.monotonic() - self._started})
