"""napari's choice of reader is changed only when asked to, and changed back."""

from __future__ import annotations

import json

import pytest
from napari.plugins.utils import get_preferred_reader
from napari.settings import get_settings

from napari_dicomdb.settings import settings_path
from napari_dicomdb.viewer.browse import PLUGIN
from napari_dicomdb.viewer.default_reader import (
    PATTERNS,
    reader_state,
    restore_readers,
    use_for_dicom,
)


@pytest.fixture(autouse=True)
def readers(monkeypatch):
    """napari's preferences, as a user has them who chose two readers."""
    plugins = get_settings().plugins
    before = plugins.extension2reader
    plugins.extension2reader = {"*.tif": "napari", "*.dcm": "some-dicom"}
    yield plugins
    plugins.extension2reader = before


def test_nothing_is_set_by_looking(readers):
    state = reader_state()
    assert state.readers == {"*.dcm": "some-dicom"}
    assert not state.is_ours
    assert not state.can_undo
    assert state.summary() == "napari opens some DICOM files with some-dicom."
    assert readers.extension2reader == {"*.tif": "napari", "*.dcm": "some-dicom"}


@pytest.mark.parametrize("name", ["a.dcm", "B.DCM", "c.ima", "d.dicom", "DICOMDIR"])
def test_set_and_undone(readers, tmp_path, name):
    assert use_for_dicom().is_ours
    assert get_preferred_reader(str(tmp_path / name)) == PLUGIN
    assert get_preferred_reader(str(tmp_path / "e.tif")) == "napari"
    assert json.loads(settings_path().read_text())["readers_before"] == {"*.dcm": "some-dicom"}
    assert use_for_dicom().can_undo  # a second time forgets nothing
    state = restore_readers()
    assert readers.extension2reader == {"*.tif": "napari", "*.dcm": "some-dicom"}
    assert not state.can_undo
    assert "readers_before" not in json.loads(settings_path().read_text())


def test_what_somebody_chose_meanwhile_stays(readers):
    use_for_dicom()
    readers.extension2reader = {**readers.extension2reader, "*.ima": "third"}
    assert not reader_state().is_ours
    restore_readers()
    assert readers.extension2reader == {
        "*.tif": "napari", "*.dcm": "some-dicom", "*.ima": "third",
    }  # fmt: skip


def test_a_user_without_a_choice_is_asked_by_napari(readers):
    readers.extension2reader = {}
    assert "asks" in reader_state().summary()
    use_for_dicom()
    assert set(readers.extension2reader) == set(PATTERNS)
    restore_readers()
    assert readers.extension2reader == {}
