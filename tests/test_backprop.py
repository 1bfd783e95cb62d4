"""Backpropagation in blocks of rows: the same numbers as a layer at a time, in little memory."""

import tracemalloc

import numpy as np
import pytest

from aelib import byhand, sparsity
from aelib.byhand import backprop
from aelib.byhand.sparse import _with_far_tails

SETTINGS = {"rho": 0.05, "sparsity_weight": 3.0, "weight_decay": 1e-2}


def network(n, h, m, dtype=np.float64, *, tied=False, seed=3):
    rng = np.random.default_rng(seed)
    params = byhand.init(n_visible=n, n_hidden=h, rng=rng, dtype=dtype, tied=tied)
    for name in ("encoder_bias", "decoder_bias"):
        params[name] += rng.normal(0.0, 0.5, params[name].shape).astype(dtype)
    return params, rng.random((m, n)).astype(dtype)


def a_layer_at_a_time(params, x, decoder="sigmoid"):
    return _with_far_tails(
        params, x, SETTINGS["rho"], SETTINGS["sparsity_weight"], SETTINGS["weight_decay"], decoder
    )


@pytest.mark.parametrize("m", [1, backprop.ROWS - 1, backprop.ROWS, backprop.ROWS + 1, 1300])
@pytest.mark.parametrize("decoder", ["sigmoid", "linear"])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 3e-5)])
def test_blocks_give_what_whole_layers_give(m, decoder, tied, dtype, tolerance):
    params, x = network(7, 5, m, dtype, tied=tied)
    loss, grad = byhand.sparse.loss_and_grad(params, x, decoder=decoder, **SETTINGS)
    expected_loss, expected = a_layer_at_a_time(params, x, decoder)
    assert loss == pytest.approx(expected_loss, rel=tolerance)
    assert list(grad) == list(params)
    for name, value in grad.items():
        assert value.dtype == dtype
        assert value.shape == params[name].shape
        scale = np.abs(expected[name]).max()
        np.testing.assert_allclose(value, expected[name], rtol=0.0, atol=tolerance * scale)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize("size", [0.0, 30.0, 80.0, 120.0, 700.0, 5000.0])
def test_units_far_off_and_far_on_among_ordinary_samples(dtype, tolerance, size):
    # A few samples drive every unit to an end, where e^-z overflows; the others keep both tails.
    params, x = network(7, 5, 600, dtype)
    params["encoder_weight"][0] = dtype(size) * np.array([1.0, -1.0, 1.0, -1.0, 1.0])
    x[:, 0] = 0.0
    x[5, 0] = 1.0
    with np.errstate(all="raise", under="ignore"):
        loss, grad = byhand.sparse.loss_and_grad(params, x, **SETTINGS)
    expected_loss, expected = a_layer_at_a_time(params, x)
    assert loss == pytest.approx(expected_loss, rel=tolerance)
    for name, value in grad.items():
        scale = np.abs(expected[name]).max()
        np.testing.assert_allclose(value, expected[name], rtol=0.0, atol=tolerance * scale)


def test_what_is_left_of_a_saturated_unit_is_exact():
    # sigma(z) rounds to 1 from z = 37 on; 1 - a is still there, and its mean with it.
    params, x = network(3, 2, 4)
    params["encoder_bias"][:] = [45.0, 60.0]
    params["encoder_weight"][:] = 0.0
    u, _, off = backprop.first_pass(params, x)
    np.testing.assert_allclose(off, 4 * np.exp([-45.0, -60.0]), rtol=1e-13)
    a = np.empty_like(u)
    backprop.activation_of(u, out=a)
    assert np.all(a == 1.0)


def test_the_order_in_memory_does_not_matter():
    params, x = network(7, 5, 700)
    expected = byhand.sparse.loss_and_grad(params, x, **SETTINGS)
    other = byhand.sparse.loss_and_grad(params, np.asfortranarray(x), **SETTINGS)
    every_second = np.repeat(x, 2, axis=0)[::2]
    third = byhand.sparse.loss_and_grad(params, every_second, **SETTINGS)
    for loss, grad in (other, third):
        assert loss == pytest.approx(expected[0], rel=1e-14)
        for name in params:
            np.testing.assert_allclose(grad[name], expected[1][name], rtol=1e-11, atol=1e-14)


def test_float32_means_are_added_up_in_float64():
    # A million float32 activations added one after the other are off in the third digit or so.
    params, _ = network(2, 3, 1, np.float32)
    x = np.full((1_000_000, 2), 0.5, np.float32)
    _, on, off = backprop.first_pass(params, x)
    one = byhand.encode(params, x[:1])[0].astype(np.float64)
    np.testing.assert_allclose(on / len(x), one, rtol=1e-6)
    np.testing.assert_allclose(off / len(x), 1.0 - one, rtol=1e-6)


def peak_of(function):
    function()
    tracemalloc.start()
    function()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_memory_is_at_most_that_of_a_plain_evaluation_three_times(dtype):
    params, x = network(200, 100, 5000, dtype)
    activations = len(x) * (200 + 100) * np.dtype(dtype).itemsize
    peak = peak_of(lambda: byhand.sparse.loss_and_grad(params, x, **SETTINGS))
    assert peak <= 3 * activations
    # Without a penalty nothing of the size of the data is held at all.
    small = peak_of(lambda: byhand.autoencoder.loss_and_grad(params, x[:1000]))
    large = peak_of(lambda: byhand.autoencoder.loss_and_grad(params, x))
    assert large <= 1.1 * small


def test_both_tails_give_the_divergence_and_its_slope():
    rho_hat = np.array([0.01, 0.05, 0.3, 0.9])
    kl, slope = sparsity.kl_from_tails(0.05, rho_hat, 1.0 - rho_hat)
    np.testing.assert_allclose(kl, sparsity.kl_bernoulli(0.05, rho_hat), rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(
        slope, sparsity.kl_bernoulli_grad(0.05, rho_hat), rtol=1e-12, atol=1e-12
    )
    # Beside 1 the difference is gone, and the second tail is not.
    kl, slope = sparsity.kl_from_tails(0.05, np.array([1.0]), np.array([1e-40]))
    assert kl[0] == pytest.approx(0.05 * np.log(0.05) + 0.95 * np.log(0.95 / 1e-40), rel=1e-12)
    assert slope[0] == pytest.approx(0.95e40, rel=1e-12)
    with pytest.raises(ValueError, match="one_minus_rho_hat must be greater than 0"):
        sparsity.kl_from_tails(0.05, np.array([1.0]), np.array([0.0]))
    assert list(sparsity.near_tails(np.array([0.5, 1e-30]), np.array([0.5, 1.0]), np.float32)) == [
        True,
        False,
    ]
