"""A search text is taken apart into terms and ranges."""

from __future__ import annotations

import math

import pytest

from napari_dicomdb.database.search_syntax import Term, ranges_of, terms_of


def test_terms() -> None:
    assert terms_of('a -b c:d "e f" @g') == [
        [Term("", "a")],
        [Term("", "b", negative=True)],
        [Term("c", "d")],
        [Term("", "e f", quoted=True)],
        [Term("", "g", filter=True)],
    ]


def test_alternatives() -> None:
    assert [[str(t) for t in one] for one in terms_of("OR a OR b c OR")] == [["a", "b"], ["c"]]
    assert [[str(t) for t in one] for one in terms_of('a "OR" b')] == [["a"], ["OR"], ["b"]]


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("1..2", [(1, True, 2, True)]),
        (">5", [(5, False, math.inf, True)]),
        ("<=5", [(-math.inf, True, 5, True)]),
        ("..3", [(-math.inf, True, 3, True)]),
        (">1MB", [(1_000_000, False, math.inf, True)]),
        (">=1KiB,<2", [(1024, True, math.inf, True), (-math.inf, True, 2, False)]),
        ("a", None),
        ("..", None),
        ("1..x", None),
        ("nan", None),
        ("", None),
    ],
)
def test_ranges(text: str, ranges: object) -> None:
    assert ranges_of(text, sizes=True) == ranges


def test_a_number_is_met_by_what_rounds_to_it() -> None:
    (found,) = ranges_of("0.49") or []
    assert found[0] < 0.48828125 < found[2]
    (exact,) = ranges_of("=0.49") or []
    assert not exact[0] < 0.48828125 < exact[2]
