"""One call for other plugins: store a layer, a volume or an array as DICOM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.linking import linked, source_series
from napari_dicomdb.export.source import ExportSource, Label
from napari_dicomdb.loading.volume import Volume, VolumeGeometry

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_dicomdb.api import Database
    from napari_dicomdb.export.result_report import ResultReport
    from napari_dicomdb.progress import Progress

__all__ = ["store_result"]


def store_result(
    result: Any,
    *,
    study: Any = None,
    source: str | None = None,
    database: Database | None = None,
    geometry: Any = None,
    name: str = "Result",
    role: str = "image",
    labels: Mapping[int, Any] | None = None,
    units: str = "",
    folder: Any = None,
    into_database: bool = True,
    node: Any = None,
    progress: Progress | None = None,
    **options: Any,
) -> ResultReport:
    """Store a result as DICOM: it appears in the browser, linked to what it was made from.

    May be called from any thread, and does all its work there: not on that of the window.

    Parameters
    ----------
    result : napari layer, Volume, ExportSource, Exportable or array_like
        Image or labels. A layer that copied ``metadata["dicomdb"]`` of the layer it was
        made from knows its study, its place and its sources by that. An array is
        (slice, row, column), with leading axes before and, where the last of four or more
        axes has a length of 3 and `geometry` has one axis less, colours after it.
    study : StudyRecord, StudyTarget, StudyForm or str, optional
        By default the study it came from, or that of `source`.
    source : str, optional
        SeriesInstanceUID of the images that it was made from, where it does not say.
    database : Database, optional
        The default database of the settings otherwise.
    geometry : VolumeGeometry or (4, 4) array_like, optional
        Of an array: ``volume.geometry`` of what it was made from, or what maps voxel
        centres (slice, row, column) to LPS millimetres.
    name, role, units : str
        Of an array: name; "image" or "labels"; unit of the values ("HU", ...).
    labels : mapping of int to str or Label, optional
        Of an array of labels: what its values stand for.
    folder, into_database, node, progress, **options
        As for `Database.write`; ``description="..."`` names the series.

    Returns
    -------
    ResultReport
        ``series_uids``, ``instance_uids``, ``files``, ``losses``, and in ``rejected`` what
        the node did not take.

    Raises
    ------
    ExportError
        "no-study": neither it nor you say which study it belongs to; "bad-source": no
        image can be made of it; else as `Database.write`.

    Examples
    --------
    >>> from napari_dicomdb import store_result
    >>> store_result(layer, description="Denoised")  # doctest: +SKIP
    >>> store_result(array, geometry=volume.geometry, source=uid)  # doctest: +SKIP
    """
    if database is None:
        from napari_dicomdb.api import Database as Opened

        with Opened.open(create=False) as opened:
            return store_result(
                result,
                study=study,
                source=source,
                database=opened,
                geometry=geometry,
                name=name,
                role=role,
                labels=labels,
                units=units,
                folder=folder,
                into_database=into_database,
                node=node,
                progress=progress,
                **options,
            )
    if isinstance(result, Volume):
        if role == "labels":
            result = ExportSource.of_volume(result, role=role)
        else:
            result = ExportSource.of_result(result)
    elif hasattr(result, "data_to_world"):
        from napari_dicomdb.viewer.export_source import source_of

        result = source_of(result, database)
    elif not isinstance(result, ExportSource) and hasattr(result, "dtype"):
        result = _of_array(result, geometry, name, role, units, labels or {})
    if study is None and source is not None:
        study = database.find_series(source).study_uid
    if isinstance(result, ExportSource):
        study = study or result.study_uid
        if not study:
            raise ExportError(
                "say which study the result belongs to: it does not tell itself",
                reason="no-study",
            )
        uid = getattr(study, "uid", study)
        if isinstance(uid, str) and not result.references:
            result = linked(result, database, source_series(database, uid, source))
    if not study:
        raise ExportError("say which study the result belongs to", reason="no-study")
    return database.write(
        result,
        study,
        folder=folder,
        into_database=into_database,
        node=node,
        progress=progress,
        **options,
    )


def _of_array(
    array: Any, geometry: Any, name: str, role: str, units: str, labels: Mapping[int, Any]
) -> ExportSource:
    shape = tuple(array.shape)
    is_rgb = role == "image" and len(shape) > 3 and shape[-1] in (3, 4)
    if isinstance(geometry, VolumeGeometry):
        is_rgb = is_rgb and shape[-4:-1] == geometry.shape
    grid = shape[-4:-1] if is_rgb else shape[-3:]
    if len(grid) < 3:
        raise ExportError(
            f"an array of shape {shape} has no slices, rows and columns: add axes of length 1",
            reason="bad-source",
        )
    if geometry is not None and not isinstance(geometry, VolumeGeometry):
        affine = _matrix(geometry)
        if affine is None:
            raise ExportError(
                "the geometry is a VolumeGeometry or a (4, 4) matrix of numbers",
                reason="bad-source",
            )
        geometry = VolumeGeometry(affine, grid)
    elif geometry is not None and geometry.shape != grid:
        raise ExportError(
            f"the array has {grid} slices, rows and columns, its geometry {geometry.shape}",
            reason="bad-source",
        )
    if isinstance(array, np.ma.MaskedArray):
        array = _unmasked(array, role)
    if role == "labels" and array.dtype.kind == "f":
        array = _whole(array)
    named = _named(labels)
    lead = tuple(f"axis_{k}" for k in range(len(shape) - 3 - is_rgb))
    try:
        return ExportSource(
            name or "Result", array, (*lead, "slice", "row", "column"), role, geometry,
            units=units, is_rgb=is_rgb, labels=named,
        )  # fmt: skip
    except ValueError as error:
        raise ExportError(str(error), reason="bad-source") from error


def _whole(array: Any) -> Any:
    """Return labels that came as floats (of numpy's arithmetic, of a network) as whole numbers."""
    values = np.asarray(array)
    whole = np.isfinite(values) & (values == np.rint(values)) & (np.abs(values) < 2**31)
    if not whole.all():
        raise ExportError(
            "the labels are no whole numbers: round them, or store them as an image",
            reason="bad-source",
        )
    return values.astype(np.int32)


def _unmasked(array: np.ma.MaskedArray[Any, Any], role: str) -> Any:
    """Return a masked array with background, or no number, where it is masked."""
    if not np.ma.is_masked(array):
        return array.data
    if role == "labels":
        return array.filled(0)
    values = array.data.astype(np.result_type(array.dtype, np.float32))
    values[np.ma.getmaskarray(array)] = np.nan
    return values


def _matrix(geometry: Any) -> NDArray[np.float64] | None:
    """Return an affine matrix, None when it is none."""
    try:
        affine = np.asarray(geometry, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        return None
    return affine if affine[3].tolist() == [0, 0, 0, 1] else None


def _named(labels: Any) -> dict[int, Label]:
    """Return what the values of labels stand for.

    Raises
    ------
    ExportError
        "bad-source": it is no mapping of whole numbers to names.
    """
    found = {}
    for value, told in labels.items() if isinstance(labels, Mapping) else [(None, labels)]:
        known = isinstance(told, str | Label) or told is None
        if not isinstance(value, int | np.integer) or not known:
            raise ExportError(
                'labels are named by a mapping of whole numbers to names: {1: "Liver"}',
                reason="bad-source",
            )
        found[int(value)] = told if isinstance(told, Label) else Label(int(value), told or "")
    return found
