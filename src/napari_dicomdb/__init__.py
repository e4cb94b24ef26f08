"""DICOM database, browser and loaders for napari."""

__version__ = "0.1.0"
