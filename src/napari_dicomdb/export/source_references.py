"""References of a derived object to its images: of each frame, and of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydicom import Dataset

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.export.segments.image_planes import SourceFrame

__all__ = ["code_item", "derivation_items", "refer_by_series", "refer_to"]

_BY_SERIES = ("ReferencedSeriesSequence", "StudiesContainingOtherReferencedInstancesSequence")


def code_item(value: str, scheme: str, meaning: str) -> Dataset:
    """Return a code as an item; in the attribute that its length asks for (PS3.3 8.3)."""
    from pydicom import Dataset

    item = Dataset()
    if value.startswith(("urn:", "http:", "https:")):
        item.URNCodeValue = value
    elif len(value) > 16:
        item.LongCodeValue = value
    else:
        item.CodeValue = value
    if "URNCodeValue" not in item or scheme:
        item.CodingSchemeDesignator = scheme
    item.CodeMeaning = meaning[:64].strip()
    return item


def derivation_items(sources: Sequence[SourceFrame], *, preserved: bool) -> list[Dataset]:
    """Return DerivationImageSequence: the frame is a segmentation of these.

    Parameters
    ----------
    sources : sequence of SourceFrame
        Each becomes an item: highdicom reads one frame number of an item only.
    preserved : bool
        Whether a pixel of the one is a pixel of the other.

    Returns
    -------
    list of Dataset
        Empty without sources.
    """
    from pydicom import Dataset

    if not sources:
        return []

    items = []
    each = {(record.uid, number): record for record, number in sources}
    for (_, number), record in each.items():
        item = _reference(record)
        if number is not None:
            item.ReferencedFrameNumber = number
        item.SpatialLocationsPreserved = "YES" if preserved else "NO"
        item.PurposeOfReferenceCodeSequence = [
            code_item("121322", "DCM", "Source image for image processing operation")
        ]
        items.append(item)
    derivation = Dataset()
    derivation.SourceImageSequence = items
    derivation.DerivationCodeSequence = [code_item("113076", "DCM", "Segmentation")]
    return [derivation]


def refer_to(dataset: Dataset, records: Iterable[InstanceRecord]) -> None:
    """Write which images an object refers to, by series and all in a row."""
    every = refer_by_series(dataset, records)
    if every:
        dataset.SourceImageSequence = [_reference(one) for one in every]


def refer_by_series(dataset: Dataset, records: Iterable[InstanceRecord]) -> list[InstanceRecord]:
    """Write which images an object refers to, by series (PS3.3 Section C.12.2).

    The import keeps the series: so the object is linked to them. Images of another study
    go where such are. Returns the images, each once, in that order.
    """
    from pydicom import Dataset

    study = str(dataset.StudyInstanceUID)
    for keyword in _BY_SERIES:  # of what the object was copied from
        if keyword in dataset:
            delattr(dataset, keyword)
    by_study: dict[str, dict[str, dict[str, InstanceRecord]]] = {}
    for record in records:
        of_study = by_study.setdefault(_study_of(record) or study, {})
        of_study.setdefault(record.series_uid, {})[record.uid] = record
    every: list[InstanceRecord] = []
    for uid, by_series in by_study.items():
        series = []
        for series_uid, of_series in by_series.items():
            item = Dataset()
            item.SeriesInstanceUID = series_uid
            item.ReferencedInstanceSequence = [_reference(one) for one in of_series.values()]
            series.append(item)
            every += of_series.values()
        if uid == study:
            dataset.ReferencedSeriesSequence = series
        else:
            other = Dataset()
            other.StudyInstanceUID = uid
            other.ReferencedSeriesSequence = series
            others = dataset.get("StudiesContainingOtherReferencedInstancesSequence") or []
            dataset.StudiesContainingOtherReferencedInstancesSequence = [*others, other]
    return every


def _study_of(record: InstanceRecord) -> str:
    return str(record.get("StudyInstanceUID") or "")


def _reference(record: InstanceRecord) -> Dataset:
    from pydicom import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID = record.sop_class_uid
    item.ReferencedSOPInstanceUID = record.uid
    return item
