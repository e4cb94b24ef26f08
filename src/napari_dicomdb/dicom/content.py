"""What an object without an image says, as a tree that a person can read.

Reports, key objects, structure sets, plans, segments, waveforms, documents: each
kind is told in its own words (`_content_reports`, `_content_objects`); all others
as the tree of their attributes. Nothing is trusted: depth and size are bounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom.unreadable import unreadable
from napari_dicomdb.dicom.values import display_name, parse_date, parse_datetime, parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom import Dataset

__all__ = [
    "ContentNode",
    "ContentTree",
    "attribute_nodes",
    "content_tree",
    "counted",
    "one_line",
    "text_of",
]

MAX_DEPTH = 32
MAX_NODES = 20_000
MAX_TEXT = 2_000
MAX_VALUES = 16
_FOR_PEOPLE = {"PN": display_name, "DA": parse_date, "TM": parse_time, "DT": parse_datetime}


@dataclass(frozen=True, slots=True)
class ContentNode:
    """One line of the tree.

    Parameters
    ----------
    label : str
        What it is: a concept name, an attribute, "ROI 3".
    value : str
        What it says, with its unit; "" when the children say it.
    children : tuple of ContentNode
    reference : str
        SOP or series instance UID that the line refers to, or "".
    """

    label: str
    value: str = ""
    children: tuple[ContentNode, ...] = ()
    reference: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the node as a dict that `json.dumps` accepts."""
        found: dict[str, Any] = {"label": self.label, "value": self.value}
        if self.reference:
            found["reference"] = self.reference
        if self.children:
            found["children"] = [child.to_json() for child in self.children]
        return found

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> ContentNode:
        """Return the node that `to_json` wrote."""
        children = tuple(cls.from_json(child) for child in found.get("children", ()))
        return cls(found["label"], found["value"], children, found.get("reference", ""))

    def walk(self) -> Iterator[ContentNode]:
        """Yield this node and all below it, in reading order."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class ContentTree:
    """The readable content of one object.

    Parameters
    ----------
    title : str
        What it is, in a line.
    sop_class_uid, sop_instance_uid : str
    nodes : tuple of ContentNode
    truncated : bool
        Whether something was left out because there is too much of it.
    """

    title: str
    sop_class_uid: str
    sop_instance_uid: str
    nodes: tuple[ContentNode, ...]
    truncated: bool = False

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> ContentTree:
        """Return the tree that `to_json` wrote."""
        nodes = tuple(ContentNode.from_json(node) for node in found["nodes"])
        return cls(
            found["title"],
            found["sop_class_uid"],
            found["sop_instance_uid"],
            nodes,
            found["truncated"],
        )

    @property
    def references(self) -> tuple[str, ...]:
        """UIDs that the content refers to, each once, in reading order."""
        found = (n.reference for top in self.nodes for n in top.walk() if n.reference)
        return tuple(dict.fromkeys(found))

    def lines(self) -> Iterator[str]:
        """Yield the tree as indented text."""
        yield self.title
        pending = [(node, 1) for node in reversed(self.nodes)]
        while pending:
            node, depth = pending.pop()
            yield f"{'  ' * depth}{node.label}{': ' if node.value else ''}{node.value}"
            pending += [(child, depth + 1) for child in reversed(node.children)]

    def to_json(self) -> dict[str, Any]:
        """Return the tree as a dict that `json.dumps` accepts."""
        return {
            "title": self.title,
            "sop_class_uid": self.sop_class_uid,
            "sop_instance_uid": self.sop_instance_uid,
            "truncated": self.truncated,
            "nodes": [node.to_json() for node in self.nodes],
        }


class Budget:
    """Counts nodes, so that a hostile object ends in a note and not in the memory."""

    def __init__(self, nodes: int = MAX_NODES) -> None:
        self.left = nodes
        self.exceeded = False

    def take(self, depth: int = 0) -> bool:
        """Say whether one more node, that deep, may be made."""
        if self.left <= 0 or depth > MAX_DEPTH:
            self.exceeded = True
            return False
        self.left -= 1
        return True


def content_tree(dataset: Dataset) -> ContentTree:
    """Return what `dataset` says, as a tree.

    Parameters
    ----------
    dataset : pydicom Dataset
        Any object; its pixels are not needed.
    """
    from napari_dicomdb.dicom import _content_objects, _content_reports

    budget = Budget()
    sop_class = text_of(dataset, "SOPClassUID")
    readers = (*_content_reports.READERS, *_content_objects.READERS)
    reader = next((read for fits, read in readers if fits(dataset)), None)
    nodes = list(reader(dataset, budget)) if reader is not None else []
    if not nodes:
        nodes = attribute_nodes(dataset, budget)
    return ContentTree(
        title=_title(dataset, sop_class),
        sop_class_uid=sop_class,
        sop_instance_uid=text_of(dataset, "SOPInstanceUID"),
        nodes=tuple(nodes),
        truncated=budget.exceeded,
    )


def attribute_nodes(dataset: Dataset, budget: Budget, depth: int = 0) -> list[ContentNode]:
    """Return one node per attribute, sequences with their items below them."""
    nodes: list[ContentNode] = []
    for tag in sorted(dataset.keys()):
        if tag.group in (0x7FE0, 0xFFFA) or tag.element == 0:
            continue
        if not budget.take(depth):
            break
        try:
            element = dataset[tag]
        except unreadable(OSError) as error:
            nodes.append(ContentNode(f"({tag.group:04X},{tag.element:04X})", f"broken: {error}"))
            continue
        if element.VR == "SQ":
            items = [
                ContentNode(f"Item {k}", "", tuple(attribute_nodes(item, budget, depth + 2)))
                for k, item in enumerate(element.value or [], 1)
                if budget.take(depth + 1)
            ]
            nodes.append(
                ContentNode(element.name, counted(len(element.value or []), "item"), (*items,))
            )
        else:
            value = _value_text(element.value)
            reference = value if element.keyword == "ReferencedSOPInstanceUID" else ""
            nodes.append(ContentNode(element.name, value, (), reference))
    return nodes


def text_of(dataset: Dataset, keyword: str) -> str:
    """Return the value of `keyword` as one line of text, "" when absent or broken.

    Names, dates and times are written as people do where they are valid.
    """
    try:
        value = dataset.get(keyword)
    except unreadable(OSError):
        return ""
    if value is None:
        return ""
    text = _value_text(value)
    for_people = _FOR_PEOPLE.get(str(dataset[keyword].VR))
    return (for_people(text) or text) if for_people is not None else text


def items_of(dataset: Dataset, keyword: str) -> list[Dataset]:
    """Return the items of a sequence, none when it is absent or no sequence."""
    try:
        value = dataset.get(keyword)
    except unreadable(OSError):
        return []
    return list(value) if value is not None and not isinstance(value, str | bytes) else []


def code_text(dataset: Dataset, keyword: str) -> str:
    """Return the meaning of the first code in a sequence, or the code itself."""
    for item in items_of(dataset, keyword):
        return text_of(item, "CodeMeaning") or text_of(item, "CodeValue")
    return ""


def one_line(text: str) -> str:
    """Return `text` on one line, bounded."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_TEXT else f"{line[:MAX_TEXT]}... ({len(line)} characters)"


def _value_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, str):
        return one_line(value)
    try:
        count = len(value)
    except TypeError:
        return one_line(str(value))
    if hasattr(value, "components"):  # PersonName has a length too
        return one_line(str(value))
    shown = ", ".join(str(v) for v in value[:MAX_VALUES])
    return one_line(shown if count <= MAX_VALUES else f"{shown}, ... ({count} values)")


def counted(count: int, one: str) -> str:
    """Return a number with its noun, which takes an s in the plural."""
    return f"{count} {one}" if count == 1 else f"{count} {one}s"


def _title(dataset: Dataset, sop_class: str) -> str:
    from pydicom.uid import UID

    kind = (UID(sop_class).name if sop_class else "") or text_of(dataset, "Modality")
    kind = kind.removesuffix(" Storage") or "Object of unknown kind"
    own = next(
        (
            words
            for keyword in (
                "StructureSetLabel",
                "RTPlanLabel",
                "ContentLabel",
                "DocumentTitle",
                "SeriesDescription",
            )
            if (words := text_of(dataset, keyword))
        ),
        "",
    )
    return f"{kind}: {own}" if own else kind
