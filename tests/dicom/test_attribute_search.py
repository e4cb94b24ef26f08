"""Finding attributes by name, tag, value and VR."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from napari_dicomdb.dicom.attribute_search import (
    AttributeQuery,
    find_attributes,
    parse_tag,
    resolve_tag,
)
from napari_dicomdb.dicom.attributes import read_attributes
from napari_dicomdb.errors import Cancelled

CT = Path(str(get_testdata_file("CT_small.dcm")))


def found(text: str) -> set[int]:
    return {one.attribute.tag for one in find_attributes(read_attributes(CT), text)}


@pytest.mark.parametrize("text", ["0010,0010", "(0010,0010)", "00100010", "0x00100010"])
def test_by_tag(text: str) -> None:
    assert parse_tag(text) == 0x00100010
    assert found(text) == {0x00100010}


def test_by_name_keyword_value() -> None:
    assert 0x00100010 in found("patient's name")
    assert 0x00100010 in found("PatientName")
    assert found("compressedsamples") == {0x00100010}
    assert found("value:jfk") == {0x00080080}
    assert found("name:jfk") == set()


def test_by_vr() -> None:
    dataset = dcmread(CT)
    wanted = {int(e.tag) for e in dataset.iterall() if e.VR == "PN"}
    assert found("vr:PN") == wanted
    assert found("vr:pn compressed") == {0x00100010}


def test_part_of_a_tag() -> None:
    assert all(tag >> 16 == 0x0010 for tag in found("tag:0010,"))


def test_what_lies_above_is_told() -> None:
    hits = find_attributes(read_attributes(CT), "1234ABCD")
    (hit,) = hits
    assert [one.name for one in hit.above] == ["Other Patient IDs Sequence", "Item 2"]


def test_quotes_and_odd_text() -> None:
    assert AttributeQuery.parse('"two words" x').terms == (("", "two words"), ("", "x"))
    assert not AttributeQuery.parse("   ")
    for text in ('"', "(((", "vr:", "*", "\\", "%_"):
        find_attributes(read_attributes(CT), text)


def test_it_can_be_bounded_and_cancelled() -> None:
    tree = read_attributes(CT)
    assert len(find_attributes(tree, "a", most=5)) == 5

    def stop(_done: int, _total: int | None, _text: str) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        find_attributes(tree, "a", progress=stop)


def test_names_of_attributes() -> None:
    assert resolve_tag("EchoTime") == resolve_tag("echo time") == 0x00180081
    assert resolve_tag("nothing of the kind") is None
