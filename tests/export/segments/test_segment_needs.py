"""What is asked before a segmentation is written."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tests.export.sources import made_up

from napari_dicomdb.export.segments.segment_needs import CHECKED, needs_of, tiling_of
from napari_dicomdb.export.study import value_problem
from napari_dicomdb.loading.volume import VolumeGeometry


def test_defaults_can_be_written():
    source = made_up(np.ones((1, 2, 3), np.uint8), role="labels", name="x" * 80)
    source = replace(source, meta={"content_label": "no good, lower case"})
    needs = {need.key: need.default for need in needs_of(source, ())}
    assert needs["label"] == "SEGMENTATION"
    for key, keyword in CHECKED.items():
        assert value_problem(keyword, needs[key]) == ""


def test_only_what_may_be_on_a_slide_is_asked_for_tiles():
    array = np.ones((1, 2, 3), np.uint8)
    assert tiling_of(made_up(array, role="labels")) == ()
    nowhere = VolumeGeometry(np.eye(4), (1, 2, 3), in_patient=False)
    asked = tiling_of(made_up(array, role="labels", geometry=nowhere))
    assert [(need.key, need.default) for need in asked] == [
        ("tiling", "sparse"),
        ("levels", "one"),
    ]


def test_names_that_do_not_fit_become_descriptions():
    source = replace(
        made_up(np.ones((1, 2, 2), np.uint8), role="labels"), name="a\nb\\c" + "x" * 80
    )
    (told,) = (need.default for need in needs_of(source, ()) if need.key == "description")
    assert value_problem("SeriesDescription", told) == ""
    assert told.startswith("a b/cx")
