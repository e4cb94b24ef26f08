"""Handing paths to the browser dock."""

from __future__ import annotations

from pathlib import Path

from napari_dicomdb.viewer.browse import BROWSER_WIDGET, PLUGIN, browse, show_content


class Browser:
    def __init__(self):
        self.imported = []

    def import_paths(self, paths):
        self.imported.append(paths)


class Window:
    def __init__(self):
        self.asked = []
        self.browser = Browser()

    def add_plugin_dock_widget(self, plugin, widget):
        self.asked.append((plugin, widget))
        return object(), self.browser


class Viewer:
    def __init__(self):
        self.window = Window()


def test_the_dock_of_the_manifest_gets_the_paths():
    from npe2 import PluginManifest

    viewer = Viewer()
    widget = browse(viewer, [Path("/cd/one"), "/cd/two"])
    assert widget.imported == [["/cd/one", "/cd/two"]]
    [(plugin, name)] = viewer.window.asked
    manifest = PluginManifest.from_distribution(plugin)
    assert name in [w.display_name for w in manifest.contributions.widgets]


def test_content_goes_to_the_same_dock():
    viewer = Viewer()
    viewer.window.browser.show_content = viewer.window.browser.imported.append
    widget = show_content(viewer, ["a report"])
    assert widget.imported == [["a report"]]
    assert viewer.window.asked == [(PLUGIN, BROWSER_WIDGET)]
