"""Multipart: as RFC 2046 has it, in any pieces, and what hostile servers make of it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.dicomweb.multipart import (
    LONGEST_HEAD,
    boundary_of,
    parameter_of,
    read_parts,
    transfer_syntax_of,
)

PARTS = [
    (b"Content-Type: a/b\r\nX-Long: one\r\n two\r\n", b"hello"),
    (b"", b""),
    (b"X: y\r\n", b"\r\n--BBx\r\n--B\r\n-" * 5),
    (b"", b"\r\n"),
    (b"X: z\r\n", bytes(range(256)) * 20),
]


def message(parts, boundary=b"BB", end=b"--\r\n", preamble=b""):
    raw = b"".join(
        b"\r\n--" + boundary + b"\r\n" + head + b"\r\n" + content for head, content in parts
    )
    raw = preamble + raw if preamble else raw[2:]
    return raw + b"\r\n--" + boundary + end


def pieces_of(raw, size):
    return (raw[i : i + size] for i in range(0, len(raw), size))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 100_000])
@pytest.mark.parametrize("preamble", [b"", b"This is MIME.\r\n"])
def test_parts_are_the_same_in_any_pieces(size, preamble) -> None:
    raw = message(PARTS, preamble=preamble)
    found = [(p.headers, b"".join(p)) for p in read_parts(pieces_of(raw, size), b"BB")]
    assert [content for _, content in found] == [content for _, content in PARTS]
    assert found[0][0] == {"content-type": "a/b", "x-long": "one two"}


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=4), st.integers(1, 40))
def test_any_content_comes_through(contents, size) -> None:
    parts = [(b"A: b\r\n", c.replace(b"\r\n--Q7", b"")) for c in contents]
    raw = message(parts, b"Q7unlikely")
    found = [b"".join(p) for p in read_parts(pieces_of(raw, size), b"Q7unlikely")]
    assert found == [content for _, content in parts]


def test_a_part_that_is_not_read_is_passed_over() -> None:
    found = [p.headers for p in read_parts(iter([message(PARTS)]), b"BB")]
    assert len(found) == len(PARTS)


def test_blanks_after_a_boundary_belong_to_it() -> None:
    raw = b"--BB \t\r\nA: b\r\n\r\nx\r\n--BB--"
    assert [b"".join(p) for p in read_parts(iter([raw]), b"BB")] == [b"x"]


@pytest.mark.parametrize("cut", [3, 10, 40, 300, -8])
def test_what_ends_too_early_is_truncated(cut) -> None:
    raw = message(PARTS[-1:])[:cut]
    with pytest.raises(NetworkError) as caught:
        [b"".join(p) for p in read_parts(pieces_of(raw, 50), b"BB")]
    assert caught.value.reason == "truncated"


def test_a_stated_length_makes_up_for_a_missing_end() -> None:
    raw = b"--BB\r\nContent-Length: 5\r\n\r\nhello"
    assert [b"".join(p) for p in read_parts(iter([raw]), b"BB")] == [b"hello"]
    with pytest.raises(NetworkError):
        [b"".join(p) for p in read_parts(iter([raw[:-1]]), b"BB")]


def test_a_wrong_boundary_ends_soon() -> None:
    taken = itertools.count()

    def endless():
        while True:
            next(taken)
            yield b"--other\r\n\r\n" * 1000

    with pytest.raises(NetworkError) as caught:
        list(read_parts(endless(), b"BB"))
    assert caught.value.reason == "bad-multipart"
    assert next(taken) < 20


def test_a_head_without_end_ends_soon() -> None:
    taken = itertools.count()

    def endless():
        yield b"--BB\r\n"
        while True:
            next(taken)
            yield b"X-More: " + b"a" * 1000 + b"\r\n"

    with pytest.raises(NetworkError) as caught:
        list(read_parts(endless(), b"BB"))
    assert caught.value.reason == "bad-multipart"
    assert next(taken) < 2 + LONGEST_HEAD // 1000 + 1


def test_a_part_is_bounded_when_it_is_read_whole() -> None:
    (part,) = itertools.islice(read_parts(iter([message(PARTS[-1:])]), b"BB"), 1)
    with pytest.raises(NetworkError) as caught:
        part.read(100)
    assert caught.value.reason == "too-large"


def test_parameters_of_content_types() -> None:
    orthanc = 'multipart/related; type="image/jpeg; transfer-syntax=1.2.840.1"; boundary=a-b'
    assert boundary_of(orthanc) == b"a-b"
    assert parameter_of(orthanc, "type") == "image/jpeg; transfer-syntax=1.2.840.1"
    assert transfer_syntax_of(orthanc) == "1.2.840.1"
    assert boundary_of('multipart/related; boundary="x y;z"') == b"x y;z"
    assert boundary_of('multipart/related; type="a; boundary=wrong"; boundary=right') == b"right"
    assert transfer_syntax_of("application/dicom") == ""


@pytest.mark.parametrize("kind", ["", "multipart/related", f"a/b; boundary={'x' * 300}"])
def test_no_usable_boundary(kind) -> None:
    with pytest.raises(NetworkError) as caught:
        boundary_of(kind)
    assert caught.value.reason == "bad-multipart"
