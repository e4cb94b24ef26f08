from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset

from napari_dicomdb.dicom.findings import FindingCode
from napari_dicomdb.loading import examine

OBLIQUE = [0.8, 0.6, 0, -0.6, 0.8, 0]
RECON = ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"]


def detector(position=(-50, -60, 70), orientation=(1, 0, 0, 0, 1, 0)):
    ds = Dataset()
    ds.ImagePositionPatient, ds.ImageOrientationPatient = list(position), list(orientation)
    return ds


def by_the_standard(k, row, column, spacing, position, orientation, step):
    """Place of a pixel (PS3.3 C.7.6.2.1.1) in slice k (C.8.4.15), written out."""
    x, y = np.array(orientation[:3]), np.array(orientation[3:])
    start = np.array(position) + k * step * np.cross(x, y)
    return start + x * spacing[1] * column + y * spacing[0] * row


@pytest.mark.parametrize("step", [4.0, -4.0])
@pytest.mark.parametrize("orientation", [(1, 0, 0, 0, 1, 0), OBLIQUE])
def test_a_reconstruction_is_placed_by_its_detector(acquisition, step, orientation):
    position = (-50, -60, 70)
    record = acquisition(
        {"SliceVector": [1, 2, 3, 4]},
        ImageType=RECON,
        SpacingBetweenSlices=step,
        DetectorInformationSequence=[detector(position, orientation)],
    )
    best = examine([record])[0]
    assert (best.loader.name, best.kind) == ("nuclear", "scalar-volume")
    assert best.shape == (4, 6, 5)
    assert best.spacing == pytest.approx((4, 0.5, 0.75))
    volume = best.load()
    assert volume.dims == ("slice", "row", "column")
    assert volume.geometry.in_patient
    assert volume.geometry.frame_of_reference_uid == record.values["FrameOfReferenceUID"]
    # Frame n of the file holds the value n everywhere: where is it in the patient?
    for k in range(4):
        frame = int(volume.array[k, 2, 3])
        expected = by_the_standard(frame, 2, 3, (0.5, 0.75), position, orientation, step)
        place = volume.geometry.affine @ (k, 2, 3, 1)
        assert place[:3] == pytest.approx(expected)
    normal = volume.geometry.affine[:3, 0] / 4
    assert normal == pytest.approx(np.cross(orientation[:3], orientation[3:]))


def test_a_gated_reconstruction_keeps_its_slots(acquisition, item):
    record = acquisition(
        {"TimeSlotVector": [1, 2, 1, 2, 1, 2], "SliceVector": [1, 1, 2, 2, 3, 3]},
        ImageType=["ORIGINAL", "PRIMARY", "RECON GATED TOMO", "EMISSION"],
        SpacingBetweenSlices=-3,
        DetectorInformationSequence=[detector()],
        GatedInformationSequence=[item(DataInformationSequence=[item(FrameTime=50)])],
    )
    best = examine([record])[0]
    assert best.kind == "multi-volume"
    volume = best.load(lazy=False)
    assert volume.dims == ("time_slot", "slice", "row", "column")
    assert volume.shape == best.shape == (2, 3, 6, 5)
    # Frames 0, 2, 4 are slot 1 from the first slice to the last, which lies lowest.
    assert volume.array[:, :, 0, 0].tolist() == [[4, 2, 0], [5, 3, 1]]
    assert volume.geometry.affine[:3, 3] == pytest.approx((-50, -60, 64))
    assert volume.coords["time_slot"].values == pytest.approx((0, 0.05))
    assert np.array_equal(best.load().numpy(), volume.array)


def test_planar_frames_have_labelled_axes_and_counts(acquisition):
    record = acquisition(
        {"EnergyWindowVector": [1, 2] * 3, "TimeSliceVector": [1, 1, 2, 2, 3, 3]},
        ActualFrameDuration=1000,
        ImageType=["ORIGINAL", "PRIMARY", "DYNAMIC", "EMISSION"],
    )
    (best,) = examine([record])
    assert best.kind == "image-sequence"
    assert best.spacing == (0.5, 0.75)
    volume = best.load()
    assert volume.dims == ("energy", "time", "row", "column")
    assert volume.array[1, 2].max() == 5
    assert volume.units == "counts"
    assert volume.coords["time"].values == (0, 1, 2)
    ((_, kwargs, _),) = best.to_layers(volume)
    assert kwargs["axis_labels"] == ("energy", "time", "row", "column")


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"SpacingBetweenSlices": 4}, FindingCode.NO_GEOMETRY),
        ({"DetectorInformationSequence": [detector()]}, FindingCode.NO_SPACING),
        (
            {
                "SpacingBetweenSlices": 4,
                "DetectorInformationSequence": [detector(orientation=(1, 0, 0, 1, 0, 0))],
            },
            FindingCode.BAD_ORIENTATION,
        ),
    ],
)
def test_what_is_missing_for_a_place_is_said(acquisition, attributes, code):
    record = acquisition({"SliceVector": [1, 2, 3]}, ImageType=RECON, **attributes)
    best = examine([record])[0]
    assert code in {f.code for f in best.findings}
    volume = best.load()
    assert not volume.geometry.in_patient
    assert volume.dims == ("slice", "row", "column")
    assert volume.shape == (3, 6, 5)
    assert best.to_layers(volume)[0][1]["units"] in {("mm",) * 3, ("pixel",) * 3}


def test_thickness_stands_in_for_the_spacing(acquisition):
    record = acquisition(
        {"SliceVector": [1, 2, 3]},
        ImageType=RECON,
        SliceThickness=5,
        DetectorInformationSequence=[detector()],
    )
    best = examine([record])[0]
    assert best.load().geometry.spacing[0] == pytest.approx(5)
    assert "SliceThickness (5 mm) is taken" in best.findings[0].text


def test_several_objects_of_a_series_are_named_apart(acquisition):
    first = acquisition({"TimeSliceVector": [1, 2]})
    second = acquisition({"TimeSliceVector": [1, 2]})
    names = [one.name for one in examine([first, second])]
    assert names == ["4: Thorax, image 1", "4: Thorax, image 2"]


@pytest.mark.parametrize("step", [4, -4])
@pytest.mark.parametrize("orientation", [(1, 0, 0, 0, 1, 0), OBLIQUE, (1, 0, 0, 0, 0, -1)])
def test_a_reconstruction_lies_where_itk_sees_it(acquisition, orientation, step):
    import SimpleITK

    record = acquisition(
        {"SliceVector": [1, 2, 3, 4]},
        ImageType=RECON,
        SpacingBetweenSlices=step,
        DetectorInformationSequence=[detector((-50, -60, 70), orientation)],
    )
    theirs = SimpleITK.ReadImage(str(record.path))
    volume = examine([record])[0].load()
    for k, row, column in ((0, 0, 0), (3, 0, 0), (2, 5, 4)):
        frame = int(volume.array[k, row, column])
        place = theirs.TransformIndexToPhysicalPoint((column, row, frame))
        assert (volume.geometry.affine @ (k, row, column, 1))[:3] == pytest.approx(place)
