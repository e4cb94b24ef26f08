"""Which loaders there are, and who turns volumes into layers: found by entry points.

A loader of a third party that cannot be imported, or fails while it examines,
never takes the others down: `failures` says what happened.
"""

from __future__ import annotations

import inspect
import logging
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

from napari_dicomdb.errors import LoadError, MissingLibraryError
from napari_dicomdb.loading.loadable import Loader

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.metadata import EntryPoint

    from napari_dicomdb.loading.loadable import LayerData

__all__ = [
    "LAYERS_GROUP",
    "LOADERS_GROUP",
    "LoaderFailure",
    "failures",
    "layer_maker",
    "loader_named",
    "loaders",
    "record_failure",
    "register",
    "reload",
    "unregister",
]

LOADERS_GROUP = "napari_dicomdb.loaders"
LAYERS_GROUP = "napari_dicomdb.layers"

_log = logging.getLogger(__name__)
_lock = Lock()
_registered: dict[str, Loader] = {}
_failures: dict[str, LoaderFailure] = {}


@dataclass(frozen=True, slots=True)
class LoaderFailure:
    """A loader that could not be used.

    Parameters
    ----------
    name : str
        Name of its entry point, or of the loader.
    text : str
        What happened, for a person.
    """

    name: str
    text: str


def loaders() -> tuple[Loader, ...]:
    """Return all usable loaders: registered ones first, then entry points by name."""
    found = dict(_registered)
    for name, loader in _from_entry_points().items():
        found.setdefault(name, loader)
    return tuple(found.values())


def loader_named(name: str) -> Loader:
    """Return the loader called `name`.

    Raises
    ------
    LoadError
        If there is none, or it cannot be used.
    """
    for loader in loaders():
        if loader.name == name:
            return loader
    why = f": {_failures[name].text}" if name in _failures else ": is its package installed?"
    raise LoadError(f"there is no loader {name!r}{why}", reason="no-loader")


def register(loader: Loader) -> None:
    """Add a loader for this process; one of the same name is replaced."""
    with _lock:
        _registered[loader.name] = loader
        _failures.pop(loader.name, None)


def unregister(name: str) -> None:
    """Take a loader added by `register` away again; the entry points stay."""
    with _lock:
        _registered.pop(name, None)


def failures() -> tuple[LoaderFailure, ...]:
    """Return what could not be used since the last `reload`, and why."""
    loaders()
    return tuple(_failures.values())


def record_failure(name: str, error: BaseException) -> LoaderFailure:
    """Remember that loader `name` raised `error`."""
    failure = LoaderFailure(name, f"{type(error).__name__}: {error}")
    with _lock:
        _failures[name] = failure
    _log.warning("loader %s failed: %s", name, failure.text)
    _log.debug("loader %s failed", name, exc_info=error)
    return failure


def reload() -> None:
    """Look for entry points anew and forget failures."""
    with _lock:
        _failures.clear()
    _from_entry_points.cache_clear()
    layer_maker.cache_clear()


@cache
def _from_entry_points() -> dict[str, Loader]:
    found: dict[str, Loader] = {}
    for point in sorted(entry_points(group=LOADERS_GROUP), key=lambda p: p.name):
        loader = _usable(point)
        if loader is not None:
            found.setdefault(loader.name, loader)
    return found


def _usable(point: EntryPoint) -> Loader | None:
    # The code behind an entry point is anybody's and may raise anything.
    try:
        thing: Any = point.load()
        loader = thing() if inspect.isclass(thing) else thing
    except Exception as error:
        record_failure(point.name, error)
        return None
    if not isinstance(loader, Loader):
        lacking = [a for a in ("name", "version", "examine", "load") if not hasattr(loader, a)]
        record_failure(point.name, TypeError(f"{point.value} has no {', '.join(lacking)}"))
        return None
    return loader


@cache
def layer_maker() -> Callable[..., list[LayerData]]:
    """Return the function that turns a volume into napari layers.

    Raises
    ------
    MissingLibraryError
        If what provides it is not installed.
    """
    points = sorted(entry_points(group=LAYERS_GROUP), key=lambda p: p.name != "volume")
    for point in points:
        try:
            return cast("Callable[..., list[LayerData]]", point.load())
        except ImportError as error:
            raise MissingLibraryError(
                f"making layers needs napari ({error}): pip install 'napari-dicomdb[all]'"
            ) from error
    raise MissingLibraryError(
        f"nothing is installed that makes layers (entry-point group {LAYERS_GROUP}): "
        "pip install --force-reinstall napari-dicomdb"
    )
