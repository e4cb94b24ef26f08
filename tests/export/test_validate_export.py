"""scripts/validate_export.py notices a wrong voxel, a wrong place, a new Error line."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pydicom
import pytest

from napari_dicomdb import Database

SCRIPTS = Path(__file__).parents[2] / "scripts"
NAMES = (
    "peer_comparison", "peer_readings", "export_notes", "export_rows",
    "validate_deidentification", "validate_segmentations", "validate_export",
)  # fmt: skip
AFFINE = np.array([[0, 0.1, 2, -7.0], [0, 3, -0.1, 5], [4, 0, 0, 11], [0, 0, 0, 1]])
ARRAY = np.random.default_rng(3).integers(1, 1000, (3, 4, 5)).astype(np.int16)


@pytest.fixture(scope="module")
def scripts() -> Iterator[Callable[[str], ModuleType]]:
    before = set(sys.modules)
    sys.path.insert(0, str(SCRIPTS))
    yield importlib.import_module
    sys.path.remove(str(SCRIPTS))
    for name in set(NAMES) & (set(sys.modules) - before):
        del sys.modules[name]


@pytest.fixture(scope="module")
def peer(scripts: Callable[[str], ModuleType]) -> ModuleType:
    return scripts("peer_comparison")


def turned(array: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keep the same voxels at the same places with other axes, one of them reversed."""
    moved = affine[:, [2, 0, 1, 3]].copy()
    moved[:3, 3] += moved[:3, 0] * (array.shape[2] - 1)
    moved[:3, 0] *= -1
    return np.transpose(array, (2, 0, 1))[::-1], moved


def test_the_same_voxels_are_equal_whatever_way_round_they_are_kept(peer: ModuleType) -> None:
    for array, affine in ((ARRAY, AFFINE), turned(ARRAY, AFFINE)):
        outcome = peer.compare([ARRAY], AFFINE, [peer.Placed(array, affine)])
        assert (outcome.state, outcome.worst, outcome.text) == ("equal", 0.0, "")
        assert outcome.off < 1e-12


def test_one_wrong_voxel_is_noticed(peer: ModuleType) -> None:
    for array, affine in ((ARRAY, AFFINE), turned(ARRAY, AFFINE)):
        wrong = array.copy()
        wrong[0, 1, 2] += 3
        read = [peer.Placed(wrong, affine)]
        outcome = peer.compare([ARRAY], AFFINE, read)
        assert (outcome.state, outcome.worst) == ("differs", 3.0)
        assert "1 voxels" in outcome.text
        assert peer.compare([ARRAY], AFFINE, read, quantum=3).state == "within"
        assert peer.compare([ARRAY], AFFINE, read, quantum=2.9).state == "differs"


def test_swapped_voxels_and_mirrored_volumes_are_noticed(peer: ModuleType) -> None:
    for array in (ARRAY[::-1], ARRAY[:, ::-1], ARRAY[..., ::-1]):
        assert peer.compare([ARRAY], AFFINE, [peer.Placed(array, AFFINE)]).state == "differs"
        assert peer.compare([ARRAY], None, [peer.Placed(array)]).state == "differs"


@pytest.mark.parametrize("mm", [0.002, 0.9, 4.0, 400.0])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_wrong_place_is_noticed(peer: ModuleType, axis: int, mm: float) -> None:
    moved = AFFINE.copy()
    moved[axis, 3] += mm
    assert not peer.compare([ARRAY], AFFINE, [peer.Placed(ARRAY, moved)]).good
    near = AFFINE.copy()
    near[axis, 3] += 0.0009
    outcome = peer.compare([ARRAY], AFFINE, [peer.Placed(ARRAY, near)])
    assert outcome.good
    assert outcome.off == pytest.approx(0.0009)


def test_wrong_spacing_shear_and_scale_are_noticed(peer: ModuleType) -> None:
    for row, column, by in ((0, 2, 0.01), (1, 0, 0.4), (2, 0, 4.0), (0, 0, 2.0)):
        other = AFFINE.copy()
        other[row, column] += by
        assert not peer.compare([ARRAY], AFFINE, [peer.Placed(ARRAY, other)]).good


def test_missing_and_further_volumes_are_noticed(peer: ModuleType) -> None:
    first, second = peer.Placed(ARRAY, AFFINE), peer.Placed(ARRAY + 1, AFFINE)
    wanted = [ARRAY, ARRAY + 1]
    assert peer.compare(wanted, AFFINE, [first, second]).text == ""
    assert "another order" in peer.compare(wanted, AFFINE, [second, first]).text
    assert not peer.compare(wanted, AFFINE, [first]).good
    assert not peer.compare(wanted, AFFINE, [first, first]).good
    assert not peer.compare(wanted, AFFINE, [first, second, second]).good
    stack = peer.Placed(np.concatenate(wanted), AFFINE)
    assert peer.compare(wanted, AFFINE, [stack]).text == "as one stack of slices"


def test_a_missing_slice_is_no_background_unless_it_is_of_labels(peer: ModuleType) -> None:
    labels = np.zeros((4, 5, 6), np.uint8)
    labels[1:3, 2:4, 1:5] = 2
    part = AFFINE.copy()
    part[:3, 3] += part[:3, 0]
    read = [peer.Placed(labels[1:3], part)]
    assert peer.compare([labels], AFFINE, read, fill=0).state == "equal"
    assert not peer.compare([labels], AFFINE, read).good
    wrong = labels[1:3].copy()
    wrong[0, 0, 0] = 1
    assert not peer.compare([labels], AFFINE, [peer.Placed(wrong, part)], fill=0).good
    beyond = np.pad(labels, ((0, 1), (0, 0), (0, 0)))
    assert peer.compare([labels], AFFINE, [peer.Placed(beyond, AFFINE)], fill=0).good
    beyond[-1, 0, 0] = 1
    assert not peer.compare([labels], AFFINE, [peer.Placed(beyond, AFFINE)], fill=0).good


def test_kinds_of_error_lines(peer: ModuleType) -> None:
    lines = [
        "Warning - Missing attribute Type 2C",
        "Error - SOPInstanceUID has same value as SeriesInstanceUID <1.2.3.4>",
        "Error - SOPInstanceUID has same value as SeriesInstanceUID <1.2.840.77.123456>",
        "Error - Missing attribute Type 2 Required Element=<PatientName> Module=<Patient>",
        'Error - Illegal root for UID - "3.1" in (0x0008,0x0018) SOP Instance UID',
    ]
    kinds = peer.error_kinds(lines)
    assert len(kinds) == 3
    other = "Error - Missing attribute Type 2 Required Element=<PatientID> Module=<Patient>"
    assert peer.error_kinds([other]) - kinds == {other}
    refers = 'Error - Illegal root for UID - "" in (0x0008,0x1155) Referenced SOP Instance UID'
    assert refers in peer.inherited(kinds)


def test_an_error_line_of_a_written_file_is_noticed(
    scripts: Callable[[str], ModuleType], tmp_path: Path, program: Callable[[str], str]
) -> None:
    program("dciodvfy")
    path = Path(pydicom.data.get_testdata_file("CT_small.dcm"))  # type: ignore[arg-type]
    dataset = pydicom.dcmread(path)
    del dataset.ImageType
    dataset.save_as(tmp_path / "worse.dcm")
    readings, copies = scripts("peer_readings"), scripts("validate_deidentification")
    before, after = readings.error_lines(path), readings.error_lines(tmp_path / "worse.dcm")
    assert any("ImageType" in line for line in copies.new_errors(before, after))
    assert copies.new_errors(after, after) == []
    dataset.SeriesInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(tmp_path / "same.dcm")
    pairs = copies.same_uids(readings.error_lines(tmp_path / "same.dcm"))
    assert pairs == {("SOPInstanceUID", "SeriesInstanceUID")}


def test_what_is_not_explained_fails(scripts: Callable[[str], ModuleType]) -> None:
    script, peer = scripts("export_rows"), scripts("peer_comparison")
    fine = peer.Outcome("equal", off=0.0)

    def judged(**more: object) -> str:
        row = script.Row("set", "series", "BINARY", **more)
        row.judge()
        return str(row.verdict)

    assert judged(outcomes={"us": fine}) == "equal"
    assert judged(outcomes={"us": fine}, new_errors=["Error - anything"]) == "differs"
    unread = peer.Outcome("unread", text="Failed to get image directions!")
    assert judged(outcomes={"us": fine, "dcmqi": unread}) == "explained"
    assert judged(outcomes={"us": unread}) == "differs"
    other = peer.Outcome("differs", text="1 voxels differ by up to 3")
    assert judged(outcomes={"us": fine, "dcmqi": other, "highdicom": unread}) == "differs"
    leaning = peer.Outcome("differs", text="0.8 mm off")
    assert judged(outcomes={"dcmqi": leaning}) == "differs"
    assert judged(outcomes={"dcmqi": leaning}, leans=True) == "explained"


def test_the_script_says_where_data_are_missing(
    scripts: Callable[[str], ModuleType],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["validate_export.py", "--data", str(tmp_path)])
    assert scripts("validate_export").main() == 2
    assert "no reference data" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("no image: /data/bad/a.dcm: cut off", "no image: a.dcm: cut off"),
        ("cannot open '/data/x-1/out/0.dcm' or /data/y.nrrd", "cannot open '0.dcm' or y.nrrd"),
        (r"no image: C:\data\bad\a.dcm: cut off", "no image: a.dcm: cut off"),
        ("1/2 of https://h/a/b.c and/or 3", "1/2 of https://h/a/b.c and/or 3"),
    ],
)
def test_folders_of_this_computer_are_not_told(
    scripts: Callable[[str], ModuleType], said: str, kept: str
) -> None:
    assert scripts("peer_readings").without_folders(said) == kept


def test_a_series_is_written_and_read_by_all(
    scripts: Callable[[str], ModuleType],
    reference_data: Path,
    program: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("dciodvfy", "dcm2niix", "segimage2itkimage"):
        program(name)
    script, every = scripts("validate_export"), scripts("validate_export").offers_of
    monkeypatch.setattr(
        script,
        "offers_of",
        lambda source: [o for o in every(source) if script.form_of(o) in ("classic", "LABELMAP")],
    )
    with Database.in_memory() as database:
        database.import_paths([reference_data / "seg" / "23x38x3" / "image"], workers=0)
        (offer,) = (o for o in database.examine(database.series()[0]) if o.selected)
        first, second = script.validate_offer("seg", database, offer, "CT")
    assert (first.verdict, first.notes, first.new_errors) == ("equal", [], [])
    assert {o.state for o in first.outcomes.values()} == {"equal"}
    assert set(first.outcomes) == {"us", "highdicom", "SimpleITK", "dcm2niix"}
    assert set(second.outcomes) == {"us", "highdicom", "dcmqi"}
    assert len(second.notes) == len(second.new_errors) == 2, "dciodvfy knows no label maps"
    text = "\n".join(scripts("export_rows").table([first, second]))
    assert "| **equal** | CT | classic | 0 | = | = |  | = | = |" in text
    assert "| equal, but | CT | SEG label map | 2 | = | = | = |" in text
