"""Has the browser follow napari's page of preferences at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_dicomdb.settings import change_settings, load_settings
from napari_dicomdb.viewer.preferences import preference, preference_events

if TYPE_CHECKING:
    from qtpy.QtGui import QAction

    from napari_dicomdb.widgets._session import DatabaseSession
    from napari_dicomdb.widgets.loadable_cache import LoadableCache
    from napari_dicomdb.widgets.thumbnails import ThumbnailCache

__all__ = ["BrowserPreferences"]

_SECTION = "browser"
_FOLLOWED = ("show_thumbnails", "examine_in_background", "copy_on_import", "thumbnail_limit")


class BrowserPreferences(QObject):
    """Applies what is chosen to one browser, now and whenever it changes.

    Parameters
    ----------
    session : DatabaseSession
    thumbnails : ThumbnailCache
    ways : LoadableCache
    copy_action : QAction
        Whether files are copied when they are imported.

    Signals
    -------
    changed : str
        Name of the entry.
    """

    changed = Signal(str)

    def __init__(
        self,
        session: DatabaseSession,
        thumbnails: ThumbnailCache,
        ways: LoadableCache,
        copy_action: QAction,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._thumbnails = thumbnails
        self._ways = ways
        self._copy_action = copy_action
        self._events = preference_events(_SECTION)
        if self._events is not None:
            for name in _FOLLOWED:
                getattr(self._events, name).connect(self._on_change)
        self._apply("show_thumbnails")
        self._apply("examine_in_background")
        self._take_limit(load_settings().thumbnail_limit_mb)

    def disconnect_settings(self) -> None:
        """Let go of napari's settings, which outlive every dock."""
        if self._events is not None:
            for name in _FOLLOWED:
                getattr(self._events, name).disconnect(self._on_change)
            self._events = None

    def _on_change(self, event: Any) -> None:
        name = event.type
        self._apply(name)
        if name in ("show_thumbnails", "examine_in_background"):
            self._session.changed.emit()
        self.changed.emit(name)

    def _apply(self, name: str) -> None:
        if name == "show_thumbnails":
            self._thumbnails.is_enabled = bool(preference(_SECTION, name, True))
        elif name == "examine_in_background":
            self._ways.is_enabled = bool(preference(_SECTION, name, True))
        elif name == "copy_on_import":
            self._copy_action.setChecked(bool(preference(_SECTION, name, False)))
        elif name == "thumbnail_limit":
            self._take_limit(None)

    def _take_limit(self, present: int | None) -> None:
        """Hand the limit to the settings that the command reads as well."""
        chosen = int(preference(_SECTION, "thumbnail_limit", 500))
        if present is not None and chosen == 500:
            return  # not chosen here: what the file says holds
        change_settings(lambda settings: replace(settings, thumbnail_limit_mb=chosen))
