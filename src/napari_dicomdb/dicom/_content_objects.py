"""Structure sets, plans, doses, segmentations, presentation states, waveforms, documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from napari_dicomdb.dicom.content import (
    Budget,
    ContentNode,
    code_text,
    counted,
    items_of,
    text_of,
)

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["READERS"]


def read_structure_set(dataset: Dataset, budget: Budget) -> Iterable[ContentNode]:
    """Return ROIs with type, colour, contours (PS3.3 Sections C.8.8.5, C.8.8.6, C.8.8.8)."""
    contours = {text_of(c, "ReferencedROINumber"): c for c in _items(dataset, "ROIContour")}
    kinds = {
        text_of(o, "ReferencedROINumber"): text_of(o, "RTROIInterpretedType")
        for o in items_of(dataset, "RTROIObservationsSequence")
    }
    nodes: list[ContentNode] = _facts(
        dataset, ("Label", "StructureSetLabel"), ("Name", "StructureSetName")
    )
    for roi in _items(dataset, "StructureSetROI"):
        if not budget.take(1):
            break
        number = text_of(roi, "ROINumber")
        drawn = contours.get(number)
        pieces = items_of(drawn, "ContourSequence") if drawn is not None else []
        geometries = sorted({text_of(c, "ContourGeometricType") for c in pieces} - {""})
        points = sum(_integer(text_of(c, "NumberOfContourPoints")) for c in pieces)
        children = [ContentNode("Number", number)]
        if kinds.get(number):
            children.append(ContentNode("Type", kinds[number]))
        if drawn is not None and text_of(drawn, "ROIDisplayColor"):
            children.append(ContentNode("Colour", text_of(drawn, "ROIDisplayColor")))
        children.append(
            ContentNode("Made by", text_of(roi, "ROIGenerationAlgorithm") or "not said")
        )
        if geometries:
            children.append(ContentNode("Contours", ", ".join(geometries)))
        size = (
            f"{counted(len(pieces), 'contour')}, {counted(points, 'point')}"
            if pieces
            else "no contours"
        )
        nodes.append(ContentNode(text_of(roi, "ROIName") or f"ROI {number}", size, (*children,)))
    series: list[ContentNode] = []
    for frame in items_of(dataset, "ReferencedFrameOfReferenceSequence"):
        for study in items_of(frame, "RTReferencedStudySequence"):
            for one in items_of(study, "RTReferencedSeriesSequence"):
                count = len(items_of(one, "ContourImageSequence"))
                uid = text_of(one, "SeriesInstanceUID")
                series.append(ContentNode("Series", f"{count} images", (), uid))
    return [*nodes, *_group("Drawn on", series)]


def read_plan(dataset: Dataset, budget: Budget) -> Iterable[ContentNode]:
    """Return fractions and beams (PS3.3 Sections C.8.8.9 to C.8.8.14)."""
    nodes = _facts(
        dataset,
        ("Label", "RTPlanLabel"),
        ("Name", "RTPlanName"),
        ("Date", "RTPlanDate"),
        ("Geometry", "RTPlanGeometry"),
        ("Intent", "PlanIntent"),
        ("Approval", "ApprovalStatus"),
    )
    doses = [
        ContentNode(
            text_of(dose, "DoseReferenceDescription") or text_of(dose, "DoseReferenceType"),
            f"{text_of(dose, 'TargetPrescriptionDose') or '-'} Gy",
        )
        for dose in items_of(dataset, "DoseReferenceSequence")
        if budget.take(1)
    ]
    fractions = [
        ContentNode(
            f"Fraction group {text_of(group, 'FractionGroupNumber')}",
            f"{text_of(group, 'NumberOfFractionsPlanned') or '?'} fractions, "
            f"{text_of(group, 'NumberOfBeams') or '0'} beams",
        )
        for group in items_of(dataset, "FractionGroupSequence")
        if budget.take(1)
    ]
    beams = []
    for keyword in ("BeamSequence", "IonBeamSequence"):
        for beam in items_of(dataset, keyword):
            if not budget.take(1):
                break
            facts = _facts(
                beam,
                ("Machine", "TreatmentMachineName"),
                ("Radiation", "RadiationType"),
                ("Type", "BeamType"),
                ("Delivery", "TreatmentDeliveryType"),
                ("Control points", "NumberOfControlPoints"),
            )
            number = text_of(beam, "BeamNumber")
            name = text_of(beam, "BeamName") or text_of(beam, "BeamDescription")
            beams.append(ContentNode(f"Beam {number}", name, tuple(facts)))
    references = _referenced(dataset, "ReferencedStructureSetSequence", "Structure set")
    references += _referenced(dataset, "ReferencedDoseSequence", "Dose")
    groups = (*_group("Doses", doses), *_group("Fractions", fractions), *_group("Beams", beams))
    return [*nodes, *groups, *references]


def read_dose(dataset: Dataset, budget: Budget) -> Iterable[ContentNode]:
    """Return what kind of dose it is, its grid, its DVHs (PS3.3 Section C.8.8.3)."""
    nodes = _facts(
        dataset,
        ("Type", "DoseType"),
        ("Units", "DoseUnits"),
        ("Summation", "DoseSummationType"),
        ("Scaling", "DoseGridScaling"),
        ("Frames", "NumberOfFrames"),
        ("Pixel spacing", "PixelSpacing"),
    )
    curves = [
        ContentNode(
            f"DVH of ROI {', '.join(_rois(curve)) or '?'}",
            f"{text_of(curve, 'DVHType')}, {text_of(curve, 'DVHNumberOfBins')} bins, "
            f"mean {text_of(curve, 'DVHMeanDose') or '?'} {text_of(curve, 'DoseUnits')}",
        )
        for curve in items_of(dataset, "DVHSequence")
        if budget.take(1)
    ]
    references = _referenced(dataset, "ReferencedRTPlanSequence", "Plan")
    return [*nodes, *_group("DVHs", curves), *references]


def read_segmentation(dataset: Dataset, budget: Budget) -> Iterable[ContentNode]:
    """Return the segments with their codes (PS3.3 Section C.8.20.2)."""
    nodes = _facts(
        dataset,
        ("Type", "SegmentationType"),
        ("Label", "ContentLabel"),
        ("By", "ContentCreatorName"),
    )
    segments = []
    for segment in items_of(dataset, "SegmentSequence"):
        if not budget.take(1):
            break
        facts = [
            ContentNode(label, meaning)
            for label, keyword in (
                ("Category", "SegmentedPropertyCategoryCodeSequence"),
                ("Property", "SegmentedPropertyTypeCodeSequence"),
                ("Anatomy", "AnatomicRegionSequence"),
            )
            if (meaning := code_text(segment, keyword))
        ]
        facts += _facts(
            segment, ("Algorithm", "SegmentAlgorithmType"), ("Name", "SegmentAlgorithmName")
        )
        number = text_of(segment, "SegmentNumber")
        segments.append(
            ContentNode(f"Segment {number}", text_of(segment, "SegmentLabel"), tuple(facts))
        )
    return [*nodes, *_group("Segments", segments), *_referenced_series(dataset)]


def read_presentation(dataset: Dataset, budget: Budget) -> Iterable[ContentNode]:
    """Return what a presentation state shows and says on it (PS3.3 Section C.11)."""
    nodes = _facts(
        dataset,
        ("Label", "ContentLabel"),
        ("Description", "ContentDescription"),
        ("By", "ContentCreatorName"),
        ("Date", "PresentationCreationDate"),
    )
    windows = [
        ContentNode(
            text_of(voi, "WindowCenterWidthExplanation") or "Window",
            f"centre {text_of(voi, 'WindowCenter')}, width {text_of(voi, 'WindowWidth')}",
        )
        for voi in items_of(dataset, "SoftcopyVOILUTSequence")
        if budget.take(1)
    ]
    texts = []
    for annotation in items_of(dataset, "GraphicAnnotationSequence"):
        texts += [
            ContentNode("Text", text_of(item, "UnformattedTextValue"))
            for item in items_of(annotation, "TextObjectSequence")
            if budget.take(1)
        ]
        texts += [
            ContentNode("Graphic", text_of(item, "GraphicType").capitalize())
            for item in items_of(annotation, "GraphicObjectSequence")
            if budget.take(1)
        ]
    groups = (*_group("Windows", windows), *_group("Annotations", texts))
    return [*nodes, *groups, *_referenced_series(dataset)]


def read_waveform(dataset: Dataset, budget: Budget) -> Iterable[ContentNode]:
    """Return the multiplex groups and their channels (PS3.3 Section C.10.9)."""
    nodes = []
    for number, group in enumerate(items_of(dataset, "WaveformSequence"), 1):
        channels = [
            ContentNode(
                code_text(channel, "ChannelSourceSequence") or "Channel",
                " ".join(
                    part
                    for part in (
                        text_of(channel, "ChannelSensitivity"),
                        code_text(channel, "ChannelSensitivityUnitsSequence"),
                    )
                    if part
                ),
            )
            for channel in items_of(group, "ChannelDefinitionSequence")
            if budget.take(2)
        ]
        label = text_of(group, "MultiplexGroupLabel") or f"Group {number}"
        size = (
            f"{text_of(group, 'NumberOfWaveformChannels')} channels, "
            f"{text_of(group, 'NumberOfWaveformSamples')} samples at "
            f"{text_of(group, 'SamplingFrequency')} Hz"
        )
        nodes.append(ContentNode(label, size, tuple(channels)))
    notes = [
        ContentNode(
            code_text(note, "ConceptNameCodeSequence") or "Annotation",
            text_of(note, "UnformattedTextValue") or text_of(note, "NumericValue"),
        )
        for note in items_of(dataset, "WaveformAnnotationSequence")
        if budget.take(1)
    ]
    return [*nodes, *_group("Annotations", notes)]


def read_document(dataset: Dataset, budget: Budget) -> Iterable[ContentNode]:
    """Return what is encapsulated and how large it is (PS3.3 Section C.24.2)."""
    document = dataset.get("EncapsulatedDocument")
    held = len(document) if isinstance(document, bytes) else 0
    length = _integer(text_of(dataset, "EncapsulatedDocumentLength")) or held
    return [
        *_facts(
            dataset,
            ("Title", "DocumentTitle"),
            ("Kind", "MIMETypeOfEncapsulatedDocument"),
            ("Date", "ContentDate"),
            ("Burned-in names", "BurnedInAnnotation"),
        ),
        ContentNode("Size", f"{length} bytes"),
    ]


def _items(dataset: Dataset, stem: str) -> list[Dataset]:
    return items_of(dataset, f"{stem}Sequence")


def _facts(dataset: Dataset, *wanted: tuple[str, str]) -> list[ContentNode]:
    return [
        ContentNode(label, value)
        for label, keyword in wanted
        if (value := text_of(dataset, keyword))
    ]


def _group(label: str, nodes: list[ContentNode]) -> tuple[ContentNode, ...]:
    return (ContentNode(label, str(len(nodes)), tuple(nodes)),) if nodes else ()


def _referenced(dataset: Dataset, keyword: str, label: str) -> list[ContentNode]:
    return [
        ContentNode(label, "", (), uid)
        for item in items_of(dataset, keyword)
        if (uid := text_of(item, "ReferencedSOPInstanceUID"))
    ]


def _referenced_series(dataset: Dataset) -> tuple[ContentNode, ...]:
    series = [
        ContentNode(
            "Series",
            f"{max(len(_items(one, 'ReferencedInstance')), len(_items(one, 'ReferencedImage')))}"
            " images",
            (),
            uid,
        )
        for one in items_of(dataset, "ReferencedSeriesSequence")
        if (uid := text_of(one, "SeriesInstanceUID"))
    ]
    return _group("Refers to", series)


def _rois(curve: Dataset) -> list[str]:
    return [text_of(r, "ReferencedROINumber") for r in items_of(curve, "DVHReferencedROISequence")]


def _integer(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _has(keyword: str) -> Callable[[Dataset], bool]:
    return lambda dataset: keyword in dataset


def _modality(name: str) -> Callable[[Dataset], bool]:
    return lambda dataset: text_of(dataset, "Modality") == name


Reader = tuple[Callable[["Dataset"], bool], Callable[["Dataset", Budget], Iterable[ContentNode]]]
READERS: tuple[Reader, ...] = (
    (_has("StructureSetROISequence"), read_structure_set),
    (_modality("RTPLAN"), read_plan),
    (_modality("RTDOSE"), read_dose),
    (_has("SegmentSequence"), read_segmentation),
    (_modality("PR"), read_presentation),
    (_has("WaveformSequence"), read_waveform),
    (_has("MIMETypeOfEncapsulatedDocument"), read_document),
)
