"""Pictures of doses: isodoses where the dose has their value, by the grid's own geometry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_dicomdb import Database
from napari_dicomdb.loading.dose_grid import RT_DOSE
from napari_dicomdb.loading.pictures import doses

STEP = 2.5  # mm, unlike that of the images


def dose(scene: Any, *, descending: bool = False, **changes: Any) -> Path:
    """Write a dose that falls linearly from the ball's centre to its surface; axial planes."""
    reach = 1.2 * scene.radius
    count = int(np.ceil(2 * reach / STEP))
    first = scene.centre - reach + 0.3
    axes = [first[k] + STEP * np.arange(count + k) for k in range(3)]  # x, y, z: all differ
    if descending:
        axes[2] = axes[2][::-1]
    z, y, x = np.meshgrid(axes[2], axes[1], axes[0], indexing="ij")
    distance = np.linalg.norm(np.stack([x, y, z], -1) - scene.centre, axis=-1)
    values = np.clip(1 - distance / scene.radius, 0, 1) * 60000
    ds = scene.object(
        RT_DOSE,
        "RTDOSE",
        Rows=len(axes[1]),
        Columns=len(axes[0]),
        NumberOfFrames=len(axes[2]),
        ImagePositionPatient=[round(float(axis[0]), 4) for axis in axes],
        ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
        PixelSpacing=[STEP, STEP],
        GridFrameOffsetVector=[round(float(v - axes[2][0]), 4) for v in axes[2]],
        DoseGridScaling="0.001",
        DoseUnits="GY",
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2",
        BitsAllocated=16,
        BitsStored=16,
        HighBit=15,
        PixelRepresentation=0,
        PixelData=values.round().astype("<u2").tobytes(),
        **changes,
    )
    return scene.save(ds)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("scene", ["axial-ct"], indirect=True)
def test_isodoses_lie_where_the_dose_is(scene: Any, descending: bool) -> None:
    pixels, note, below = scene.painted(dose(scene, descending=descending))
    assert note == ""
    seen = scene.coloured(pixels)
    distances = scene.distances(below, seen.shape)
    share = 1 - distances / scene.radius  # of the dose in the centre
    slack = STEP / scene.radius / 2  # linear between samples, on a curved dose
    assert seen[share > 0.1 + slack].all()
    assert not seen[share < 0.1 - slack].any()
    for level, colour in doses.LEVELS[1:4]:
        line = np.abs(pixels - colour).max(axis=-1) <= 1
        assert line.sum() > 20
        # The line is the first pixel of its band; the largest dose seen is below 1.
        assert np.abs(share[line] - level * share.max()).max() < slack + 0.06


def test_a_grid_at_an_angle_to_the_image(tmp_path: Path, scene: Any) -> None:
    pixels, _, below = scene.painted(dose(scene))
    if below is None:  # no oblique slice is parallel to the axial planes
        assert scene.coloured(pixels).any()
        return
    distances = scene.distances(below, pixels.shape[:2])
    assert not scene.coloured(pixels)[distances > scene.radius].any()


def test_sampling_is_trilinear_and_by_geometry(scene: Any) -> None:
    """Any plane, at any angle: against the analytic dose."""
    path = dose(scene)
    with Database.in_memory() as database:
        database.import_paths([path, scene.folder / "images"])
        grid = doses._grid_of(database.instances(paths=[path]), database)
        for header in scene.headers[5:12]:
            points = scene.points(header, (50, 60))
            found = doses._sampled(grid, points) / 60000
            share = 1 - np.linalg.norm(points - scene.centre, axis=-1) / scene.radius
            inside = share > 0.2
            if inside.any():
                assert np.abs(found - share)[inside].max() < 0.1  # the tip of the cone
                assert np.abs(found - share)[inside & (share < 0.8)].max() < 0.03
            assert (found[share < -0.15] == 0).all()


@pytest.mark.parametrize("scene", ["axial-ct"], indirect=True)
def test_without_its_image(scene: Any) -> None:
    pixels, note, below = scene.painted(dose(scene), with_images=False)
    assert below is None and "not in the database" in note
    assert scene.coloured(pixels).any()


@pytest.mark.parametrize("scene", ["axial-ct"], indirect=True)
def test_planes_that_nobody_placed(scene: Any) -> None:
    path = dose(scene)
    import pydicom

    ds = pydicom.dcmread(path)
    del ds.GridFrameOffsetVector
    ds.save_as(path)
    with Database.in_memory() as database:
        database.import_paths([path])
        image = database.thumbnail_image(database.series()[0])
    assert image.png is None and image.reason == "bad-geometry"


def test_reference_data(reference_data: Path) -> None:
    with Database.in_memory() as database:
        database.import_paths([reference_data / "rt_dvh_slicerrt"], workers=0)
        (series,) = database.series(modality="RTDOSE")
        image = database.thumbnail_image(series)
    assert image.png is not None and image.note == ""
