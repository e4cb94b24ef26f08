"""Which painter draws what: mosaics as one slice, other objects not at all."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_dicomdb import Database
from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading.mosaics import tilings_of
from napari_dicomdb.loading.pictures import paint


def test_of_a_mosaic_one_slice(reference_data: Path) -> None:
    import pydicom

    with Database.in_memory() as database:
        database.import_paths([reference_data / "mosaic"], workers=0)
        for series in database.series():
            middle = database.instances(series)[len(database.instances(series)) // 2]
            picture = np.asarray(Image.open(io.BytesIO(paint(series, database).png)))
            (cut,) = tilings_of([middle])
            sheet = pydicom.dcmread(middle.path).pixel_array
            tile = cut.crop(sheet, cut.count // 2).astype(float)
            small = np.asarray(
                Image.fromarray(tile.astype(np.float32)).resize(picture.shape[::-1])
            )
            assert np.corrcoef(small.ravel(), picture.ravel())[0, 1] > 0.95


def test_objects_without_pixels_have_none(reference_data: Path) -> None:
    with Database.in_memory() as database:
        database.import_paths([reference_data / "sr"], workers=0)
        reports = database.series(modality="SR")
        assert reports
        with pytest.raises(LoadError) as refused:
            paint(reports[0], database)
        assert refused.value.reason == "no-image"
