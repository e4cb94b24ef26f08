"""Which loaders there are, and who turns volumes into layers: found by entry points."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, cast

from napari_dicomdb.errors import LoadError, MissingLibraryError
from napari_dicomdb.loading.loadable import Loader
from napari_dicomdb.plugins import Plugins

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dicomdb.loading.loadable import LayerData

__all__ = [
    "LAYERS_GROUP",
    "LOADERS_GROUP",
    "attempt",
    "failures",
    "layer_maker",
    "loader_named",
    "loaders",
    "register",
    "reload",
    "unregister",
]

LOADERS_GROUP = "napari_dicomdb.loaders"
LAYERS_GROUP = "napari_dicomdb.layers"

_plugins: Plugins[Loader] = Plugins(
    LOADERS_GROUP, "loader", Loader, ("name", "version", "examine", "load"), LoadError
)

loaders = _plugins.all
loader_named = _plugins.named
register = _plugins.register
unregister = _plugins.unregister
failures = _plugins.failures
attempt = _plugins.attempt


def reload() -> None:
    """Look for entry points anew and forget failures."""
    _plugins.reload()
    layer_maker.cache_clear()


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
