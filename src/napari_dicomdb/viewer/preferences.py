"""What the user has chosen in napari's preferences, or for all programs in our settings."""

from __future__ import annotations

from napari_dicomdb.settings import load_settings
from napari_dicomdb.viewer.browse import PLUGIN

__all__ = ["opens_series_of_file"]


def opens_series_of_file() -> bool:
    """Whether opening one DICOM file opens the whole series that lies beside it.

    Said in napari's preferences (`configurations` in the manifest) or in the
    settings that the command shares.
    """
    from napari.settings import get_plugin_settings

    if load_settings().open_series_of_file:
        return True
    try:
        preferences = get_plugin_settings(PLUGIN)
    except KeyError:
        # The plugin is disabled, or used from a checkout that is not installed.
        return False
    return bool(preferences.files.open_whole_series)
