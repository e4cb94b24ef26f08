"""What a result of another program was made from: the series of the study it belongs to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_dicomdb.errors import ExportError, NotFoundError

if TYPE_CHECKING:
    from napari_dicomdb.database.database import Database
    from napari_dicomdb.database.records import SeriesRecord
    from napari_dicomdb.export.source import ExportSource

__all__ = ["linked", "source_series"]

_SPATIAL = frozenset({"CT", "MR", "PT", "NM"})


def source_series(
    database: Database, study_uid: str, series_uid: str | None = None
) -> SeriesRecord | None:
    """Return the series that a result of a study refers to.

    The one named, which must be of the study; else the only CT, MR, PET or NM series
    of the study that was not made from another one, None where there are several.

    Raises
    ------
    NotFoundError
        "study-gone", or there is no such series.
    ExportError
        "other-study": the series named belongs to another study.
    """
    if series_uid:
        named = database.find_series(series_uid)
        if named.study_uid != study_uid:
            raise ExportError(
                f"the series {series_uid} is not of the study {study_uid}", reason="other-study"
            )
        return named
    try:
        of_study = database.series(study=study_uid)
    except NotFoundError:
        of_study = []
    if not of_study:
        raise NotFoundError(f"the database has no study {study_uid}", reason="study-gone")
    each = database.related_each(of_study)
    # What was made from others is a result itself, and not what the next one is made from.
    spatial = [one for one in of_study if one.modality in _SPATIAL and not each[one.uid].sources]
    return spatial[0] if len(spatial) == 1 else None


def linked(source: ExportSource, database: Database, series: SeriesRecord | None) -> ExportSource:
    """Return `source` with its references, modality and frame of reference from a series.

    What it says itself stays.
    """
    if series is None:
        return source
    geometry = source.geometry
    if geometry is not None and geometry.in_patient and not geometry.frame_of_reference_uid:
        geometry = replace(geometry, frame_of_reference_uid=series.frame_of_reference_uid)
    meta = dict(source.meta)
    meta["modality"] = source.modality or series.modality
    meta.setdefault("series_uid", series.uid)
    meta.setdefault("study_uid", series.study_uid)
    references = source.references or tuple(i.uid for i in database.instances(series))
    return replace(source, geometry=geometry, meta=meta, references=references)
