"""Time courses, echoes, phases and components: written slice by slice, and of real scanners."""

from __future__ import annotations

import builtins
import json
import sys

import nibabel
import numpy as np
import pytest

from napari_dicomdb import Database
from napari_dicomdb.dicom.findings import FindingCode
from napari_dicomdb.loading import examine
from napari_dicomdb.loading.loadable import Loader
from napari_dicomdb.loading.loaders.multi_volume import MultiVolumeLoader

MR_CLASS = "1.2.840.10008.5.1.4.1.1.4"
MR = {"Modality": "MR", "SOPClassUID": MR_CLASS}
RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def write(series, heights, steps, *, number=lambda step, z: step, **common):
    """One slice of constant value (100 step + height) for every step and height."""
    for k, attributes in enumerate(steps):
        for z in heights:
            pixels = np.full((6, 5), 100 * number(k, z) + z, np.int16)
            series.slice((-10, -20, z), pixels, **MR, **common, **attributes)


def chosen(offers):
    return [offer for offer in offers if offer.selected]


def test_it_is_a_loader():
    assert isinstance(MultiVolumeLoader(), Loader)


def test_echoes(series, records):
    write(series, (0, 2, 4), [{"EchoTime": te} for te in (9.84, 4.92)])
    offers = examine(records(series.paths))
    (best,) = chosen(offers)
    assert (best.kind, best.shape) == ("multi-volume", (2, 3, 6, 5))
    assert best.dims == ("echo_time", "slice", "row", "column")
    assert best.name == "4: Thorax, 2 echo times"
    assert "every combination of echo_time (EchoTime, 2) occurs once at every position" in (
        best.reasons
    )
    assert [o.name for o in offers if o.kind == "scalar-volume"] == [
        "4: Thorax, TE 4.92 ms",
        "4: Thorax, TE 9.84 ms",
    ]
    volume = best.load(lazy=False)
    assert volume.dims == best.dims
    assert volume.coords["echo_time"].values == (4.92, 9.84)
    assert volume.coords["echo_time"].unit == "ms"
    # The longer echo was written first.
    assert volume.array[:, :, 0, 0].tolist() == [[100, 102, 104], [0, 2, 4]]
    expected = [[0, 0, 0.75, -10], [0, 0.5, 0, -20], [2, 0, 0, 0], [0, 0, 0, 1]]
    assert np.allclose(volume.geometry.affine, expected)
    assert volume.geometry.shape == (3, 6, 5)


def test_three_dimensions(series, records):
    steps = [
        {"TemporalPositionIdentifier": t, "EchoTime": te, "ComplexImageComponent": part}
        for t in (1, 2, 3)
        for te in (5, 10)
        for part in ("PHASE", "MAGNITUDE")
    ]
    write(series, (0, 2), steps, RepetitionTime=1500)
    (best,) = chosen(examine(records(series.paths)))
    assert best.dims == ("time", "echo_time", "component", "slice", "row", "column")
    volume = best.load(lazy=False)
    assert volume.shape == (3, 2, 2, 2, 6, 5)
    assert {name: c.values for name, c in volume.coords.items()} == {
        "time": (0.0, 1.5, 3.0),
        "echo_time": (5.0, 10.0),
        "component": ("magnitude", "phase"),
    }
    turn = np.arange(12).reshape(3, 2, 2)[..., ::-1]
    assert np.array_equal(volume.array[..., 0, 0, 0], 100 * turn)


def test_lazy_and_eager_are_equal(series, records):
    write(series, (0, 2, 4), [{"InversionTime": ti} for ti in (100, 400, 900, 1600)])
    (best,) = chosen(examine(records(series.paths)))
    lazy, eager = best.load(), best.load(lazy=False)
    assert lazy.shape == eager.shape and lazy.dtype == eager.dtype
    assert np.array_equal(lazy.array[2, 1], eager.array[2, 1])
    assert np.array_equal(lazy.numpy(), eager.array)


def test_examining_opens_no_file(series, records, monkeypatch):
    write(series, (0, 2), [{"EchoTime": te} for te in (5, 10)])
    known = records(series.paths)

    def refuse(*args, **kwargs):
        raise AssertionError("a file was opened")

    for module, name in ((builtins, "open"), (sys.modules["os"], "open")):
        monkeypatch.setattr(module, name, refuse)
    (best,) = chosen(MultiVolumeLoader().examine(known))
    assert best.shape == (2, 2, 6, 5)


def test_options_are_plain(series, records):
    write(series, (0, 2), [{"EchoTime": te} for te in (5, 10)])
    (best,) = chosen(examine(records(series.paths)))
    assert json.loads(json.dumps(dict(best.options))) == dict(best.options)
    assert best.to_json()["dims"] == ["echo_time", "slice", "row", "column"]


def test_only_the_order_tells_repeats_apart(series, records):
    write(series, (4, 0, 2), [{}] * 3)
    offers = examine(records(series.paths))
    (best,) = chosen(offers)
    assert best.dims[0] == "repeat"
    assert any("nothing but the order" in reason for reason in best.reasons)
    labelled = 0.85
    assert best.confidence < labelled
    volume = best.load(lazy=False)
    assert volume.array[:, :, 0, 0].tolist() == [[0, 2, 4], [100, 102, 104], [200, 202, 204]]
    assert volume.coords["repeat"].values == (1, 2, 3)
    assert len([o for o in offers if o.kind == "scalar-volume"]) == 3


def test_the_last_volume_is_incomplete(series, records):
    steps = [{"TemporalPositionIdentifier": t, "RepetitionTime": 2000} for t in range(1, 7)]
    write(series, (0, 2, 4), steps)
    offers = examine(records(series.paths[:-1]))
    (best,) = chosen(offers)
    (finding,) = [f for f in best.findings if f.code == FindingCode.MULTIFRAME_INCONSISTENT]
    assert finding.text == (
        "1 of 6 volumes lacks slices (time 6 of 6): 1 place is filled with padding"
    )
    assert best.shape == (6, 3, 6, 5) and len(best.instances) == 17
    volume = best.load(lazy=False)
    assert volume.array[:, :, 0, 0].tolist() == [
        *([100 * t, 100 * t + 2, 100 * t + 4] for t in range(5)),
        [500, 502, 0],
    ]
    assert np.array_equal(best.load().numpy(), volume.array)
    (dropped,) = [
        o for o in offers if o.name == "4: Thorax, 5 time points (1 incomplete left out)"
    ]
    assert not dropped.selected and dropped.shape == (5, 3, 6, 5)
    assert dropped.findings == ()
    assert dropped.load(lazy=False).array[4, :, 0, 0].tolist() == [400, 402, 404]
    assert dropped.load().coords["time"].values == (0.0, 2.0, 4.0, 6.0, 8.0)


def test_a_hole_is_where_the_image_is_missing(series, records):
    """Nothing but AcquisitionTime: the slice that lacks its second repeat is not shifted."""
    for t in range(4):
        for k, z in enumerate((0, 2, 4)):
            time = f"{100000 + 2 * t}.{k}"
            series.slice(
                (0, 0, z), np.full((6, 5), 100 * t + z, np.int16), **MR, AcquisitionTime=time
            )
    missing = 1 * 3 + 2
    kept = [path for k, path in enumerate(series.paths) if k != missing]
    (best,) = chosen(examine(records(kept)))
    volume = best.load(lazy=False)
    assert volume.array[:, 2, 0, 0].tolist() == [4, 0, 204, 304]
    assert volume.coords["time"].values == (0.0, 2.0, 4.0, 6.0)


def test_too_many_holes_are_no_grid(series, records):
    write(series, (0, 2, 4, 6, 8), [{"EchoTime": 5}])
    write(series, (2,), [{"EchoTime": 10}])
    assert [o.kind for o in chosen(examine(records(series.paths)))] == ["scalar-volume"] * 2


@pytest.mark.parametrize("start", ["100000", "235958"])
def test_times_are_seconds_since_the_first_also_past_midnight(series, records, start):
    for t in range(4):
        for k, z in enumerate((0, 2)):
            seconds = int(start[:2]) * 3600 + int(start[2:4]) * 60 + int(start[4:]) + t + k / 4
            seconds %= 86400
            minutes, left = divmod(seconds, 60)
            time = f"{int(minutes // 60):02d}{int(minutes % 60):02d}{left:09.6f}"
            pixels = np.full((6, 5), 10 * t, np.int16)
            series.slice((0, 0, z), pixels, **MR, AcquisitionTime=time)
    (best,) = chosen(examine(records(series.paths)))
    volume = best.load(lazy=False)
    assert volume.coords["time"].values == (0.0, 1.0, 2.0, 3.0)
    assert volume.coords["time"].unit == "s"
    assert volume.array[:, 0, 0, 0].tolist() == [0, 10, 20, 30]


def test_cine_of_one_slice(series, records):
    write(series, (0,), [{"TriggerTime": t} for t in (40.5, 0, 81)], SliceThickness=6)
    (best,) = chosen(examine(records(series.paths)))
    assert best.dims == ("trigger_time", "slice", "row", "column")
    volume = best.load(lazy=False)
    assert volume.coords["trigger_time"].values == (0.0, 40.5, 81.0)
    assert volume.coords["trigger_time"].unit == "ms"
    assert volume.array[:, 0, 0, 0].tolist() == [100, 0, 200]
    assert volume.geometry.in_patient


def test_quantities_are_not_mixed(series, records):
    """A field map in Hz beside the magnitude images: neither one window nor one axis."""
    kinds = [
        {"ImageType": ["ORIGINAL", "PRIMARY", "M"], "EchoTime": te, "RescaleType": "normalized"}
        for te in (5, 10)
    ]
    kinds.append(
        {"ImageType": ["ORIGINAL", "PRIMARY", "FIELD_MAP"], "EchoTime": 0, "RescaleType": "Hz"}
    )
    write(series, (0, 2), kinds, RescaleSlope=1, RescaleIntercept=0)
    picked = chosen(examine(records(series.paths)))
    assert [(o.kind, len(o.instances)) for o in picked] == [
        ("multi-volume", 4),
        ("scalar-volume", 2),
    ]
    assert picked[0].load(lazy=False).coords["echo_time"].values == (5.0, 10.0)


def test_respiratory_phases_in_several_series(another_series, records):
    paths, first = [], None
    for phase in (50, 0, 90):
        one = another_series()
        first = first or one
        one.frame, one.study = first.frame, first.study
        for z in (0, 3, 6):
            pixels = np.full((6, 5), phase + z, np.int16)
            paths.append(
                one.slice(
                    (-10, -20, z),
                    pixels,
                    SeriesDescription=f"Thorax 4D {phase}% 3.0 B30f",
                    SeriesNumber=phase + 1,
                )
            )
    known = [r for path in paths for r in records([path])]
    (best,) = chosen(examine(known))
    assert best.dims[0] == "respiratory_phase"
    volume = best.load(lazy=False)
    assert volume.coords["respiratory_phase"].values == (0.0, 50.0, 90.0)
    assert volume.coords["respiratory_phase"].unit == "%"
    assert volume.array[:, 1, 0, 0].tolist() == [3, 53, 93]
    assert [o.kind for o in examine(known[:3])] == ["scalar-volume"]


def test_other_series_are_not_joined(another_series, records):
    """The same place, but not one series a phase: a T1 and a T2."""
    paths, first = [], None
    for words in ("T1 AX", "T2 AX"):
        one = another_series()
        first = first or one
        one.frame = first.frame
        one.axial((0, 2, 4), **MR, SeriesDescription=words.replace("1", "one"))
        paths += one.paths
    known = [r for path in paths for r in records([path])]
    assert {o.kind for o in examine(known)} == {"scalar-volume"}


def test_enhanced_dimensions(series, records):
    """One object, frames in a muddle; the temporal indices begin at 2 and jump."""
    plan = [(t, z, te) for t in (2, 37) for z in (0, 2, 4) for te in (5.0, 9.0)]
    order = np.random.default_rng(5).permutation(len(plan))
    plan = [plan[k] for k in order]
    pixels = np.stack([np.full((6, 5), 100 * t + 10 * te + z, np.int16) for t, z, te in plan])
    path = series.enhanced(
        [(0, 0, z) for _, z, _ in plan],
        pixels,
        FrameContentSequence__TemporalPositionIndex=[t for t, _, _ in plan],
        MREchoSequence__EffectiveEchoTime=[te for _, _, te in plan],
        FrameContentSequence__FrameAcquisitionDateTime=[
            f"20200101100000.{t:02d}" for t, _, _ in plan
        ],
    )
    (best,) = chosen(examine(records([path])))
    assert best.dims == ("time", "echo_time", "slice", "row", "column")
    volume = best.load(lazy=False)
    assert np.allclose(volume.coords["time"].values, (0, 0.35))
    assert volume.coords["echo_time"].values == (5.0, 9.0)
    expected = [[[100 * t + 10 * te + z for z in (0, 2, 4)] for te in (5, 9)] for t in (2, 37)]
    assert volume.array[..., 0, 0].tolist() == expected


def test_all_volumes_share_the_remedy_of_their_geometry(series, records):
    """Every time point lacks the same slice: each is filled from its own neighbours."""
    heights = (0, 2, 4, 8, 10, 12, 14)
    write(series, heights, [{"EchoTime": te} for te in (5, 10)])
    offers = [o for o in examine(records(series.paths)) if o.kind == "multi-volume"]
    best = offers[0]
    assert best.selected and best.options["remedy"] == "fill"
    assert {o.options["remedy"] for o in offers} == {"fill", "as-stacked"}
    volume = best.load(lazy=False)
    assert volume.shape == (2, 8, 6, 5)
    assert volume.array[:, :, 0, 0].tolist() == [
        [base + z for z in range(0, 16, 2)] for base in (0, 100)
    ]
    assert np.array_equal(best.load().numpy(), volume.array)
    assert volume.meta["filled_slices"] == [3]


def test_a_file_that_is_gone_costs_its_own_slice(series, records):
    write(series, (0, 2, 4), [{"EchoTime": te} for te in (5, 10)])
    (best,) = chosen(examine(records(series.paths)))
    series.paths[4].unlink()
    for volume in (best.load(lazy=False), best.load()):
        assert volume.numpy()[:, :, 0, 0].tolist() == [[0, 2, 4], [100, 0, 104]]
        (finding,) = [f for f in volume.findings if f.code == FindingCode.FILE_MISSING]
        assert series.paths[4].name in finding.text


def test_every_image_has_its_own_rescale(series, records):
    """Dynamic PET: each slice of each frame has its slope, and its time in ms."""
    for t in range(2):
        for z in (0, 3):
            series.slice(
                (0, 0, z),
                np.full((6, 5), 10 + z, np.int16),
                Modality="PT",
                Units="BQML",
                FrameReferenceTime=30000 + 60000 * t,
                RescaleSlope=0.5 + t + z,
                RescaleIntercept=0,
            )
    (best,) = chosen(examine(records(series.paths)))
    volume = best.load(lazy=False)
    assert volume.coords["time"].values == (0.0, 60.0)
    assert volume.units == "BQML"
    expected = [[(10 + z) * (0.5 + t + z) for z in (0, 3)] for t in range(2)]
    assert volume.array[:, :, 0, 0].tolist() == expected
    assert volume.meta["rescale"] == [(0.5 + t + z, 0.0) for t in range(2) for z in (0, 3)]


def test_colour_time_course(series, records):
    for t in range(3):
        for z in (0, 2):
            pixels = np.full((6, 5, 3), (t, z, 200), np.uint8)
            series.slice((0, 0, z), pixels, TemporalPositionIdentifier=t + 1)
    (best,) = chosen(examine(records(series.paths)))
    assert best.shape == (3, 2, 6, 5, 3)
    volume = best.load()
    assert volume.is_rgb
    assert volume.numpy()[2, 1, 0, 0].tolist() == [2, 2, 200]


@pytest.mark.parametrize(
    ("folder", "series_id", "axis", "step"),
    [
        ("4d_fmri", "dcm_qa_nih__DCM2NIIX_regression_test_4", "time", 5.0),
        ("table_orient", "dcm_qa_table__GE_1486_2_Ax_fMRI", "time", 1.0),
        ("enhanced", "dcm_qa_enh__Siemens_REST1_w_SMS_PF7-8_6", "time", 0.5),
    ],
)
def test_scanners(reference_data, folder, series_id, axis, step):
    """Volumes in dcm2niix's order, and its repetition time from times in the headers."""
    answers = json.loads((reference_data / "references.json").read_text(encoding="utf-8"))
    entry = answers["series"][folder][series_id]
    with Database.in_memory() as db:
        db.import_paths([reference_data / entry["dicom"]])
        (best,) = chosen(db.examine(entry["series_uids"][0]))
        volume = best.load(lazy=False)
    assert volume.dims[0] == axis
    assert np.allclose(np.diff(volume.coords[axis].values), step, atol=1e-6)
    image = nibabel.load(reference_data / entry["nifti"][0]["path"])
    affine = RAS_FROM_LPS @ volume.geometry.affine[:, [2, 1, 0, 3]]
    ours = nibabel.as_closest_canonical(nibabel.Nifti1Image(volume.array.T, affine))
    theirs = nibabel.as_closest_canonical(image)
    assert np.allclose(ours.affine, theirs.affine, atol=1e-3)
    assert np.array_equal(np.asanyarray(ours.dataobj), np.asanyarray(theirs.dataobj))


def test_two_echoes_of_a_scanner(reference_data):
    folder = reference_data / "multiecho" / "dcm_qa_fmap__Si_2_gre_field_magph_e1" / "dicom"
    with Database.in_memory() as db:
        db.import_paths([folder])
        (best,) = chosen(db.examine(db.series()[0].uid))
    assert best.shape == (2, 36, 64, 64)
    assert best.load().coords["echo_time"].values == (5.19, 7.65)
