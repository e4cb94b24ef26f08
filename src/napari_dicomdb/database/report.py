"""What an import or a removal did, with every file refused and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["ImportReport", "Remark", "RemovalReport", "printable"]

Remark = tuple[str, str, str]
"""Path, reason code, text."""

_COUNTS = ("added", "updated", "duplicates")
_LISTS = ("rejected", "notes", "missing", "series_uids")


@dataclass(slots=True, repr=False)
class ImportReport:
    """Result of `Database.import_paths`.

    Attributes
    ----------
    added, updated, unchanged, duplicates : int
        Files that brought a new instance; that replaced what the index knew;
        that were known and skipped without opening; whose content is there
        already under another path.
    rejected : list of (path, reason, text)
        Files that are not in the index, and why. A member of an archive is
        ``archive!/member``.
    notes : list of (path, reason, text)
        Files that are in the index, with a remark.
    missing : list of (path, reason, text)
        Files that a DICOMDIR, or a database of 3D Slicer, lists and that are
        not there.
    series_uids : list of str
        Series that got or changed instances, in the order met.
    cancelled : bool
        The progress callback raised Cancelled; what was committed stays.
    stopped : str
        Why the import ended early (a full disk), "" when it did not.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    rejected: list[Remark] = field(default_factory=list)
    notes: list[Remark] = field(default_factory=list)
    missing: list[Remark] = field(default_factory=list)
    series_uids: list[str] = field(default_factory=list)
    cancelled: bool = False
    stopped: str = ""
    dry_run: bool = False
    seconds: float = 0.0

    def __repr__(self) -> str:
        return f"<ImportReport: {self.summary()}>"

    @property
    def seen(self) -> int:
        """Number of files looked at."""
        known = self.added + self.updated + self.unchanged + self.duplicates
        return known + len(self.rejected)

    def mark(self) -> dict[str, int]:
        """Return how much the report holds now, for `back_to`."""
        return {name: getattr(self, name) for name in _COUNTS} | {
            name: len(getattr(self, name)) for name in _LISTS
        }

    def back_to(self, mark: dict[str, int]) -> None:
        """Take back what was reported since `mark`: it was rolled back."""
        for name in _COUNTS:
            setattr(self, name, mark[name])
        for name in _LISTS:
            del getattr(self, name)[mark[name] :]

    def reasons(self) -> dict[str, int]:
        """Count the refused files by reason code, most frequent first."""
        counts: dict[str, int] = {}
        for _path, reason, _text in self.rejected:
            counts[reason] = counts.get(reason, 0) + 1
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def to_json(self) -> dict[str, Any]:
        """Return the report as a dict that `json.dumps` accepts."""
        report = asdict(self)
        for key in ("rejected", "notes", "missing"):
            report[key] = [
                {"path": printable(path), "reason": reason, "text": printable(text)}
                for path, reason, text in report[key]
            ]
        return report

    def summary(self) -> str:
        """Return one line for people."""
        parts = [f"{self.added} added"]
        for count, word in (
            (self.updated, "updated"),
            (self.unchanged, "unchanged"),
            (self.duplicates, "duplicate" if self.duplicates == 1 else "duplicates"),
            (len(self.rejected), "refused"),
            (len(self.missing), "listed but missing"),
        ):
            if count:
                parts.append(f"{count} {word}")
        line = ", ".join(parts) + f" in {self.seconds:.1f} s"
        if self.dry_run:
            line = f"(dry run, nothing written) {line}"
        if self.cancelled:
            line += "; cancelled"
        if self.stopped:
            line += f"; stopped: {self.stopped}"
        return line


def printable(text: str) -> str:
    """Return a path or name with what no encoding has escaped."""
    # Names that are not UTF-8 carry lone surrogates, which nothing can print.
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


@dataclass(slots=True)
class RemovalReport:
    """Result of `Database.remove`: what is no longer in the index.

    `files_deleted` counts copies deleted from the database directory;
    `files_kept` lists copies left there because `delete_copies` was not set.
    `rejected` lists copies that could not be deleted, as (path, reason, text); that is
    tried again when the database is next opened. `notes` says what else may hold or bring
    back what was removed: an index put aside, a watched folder.
    `vacuumed` says that the index was written anew, so that no trace of what was
    removed is left in its files; a large index, or one that another process is just
    reading, is left to `Database.vacuum`.
    """

    patients: int = 0
    studies: int = 0
    series: int = 0
    instances: int = 0
    files_deleted: int = 0
    files_kept: list[str] = field(default_factory=list)
    rejected: list[Remark] = field(default_factory=list)
    vacuumed: bool = False
    notes: list[Remark] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the report as a dict that `json.dumps` accepts."""
        return asdict(self)

    def summary(self) -> str:
        """Return one line for people."""
        line = f"{self.instances} instances of {self.series} series removed from the index"
        if self.files_deleted:
            line += f", {self.files_deleted} copies deleted"
        if self.files_kept:
            line += (
                f", {len(self.files_kept)} copies left in the database directory, with all that"
                " is in them"
            )
        if self.instances and not self.vacuumed:
            line += "; traces may be left in the index until it is written anew (dicomdb vacuum)"
        return line
