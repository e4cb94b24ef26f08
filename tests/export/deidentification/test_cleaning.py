"""Words of technique stay, others go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dicomdb.export.deidentification.cleaning import cleaned, vocabulary


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("t2_tse_tra 3mm", "t2 tse tra 3mm"),
        ("CT Thorax Dr. Müller 2019-12-03", "CT Thorax"),
        ("MRN 4711 Jane Doe", ""),
        ("DWI b1000", "DWI b1000"),
        ("Axial C7/L5", "Axial C7 L5"),
        ("Åsa 胸部", ""),
        ("12345678 19770707", ""),
    ],
)
def test_words(text: str, left: str) -> None:
    assert cleaned(text) == left


def test_allowed_and_forbidden() -> None:
    assert cleaned(" Trial arm B ", frozenset(["Trial arm B"])) == "Trial arm B"
    assert cleaned("Dixon axial", forbidden=frozenset(["dixon"])) == "axial"


@given(st.text())
def test_what_is_left_was_there_and_is_known(text: str) -> None:
    for word in cleaned(text).split():
        assert word in text
        assert word.casefold() in vocabulary() or word[0].isascii()
    assert cleaned(cleaned(text)) == cleaned(text)


def test_words_are_no_common_names() -> None:
    common = {"john", "jane", "maria", "anna", "peter", "smith", "doe", "max", "müller", "ali"}
    assert vocabulary().isdisjoint(common)
