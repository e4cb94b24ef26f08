"""What became of results: where they went, what they lost, what was not taken."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_dicomdb.database.report import Remark

__all__ = ["ResultReport"]


@dataclass(slots=True)
class ResultReport:
    """What became of results.

    Attributes
    ----------
    study_uid : str
        StudyInstanceUID they belong to.
    series_uids, instance_uids : list of str
        New ones, in the order written.
    files : list of str
        In the folder; empty when none was asked for.
    size : int
        Bytes of all objects.
    imported : int
        Objects that the database has now as copies.
    sent : int
        Objects that the node took.
    losses : list of str
        What the objects do not keep.
    rejected : list of (uid, reason, text)
        Objects that the node did not take, and why.
    """

    study_uid: str = ""
    series_uids: list[str] = field(default_factory=list)
    instance_uids: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    size: int = 0
    imported: int = 0
    sent: int = 0
    losses: list[str] = field(default_factory=list)
    rejected: list[Remark] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the report as a dict that `json.dumps` accepts."""
        return asdict(self)

    def summary(self) -> str:
        """Return one line for people."""
        count = len(self.instance_uids)
        line = f"{count} object{'' if count == 1 else 's'} written"
        if self.files:
            line += f" to {os.path.dirname(self.files[0])}"
        if self.imported:
            line += ", added to the database"
        if self.sent:
            line += f", {self.sent} sent"
        if self.rejected:
            line += f", {len(self.rejected)} not sent"
            if self.imported:
                line += " (send the series again, they are in the database)"
            elif self.files:
                line += " (send the files again, they are in the folder)"
            else:
                line += " (they are kept nowhere, write them again)"
        return line
