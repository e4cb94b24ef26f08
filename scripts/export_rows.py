"""What became of each series in each form: rows, verdicts, and the tables of the page."""

from __future__ import annotations

from dataclasses import dataclass, field

from export_notes import explained
from peer_comparison import AFFINE_TOLERANCE, Outcome

PEERS = ("us", "highdicom", "dcmqi", "SimpleITK", "dcm2niix")
FORMS = {
    "classic": "classic",
    "secondary-capture": "secondary capture",
    "enhanced": "legacy converted",
    "multi-frame": "multi-frame capture",
    "parametric-map": "parametric map",
    "BINARY": "SEG binary",
    "LABELMAP": "SEG label map",
    "FRACTIONAL": "SEG fractional",
}
WORDS = {
    "equal": "**equal**",
    "explained": "equal, but",
    "refused": "refused",
    "unopened": "not opened",
    "differs": "**DIFFERS**",
}
SIGNS = {"equal": "=", "within": "≈", "differs": "≠", "unread": "∅"}


@dataclass
class Row:
    """How one series fared in one form."""

    set_name: str
    series: str
    form: str
    verdict: str = ""
    new_errors: list[str] = field(default_factory=list)
    old_errors: int = 0
    quantum: float = 0.0
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    leans: bool = False
    tolerance: float = AFFINE_TOLERANCE

    @property
    def failed(self) -> bool:
        """Whether something is wrong that nothing explains."""
        return self.verdict == "differs"

    def judge(self) -> None:
        """Set the verdict from what was found; explanations become notes."""
        if self.verdict:
            return
        self.verdict = "equal"
        for error in self.new_errors:
            why = explained(self.form, "dciodvfy", error, leans=self.leans)
            self.notes.append(f"dciodvfy: {why or error}")
            self.verdict = "explained" if why and self.verdict != "differs" else "differs"
        for peer, outcome in self.outcomes.items():
            if outcome.good and not outcome.text:
                continue
            why = explained(self.form, peer, outcome.text, leans=self.leans)
            self.notes.append(f"{peer}: {why or outcome.text}")
            if outcome.good:
                continue
            if why and self.verdict == "equal":
                self.verdict = "explained"
            elif not why:
                self.verdict = "differs"


def table(rows: list[Row]) -> list[str]:
    """Return one table of a set, with its notes below."""
    notes: list[str] = []
    lines = [
        "| verdict | series | form | dciodvfy | " + " | ".join(PEERS) + " | affine | notes |",
        "|---|---|---|---|" + "---|" * len(PEERS) + "---|---|",
    ]
    for row in rows:
        for note in row.notes:
            if note not in notes:
                notes.append(note)
        offs = [o.off for o in row.outcomes.values() if o.off is not None and o.good]
        errors = f"{len(row.new_errors)}" + (f" (+{row.old_errors})" if row.old_errors else "")
        cells = [
            WORDS[row.verdict],
            row.series,
            FORMS.get(row.form, row.form),
            errors if row.outcomes else "",
            *(SIGNS[row.outcomes[p].state] if p in row.outcomes else "" for p in PEERS),
            f"{max(offs):.0e}" if offs else "",
            " ".join(str(notes.index(note) + 1) for note in row.notes),
        ]
        if row.quantum:
            cells[2] += f", ±{row.quantum:.2g}"
        lines.append("| " + " | ".join(cells) + " |")
    lines.append("")
    lines += [f"{k}. {note.replace('|', '/')}" for k, note in enumerate(notes, 1)]
    return [*lines, ""] if notes else lines
