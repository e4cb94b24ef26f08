"""Structured reports and key object selections: their content tree in words.

PS3.3 Section C.17.3 (SR document content): every content item has a relationship,
a value type and mostly a concept name; the tree reads from top to bottom.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from napari_dicomdb.dicom.content import (
    MAX_VALUES,
    Budget,
    ContentNode,
    code_text,
    counted,
    items_of,
    one_line,
    text_of,
)

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["READERS"]

# Value types whose text stands in one attribute.
_PLAIN = {
    "TEXT": "TextValue",
    "DATE": "Date",
    "TIME": "Time",
    "DATETIME": "DateTime",
    "PNAME": "PersonName",
    "UIDREF": "UID",
}


def is_report(dataset: Dataset) -> bool:
    """Whether `dataset` has a content tree."""
    return "ContentSequence" in dataset or text_of(dataset, "ValueType") == "CONTAINER"


def read_report(dataset: Dataset, budget: Budget) -> Iterable[ContentNode]:
    """Return the report: who stands for it, what it says, what it is based on."""
    facts = [
        ContentNode(label, value)
        for label, keyword in (
            ("Completion", "CompletionFlag"),
            ("Verification", "VerificationFlag"),
            ("Date", "ContentDate"),
        )
        if (value := text_of(dataset, keyword))
    ]
    observers = [
        ContentNode("Verified by", text_of(item, "VerifyingObserverName"))
        for item in items_of(dataset, "VerifyingObserverSequence")
    ]
    title = code_text(dataset, "ConceptNameCodeSequence") or "Content"
    content = ContentNode(title, "", tuple(_items(dataset, budget, 1)))
    evidence = [
        *_evidence(dataset, "CurrentRequestedProcedureEvidenceSequence", "Evidence"),
        *_evidence(dataset, "PertinentOtherEvidenceSequence", "Other evidence"),
    ]
    return [*facts, *observers, content, *evidence]


def _items(dataset: Dataset, budget: Budget, depth: int) -> Iterable[ContentNode]:
    for item in items_of(dataset, "ContentSequence"):
        if not budget.take(depth):
            return
        yield _node(item, budget, depth)


def _node(item: Dataset, budget: Budget, depth: int) -> ContentNode:
    kind = text_of(item, "ValueType")
    label = code_text(item, "ConceptNameCodeSequence") or kind.capitalize() or "Item"
    value, reference = _value(item, kind)
    return ContentNode(label, value, tuple(_items(item, budget, depth + 1)), reference)


def _value(item: Dataset, kind: str) -> tuple[str, str]:
    """Text and referenced UID of a content item."""
    if kind in _PLAIN:
        return text_of(item, _PLAIN[kind]), ""
    if kind == "CODE":
        return code_text(item, "ConceptCodeSequence"), ""
    if kind == "NUM":
        return _measured(item), ""
    if kind in ("IMAGE", "COMPOSITE", "WAVEFORM"):
        return _referenced(item)
    if kind in ("SCOORD", "SCOORD3D"):
        data = item.get("GraphicData") or []
        size = 3 if kind == "SCOORD3D" else 2
        points = len(data) // size if hasattr(data, "__len__") else 0
        numbers = ", ".join(f"{float(v):g}" for v in list(data)[: size * (MAX_VALUES // size)])
        more = ", ..." if points > MAX_VALUES // size else ""
        unit = "mm" if kind == "SCOORD3D" else "pixels"
        graphic = text_of(item, "GraphicType").capitalize()
        return f"{graphic}, {counted(points, 'point')} in {unit}: {numbers}{more}", ""
    if kind == "TCOORD":
        return text_of(item, "TemporalRangeType").capitalize(), ""
    by_reference = text_of(item, "ReferencedContentItemIdentifier")
    return (f"see item {by_reference}", "") if by_reference else ("", "")


def _measured(item: Dataset) -> str:
    for measured in items_of(item, "MeasuredValueSequence"):
        number = text_of(measured, "NumericValue")
        unit = ""
        for code in items_of(measured, "MeasurementUnitsCodeSequence"):
            unit = text_of(code, "CodeValue")
        # UCUM writes "no unit" as 1, and names that are no unit in braces.
        return number if unit in ("", "1") else f"{number} {unit}"
    return code_text(item, "NumericValueQualifierCodeSequence") or "not measured"


def _referenced(item: Dataset) -> tuple[str, str]:
    for reference in items_of(item, "ReferencedSOPSequence"):
        uid = text_of(reference, "ReferencedSOPInstanceUID")
        parts = [_class_name(text_of(reference, "ReferencedSOPClassUID"))]
        frames = text_of(reference, "ReferencedFrameNumber")
        segments = text_of(reference, "ReferencedSegmentNumber")
        parts += [f"frame {frames}"] if frames else []
        parts += [f"segment {segments}"] if segments else []
        return one_line(", ".join(p for p in parts if p)), uid
    return "", ""


def _evidence(dataset: Dataset, keyword: str, label: str) -> Iterable[ContentNode]:
    series: list[ContentNode] = []
    for study in items_of(dataset, keyword):
        for one in items_of(study, "ReferencedSeriesSequence"):
            count = len(items_of(one, "ReferencedSOPSequence"))
            uid = text_of(one, "SeriesInstanceUID")
            series.append(ContentNode("Series", counted(count, "instance"), (), uid))
    return [ContentNode(label, f"{len(series)} series", tuple(series))] if series else []


def _class_name(uid: str) -> str:
    from pydicom.uid import UID

    return UID(uid).name.removesuffix(" Storage") if uid else ""


Reader = tuple[Callable[["Dataset"], bool], Callable[["Dataset", Budget], Iterable[ContentNode]]]
READERS: tuple[Reader, ...] = ((is_report, read_report),)
