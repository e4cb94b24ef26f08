# ruff: noqa: RUF001 - letters that resemble others are what this is about
"""Identifiers, compared with pydicom; and those that nobody should send."""

from __future__ import annotations

import io
import random

import pytest
from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

from napari_dicomdb.errors import NetworkError, QueryError
from napari_dicomdb.network.identifiers import clean_text, decode_identifier, encode_identifier


def as_pydicom(raw, explicit):
    return read_dataset(io.BytesIO(raw), not explicit, True)


@pytest.mark.parametrize("explicit", [False, True])
@pytest.mark.parametrize(
    ("character_set", "name", "sent"),
    [
        ("", "Doe^Jane", "ISO_IR 100"),
        ("", "Buc^Jérôme", "ISO_IR 100"),
        ("", "山田^太郎", "ISO_IR 192"),
        ("ISO_IR 192", "Doe^Jane", "ISO_IR 192"),
        ("ISO_IR 144", "Люкceмбypг", "ISO_IR 144"),
        ("ISO 2022 IR 87", "Yamada^Tarou=山田^太郎=やまだ^たろう", ["", "ISO 2022 IR 87"]),
        ("ISO 2022 IR 149", "Hong^Gildong=洪^吉洞=홍^길동", ["", "ISO 2022 IR 149"]),
        ("GB18030", "Wang^XiaoDong=王^小东", "GB18030"),
    ],
)
def test_encoding_is_what_pydicom_reads(explicit, character_set, name, sent):
    raw = encode_identifier(
        {
            "PatientName": name,
            "StudyInstanceUID": "1.2\\1.3",
            "Rows": "512",
            "ReferencedStudySequence": "",
            "RequestAttributesSequence.RequestedProcedureID": "R*",
            "RequestAttributesSequence.ScheduledProcedureStepID": "",
        },
        level="instance",
        explicit=explicit,
        character_set=character_set,
    )
    read = as_pydicom(raw, explicit)
    read.decode()
    assert read.SpecificCharacterSet == sent
    assert read.QueryRetrieveLevel == "IMAGE"
    assert str(read.PatientName) == name
    assert list(read.StudyInstanceUID) == ["1.2", "1.3"]
    assert read.Rows == 512
    assert len(read.ReferencedStudySequence) == 0
    (item,) = read.RequestAttributesSequence
    assert (item.RequestedProcedureID, item.ScheduledProcedureStepID) == ("R*", "")
    assert [e.tag for e in read] == sorted(e.tag for e in read)
    told = decode_identifier(raw, explicit=explicit)
    assert told["PatientName"] == name
    assert told["RequestAttributesSequence"] == [
        {"RequestedProcedureID": "R*", "ScheduledProcedureStepID": ""}
    ]


def test_what_cannot_be_encoded():
    with pytest.raises(QueryError, match="ISO_IR 144") as caught:
        encode_identifier({"PatientName": "山田"}, character_set="ISO_IR 144")
    assert caught.value.reason == "bad-character-set"
    assert "山田" not in str(caught.value)
    with pytest.raises(QueryError):
        encode_identifier({"Modality": "Ä"})
    with pytest.raises(QueryError):
        encode_identifier({"Rows": "70000"})
    with pytest.raises(QueryError, match="too long"):
        encode_identifier({"PatientName": "x" * 70_000}, explicit=True)


@pytest.mark.parametrize("explicit", [False, True])
def test_decoding_what_pydicom_writes(explicit):
    answer = Dataset()
    answer.SpecificCharacterSet = "ISO_IR 100"
    answer.PatientName = "Buc^Jérôme"
    answer.PatientSize = "1.80"
    answer.NumberOfFrames = 3
    answer.Rows = 16
    answer.ImagePositionPatient = [1.5, 2.5, -3.5]
    answer.StudyComments = "two\r\nlines\x07"
    answer.add_new(0x00091001, "LO", "private")
    item = Dataset()
    item.CodeMeaning = "Kopf"
    answer.ProcedureCodeSequence = [item, Dataset()]
    answer["ProcedureCodeSequence"].is_undefined_length = True
    file = DicomBytesIO()
    file.is_little_endian, file.is_implicit_VR = True, not explicit
    write_dataset(file, answer)
    told = decode_identifier(file.getvalue(), explicit=explicit)
    assert told == {
        "PatientName": "Buc^Jérôme",
        "PatientSize": "1.80",
        "NumberOfFrames": "3",
        "Rows": "16",
        "ImagePositionPatient": "1.5\\2.5\\-3.5",
        "StudyComments": "two\nlines\N{REPLACEMENT CHARACTER}",
        "ProcedureCodeSequence": [{"CodeMeaning": "Kopf"}, {}],
    }


DEEP = b"\x08\x00\x40\x11\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * 50


@pytest.mark.parametrize(
    ("raw", "explicit"),
    [
        (b"\x10\x00\x10", False),
        (b"\x10\x00\x10\x00\xff\xff\xff\x7fA", False),
        (b"\x10\x00\x10\x00PN\xff\xffA", True),
        (b"\x10\x00\x10\x00\x00\x00\x02\x00AB", True),
        (b"\x08\x00\x40\x11SQ\x00\x00\x10\x00", True),
        (b"\xfe\xff\x0d\xe0\x00\x00\x00\x00", False),
        (b"\x08\x00\x40\x11\xff\xff\xff\xff", False),
        (b"\x08\x00\x40\x11\x08\x00\x00\x00\xfe\xff\x00\xe0\xff\x00\x00\x00", False),
        (b"\x08\x00\x40\x11\xff\xff\xff\xff\x10\x00\x10\x00\x00\x00\x00\x00", False),
        (DEEP, False),
        (b"\x10\x00\x10\x00\x00\x00\x00\x00" * 3000, False),
    ],
)
def test_broken_identifiers(raw, explicit):
    if raw == b"\x08\x00\x40\x11\xff\xff\xff\xff":
        assert_broken = pytest.raises(NetworkError)
    else:
        assert_broken = pytest.raises(NetworkError, match="cannot be read")
    with assert_broken as caught:
        decode_identifier(raw, explicit=explicit)
    assert caught.value.reason == "bad-answer"


def test_any_bytes_are_either_read_or_refused():
    whole = encode_identifier(
        {"PatientName": "Doe^Jane", "RequestAttributesSequence.RequestedProcedureID": "1"},
        level="study",
        explicit=True,
    )
    dice = random.Random(7)
    refused = 0
    for _ in range(3000):
        broken = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            broken[dice.randrange(len(broken))] = dice.randrange(256)
        try:
            told = decode_identifier(bytes(broken), explicit=dice.random() < 0.5)
        except NetworkError:
            refused += 1
        else:
            assert all(v.isprintable() for v in told.values() if isinstance(v, str))
    assert 0 < refused < 3000


def test_texts_do_nothing_to_a_screen():
    assert clean_text("a\x1b[31m\u202eb\x00 ") == "a\ufffd[31m\ufffdb"
    assert clean_text("می\u200cخواهم") == "می\u200cخواهم"
    assert clean_text("a \\ b") == "a\\b"
    assert clean_text("a\nb") == "a\ufffdb"
    assert clean_text("a\r\nb", lines=True) == "a\nb"
