"""Meshes of surface segmentations as napari surfaces. Needs no napari."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_dicomdb.loading.loadable import LayerData
    from napari_dicomdb.loading.segments.surface_mesh import SurfaceMesh
    from napari_dicomdb.loading.volume import Volume

__all__ = ["is_surface", "surface_layers"]

#: (I, P, L) from LPS: -z, y, x.
_FROM_LPS: NDArray[np.float64] = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])


def is_surface(volume: Volume) -> bool:
    """Return whether `volume` holds meshes, not voxels."""
    return bool(volume.meta.get("surfaces"))


def surface_layers(
    volume: Volume, frame: ArrayLike | None, told: dict[str, Any]
) -> list[LayerData]:
    """Return one layer for each mesh.

    Parameters
    ----------
    volume : Volume
        With ``meta["surfaces"]``.
    frame : (4, 4) array_like or None
        Frame of the viewer; none is needed for meshes by themselves.
    told : dict
        What ``metadata["dicomdb"]`` tells of any volume.
    """
    placed = np.eye(4) if frame is None else np.asarray(frame, dtype=np.float64)
    lps = np.eye(4)
    lps[:3, :3] = _FROM_LPS.T
    spatial = {
        "lps_from_data": lps,
        "frame": placed,
        "native": True,
        "native_axes": None,
        "dropped_angle_degrees": 0.0,
    }
    return [_layer(volume, mesh, placed, told | spatial) for mesh in volume.meta["surfaces"]]


def _layer(
    volume: Volume, mesh: SurfaceMesh, frame: NDArray[np.float64], told: dict[str, Any]
) -> LayerData:
    name = str(volume.meta.get("name") or "Surface")
    colour = [*(c / 255 for c in mesh.colour), 1.0]
    row = mesh.segment.features() | {"surface": mesh.number, "volume_ml": mesh.volume_ml}
    kwargs = {
        "name": f"{name}: {mesh.segment.label}",
        "colormap": {"colors": [colour, colour], "name": mesh.segment.label},
        "contrast_limits": (0.0, 1.0),
        "opacity": mesh.opacity,
        "shading": "smooth",
        "affine": frame,
        "units": ("mm", "mm", "mm"),
        "axis_labels": ("I", "P", "L"),
        "metadata": {"dicomdb": told | {"segments": [row]}},
    }
    vertices = mesh.points @ _FROM_LPS.T
    return (vertices, mesh.triangles, np.ones(len(vertices), np.float32)), kwargs, "surface"
