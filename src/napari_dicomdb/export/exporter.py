"""A way to write something as DICOM, and the protocol of those who know ways.

The mirror of `loading.loadable`: exporters are registered through the entry-point
group ``napari_dicomdb.exporters``, say of a source how well they can write it, what
they need to know and what is lost, and then write files into a folder they are given.
Where these files go from there is for `export.results`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from numbers import Integral
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from napari_dicomdb.dicom.findings import Severity
from napari_dicomdb.errors import ExportError
from napari_dicomdb.plugins import failing_as

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from napari_dicomdb.dicom.findings import Finding
    from napari_dicomdb.export.source import ExportSource
    from napari_dicomdb.export.study import StudyTarget
    from napari_dicomdb.progress import Progress

__all__ = ["SERIES_NUMBER", "Exportable", "Exporter", "Need"]

_INTEGERS = 2**31  # of IS


@runtime_checkable
class Exporter(Protocol):
    """Says how a source can be written, and writes it.

    Registered through the entry-point group ``napari_dicomdb.exporters``; the
    entry point names a class (called without arguments) or an object.
    """

    name: str
    version: str

    def examine(self, source: ExportSource) -> Sequence[Exportable]:
        """Return the ways this exporter knows to write `source`, without reading all of it."""

    def write(
        self,
        exportable: Exportable,
        target: StudyTarget,
        folder: Path,
        *,
        options: Mapping[str, Any],
        progress: Progress,
    ) -> list[Path]:
        """Write new files into `folder`, which is empty and thrown away on any error.

        Raises
        ------
        ExportError
            When it cannot be written as asked; with the remedy.
        """


@dataclass(frozen=True, slots=True)
class Need:
    """Something an exporter wants to be told: one field of a form, one option of a call.

    Parameters
    ----------
    key : str
        Name in the mapping of options.
    label : str
        For people.
    kind : str
        "choice", "text", "bool", "int", "float", "code" or "segments" (what a segment
        is, see `export.terminology`).
    default : object
        Taken when nothing is said; None where something must be said.
    choices : tuple of (value, text)
        Of "choice".
    required : bool
        Whether it must be answered before writing (see `Exportable.unanswered`).
    tip : str
        What it does, in a sentence.
    """

    key: str
    label: str
    kind: str
    default: Any = None
    choices: tuple[tuple[Any, str], ...] = ()
    required: bool = False
    tip: str = ""


SERIES_NUMBER = Need(
    "series_number", "Series number", "int", tip="Empty, or taken already: the next free one"
)
"""An option that every exporter heeds; it says nothing of the object itself."""


@dataclass(frozen=True, eq=False)
class Exportable:
    """One way to write one source.

    Parameters
    ----------
    name : str
        For people: "CT images, one file a slice".
    kind : str
        "image", "parametric-map", "segmentation", "scene", ...
    confidence : float
        0 to 1; 0 when it cannot be written as it is (see `refusal`).
    reasons : tuple of str
        Why the confidence is what it is, in plain words.
    losses : tuple of str
        What the object will not keep, with numbers ("values to within 0.0012").
    findings : tuple of Finding
        What is wrong with the source; of severity ERROR: it cannot be written so.
    needs : tuple of Need
        What it wants to be told.
    source : ExportSource
    exporter : Exporter
    options : mapping
        Answers to `needs`, and what tells the exportables of an exporter apart.
    """

    name: str
    kind: str
    confidence: float
    reasons: tuple[str, ...]
    losses: tuple[str, ...]
    findings: tuple[Finding, ...]
    needs: tuple[Need, ...]
    source: ExportSource = field(repr=False)
    exporter: Exporter = field(repr=False)
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def refusal(self) -> str:
        """Why it cannot be written as it is, "" when it can."""
        return "; ".join(f.text for f in self.findings if f.severity == Severity.ERROR)

    @property
    def answers(self) -> dict[str, Any]:
        """Defaults of all needs, with `options` over them."""
        return {need.key: need.default for need in self.needs} | dict(self.options)

    @property
    def unanswered(self) -> tuple[Need, ...]:
        """Required needs without an answer."""
        answers = self.answers
        return tuple(n for n in self.needs if n.required and answers.get(n.key) in (None, ""))

    def with_options(self, **options: Any) -> Exportable:
        """Return the same with some needs answered."""
        return replace(self, options=MappingProxyType({**self.options, **options}))

    def check(self) -> None:
        """Raise what stands against writing it.

        Raises
        ------
        ExportError
            "cannot-be-written": findings of severity ERROR; "unanswered": a need;
            "bad-option": an answer that cannot be.
        """
        if self.refusal:
            raise ExportError(f"{self.name}: {self.refusal}", reason="cannot-be-written")
        if self.unanswered:
            asked = ", ".join(need.label for need in self.unanswered)
            raise ExportError(f"{self.name}: first say {asked}", reason="unanswered")
        number = self.options.get(SERIES_NUMBER.key)
        if number is not None and (isinstance(number, bool) or not isinstance(number, Integral)):
            raise ExportError("the series number is a whole number", reason="bad-option")
        if number is not None and not -_INTEGERS <= int(number) < _INTEGERS:
            raise ExportError("the series number has too many digits", reason="bad-option")
        for need in self.needs:
            value = self.answers[need.key]
            if need.kind == "choice" and value not in [choice for choice, _ in need.choices]:
                known = ", ".join(str(choice) for choice, _ in need.choices)
                raise ExportError(
                    f"{need.label} cannot be {value!r}: use one of {known}", reason="bad-option"
                )

    def foresee(self, target: StudyTarget) -> tuple[str, ...]:
        """Return what else happens to it on the way to a target: resampling, for one.

        Only some exporters can say: those with a method ``foresee(exportable, target,
        options)``.

        Raises
        ------
        ExportError
            What will stand against writing it there.
        """
        tell = getattr(self.exporter, "foresee", None)
        return tuple(tell(self, target, self.answers)) if tell is not None else ()

    def write(self, target: StudyTarget, folder: Path, *, progress: Progress) -> list[Path]:
        """Write it into an empty folder; see `export.results` for the whole way.

        Raises
        ------
        ExportError
            See `check`, and `Exporter.write`. "exporter-failed": the exporter raised what
            it should not.
        """
        self.check()
        with failing_as(ExportError, f"exporter {self.exporter.name}", "exporter-failed"):
            return self.exporter.write(
                self, target, folder, options=self.answers, progress=progress
            )

    def to_json(self) -> dict[str, Any]:
        """Return what can be said of it to a machine."""
        return {
            "name": self.name,
            "kind": self.kind,
            "exporter": self.exporter.name,
            "confidence": round(self.confidence, 4),
            "reasons": list(self.reasons),
            "losses": list(self.losses),
            "findings": [finding.to_json() for finding in self.findings],
            "needs": [
                {"key": n.key, "kind": n.kind, "label": n.label, "required": n.required}
                for n in self.needs
            ],
            "shape": list(self.source.shape),
            "dims": list(self.source.dims),
        }
