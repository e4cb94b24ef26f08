from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.export.sources import made_up, of_data

from napari_dicomdb import Database
from napari_dicomdb.errors import ExportError, NotFoundError
from napari_dicomdb.export.linking import linked, source_series
from napari_dicomdb.export.registry import examine_for_export
from napari_dicomdb.export.results import write_results


def test_the_only_image_series_of_the_study_is_the_source(reference_data: Path) -> None:
    with Database.in_memory() as database:
        database.import_paths(reference_data / "rt_dvh_slicerrt", workers=0)
        (ct,) = (s for s in database.series() if s.modality == "CT")
        assert source_series(database, ct.study_uid).uid == ct.uid
        assert source_series(database, ct.study_uid, ct.uid).uid == ct.uid
        source = linked(made_up(np.zeros((2, 3, 4))), database, ct)
        assert set(source.references) == {i.uid for i in database.instances(ct)}
        assert (source.modality, source.study_uid) == ("CT", ct.study_uid)
        assert source.geometry.frame_of_reference_uid == ct.frame_of_reference_uid
        assert linked(source, database, None) is source
        with pytest.raises(NotFoundError):
            source_series(database, "1.2.3")
        database.import_paths(reference_data / "multiecho", workers=0)
        other = next(s for s in database.series() if s.study_uid != ct.study_uid)
        with pytest.raises(ExportError) as error:
            source_series(database, ct.study_uid, other.uid)
        assert error.value.reason == "other-study"


def test_a_result_is_not_the_source_of_the_next(reference_data: Path) -> None:
    with Database.in_memory() as database:
        source, target = of_data(database, reference_data / "seg" / "ct-3slice")
        (image,) = database.series()
        (classic,) = (
            one for one in examine_for_export(source) if one.options.get("form") == "classic"
        )
        report = write_results(database, [classic], target, into_database=True)
        made = database.find_series(report.series_uids[0])
        assert made.modality == image.modality == "CT"
        assert source_series(database, image.study_uid) == image
        database.remove(series=image)
        assert source_series(database, image.study_uid) == made
