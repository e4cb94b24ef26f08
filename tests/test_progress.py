"""The default callback is silent, and plain functions are callbacks."""

from __future__ import annotations

import pytest

from napari_dicomdb.progress import Progress, no_progress


def test_no_progress_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    no_progress(1, None, "Reading headers")
    assert capsys.readouterr() == ("", "")


def test_a_plain_function_is_a_progress_callback() -> None:
    seen: list[tuple[int, int | None, str]] = []

    def note(done: int, total: int | None, text: str) -> None:
        seen.append((done, total, text))

    callback: Progress = note
    callback(1, 2, "Reading headers")
    assert seen == [(1, 2, "Reading headers")]
