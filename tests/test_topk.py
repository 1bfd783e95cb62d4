"""Dictionaries in torch: activation functions, losses, unit norms, and dead units."""

import copy
import itertools
import math
from functools import partial

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from aelib import byhand, nn
from aelib import dictionary as metrics
from aelib.nn.select import largest

N, H, M = 6, 10, 40
ACTIVATIONS = {
    "relu": torch.nn.ReLU,
    "topk": lambda: nn.TopK(2),
    "batchtopk": lambda: nn.BatchTopK(2.5),
    "jumprelu": lambda: nn.JumpReLU(H, threshold=0.3, bandwidth=0.2),
}
LOSSES = {
    "relu": partial(nn.l1_loss, sparsity_weight=0.05),
    "topk": nn.topk_loss,
    "batchtopk": nn.topk_loss,
    "jumprelu": partial(nn.jumprelu_loss, sparsity_weight=0.05),
}
every_kind = pytest.mark.parametrize("kind", ACTIVATIONS)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def dictionary(kind="topk", seed=0, dtype=torch.float64):
    return nn.Dictionary(N, H, ACTIVATIONS[kind](), generator=generator(seed), dtype=dtype)


def batch(m=M, seed=1, dtype=torch.float64):
    return torch.randn(m, N, generator=generator(seed), dtype=dtype)


def norms(model):
    return model.decoder.weight.detach().norm(dim=0)


# --- the module ----------------------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shapes_and_dtypes(kind, dtype):
    model, x = dictionary(kind, dtype=dtype), batch(dtype=dtype)
    assert {p.dtype for p in model.parameters()} == {dtype}
    x_hat, a, z = model(x, with_layers=True)
    assert (x_hat.shape, a.shape, z.shape) == ((M, N), (M, H), (M, H))
    assert {v.dtype for v in (x_hat, a, z)} == {dtype}
    assert torch.equal(model(x), x_hat)
    assert torch.equal(model.preactivation(x), z)
    assert torch.equal(model.encode(x), a)
    assert torch.equal(model.decode(a), x_hat)
    assert a.min() >= 0
    assert LOSSES[kind](model, x).dtype == dtype


def test_the_model_is_its_formula():
    model, x = dictionary("relu"), batch()
    with torch.no_grad():
        model.encoder.bias.normal_(generator=generator(5))
        model.decoder.bias.normal_(generator=generator(6))
    w1, b1 = model.encoder.weight.T, model.encoder.bias
    w2, b2 = model.decoder.weight.T, model.decoder.bias
    expected = ((x - b2) @ w1 + b1).relu() @ w2 + b2
    torch.testing.assert_close(model(x), expected, rtol=1e-13, atol=1e-14)
    params = nn.to_byhand(model)
    np.testing.assert_allclose(
        byhand.l1.encode(params, x.numpy()), model.encode(x).detach(), rtol=1e-12, atol=1e-14
    )
    again = nn.from_byhand(params, activation=torch.nn.ReLU())
    assert torch.equal(again(x), model(x))


def test_it_starts_with_unit_directions_from_its_generator_alone():
    torch.manual_seed(123)
    before = torch.get_rng_state()
    model, again, other = dictionary(seed=0), dictionary(seed=0), dictionary(seed=1)
    assert torch.equal(torch.get_rng_state(), before), "torch's global generator was used"
    assert torch.equal(model.encoder.weight, again.encoder.weight)
    assert not torch.equal(model.encoder.weight, other.encoder.weight)
    torch.testing.assert_close(norms(model), torch.ones(H, dtype=torch.float64))
    assert torch.equal(model.encoder.weight, model.decoder.weight.T)
    assert not model.encoder.bias.any()
    assert not model.decoder.bias.any()


def test_printing_names_the_settings():
    assert "TopK(k=2)" in repr(dictionary("topk"))
    assert "BatchTopK(k=2.5, rate=0.01)" in repr(dictionary("batchtopk"))
    assert "JumpReLU(n_hidden=10, bandwidth=0.2)" in repr(dictionary("jumprelu"))


@every_kind
def test_a_saved_model_is_the_same_model(kind, tmp_path):
    model, x = dictionary(kind), batch()
    LOSSES[kind](model, x)
    nn.save(model, tmp_path / "model.pt")
    other = dictionary(kind, seed=3)
    nn.load(other, tmp_path / "model.pt")
    assert torch.equal(model.eval()(x), other.eval()(x))
    assert torch.equal(model.steps_since_active, other.steps_since_active)


# --- what is chosen ------------------------------------------------------------------------------


def test_the_largest_agree_with_those_by_hand_ties_included():
    # Few different values: nearly every row has a tie at the border.
    z = torch.randint(-2, 3, (200, 7), generator=generator()).double()
    for k in range(1, 8):
        chosen = largest(z, k)
        assert (chosen.sum(dim=1) == k).all()
        np.testing.assert_array_equal(chosen, byhand.topk.select(z.numpy(), k))


def test_topk_keeps_at_most_k_and_they_are_the_largest():
    z = batch().abs() + 0.1  # all above 0, so exactly k
    a = nn.TopK(2)(z)
    assert ((a > 0).sum(dim=1) == 2).all()
    assert torch.equal(a.max(dim=1).values, z.max(dim=1).values)
    assert torch.equal(a[a > 0], z[a > 0])
    assert not nn.TopK(2)(-z).any()


def test_batchtopk_spends_on_one_sample_what_another_does_not_need():
    z = torch.tensor([[9.0, 8.0, 7.0, 6.0], [1.0, 2.0, 0.5, -1.0], [5.0, 0.1, 0.2, 0.3]])
    a = nn.BatchTopK(5 / 3)(z)
    assert a.tolist() == [[9, 8, 7, 6], [0, 0, 0, 0], [5, 0, 0, 0]]


def test_batchtopk_s_threshold_is_the_mean_of_the_smallest_that_were_kept_then_exponential():
    activation = nn.BatchTopK(2, rate=0.25)
    smallest = []
    for seed in range(12):
        a = activation(batch(seed=seed))
        smallest.append(a[a > 0].min().item())
        if seed < 4:
            expected = np.mean(smallest)
        else:
            expected += 0.25 * (smallest[-1] - expected)
        assert activation.threshold.item() == pytest.approx(expected, rel=1e-6)
    assert activation.n_batches == 12


def test_batchtopk_uses_its_threshold_and_no_other_sample_outside_of_training():
    model, x = dictionary("batchtopk"), batch(2000)
    for rows in x.split(100):
        model(rows)
    model.eval()
    theta = model.activation.threshold
    a, z = model.encode(x), model.preactivation(x)
    assert torch.equal(a, torch.where(z > theta, z, 0.0))
    torch.testing.assert_close(model.encode(x[:1]), a[:1])
    assert (a > 0).sum(dim=1).double().mean().item() == pytest.approx(2.5, abs=0.2)
    assert theta == model.activation.threshold, "evaluation changed the estimate"


def test_batchtopk_learns_no_threshold_without_gradients():
    model = dictionary("batchtopk")
    with torch.no_grad():
        nn.topk_loss(model, batch())
    assert model.activation.n_batches == 0
    model.eval()
    with pytest.raises(RuntimeError, match="has no threshold yet"):
        model(batch())


def test_batchtopk_s_threshold_ignores_a_batch_in_which_nothing_is_active():
    activation = nn.BatchTopK(1)
    assert not activation(-torch.ones(3, 4)).any()
    assert activation.n_batches == 0


@pytest.mark.parametrize("activation", [nn.TopK(11), nn.BatchTopK(11)])
def test_more_than_all_units_cannot_be_kept(activation):
    with pytest.raises(ValueError, match="k must be at most"):
        activation(torch.ones(3, 10))


def test_less_than_one_unit_a_batch_cannot_be_kept():
    with pytest.raises(ValueError, match=r"k=0.3 keeps nothing of a batch of 3"):
        nn.BatchTopK(0.3)(torch.ones(3, 10))


# --- L1 and its shrinkage ------------------------------------------------------------------------


def test_l1_loss_is_its_formula():
    model, x = dictionary("relu"), batch()
    with torch.no_grad():
        model.decoder.weight.mul_(torch.arange(1.0, H + 1))
    a, x_hat = model.encode(x), model(x)
    expected = 0.5 * (x - x_hat).square().sum() / M + 0.7 * (a * norms(model)).sum() / M
    torch.testing.assert_close(nn.l1_loss(model, x, sparsity_weight=0.7), expected)


def test_l1_shrinks_by_lambda_and_no_less():
    # Orthonormal features that are all present: the best activation is the amount minus lambda,
    # which a bias of -lambda brings about for every sample.
    model = nn.Dictionary(N, N, dtype=torch.float64)
    with torch.no_grad():
        model.encoder.weight.copy_(torch.eye(N))
        model.decoder.weight.copy_(torch.eye(N))
    x = 1.0 + torch.rand(M, N, generator=generator(), dtype=torch.float64)
    optimizer = torch.optim.SGD([model.encoder.bias], lr=0.5)
    nn.train(
        model,
        partial(nn.l1_loss, sparsity_weight=0.3),
        [x],
        optimizer,
        epochs=60,
        progress=False,
    )
    torch.testing.assert_close(model.encode(x), x - 0.3, rtol=0, atol=1e-12)


def test_long_directions_and_small_activations_are_no_way_around_the_penalty():
    # Half the activation and twice the direction: the same J, because the norms are in it.
    model, x = dictionary("relu"), batch()
    half = copy.deepcopy(model)
    with torch.no_grad():
        half.encoder.weight.mul_(0.5)
        half.decoder.weight.mul_(2.0)
    j, j_half = (nn.l1_loss(m, x, sparsity_weight=0.7) for m in (model, half))
    torch.testing.assert_close(j, j_half)


# --- JumpReLU ------------------------------------------------------------------------------------


def test_jumprelu_lets_nothing_pass_below_and_everything_unchanged_above():
    activation = nn.JumpReLU(3, threshold=0.5, dtype=torch.float64)
    with torch.no_grad():
        activation.threshold[:] = torch.tensor([0.5, 1.5, -0.2])
    z = torch.tensor([[0.4, 1.4, -0.1], [0.5, 1.5, 0.0], [0.6, 1.6, 0.1]], dtype=torch.float64)
    assert activation(z).tolist() == [[0, 0, 0], [0, 0, 0], [0.6, 1.6, 0.1]]
    assert activation.gate(z).tolist() == [[0, 0, 0], [0, 0, 0], [1, 1, 1]]


def test_jumprelu_loss_is_its_formula():
    model, x = dictionary("jumprelu"), batch()
    a, x_hat = model.encode(x), model(x)
    expected = 0.5 * (x - x_hat).square().sum() / M + 0.7 * (a > 0).sum() / M
    torch.testing.assert_close(nn.jumprelu_loss(model, x, sparsity_weight=0.7), expected)


def smoothed_count(z, theta, width):
    """Return the mean number of active units, with the step smoothed by the rectangle kernel."""
    return np.clip((z - theta) / width + 0.5, 0.0, 1.0).sum(axis=1).mean()


def test_the_penalty_s_gradient_is_that_of_the_kernel_smoothed_count():
    rng = np.random.default_rng(0)
    z, theta, width = rng.standard_normal((400, 5)), rng.uniform(0.2, 0.8, 5), 0.3
    activation = nn.JumpReLU(5, bandwidth=width, dtype=torch.float64)
    with torch.no_grad():
        activation.threshold.copy_(torch.from_numpy(theta))
    points = torch.from_numpy(z).requires_grad_()
    (activation.gate(points).sum() / len(z)).backward()
    step = 1e-7  # the smoothed count is a polygon: no kink lies this near
    for j in range(5):
        moved = step * np.eye(5)[j]
        up, down = (smoothed_count(z, theta + s * moved, width) for s in (1, -1))
        slope = activation.threshold.grad[j].item()
        assert slope == pytest.approx((up - down) / (2 * step), rel=1e-6)
        assert slope < 0
    assert points.grad is None or not points.grad.any()


def density(z):
    return math.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)


def expected_objective(theta, weight):
    r"""Return E[(x - a)^2 / 2 + weight [a > 0]] for x = z standard normal, by its closed form.

    For one unit that copies its input, only what is below the threshold is lost.
    """
    below = 0.5 * math.erfc(-theta / math.sqrt(2))  # P(z < theta)
    return 0.5 * (below - theta * density(theta)) + weight * (1 - below)


@pytest.mark.parametrize("theta", [0.3, 1.0, 1.7])
def test_the_estimate_tends_to_the_gradient_of_the_expected_objective(theta):
    # The samples are the quantiles of the normal distribution: no noise, only the kernel's width.
    weight, step = 0.4, 1e-5
    levels = (torch.arange(400_000, dtype=torch.float64) + 0.5) / 400_000
    x = torch.special.ndtri(levels)[:, None]
    exact = expected_objective(theta + step, weight) - expected_objective(theta - step, weight)
    exact /= 2 * step
    errors = []
    for width in (0.4, 0.2, 0.1, 0.05):
        activation = nn.JumpReLU(1, threshold=theta, bandwidth=width)
        model = nn.Dictionary(1, 1, activation, dtype=torch.float64)
        with torch.no_grad():
            model.encoder.weight.fill_(1.0)
            model.decoder.weight.fill_(1.0)
        nn.jumprelu_loss(model, x, sparsity_weight=weight).backward()
        errors.append(abs(activation.threshold.grad.item() - exact))
    # The error is of the order of the width, or less: it at least about halves with it.
    assert errors[-1] < 0.01
    for wide, narrow in itertools.pairwise(errors):
        assert narrow < 0.6 * wide
    # And the balance is where it ought to be: a unit is worth having if it saves more than lambda.
    assert exact == pytest.approx((0.5 * theta**2 - weight) * density(theta), rel=1e-6)


def test_a_threshold_below_zero_can_come_back():
    model, x = dictionary("jumprelu"), batch()
    with torch.no_grad():
        model.activation.threshold.fill_(-0.01)
    nn.jumprelu_loss(model, x, sparsity_weight=1.0).backward()
    assert (model.activation.threshold.grad < 0).all()


def test_jumprelu_loss_and_activation_ask_for_what_they_need():
    with pytest.raises(TypeError, match="must have a JumpReLU as activation, got TopK"):
        nn.jumprelu_loss(dictionary("topk"), batch(), sparsity_weight=1.0)
    with pytest.raises(ValueError, match="has 4 thresholds, but got 10 units"):
        nn.Dictionary(N, H, nn.JumpReLU(4), dtype=torch.float64)(batch())


# --- unit norm -----------------------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize("kind_of_step", ["SGD", "Adam"])
def test_the_norms_stay_at_1_in_training_and_the_loss_falls(kind, kind_of_step):
    model = dictionary(kind)
    with torch.no_grad():
        model.decoder.weight.mul_(3.0)
    optimizer = getattr(torch.optim, kind_of_step)(model.parameters(), lr=1e-2)
    nn.keep_unit_norm(model, optimizer)
    one = torch.ones(H, dtype=torch.float64)
    torch.testing.assert_close(norms(model), one, rtol=1e-14, atol=0)
    before = model.decoder.weight.detach().clone()
    history = nn.train(model, LOSSES[kind], [batch()], optimizer, epochs=30, progress=False)
    torch.testing.assert_close(norms(model), one, rtol=1e-14, atol=0)
    assert not torch.equal(model.decoder.weight, before)
    assert history.loss[-1] < history.loss[0]


def test_a_step_is_taken_along_the_tangent_and_projected():
    model, x = dictionary(), batch()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    nn.keep_unit_norm(model, optimizer)
    directions = model.decoder.weight.detach().clone()
    nn.topk_loss(model, x).backward()
    gradient = model.decoder.weight.grad.clone()
    tangent = gradient - directions * (gradient * directions).sum(dim=0)
    assert (gradient - tangent).abs().max() > 1e-3, "nothing to remove"
    optimizer.step()
    torch.testing.assert_close(model.decoder.weight.grad, tangent)
    expected = F.normalize(directions - 0.1 * tangent, dim=0)
    torch.testing.assert_close(model.decoder.weight.detach(), expected)
    by_hand = byhand.unit_norm.remove_parallel(
        nn.to_byhand(dictionary()),
        byhand.topk.loss_and_grad(nn.to_byhand(dictionary()), x.numpy(), k=2)[1],
    )
    np.testing.assert_allclose(tangent.T, by_hand["decoder_weight"], rtol=1e-11, atol=1e-15)


def test_an_interrupted_training_of_a_dictionary_ends_where_one_in_one_go_does(tmp_path):
    def run(epochs, checkpoint=None):
        model = dictionary("batchtopk")
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        nn.keep_unit_norm(model, optimizer)
        loss = partial(nn.topk_loss, dead_after=2)
        data = list(batch(4 * M).split(M))
        nn.train(model, loss, data, optimizer, epochs=epochs, checkpoint=checkpoint, progress=False)
        return model.state_dict()

    run(2, tmp_path / "c.pt")
    resumed, whole = run(5, tmp_path / "c.pt"), run(5)
    for name, value in whole.items():
        assert torch.equal(resumed[name], value), name


# --- dead units ----------------------------------------------------------------------------------


def silenced(kind="topk", units=(2, 7)):
    model = dictionary(kind)
    with torch.no_grad():
        model.encoder.bias[list(units)] = -100.0
    return model


def test_steps_since_active_counts_training_steps_and_starts_again():
    model, x = silenced("relu"), batch()
    with torch.no_grad():
        model(x)
    model.eval()
    model(x)
    assert not model.steps_since_active.any(), "a step was counted that was none"
    model.train()
    for _ in range(3):
        nn.l1_loss(model, x, sparsity_weight=0.1)
    assert model.steps_since_active.tolist() == [0, 0, 3, 0, 0, 0, 0, 3, 0, 0]
    assert model.dead(3).nonzero().flatten().tolist() == [2, 7]
    assert not model.dead(4).any()
    with torch.no_grad():
        model.encoder.bias[2] = 0.0
    model(x)
    assert model.steps_since_active.tolist() == [0, 0, 0, 0, 0, 0, 0, 4, 0, 0]


def test_the_auxiliary_loss_is_its_formula_and_leaves_the_living_alone():
    model, x = dictionary(), batch()
    dead = torch.zeros(H, dtype=torch.bool)
    dead[[1, 4, 8]] = True
    x_hat, _, z = model(x, with_layers=True)
    loss = nn.auxiliary_loss(model, x - x_hat, z, dead=dead, k=2)
    chosen = byhand.topk.select(z.detach()[:, dead].numpy(), 2)
    a = z.detach()[:, dead].relu() * torch.from_numpy(chosen)
    e_hat = a @ model.decoder.weight.detach()[:, dead].T
    expected = 0.5 * ((x - x_hat).detach() - e_hat).square().sum() / M
    torch.testing.assert_close(loss.detach(), expected)
    loss.backward()
    assert not model.encoder.weight.grad[~dead].any()
    assert not model.decoder.weight.grad[:, ~dead].any()
    assert model.encoder.weight.grad[dead].abs().sum(dim=1).min() > 0
    assert model.decoder.weight.grad[:, dead].abs().sum(dim=0).min() > 0


def test_topk_loss_adds_it_once_a_unit_is_dead_and_not_before():
    model, x = dictionary(), batch()
    plain = nn.topk_loss(model, x, auxiliary_weight=0.0)
    assert nn.topk_loss(model, x, dead_after=1000) == plain
    model.steps_since_active[:] = 2000
    # In the forward pass units that are active are counted as such; the others stay dead.
    with torch.no_grad():
        model.encoder.bias[:5] = -2.0
        plain = nn.topk_loss(model, x, auxiliary_weight=0.0)
        model.eval()  # so that nothing is counted
        x_hat, _, z = model(x, with_layers=True)
        aux = nn.auxiliary_loss(model, x - x_hat, z, dead=model.dead(1000), k=N // 2)
        found = nn.topk_loss(model, x)
    assert aux > 0
    torch.testing.assert_close(found, plain + aux / 32)


def test_the_auxiliary_loss_brings_crowded_out_units_back_and_its_absence_does_not():
    def n_dead(weight):
        # Plus and minus every axis are taken; four more units are positive, but never the largest.
        model = nn.Dictionary(N, 16, nn.TopK(2), generator=generator(), dtype=torch.float64)
        axes = torch.cat([torch.eye(N), -torch.eye(N)])
        with torch.no_grad():
            model.encoder.weight[:12] = axes
            model.decoder.weight[:, :12] = axes.T
            model.encoder.weight[12:] *= 0.02
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        nn.keep_unit_norm(model, optimizer)
        loss = partial(nn.topk_loss, auxiliary_weight=weight, dead_after=5)
        nn.train(model, loss, [batch(200)], optimizer, epochs=200, progress=False)
        return int(model.dead(5).sum())

    assert n_dead(0.0) == 4
    # One may be on its way back when the training ends.
    assert n_dead(1 / 32) <= 1


def test_resampling_follows_the_recipe():
    model, x = silenced("relu"), batch()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss = partial(nn.l1_loss, sparsity_weight=0.1)
    nn.train(model, loss, [x], optimizer, epochs=4, progress=False)
    before = copy.deepcopy(model.state_dict())
    assert nn.resample(model, optimizer, x, dead_after=5, generator=generator()) == 0
    assert nn.resample(model, optimizer, x, dead_after=4, generator=generator()) == 2
    dead = torch.zeros(H, dtype=torch.bool)
    dead[[2, 7]] = True
    for name, value in model.state_dict().items():
        kept = (slice(None), ~dead) if name == "decoder.weight" else ~dead
        if name != "decoder.bias":
            assert torch.equal(value[kept], before[name][kept]), name
    centred = F.normalize(x - model.decoder.bias.detach(), dim=1)
    for j in (2, 7):
        direction = model.decoder.weight.detach()[:, j]
        assert (centred @ direction).max().item() == pytest.approx(1.0, rel=1e-12)
        norm = 0.2 * before["encoder.weight"][~dead].norm(dim=1).mean()
        torch.testing.assert_close(model.encoder.weight.detach()[j], norm * direction)
        assert model.encoder.bias[j] == 0
    assert not torch.equal(model.decoder.weight[:, 2], model.decoder.weight[:, 7])
    assert not model.dead(1).any()
    for moment in ("exp_avg", "exp_avg_sq"):
        kept = optimizer.state[model.encoder.weight][moment]
        assert not kept[dead].any()
        assert kept[~dead].any()
        assert not optimizer.state[model.decoder.weight][moment][:, dead].any()
        assert optimizer.state[model.decoder.weight][moment][:, ~dead].any()


def test_resampling_draws_by_the_square_of_the_loss():
    # Two samples, one with a loss twice that of the other: drawn four times as often.
    x = torch.zeros(2, N, dtype=torch.float64)
    x[0, 0], x[1, 1] = 1.0, 2.0**0.5
    counts = torch.zeros(2)
    draws = generator(4)
    for _ in range(500):
        model = silenced("relu", units=range(H))
        model.steps_since_active[0] = 5
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        assert nn.resample(model, optimizer, x, dead_after=5, generator=draws) == 1
        counts[model.decoder.weight[:2, 0].argmax()] += 1
    assert counts[1].item() / 500 == pytest.approx(0.8, abs=0.06)


def test_a_resampled_unit_is_active_again_and_its_threshold_within_reach():
    model, x = silenced("jumprelu"), batch()
    with torch.no_grad():
        model.activation.threshold[[2, 7]] = 50.0
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    nn.jumprelu_loss(model, x, sparsity_weight=0.01)
    assert nn.resample(model, optimizer, 10 * x, dead_after=1, generator=generator()) == 2
    assert model.activation.threshold[2].item() == pytest.approx(0.3)
    model(10 * x)
    assert not model.dead(1)[[2, 7]].any()


def test_resampling_with_more_dead_units_than_samples_takes_some_twice():
    model, x = silenced("relu", units=range(H)), batch(3)
    model.steps_since_active[:] = 9
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    assert nn.resample(model, optimizer, x, dead_after=9, generator=generator()) == H
    assert torch.isfinite(model.encoder.weight).all()


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_resampling_does_not_depend_on_the_scale_of_the_data(scale):
    x = torch.zeros(2, N, dtype=torch.float64)
    x[1, 1] = scale
    model = silenced("relu", units=range(H))
    model.steps_since_active[0] = 5
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    nn.resample(model, optimizer, x, dead_after=5, generator=generator())
    assert model.decoder.weight[:, 0].tolist() == [0.0, 1.0, *[0.0] * (N - 2)]


def test_resampling_needs_something_to_be_wrong():
    model = silenced("relu", units=range(H))
    model.steps_since_active[:] = 9
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(ValueError, match="reconstructed exactly"):
        nn.resample(model, optimizer, torch.zeros(5, N, dtype=torch.float64), dead_after=9)


# --- together ------------------------------------------------------------------------------------


@every_kind
def test_known_features_are_found_again(kind):
    # 24 features in 20 dimensions, one or two at a time.
    draws, h, n = generator(11), 24, 20
    features = F.normalize(torch.randn(h, n, generator=draws, dtype=torch.float64), dim=1)
    present = torch.rand(6000, h, generator=draws, dtype=torch.float64) < 0.06
    x = (present * (1 + torch.rand(6000, h, generator=draws, dtype=torch.float64))) @ features
    activation, loss = {
        "relu": (torch.nn.ReLU(), partial(nn.l1_loss, sparsity_weight=0.1)),
        "topk": (nn.TopK(2), partial(nn.topk_loss, dead_after=50)),
        "batchtopk": (nn.BatchTopK(1.5), partial(nn.topk_loss, dead_after=50)),
        "jumprelu": (
            nn.JumpReLU(h, threshold=0.3, bandwidth=0.3),
            partial(nn.jumprelu_loss, sparsity_weight=0.1),
        ),
    }[kind]
    model = nn.Dictionary(n, h, activation, generator=generator(), dtype=torch.float64)

    def recovery():
        return metrics.match(nn.to_byhand(model)["decoder_weight"], features.numpy()).cosine.mean()

    assert recovery() < 0.45
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    nn.keep_unit_norm(model, optimizer)
    nn.train(model, loss, list(x.split(200)), optimizer, epochs=30, progress=False)
    assert recovery() > 0.8
    with torch.no_grad():
        a = model.eval().encode(x)
        x_hat = model.decode(a)
    assert metrics.l0(a.numpy()) < 3.5
    assert metrics.variance_unexplained(x.numpy(), x_hat.numpy()) < 0.2
