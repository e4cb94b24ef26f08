"""What is to become of one layer: the ways to write it, the one chosen, the answers given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.export.exporter import SERIES_NUMBER
from napari_dicomdb.export.segments.segment_meanings import SegmentMeaning, meanings_from
from napari_dicomdb.export.study import value_problem
from napari_dicomdb.export.terminology import Term

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_dicomdb.export.exporter import Exportable, Need
    from napari_dicomdb.export.source import ExportSource

__all__ = ["LayerPlan"]

WayKey = tuple[str, str]


@dataclass(eq=False)
class LayerPlan:
    """Ways to write one layer, best first, and what was chosen and answered.

    Parameters
    ----------
    name : str
        Of the layer.
    source : ExportSource or None
        None where it cannot be written at all, see `trouble`.
    ways : sequence of Exportable
        Best first.
    trouble : str
        Why there is no source or no way, for a person.
    place : int
        Of the way that is chosen.
    layer : napari layer
    answers : dict
        What was said to the needs of each way.
    segments : dict
        What was said of segments, by label value and field of `SegmentMeaning`.
    colours : dict
        In which the viewer shows labels; red, green, blue, 0 to 255.
    """

    name: str
    source: ExportSource | None = None
    ways: Sequence[Exportable] = ()
    trouble: str = ""
    place: int = 0
    layer: Any = None
    is_touched: bool = False  # the user chose; else the best way is the choice
    answers: dict[WayKey, dict[str, Any]] = field(default_factory=dict)
    segments: dict[int, dict[str, Any]] = field(default_factory=dict)
    colours: dict[int, tuple[int, ...]] = field(default_factory=dict)
    # What segments are as their layer says, by the rows of needs that are told apart.
    _known: list[tuple[Any, dict[int, SegmentMeaning]]] = field(default_factory=list)
    _meanings: tuple[Any, tuple[SegmentMeaning, ...]] | None = None  # of a need, until said anew

    @property
    def bare(self) -> Exportable | None:
        """The way that is chosen, as its exporter offered it."""
        return self.ways[self.place] if 0 <= self.place < len(self.ways) else None

    @property
    def way(self) -> Exportable | None:
        """The way that is chosen, with the answers that were given."""
        bare = self.bare
        if bare is None:
            return None
        said = dict(self._answers(bare))
        if self.segments_need is not None and (self.segments or self.colours):
            said[self.segments_need.key] = self._said_of_segments
        return bare.with_options(**said)

    @property
    def segments_need(self) -> Need | None:
        """The need of the chosen way to be told what segments are, if it has one."""
        needs = () if self.bare is None else self.bare.needs
        return next((need for need in needs if need.kind == "segments"), None)

    def meanings(self) -> tuple[SegmentMeaning, ...]:
        """Return what each segment is, as its layer says, and what was said of it here.

        Raises
        ------
        ExportError
            "bad-value": what was said does not fit.
        """
        need = self.segments_need
        if need is None:
            return ()
        if self._meanings is None or self._meanings[0] is not need:
            known = self._known_of(need)
            said = {value: row for value, row in self.segments.items() if value in known}
            changed = meanings_from(said, [known[value] for value in said])
            told = known | {one.value: one for one in changed}
            self._meanings = need, tuple(told.values())
        return self._meanings[1]

    def prepare(self) -> None:
        """Read what segments are, which takes long where they are many; on any thread."""
        for way in self.ways:
            for need in way.needs:
                if need.kind == "segments":
                    self._known_of(need)

    def _known_of(self, need: Need) -> dict[int, SegmentMeaning]:
        """Return what each segment is as its layer says, ascending by value."""
        asked = need.default or ()
        for rows, known in self._known:
            if rows is asked or rows == asked:
                return known
        colours = {value: {"colour": colour} for value, colour in self.colours.items()}
        found = meanings_from(colours, [_meaning(row) for row in asked])
        known = {one.value: one for one in found}
        self._known.append((asked, known))
        return known

    @property
    def _said_of_segments(self) -> dict[int, dict[str, Any]]:
        values = {*self.colours, *self.segments}
        return {
            value: {
                **({"colour": self.colours[value]} if value in self.colours else {}),
                **self.segments.get(value, {}),
            }
            for value in sorted(values)
        }

    def say(self, value: int, **said: Any) -> None:
        """Say something of a segment, by fields of `SegmentMeaning`."""
        self.segments[value] = {**self.segments.get(value, {}), **said}
        self._meanings = None

    @property
    def needs(self) -> tuple[Need, ...]:
        """What the chosen way wants to be told."""
        if self.bare is None:
            return ()
        needs = tuple(self.bare.needs)
        known = any(need.key == SERIES_NUMBER.key for need in needs)
        return needs if known else (*needs, SERIES_NUMBER)

    def _answers(self, way: Exportable) -> dict[str, Any]:
        return self.answers.setdefault(_key(way), {})

    @property
    def said(self) -> dict[str, Any]:
        """Answers to `needs`, defaults among them."""
        way = self.way
        return {} if way is None else way.answers

    def choose(self, place: int) -> None:
        """Choose another way."""
        self.place, self.is_touched = place, True

    def answer(self, key: str, value: Any) -> None:
        """Answer one need of the chosen way."""
        if self.bare is not None:
            self._answers(self.bare)[key] = value

    def keep_from(self, old: LayerPlan) -> None:
        """Take over choice and answers of an earlier plan of the same layer."""
        self.answers = {key: dict(said) for key, said in old.answers.items()}
        self.segments = {value: dict(said) for value, said in old.segments.items()}
        self._meanings = None
        if old.is_touched and old.bare is not None:
            names = [_key(way) for way in self.ways]
            if _key(old.bare) in names:
                self.place, self.is_touched = names.index(_key(old.bare)), True

    def problem(self) -> str:
        """Return what stands against writing it, "" when nothing does."""
        way = self.way
        if way is None:
            return self.trouble or "there is no way to write it as DICOM"
        if way.refusal:
            return way.refusal
        try:
            way.check()
        except DicomDbError as error:
            return str(error)
        wrong = value_problem("SeriesDescription", str(way.answers.get("description") or ""))
        if wrong:
            return f"the series description: {wrong}"
        return self._segment_problem()

    def _segment_problem(self) -> str:
        try:
            meanings = self.meanings()
        except DicomDbError as error:
            return str(error)
        for one in meanings:
            by_program = one.algorithm_type not in ("", "MANUAL")
            if by_program and not (one.algorithm_name or self.said.get("algorithm_name")):
                return f"say by which algorithm {one.label!r} was made"
        return ""


def _meaning(row: Mapping[str, Any]) -> SegmentMeaning:
    told = dict(row)
    for key in ("category", "type", "type_modifier", "region", "region_modifier"):
        if told.get(key) is not None:
            told[key] = Term(*told[key])
    told["colour"] = tuple(told["colour"])
    return SegmentMeaning(**told)


def _key(way: Exportable) -> WayKey:
    return way.exporter.name, way.name
