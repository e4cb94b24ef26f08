"""Breast tomosynthesis (13.1.3): an enhanced object, opened as a stack by the scalar loader."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset

from napari_dicomdb.loading import examine

DBT_CLASS = "1.2.840.10008.5.1.4.1.1.13.1.3"


def item(**attributes):
    ds = Dataset()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


@pytest.fixture
def tomosynthesis(series, records):
    """A left MLO view: planes parallel to an oblique detector, written from the last one."""

    def make(**changes):
        heights = [3.0, 2.0, 1.0, 0.0]
        row = np.array([0.0, 0.8, -0.6])
        column = np.array([-1.0, 0.0, 0.0])
        normal = np.cross(row, column)
        positions = [np.array([10.0, 20.0, 30.0]) + h * normal for h in heights]
        shared = item(
            PixelMeasuresSequence=[item(PixelSpacing=[0.1, 0.085], SliceThickness=1)],
            PlaneOrientationSequence=[item(ImageOrientationPatient=[*row, *column])],
            PixelValueTransformationSequence=[
                item(RescaleSlope=1, RescaleIntercept=0, RescaleType="US")
            ],
            FrameAnatomySequence=[item(FrameLaterality="L")],
        )
        frames = [
            item(
                PlanePositionSequence=[item(ImagePositionPatient=[f"{v:.6f}" for v in p])],
                FrameContentSequence=[item(StackID="1", InStackPositionNumber=k + 1)],
                XRay3DFrameTypeSequence=[
                    item(FrameType=["ORIGINAL", "PRIMARY", "TOMOSYNTHESIS", "NONE"])
                ],
            )
            for k, p in enumerate(positions)
        ]
        attributes = {
            "SOPClassUID": DBT_CLASS,
            "Modality": "MG",
            "ImageOrientationPatient": None,
            "PixelSpacing": None,
            "NumberOfFrames": 4,
            "ImageType": ["ORIGINAL", "PRIMARY", "TOMOSYNTHESIS", "NONE"],
            "ImagerPixelSpacing": [0.085, 0.085],
            "PhotometricInterpretation": "MONOCHROME2",
            "SharedFunctionalGroupsSequence": [shared],
            "PerFrameFunctionalGroupsSequence": frames,
            **changes,
        }
        pixels = np.arange(4, dtype=np.uint16)[:, None, None] * np.ones((1, 6, 5), np.uint16)
        series.write(series.header(**attributes), pixels)
        return records(series.paths)[-1], positions, row, column

    return make


def test_planes_are_a_stack_in_the_patient(tomosynthesis):
    record, positions, row, column = tomosynthesis()
    chosen = [one for one in examine([record]) if one.selected]
    (best,) = chosen
    assert best.loader.name == "scalar-volume"
    assert best.shape == (4, 6, 5)
    volume = best.load()
    assert volume.dims == ("slice", "row", "column")
    assert volume.geometry.in_patient
    assert volume.geometry.spacing == pytest.approx((1, 0.1, 0.085))
    for k in range(4):
        frame = int(volume.array[k, 0, 0])
        place = volume.geometry.affine @ (k, 4, 3, 1)
        # PS3.3 Section C.7.6.2.1.1, with the position of the frame that this plane holds.
        expected = positions[frame] + row * 0.085 * 3 + column * 0.1 * 4
        assert place[:3] == pytest.approx(expected, abs=1e-5)


def test_without_positions_planes_follow_each_other(tomosynthesis):
    record, *_ = tomosynthesis(PerFrameFunctionalGroupsSequence=[Dataset() for _ in range(4)])
    best = examine([record])[0]
    assert best.loader.name == "cine"
    assert best.load().dims == ("frame", "row", "column")
