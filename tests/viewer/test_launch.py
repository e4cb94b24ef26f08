"""`dicomdb view`: the right things reach napari."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb.cli.app import run
from napari_dicomdb.viewer import launch as launching
from napari_dicomdb.viewer.phantom import write_phantom_study


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, make_napari_viewer: Any) -> list[Any]:
    """Viewers that were opened; napari's event loop returns at once."""
    viewers: list[Any] = []

    def viewer() -> Any:
        viewers.append(make_napari_viewer())
        return viewers[-1]

    monkeypatch.setattr(launching.napari, "Viewer", viewer)
    monkeypatch.setattr(launching.napari, "run", lambda: None)
    return viewers


def _view(*words: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        run(["view", *map(str, words)])
    return int(stopped.value.code or 0)


def _browsers(viewer: Any) -> list[str]:
    return [name for name in viewer.window.dock_widgets if "DICOM browser" in name]


def test_one_series_is_opened_at_once(tmp_path: Path, opened: list[Any]) -> None:
    write_phantom_study(tmp_path / "in", ["axial-ct"], slices=12, matrix=48)
    assert _view(tmp_path / "in", "--db", tmp_path / "db") == 0
    (viewer,) = opened
    assert len(viewer.layers) == 1
    assert _browsers(viewer)


def test_many_series_go_to_the_browser(tmp_path: Path, opened: list[Any], qtbot: Any) -> None:
    write_phantom_study(tmp_path / "in", ["axial-ct", "sagittal-mr"], slices=12, matrix=48)
    assert _view(tmp_path / "in", "--db", tmp_path / "db") == 0
    (viewer,) = opened
    assert not viewer.layers
    browser = viewer.window.add_plugin_dock_widget("napari-dicomdb", "DICOM browser")[1]
    qtbot.waitUntil(
        lambda: browser.database is not None and len(browser.database.series()) == 2,
        timeout=20_000,
    )


def test_nothing_named_opens_the_browser(tmp_path: Path, opened: list[Any]) -> None:
    assert _view("--db", tmp_path / "db") == 0
    assert _browsers(opened[0])
