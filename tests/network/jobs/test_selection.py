"""Records as UIDs and back."""

from __future__ import annotations

from napari_dicomdb import Database
from napari_dicomdb.network.jobs.selection import instances_named, named_by, records_named


def test_there_and_back(phantom_database: Database) -> None:
    database = phantom_database
    patients, series = database.patients(), database.series()
    everything = {instance.uid for instance in database.instances()}
    what = named_by(database, patients)
    assert set(what) == {"studies"}
    found, missing = instances_named(database, what)
    assert {record.uid for record in found} == everything
    assert len(found) == len(everything)
    assert missing == []

    one = database.instances(series[0])[0]
    what = named_by(database, [*database.studies(), series[0], one, one])
    assert what["series"] == [series[0].uid]
    assert what["instances"] == [one.uid]
    found, _ = instances_named(database, what)
    assert len(found) == len(everything)  # what is named twice is there once


def test_what_is_gone_is_told(phantom_database: Database) -> None:
    what = {"studies": ["1.2"], "series": ["1.3"], "instances": ["1.4"]}
    assert records_named(phantom_database, what) == ([], ["1.2", "1.3", "1.4"])
