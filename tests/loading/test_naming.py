from __future__ import annotations

import pytest

from napari_dicomdb.loading.naming import name_of_part


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ((), "4: T1"),
        ((("ImageType", "ORIGINAL\\PRIMARY\\M\\FFE"),), "4: T1, M/FFE"),
        ((("localizer", True), ("colour", False)), "4: T1, localizer"),
        ((("DiffusionBValue", 1000.0),), "4: T1, b 1000"),
        ((("TriggerTime", None),), "4: T1, no trigger"),
        ((("InversionTimes", (150.0,)),), "4: T1, TI (150) ms"),
        ((("InversionTimes", 150.0),), "4: T1, TI 150 ms"),
        ((("AcquisitionTime", "100002.500000"),), "4: T1, acquired at 10:00:02.500000"),
        ((("AcquisitionTime", "noon"),), "4: T1, acquired at noon"),
        ((("PixelSpacing", (0.5, 0.75)),), "4: T1, pixel spacing (0.5, 0.75)"),
        ((("FrameOfReferenceUID", "1.2.345678"),), "4: T1, frame of reference …345678"),
        ((("ConvolutionKernel", "B30f\\3"),), "4: T1, kernel B30f/3"),
        ((("orientation", "axial"), ("SomethingNew", 3)), "4: T1, axial, SomethingNew 3"),
    ],
)
def test_names(labels, expected):
    assert name_of_part("4: T1", labels) == expected
