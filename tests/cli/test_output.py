"""Tables, JSON, and text that cannot drive a terminal."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dicomdb.cli.output import print_json, print_table, progress_bar, say_error, visible


@given(st.text())
def test_visible_is_printable(text: str) -> None:
    shown = visible(text)
    assert len(shown) == len(text)
    assert shown.isprintable() or not shown


def test_json_keeps_every_script(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": "山田^太郎", "none": None})
    assert json.loads(capsys.readouterr().out) == {"name": "山田^太郎", "none": None}


def test_table_is_one_line_a_row_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    uid = "1.2.826.0.1.3680043.8.498." + "1" * 38
    print_table(("#", "uid"), [(1, uid), (None, uid)], right=("#",))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(uid in line for line in lines[1:])


def test_markup_in_values_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("description",), [("[red]T1[/red]",)])
    assert "[red]T1[/red]" in capsys.readouterr().out


def test_errors_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    say_error("it broke\nbadly", "reason-code")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.endswith("[reason-code]\n")


def test_progress_is_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar() as progress:
        progress(1, 2, "Reading")
    assert capsys.readouterr() == ("", "")
