"""What the windows remember for the next session: in all, and of each database.

It is written by and by on a thread of its own: the home folder may lie on a slow
share, and a splitter that is dragged changes at every step.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from napari_dicomdb.settings import change_settings, load_settings, settings_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_dicomdb.settings import Settings

__all__ = [
    "flush",
    "forget_all_views",
    "forget_view",
    "move_view",
    "recall",
    "recall_view",
    "remember",
    "remember_view",
]

_WIDGETS = "widgets"
_VIEWS = "views"
_VIEW_LIMIT = 50  # databases whose view is kept
_IN_MEMORY = "(memory)"
_PAUSE = 0.5  # seconds
_log = logging.getLogger(__name__)


class _Waiting:
    """What is remembered but not written yet, of one settings file."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.file: Path | None = None
        self.choices: dict[str, Any] = {}
        self.views: dict[str, dict[str, Any]] = {}
        self.timer: threading.Timer | None = None

    def of_file(self) -> _Waiting:
        """Return this, without what was meant for another settings file."""
        path = settings_path()
        if path != self.file:
            self.file = path
            self.choices, self.views = {}, {}
        return self

    def start(self) -> None:
        """Write a little later."""
        if self.timer is None:
            self.timer = threading.Timer(_PAUSE, flush)
            self.timer.daemon = True
            self.timer.start()


_waiting = _Waiting()


def recall(key: str, default: Any) -> Any:
    """Return what `remember` kept under `key`, if it is of the type of `default`."""
    with _waiting.lock:
        kept = {**_section(load_settings(), _WIDGETS), **_waiting.of_file().choices}
    return _of_type(kept, key, default)


def remember(key: str, value: Any) -> None:
    """Keep a choice of the user's for the next session."""
    with _waiting.lock:
        _waiting.of_file().choices[key] = value
        _waiting.start()


def recall_view(database_path: Path | str | None, key: str, default: Any) -> Any:
    """Return what `remember_view` kept of this database under `key`.

    Parameters
    ----------
    database_path : Path, str or None
        Directory of the database; None: the one in memory.
    key : str
    default : object
        Returned when nothing is kept, or something of another type.
    """
    name = _name(database_path)
    with _waiting.lock:
        view = _section(load_settings(), _VIEWS).get(name)
        kept = view if isinstance(view, dict) else {}
        kept = {**kept, **_waiting.of_file().views.get(name, {})}
    return _of_type(kept, key, default)


def remember_view(database_path: Path | str | None, key: str, value: Any) -> None:
    """Keep how one database was shown: columns, what was selected, the search.

    It goes to the settings file and not to the database, so that one which
    cannot be written has its own view as well. The last 50 databases are kept.
    """
    name = _name(database_path)
    with _waiting.lock:
        waiting = _waiting.of_file()
        # The one looked at last comes last, so that the oldest are dropped.
        waiting.views[name] = {**waiting.views.pop(name, {}), key: value}
        waiting.start()


def flush() -> None:
    """Write what is remembered now, rather than a little later."""
    with _waiting.lock:
        if _waiting.timer is not None:
            _waiting.timer.cancel()
            _waiting.timer = None
        waiting = _waiting.of_file()
        choices, views = waiting.choices, waiting.views
        if not choices and not views:
            return
        try:
            _change(_WIDGETS, lambda kept: {**kept, **choices})
            _change(_VIEWS, lambda kept: _merged(kept, views))
        except OSError as error:
            _log.warning("what the windows look like cannot be remembered: %s", error)
        waiting.choices, waiting.views = {}, {}


def forget_view(database_path: Path | str) -> None:
    """Drop what is kept of a database."""
    name = _name(database_path)
    flush()
    _change(_VIEWS, lambda kept: {key: view for key, view in kept.items() if key != name})


def move_view(source: Path | str, target: Path | str) -> None:
    """Keep the view of a database that now lies in `target`."""
    old, new = _name(source), _name(target)

    def move(kept: dict[str, Any]) -> dict[str, Any]:
        view = kept.pop(old, None)
        return kept if view is None else {**kept, new: view}

    flush()
    _change(_VIEWS, move)


def forget_all_views() -> None:
    """Drop what is kept of all databases: columns, order, sizes, what was selected."""
    flush()
    _change(_VIEWS, lambda _: {})


def _merged(kept: dict[str, Any], views: dict[str, dict[str, Any]]) -> dict[str, Any]:
    for name, changed in views.items():
        before = kept.get(name)
        view = {**before, **changed} if isinstance(before, dict) else changed
        if view != before:
            kept.pop(name, None)
            kept[name] = view
    return dict([*kept.items()][-_VIEW_LIMIT:])


def _name(path: Path | str | None) -> str:
    return _IN_MEMORY if path is None else os.path.abspath(path)


def _section(settings: Settings, name: str) -> dict[str, Any]:
    kept = settings.others.get(name)
    return dict(kept) if isinstance(kept, dict) else {}


def _of_type(kept: dict[str, Any], key: str, default: Any) -> Any:
    value = kept.get(key, default)
    return value if isinstance(value, type(default)) else default


def _change(name: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    def changed(settings: Settings) -> Settings:
        values = change(_section(settings, name))
        if not values and name not in settings.others:
            return settings
        return replace(settings, others=MappingProxyType({**settings.others, name: values}))

    change_settings(changed)


atexit.register(flush)
