"""Labels on the voxels of an image that lies elsewhere: what the menu of a layer offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading.segments.segment_resampling import resampled_labels
from napari_dicomdb.progress import no_progress
from napari_dicomdb.viewer.frame import dicom_metadata

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.loading.loadable import LayerData

__all__ = ["choose_layers", "resample_labels", "resampled_layer"]

_PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")


def resample_labels(viewer: Any = None) -> Any:
    """Add the selected labels on the voxels of the selected image, or of the only one.

    Parameters
    ----------
    viewer : napari viewer, optional
        napari's current one by default.

    Returns
    -------
    worker or None
        What computes it in a thread; None when the layers do not allow it, which is said.
    """
    import napari
    from napari.qt.threading import thread_worker
    from napari.utils.notifications import show_warning

    viewer = viewer or napari.current_viewer()
    if viewer is None:
        return None
    try:
        labels, image = choose_layers(viewer)
    except LoadError as error:
        show_warning(str(error))
        return None
    worker = thread_worker(resampled_layer)(labels, image)
    worker.returned.connect(lambda made: viewer.add_labels(made[0], **made[1]))
    worker.start()
    return worker


def choose_layers(viewer: Any) -> tuple[Any, Any]:
    """Return the labels and the image that are meant.

    Raises
    ------
    LoadError
        "ambiguous" or "no-image": which are meant is not clear.
    """
    chosen = list(viewer.layers.selection)
    labels = [one for one in chosen if _kind(one) == "labels" and _lps(one) is not None]
    if len(labels) != 1:
        raise LoadError("Select one layer of DICOM labels", reason="ambiguous")
    images = _images(chosen) or _images(viewer.layers)
    if not images:
        raise LoadError("There is no DICOM image to take the voxels of", reason="no-image")
    if len(images) > 1:
        raise LoadError(
            "There are several images: select the one whose voxels to take, too",
            reason="ambiguous",
        )
    if labels[0].ndim != 3:
        raise LoadError("Labels over time cannot be taken on an image", reason="no-image")
    return labels[0], images[0]


def resampled_layer(labels: Any, image: Any) -> LayerData:
    """Return labels, each the nearest, on the voxels of an image.

    Parameters
    ----------
    labels, image : napari layers
        Of ours: their ``metadata["dicomdb"]["lps_from_data"]`` decides, not the view.
    """
    own, other = dict(dicom_metadata(labels) or {}), dict(dicom_metadata(image) or {})
    shape = tuple(int(n) for n in image.data.shape[image.ndim - 3 : image.ndim])
    data = resampled_labels(
        np.asarray(labels.data),
        np.asarray(own["lps_from_data"], np.float64),
        np.asarray(other["lps_from_data"], np.float64),
        (shape[0], shape[1], shape[2]),
        progress=no_progress,
    )
    kwargs: dict[str, Any] = {
        "name": f"{labels.name}, on the voxels of {image.name}",
        "opacity": labels.opacity,
        "colormap": labels.colormap,
        "features": _counted(labels.features, data, other["lps_from_data"]),
    }
    place = {
        key: getattr(image, key) for key in _PLACE if key not in ("rotate", "shear", "affine")
    }
    for key, value in place.items():
        kwargs[key] = tuple(value)[-3:]
    kwargs["rotate"] = np.asarray(image.rotate)[-3:, -3:]
    affine = np.eye(4)
    whole = np.asarray(image.affine.affine_matrix)
    affine[:3, :3], affine[:3, 3] = whole[-4:-1, -4:-1], whole[-4:-1, -1]
    kwargs["affine"] = affine
    taken = (
        "lps_from_data", "frame", "native", "native_axes", "frame_of_reference_uid", "is_regular",
    )  # fmt: skip
    told = own | {key: other[key] for key in taken if key in other}
    told["reference_series_uid"] = other.get("series_uid", "")
    told["references"] = tuple(other.get("instance_uids", ()))
    kwargs["metadata"] = {"dicomdb": told}
    return data, kwargs, "labels"


def _counted(features: Any, data: Any, lps: Any) -> Any:
    """Return the features with voxels and volumes as they are now."""
    table = features.copy()
    if not {"index", "voxels"} <= set(table.columns):
        return table
    found, voxels = np.unique(data, return_counts=True)
    counts = dict(zip(found.tolist(), voxels.tolist(), strict=True))
    table["voxels"] = [counts.get(int(index), 0) for index in table["index"]]
    if "volume_ml" in table:
        voxel = abs(float(np.linalg.det(np.asarray(lps)[:3, :3]))) / 1000
        table["volume_ml"] = [
            np.nan if index == 0 else n * voxel
            for index, n in zip(table["index"], table["voxels"], strict=True)
        ]
    return table


def _images(layers: Sequence[Any]) -> list[Any]:
    return [
        one
        for one in layers
        if _kind(one) == "image"
        and _lps(one) is not None
        and not one.multiscale
        and not (dicom_metadata(one) or {}).get("segments")
    ]


def _lps(layer: Any) -> Any:
    return (dicom_metadata(layer) or {}).get("lps_from_data")


def _kind(layer: Any) -> str:
    return str(getattr(layer, "_type_string", ""))
