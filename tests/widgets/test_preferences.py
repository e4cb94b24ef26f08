"""What is chosen on napari's page of preferences acts at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from npe2 import PluginManifest

import napari_dicomdb
from napari_dicomdb.settings import load_settings
from napari_dicomdb.viewer import preferences
from napari_dicomdb.viewer.preferences import preference, set_preference
from napari_dicomdb.widgets import _actions, database_button

PACKAGE = Path(napari_dicomdb.__file__).parent
MANIFEST = PluginManifest.from_file(PACKAGE / "napari.yaml")


@pytest.fixture
def page(plugin_settings, npe2pm):
    """napari's page of our plugin, as new."""
    npe2pm.register(PluginManifest.from_distribution("napari-dicomdb"))
    return preferences


def test_every_entry_is_used_and_documented():
    """What is on the page acts somewhere, with the default that the page shows."""
    source = "\n".join(p.read_text(encoding="utf-8") for p in PACKAGE.rglob("*.py"))
    manual = (PACKAGE.parents[1] / "docs" / "settings.md").read_text(encoding="utf-8")
    for section in MANIFEST.contributions.configurations.values():
        for name, entry in section.properties.items():
            assert f'"{name}"' in source, name
            assert entry.title in manual, name


def test_entries_are_read_and_set(page):
    assert preference("browser", "show_thumbnails", False) is True
    assert set_preference("browser", "show_thumbnails", False)
    assert preference("browser", "show_thumbnails", True) is False
    assert not set_preference("browser", "no_such_entry", 1)
    assert preference("no_such_section", "x", 7) == 7


def test_the_menu_is_as_long_as_asked_for(page, browser, tmp_path):
    from napari_dicomdb.settings import remember_database

    for number in range(6):
        remember_database(tmp_path / str(number))
    set_preference("databases", "recent_count", 2)
    browser.database_button.fill_menu()
    listed = [a for a in browser.database_button.menu().actions() if a.data() is not None]
    assert len(listed) == 2
    assert len(database_button.known_databases()) >= 6


def test_pictures_examining_and_copying_follow_at_once(page, browser, qtbot):
    with qtbot.waitSignal(browser._session.changed):
        set_preference("browser", "show_thumbnails", False)
    assert not browser.thumbnails.is_enabled
    uid = browser.database.series()[0].uid
    assert browser.thumbnails.picture(uid) is None
    assert not browser.thumbnails._wanted
    set_preference("browser", "show_thumbnails", True)
    qtbot.waitUntil(lambda: browser.thumbnails.picture(uid) is not None, timeout=20_000)
    set_preference("browser", "examine_in_background", False)
    assert not browser.ways.is_enabled
    assert not browser.copy_action.isChecked()
    set_preference("browser", "copy_on_import", True)
    assert browser.copy_action.isChecked()


def test_the_disk_space_of_pictures_is_shared_with_the_command(page, browser):
    set_preference("browser", "thumbnail_limit", 50)
    assert load_settings().thumbnail_limit_mb == 50


def test_removal_without_asking(page, browser, qtbot, monkeypatch):
    series = browser.database.series()[0]
    monkeypatch.setattr(
        _actions,
        "preference",
        lambda _section, name, default: default and name != "confirm_removal",
    )
    browser.actions_.ask_to_remove([series])
    qtbot.waitUntil(lambda: len(browser.database.series()) == 3, timeout=20_000)
    assert browser.actions_.dialog is None
