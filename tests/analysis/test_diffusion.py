"""Maps of simulated signals whose tensors are known."""

from __future__ import annotations

import numpy as np
import pytest

from napari_dicomdb.analysis.diffusion import (
    apparent_diffusion,
    can_fit_tensor,
    diffusion_tensor,
    foreground,
    fractional_anisotropy,
    geometric_mean,
    mean_diffusivity,
    shells_of,
    tensor_design,
)
from napari_dicomdb.errors import Cancelled

RNG = np.random.default_rng(7)
B = np.array([0.0, 0.0, *[1000.0] * 12, *[2000.0] * 12])
_POINTS = RNG.normal(size=(24, 3))
G = np.vstack([np.zeros((2, 3)), _POINTS / np.linalg.norm(_POINTS, axis=1)[:, None]])


def tensors(shape):
    """Random positive tensors (..., 3, 3), mm2/s."""
    turns = np.linalg.qr(RNG.normal(size=(*shape, 3, 3)))[0]
    values = RNG.uniform(0.2e-3, 2e-3, (*shape, 3))
    return np.einsum("...ij,...j,...kj->...ik", turns, values, turns)


def signal(tensor, s0=1000.0):
    """S0 exp(-b g'Dg), one volume after another."""
    return np.array(
        [s0 * np.exp(-b * np.einsum("i,...ij,j", g, tensor, g)) for b, g in zip(B, G, strict=True)]
    )


def anisotropy(tensor):
    """The formula of Basser and Pierpaoli, by eigenvalues."""
    values = np.linalg.eigvalsh(tensor)
    mean = values.mean(axis=-1, keepdims=True)
    return np.sqrt(1.5 * ((values - mean) ** 2).sum(-1) / (values**2).sum(-1))


def test_shells():
    shells = shells_of([0, 1005, 5, 995, 2000, 2080, 700])
    assert [s.indices for s in shells] == [(0, 2), (6,), (1, 3), (4, 5)]
    assert [s.b_value for s in shells] == [2.5, 700, 1000, 2040]
    assert [s.is_weighted for s in shells] == [False, True, True, True]
    assert [s.indices for s in shells_of([1000, 1040])] == [(0, 1)]  # 5 %
    assert [s.indices for s in shells_of([1000, 1060])] == [(0,), (1,)]
    assert shells_of([]) == []


def test_geometric_mean():
    array = np.array([[4, 2, 0], [16, 8, 5]], dtype=np.int16)
    assert np.allclose(geometric_mean(array), [8, 4, 0])
    assert np.allclose(geometric_mean(array, [1]), [16, 8, 5])


def test_adc_of_one_exponential():
    truth = np.array([[0.5e-3, 1e-3], [2e-3, 3e-3]])
    b = [0, 400, 1000]
    array = np.array([900 * np.exp(-x * truth) for x in b])
    assert np.allclose(apparent_diffusion(array, b), truth, rtol=1e-4)
    mask = np.array([[True, False], [True, True]])
    found = apparent_diffusion(array, b, mask=mask)
    assert found[0, 1] == 0
    assert np.allclose(found[mask], truth[mask], rtol=1e-4)


def test_adc_is_the_least_squares_slope():
    array = RNG.uniform(10, 1000, (5, 40))
    b = np.array([0, 200, 500, 800, 1000])
    slopes = np.polyfit(b, np.log(array), 1)[0]
    assert np.allclose(apparent_diffusion(array, b), -slopes, atol=1e-7)


def test_what_is_not_positive_has_no_adc():
    array = np.array([[100, 0, 100], [50, 50, -3]], dtype=np.int16)
    assert (apparent_diffusion(array, [0, 1000]) > 0).tolist() == [True, False, False]


def test_what_was_rounded_to_nothing_is_the_least_there_is():
    array = np.full((12, 3), 80, dtype=np.uint16)
    array[0], array[5, 1], array[6, 1], array[7, 2], array[7, 0] = 900, 0, 0, 0, 20
    filled = array.astype(float)
    filled[7, 2] = 20
    b = [0, *[1000] * 11]
    found = apparent_diffusion(array, b)
    assert found[1] == 0  # two of twelve: too many
    assert np.allclose(found[[0, 2]], apparent_diffusion(filled, b)[[0, 2]])


def test_one_b_value_makes_no_adc():
    with pytest.raises(ValueError, match="two different b-values"):
        apparent_diffusion(np.ones((2, 3)), [1000, 1000])


def test_tensor_and_anisotropy():
    truth = tensors((4, 5))
    found = diffusion_tensor(signal(truth), B, G)
    places = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
    expected = np.array([truth[..., i, j] for i, j in places])
    assert np.allclose(found, expected, atol=2e-8)
    assert np.allclose(fractional_anisotropy(found), anisotropy(truth), atol=1e-4)
    assert np.allclose(mean_diffusivity(found), np.trace(truth, axis1=-2, axis2=-1) / 3, atol=1e-8)


def test_anisotropy_at_its_ends():
    line, sphere, nothing = (
        np.array([[1.0, 0, 0, 0, 0, 0], [1, 0, 0, 1, 0, 1], [0] * 6]).T[:, :, None].swapaxes(0, 1)
    )
    assert fractional_anisotropy(line)[0] == 1
    assert fractional_anisotropy(sphere)[0] == 0
    assert fractional_anisotropy(nothing)[0] == 0
    assert fractional_anisotropy(np.array([1.0, 0, 0, -1, 0, 0])[:, None])[0] == 1


def test_which_gradients_determine_a_tensor():
    assert can_fit_tensor(B, G)
    assert not can_fit_tensor(B[:7], G[:7])  # five directions
    assert not can_fit_tensor(B[2:14], G[2:14])  # one b-value: no ln S0 apart
    flat = G * [1, 1, 0]
    assert not can_fit_tensor(B, flat)
    with pytest.raises(ValueError, match="six directions"):
        diffusion_tensor(np.ones((26, 2)), B, flat)
    assert tensor_design([1000], [[0.6, 0.8, 0]]).round(9).tolist() == [
        [-360, -960, 0, -640, 0, 0, 1]
    ]


def test_foreground_leaves_air_out():
    image = RNG.uniform(0, 10, (40, 40))
    image[10:20, 10:20] = 900
    assert foreground(image).sum() == 100
    assert not foreground(np.zeros((3, 3))).any()


def test_volumes_are_read_one_by_one_and_can_be_cancelled():
    class Counted:
        read = 0

        def __len__(self):
            return 3

        def __getitem__(self, k):
            self.read += 1
            return np.ones((2, 2))

    array, steps = Counted(), []
    apparent_diffusion(array, [0, 1, 2], progress=lambda *step: steps.append(step))
    assert array.read == 3
    assert [done for done, _, _ in steps] == [0, 1, 2, 3]

    def stop(done, total, text):
        if done:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        apparent_diffusion(array, [0, 1, 2], progress=stop)
