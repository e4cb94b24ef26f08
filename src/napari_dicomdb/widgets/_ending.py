"""Ends the work of a browser that is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_dicomdb.widgets._theme import ThemeWatcher
    from napari_dicomdb.widgets.content_dock import ContentDock
    from napari_dicomdb.widgets.loading import LayerLoader
    from napari_dicomdb.widgets.metadata_dock import MetadataDock

__all__ = ["let_go"]


def let_go(
    theme: ThemeWatcher,
    loader: LayerLoader,
    contents: ContentDock,
    metadata: MetadataDock,
    runners: Any,
    detach: Any,
) -> None:
    """Stop the work of a dock that is gone."""
    theme.disconnect_settings()
    loader.close()
    contents.close()
    metadata.close()
    for runner in runners:
        runner.close()
    detach()
