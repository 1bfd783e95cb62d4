"""Every gradient written by hand, against central differences and against torch's autograd.

The two checks share no code with the subject: the differences see only the loss, and torch
computes the loss itself from its own forward pass.
"""

import numpy as np
import pytest

from aelib import byhand, checks, nn

# m = 11 samples, n visible and h hidden units: under-complete, and over-complete.
SIZES = {"under-complete": (7, 5), "over-complete": (4, 9)}

sizes = pytest.mark.parametrize(("n", "h"), SIZES.values(), ids=SIZES.keys())
decoders = pytest.mark.parametrize("decoder", ["sigmoid", "linear"])
decays = pytest.mark.parametrize("weight_decay", [0.0, 1e-2])
penalties = pytest.mark.parametrize("sparsity_weight", [0.0, 3.0])


def network(n, h, decoder):
    rng = np.random.default_rng(n * 100 + h)
    params = byhand.init(n_visible=n, n_hidden=h, rng=rng)
    params = {name: p + 0.1 * rng.standard_normal(p.shape) for name, p in params.items()}
    # A linear decoder may see data outside [0, 1].
    x = rng.random((11, n)) if decoder == "sigmoid" else rng.standard_normal((11, n))
    return params, x


def assert_parity(by_hand, by_torch):
    (loss, grad), (torch_loss, torch_grad) = by_hand, by_torch
    assert loss == pytest.approx(torch_loss, rel=1e-12)
    for name in grad:
        error = checks.relative_error(grad[name], torch_grad[name])
        assert error <= 1e-12, f"{name} differs from autograd by {error:.1e}"


@sizes
@decoders
@decays
def test_plain_gradient_agrees_with_central_differences(n, h, decoder, weight_decay):
    params, x = network(n, h, decoder)
    checks.check_gradient(
        lambda p: byhand.autoencoder.loss_and_grad(
            p, x, weight_decay=weight_decay, decoder=decoder
        ),
        params,
        tolerance=1e-7,
    )


@sizes
@decoders
@decays
@penalties
def test_sparse_gradient_agrees_with_central_differences(
    n, h, decoder, weight_decay, sparsity_weight
):
    params, x = network(n, h, decoder)
    settings = {"rho": 0.05, "sparsity_weight": sparsity_weight, "weight_decay": weight_decay}
    checks.check_gradient(
        lambda p: byhand.sparse.loss_and_grad(p, x, decoder=decoder, **settings),
        params,
        tolerance=1e-7,
    )


@sizes
@decoders
@decays
def test_plain_loss_and_gradient_agree_with_autograd(n, h, decoder, weight_decay, autograd):
    params, x = network(n, h, decoder)
    settings = {"weight_decay": weight_decay, "decoder": decoder}
    assert_parity(
        byhand.autoencoder.loss_and_grad(params, x, **settings),
        autograd(nn.reconstruction_loss, params, x, **settings),
    )


@sizes
@decoders
@decays
@penalties
def test_sparse_loss_and_gradient_agree_with_autograd(
    n, h, decoder, weight_decay, sparsity_weight, autograd
):
    params, x = network(n, h, decoder)
    settings = {
        "rho": 0.05,
        "sparsity_weight": sparsity_weight,
        "weight_decay": weight_decay,
        "decoder": decoder,
    }
    assert_parity(
        byhand.sparse.loss_and_grad(params, x, **settings),
        autograd(nn.sparse_loss, params, x, **settings),
    )


@decoders
def test_gradients_agree_with_autograd_where_units_are_dead_or_saturated(decoder, autograd):
    # Differences see nothing out there (the loss is flat); autograd does. Unit 0 is never on,
    # unit 1 always, unit 2 on for some samples only; unit 3 has a tail only logarithms can hold.
    params, x = network(7, 5, decoder)
    params["encoder_bias"][:4] = [-45.0, 45.0, 3.0, -750.0]
    settings = {"rho": 0.05, "sparsity_weight": 3.0, "weight_decay": 1e-2, "decoder": decoder}
    assert_parity(
        byhand.sparse.loss_and_grad(params, x, **settings),
        autograd(nn.sparse_loss, params, x, **settings),
    )


@decoders
def test_without_penalty_the_sparse_objective_is_the_plain_one(params, x, decoder):
    plain = byhand.autoencoder.loss_and_grad(params, x, weight_decay=1e-2, decoder=decoder)
    sparse = byhand.sparse.loss_and_grad(
        params, x, rho=0.05, sparsity_weight=0.0, weight_decay=1e-2, decoder=decoder
    )
    assert sparse[0] == plain[0]
    for name in params:
        np.testing.assert_array_equal(sparse[1][name], plain[1][name])


@decoders
def test_float32_agrees_with_float64_and_stays_float32(params, x, decoder):
    # Ten operations of 6e-8 each; a gradient entry is a sum over 11 samples.
    settings = {"rho": 0.05, "sparsity_weight": 3.0, "weight_decay": 1e-2, "decoder": decoder}
    single = {name: value.astype(np.float32) for name, value in params.items()}
    loss32, grad32 = byhand.sparse.loss_and_grad(single, x.astype(np.float32), **settings)
    # From the same rounded numbers, so that only the arithmetic differs.
    widened = {name: value.astype(np.float64) for name, value in single.items()}
    loss64, grad64 = byhand.sparse.loss_and_grad(
        widened, x.astype(np.float32).astype(np.float64), **settings
    )
    assert loss32 == pytest.approx(loss64, rel=1e-6)
    for name in params:
        assert grad32[name].dtype == np.float32
        assert grad64[name].dtype == np.float64
        assert checks.relative_error(grad32[name], grad64[name]) <= 1e-6, name


@pytest.mark.parametrize("layer", ["encoder", "decoder"])
def test_saturated_units_keep_their_small_gradient_in_float32(params, x, layer):
    # sigma(20) rounds to 1 in float32: with 1 - a for sigma(-z) the gradient would be exactly 0.
    params[f"{layer}_bias"][:] = 20.0
    single = {name: value.astype(np.float32) for name, value in params.items()}
    _, grad32 = byhand.autoencoder.loss_and_grad(single, x.astype(np.float32))
    widened = {name: value.astype(np.float64) for name, value in single.items()}
    _, grad64 = byhand.autoencoder.loss_and_grad(widened, x.astype(np.float32).astype(np.float64))
    for kind in ("weight", "bias"):
        name = f"{layer}_{kind}"
        assert 0 < np.abs(grad64[name]).max() < 1e-8
        assert checks.relative_error(grad32[name], grad64[name]) <= 1e-5, name


def test_weight_decay_leaves_the_biases_alone(params, x):
    _, without = byhand.autoencoder.loss_and_grad(params, x)
    _, with_decay = byhand.autoencoder.loss_and_grad(params, x, weight_decay=0.5)
    for name in ("encoder_bias", "decoder_bias"):
        np.testing.assert_array_equal(with_decay[name], without[name])
    for name in ("encoder_weight", "decoder_weight"):
        np.testing.assert_allclose(with_decay[name] - without[name], 0.5 * params[name], rtol=1e-13)


def test_objectives_do_not_change_their_arguments(params, x):
    before = {name: value.copy() for name, value in params.items()}
    x_before = x.copy()
    byhand.sparse.loss_and_grad(params, x, rho=0.05, sparsity_weight=3.0, weight_decay=1e-2)
    np.testing.assert_array_equal(x, x_before)
    for name in params:
        np.testing.assert_array_equal(params[name], before[name])
