"""Functional groups and dimensions of frames, in the patient and on frames of an image."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from tests.export.sources import anybody, made_up

from napari_dicomdb.export.segments.image_planes import SourceFrame
from napari_dicomdb.export.segments.segment_grids import on_grid
from napari_dicomdb.export.segments.segment_layouts import layout_in_patient, layout_of_frames
from napari_dicomdb.progress import no_progress


def test_planes_are_counted_along_their_normal():
    source = made_up(np.ones((3, 4, 5), np.uint8), role="labels")
    affine = source.geometry.affine.copy()
    affine[:3, 0] *= -1
    turned = made_up(source.array, affine, role="labels")
    for one in (source, turned):
        grid = on_grid([one], anybody(), own=True, progress=no_progress)
        layout = layout_in_patient(grid, ())
        ranks = [index for (index,) in layout.indices]
        assert sorted(ranks) == [1, 2, 3]
        along = [float(grid.planes.normal @ grid.planes.positions[k]) for k in np.argsort(ranks)]
        assert along == sorted(along)
        position = layout.groups(2).PlanePositionSequence[0].ImagePositionPatient
        assert [float(v) for v in position] == pytest.approx(
            (one.geometry.affine @ (2, 0, 0, 1))[:3], abs=1e-9
        )
        assert "DerivationImageSequence" not in layout.groups(2)


def test_frames_are_told_by_what_they_were_drawn_on():
    image = SimpleNamespace(uid="1.2", sop_class_uid="1.2.3", series_uid="1.1", number=1)
    layout = layout_of_frames([[SourceFrame(image, k)] for k in (1, 2)], (4, 5), (0.5, 0.25))
    assert layout.every
    assert not layout.in_space
    assert (len(layout), layout.indices) == (2, [(1,), (2,)])
    groups = layout.groups(1)
    (item,) = groups.DerivationImageSequence[0].SourceImageSequence
    assert item.ReferencedFrameNumber == 2
    assert groups.FrameContentSequence[0].InStackPositionNumber == 2
    assert layout.shared.PixelMeasuresSequence[0].PixelSpacing == [0.5, 0.25]
    assert layout.records == (image,)
