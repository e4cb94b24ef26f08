"""Which painter draws which series."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dicomdb.database import thumbnail_pictures
from napari_dicomdb.database.thumbnail_pictures import Picture
from napari_dicomdb.loading.dose_grid import RT_DOSE
from napari_dicomdb.loading.mosaics import Tiling, is_sheet, tilings_of
from napari_dicomdb.loading.pictures import contours, doses, segments

if TYPE_CHECKING:
    from napari_dicomdb.database.records import InstanceRecord, SeriesRecord
    from napari_dicomdb.database.thumbnail_pictures import Source

__all__ = ["paint"]

_PAINTERS = {
    **dict.fromkeys(segments.SEGMENTATIONS, segments.paint),
    contours.STRUCTURE_SET: contours.paint,
    RT_DOSE: doses.paint,
}


def paint(series: SeriesRecord, source: Source) -> Picture:
    """Return the picture of a series.

    Segmentations, structure sets and doses are drawn on the image they refer to,
    if the database has it; of a mosaic one slice is shown, not the sheet.

    Parameters
    ----------
    series : SeriesRecord
        The series.
    source : Source
        The database: asked for instances, and for series that are referred to.

    Raises
    ------
    DicomDbError
        With the reason why there is none.
    OSError
        If a file cannot be read.
    """
    painter = _PAINTERS.get(series.sop_class_uid)
    if painter is not None:
        return painter(series, source)
    middle = thumbnail_pictures.middle_instance(source.instances(series))
    if middle is not None and is_sheet(middle):
        return Picture(_slice_of_sheet(source.refresh_instance(middle)))
    return thumbnail_pictures.paint(series, source)


def _slice_of_sheet(record: InstanceRecord) -> bytes:
    (cut,) = tilings_of([record])
    if not isinstance(cut, Tiling):
        return thumbnail_pictures.render(record)
    sheet = thumbnail_pictures.stored_frame(record, 0)
    return thumbnail_pictures.picture(cut.crop(sheet, cut.count // 2), record)
