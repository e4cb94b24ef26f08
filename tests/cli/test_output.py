"""Tables, JSON, and text that cannot drive a terminal."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dicomdb.cli.output import print_json, print_table, progress_bar, say_error, visible

HOSTILE = {
    "name": "\x9b31mred\x1b[0m",
    "path": "a\udcff\nb",
    "right to left": "\u202eevil",
    "𝄞": 1,
}


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


def test_json_cannot_drive_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_json(HOSTILE)
    out = capsys.readouterr().out
    assert json.loads(out) == HOSTILE
    assert all(line.isprintable() for line in out.splitlines())
    assert "𝄞" in out


def test_numbers_that_json_has_not(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": [math.nan, 1.5, (math.inf,)], "b": Path("/x")})
    out = capsys.readouterr().out
    assert json.loads(out, parse_constant=pytest.fail) == {"a": [None, 1.5, [None]], "b": "/x"}


def test_visible_replaces() -> None:
    assert visible("a\x1b[31m\u202eb\udcff") == "a\ufffd[31m\ufffdb\ufffd"


@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii:strict", "cp1252:strict"])
@pytest.mark.skipif(sys.platform != "linux", reason="needs file names that are not UTF-8")
def test_names_beyond_the_encoding(phantom: Path, tmp_path: Path, encoding: str) -> None:
    folder = os.fsencode(tmp_path) + b"/d\xff\xe9"
    os.mkdir(folder)
    dataset = pydicom.dcmread(next(p for p in sorted(phantom.rglob("*")) if p.is_file()))
    dataset.SpecificCharacterSet, dataset.SeriesDescription = "ISO_IR 192", "胸部 é"
    dataset.save_as(os.fsdecode(folder + b"/a.dcm"))
    program = (
        "import sys; from napari_dicomdb.cli.app import run; "
        "run([*sys.argv[1:], '--db', sys.argv[0]])"
    )
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    database = str(tmp_path / "database")

    def call(*words: str | bytes) -> bytes:
        code = program.replace("sys.argv[0]", repr(database))
        done = subprocess.run(
            [sys.executable, "-c", code, *words], capture_output=True, env=environment
        )
        assert b"Traceback" not in done.stderr, done.stderr
        assert done.returncode == 0, done.stderr
        return done.stdout

    call("import", folder)
    call("ls", "instances")
    name = encoding.partition(":")[0]
    (instance,) = json.loads(call("ls", "instances", "--json").decode(name))
    assert os.fsencode(instance["path"]) == folder + b"/a.dcm"
    (series,) = json.loads(call("ls", "--json").decode(name))
    assert series["description"] == "胸部 é"
    call("examine", folder)
    target = folder + b"/b.nii"
    call("convert", folder, "--to", target)
    assert os.path.getsize(target) > 352
