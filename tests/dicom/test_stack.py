"""Stacks: order, affine, and each finding of DESIGN 4 made to appear and not to appear."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.dicom.stack import Stack, examine_stack
from napari_dicomdb.errors import GeometryError

AXIAL = np.array([1.0, 0, 0, 0, 1, 0])
NAN = float("nan")


def axial(z: Sequence[float], **more: Any) -> Stack:
    """Axial images of 64 x 64 pixels of 1 mm at these heights."""
    positions = [[-30.0, -40.0, at] for at in z]
    return stacked(positions, **more)


def stacked(positions: Any, orientation: Any = AXIAL, spacing: Any = (1, 1), **more: Any) -> Stack:
    count = len(positions)
    orientation = np.broadcast_to(orientation, (count, 6))
    spacing = np.broadcast_to(spacing, (count, 2))
    rows, columns = more.pop("rows", 64), more.pop("columns", 64)
    return examine_stack(positions, orientation, spacing, rows, columns, **more)


def codes(stack: Stack) -> list[str]:
    return [str(f.code) for f in stack.findings]


def finding(stack: Stack, code: FindingCode) -> Finding:
    (found,) = [f for f in stack.findings if f.code is code]
    return found


def test_even_stack_has_no_findings_and_its_order_follows_the_normal() -> None:
    stack = axial([4, 0, 6, 2])
    assert stack.order == (1, 3, 0, 2)
    assert stack.distances.tolist() == [0, 2, 4, 6]
    assert stack.findings == ()
    assert stack.is_regular
    assert stack.has_geometry
    np.testing.assert_allclose(
        stack.affine, [[0, 0, 1, -30], [0, 1, 0, -40], [2, 0, 0, 0], [0, 0, 0, 1]]
    )
    np.testing.assert_array_equal(stack.affine, stack.stacked_affine)


def test_oblique_even_stack() -> None:
    q, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))
    row, column = q[:, 0], q[:, 1]
    normal = np.cross(row, column)
    positions = np.array([100.0, -50, 30]) + np.arange(20)[::-1, None] * 1.25 * normal
    # As a header has them: 6 digits of cosines, 3 decimals of positions.
    stack = stacked(np.round(positions, 3), np.round(np.concatenate([row, column]), 6), (0.5, 0.5))
    assert stack.order == tuple(range(19, -1, -1))
    assert stack.findings == ()
    np.testing.assert_allclose(stack.step, 1.25 * normal, atol=1e-3)
    assert stack.deviation < 0.01


@pytest.mark.parametrize("step", [0.625, 1.25, 3.2699, 0.5])
@pytest.mark.parametrize("offset", [-1234.5, 0.1])
def test_rounding_to_six_digits_does_not_warn(step: float, offset: float) -> None:
    z = [float(f"{offset + i * step:.6g}") for i in range(500)]
    stack = axial(z)
    assert all(f.severity is Severity.INFO for f in stack.findings)
    assert stack.is_regular
    assert np.isclose(stack.step[2], step, atol=1e-4)


def test_missing_slices_are_located_and_counted() -> None:
    z = [0, 2, 4, 8, 10, 12, 20, 22, 24, 26]
    stack = axial(z, labels=[f"IM{i}" for i in range(10)])
    assert stack.missing == (6, 14, 16, 18)
    found = finding(stack, FindingCode.MISSING_SLICES)
    assert found.severity is Severity.WARNING
    assert found.text == (
        "4 slices are missing: 1 after IM2 (at 6 mm), 3 after IM5 (from 14 to 18 mm)"
    )
    assert found.numbers["count"] == 4
    assert found.numbers["after"] == ["IM2", "IM5"]
    assert stack.indices.tolist() == [0, 1, 2, 4, 5, 6, 10, 11, 12, 13]
    assert stack.step.tolist() == [0, 0, 2]
    assert not stack.is_regular
    # The gap alone is not also called uneven.
    assert codes(stack) == ["missing-slices"]
    assert stack.stacked_affine[2, 0] == pytest.approx(26 / 9)


def test_missing_slices_in_a_rounded_stack() -> None:
    z = [round(-100 + i * 0.6254, 3) for i in range(200) if i not in (50, 51, 130)]
    stack = axial(z)
    np.testing.assert_allclose(
        stack.missing, [-100 + i * 0.6254 for i in (50, 51, 130)], atol=1e-2
    )
    assert codes(stack) == ["missing-slices"]


def test_three_slices_of_four() -> None:
    assert axial([0, 1, 3]).missing == (2,)


def test_two_spacings_are_not_missing_slices() -> None:
    # Head CT: 2.5 mm through the base of the skull, then 5 mm.
    z = np.concatenate([np.arange(10) * 2.5, 25 + np.arange(10) * 5.0])
    stack = axial(z)
    assert stack.missing == ()
    found = finding(stack, FindingCode.UNEVEN_SPACING)
    assert (found.numbers["min_mm"], found.numbers["max_mm"]) == (2.5, 5)
    assert found.severity is Severity.WARNING


def test_uneven_spacing_gives_min_median_max() -> None:
    z = np.cumsum([0, 3, 3.4, 2.6, 3, 3.3, 2.8, 3, 3.2])
    stack = axial(z)
    found = finding(stack, FindingCode.UNEVEN_SPACING)
    assert "from 2.6 to 3.4 mm (median 3 mm)" in found.text
    assert not stack.is_regular
    assert stack.missing == ()


def test_one_odd_gap_does_not_change_the_step() -> None:
    z = np.cumsum([0] + [2.0] * 10 + [2.7] + [2.0] * 9)
    stack = axial(z)
    assert stack.step[2] == pytest.approx(2)
    assert "follows slice 11" in finding(stack, FindingCode.UNEVEN_SPACING).text


def test_gaps_are_noticed_from_slicers_tolerance_on() -> None:
    assert axial([0, 5, 10.009, 15.009, 20.009]).findings == ()
    z = np.arange(40) * 5.0
    z[20:] += 0.015
    noticed = axial(z)
    assert codes(noticed) == ["uneven-spacing"]
    assert noticed.findings[0].severity is Severity.INFO
    assert noticed.is_regular


def test_drift_adds_up_though_each_gap_is_within_tolerance() -> None:
    gaps = 1.0 + np.linspace(-0.008, 0.008, 300)
    stack = axial(np.concatenate([[0], np.cumsum(gaps)]))
    assert codes(stack) == ["drift"]
    assert stack.findings[0].severity is Severity.WARNING
    assert stack.findings[0].numbers["drift_mm"] > 0.3
    assert not stack.is_regular
    assert stack.deviation == pytest.approx(stack.findings[0].numbers["drift_mm"], abs=1e-6)


@pytest.mark.parametrize("degrees", [-14.0, 0.5, 22.5])
def test_gantry_tilt_shears_the_affine(degrees: float) -> None:
    shift = 5 * np.tan(np.radians(degrees))
    positions = [[-125, -125 + i * shift, 5.0 * i] for i in range(12)]
    stack = stacked(positions)
    found = finding(stack, FindingCode.GANTRY_TILT)
    assert stack.tilt_degrees == pytest.approx(abs(degrees))
    assert found.numbers["degrees"] == pytest.approx(abs(degrees))
    assert ("anterior" if degrees < 0 else "posterior") in found.text
    assert found.severity is Severity.WARNING
    np.testing.assert_allclose(stack.step, [0, shift, 5], atol=1e-9)
    # The sheared affine puts every slice where it is.
    assert stack.is_regular
    assert stack.deviation < 1e-9
    assert codes(stack) == ["gantry-tilt"]


def test_tilt_and_missing_slice_together() -> None:
    positions = np.array([[0, 0.3 * i, 1.0 * i] for i in (0, 1, 2, 4, 5, 6)])
    stack = stacked(positions)
    assert set(codes(stack)) == {"gantry-tilt", "missing-slices"}
    assert stack.missing == (3,)
    assert stack.tilt_degrees == pytest.approx(np.degrees(np.arctan(0.3)))
    assert stack.deviation < 1e-9


def test_cosines_of_few_digits_are_no_tilt_to_worry_about() -> None:
    row, column = np.array([0.99995, 0.0099998, 0]), np.array([-0.0099998, 0.99995, 0])
    normal = np.array([2e-4, 0, 1.0])
    stack = stacked(np.arange(20)[:, None] * 2.0 * normal, np.concatenate([row, column]))
    assert all(f.severity is Severity.INFO for f in stack.findings)
    assert stack.is_regular


def test_one_displaced_slice_is_a_shift_and_no_tilt() -> None:
    positions = np.array([[0, 0, 2.0 * i] for i in range(20)])
    positions[7] += [3, 4, 0]
    stack = stacked(positions)
    found = finding(stack, FindingCode.IN_PLANE_SHIFT)
    assert found.numbers == {"max_mm": pytest.approx(5), "count": 1}
    assert "slice 8" in found.text
    assert codes(stack) == ["in-plane-shift"]
    assert stack.tilt_degrees == pytest.approx(0)
    assert not stack.is_regular
    assert stack.deviation == pytest.approx(5)


def test_a_displaced_first_slice_does_not_move_the_affine() -> None:
    positions = np.array([[0, 0, 2.0 * i] for i in range(20)])
    positions[0, 0] = 10
    stack = stacked(positions)
    assert stack.affine[:3, 3].tolist() == [0, 0, 0]
    assert finding(stack, FindingCode.IN_PLANE_SHIFT).numbers["max_mm"] == 10


def test_scattered_positions_are_a_shift_and_no_tilt() -> None:
    rng = np.random.default_rng(0)
    positions = np.column_stack([rng.normal(0, 20, (30, 2)), np.arange(30) * 1.0])
    stack = stacked(positions)
    assert "gantry-tilt" not in codes(stack)
    assert finding(stack, FindingCode.IN_PLANE_SHIFT).severity is Severity.WARNING


def test_images_beside_each_other_are_a_shift() -> None:
    positions = [[x, 0, z] for z in (0, 5, 10) for x in (0, 60)]
    stack = stacked(positions)
    assert finding(stack, FindingCode.IN_PLANE_SHIFT).numbers["max_mm"] == 60
    assert "beside each other" in finding(stack, FindingCode.IN_PLANE_SHIFT).text


def test_duplicates_are_kept_out_and_named() -> None:
    stack = axial([0, 2, 4, 2, 6, 2.004], labels=list("abcdef"))
    assert stack.order == (0, 1, 2, 4)
    assert stack.duplicates == ((1, 3, 5),)
    found = finding(stack, FindingCode.DUPLICATE_SLICES)
    assert found.text == "1 position holds more than one image, 2 more in all: b/d/f"
    assert found.numbers == {"positions": 1, "extra": 2, "most_at_one": 3}
    assert stack.is_regular


def test_slices_of_a_microscope_are_no_duplicates() -> None:
    stack = axial(np.arange(50) * 0.006, spacing=(0.006, 0.006))
    assert len(stack.order) == 50
    assert stack.duplicates == ()
    assert stack.findings == ()
    gapped = axial(np.delete(np.arange(50), 20) * 0.006, spacing=(0.006, 0.006))
    assert gapped.missing == pytest.approx((0.12,))


def test_all_at_one_position() -> None:
    stack = axial([7, 7, 7])
    assert codes(stack) == ["single-position"]
    assert stack.order == (0,)
    assert stack.duplicates == ((0, 1, 2),)
    assert not stack.is_regular


def test_single_slice_takes_its_extent_from_the_thickness() -> None:
    stack = axial([7], slice_thickness=3.5)
    assert codes(stack) == ["single-slice"]
    assert stack.step.tolist() == [0, 0, 3.5]
    assert stack.is_regular
    assert stack.findings[0].severity is Severity.INFO
    assert "unknown" in axial([7]).findings[0].text


def test_two_slices_cannot_show_gaps() -> None:
    assert codes(axial([0, 3])) == ["few-slices"]


def test_localizer_at_the_head_is_the_odd_one_out() -> None:
    orientations = np.tile(AXIAL, (11, 1))
    orientations[0] = [0, 1, 0, 0, 0, -1]
    positions = [[0, 0, 200]] + [[0, 0, 3.0 * i] for i in range(10)]
    stack = stacked(positions, orientations)
    found = finding(stack, FindingCode.MIXED_ORIENTATION)
    assert found.severity is Severity.ERROR
    assert found.text == "1 of 11 images are turned against the others by up to 90.0 degrees"
    assert stack.orientation == tuple(AXIAL)
    assert not stack.is_regular


def test_three_localizers_have_no_majority() -> None:
    orientations = [AXIAL, [0, 1, 0, 0, 0, -1], [1, 0, 0, 0, 0, -1]]
    stack = stacked([[0, 0, 0], [0, 0, 50], [0, 10, 60]], orientations)
    assert finding(stack, FindingCode.MIXED_ORIENTATION).numbers["count"] == 2


@pytest.mark.parametrize(
    ("turn", "severity"),
    [(2e-6, Severity.INFO), (0.004, Severity.WARNING), (0.05, Severity.ERROR)],
)
def test_small_turns(turn: float, severity: Severity) -> None:
    orientations = np.tile(AXIAL, (5, 1))
    orientations[3] = [np.cos(turn), np.sin(turn), 0, -np.sin(turn), np.cos(turn), 0]
    found = finding(
        stacked([[0, 0, i] for i in range(5)], orientations), FindingCode.MIXED_ORIENTATION
    )
    assert found.severity is severity
    assert found.numbers["degrees"] == pytest.approx(np.degrees(turn), rel=1e-3)


def test_mixed_matrix() -> None:
    stack = axial([0, 1, 2, 3], rows=[64, 64, 32, 64])
    found = finding(stack, FindingCode.MIXED_MATRIX)
    assert found.severity is Severity.ERROR
    assert found.numbers == {"sizes": [[32, 64], [64, 64]], "counts": [1, 3]}
    assert (stack.rows, stack.columns) == (64, 64)


def test_mixed_pixel_spacing_counts_at_the_far_edge() -> None:
    spacing = np.ones((4, 2))
    spacing[2] = 1.00001
    assert axial([0, 1, 2, 3], spacing=spacing).findings == ()
    spacing[2] = 1.0005
    assert axial([0, 1, 2, 3], spacing=spacing).findings[0].severity is Severity.INFO
    spacing[2] = 1.1
    found = finding(axial([0, 1, 2, 3], spacing=spacing), FindingCode.MIXED_PIXEL_SPACING)
    assert found.severity is Severity.WARNING
    assert found.numbers["edge_mm"] == pytest.approx(6.4)
    spacing[2] = NAN
    found = finding(axial([0, 1, 2, 3], spacing=spacing), FindingCode.MIXED_PIXEL_SPACING)
    assert found.text == "1 images have no usable PixelSpacing"


def test_no_pixel_spacing_is_said() -> None:
    stack = axial([0, 1, 2], spacing=(NAN, NAN))
    assert "no-spacing" in codes(stack)
    assert stack.spacing == (1, 1)


def test_images_without_geometry_are_left_out() -> None:
    positions = [[0, 0, 4.0], [NAN] * 3, [0, 0, 0], [0, 0, 2]]
    stack = stacked(positions, labels=["7", "8", "9", "10"])
    assert stack.unplaced == (1,)
    assert stack.order == (2, 3, 0)
    found = finding(stack, FindingCode.NO_GEOMETRY)
    assert found.severity is Severity.ERROR
    assert found.text.endswith("left out: 8")
    assert stack.has_geometry


def test_more_images_without_geometry_than_with() -> None:
    stack = stacked([[NAN] * 3] * 5 + [[0, 0, 0], [0, 0, 1], [0, 0, 2]])
    assert stack.order == (5, 6, 7)
    assert stack.has_geometry


def test_no_image_has_geometry() -> None:
    stack = stacked([[NAN] * 3] * 3, spacing=(0.5, 0.4))
    assert stack.order == (0, 1, 2)
    assert codes(stack) == ["no-geometry"]
    assert not stack.has_geometry
    assert not stack.is_regular
    assert np.diag(stack.affine[:3, [2, 1, 0]]).tolist() == [0.4, 0.5, 1.0]


def test_bad_orientation_is_said_and_mended() -> None:
    angle = np.radians(85)
    bad = [2.0, 0, 0, np.cos(angle), np.sin(angle), 0]
    stack = stacked([[0, 0, i] for i in range(4)], bad)
    found = finding(stack, FindingCode.BAD_ORIENTATION)
    assert "length 2" in found.text
    rows = stack.affine[:3, 1], stack.affine[:3, 2]
    assert rows[0] @ rows[1] == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(stack.normal, [0, 0, 1], atol=1e-12)


def test_orientation_that_spans_no_plane_counts_as_none() -> None:
    stack = stacked([[0, 0, 0], [0, 0, 1]], [1, 0, 0, 1, 0, 0])
    assert codes(stack) == ["no-geometry", "bad-orientation"]


def test_overlap_and_contradicted_spacing_are_worth_knowing() -> None:
    overlap = axial([0, 1, 2], slice_thickness=2)
    assert overlap.findings[0].text == "Slices overlap: 2 mm thick, 1 mm apart"
    # reference/common.md G1: a CT whose SpacingBetweenSlices says 5.0 at 2.0 mm.
    wrong = axial([0, 2, 4], spacing_between_slices=[5.0, 5.0, 5.0], slice_thickness=2)
    assert codes(wrong) == ["spacing-contradicted"]
    assert wrong.findings[0].severity is Severity.INFO
    assert wrong.step.tolist() == [0, 0, 2]
    gap = axial([0, 3, 6], slice_thickness=2)
    assert "1 mm between the slices were not imaged" in gap.findings[0].text
    assert axial([0, 3, 6], slice_thickness=2, spacing_between_slices=3).findings == ()
    # NM signs it.
    assert axial([0, 3, 6], slice_thickness=3, spacing_between_slices=-3).findings == ()


def test_spacing_along_the_table_is_no_contradiction_under_tilt() -> None:
    positions = [[0, 5 * i * np.sin(0.3), 5 * i * np.cos(0.3)] for i in range(5)]
    assert codes(stacked(positions, spacing_between_slices=5.0)) == ["gantry-tilt"]


def test_findings_are_sorted_by_severity() -> None:
    stack = axial([0, 2, 4, 8, 10], slice_thickness=3, rows=[64, 64, 64, 64, 32])
    assert [f.severity.value for f in stack.findings] == ["error", "warning", "info"]


def test_arguments_that_disagree() -> None:
    with pytest.raises(GeometryError, match="no image"):
        examine_stack([], [], [], 1, 1)
    with pytest.raises(GeometryError, match="2 positions, 1 orientations"):
        examine_stack([[0, 0, 0]] * 2, [AXIAL], [[1, 1]] * 2, 1, 1)


@pytest.mark.parametrize("seed", range(5))
def test_any_rigid_motion_gives_the_same_findings(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    rotation *= np.sign(np.linalg.det(rotation))
    positions = np.array([[0.0, 0.2 * i, 2.0 * i] for i in range(30) if i not in (5, 17)])
    positions[9] += [1, 0, 0]
    shuffled = rng.permutation(len(positions))
    before = stacked(positions)
    after = stacked(
        positions[shuffled] @ rotation.T + [10, -20, 30],
        (AXIAL.reshape(2, 3) @ rotation.T).ravel(),
    )
    assert [shuffled[i] for i in after.order] == list(before.order)
    assert sorted(codes(after)) == sorted(codes(before))
    np.testing.assert_allclose(after.step, rotation @ before.step, atol=1e-9)
    assert after.tilt_degrees == pytest.approx(before.tilt_degrees)


def test_rounding_makes_no_stack_of_one_position() -> None:
    q, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    row, column = q[:, 0], q[:, 1]
    positions = np.array([500.0, -300, 200]) + np.arange(6)[:, None] * 40.0 * row
    stack = stacked(positions, np.concatenate([row, column]))
    assert codes(stack) == ["single-position"]
    assert "up to 200 mm beside each other" in stack.findings[0].text


def test_absurd_positions_are_no_positions() -> None:
    stack = stacked([[0, 0, 0], [0, 0, 1], [0, 0, 1e16], [0, 0, 2]])
    assert stack.unplaced == (2,)
    assert stack.is_regular is False
    assert stack.step.tolist() == [0, 0, 1]


def test_a_stray_slice_is_not_a_million_missing_ones() -> None:
    stack = axial([0, 1, 2, 3, 4, 1e6])
    assert stack.missing == ()
    assert finding(stack, FindingCode.UNEVEN_SPACING).numbers["max_mm"] == 1e6 - 4
