"""Handing files and folders to the browser dock of a viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_dicomdb.loading.loadable import Loadable

__all__ = [
    "BROWSER_WIDGET",
    "EXPORT_WIDGET",
    "METADATA_WIDGET",
    "NETWORK_WIDGET",
    "PLUGIN",
    "browse",
    "find_dock",
    "show_browser",
    "show_content",
    "show_export",
    "show_metadata",
    "show_network",
]

PLUGIN = "napari-dicomdb"
#: Display name of the dock in the manifest.
BROWSER_WIDGET = "DICOM browser"
NETWORK_WIDGET = "DICOM network"
EXPORT_WIDGET = "DICOM export"
METADATA_WIDGET = "DICOM metadata"


def browse(viewer: Any, paths: Sequence[str | Path]) -> Any:
    """Open the browser dock of `viewer` and let it import `paths`.

    The import runs in the background, with its progress and its report in the
    browser, by reference or by copy as chosen there.

    Returns
    -------
    DicomBrowser
        The widget; the one already open when there is one.
    """
    widget = _opened(viewer, BROWSER_WIDGET)
    widget.import_paths([str(path) for path in paths])
    return widget


def find_dock(viewer: Any, name: str) -> Any:
    """Return the widget of a dock of ours that is open in `viewer`, None when it is not."""
    window = getattr(viewer, "window", None)  # a ViewerModel has none
    if window is None:
        return None
    # napari's menus and its calls have different names of the plugin behind the dock's.
    found = window.dock_widgets.items()
    return next((widget for title, widget in found if title.startswith(f"{name} (")), None)


def _opened(viewer: Any, name: str, **how: Any) -> Any:
    """Open a dock of ours, or bring the one that is open to the front; return its widget."""
    widget = find_dock(viewer, name)
    if widget is None:
        dock, widget = viewer.window.add_plugin_dock_widget(PLUGIN, name, **how)
    else:
        dock = widget.parentWidget()
        while not hasattr(dock, "setFloating"):
            dock = dock.parentWidget()
    dock.show()
    dock.raise_()
    return widget


def show_browser(viewer: Any) -> Any:
    """Open the browser dock of `viewer`, or bring it to the front.

    Returns
    -------
    DicomBrowser
        The widget; the one already open when there is one.
    """
    return _opened(viewer, BROWSER_WIDGET)


def show_content(viewer: Any, loadables: Sequence[Loadable]) -> Any:
    """Show what objects without an image say, in a dock of `viewer` beside the browser.

    Returns
    -------
    DicomBrowser
        The widget; the one already open when there is one.
    """
    widget = _opened(viewer, BROWSER_WIDGET)
    widget.show_content(loadables)
    return widget


def show_network(viewer: Any, page: str = "") -> Any:
    """Open the network dock of `viewer`, or bring it to the front.

    Parameters
    ----------
    viewer : napari viewer
    page : str
        "query", "jobs", "listener", "log" or "nodes"; "" leaves what is shown.

    Returns
    -------
    DicomNetwork
        The widget; the one already open when there is one.
    """
    widget = _opened(viewer, NETWORK_WIDGET, tabify=True)
    if page:
        widget.show_page(page)
    return widget


def show_export(viewer: Any) -> Any:
    """Open the export dock of `viewer`, or bring it to the front.

    Returns
    -------
    DicomExport
        The widget; the one already open when there is one.
    """
    return _opened(viewer, EXPORT_WIDGET, tabify=True)


def show_metadata(viewer: Any) -> Any:
    """Open the metadata dock of `viewer`, or bring it to the front.

    Returns
    -------
    DicomMetadata
        The widget; the one already open when there is one.
    """
    return _opened(viewer, METADATA_WIDGET)
