"""Where the user says that a file stands for its series."""

from __future__ import annotations

from dataclasses import replace

from napari_dicomdb import settings
from napari_dicomdb.viewer.preferences import opens_series_of_file


def test_said_in_our_settings(tmp_path, monkeypatch, plugin_settings):
    monkeypatch.setenv(settings.SETTINGS_VARIABLE, str(tmp_path / "settings.json"))
    assert opens_series_of_file() is False
    settings.save_settings(replace(settings.load_settings(), open_series_of_file=True))
    assert opens_series_of_file() is True


def test_said_in_the_preferences_of_napari(tmp_path, monkeypatch, plugin_settings, npe2pm):
    from napari.settings import get_plugin_settings
    from npe2 import PluginManifest

    npe2pm.register(PluginManifest.from_distribution("napari-dicomdb"))
    monkeypatch.setenv(settings.SETTINGS_VARIABLE, str(tmp_path / "settings.json"))
    preferences = get_plugin_settings("napari-dicomdb")
    preferences.files.open_whole_series = True
    assert opens_series_of_file() is True
