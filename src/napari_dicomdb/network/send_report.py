"""What became of each instance that was to be sent."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["SendOutcome", "SendReport", "State"]

State = str
"""``sent``, ``warning`` (stored, with a remark), ``failed`` (the node or the network),
``refused`` (by us, for what it is), ``not-sent`` (cancelled before)."""

_STATES = ("sent", "warning", "failed", "refused", "not-sent")
_COLUMNS = ("uid", "path", "state", "status", "reason", "text", "attempts", "committed")


@dataclass(frozen=True, slots=True)
class SendOutcome:
    """What became of one instance.

    Parameters
    ----------
    uid : str
        SOPInstanceUID; "" of a file that was left out before.
    path : str
        Its file.
    state : State
    text : str
        Plain words.
    reason : str
        Reason code; "" when it was stored.
    status : int or None
        The node's answer; None without one.
    transfer_syntax_uid : str
        As it was sent; "" when it was not.
    attempts : int
        How often it was tried.
    committed : str
        What storage commitment said: "committed"; "failed" (the node does not keep it);
        "no-answer" in time; "not-offered" by the node; "" when it was not asked for.
    committed_text : str
        The same in plain words.
    """

    uid: str
    path: str
    state: State
    text: str
    reason: str = ""
    status: int | None = None
    transfer_syntax_uid: str = ""
    attempts: int = 0
    committed: str = ""
    committed_text: str = ""

    @property
    def status_text(self) -> str:
        """The status as the standard writes it: "B000H", or ""."""
        return "" if self.status is None else f"{self.status:04X}H"


@dataclass(slots=True)
class SendReport:
    """Result of sending.

    Attributes
    ----------
    node : str
        Its name.
    outcomes : list of SendOutcome
        One for each instance, in the order given.
    transcoded : int
        How many were sent in another transfer syntax than that of their file.
    associations : int
        How many were needed.
    size : int
        Bytes of data sets that the node has acknowledged.
    seconds : float
    cancelled : bool
        The progress callback raised Cancelled; what was sent stays sent.
    """

    node: str
    outcomes: list[SendOutcome] = field(default_factory=list)
    transcoded: int = 0
    associations: int = 0
    size: int = 0
    seconds: float = 0.0
    cancelled: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """How many instances are in each state, those of none left out."""
        found = dict.fromkeys(_STATES, 0)
        for outcome in self.outcomes:
            found[outcome.state] += 1
        return {state: number for state, number in found.items() if number}

    @property
    def stored(self) -> int:
        """How many instances the node has acknowledged."""
        counts = self.counts
        return counts.get("sent", 0) + counts.get("warning", 0)

    @property
    def ok(self) -> bool:
        """Whether the node has all of them, and denies none when asked for commitment."""
        denied = any(o.committed == "failed" for o in self.outcomes)
        return self.stored == len(self.outcomes) and not denied

    @property
    def committed(self) -> dict[str, int]:
        """How many instances storage commitment said what of; empty when it was not asked."""
        found: dict[str, int] = {}
        for outcome in self.outcomes:
            if outcome.committed:
                found[outcome.committed] = found.get(outcome.committed, 0) + 1
        return found

    @property
    def rejected(self) -> list[tuple[str, str, str]]:
        """Path, reason code and words of what the node does not have or does not keep."""
        bad = ("failed", "refused", "not-sent")
        found = [(o.path or o.uid, o.reason, o.text) for o in self.outcomes if o.state in bad]
        return found + [
            (o.path or o.uid, "not-committed", f"sent, but {o.committed_text}")
            for o in self.outcomes
            if o.committed == "failed"
        ]

    def tell_of_originals(
        self, originals: Mapping[str, str], left_out: Iterable[tuple[str, str, str]]
    ) -> None:
        """Tell of the files that copies were made of, when those were sent and are gone.

        Parameters
        ----------
        originals : mapping of str to str
            Path of the original by the SOPInstanceUID of its copy.
        left_out : iterable of (path, reason, text)
            Originals of which none was made; they become outcomes, too.
        """
        self.outcomes = [
            replace(one, path=originals.get(one.uid, one.path)) for one in self.outcomes
        ] + [SendOutcome("", path, "refused", text, reason) for path, reason, text in left_out]

    def to_json(self) -> dict[str, Any]:
        """Return the report as a dict that `json.dumps` accepts."""
        return {
            **asdict(self),
            "stored": self.stored,
            "counts": self.counts,
            "committed": self.committed,
        }

    def to_csv(self) -> str:
        """Return one line for each instance, with a header line."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(_COLUMNS)
        for o in self.outcomes:
            told = (o.uid, o.path, o.state, o.status_text, o.reason, o.text)
            writer.writerow((*told, o.attempts, o.committed))
        return text.getvalue()

    def summary(self) -> str:
        """Return one line for people."""
        counts = self.counts
        parts = [f"{self.stored} of {len(self.outcomes)} instances sent to {self.node}"]
        if counts.get("warning"):
            parts.append(f"{counts['warning']} of them with a remark")
        if self.transcoded:
            parts.append(f"{self.transcoded} decompressed or encoded anew")
        for state, words in (
            ("failed", "failed"),
            ("refused", "not sendable"),
            ("not-sent", "not sent"),
        ):
            if counts.get(state):
                parts.append(f"{counts[state]} {words}")
        for state, words in (
            ("committed", "committed to by the node"),
            ("failed", "not kept by the node"),
            ("no-answer", "without an answer to storage commitment"),
            ("not-offered", "without storage commitment: the node does not offer it"),
        ):
            if self.committed.get(state):
                parts.append(f"{self.committed[state]} {words}")
        line = ", ".join(parts)
        return f"{line}; cancelled" if self.cancelled else f"{line} in {self.seconds:.1f} s"
