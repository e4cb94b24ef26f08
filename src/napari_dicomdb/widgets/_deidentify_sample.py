"""A few files that stand for all: what the preview looks at, and whose device is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.deidentification.regions import BlackoutPreset, save_preset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.api import Database
    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.export.deidentification.regions import Rectangle

__all__ = ["PER_SERIES", "keep_preset", "sample_of"]

PER_SERIES = 2  # files that the preview looks at
_SEEN_MOST = 200


def keep_preset(
    name: str, rectangles: Sequence[Rectangle], sample: Sequence[InstanceRecord]
) -> BlackoutPreset:
    """Keep rectangles for the device of the first image that one of them concerns.

    Raises
    ------
    ExportError
        If none of the images is concerned.
    """
    from napari_dicomdb.export.deidentification.rewriting import read_source

    for instance in sample:
        if not instance.pixel_keyword:
            continue
        dataset = read_source(instance.path).dataset
        modality, series = (
            str(dataset.get("Modality", "")),
            str(dataset.get("SeriesInstanceUID", "")),
        )
        concerned = [r for r in rectangles if r.concerns(modality, series, instance.uid)]
        if concerned:
            preset = BlackoutPreset.of_image(name, dataset, concerned)
            save_preset(preset)
            return preset
    raise ExportError("no image is concerned by these rectangles", reason="bad-preset")


def sample_of(database: Database, records: Sequence[Any]) -> tuple[list[Any], int]:
    """Return the first instances of each series, and how many there are in all."""
    from napari_dicomdb.export.files import instances_of

    found = instances_of(database, records)
    numbers: dict[int, int] = {}
    chosen: list[InstanceRecord] = []
    for instance in found:
        numbers[instance.series_key] = numbers.get(instance.series_key, 0) + 1
        if numbers[instance.series_key] <= PER_SERIES and len(chosen) < _SEEN_MOST:
            chosen.append(instance)
    return chosen, len(found)
