"""Every gradient written by hand, against central differences and against torch's autograd.

The two checks share no code with the subject: the differences see only the loss, and torch
computes the loss itself from its own forward pass.
"""

from functools import partial

import numpy as np
import pytest
import torch

from aelib import byhand, checks, corruption, nn

# m = 11 samples, n visible and h hidden units: under-complete, and over-complete.
SIZES = {"under-complete": (7, 5), "over-complete": (4, 9)}

# Every objective: by hand, by torch, and its own settings, which may need the data.
OBJECTIVES = {
    "plain": (byhand.autoencoder, nn.reconstruction_loss, lambda x: {}),
    "sparse": (
        byhand.sparse,
        nn.sparse_loss,
        lambda x: {"rho": 0.05, "sparsity_weight": 3.0},
    ),
    "sparse without penalty": (
        byhand.sparse,
        nn.sparse_loss,
        lambda x: {"rho": 0.05, "sparsity_weight": 0.0},
    ),
    "denoising": (byhand.denoising, nn.denoising_loss, lambda x: {"x_noisy": noisy(x)}),
    "contractive": (
        byhand.contractive,
        nn.contractive_loss,
        lambda x: {"contraction_weight": 0.7},
    ),
    "contractive without penalty": (
        byhand.contractive,
        nn.contractive_loss,
        lambda x: {"contraction_weight": 0.0},
    ),
}

sizes = pytest.mark.parametrize(("n", "h"), SIZES.values(), ids=SIZES.keys())
decoders = pytest.mark.parametrize("decoder", ["sigmoid", "linear"])
decays = pytest.mark.parametrize("weight_decay", [0.0, 1e-2])
ties = pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
objectives = pytest.mark.parametrize(
    ("half", "loss", "own_settings"), OBJECTIVES.values(), ids=OBJECTIVES.keys()
)


def noisy(x):
    return corruption.gaussian(x, 0.3, np.random.default_rng(5))


def jittered(params, rng):
    # Biases start at 0, where an error in them would be hard to see.
    return {name: p + 0.1 * rng.standard_normal(p.shape) for name, p in params.items()}


def data_for(n, decoder, rng):
    # A linear decoder may see data outside [0, 1].
    return rng.random((11, n)) if decoder == "sigmoid" else rng.standard_normal((11, n))


def network(n, h, decoder, tied=False):
    rng = np.random.default_rng(n * 100 + h)
    params = jittered(byhand.init(n_visible=n, n_hidden=h, rng=rng, tied=tied), rng)
    return params, data_for(n, decoder, rng)


def assert_parity(by_hand, by_torch):
    (loss, grad), (torch_loss, torch_grad) = by_hand, by_torch
    assert loss == pytest.approx(torch_loss, rel=1e-12)
    assert grad.keys() == torch_grad.keys()
    for name in grad:
        error = checks.relative_error(grad[name], torch_grad[name])
        assert error <= 1e-12, f"{name} differs from autograd by {error:.1e}"


@objectives
@sizes
@decoders
@decays
@ties
def test_gradient_agrees_with_central_differences(
    half, loss, own_settings, n, h, decoder, weight_decay, tied
):
    params, x = network(n, h, decoder, tied)
    settings = {"weight_decay": weight_decay, "decoder": decoder, **own_settings(x)}
    checks.check_gradient(lambda p: half.loss_and_grad(p, x, **settings), params, tolerance=1e-7)


@objectives
@sizes
@decoders
@decays
@ties
def test_loss_and_gradient_agree_with_autograd(
    half, loss, own_settings, n, h, decoder, weight_decay, tied, autograd
):
    params, x = network(n, h, decoder, tied)
    settings = {"weight_decay": weight_decay, "decoder": decoder, **own_settings(x)}
    assert_parity(half.loss_and_grad(params, x, **settings), autograd(loss, params, x, **settings))


# --- the stacked networks ------------------------------------------------------------------------

DEPTHS = {"one layer": (5,), "two layers": (5, 3), "three layers": (5, 8, 3)}
depths = pytest.mark.parametrize("hidden", DEPTHS.values(), ids=DEPTHS)


def stacked_network(hidden, decoder="sigmoid"):
    rng = np.random.default_rng(sum(hidden))
    params = jittered(byhand.stacked.init(n_visible=7, sizes=hidden, rng=rng), rng)
    return params, data_for(7, decoder, rng), rng


def classifier(hidden):
    params, x, rng = stacked_network(hidden)
    params = jittered(byhand.stacked.init_classifier(params, n_classes=4, rng=rng), rng)
    return params, x, rng.integers(4, size=11)


@depths
@decoders
@decays
def test_stacked_gradient_agrees_with_central_differences_and_autograd(
    hidden, decoder, weight_decay, autograd
):
    params, x, _ = stacked_network(hidden, decoder)
    settings = {"weight_decay": weight_decay, "decoder": decoder}

    def objective(p):
        return byhand.stacked.loss_and_grad(p, x, **settings)

    checks.check_gradient(objective, params, tolerance=1e-7)
    assert_parity(objective(params), autograd(nn.reconstruction_loss, params, x, **settings))


@depths
@decays
def test_classifier_gradient_agrees_with_central_differences_and_autograd(
    hidden, weight_decay, autograd
):
    params, x, labels = classifier(hidden)

    def objective(p):
        return byhand.stacked.classifier_loss_and_grad(p, x, labels, weight_decay=weight_decay)

    checks.check_gradient(objective, params, tolerance=1e-7)
    assert_parity(
        objective(params),
        autograd(nn.classifier_loss, params, x, labels, weight_decay=weight_decay),
    )


# --- dictionaries --------------------------------------------------------------------------------

# By hand, by torch, and the activation function that torch's `Dictionary` gets.
DICTIONARIES = {
    "k = 1": (partial(byhand.topk.loss_and_grad, k=1), nn.topk_loss, lambda: nn.TopK(1)),
    "k = 3": (partial(byhand.topk.loss_and_grad, k=3), nn.topk_loss, lambda: nn.TopK(3)),
    "L1": (
        partial(byhand.l1.loss_and_grad, sparsity_weight=0.3),
        partial(nn.l1_loss, sparsity_weight=0.3),
        torch.nn.ReLU,
    ),
    "no penalty": (
        partial(byhand.l1.loss_and_grad, sparsity_weight=0.0),
        partial(nn.l1_loss, sparsity_weight=0.0),
        torch.nn.ReLU,
    ),
}
dictionaries = pytest.mark.parametrize(
    ("by_hand", "loss", "activation"), DICTIONARIES.values(), ids=DICTIONARIES
)


@dictionaries
@sizes
@ties
def test_dictionary_gradient_agrees_with_central_differences(by_hand, loss, activation, n, h, tied):
    params, x = network(n, h, "linear", tied)
    checks.check_gradient(lambda p: by_hand(p, x), params, tolerance=1e-7)


@dictionaries
@sizes
def test_dictionary_loss_and_gradient_agree_with_autograd(
    by_hand, loss, activation, n, h, autograd
):
    params, x = network(n, h, "linear")
    assert_parity(by_hand(params, x), autograd(loss, params, x, activation=activation()))


@dictionaries
def test_both_halves_choose_the_same_of_equal_preactivations(by_hand, loss, activation, autograd):
    params, x = network(4, 9, "linear")
    # Units 1 to 6 are one unit six times: every choice among them is a tie.
    for j in range(2, 7):
        params["encoder_weight"][:, j] = params["encoder_weight"][:, 1]
        params["encoder_bias"][j] = params["encoder_bias"][1]
    assert_parity(by_hand(params, x), autograd(loss, params, x, activation=activation()))


def test_all_units_chosen_is_no_choice():
    params, x = network(7, 5, "linear")
    chosen = byhand.topk.loss_and_grad(params, x, k=5)
    relu = byhand.l1.loss_and_grad(params, x, sparsity_weight=0.0)
    assert chosen[0] == relu[0]
    for name in params:
        np.testing.assert_array_equal(chosen[1][name], relu[1][name])


def test_a_unit_that_is_never_chosen_gets_no_gradient():
    params, x = network(7, 5, "linear")
    params["encoder_bias"][2] = -100.0
    _, grad = byhand.topk.loss_and_grad(params, x, k=4)
    assert not grad["encoder_weight"][:, 2].any()
    assert grad["encoder_bias"][2] == 0.0
    assert not grad["decoder_weight"][2].any()
    assert grad["encoder_weight"][:, [0, 1, 3, 4]].any(axis=0).all()


@dictionaries
@ties
def test_dictionaries_by_hand_in_float32_stay_float32(by_hand, loss, activation, tied):
    params, x = network(7, 5, "linear", tied)
    single = {k: value.astype(np.float32) for k, value in params.items()}
    x32 = x.astype(np.float32)
    loss32, grad32 = by_hand(single, x32)
    widened = {k: value.astype(np.float64) for k, value in single.items()}
    loss64, grad64 = by_hand(widened, x32.astype(np.float64))
    assert loss32 == pytest.approx(loss64, rel=1e-6)
    for k in params:
        assert grad32[k].dtype == np.float32
        assert checks.relative_error(grad32[k], grad64[k]) <= 2e-6, k


def test_the_largest_are_the_largest_and_of_equal_ones_the_first():
    z = np.array([[3.0, 1.0, 3.0, 2.0], [0.0, -0.0, 0.0, 0.0], [-1.0, -3.0, -2.0, -4.0]])
    assert byhand.topk.select(z, 2).tolist() == [
        [True, False, True, False],
        [True, True, False, False],
        [True, False, True, False],
    ]
    assert byhand.topk.select(z, 1)[0].tolist() == [True, False, False, False]
    # What is chosen and below 0 is still off.
    params = {
        "encoder_weight": np.eye(4),
        "encoder_bias": np.zeros(4),
        "decoder_weight": np.eye(4),
        "decoder_bias": np.zeros(4),
    }
    assert byhand.topk.encode(params, z, k=2).tolist() == [[3, 0, 3, 0], [0] * 4, [0] * 4]


@dictionaries
def test_exactly_at_the_kink_the_slope_is_that_of_the_side_that_is_off(
    by_hand, loss, activation, autograd
):
    # As in torch: the ReLU's slope at 0 is 0.
    params, x = network(7, 5, "linear")
    params["encoder_weight"][:, 2] = 0.0
    params["encoder_bias"][2] = 0.0
    found = by_hand(params, x)
    assert not found[1]["encoder_weight"][:, 2].any()
    assert found[1]["encoder_bias"][2] == 0.0
    assert_parity(found, autograd(loss, params, x, activation=activation()))


def test_directions_on_the_sphere_by_hand():
    params, x = network(7, 5, "linear")
    unit = byhand.unit_norm.normalise(params)
    norms = np.linalg.norm(unit["decoder_weight"], axis=1)
    np.testing.assert_allclose(norms, 1.0, rtol=1e-14)
    cosine = np.sum(unit["decoder_weight"] * params["decoder_weight"], axis=1)
    np.testing.assert_allclose(cosine, np.linalg.norm(params["decoder_weight"], axis=1))

    _, grad = byhand.l1.loss_and_grad(unit, x, sparsity_weight=0.3)
    tangent = byhand.unit_norm.remove_parallel(unit, grad)
    along = np.sum(tangent["decoder_weight"] * unit["decoder_weight"], axis=1)
    np.testing.assert_allclose(along, 0.0, atol=1e-14)
    assert tangent["encoder_weight"] is grad["encoder_weight"]
    # It is the gradient of the objective with the norm taken out, by differences.

    def on_the_sphere(weight):
        return byhand.topk.loss_and_grad(
            byhand.unit_norm.normalise({**unit, "decoder_weight": weight}), x, k=3
        )[0]

    _, grad = byhand.topk.loss_and_grad(unit, x, k=3)
    tangent = byhand.unit_norm.remove_parallel(unit, grad)["decoder_weight"]
    expected = checks.numerical_gradient(on_the_sphere, unit["decoder_weight"])
    assert checks.relative_error(tangent, expected) <= 1e-7


# --- the edges -----------------------------------------------------------------------------------


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
def test_without_noise_or_penalty_the_others_are_the_plain_one_too(params, x, decoder):
    settings = {"weight_decay": 1e-2, "decoder": decoder}
    plain = byhand.autoencoder.loss_and_grad(params, x, **settings)
    denoising = byhand.denoising.loss_and_grad(params, x, x_noisy=x, **settings)
    assert denoising[0] == plain[0]
    # A whole layer at a time: another order of the same sums.
    contractive = byhand.contractive.loss_and_grad(params, x, contraction_weight=0.0, **settings)
    assert contractive[0] == pytest.approx(plain[0], rel=1e-14)
    for name in params:
        np.testing.assert_array_equal(denoising[1][name], plain[1][name])
        np.testing.assert_allclose(contractive[1][name], plain[1][name], rtol=1e-12, atol=1e-15)


@decoders
def test_contractive_gradient_agrees_with_autograd_where_units_are_dead_or_saturated(
    decoder, autograd
):
    params, x = network(7, 5, decoder)
    params["encoder_bias"][:4] = [-45.0, 45.0, 3.0, -750.0]
    settings = {"contraction_weight": 0.7, "weight_decay": 1e-2, "decoder": decoder}
    assert_parity(
        byhand.contractive.loss_and_grad(params, x, **settings),
        autograd(nn.contractive_loss, params, x, **settings),
    )


def test_the_jacobian_of_saturated_units_keeps_its_digits_in_float32(params, x):
    # sigma(20) rounds to 1 in float32: a(1 - a) would be exactly 0.
    params["encoder_bias"][:] = 20.0
    single = {name: value.astype(np.float32) for name, value in params.items()}
    widened = {name: value.astype(np.float64) for name, value in single.items()}
    x32 = x.astype(np.float32)
    for function in (byhand.contractive.jacobian, byhand.contractive.jacobian_norm):
        value32, value64 = function(single, x32), function(widened, x32.astype(np.float64))
        assert value32.dtype == np.float32
        assert value64.min() > 0 or function is byhand.contractive.jacobian
        np.testing.assert_allclose(value32, value64, rtol=1e-5)


@pytest.mark.parametrize("name", ["denoising", "contractive"])
@ties
def test_other_objectives_in_float32_agree_with_float64_and_stay_float32(name, tied):
    half, _, own_settings = OBJECTIVES[name]
    params, x = network(7, 5, "sigmoid", tied)
    single = {k: value.astype(np.float32) for k, value in params.items()}
    x32 = x.astype(np.float32)
    settings32 = own_settings(x32) | {"weight_decay": 1e-2}
    loss32, grad32 = half.loss_and_grad(single, x32, **settings32)
    widened = {k: value.astype(np.float64) for k, value in single.items()}
    settings64 = {
        k: v.astype(np.float64) if isinstance(v, np.ndarray) else v for k, v in settings32.items()
    }
    loss64, grad64 = half.loss_and_grad(widened, x32.astype(np.float64), **settings64)
    assert loss32 == pytest.approx(loss64, rel=1e-6)
    for k in params:
        assert grad32[k].dtype == np.float32
        assert checks.relative_error(grad32[k], grad64[k]) <= 1e-6, k


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


@objectives
def test_a_tied_gradient_is_the_sum_of_both_roles(half, loss, own_settings):
    tied, x = network(7, 5, "sigmoid", tied=True)
    untied = {**tied, "decoder_weight": tied["encoder_weight"].T.copy()}
    settings = own_settings(x)
    tied_loss, tied_grad = half.loss_and_grad(tied, x, **settings)
    untied_loss, untied_grad = half.loss_and_grad(untied, x, **settings)
    assert tied_loss == pytest.approx(untied_loss, rel=1e-14)
    expected = untied_grad["encoder_weight"] + untied_grad["decoder_weight"].T
    np.testing.assert_allclose(tied_grad["encoder_weight"], expected, rtol=1e-11, atol=1e-15)
    for name in ("encoder_bias", "decoder_bias"):
        np.testing.assert_allclose(tied_grad[name], untied_grad[name], rtol=1e-12, atol=1e-15)


def test_weight_decay_counts_a_tied_matrix_once():
    tied, x = network(7, 5, "sigmoid", tied=True)
    without, with_decay = (
        byhand.autoencoder.loss_and_grad(tied, x, weight_decay=d) for d in (0.0, 0.5)
    )
    weight = tied["encoder_weight"]
    assert with_decay[0] - without[0] == pytest.approx(0.25 * (weight**2).sum(), rel=1e-13)
    change = with_decay[1]["encoder_weight"] - without[1]["encoder_weight"]
    np.testing.assert_allclose(change, 0.5 * weight, rtol=1e-12)


@objectives
@ties
def test_no_objective_changes_its_arguments(half, loss, own_settings, tied):
    params, x = network(7, 5, "sigmoid", tied)
    settings = own_settings(x)
    before = {name: value.copy() for name, value in params.items()}
    x_before, noisy_before = x.copy(), np.array(settings.get("x_noisy", 0.0))
    half.loss_and_grad(params, x, weight_decay=1e-2, **settings)
    np.testing.assert_array_equal(x, x_before)
    np.testing.assert_array_equal(settings.get("x_noisy", 0.0), noisy_before)
    for name in params:
        np.testing.assert_array_equal(params[name], before[name])
