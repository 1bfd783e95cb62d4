"""Tests of the tests: known wrong gradients must fail both checks, the right one must pass.

Each wrong form is one that slides, ports or students have shipped. The loss is the true one; only
the gradient is wrong. The largest of them is off by nearly its whole length, the smallest by less
than one per cent: a loose tolerance would let that one through.

The contractive penalty's two known bugs are wrong in the loss too. Each is the gradient of its own
loss, so differences find nothing: only another implementation does, or the Jacobian by autograd.
"""

import numpy as np
import pytest
import torch
from scipy.special import expit

from aelib import byhand, checks, nn

RHO, SPARSITY_WEIGHT, WEIGHT_DECAY = 0.05, 3.0, 1e-2


def objective(params, x, hidden_delta, decay_in_gradient=True):
    """Return the true loss, and the gradient with the hidden delta that a form prescribes."""
    m = len(x)
    w1, w2 = params["encoder_weight"], params["decoder_weight"]
    a = expit(x @ w1 + params["encoder_bias"])
    x_hat = expit(a @ w2 + params["decoder_bias"])
    rho_hat = a.mean(axis=0)
    loss = (
        0.5 * np.sum((x_hat - x) ** 2) / m
        + SPARSITY_WEIGHT
        * np.sum(RHO * np.log(RHO / rho_hat) + (1 - RHO) * np.log((1 - RHO) / (1 - rho_hat)))
        + 0.5 * WEIGHT_DECAY * (np.sum(w1**2) + np.sum(w2**2))
    )
    delta_out = (x_hat - x) * x_hat * (1 - x_hat) / m
    delta = hidden_delta(a, rho_hat, delta_out @ w2.T)
    decay = WEIGHT_DECAY if decay_in_gradient else 0.0
    return float(loss), {
        "encoder_weight": x.T @ delta + decay * w1,
        "encoder_bias": delta.sum(axis=0),
        "decoder_weight": a.T @ delta_out + decay * w2,
        "decoder_bias": delta_out.sum(axis=0),
    }


def slope(rho_hat):
    return -RHO / rho_hat + (1 - RHO) / (1 - rho_hat)


def correct(a, rho_hat, error):
    return a * (1 - a) * (error + SPARSITY_WEIGHT / len(a) * slope(rho_hat))


def slide(a, rho_hat, error):
    # The slide at 17:36 closes the bracket before the penalty.
    return a * (1 - a) * error + SPARSITY_WEIGHT / len(a) * slope(rho_hat)


def extra_1_over_m(a, rho_hat, error):
    return a * (1 - a) * (error + SPARSITY_WEIGHT / len(a) ** 2 * slope(rho_hat))


def reversed_kl(a, rho_hat, error):
    # The gradient of KL(rho_hat || rho).
    other = np.log(rho_hat / RHO) - np.log((1 - rho_hat) / (1 - RHO))
    return a * (1 - a) * (error + SPARSITY_WEIGHT / len(a) * other)


def kl_per_sample(a, rho_hat, error):
    # The gradient of the mean over samples of KL(rho || a), instead of KL(rho || mean of a).
    return a * (1 - a) * (error + SPARSITY_WEIGHT / len(a) * slope(a))


ENCODER = {"encoder_weight", "encoder_bias"}
WEIGHTS = {"encoder_weight", "decoder_weight"}

# The form, whether the gradient has the decay, the parameters that are off, and the band in which
# the relative error of the whole gradient lies (measured on the network of conftest.py).
WRONG = {
    "the slide's bracket": (slide, True, ENCODER, (0.74, 0.80)),
    "an extra 1/m": (extra_1_over_m, True, ENCODER, (0.88, 0.93)),
    "KL reversed": (reversed_kl, True, ENCODER, (0.31, 0.38)),
    "KL per sample": (kl_per_sample, True, ENCODER, (0.037, 0.045)),
    "no weight decay": (correct, False, WEIGHTS, (0.0059, 0.0072)),
}
wrong_forms = pytest.mark.parametrize(
    ("form", "decay", "parameters", "band"), WRONG.values(), ids=WRONG.keys()
)


def torch_error(form, decay, params, x, autograd):
    loss, grad = objective(params, x, form, decay)
    torch_loss, torch_grad = autograd(
        nn.sparse_loss,
        params,
        x,
        rho=RHO,
        sparsity_weight=SPARSITY_WEIGHT,
        weight_decay=WEIGHT_DECAY,
    )
    # The loss is right: nothing but the gradient can give the form away.
    assert loss == pytest.approx(torch_loss, rel=1e-12)
    return checks.relative_error(grad, torch_grad)


def test_the_correct_form_passes_both_checks(params, x, autograd):
    checks.check_gradient(lambda p: objective(p, x, correct), params, tolerance=1e-7)
    assert torch_error(correct, True, params, x, autograd) <= 1e-12


@wrong_forms
def test_central_differences_reject_a_wrong_form_and_name_its_parameters(
    form, decay, parameters, band, params, x
):
    with pytest.raises(AssertionError) as failure:
        checks.check_gradient(lambda p: objective(p, x, form, decay), params, tolerance=1e-7)
    named = {name for name in params if f"{name}: relative error" in str(failure.value)}
    assert named == parameters


@wrong_forms
def test_comparison_with_torch_rejects_a_wrong_form(
    form, decay, parameters, band, params, x, autograd
):
    error = torch_error(form, decay, params, x, autograd)
    low, high = band
    assert low < error < high


# --- the contractive penalty ---------------------------------------------------------------------

CONTRACTION_WEIGHT = 0.7


def contractive(params, x, penalty):
    """Return the plain objective plus a penalty given with its own gradient."""
    loss, grad = byhand.autoencoder.loss_and_grad(params, x, weight_decay=WEIGHT_DECAY)
    a = expit(x @ params["encoder_weight"] + params["encoder_bias"])
    value, by_delta, by_weight = penalty(params["encoder_weight"], a)
    grad["encoder_weight"] = grad["encoder_weight"] + CONTRACTION_WEIGHT * (
        x.T @ by_delta + by_weight
    )
    grad["encoder_bias"] = grad["encoder_bias"] + CONTRACTION_WEIGHT * by_delta.sum(axis=0)
    return loss + CONTRACTION_WEIGHT * value, grad


def squared(w, a):
    s2, m = (a * (1 - a)) ** 2, len(a)
    norms = (w**2).sum(axis=0)
    return (s2 @ norms).sum() / m, 2 / m * s2 * (1 - 2 * a) * norms, 2 * w * s2.mean(axis=0)


def floor_division(w, a):
    # Theano: T.sum(J ** 2) // n_batchsize. A step function has no slope, so the gradient is 0.
    value, by_delta, by_weight = squared(w, a)
    return value * len(a) // len(a), 0 * by_delta, 0 * by_weight


def summed_before_squaring(w, a):
    s2, m = (a * (1 - a)) ** 2, len(a)
    total = w.sum(axis=0)
    by_delta = 2 / m * s2 * (1 - 2 * a) * total**2
    return (s2 @ total**2).sum() / m, by_delta, np.tile(2 * total * s2.mean(axis=0), (len(w), 1))


# The bug and the band of the relative error of the whole gradient (measured).
WRONG_PENALTIES = {
    "floor division": (floor_division, (0.68, 0.75)),
    "summed before squaring": (summed_before_squaring, (0.90, 0.98)),
}
wrong_penalties = pytest.mark.parametrize(
    ("penalty", "band"), WRONG_PENALTIES.values(), ids=WRONG_PENALTIES
)


def contractive_by_torch(params, x, autograd):
    return autograd(
        nn.contractive_loss,
        params,
        x,
        contraction_weight=CONTRACTION_WEIGHT,
        weight_decay=WEIGHT_DECAY,
    )


def test_the_correct_penalty_passes_both_checks(params, x, autograd):
    checks.check_gradient(lambda p: contractive(p, x, squared), params, tolerance=1e-7)
    loss, grad = contractive(params, x, squared)
    torch_loss, torch_grad = contractive_by_torch(params, x, autograd)
    assert loss == pytest.approx(torch_loss, rel=1e-12)
    assert checks.relative_error(grad, torch_grad) <= 1e-12


@wrong_penalties
def test_differences_alone_do_not_see_a_wrong_penalty(penalty, band, params, x):
    checks.check_gradient(lambda p: contractive(p, x, penalty), params, tolerance=1e-7)


@wrong_penalties
def test_differences_of_the_true_loss_see_it_and_name_the_encoder(penalty, band, params, x):
    def objective(p):
        return contractive(p, x, squared)[0], contractive(p, x, penalty)[1]

    with pytest.raises(AssertionError) as failure:
        checks.check_gradient(objective, params, tolerance=1e-7)
    named = {name for name in params if f"{name}: relative error" in str(failure.value)}
    assert named == ENCODER


@wrong_penalties
def test_comparison_with_torch_rejects_a_wrong_penalty(penalty, band, params, x, autograd):
    loss, grad = contractive(params, x, penalty)
    torch_loss, torch_grad = contractive_by_torch(params, x, autograd)
    assert abs(loss - torch_loss) > 1e-2 * torch_loss
    low, high = band
    assert low < checks.relative_error(grad, torch_grad) < high


@wrong_penalties
def test_the_jacobian_by_autograd_rejects_a_wrong_penalty(penalty, band, params, x):
    jacobian = nn.jacobian(nn.from_byhand(params), torch.from_numpy(x)).detach().numpy()
    by_autograd = (jacobian**2).sum() / len(x)
    a = byhand.encode(params, x)
    assert squared(params["encoder_weight"], a)[0] == pytest.approx(by_autograd, rel=1e-12)
    assert byhand.contractive.jacobian_norm(params, x).mean() == pytest.approx(by_autograd, 1e-12)
    assert penalty(params["encoder_weight"], a)[0] != pytest.approx(by_autograd, rel=1e-2)
