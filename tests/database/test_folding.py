# ruff: noqa: RUF001 - letters that resemble others are what this is about
"""Words are compared as people write them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dicomdb.database.folding import APART, filed_text, folded, spellings, words_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("MÜLLER", "muller"),
        ("Straße", "STRASSE"),
        ("Łódź", "lodz"),
        ("Ørsted", "orsted"),
        ("Đorđe", "dorde"),
        ("Æther", "aether"),
        ("Œuvre", "oeuvre"),
        ("ırmak", "irmak"),
        ("İstanbul", "istanbul"),
        ("ИВАНОВ", "иванов"),
        ("Пётр", "петр"),
        ("ΣΊΣΥΦΟΣ", "σισυφος"),
        ("مُحَمَّد", "محمد"),
        ("أحمد", "احمد"),
        ("שָׁלוֹם", "שלום"),
        ("ﾔﾏﾀﾞ", "ヤマダ"),
        ("ヤマダ", "やまだ"),
        ("ＣＴ", "ct"),
    ],
)
def test_the_same_to_a_reader(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@pytest.mark.parametrize(
    ("one", "other"), [("が", "か"), ("हिन्दी", "हनद"), ("김", "기"), ("a", "b")]
)
def test_not_the_same(one: str, other: str) -> None:
    assert folded(one) != folded(other)


def test_scripts_without_blanks_are_split_into_signs() -> None:
    assert words_of("胸部CT撮影") == ["胸", "部", "ct", "撮", "影"]
    assert words_of("김철수") == ["김", "철", "수"]


def test_other_spellings() -> None:
    assert spellings("O\u2019Brien") == [["o", "brien"], ["obrien"]]
    assert spellings("Müller") == [["muller"], ["mueller"]]
    assert spellings("***") == []
    assert filed_text(["O'Neill", "", "low-dose"]).split(f" {APART} ") == [
        "o neill",
        "low dose",
        "oneill",
        "lowdose",
    ]


@given(st.text(max_size=40))
def test_words_are_stable_and_separable(text: str) -> None:
    words = words_of(text)
    assert words_of(" ".join(words)) == words
    # All that an SQLite "ascii" tokenizer would split at is gone.
    assert all(c.isalnum() or ord(c) > 127 for word in words for c in word)
    assert APART not in "".join(words)
    assert words_of(unicodedata.normalize("NFD", text)) == words_of(
        unicodedata.normalize("NFC", text)
    )
