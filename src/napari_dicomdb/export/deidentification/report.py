"""What a de-identification did, or would do: counts, and never a value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections import Counter

    from napari_dicomdb.database.report import Remark

__all__ = ["Blocked", "DeidentificationReport", "Effect", "effects_of"]


@dataclass(frozen=True, slots=True)
class Effect:
    """What happens to one attribute.

    Parameters
    ----------
    tag : str
        "(0010,0020)"; "(0029,xxxx)" for the private elements of a group.
    keyword, name : str
    actions : dict of str to int
        How often, by `engine.ACTIONS`.
    """

    tag: str
    keyword: str
    name: str
    actions: dict[str, int]


@dataclass(frozen=True, slots=True)
class Blocked:
    """A series that is held back until somebody looked at its pixels.

    Parameters
    ----------
    series_uid, modality, reason : str
    count : int
        How many of its instances.
    """

    series_uid: str
    modality: str
    reason: str
    count: int


@dataclass(slots=True)
class DeidentificationReport:
    """What was written, and what was done to its attributes.

    Attributes
    ----------
    target : str
        The folder or zip file.
    dry_run : bool
        Nothing was written.
    patients, studies, series, instances : int
        How much is de-identified.
    written, unchanged : int
        Files written; files that were there already with the same content.
    size : int
        Bytes written.
    blackened : int
        Instances whose pixels were changed.
    effects : list of Effect
        By tag.
    blocked : list of Blocked
        Series that may show text, and are left out.
    rejected : list of (path, reason, text)
        Originals that are not in the target, and why.
    remarks : list of str
        What the copies will lack.
    profile : dict
        What was asked for.
    """

    target: str = ""
    dry_run: bool = False
    patients: int = 0
    studies: int = 0
    series: int = 0
    instances: int = 0
    written: int = 0
    unchanged: int = 0
    size: int = 0
    blackened: int = 0
    effects: list[Effect] = field(default_factory=list)
    blocked: list[Blocked] = field(default_factory=list)
    rejected: list[Remark] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    profile: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the report as a dict that `json.dumps` accepts."""
        from dataclasses import asdict

        return asdict(self)

    def summary(self) -> str:
        """Return one line for people."""
        if self.dry_run:
            line = f"{self.instances} files would be written"
        else:
            line = f"{self.written} anonymised files written to {self.target}"
        if self.unchanged:
            line += f", {self.unchanged} were there already"
        if self.blackened:
            line += f", {self.blackened} with parts blacked out"
        if self.rejected:
            line += f", {len(self.rejected)} left out"
        return line


def effects_of(counted: Counter[tuple[int, str]]) -> list[Effect]:
    """Return counts by attribute, in the order of tags, actions in that of `ACTIONS`."""
    from napari_dicomdb.export.deidentification.engine import ACTIONS

    by_tag: dict[int, dict[str, int]] = {}
    for (tag, action), number in counted.items():
        by_tag.setdefault(tag, {})[action] = number
    return [
        Effect(*_named(tag), {a: by_tag[tag][a] for a in ACTIONS if a in by_tag[tag]})
        for tag in sorted(by_tag)
    ]


def _named(tag: int) -> tuple[str, str, str]:
    from pydicom.datadict import dictionary_description, dictionary_has_tag, keyword_for_tag

    group, element = tag >> 16, tag & 0xFFFF
    if group % 2:
        return f"({group:04X},xxxx)", "", "Private attributes"
    text = f"({group:04X},{element:04X})"
    if group == 0x6000:
        text = f"(60xx,{element:04X})"
    try:
        name = dictionary_description(tag)
    except KeyError:
        return text, "", "Unknown"
    return text, keyword_for_tag(tag) if dictionary_has_tag(tag) else "", name
