"""Exit codes, and that every error is one line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from napari_dicomdb import __version__, errors
from napari_dicomdb.cli import app as app_module
from napari_dicomdb.cli import main
from napari_dicomdb.cli.app import app, run

WITHOUT_DATABASE = {"echo", "mapping", "restore"}
"""Verbs that open no database: `restore` makes one where it is told."""


def test_version(dicomdb: Callable[..., Any]) -> None:
    outcome = dicomdb("--version")
    assert (outcome.code, outcome.out.strip()) == (0, f"dicomdb {__version__}")


def test_every_verb_explains_itself(dicomdb: Callable[..., Any]) -> None:
    verbs = [command.name for command in app.registered_commands]
    assert {"import", "ls", "examine", "load", "convert", "show", "view", "rm", "info"} <= {*verbs}
    for verb in verbs:
        outcome = dicomdb(verb, "--help")
        assert outcome.code == 0
        assert verb in WITHOUT_DATABASE or "--db" in outcome.out, verb
        assert verb == "view" or "--json" in outcome.out


def test_unknown_verb_is_wrong_usage(dicomdb: Callable[..., Any]) -> None:
    assert dicomdb("frobnicate").code == 2


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (errors.PixelError("a.dcm: no pixels"), 1, "a.dcm: no pixels [bad-pixels]"),
        (errors.Cancelled("by hand"), 1, "stopped: by hand"),
        (OSError(13, "Permission denied", "b.dcm"), 1, "Permission denied: b.dcm"),
        (ZeroDivisionError("DOE"), 1, "a fault of the program (ZeroDivisionError in test_app.py"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (SystemExit(130), 130, "interrupted"),  # as typer ends a verb
    ],
)
def test_errors_become_one_line(
    error: BaseException,
    code: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(args: object) -> None:
        raise error

    monkeypatch.setattr(app_module, "app", fail)
    with pytest.raises(SystemExit) as stopped:
        run(["ls"])
    assert stopped.value.code == code
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert words in said[0]
    assert "DOE" not in said[0]


def test_a_fault_of_the_program_is_shown_whole_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(args: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(app_module, "app", fail)
    monkeypatch.setenv(app_module.TRACEBACK, "1")
    with pytest.raises(ZeroDivisionError):
        run(["ls"])


def test_interrupted_while_it_is_loaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupted:
        def __getattr__(self, name: str) -> object:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "napari_dicomdb.cli.app", Interrupted())
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 130
    assert capsys.readouterr().err == "dicomdb: interrupted; nothing was done\n"
