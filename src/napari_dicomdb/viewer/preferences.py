"""What the user has chosen in napari's preferences, or for all programs in our settings."""

from __future__ import annotations

from typing import Any

from napari_dicomdb.settings import load_settings
from napari_dicomdb.viewer.browse import PLUGIN

__all__ = [
    "copies_by_default",
    "opens_series_of_file",
    "preference",
    "preference_events",
    "set_preference",
]


def opens_series_of_file() -> bool:
    """Whether opening one DICOM file opens the whole series that lies beside it.

    Said in napari's preferences (`configurations` in the manifest) or in the
    settings that the command shares.
    """
    if load_settings().open_series_of_file:
        return True
    return bool(preference("files", "open_whole_series", False))


def copies_by_default() -> bool:
    """Whether an import copies files, where nothing else was chosen in its menu."""
    return bool(preference("browser", "copy_on_import", False))


def preference(section: str, name: str, default: Any) -> Any:
    """Return what napari's page of preferences says for one of our entries.

    Parameters
    ----------
    section, name : str
        As in the manifest's `configurations`.
    default : object
        Returned where napari does not know the entry: the plugin is disabled,
        or used from a checkout that is not installed.
    """
    group = _group(section)
    return default if group is None else getattr(group, name, default)


def set_preference(section: str, name: str, value: Any) -> bool:
    """Change one of our entries as if on napari's page; False where it knows none."""
    group = _group(section)
    if group is None or not hasattr(group, name):
        return False
    setattr(group, name, value)
    return True


def preference_events(section: str) -> Any:
    """Return the events of a section, each named as its entry; None where there are none."""
    group = _group(section)
    return None if group is None else group.events


def _group(section: str) -> Any:
    from napari.settings import get_plugin_settings

    try:
        return getattr(get_plugin_settings(PLUGIN), section, None)
    except KeyError:
        return None
