"""Small pictures of series of any kind, drawn on what they refer to."""

from napari_dicomdb.loading.pictures.painting import paint

__all__ = ["paint"]
