"""The frame of a viewer: the one rotation that all DICOM layers in it share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

__all__ = ["ambient_frame", "current_frame", "dicom_metadata", "frames_of_reference"]


def dicom_metadata(layer: Any) -> Mapping[str, Any] | None:
    """Return what we know of a layer that we made, or None for any other layer."""
    found = layer.metadata.get("dicomdb")
    return found if isinstance(found, dict) else None


def current_frame(viewer: Any) -> NDArray[np.float64] | None:
    """Return the frame of the DICOM layers in `viewer`, or None when there are none.

    It is read from the layers, so that it ends with the last of them.

    Returns
    -------
    (4, 4) ndarray or None
        World from physical (I, P, L) millimetres.
    """
    for metadata in _placed(viewer.layers):
        return np.array(metadata["frame"], dtype=np.float64)
    return None


def ambient_frame() -> NDArray[np.float64] | None:
    """Return the frame of napari's current viewer, if there is one (within readers)."""
    import napari

    viewer = napari.current_viewer()
    return None if viewer is None else current_frame(viewer)


def frames_of_reference(viewer: Any) -> set[str]:
    """Return the FrameOfReferenceUIDs of the DICOM layers in `viewer`."""
    found = {str(m.get("frame_of_reference_uid") or "") for m in _placed(viewer.layers)}
    return found - {""}


def _placed(layers: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    for layer in layers:
        metadata = dicom_metadata(layer)
        if metadata is not None and metadata.get("frame") is not None:
            yield metadata
