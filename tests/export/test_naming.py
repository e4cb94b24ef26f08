"""Names made of header values stay in their folder on any file system."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dicomdb.export.naming import safe_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("../../etc: <CT>", "etc CT"),
        ("a/b\\c", "a b c"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("con", "_con"),
        ("LPT1.txt", "_LPT1.txt"),
        ("Ду́ша 山田 ‮evil", "Ду́ша 山田 evil"),
        ("tab\tand\x00nul", "tab and nul"),
        (" . dots . ", "dots"),
    ],
)
def test_names(text: str, name: str) -> None:
    assert safe_name(text) == name


@given(st.text(max_size=400))
def test_any_text_is_one_plain_component(text: str) -> None:
    name = safe_name(text)
    assert PureWindowsPath(name).parts == PurePosixPath(name).parts == (name,)
    assert name not in (".", "..")
    assert 0 < len(name.encode()) <= 200
    assert name.isprintable()
    assert not PureWindowsPath(name).is_reserved()
