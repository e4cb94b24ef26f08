"""Further ways to open something, which the series that it refers to make possible."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dicomdb.loading.registry import attempt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_dicomdb.loading.loadable import Loadable

__all__ = ["further"]


def further(loadables: Iterable[Loadable]) -> list[Loadable]:
    """Return what loaders offer beside `loadables` now that companions can be asked.

    A loader that has a method ``further(loadable)`` is asked for each of its loadables
    that refers to something; what it returns is not kept in the index, as it changes
    with other series. One that fails is noted in `registry.failures`.
    """
    found: list[Loadable] = []
    for one in loadables:
        ask = getattr(one.loader, "further", None)
        if ask is None or one.companions is None:
            continue
        with attempt(one.loader.name):
            found += ask(one)
    return found
