"""Numbers, dates, names and character sets of text elements."""

from __future__ import annotations

import doctest
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.charset import python_encoding

from napari_dicomdb.dicom import _charset, values
from napari_dicomdb.dicom.header import scan_file
from napari_dicomdb.dicom.values import (
    PersonName,
    charsets_of,
    decode_text,
    display_name,
    parse_date,
    parse_datetime,
    parse_ds,
    parse_is,
    parse_time,
    search_name,
    split_values,
    time_seconds,
)


@pytest.mark.parametrize("module", [values, _charset])
def test_examples(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


def test_names_of_all_character_sets(reference_data: Path) -> None:
    folder = reference_data / "charset"
    expected = json.loads((folder / "expected_names.json").read_text("utf-8"))
    assert len(expected) >= 15
    names = {name: scan_file(folder / f"{name}.dcm").values["PatientName"] for name in expected}
    assert names == expected


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("ISO_IR 100", "Äneas^Rüdiger"),
        ("ISO_IR 101", "Wałęsa^Lech"),
        ("ISO_IR 109", "Ħal^Ġużè"),
        ("ISO_IR 110", "Bērziņš^Jānis"),
        ("ISO_IR 126", "Διονυσιος"),
        ("ISO_IR 127", "قباني^لنزار"),
        ("ISO_IR 138", "שרון^דבורה"),
        ("ISO_IR 144", "Люкceмбypг"),  # noqa: RUF001
        ("ISO_IR 148", "Çavuşoğlu"),
        ("ISO_IR 166", "นามสกุล"),
        ("ISO_IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
        ("ISO_IR 192", "Wang^XiaoDong=王^小東"),
        ("GB18030", "Wang^XiaoDong=王^小东"),
        ("GBK", "王^小东"),
    ],
)
def test_one_character_set(charset: str, text: str) -> None:
    raw = text.encode(python_encoding[charset])
    assert decode_text(raw, (charset,), "PN") == text


@pytest.mark.parametrize(
    ("charsets", "raw", "text"),
    [
        # PS3.5 Annex H.3.1, H.3.2, I.2, K: the standard's own examples.
        (
            ("", "ISO 2022 IR 87"),
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
        ),
        (
            ("ISO 2022 IR 13", "ISO 2022 IR 87"),
            b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J",
            "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎",
        ),
        (
            ("", "ISO 2022 IR 149"),
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7",
            "Hong^Gildong=洪^吉洞",
        ),
        (
            ("", "ISO 2022 IR 58"),
            b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab",
            "Zhang^XiaoDong=张^小东",
        ),
        # Two single-byte sets: after a delimiter the first one holds again.
        (
            ("ISO 2022 IR 100", "ISO 2022 IR 144"),
            b"B\xe4r\\\x1b-L\xbb\xee\\B\xe4r",
            "Bär\\Лю\\Bär",
        ),
        # JIS X 0212, supplementary kanji.
        (("", "ISO 2022 IR 159"), b"\x1b$(D0!\x1b(B", "丂"),
        # The escape after the delimiter is missing, as some writers leave it.
        (("", "ISO 2022 IR 149"), b"\x1b$)C\xfb\xf3^\xd1\xce", "洪^吉"),
    ],
)
def test_code_extensions(charsets: tuple[str, ...], raw: bytes, text: str) -> None:
    assert decode_text(raw, charsets, "PN") == text


@pytest.mark.parametrize("charset", ["ISO-IR 100", "iso_ir_100", "ISO IR 100", "ISO 2022 IR 100"])
def test_misspelt_character_sets(charset: str) -> None:
    assert decode_text(b"J\xe9r\xf4me", (charset,)) == "Jérôme"


@pytest.mark.parametrize("charset", ["KLINGON", "ISO_IR 999", "\x00\xff", "ISO 2022"])
def test_unknown_character_sets_degrade(charset: str) -> None:
    assert decode_text(b"plain", (charset,)) == "plain"
    assert decode_text("Jérôme".encode(), (charset,)) == "Jérôme"
    assert decode_text(b"J\xe9r", (charset,)) == "J\ufffdr"


def test_backslash_is_no_delimiter_within_a_multibyte_character() -> None:
    text = "衆"
    assert decode_text(text.encode("gb18030"), ("GB18030",)) == text


@given(
    st.binary(max_size=60),
    st.lists(
        st.sampled_from(
            ["", "ISO 2022 IR 87", "ISO 2022 IR 13", "ISO 2022 IR 149", "ISO_IR 192", "GBK", "X"]
        ),
        max_size=3,
    ),
    st.sampled_from(["PN", "LO", "LT"]),
)
def test_no_bytes_raise(raw: bytes, charsets: list[str], vr: str) -> None:
    assert isinstance(decode_text(b"\x1b$B" + raw + b"\x1b", charsets, vr), str)


def test_charsets_of_keeps_the_empty_first_term() -> None:
    assert charsets_of("\\ISO 2022 IR 87 ") == ("", "ISO 2022 IR 87")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", ()),
        ("1", (1.0,)),
        (" 1.5 \\-2e3\\ +.5", (1.5, -2000.0, 0.5)),
        ("1\\\\3", (1.0, 3.0)),
        ("0,5\\1", (0.5, 1.0)),
        ("1.0\0", (1.0,)),
        (2.5, (2.5,)),
        ([1, 2.0], (1.0, 2.0)),
    ],
)
def test_parse_ds(text: values.Value, numbers: tuple[float, ...]) -> None:
    assert parse_ds(text) == numbers


@pytest.mark.parametrize("text", ["junk", "1\\x", "nan", "inf", "1_000", "1.2.3", "0x10"])
def test_parse_ds_refuses_junk(text: str) -> None:
    with pytest.raises(ValueError, match="number"):
        parse_ds(text)
    assert all(number == 1.0 for number in parse_ds(text, lenient=True))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=6))
def test_parse_ds_reads_what_python_writes(numbers: list[float]) -> None:
    assert parse_ds("\\".join(map(repr, numbers))) == tuple(numbers)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("", ()), (" 0012", (12,)), ("-3\\+4", (-3, 4)), ("3.", (3,)), ("3.00", (3,)), (7, (7,))],
)
def test_parse_is(text: values.Value, numbers: tuple[int, ...]) -> None:
    assert parse_is(text) == numbers


@pytest.mark.parametrize("text", ["x", "1.5", "1e3", "9" * 5000])
def test_parse_is_refuses_junk(text: str) -> None:
    with pytest.raises(ValueError, match="not an integer"):
        parse_is(text)
    assert parse_is(text, lenient=True) == ()


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("19970304", "1997-03-04"),
        ("1997.03.04", "1997-03-04"),
        ("1997-03-04", "1997-03-04"),
        ("20000229 ", "2000-02-29"),
        ("19000229", ""),
        ("199703", ""),
        ("19970304-19970305", ""),
        ("", ""),
        ("junk", ""),
    ],
)
def test_parse_date(text: str, iso: str) -> None:
    assert parse_date(text) == iso


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("102030", "10:20:30"),
        ("10:20:30", "10:20:30"),
        ("10:20:30.25", "10:20:30.250000"),
        ("102030.123456", "10:20:30.123456"),
        ("102030.1234567", "10:20:30.123456"),
        ("1020", "10:20:00"),
        ("10 ", "10:00:00"),
        ("235960", "23:59:59"),
        ("240000", ""),
        ("1061", ""),
        ("", ""),
        ("noon", ""),
    ],
)
def test_parse_time(text: str, iso: str) -> None:
    assert parse_time(text) == iso


def test_time_seconds() -> None:
    assert time_seconds("235959.5") == pytest.approx(86399.5)
    assert time_seconds("junk") is None


@pytest.mark.parametrize(
    ("text", "offset", "iso"),
    [
        ("20010203040506.700000+0100", "", "2001-02-03T04:05:06.700000+01:00"),
        ("20010203040506-0530", "+0200", "2001-02-03T04:05:06-05:30"),
        ("20010203040506", "+0200", "2001-02-03T04:05:06+02:00"),
        ("20010203040506", "junk", "2001-02-03T04:05:06"),
        ("200102030405", "", "2001-02-03T04:05:00"),
        ("20010203", "", "2001-02-03T00:00:00"),
        ("2001", "", "2001-01-01T00:00:00"),
        ("20011303", "", ""),
        ("20010203040506+2500", "", ""),
        ("", "", ""),
    ],
)
def test_parse_datetime(text: str, offset: str, iso: str) -> None:
    assert parse_datetime(text, offset) == iso


def test_person_name_groups() -> None:
    alphabetic, ideographic, phonetic = PersonName.groups(
        "Adams^John Robert^Quincy^Rev.^B.A. M.Div.=山田^太郎"
    )
    assert alphabetic == PersonName("Adams", "John Robert", "Quincy", "Rev.", "B.A. M.Div.")
    assert ideographic == PersonName("山田", "太郎")
    assert phonetic == PersonName()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Doe^Jane^Q", "Doe, Jane Q"),
        ("Doe", "Doe"),
        ("^Jane", "Jane"),
        ("=山田^太郎", "山田, 太郎"),
        ("A^B^C^D^E^F^G", "A, B C"),
        ("One^A\\Two^B", "One, A"),
        ("^^^^", ""),
        ("", ""),
    ],
)
def test_display_name(text: str, shown: str) -> None:
    assert display_name(text) == shown


def test_search_name_has_both_orders() -> None:
    words = search_name("Müller^Jörg=山田^太郎")
    assert "müller jörg" in words
    assert "jörg müller" in words
    assert "山田太郎" in words
    assert search_name("") == ""


def test_split_values() -> None:
    assert split_values("ORIGINAL \\ PRIMARY\0") == ["ORIGINAL", "PRIMARY"]
    assert split_values("") == []
