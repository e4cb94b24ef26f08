"""Putting a volume into a viewer: frame, window, centre, warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.viewer.frame import current_frame, dicom_metadata, frames_of_reference
from napari_dicomdb.viewer.layers import volume_to_layers
from napari_dicomdb.viewer.planes import native_plane, set_plane
from napari_dicomdb.viewer.remote_frames import follow_stream
from napari_dicomdb.viewer.sliders import slider_values
from napari_dicomdb.viewer.windows import widen_range

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_dicomdb.loading.loadable import LayerData
    from napari_dicomdb.loading.volume import Volume

__all__ = ["add_layers", "add_volume", "go_to_centre", "make_layer", "warn_of_frame_of_reference"]


def add_volume(viewer: Any, volume: Volume, *, native_plane_first: bool = False) -> list[Any]:
    """Add a volume to a viewer where it belongs.

    Parameters
    ----------
    viewer : napari viewer
    volume : Volume
    native_plane_first : bool
        When it is the first of the viewer, show the plane in which its slices
        were acquired instead of the axial one.

    Returns
    -------
    list of napari layers
    """
    layers = volume_to_layers(volume, frame=current_frame(viewer))
    added = add_layers(viewer, layers, native_plane_first=native_plane_first)
    follow_stream(viewer, volume, added)
    return added


def add_layers(
    viewer: Any, layers: Iterable[LayerData], *, native_plane_first: bool = False
) -> list[Any]:
    """Add layers made by `volume_to_layers` with the viewer's frame.

    The first that is in the patient moves the viewer to its centre. One of
    another frame of reference is added with a warning. Where a slider of time,
    echo ... stands is shown from now on.
    """
    slider_values(viewer)
    first = current_frame(viewer) is None
    added = []
    for layer_data in layers:
        warn_of_frame_of_reference(viewer, layer_data)
        added.append(viewer.add_layer(make_layer(layer_data)))
    shown = [a for a in added if a.visible]
    if shown and not added[-1].visible:
        # What is drawn over an image is off; the image is what one works with.
        viewer.layers.selection.active = shown[-1]
    placed = [a for a in added if (dicom_metadata(a) or {}).get("frame") is not None]
    if first and placed:
        plane = native_plane(placed[0])
        if native_plane_first and plane is not None:
            set_plane(viewer, plane)
            viewer.reset_view()
        go_to_centre(viewer, placed[0])
    return added


def make_layer(layer_data: LayerData) -> Any:
    """Return the napari layer of a ``LayerData`` tuple, its contrast slider wide."""
    from napari.layers import Layer

    data, kwargs, kind = layer_data
    layer = Layer.create(data, kwargs, kind)
    widen_range(layer)
    return layer


def go_to_centre(viewer: Any, layer: Any) -> None:
    """Move the sliders of the three spatial axes to the middle voxel of `layer`.

    To the centre of a voxel, not of the volume: half-way between two slices a
    contour drawn on either would vanish (reference/napari.md A.9).
    """
    if isinstance(layer.data, tuple):  # a surface has points, no voxels
        corners = np.asarray(layer.extent.world)[:, -3:]
        ndim = viewer.dims.ndim
        viewer.dims.set_point(range(ndim - 3, ndim), corners.mean(axis=0).tolist())
        return
    middle = [n // 2 for n in layer.data.shape[layer.ndim - 3 : layer.ndim]]
    index = [0.0] * (layer.ndim - 3) + [float(m) for m in middle]
    world = np.asarray(layer.data_to_world(index))[-3:]
    ndim = viewer.dims.ndim
    viewer.dims.set_point(range(ndim - 3, ndim), [float(w) for w in world])


def warn_of_frame_of_reference(viewer: Any, layer_data: LayerData) -> None:
    """Warn, in napari and in its metadata, when a layer to come is of another frame of reference.

    Different FrameOfReferenceUIDs mean that the coordinates are not known to
    be comparable (PS3.3 Section C.7.4.1): it is shown, but never silently.
    """
    from napari.utils.notifications import show_warning

    metadata = layer_data[1]["metadata"]["dicomdb"]
    own = metadata["frame_of_reference_uid"]
    others = frames_of_reference(viewer)
    if metadata["frame"] is None or not others or own in others:
        return
    finding = Finding(
        FindingCode.OTHER_FRAME_OF_REFERENCE,
        Severity.WARNING,
        f"{layer_data[1]['name']!r} has another frame of reference than the layers beside it "
        f"({own or 'none'}; theirs: {', '.join(sorted(others))}): "
        "their positions need not match without a registration",
        {"own": own, "others": sorted(others)},
    )
    metadata["findings"] = [*metadata["findings"], finding.to_json()]
    show_warning(finding.text)
