"""Whoever removes faces: found by entry points, and never trusted blindly."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from napari_dicomdb.errors import ExportError, PixelError
from napari_dicomdb.export.deidentification import defacing
from napari_dicomdb.export.deidentification.defacing import (
    DEFACERS_GROUP,
    begin_series,
    checked_deface,
    defacer_named,
    defacer_names,
)

PIXELS = np.ones((2, 3, 4), "u2")
no_function = 7


def _blank(dataset: Dataset, pixels: Any) -> Any:
    return pixels * 0


def test_there_is_none_of_ours() -> None:
    assert defacer_names() == []
    with pytest.raises(ExportError, match="none is installed"):
        defacer_named("nobody")


def test_found_by_entry_points(monkeypatch: pytest.MonkeyPatch) -> None:
    def entries(*, group: str) -> list[EntryPoint]:
        assert group == DEFACERS_GROUP
        names = {"good": "_blank", "bad": "absent", "odd": "no_function"}
        return [EntryPoint(n, f"{__name__}:{v}", group) for n, v in names.items()]

    monkeypatch.setattr(defacing, "entry_points", entries)
    defacer_named.cache_clear()
    assert defacer_names() == ["bad", "good", "odd"]
    assert defacer_named("good").__name__ == "_blank"
    for name in ("bad", "odd", "none"):
        with pytest.raises(ExportError):
            defacer_named(name)
    defacer_named.cache_clear()


def test_what_it_returns_is_checked() -> None:
    made = checked_deface(_blank, Dataset(), PIXELS)
    assert not made.any()
    assert checked_deface(lambda *_: None, Dataset(), PIXELS) is None
    for wrong in (PIXELS[0], PIXELS.astype("f4"), [[1]]):
        with pytest.raises(PixelError):
            checked_deface(lambda *_, wrong=wrong: wrong, Dataset(), PIXELS)


def test_its_errors_are_told_without_their_words() -> None:
    def fail(*_: object) -> None:
        raise KeyError("Doe^Jane")

    fail.begin_series = fail  # type: ignore[attr-defined]
    with pytest.raises(ExportError) as refused:
        checked_deface(fail, Dataset(), PIXELS)
    assert "Jane" not in str(refused.value)
    with pytest.raises(ExportError):
        begin_series(fail, [])


def test_it_may_see_the_files_of_a_series_first() -> None:
    seen: list[list[Path]] = []

    class Whole:
        def begin_series(self, paths: list[Path]) -> None:
            seen.append(paths)

        def __call__(self, dataset: Dataset, pixels: Any) -> Any:
            return None

    begin_series(Whole(), [Path("a"), Path("b")])
    begin_series(_blank, [Path("c")])
    assert seen == [[Path("a"), Path("b")]]
