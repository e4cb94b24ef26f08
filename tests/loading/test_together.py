"""Series that belong together, and series that do not."""

from __future__ import annotations

import numpy as np
import pytest

from napari_dicomdb import Database
from napari_dicomdb.api import examine as examine_paths
from napari_dicomdb.loading import examine
from napari_dicomdb.loading.together import related, with_joined


@pytest.fixture
def phases(another_series):
    """Files of a 4D CT, one series a phase, and a series beside it."""

    def write(names):
        made, first = [], None
        for k, name in enumerate(names):
            one = another_series()
            first = first or one
            one.study, one.frame = first.study, first.frame
            for z in (0, 3, 6):
                pixels = np.full((6, 5), 10 * k + z, np.int16)
                one.slice((0, 0, z), pixels, SeriesDescription=name, SeriesNumber=k + 1)
            made.append(one.paths)
        return made

    return write


def test_what_belongs_together_comes_first_and_is_chosen(phases, records):
    groups = [records(paths) for paths in phases(["4D 50%", "planning", "4D 0%"])]
    offers = with_joined(offer for group in groups for offer in examine(group))
    assert [(o.kind, o.selected, o.shape[0]) for o in offers] == [
        ("multi-volume", True, 2),
        ("scalar-volume", False, 3),
        ("scalar-volume", True, 3),
        ("scalar-volume", False, 3),
    ]
    seen = [i.uid for o in offers if o.selected for i in o.instances]
    assert sorted(seen) == sorted(r.uid for group in groups for r in group)
    assert offers[0].load(lazy=False).array[:, 0, 0, 0].tolist() == [20, 0]


def test_phases_of_different_extent_stay_apart(phases, records):
    groups = [records(paths) for paths in phases(["4D 0%", "4D 50%"])]
    offers = with_joined([*examine(groups[0]), *examine(groups[1][:1])])
    assert all(o.kind == "scalar-volume" for o in offers)
    assert sum(o.selected for o in offers) == 2


def test_related(phases, records):
    groups = [records(paths) for paths in phases(["4D 50%", "planning", "4D 0%", "4D 10% B30"])]
    assert related(groups) == [[groups[0], groups[2]]]
    assert related([groups[0], []]) == []


def test_everybody_who_opens_several_series_finds_them(phases, another_series):
    paths = [p for group in phases(["4D 0%", "4D 50%"]) for p in group]
    with Database.in_memory() as db:
        db.import_paths(paths)
        uids = [one.uid for one in db.series()]
        offers = db.examine_several(uids)
        assert [o.kind for o in db.examine(uids[0])] == ["scalar-volume"]
    assert [o.name for o in offers] == [o.name for o in examine_paths(*paths)]
    assert [o.kind for o in offers if o.selected] == ["multi-volume"]
