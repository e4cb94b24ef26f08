"""What of a file goes over the wire. Changed files are tested in test_sending."""

from __future__ import annotations

import pytest

from napari_dicomdb import Database
from napari_dicomdb.errors import DicomDbError, HeaderError
from napari_dicomdb.network.outgoing import open_outgoing, proposals_for

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"


def test_as_it_is_else_anew(phantom_database, data_set_of):
    record = phantom_database.instances()[0]
    own = (record.sop_class_uid, EXPLICIT)
    other = (record.sop_class_uid, IMPLICIT)
    assert proposals_for(record) == [own, other]
    with open_outgoing(record, {own, other}) as found:
        assert (found.proposal, found.is_transcoded) == (own, False)
        assert found.content.read(found.length) == data_set_of(record.path)
    with open_outgoing(record, {other}) as found:
        assert (found.proposal, found.is_transcoded) == (other, True)
    with pytest.raises(HeaderError, match="was to be kept"):
        open_outgoing(record, {other}, transcode=False)
    with pytest.raises(HeaderError, match="does not store CT Image Storage"):
        open_outgoing(record, set())


def test_deflated_data_set_is_padded(reference_data):
    with Database.in_memory() as database:
        database.import_paths([reference_data / "bad" / "image_dfl.dcm"], workers=0)
        (record,) = database.instances()
        with open_outgoing(record, set(proposals_for(record))) as found:
            assert found.length % 2 == 0
            assert found.proposal[1] == "1.2.840.10008.1.2.1.99"


def test_folder_in_the_place_of_the_file(phantom_database, tmp_path):
    from dataclasses import replace

    record = replace(phantom_database.instances()[0], path=tmp_path)
    with pytest.raises(DicomDbError) as caught:
        open_outgoing(record, set(proposals_for(record)))
    assert caught.value.reason == "unreadable"
