from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_dicomdb.loading import examine
from napari_dicomdb.loading.choosing import choose, frames_of
from napari_dicomdb.loading.loadable import Loadable


class NamedLoader:
    version = "1"

    def __init__(self, name):
        self.name = name


def offer(name, instances, confidence, *, selected=True, loader="a", **options):
    return Loadable(
        name=name,
        kind="scalar-volume",
        confidence=confidence,
        reasons=("because",),
        findings=(),
        instances=tuple(instances),
        loader=NamedLoader(loader),
        options=options,
        selected=selected,
    )


def chosen(loadables):
    return [one.name for one in loadables if one.selected]


def test_the_surer_one_wins_and_says_so(series, records):
    series.axial([0, 1])
    known = records(series.paths)
    result = choose([offer("low", known, 0.4), offer("high", known, 0.6)])
    assert chosen(result) == ["high"]
    assert result[0].name == "high"
    assert result[0].reasons[-1] == "preferred to “low” (a): confidence 0.60 against 0.40"
    assert result[1].reasons == ("because",)


def test_a_tie_goes_to_what_shows_more(series, records):
    series.axial([0, 1])
    known = records(series.paths)
    result = choose([offer("part", known[:1], 0.5), offer("all", known, 0.5)])
    assert chosen(result) == ["all"]
    assert "shows more images" in result[0].reasons[-1]


def test_a_full_tie_goes_to_the_first(series, records):
    series.axial([0])
    known = records(series.paths)
    result = choose([offer("x", known, 0.5), offer("y", known, 0.5, loader="b")])
    assert chosen(result) == ["x"]
    assert "answered first" in result[0].reasons[-1]


def test_what_no_proposal_covers_is_filled(series, records):
    series.axial([0, 1])
    known = records(series.paths)
    result = choose([offer("half", known[:1], 0.9), offer("rest", known[1:], 0.1, selected=False)])
    assert chosen(result) == ["half", "rest"]


def test_zero_confidence_is_never_chosen(series, records):
    series.axial([0])
    assert chosen(choose([offer("none", records(series.paths), 0.0)])) == []


def test_frames_of_one_object_are_counted_apart(series, records):
    series.enhanced([(0, 0, z) for z in range(4)], np.zeros((4, 4, 4), np.uint16))
    known = records(series.paths)
    low = offer("low", known, 0.5, frames=[[0, 0], [0, 1]])
    high = offer("high", known, 0.5, frames=[[0, 2], [0, 3]])
    assert frames_of(low) == {(known[0].uid, 0), (known[0].uid, 1)}
    assert chosen(choose([low, high])) == ["low", "high"]


def test_the_default_covers_each_frame_once(series, records, reference_data):
    series.axial([0, 1, 2, 7, 8, 2])
    series.axial([0, 1], ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    series.write(series.header(ImagePositionPatient=None), np.zeros((8, 8), np.uint8))
    series.write(series.header(SOPClassUID="1.2.840.10008.5.1.4.1.1.481.3"), None)
    folders = [reference_data / "bad_geometry", reference_data / "mr_vendors"]
    for known in (
        records(series.paths),
        *(
            records(p for p in d.rglob("*.dcm"))
            for f in folders
            for d in f.iterdir()
            if d.is_dir()
        ),
    ):
        loadables = examine(known)
        shown = [f for one in loadables if one.selected for f in frames_of(one)]
        assert len(shown) == len(set(shown))
        images = {
            (i.uid, n) for i in known if i.pixel_keyword for n in range(max(i.frame_count, 1))
        }
        assert set(shown) >= images  # objects without an image may be listed, too
        assert {uid for uid, _ in shown} <= {i.uid for i in known}


def test_the_given_selection_is_not_changed(series, records):
    series.axial([0])
    one = offer("x", records(series.paths), 0.5)
    assert choose([replace(one, selected=False)])[0].selected
    assert one.selected
