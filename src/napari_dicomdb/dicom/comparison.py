"""What differs between two objects, or between the values of two sets of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Literal

from napari_dicomdb.progress import no_progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari_dicomdb.dicom.attributes import Attribute, AttributeTree
    from napari_dicomdb.progress import Progress

__all__ = ["Difference", "Kind", "ValueSet", "ValueSets", "compare_trees", "compare_value_sets"]

Kind = Literal["same", "changed", "left-only", "right-only"]
_ALIGNED = 2000  # items; longer sequences are compared number by number
_KEPT = 1000  # distinct values of one attribute that are remembered
_TOLD = 3  # values that are told of many
_PROGRESS = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """One attribute as it is on both sides.

    Attributes
    ----------
    path : str
        Keywords or tags and item numbers: "ReferencedSeriesSequence[1].Modality".
        Where an item stands at another place on the right: "[1→3]".
    name, vr : str
    left, right : str
        Values as text; "" where the attribute is absent or empty.
    kind : str
        "same", "changed", "left-only", "right-only".
    """

    path: str
    name: str
    vr: str
    left: str
    right: str
    kind: Kind

    def to_json(self) -> dict[str, str]:
        """Return the fields as a dict."""
        return {
            "path": self.path,
            "name": self.name,
            "vr": self.vr,
            "left": self.left,
            "right": self.right,
            "kind": self.kind,
        }


def compare_trees(
    left: AttributeTree,
    right: AttributeTree,
    *,
    everything: bool = False,
    progress: Progress | None = None,
) -> list[Difference]:
    """Return how two objects differ, attribute by attribute.

    Items of sequences that are equal on both sides are matched wherever they
    stand, so that an item more is one difference and not as many as follow it.

    Parameters
    ----------
    left, right : AttributeTree
    everything : bool
        Tell also what is the same.
    progress : Progress, optional
        May raise `Cancelled`.
    """
    comparing = _Comparing(left, right, everything, progress or no_progress)
    comparing.level("", left.top(), right.top())
    return comparing.found


class _Comparing:
    def __init__(
        self, left: AttributeTree, right: AttributeTree, everything: bool, tell: Progress
    ) -> None:
        self.trees = left, right
        self.everything = everything
        self.tell = tell
        self.found: list[Difference] = []
        self._seen = 0

    def level(self, path: str, left: list[Attribute], right: list[Attribute]) -> None:
        mine, others = ({one.tag: one for one in side} for side in (left, right))
        for tag in sorted(mine.keys() | others.keys()):
            self._seen += 1
            if self._seen % _PROGRESS == 0:
                self.tell(self._seen, None, "comparing")
            self._one(path, mine.get(tag), others.get(tag))

    def _one(self, path: str, left: Attribute | None, right: Attribute | None) -> None:
        either = left or right
        if either is None or (either.tag & 0xFFFF == 0 and not either.is_item):
            return  # group lengths say nothing of their own
        here = f"{path}{either.keyword or f'{either.tag:08X}'}"
        if left is None or right is None:
            kind: Kind = "right-only" if left is None else "left-only"
            self.tell_of(here, either, "" if left is None else left.value,
                         "" if right is None else right.value, kind)  # fmt: skip
        elif left.is_sequence and right.is_sequence:
            self._items(here, left, right)
        else:
            same = left.vr == right.vr and self._values(0, left) == self._values(1, right)
            self.tell_of(here, either, left.value, right.value, "same" if same else "changed")

    def tell_of(self, path: str, one: Attribute, left: str, right: str, kind: Kind) -> None:
        if kind != "same" or self.everything:
            self.found.append(Difference(path, one.name, one.vr, left, right, kind))

    def _values(self, side: int, one: Attribute) -> Any:
        if one.holder is None:
            return one.value  # pixels: their summary
        return self.trees[side].values(one)

    def _items(self, path: str, left: Attribute, right: Attribute) -> None:
        mine, others = self.trees[0].children(left), self.trees[1].children(right)
        for one, other in self._aligned(mine, others):
            if one is not None and other is not None:
                k, m = _number(one), _number(other)
                place = f"[{k}]" if k == m else f"[{k}→{m}]"
                self.level(f"{path}{place}.", *self._below(one, other))
            elif one is not None:
                self.tell_of(f"{path}[{_number(one)}]", one, _item_text(one), "",
                             "left-only")  # fmt: skip
            elif other is not None:
                self.tell_of(f"{path}[{_number(other)}]", other, "",
                             _item_text(other), "right-only")  # fmt: skip

    def _below(self, one: Attribute, other: Attribute) -> tuple[list[Attribute], list[Attribute]]:
        return self.trees[0].children(one), self.trees[1].children(other)

    def _aligned(
        self, mine: list[Attribute], others: list[Attribute]
    ) -> list[tuple[Attribute | None, Attribute | None]]:
        def side_by_side(
            some: list[Attribute], more: list[Attribute]
        ) -> list[tuple[Attribute | None, Attribute | None]]:
            length = max(len(some), len(more))
            return [
                (some[k] if k < len(some) else None, more[k] if k < len(more) else None)
                for k in range(length)
            ]

        if max(len(mine), len(others)) > _ALIGNED or min(len(mine), len(others)) == 0:
            return side_by_side(mine, others)
        signatures = [self._signature(0, one) for one in mine]
        theirs = [self._signature(1, one) for one in others]
        pairs: list[tuple[Attribute | None, Attribute | None]] = []
        matcher = SequenceMatcher(None, signatures, theirs, autojunk=False)
        for _, i, j, k, m in matcher.get_opcodes():
            pairs += side_by_side(mine[i:j], others[k:m])
        return pairs

    def _signature(self, side: int, item: Attribute) -> int:
        """Return a number that is equal for equal items."""
        tree, parts = self.trees[side], []
        pending = tree.children(item)
        while pending:
            one = pending.pop()
            if one.is_sequence or one.is_item:
                pending += tree.children(one)
                parts.append((one.path[len(item.path) :], ""))
            else:
                parts.append((one.path[len(item.path) :], repr(self._values(side, one))))
        return hash(tuple(sorted(parts)))


def _number(item: Attribute) -> int:
    return int(item.path.rpartition("[")[2][:-1])


def _item_text(item: Attribute) -> str:
    return item.value or f"{item.vm} attribute{'' if item.vm == 1 else 's'}"


# -- sets of values -------------------------------------------------------------------


@dataclass(slots=True)
class ValueSet:
    """The values of one attribute over several objects."""

    name: str
    vr: str
    counts: Counter[str] = field(default_factory=Counter)
    total: int = 0  # objects that have it
    # Of all values, also of those beyond the ones that are kept: their hashes, and the
    # least and the greatest as long as all are numbers.
    hashes: set[int] = field(default_factory=set)
    span: tuple[str, str] | None = None
    is_numeric: bool = True

    def add(self, value: str) -> None:
        """Count one object's value."""
        self.total += 1
        self.hashes.add(hash(value))
        if value in self.counts:
            self.counts[value] += 1
            return
        if len(self.counts) < _KEPT:
            self.counts[value] = 1
        if self.is_numeric:
            self.span = _span([value, *(self.span or ())])
            self.is_numeric = self.span is not None

    def told(self, of: int) -> str:
        """Return the values in words: the one value, or what it varies over.

        Parameters
        ----------
        of : int
            How many objects there are.
        """
        values = list(self.counts)
        if len(values) == 1:
            text = values[0]
        elif self.span is not None:
            text = f"varies: {self.span[0]} to {self.span[1]}"
        else:
            few = ", ".join(sorted(values)[:_TOLD])
            more = ", ..." if len(values) > _TOLD else ""
            text = f"varies: {len(self.hashes)} values ({few}{more})"
        return text if self.total >= of else f"{text} (in {self.total} of {of})"


def _span(values: Iterable[str]) -> tuple[str, str] | None:
    """Return the least and greatest of numbers, None when one is no number."""
    try:
        numbers = {float(one): one for one in values}
    except ValueError:
        return None
    return numbers[min(numbers)], numbers[max(numbers)]


class ValueSets:
    """The values of all attributes over several objects, by path."""

    def __init__(self) -> None:
        self.objects = 0
        self.sets: dict[str, ValueSet] = {}

    def add_tree(self, tree: AttributeTree) -> None:
        """Count the attributes of one object, those in sequences as well."""
        self.objects += 1
        for one in tree.walk():
            if not one.is_item and (one.tag & 0xFFFF or one.tag >> 16 == 2):
                self._add(one.words, one.name, one.vr, one.value)

    def add_values(self, values: Mapping[str, Any]) -> None:
        """Count the kept values of one object, by keyword."""
        from pydicom.datadict import dictionary_description, dictionary_VR, tag_for_keyword

        self.objects += 1
        for keyword, value in values.items():
            tag = tag_for_keyword(keyword)
            name = keyword if tag is None else dictionary_description(tag)
            vr = "" if tag is None else str(dictionary_VR(tag))
            parts = value if isinstance(value, list) else [value]
            self._add(keyword, name, vr, "\\".join(str(one) for one in parts))

    def _add(self, path: str, name: str, vr: str, value: str) -> None:
        if path not in self.sets:
            self.sets[path] = ValueSet(name, vr)
        self.sets[path].add(value)


def compare_value_sets(
    left: ValueSets, right: ValueSets, *, everything: bool = False, prefix: str = ""
) -> list[Difference]:
    """Return in which attributes two sets of objects differ.

    An attribute is the same when the same values occur on both sides, however
    often; and absent on the same side, or not.
    """
    found = []
    order = [*left.sets, *(path for path in right.sets if path not in left.sets)]
    for path in order:
        mine, others = left.sets.get(path), right.sets.get(path)
        either = mine or others
        if either is None:
            continue
        kind: Kind = "left-only" if others is None else "right-only"
        if mine is not None and others is not None:
            same = mine.hashes == others.hashes and (
                (mine.total == left.objects) == (others.total == right.objects)
            )
            kind = "same" if same else "changed"
        if kind != "same" or everything:
            told = mine.told(left.objects) if mine is not None else ""
            told_too = others.told(right.objects) if others is not None else ""
            found.append(
                Difference(f"{prefix}{path}", either.name, either.vr, told, told_too, kind)
            )
    return found
