"""What the windows remember for the next session: in all, and of each database."""

from __future__ import annotations

import os
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from napari_dicomdb.settings import load_settings, save_settings

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
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


def recall(key: str, default: Any) -> Any:
    """Return what `remember` kept under `key`, if it is of the type of `default`."""
    return _of_type(_section(_WIDGETS), key, default)


def remember(key: str, value: Any) -> None:
    """Keep a choice of the user's for the next session."""
    kept = _section(_WIDGETS)
    if key not in kept or kept[key] != value:
        _keep(_WIDGETS, {**kept, key: value})


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
    view = _section(_VIEWS).get(_name(database_path))
    return _of_type(view if isinstance(view, dict) else {}, key, default)


def remember_view(database_path: Path | str | None, key: str, value: Any) -> None:
    """Keep how one database was shown: columns, what was selected, the search.

    It goes to the settings file and not to the database, so that one which
    cannot be written has its own view as well. The last 50 databases are kept.
    """
    views = _section(_VIEWS)
    name = _name(database_path)
    view = views.pop(name, None)
    view = dict(view) if isinstance(view, dict) else {}
    if key in view and view[key] == value:
        return
    view[key] = value
    # The one looked at last comes last, so that the oldest are dropped.
    kept = [*views.items(), (name, view)][-_VIEW_LIMIT:]
    _keep(_VIEWS, dict(kept))


def forget_view(database_path: Path | str) -> None:
    """Drop what is kept of a database."""
    views = _section(_VIEWS)
    if views.pop(_name(database_path), None) is not None:
        _keep(_VIEWS, views)


def move_view(source: Path | str, target: Path | str) -> None:
    """Keep the view of a database that now lies in `target`."""
    views = _section(_VIEWS)
    view = views.pop(_name(source), None)
    if view is not None:
        _keep(_VIEWS, {**views, _name(target): view})


def _name(path: Path | str | None) -> str:
    return _IN_MEMORY if path is None else os.path.abspath(path)


def _section(name: str) -> dict[str, Any]:
    kept = load_settings().others.get(name)
    return dict(kept) if isinstance(kept, dict) else {}


def _of_type(kept: dict[str, Any], key: str, default: Any) -> Any:
    value = kept.get(key, default)
    return value if isinstance(value, type(default)) else default


def _keep(name: str, values: dict[str, Any]) -> None:
    settings = load_settings()
    others = MappingProxyType({**settings.others, name: values})
    save_settings(replace(settings, others=others))


def forget_all_views() -> None:
    """Drop what is kept of all databases: columns, order, sizes, what was selected."""
    if _section(_VIEWS):
        _keep(_VIEWS, {})
