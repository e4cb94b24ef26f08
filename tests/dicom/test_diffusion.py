"""Weightings of every vendor against the formulas of reference/diffusion.md."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from napari_dicomdb.dicom.diffusion import (
    DIFFUSION_KEYWORDS,
    DiffusionWeighting,
    Directionality,
    direction_of_matrix,
    weighting_of,
)

# An oblique plane: columns along R, rows along C, normal S.
_TURN, _ = np.linalg.qr([[0.8, 0.3, -0.1], [-0.2, 0.9, 0.4], [0.1, -0.3, 0.85]])
R, C = _TURN[:, 0], _TURN[:, 1]
S = np.cross(R, C)
OBLIQUE = [*R, *C]
AXIAL = [1, 0, 0, 0, 1, 0]
G = np.array([0.6, -0.64, 0.48])


def asked(values, orientation=AXIAL):
    assert set(values) <= set(DIFFUSION_KEYWORDS)
    return weighting_of(values.get, orientation)


def backslashed(vector):
    return "\\".join(f"{v:.9g}" for v in vector)


def test_nothing_is_told():
    assert asked({}) is None
    assert asked({"DiffusionBValue": "", "ImageComments": "b or not b"}) is None


def test_standard_per_frame():
    found = asked(
        {
            "DiffusionBValue": 1000.0,
            "DiffusionGradientOrientation": tuple(2 * G),
            "DiffusionDirectionality": "DIRECTIONAL",
        },
        OBLIQUE,
    )
    assert found == DiffusionWeighting(
        1000.0, pytest.approx(tuple(G)), None, Directionality.DIRECTIONAL
    )


def test_standard_sequence_of_a_classic_object():
    path = "MRDiffusionSequence."
    found = asked(
        {
            f"{path}DiffusionBValue": (700.0,),
            f"{path}DiffusionDirectionality": ("DIRECTIONAL",),
            f"{path}DiffusionGradientDirectionSequence.DiffusionGradientOrientation": (tuple(G),),
        }
    )
    assert (found.b_value, found.direction_lps) == (700.0, pytest.approx(tuple(G)))


def test_unweighted_has_no_direction():
    found = asked({"DiffusionBValue": 0.0, "DiffusionGradientOrientation": (1.0, 0.0, 0.0)})
    assert found.direction_lps is None
    assert found.vector == (0.0, 0.0, 0.0)
    assert not found.is_weighted
    # What crushers weight is no diffusion weighting; what has a direction is.
    assert not asked({"UIH_0065_1009": 1.25, "UIH_0065_1037": (0.0, 0.0, 0.0)}).is_weighted
    assert asked({"DiffusionBValue": 20.0, "DiffusionGradientOrientation": (1, 0, 0)}).is_weighted


def test_isotropic_is_weighted_in_no_direction():
    found = asked({"DiffusionBValue": 1000.0, "DiffusionDirectionality": "ISOTROPIC"})
    assert found.is_isotropic
    assert found.is_weighted
    assert found.direction_lps is None


def test_a_matrix_alone_gives_an_axis_without_sign():
    b = 900 * np.outer(G, G)
    names = ("XX", "XY", "XZ", "YY", "YZ", "ZZ")
    places = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
    matrix = {f"DiffusionBValue{n}": b[p] for n, p in zip(names, places, strict=True)}
    found = asked({"DiffusionBValue": 900.0, **matrix})
    assert abs(np.dot(found.direction_lps, G)) == pytest.approx(1)
    assert not found.polarity_known
    assert "sign" in found.doubt
    assert found.b_matrix[0] == pytest.approx(324)
    siemens = tuple(matrix.values())
    assert asked({"SIEMENS_0019_100C": "900", "SIEMENS_0019_1027": siemens}).b_matrix == siemens
    # With a gradient beside it there is no doubt.
    both = asked({"DiffusionBValue": 900.0, "DiffusionGradientOrientation": tuple(-G), **matrix})
    assert both.direction_lps == pytest.approx(tuple(-G))
    assert both.polarity_known


def test_a_matrix_of_all_directions_has_no_axis():
    assert direction_of_matrix((300, 0, 0, 300, 0, 300)) is None
    values = {"SIEMENS_CSA_B_value": 900, "SIEMENS_CSA_B_matrix": (300, 0, 0, 300, 0, 300)}
    assert asked(values).is_isotropic


@pytest.mark.parametrize(
    ("values", "source"),
    [
        ({"SIEMENS_0019_100C": "1000", "SIEMENS_0019_100E": tuple(G)}, "siemens"),
        (
            {"SIEMENS_CSA_B_value": 1000, "SIEMENS_CSA_DiffusionGradientDirection": tuple(G)},
            "siemens-csa",
        ),
        (
            {
                "PHILIPS_2001_1003": 1000.0,
                "PHILIPS_2001_1004": "D",
                "PHILIPS_2005_10B0": G[0],
                "PHILIPS_2005_10B1": G[1],
                "PHILIPS_2005_10B2": G[2],
            },
            "philips",
        ),
    ],
)
def test_vendors_that_write_patient_coordinates(values, source):
    found = asked(values, OBLIQUE)
    assert (found.b_value, found.source) == (1000.0, source)
    assert found.direction_lps == pytest.approx(tuple(G))
    assert found.polarity_known


def test_philips_isotropic():
    values = {
        "PHILIPS_2001_1003": 1000.0,
        "PHILIPS_2001_1004": "I",
        **{f"PHILIPS_2005_10B{k}": 0.0 for k in range(3)},
    }
    assert asked(values).is_isotropic


def test_uih_along_the_image():
    found = asked({"UIH_0065_1009": 928.3, "UIH_0065_1037": tuple(G)}, OBLIQUE)
    assert found.b_value == 928.3
    assert found.direction_lps == pytest.approx(tuple(G[0] * R + G[1] * C + G[2] * S))
    assert asked({"UIH_0065_100A": 1000.0}).b_value == 1000.0


def test_canon_comments():
    values = {"ImageComments": "b=1500(0.6,-0.64,0.48)", "Manufacturer": "CANON_MEC"}
    found = asked(values, OBLIQUE)
    assert (found.b_value, found.source) == (1500.0, "canon-comments")
    assert found.direction_lps == pytest.approx(tuple(G[0] * R + G[1] * C + G[2] * S))
    assert asked(values | {"Manufacturer": "ACME"}) is None
    # The standard's b with the comment's direction.
    found = asked(values | {"DiffusionBValue": 1500.0})
    assert found.direction_lps is not None


def ge(vector=G, b="1000\\8\\0\\0", phase="COL", **more):
    parts = {f"GE_0019_10B{k}": f"{v:.6f}" for k, v in zip("BCD", vector, strict=True)}
    return {"GE_0043_1039": b, "InPlanePhaseEncodingDirection": phase, **parts, **more}


def test_ge_along_frequency_phase_and_slice():
    found = asked(ge(), AXIAL)
    assert found.direction_lps == pytest.approx((-G[0], -G[1], G[2]), abs=1e-6)
    assert (found.source, found.doubt) == ("ge", "")
    turned = [*(R * [1, 1, 1]), *C]
    assert asked(ge(), turned).direction_lps == pytest.approx(
        tuple(-G[0] * R - G[1] * C + G[2] * S), abs=1e-6
    )


@pytest.mark.parametrize("raw", ["1000", "1000001000\\8", "1000\\8\\0\\0"])
def test_ge_flags_are_no_part_of_b(raw):
    assert asked(ge(b=raw)).b_value == 1000


def test_ge_length_of_the_vector_scales_b():
    found = asked(ge(vector=np.sqrt(0.3) * G))
    assert found.b_value == 300
    assert np.linalg.norm(found.direction_lps) == pytest.approx(1)
    # Also where the standard attribute has the nominal b.
    assert asked(ge(vector=np.sqrt(0.3) * G, DiffusionBValue=1000.0)).b_value == 300


def test_ge_doubts():
    row = asked(ge(phase="ROW"))
    assert not row.polarity_known
    assert "never verified" in row.doubt
    assert "columns are assumed" in asked(ge(phase="")).doubt
    assert "axial" in asked(ge(), [0, 1, 0, 0, 0, -1]).doubt
    assert asked(ge(), None).direction_lps is None


def test_the_standard_comes_first_and_privates_fill_in():
    values = {"DiffusionBValue": 1000.0, "SIEMENS_0019_100C": "995"}
    assert asked(values).b_value == 1000.0
    filled = asked({**values, "SIEMENS_0019_100C": "1000", "SIEMENS_0019_100E": tuple(G)})
    assert (filled.b_value, filled.source) == (1000.0, "siemens")
    assert filled.direction_lps == pytest.approx(tuple(G))


@pytest.mark.parametrize(
    "values",
    [
        {"DiffusionBValue": "many"},
        {"DiffusionBValue": float("nan")},
        {"GE_0043_1039": "", "GE_0019_10BB": "x"},
        {"SIEMENS_0019_100C": "\\"},
        {"UIH_0065_1009": ()},
    ],
)
def test_junk_is_no_weighting(values):
    assert asked(values) is None


def test_junk_beside_a_b_value_is_no_direction():
    for vector in ((1.0, 0.0), (float("inf"), 0.0, 0.0), "north", (0.0, 0.0, 0.0)):
        found = asked({"DiffusionBValue": 1000.0, "DiffusionGradientOrientation": vector})
        assert (found.b_value, found.direction_lps) == (1000.0, None)
    assert asked(ge(), [0, 0, 0, 0, 0, 0]).direction_lps is None


_JUNK = st.one_of(
    st.none(),
    st.text(max_size=12),
    st.integers(-(10**12), 10**12),
    st.floats(),
    st.lists(st.one_of(st.floats(), st.text(max_size=4), st.none()), max_size=7).map(tuple),
)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.sampled_from(DIFFUSION_KEYWORDS), _JUNK, max_size=12),
    st.one_of(st.none(), st.just(AXIAL), st.lists(st.floats(), min_size=6, max_size=6)),
)
@example({"UIH_0065_1009": 0}, [0.0, 0.0, 1.0, 1.3e154, 0.0, 0.0])
@example({"UIH_0065_1009": 9, "UIH_0065_1037": (1e308, 1e308, 0.0)}, AXIAL)
@example({"SIEMENS_0019_100C": 9, "SIEMENS_0019_1027": (1e308,) * 6}, AXIAL)
@example(ge(vector=(1e200, 1e200, -1e200), b="1e300"), OBLIQUE)
def test_junk_never_raises_nor_gets_out(values, orientation):
    found = weighting_of(values.get, orientation)
    if found is not None:
        assert np.isfinite(found.b_value)
        length = np.linalg.norm(found.vector)
        assert length == 0 or length == pytest.approx(1)
