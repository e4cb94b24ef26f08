from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.export.sources import made_up

from napari_dicomdb import Database
from napari_dicomdb.errors import ExportError, NotFoundError
from napari_dicomdb.export.linking import linked, source_series


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
