"""Content trees, against what DCMTK's dsrdump, dcmqi and pydicom say of the same files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from napari_dicomdb.dicom.content import (
    MAX_DEPTH,
    MAX_NODES,
    ContentNode,
    ContentTree,
    content_tree,
)

ITEM = re.compile(
    r"^(?P<indent> *)<(?:[a-z ]+ )?(?P<kind>[A-Z0-9]+):"
    r'(?:\([^"]*"(?P<name>[^"]*)"\))?=(?P<value>.*)>'
)


def _dumped(path: Path) -> list[tuple[int, str, str, str]]:
    """Depth, value type, concept name and value of each content item, as dsrdump prints them."""
    text = path.read_text(encoding="latin-1").split("\n\n", 1)[1]
    found = []
    for line in text.splitlines():
        match = ITEM.match(line)
        if match:
            depth = len(match["indent"]) // 2
            found.append((depth, match["kind"], match["name"] or "", match["value"]))
    return found


def _flat(node: ContentNode, depth: int = 0) -> list[tuple[int, ContentNode]]:
    return [(depth, node), *(e for c in node.children for e in _flat(c, depth + 1))]


@pytest.mark.parametrize("name", ["sr.dcm", "pydicom/test-SR.dcm"])
def test_a_report_reads_as_dsrdump_prints_it(reference_data: Path, name: str) -> None:
    folder = reference_data / "sr"
    dumped = _dumped(folder / "ref" / f"{name.replace('/', '__')}.dsrdump.txt")
    tree = content_tree(pydicom.dcmread(folder / name))
    top = next(n for n in tree.nodes if n.label == dumped[0][2])
    # References to other items ("selected from 1.3.2") are no items in dsrdump's sense.
    ours = [(d, n) for d, n in _flat(top) if not n.value.startswith("see item")]
    assert [d for d, _ in ours] == [d for d, *_ in dumped]
    for (_, node), (_, kind, concept, value) in zip(ours, dumped, strict=True):
        if concept:
            assert node.label == concept
        if kind == "NUM":
            number = re.match(r'"([^"]*)" \(([^,]*),', value)
            assert number
            unit = "" if number[2] == "1" else f" {number[2]}"
            assert node.value == number[1] + unit
        elif kind == "CODE":
            assert node.value == re.findall(r'"([^"]*)"', value)[-1]
        elif kind in ("DATE", "TIME", "DATETIME"):  # 2000-12-06 for 20001206
            said = value.split('"')[1]
            assert re.sub("[-:T]", "", node.value) == said.removesuffix(".000000")
            assert node.value != said
        elif kind == "PNAME":
            family, *given = value.split('"')[1].split("^")
            assert node.value == ", ".join(filter(None, (family, " ".join(given).strip())))
        elif kind == "UIDREF":
            assert node.value == value.split('"')[1]


def test_measurements_equal_those_of_dcmqi(reference_data: Path) -> None:
    folder = reference_data / "sr"
    expected = json.loads((folder / "ref/sr.dcm.tid1500.json").read_text(encoding="utf-8"))
    (group,) = expected["Measurements"]
    tree = content_tree(pydicom.dcmread(folder / "sr.dcm"))
    nodes = [n for top in tree.nodes for n in top.walk()]
    values = [n.value for n in nodes if n.label == "SUVbw"]
    suv = [m for m in group["measurementItems"] if m["quantity"]["CodeMeaning"] == "SUVbw"]
    assert values == [f"{m['value']} {m['units']['CodeValue']}" for m in suv]
    assert group["TrackingIdentifier"] in {n.value for n in nodes}
    assert group["SourceSeriesForImageSegmentation"] in {n.value for n in nodes}


def test_structure_set_names_rois_and_the_images(reference_data: Path) -> None:
    path = reference_data / "ctmrpet_rtstruct/STS_002_CT/rtstruct/RS.dcm"
    dataset = pydicom.dcmread(path)
    tree = content_tree(dataset)
    (roi,) = dataset.StructureSetROISequence
    (contour,) = dataset.ROIContourSequence
    node = next(n for n in tree.nodes if n.label == roi.ROIName)
    points = sum(int(c.NumberOfContourPoints) for c in contour.ContourSequence)
    assert node.value == f"{len(contour.ContourSequence)} contours, {points} points"
    frame = dataset.ReferencedFrameOfReferenceSequence[0]
    series = frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence[0]
    assert tree.references == (series.SeriesInstanceUID,)


def test_plan_and_dose(reference_data: Path) -> None:
    by_modality: dict[str, Dataset] = {}
    for path in sorted((reference_data / "rt_dvh").rglob("*.dcm")):
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        by_modality.setdefault(dataset.Modality, dataset)
    plan, dose = by_modality["RTPLAN"], by_modality["RTDOSE"]
    lines = "\n".join(content_tree(plan).lines())
    for beam in plan.get("BeamSequence", plan.get("IonBeamSequence", [])):
        assert f"Beam {beam.BeamNumber}: {beam.get('BeamName', '')}" in lines
    facts = {n.label: n.value for n in content_tree(dose).nodes}
    assert facts["Units"] == dose.DoseUnits
    assert float(facts["Scaling"]) == float(dose.DoseGridScaling)


def test_segments_are_named(reference_data: Path) -> None:
    dataset = pydicom.dcmread(reference_data / "sr/seg.dcm")
    tree = content_tree(dataset)
    segments = next(n for n in tree.nodes if n.label == "Segments")
    assert [n.value for n in segments.children] == [
        s.SegmentLabel for s in dataset.SegmentSequence
    ]
    assert tree.references == (dataset.ReferencedSeriesSequence[0].SeriesInstanceUID,)


def test_waveform_channels() -> None:
    path = Path(pydicom.data.__file__).parent / "test_files" / "waveform_ecg.dcm"
    dataset = pydicom.dcmread(path)
    group = dataset.WaveformSequence[0]
    node = content_tree(dataset).nodes[0]
    assert f"{group.NumberOfWaveformSamples} samples at {group.SamplingFrequency} Hz" in node.value
    assert [c.label for c in node.children] == [
        c.ChannelSourceSequence[0].CodeMeaning for c in group.ChannelDefinitionSequence
    ]


def test_document() -> None:
    dataset = Dataset()
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.104.1"
    dataset.DocumentTitle = "Letter"
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocument = b"%PDF-1.7\0"
    tree = content_tree(dataset)
    assert tree.title == "Encapsulated PDF: Letter"
    assert [(n.label, n.value) for n in tree.nodes] == [
        ("Title", "Letter"),
        ("Kind", "application/pdf"),
        ("Size", "9 bytes"),
    ]


def test_anything_else_is_its_attributes() -> None:
    dataset = Dataset()
    dataset.SOPClassUID = "1.2.3"
    dataset.PatientComments = "line one\r\nline two"
    item = Dataset()
    item.CodeMeaning = "Head"
    dataset.AnatomicRegionSequence = Sequence([item])
    lines = list(content_tree(dataset).lines())
    assert "  Patient Comments: line one line two" in lines
    assert "      Code Meaning: Head" in lines


def test_json_goes_there_and_back(reference_data: Path) -> None:
    tree = content_tree(pydicom.dcmread(reference_data / "sr/sr.dcm"))
    assert ContentTree.from_json(json.loads(json.dumps(tree.to_json()))) == tree


def _nested(depth: int, keyword: str) -> Dataset:
    dataset = Dataset()
    for _ in range(depth):
        outer = Dataset()
        if keyword == "ContentSequence":
            outer.ValueType = "CONTAINER"
        setattr(outer, keyword, Sequence([dataset]))
        dataset = outer
    return dataset


@pytest.mark.parametrize("keyword", ["ContentSequence", "AnatomicRegionSequence"])
def test_depth_is_bounded(keyword: str) -> None:
    tree = content_tree(_nested(200, keyword))
    assert tree.truncated
    assert max(len(line) - len(line.lstrip()) for line in tree.lines()) <= 2 * (MAX_DEPTH + 3)


def test_size_is_bounded() -> None:
    dataset = Dataset()
    dataset.ValueType = "CONTAINER"
    item = Dataset()
    item.ValueType = "TEXT"
    item.TextValue = "x"
    dataset.ContentSequence = Sequence([item] * (MAX_NODES + 100))
    tree = content_tree(dataset)
    assert tree.truncated
    assert sum(1 for _ in tree.lines()) <= MAX_NODES + 10


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_every_object_of_the_reference_data_is_readable(reference_data: Path) -> None:
    seen: set[str] = set()
    for path in sorted(reference_data.rglob("*.dcm")):
        dataset: Any = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        kind = str(dataset.get("SOPClassUID"))
        if kind in seen or "StudyInstanceUID" not in dataset:
            continue
        seen.add(kind)
        lines = list(content_tree(dataset).lines())
        assert len(lines) > 1, path
        assert all("\n" not in line and "\r" not in line for line in lines), path
    assert len(seen) > 10
