"""Multipart messages, whole and in pieces, well-formed and hostile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException

from napari_dicomdb.network.serving.multipart import Part, Reader, boundary, parts_of, related


def taken(message: bytes, mark: str, size: int = 7) -> list[tuple[dict[str, str], bytes]]:
    found: list[tuple[dict[str, str], bytes]] = []
    content = bytearray()
    heads: list[dict[str, str]] = []

    def end() -> None:
        found.append((heads[-1], bytes(content)))
        content.clear()

    reader = Reader(mark, heads.append, content.extend, end)
    for at in range(0, len(message), size):
        reader.feed(message[at : at + size])
    reader.finish()
    return found


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.integers(1, 64))
def test_what_is_written_is_read(contents: list[bytes], size: int) -> None:
    mark = boundary()
    parts = [Part("application/dicom", [one[:5], one[5:]], len(one)) for one in contents]
    message = b"".join(parts_of(parts, mark))
    found = taken(message, mark, size)
    assert [content for _, content in found] == contents
    assert {head["content-type"] for head, _ in found} == {"application/dicom"}
    assert [int(head["content-length"]) for head, _ in found] == [len(one) for one in contents]


def test_preamble_epilogue_and_blanks_are_passed_over() -> None:
    message = (
        b"hello\r\n--x \t\r\nA: 1\r\n\r\nfirst\r\n--x\r\n\r\nsecond\r\n--x--\r\nbye\r\n--x\r\n"
    )
    assert taken(message, "x") == [({"a": "1"}, b"first"), ({}, b"second")]


@pytest.mark.parametrize("cut", range(10, 60, 7))
def test_a_message_without_its_end_is_refused(cut: int) -> None:
    message = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + b"a" * 30 + b"\r\n--x--"
    with pytest.raises(HTTPException) as refused:
        taken(message[:cut], "x")
    assert refused.value.status_code == 400


@pytest.mark.parametrize(
    "message",
    [
        b"--x\r\n" + b"A: " + b"b" * 20_000 + b"\r\n\r\nc\r\n--x--",
        b"--xyz\r\n\r\nc\r\n--x--",
        b"--x" + b" " * 400,
        b"no boundary at all",
        b"",
    ],
)
def test_what_is_hostile_is_refused(message: bytes) -> None:
    with pytest.raises(HTTPException) as refused:
        taken(message, "x", 100)
    assert refused.value.status_code == 400


@pytest.mark.parametrize("mark", ["", "ü", "x" * 300])
def test_boundaries_that_are_none(mark: str) -> None:
    with pytest.raises(HTTPException):
        taken(b"", mark)


def test_nothing_large_is_kept() -> None:
    sizes = []
    reader = Reader("x", lambda head: None, lambda piece: sizes.append(len(piece)), lambda: None)
    reader.feed(b"--x\r\n\r\n")
    for _ in range(50):
        reader.feed(b"\r" * 100_000)
        assert len(reader._kept) < 16
    reader.feed(b"\r\n--x--")
    reader.finish()
    assert sum(sizes) == 5_000_000


def test_content_type() -> None:
    assert related("image/jls", "m", "1.2") == (
        'multipart/related; type="image/jls"; boundary=m; transfer-syntax=1.2'
    )
