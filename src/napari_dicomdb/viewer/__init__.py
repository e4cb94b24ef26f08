"""Volumes in napari: placement, layers, planes, windows, reader, sample data."""
