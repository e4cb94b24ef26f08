"""What is dragged, and what cannot be read is not ours."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QMimeData

from napari_dicomdb.errors import NotFoundError
from napari_dicomdb.widgets._drag import SERIES_MIME, Dragged, _drawn, dragged, mime_of


def test_series_there_and_back(qapp, database):
    series = database.series()[:2]
    found = dragged(mime_of(database.path, series))
    assert found == Dragged(str(database.path), tuple(s.uid for s in series))
    assert [s.uid for s in found.find(database)] == [s.uid for s in series]


def test_studies_and_patients_stand_for_their_series(qapp, database):
    for rows in (database.studies(), database.patients()):
        found = dragged(mime_of(database.path, rows)).find(database)
        assert {s.uid for s in found} == {s.uid for s in database.series()}


def test_what_is_gone_is_said(qapp, database):
    with pytest.raises(NotFoundError):
        Dragged(str(database.path), ("1.2.3",)).find(database)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"database": "", "series": 1}', b"\xff"])
def test_nonsense_is_not_ours(qapp, text):
    mime = QMimeData()
    mime.setData(SERIES_MIME, text)
    assert dragged(mime) is None
    assert dragged(QMimeData()) is None


def test_the_picture_has_a_number(qapp):
    assert _drawn(None, 12).toImage() != _drawn(None, 1).toImage()
