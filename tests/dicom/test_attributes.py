"""The tag tree of one object, against pydicom and what was written."""

from __future__ import annotations

import shutil
import tracemalloc
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

from napari_dicomdb.dicom.attributes import read_attributes
from napari_dicomdb.errors import LoadError, NotDicomError

CT = Path(str(get_testdata_file("CT_small.dcm")))


def saved(path: Path, *, implicit: bool = False, **values: object) -> Path:
    """Write a small object with these values."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = (
        ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    )
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    dataset.SOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID = dataset.SeriesInstanceUID = generate_uid()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path, enforce_file_format=True)
    return path


def test_every_element_of_the_file_is_told() -> None:
    tree, dataset = read_attributes(CT), dcmread(CT)
    tags = [one.tag for one in tree.top()]
    wanted = [int(t) for t in (*dataset.file_meta.keys(), *dataset.keys())]
    assert tags == wanted
    assert tree.problems == ()
    by_tag = {one.tag: one for one in tree.top()}
    assert by_tag[0x00100010].value == str(dataset.PatientName)
    assert by_tag[0x00080008].vm == 3
    assert by_tag[0x00080016].value == f"{dataset.SOPClassUID} (CT Image Storage)"
    assert by_tag[0x00280010].value == "128"
    assert by_tag[0x00091001].name == "Full fidelity [GEMS_IDEN_01]"
    assert by_tag[0x7FE00010].value.startswith(f"{len(dataset.PixelData)} bytes, 128 x 128")


def test_sequences_are_below_their_elements() -> None:
    tree, dataset = read_attributes(CT), dcmread(CT)
    one = tree.find("00101002")
    assert one is not None
    assert one.is_sequence
    assert tree.count(one) == len(dataset.OtherPatientIDsSequence) == 2
    assert [i.name for i in tree.children(one)] == ["Item 1", "Item 2"]
    second = tree.find("00101002[2].00100020")
    assert second is not None
    assert second.value == dataset.OtherPatientIDsSequence[1].PatientID
    assert second.words == "OtherPatientIDsSequence[2].PatientID"
    assert second.depth == 2
    assert tree.find("00101002[3].00100020") is None
    assert tree.find("00990099") is None


@pytest.mark.parametrize("implicit", [False, True])
def test_text_is_decoded_by_its_character_set(tmp_path: Path, implicit: bool) -> None:
    path = saved(
        tmp_path / "a.dcm", implicit=implicit, SpecificCharacterSet="ISO_IR 192",
        PatientName="Yamada^Tarou=山田^太郎", ImageComments="viel\r\nText",
    )  # fmt: skip
    tree = read_attributes(path)
    name = tree.find("00100010")
    assert name is not None
    assert (name.value, name.vr) == ("Yamada^Tarou=山田^太郎", "PN")
    comments = tree.find("00204000")
    assert comments is not None
    assert "\n" not in comments.value
    assert tree.whole_value(comments) == "viel\r\nText"


def test_long_values_are_cut_and_whole_on_demand(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "a.dcm", TextValue="x" * 100_000, RealWorldValueLUTData=[0.5] * 1000,
        EncapsulatedDocument=bytes(range(256)) * 400,
    )  # fmt: skip
    tree = read_attributes(path)
    words, document = (tree.find(p) for p in ("0040A160", "00420011"))
    assert words is not None
    assert words.is_cut
    assert len(words.value) < 300
    assert tree.whole_value(words) == "x" * 100_000
    assert document is not None
    assert document.value.startswith("102400 bytes: 00 01 02 03")
    assert tree.whole_value(document).startswith("00 01 02 03 04 05 06 07")
    numbers = next(one for one in tree.top() if one.keyword == "RealWorldValueLUTData")
    assert (numbers.vm, numbers.is_cut) == (1000, True)
    assert tree.values(numbers) == [0.5] * 1000


def test_many_items_are_made_when_they_are_asked_for(tmp_path: Path) -> None:
    items = []
    for k in range(3000):
        item = Dataset()
        item.ReferencedSOPInstanceUID = f"1.2.{k}"
        items.append(item)
    tree = read_attributes(saved(tmp_path / "a.dcm", ReferencedImageSequence=items))
    one = tree.find("00081140")
    assert one is not None
    assert tree.is_heavy(one)
    assert tree.count(one) == 3000
    few = tree.children(one, 2000, 2002)
    assert [i.value for i in few] == ["1.2.2000", "1.2.2001"]
    assert not tree.is_heavy(one)


def test_nested_without_end_is_bounded(tmp_path: Path) -> None:
    inner = Dataset()
    inner.CodeValue = "x"
    for _ in range(120):
        outer = Dataset()
        outer.ContentSequence = [inner]
        inner = outer
    tree = read_attributes(saved(tmp_path / "a.dcm", ContentSequence=[inner]))
    assert max(one.depth for one in tree.walk()) <= 64


def test_what_is_left_of_a_damaged_file(tmp_path: Path) -> None:
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(CT.read_bytes()[:1500])
    tree = read_attributes(cut)
    assert tree.problems
    assert "cut" in tree.problems[0]
    assert any(one.tag == 0x00080060 for one in tree.top())


def test_after_the_pixels(tmp_path: Path) -> None:
    dataset = dcmread(CT)
    assert int(max(dataset.keys())) == 0xFFFCFFFC
    tree = read_attributes(CT)
    last = tree.top()[-1]
    assert (last.tag, last.name) == (0xFFFCFFFC, "Data Set Trailing Padding")


def test_what_is_no_dicom_or_gone(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(NotDicomError):
        read_attributes(tmp_path / "a.txt")
    with pytest.raises(LoadError) as caught:
        read_attributes(tmp_path / "none.dcm")
    assert caught.value.reason == "file-missing"


def test_a_file_that_goes_while_it_is_looked_at(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.dcm", TextValue="x" * 100_000)
    tree = read_attributes(shutil.copy(path, tmp_path / "b.dcm"))
    one = tree.find("0040A160")
    assert one is not None
    (tmp_path / "b.dcm").unlink()
    with pytest.raises(LoadError):
        tree.whole_value(one)


def test_what_pydicom_gives_up_on_is_read_element_by_element(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pydicom

    def give_up(*_: object, **__: object) -> None:
        raise ValueError("a broken element\nTraceback: ...")

    monkeypatch.setattr(pydicom, "dcmread", give_up)
    tree = read_attributes(CT)
    assert any("damaged: a broken element" in words for words in tree.problems)
    found = {one.tag: one.value for one in tree.top()}
    assert found[0x00100020] == "1CT1"
    assert found[0x00020010].startswith("1.2.840.10008.1.2.1")


def test_a_deflated_file_is_inflated_up_to_its_pixels(tmp_path: Path) -> None:
    source = dcmread(str(get_testdata_file("image_dfl.dcm")))
    source.Rows = source.Columns = 9000
    source.PixelData = bytes(9000 * 9000)
    path = tmp_path / "large.dcm"
    source.save_as(path)
    assert path.stat().st_size < 1 << 20
    read_attributes(CT)  # what is loaded once
    tracemalloc.start()
    tree = read_attributes(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not tree.problems
    assert peak < 9000 * 9000 / 4
    known = {one.keyword: one.value for one in tree.top()}
    assert known["Rows"] == "9000"
    assert known["Modality"] == source.Modality
