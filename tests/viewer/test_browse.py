"""Handing paths to the browser dock."""

from __future__ import annotations

from pathlib import Path

from napari_dicomdb.viewer.browse import BROWSER_WIDGET, PLUGIN, browse, find_dock, show_content


class Dock:
    def __init__(self):
        self.raised = 0

    def setFloating(self, floating):
        raise AssertionError("it stays where it is")

    def show(self):
        self.raised += 1

    def raise_(self):
        self.raised += 1


class Browser:
    def __init__(self):
        self.imported = []
        self.dock = Dock()

    def parentWidget(self):
        return self.dock

    def import_paths(self, paths):
        self.imported.append(paths)


class Window:
    def __init__(self):
        self.asked = []
        self.browser = Browser()
        self.dock_widgets = {}

    def add_plugin_dock_widget(self, plugin, widget):
        self.asked.append((plugin, widget))
        return self.browser.dock, self.browser


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


def test_a_dock_that_a_menu_opened_is_used():
    viewer = Viewer()
    # Opened from a menu of napari it has another name than by a call.
    viewer.window.dock_widgets["DICOM browser (DICOM database)"] = viewer.window.browser
    assert browse(viewer, ["/cd"]) is viewer.window.browser
    assert find_dock(viewer, BROWSER_WIDGET) is viewer.window.browser
    assert find_dock(viewer, "DICOM export") is None
    assert viewer.window.asked == []
    assert viewer.window.browser.dock.raised == 2
