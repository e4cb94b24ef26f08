from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from tests.export.sources import DIMS, anybody, errors_of, made_up

from napari_dicomdb import Database
from napari_dicomdb.export.images.leading_axes import leading_axes
from napari_dicomdb.export.registry import examine_for_export
from napari_dicomdb.export.results import write_results
from napari_dicomdb.loading.volume import Coord


def axes(*names: str, **coords: Coord):
    array = np.zeros((*(2,) * len(names), 1, 1, 1))
    return leading_axes(made_up(array, dims=(*names, *DIMS), coords=coords))


def test_known_axes_are_told_in_their_units() -> None:
    (axis,) = axes("echo_time", echo_time=Coord((4.92, 7.38), "ms"))
    header = Dataset()
    axis.put(header, 1)
    assert (axis.is_kept, header.EchoTime) == (True, 7.38)
    (axis,) = axes("b_value", b_value=Coord((0, 1000.0), "s/mm2"))
    axis.put(header, 1)
    assert header.DiffusionBValue == 1000.0
    (axis,) = axes("time", time=Coord((0.0, 1.5), "s"))
    axis.put(header, 1)
    assert (header.TemporalPositionIdentifier, header.NumberOfTemporalPositions) == (2, 2)
    assert (header.FrameReferenceTime, axis.is_kept) == (1500, True)


def test_the_first_of_the_others_has_labels_and_none_share_an_attribute() -> None:
    found = axes("apple", "echo_time", "pear", echo_time=Coord((1, 1), "ms"))
    assert len({axis.keyword for axis in found}) == 3
    # There is one place for labels; of the others the order is kept alone.
    assert [axis.is_kept for axis in found] == [True, False, False]
    assert [axis.labels for axis in found[1:]] == [(), ()]
    header = Dataset()
    found[0].put(header, 1)
    assert header.ImageComments == "apple 2/2"
    assert axes() == ()


def test_labels_say_values_and_unit() -> None:
    (axis,) = axes("dose", dose=Coord((2.5, 7), "Gy"))
    assert axis.labels == ("dose 1/2 = 2.5 [Gy]", "dose 2/2 = 7.0 [Gy]")
    assert axis.is_kept
    (axis,) = axes("dose", dose=Coord(("1", "2"), ""))  # would come back as numbers
    assert (axis.labels, axis.is_kept) == ((), False)


@pytest.mark.parametrize("name", ["cardiac_phase", "respiratory_phase"])
def test_percentages_are_numbers_not_strings(name: str) -> None:
    # FL: given as text, pydicom warned, and refused it where warnings are errors.
    (axis,) = axes(name, **{name: Coord((0.0, 12.5), "%")})
    header = Dataset()
    axis.put(header, 1)
    assert header[axis.keyword].value == 12.5


def test_what_is_no_number_is_no_time() -> None:
    # Not a number stopped writing with the words of a library.
    source = made_up(
        np.zeros((2, 1, 2, 2)), dims=("time", *DIMS),
        coords={"time": Coord((0.0, float("nan")), "s")},
    )  # fmt: skip
    (axis,) = leading_axes(source)
    assert (axis.keyword, axis.values) == ("TemporalPositionIdentifier", (1, 2))
    assert axis.times_ms == ()


FORMS = ("classic", "secondary-capture", "multi-frame", "parametric-map")
KNOWN = {
    "dose": Coord((7.5, 2.5, 2.5), "Gy"),
    "time": Coord((0.0, 1.5), "s"),
    "channel": Coord(("red", "far red"), ""),
    "cardiac_phase": Coord((0.0, 12.5, 50.0), "%"),
    "echo_time": Coord((4.92, 7.38), "ms"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "names",
    [("dose",), ("time", "dose"), ("time", "channel"), ("echo_time", "dose"), ("cardiac_phase",)],
)
def test_axes_come_back_by_name_value_and_unit(
    tmp_path: Path, program, names: tuple[str, ...], form: str
) -> None:
    coords = {name: KNOWN[name] for name in names}
    lengths = [len(coord.values) for coord in coords.values()]
    array = np.arange(np.prod(lengths) * 3 * 5 * 6, dtype=np.int16).reshape(*lengths, 3, 5, 6)
    source = made_up(array, dims=(*names, *DIMS), coords=coords, meta={"modality": "MR"})
    every = {str(o.options.get("form", o.kind)): o for o in examine_for_export(source)}
    one = every[form].with_options(**{n.key: n.choices[0][0] for n in every[form].unanswered})
    assert not any("axis" in text for text in one.losses)
    report = write_results(None, [one], anybody(), folder=tmp_path)
    assert errors_of(program, report.files[0]) == []
    with Database.in_memory() as database:
        database.import_paths([tmp_path], workers=0)
        (series,) = database.series()
        (offer,) = (o for o in database.examine(series) if o.selected)
        volume = offer.load(lazy=False)
    assert volume.dims == source.dims
    assert dict(volume.coords) == coords
    np.testing.assert_array_equal(volume.array, array)


NAN = float("nan")


def written_and_opened(source, form: str, folder: Path, program):
    every = {str(o.options.get("form", o.kind)): o for o in examine_for_export(source)}
    one = every[form].with_options(**{n.key: n.choices[0][0] for n in every[form].unanswered})
    report = write_results(None, [one], anybody(), folder=folder)
    assert errors_of(program, report.files[0]) == []
    with Database.in_memory() as database:
        database.import_paths([folder], workers=0)
        (series,) = database.series()
        (offer,) = (o for o in database.examine(series) if o.selected)
        return one, dcmread(report.files[0]), offer.load(lazy=False)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "times",
    [(3.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 1.0, 1.0), (-2.0, -1.0, 0.5), (0.0, 2.0, 1.0)],
    ids=["falling", "equal", "all equal", "negative", "mixed"],
)
def test_times_that_do_not_rise_from_zero_come_back_as_they_are(
    tmp_path: Path, program, times: tuple[float, ...], form: str
) -> None:
    # They came back as 1, 2, 3, or shifted, and nothing was said; of a loop whose times fall,
    # FrameTimeVector had negative steps.
    array = np.arange(3 * 5 * 6, dtype=np.int16).reshape(3, 1, 5, 6)
    coord = Coord(times, "s")
    source = made_up(array, dims=("time", *DIMS), coords={"time": coord}, meta={"modality": "MR"})
    one, header, volume = written_and_opened(source, form, tmp_path, program)
    assert (volume.dims, volume.coords["time"]) == (source.dims, coord)
    np.testing.assert_array_equal(volume.array, array)
    assert all(float(step) >= 0 for step in header.get("FrameTimeVector") or ())
    assert not any("time" in text for text in one.losses)


@pytest.mark.parametrize("form", FORMS)
def test_times_that_are_no_numbers_are_told_before(tmp_path: Path, program, form: str) -> None:
    array = np.arange(3 * 2 * 5 * 6, dtype=np.int16).reshape(3, 2, 5, 6)
    source = made_up(
        array, dims=("time", *DIMS), coords={"time": Coord((0.0, NAN, 1.0), "s")},
        meta={"modality": "MR"},
    )  # fmt: skip
    one, _, volume = written_and_opened(source, form, tmp_path, program)
    assert one.losses == ("not all times of the axis 'time' are known: only its order is kept",)
    assert volume.coords["time"] == Coord((1, 2, 3), "")
    np.testing.assert_array_equal(volume.array, array)


def test_what_has_no_room_for_labels_is_told() -> None:
    # The one label of a frame says the doses.
    array = np.zeros((2, 2, 3, 5, 6), dtype=np.int16)
    dose = Coord((7.5, 2.5), "Gy")
    for times, words in (((1.0, 0.0), "do not rise"), ((1.0, 2.0), "count from its first step")):
        source = made_up(
            array, dims=("time", "dose", *DIMS), meta={"modality": "MR"},
            coords={"time": Coord(times, "s"), "dose": dose},
        )  # fmt: skip
        for offer in examine_for_export(source):
            assert [words in text for text in offer.losses if "axis" in text] == [True]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("name", "values", "unit"),
    [
        ("diffusion", (0.0, 0.0, 1000.0), "s/mm2"),
        ("b_value", (-5.0, 0.0, 1000.0), "s/mm2"),
        ("echo_time", (-5.0, 0.0, 5.0), "ms"),
    ],
)
def test_repeats_and_numbers_that_cannot_be_come_back(
    tmp_path: Path, program, name: str, values: tuple[float, ...], unit: str, form: str
) -> None:
    # b-values without gradients came back as acquisitions 1, 2, 3 where some are the same.
    array = np.arange(3 * 2 * 5 * 6, dtype=np.int16).reshape(3, 2, 5, 6)
    coord = Coord(values, unit)
    source = made_up(array, dims=(name, *DIMS), coords={name: coord}, meta={"modality": "MR"})
    one, header, volume = written_and_opened(source, form, tmp_path, program)
    assert (volume.dims, volume.coords[name]) == (source.dims, coord)
    np.testing.assert_array_equal(volume.array, array)
    assert not any("axis" in text for text in one.losses)
    if min(values) < 0:  # not as what it cannot be
        assert {"DiffusionBValue", "EchoTime"}.isdisjoint(
            e.keyword for e in header.iterall() if e.value is not None
        )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["diffusion", "b_value"])
def test_it_is_told_that_falling_values_will_be_sorted(
    tmp_path: Path, program, name: str, form: str
) -> None:
    array = np.arange(3 * 2 * 5 * 6, dtype=np.int16).reshape(3, 2, 5, 6)
    source = made_up(
        array, dims=(name, *DIMS), coords={name: Coord((1000.0, 500.0, 0.0), "s/mm2")},
        meta={"modality": "MR"},
    )  # fmt: skip
    one, _, volume = written_and_opened(source, form, tmp_path, program)
    assert f"steps of the axis {name!r} will be in ascending order" in one.losses
    assert volume.coords["b_value"] == Coord((0.0, 500.0, 1000.0), "s/mm2")
    np.testing.assert_array_equal(volume.array, array[::-1])
