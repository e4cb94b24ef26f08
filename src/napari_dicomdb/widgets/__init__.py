"""Docks for napari: thin faces, through qtpy, over the calls of the other packages."""
