"""What a search has found at all who were asked, and as one list without repetitions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_dicomdb.network.query import Match, NodeOutcome, Query, Values, nodes_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["FindReport", "Merged", "merge"]

_PLURALS = {
    "patient": "patients", "study": "studies", "series": "series", "instance": "instances"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Merged:
    """A patient, study, series or instance, with all who have it.

    Parameters
    ----------
    matches : tuple of Match
        One for each node that has it; of the local database first.
    """

    matches: tuple[Match, ...]

    @property
    def first(self) -> Match:
        """What the first that has it says of it."""
        return self.matches[0]

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes that have it; "" is the local database."""
        return tuple(nodes_named(self.matches))

    @property
    def remote(self) -> tuple[str, ...]:
        """Names of the nodes that have it, without the local database."""
        return tuple(name for name in self.nodes if name)

    @property
    def held(self) -> str:
        """How much of it is here: "none", "part" or "all" of what the fullest node has."""
        remote = [match for match in self.matches if match.node] or list(self.matches)
        order = ("none", "part", "all")
        counted = [match for match in remote if match.count is not None] or remote
        return min((match.held for match in counted), key=order.index)

    @property
    def count(self) -> int | None:
        """How many instances there are at most; None when nobody says."""
        return max((m.count for m in self.matches if m.count is not None), default=None)

    @property
    def values(self) -> Values:
        """Each value as the first says it that has one."""
        told: dict[str, Any] = {}
        for match in self.matches:
            for keyword, value in match.values.items():
                if value and not told.get(keyword):
                    told[keyword] = value
        return told

    def to_json(self) -> dict[str, Any]:
        """Return it as a dict that `json.dumps` accepts."""
        plain = self.first.to_json()
        plain |= {"held": self.held, "count": self.count, "nodes": list(self.nodes)}
        plain["values"] = dict(self.values)
        del plain["node"]
        return plain


def merge(matches: Iterable[Match], order: Sequence[str] = ()) -> list[Merged]:
    """Put together what several have: each once, in the order in which it came first.

    Patients are one when ID, issuer and birth date agree.

    Parameters
    ----------
    matches : iterable of Match
        All of one level.
    order : sequence of str
        Names of nodes: in this order those are listed that have the same, whoever answered
        first. Others follow, and the local database leads.
    """
    ranks = {name: rank for rank, name in enumerate(order)}

    def place(match: Match) -> tuple[bool, int]:
        return bool(match.node), ranks.get(match.node, len(ranks))

    groups: dict[tuple[str, ...], list[Match]] = {}
    for match in matches:
        key: tuple[str, ...] = (match.uid,)
        if match.level == "patient":
            key = (match.uid, match.text("IssuerOfPatientID"), match.text("PatientBirthDate"))
            # Without an ID nothing says that two are the same.
            key += (match.text("PatientName"), match.node) if not match.uid else ()
        groups.setdefault(key, []).append(match)
    return [Merged(tuple(sorted(one, key=place))) for one in groups.values()]


@dataclass(slots=True)
class FindReport:
    """What a search has found.

    Attributes
    ----------
    query : Query
    matches : list of Match
        As they came; what several have is there several times, see `merged`.
    nodes : list of NodeOutcome
        What became of each that was asked; the local database is called "".
    """

    query: Query
    matches: list[Match] = field(default_factory=list)
    nodes: list[NodeOutcome] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether all have answered; what was cut at the limit counts as answered."""
        return all(outcome.state == "done" for outcome in self.nodes)

    @property
    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return any(outcome.state == "cancelled" for outcome in self.nodes)

    @property
    def cut(self) -> bool:
        """Whether there is more somewhere than was listed."""
        return any(outcome.cut for outcome in self.nodes)

    def merged(self) -> list[Merged]:
        """Return one entry for each patient, study, series or instance, with all who have it.

        These are in the order in which they were asked, the local database first.
        """
        return merge(self.matches, [outcome.node for outcome in self.nodes])

    def summary(self) -> str:
        """Return what to tell: how much was found, and what went wrong where."""
        merged = self.merged()
        held = sum(one.held == "all" for one in merged)
        part = sum(one.held == "part" for one in merged)
        here = f", {held} of them here" if held else ""
        here += f", {part} in part" if part else ""
        lines = [f"{len(merged)} {_plural(self.query.level, len(merged))}{here}"]
        for outcome in self.nodes:
            if outcome.text:
                lines.append(f"{outcome.node or 'this database'}: {outcome.text}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return it as a dict that `json.dumps` accepts."""
        return {
            "query": self.query.to_json(),
            "matches": [match.to_json() for match in self.matches],
            "nodes": [outcome.to_json() for outcome in self.nodes],
        }


def _plural(level: str, count: int) -> str:
    return level if count == 1 else _PLURALS[level]
