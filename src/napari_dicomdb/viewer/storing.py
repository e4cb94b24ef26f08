"""One call for other plugins: store a layer, a volume or an array as DICOM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.linking import linked, source_series
from napari_dicomdb.export.source import ExportSource
from napari_dicomdb.loading.volume import Volume
from napari_dicomdb.viewer.export_source import source_of

if TYPE_CHECKING:
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
    folder: Any = None,
    into_database: bool = True,
    node: Any = None,
    progress: Progress | None = None,
    **options: Any,
) -> ResultReport:
    """Store a result as DICOM: it appears in the browser, linked to what it was made from.

    Parameters
    ----------
    result : napari layer, Volume, ExportSource or Exportable
        Image or labels. A layer that copied ``metadata["dicomdb"]`` of the layer it was
        made from knows its study, its place and its sources by that.
    study : StudyRecord, StudyTarget, StudyForm or str, optional
        By default the study it came from.
    source : str, optional
        SeriesInstanceUID of the images that it was made from, where it does not say.
    database : Database, optional
        The default database of the settings otherwise.
    folder, into_database, node, progress, **options
        As for `Database.write`; ``description="..."`` names the series.

    Raises
    ------
    ExportError
        "no-study": neither it nor you say which study it belongs to; else as
        `Database.write`.

    Examples
    --------
    >>> from napari_dicomdb import store_result
    >>> store_result(layer, description="Denoised")  # doctest: +SKIP
    """
    if database is None:
        from napari_dicomdb.api import Database as Opened

        with Opened.open(create=False) as opened:
            return store_result(
                result,
                study=study,
                source=source,
                database=opened,
                folder=folder,
                into_database=into_database,
                node=node,
                progress=progress,
                **options,
            )
    if isinstance(result, Volume):
        result = ExportSource.of_volume(result)
    elif hasattr(result, "data_to_world"):
        result = source_of(result, database)
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
