"""The Accept header."""

from __future__ import annotations

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from napari_dicomdb.network.serving.accept import (
    Wanted,
    first_of,
    parse_media_type,
    wanted_of,
    wants_json,
)


def asking(accept: str | None = None, query: str = "") -> Request:
    headers = [] if accept is None else [(b"accept", accept.encode())]
    return Request({"type": "http", "headers": headers, "query_string": query.encode()})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (None, [Wanted()]),
        ("", [Wanted()]),
        ("*/*", [Wanted()]),
        (
            'multipart/related; type="application/dicom"; transfer-syntax=*',
            [Wanted("application/dicom", True, "*")],
        ),
        ("multipart/related;type=image/jls", [Wanted("image/jls", True)]),
        ("multipart/related", [Wanted("*/*", True)]),
        ("image/jpeg;q=0.5, IMAGE/PNG", [Wanted("image/png", False), Wanted("image/jpeg", False)]),
        ("image/png;q=0", []),
        ('a/b; x="a,b\\";c", c/d', [Wanted("a/b", False), Wanted("c/d", False)]),
    ],
)
def test_is_understood(text: str | None, wanted: list[Wanted]) -> None:
    assert wanted_of(asking(text)) == wanted


@pytest.mark.parametrize(
    "text", ["nonsense", "a/b c/d", 'a/b; x="open', "x" * 9000, "a/b," * 100, "/", "a/b;=1"]
)
def test_is_refused(text: str) -> None:
    with pytest.raises(HTTPException) as refused:
        wanted_of(asking(text))
    assert refused.value.status_code == 400


def test_the_query_overrules_the_header() -> None:
    found = wanted_of(asking("image/png", "accept=application/dicom+json"))
    assert found == [Wanted("application/dicom+json", False)]


def test_json() -> None:
    assert wants_json(asking()) == "application/dicom+json"
    assert wants_json(asking("application/json")) == "application/json"
    assert wants_json(asking("application/*, text/html")) == "application/dicom+json"
    with pytest.raises(HTTPException) as refused:
        wants_json(asking('multipart/related; type="application/dicom+xml"'))
    assert refused.value.status_code == 406


def test_content_type() -> None:
    kind, parameters = parse_media_type('Multipart/Related; Type="application/dicom"; boundary=x')
    assert (kind, parameters["type"], parameters["boundary"]) == (
        "multipart/related",
        "application/dicom",
        "x",
    )
    for text in ("", "x", "a/b, c/d"):
        with pytest.raises(HTTPException):
            parse_media_type(text)


def test_the_first_that_is_offered() -> None:
    wanted = [Wanted("image/gif"), Wanted("image/*")]
    assert first_of(wanted, ["image/jpeg", "image/png"]) == (wanted[1], "image/jpeg")
    assert first_of(wanted[:1], ["image/jpeg"]) is None
