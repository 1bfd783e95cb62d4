"""What holds for all values, tried on values that hypothesis picks; the same ones every time."""

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from aelib import byhand, checks, sparsity

probability = st.floats(1e-9, 1 - 1e-9)
seed = st.integers(0, 2**32 - 1)
decoder = st.sampled_from(["sigmoid", "linear"])
size = st.integers(1, 6)


@st.composite
def problems(draw):
    """Draw a small network with its data and the settings of a sparse objective."""
    rng = np.random.default_rng(draw(seed))
    n, h, m = draw(size), draw(size), draw(st.integers(1, 8))
    scale = draw(st.floats(0.1, 3.0))
    params = byhand.init(n_visible=n, n_hidden=h, rng=rng)
    params = {k: scale * v + 0.1 * rng.standard_normal(v.shape) for k, v in params.items()}
    settings = {
        "rho": draw(st.floats(0.01, 0.99)),
        "sparsity_weight": draw(st.floats(0.0, 10.0)),
        "weight_decay": draw(st.floats(0.0, 1.0)),
        "decoder": draw(decoder),
    }
    return params, rng.random((m, n)), settings


# --- the divergence ------------------------------------------------------------------------------


@given(probability, probability)
def test_kl_is_never_negative_and_zero_only_at_the_target(rho, rho_hat):
    kl = sparsity.kl_bernoulli(rho, rho_hat)
    assert kl >= 0.0
    assert sparsity.kl_bernoulli(rho, rho) == 0.0
    # Pinsker's inequality; closer than this, rounding may well make it 0.
    assert kl >= 2 * (rho - rho_hat) ** 2 - 1e-15
    if abs(rho - rho_hat) > 1e-7:
        assert kl > 0.0


@given(probability, probability, probability)
def test_kl_is_convex_in_the_mean_activation(rho, first, second):
    middle = sparsity.kl_bernoulli(rho, (first + second) / 2)
    ends = sparsity.kl_bernoulli(rho, first) + sparsity.kl_bernoulli(rho, second)
    assert middle <= ends / 2 + 1e-14


# Sixty-fourths: their distance from 1 is exact, so the symmetry is not blurred by rounding.
sixty_fourths = st.integers(1, 63).map(lambda k: k / 64)


@given(sixty_fourths, sixty_fourths)
def test_kl_does_not_change_if_on_and_off_are_exchanged(rho, rho_hat):
    there = sparsity.kl_bernoulli(rho, rho_hat), sparsity.kl_bernoulli_grad(rho, rho_hat)
    back = (
        sparsity.kl_bernoulli(1 - rho, 1 - rho_hat),
        sparsity.kl_bernoulli_grad(1 - rho, 1 - rho_hat),
    )
    np.testing.assert_allclose(there[0], back[0], rtol=1e-14, atol=1e-16)
    assert there[1] == -back[1]


@given(probability, probability)
def test_the_slope_points_away_from_the_target(rho, rho_hat):
    assume(abs(rho - rho_hat) > 1e-12)
    assert np.sign(sparsity.kl_bernoulli_grad(rho, rho_hat)) == np.sign(rho_hat - rho)


@given(st.floats(0.01, 0.99), st.floats(0.05, 0.95))
def test_the_slope_is_the_derivative_of_kl(rho, rho_hat):
    by_differences = checks.numerical_gradient(
        lambda p: float(sparsity.kl_bernoulli(rho, p)[0]), np.array([rho_hat]), step=1e-5
    )
    slope = sparsity.kl_bernoulli_grad(rho, rho_hat)
    # Truncation: step^2 / 6 times the third derivative, at most 1.6e4 at the ends of the range.
    np.testing.assert_allclose(by_differences[0], slope, atol=3e-7)


@given(st.floats(0.01, 0.99), seed, st.floats(-30, 30), st.integers(1, 9))
def test_the_penalty_pulls_every_sample_of_a_unit_to_the_same_side(rho, seed, centre, m):
    z = centre + np.random.default_rng(seed).standard_normal((m, 1))
    _, gradient = sparsity.kl_from_preactivation(rho, z)
    excess = float((1 / (1 + np.exp(-z))).mean()) - rho
    assume(abs(excess) > 1e-9)
    assert (np.sign(gradient) == np.sign(excess)).all()


# --- the objective -------------------------------------------------------------------------------


@given(problems())
def test_the_gradient_is_right_for_any_small_network(problem):
    params, x, settings = problem
    checks.check_gradient(
        lambda p: byhand.sparse.loss_and_grad(p, x, **settings), params, tolerance=1e-7
    )


def assert_close(first, second):
    """Compare (loss, gradient) pairs to rounding; a gradient entry may cancel down to nothing."""
    np.testing.assert_allclose(first[0], second[0], rtol=1e-12)
    for name in first[1]:
        np.testing.assert_allclose(first[1][name], second[1][name], rtol=1e-10, atol=1e-12)


@given(problems(), seed)
def test_the_order_of_the_samples_does_not_matter(problem, seed):
    params, x, settings = problem
    shuffled = np.random.default_rng(seed).permutation(x)
    assert_close(
        byhand.sparse.loss_and_grad(params, shuffled, **settings),
        byhand.sparse.loss_and_grad(params, x, **settings),
    )


@given(problems(), st.integers(2, 4))
def test_showing_every_sample_several_times_does_not_matter(problem, times):
    # Every term is a mean over samples or does not see them: this catches a stray 1/m.
    params, x, settings = problem
    assert_close(
        byhand.sparse.loss_and_grad(params, np.tile(x, (times, 1)), **settings),
        byhand.sparse.loss_and_grad(params, x, **settings),
    )


@given(problems(), seed)
def test_the_order_of_the_hidden_units_does_not_matter(problem, seed):
    params, x, settings = problem
    order = np.random.default_rng(seed).permutation(len(params["encoder_bias"]))

    def reordered(p):
        return {
            "encoder_weight": p["encoder_weight"][:, order],
            "encoder_bias": p["encoder_bias"][order],
            "decoder_weight": p["decoder_weight"][order],
            "decoder_bias": p["decoder_bias"],
        }

    loss, grad = byhand.sparse.loss_and_grad(params, x, **settings)
    assert_close(
        byhand.sparse.loss_and_grad(reordered(params), x, **settings), (loss, reordered(grad))
    )


@given(problems(), seed)
def test_the_order_of_the_inputs_does_not_matter(problem, seed):
    params, x, settings = problem
    order = np.random.default_rng(seed).permutation(x.shape[1])

    def reordered(p):
        return {
            "encoder_weight": p["encoder_weight"][order],
            "encoder_bias": p["encoder_bias"],
            "decoder_weight": p["decoder_weight"][:, order],
            "decoder_bias": p["decoder_bias"][order],
        }

    loss, grad = byhand.sparse.loss_and_grad(params, x, **settings)
    assert_close(
        byhand.sparse.loss_and_grad(reordered(params), x[:, order], **settings),
        (loss, reordered(grad)),
    )


@given(problems(), st.floats(0.0, 10.0))
def test_the_objective_is_linear_in_both_weights(problem, factor):
    params, x, settings = problem

    def at(sparsity_weight, weight_decay):
        return byhand.sparse.loss_and_grad(
            params,
            x,
            rho=settings["rho"],
            decoder=settings["decoder"],
            sparsity_weight=sparsity_weight,
            weight_decay=weight_decay,
        )

    plain, penalty, decay = at(0.0, 0.0), at(1.0, 0.0), at(0.0, 1.0)

    def combined(zero, one, other):
        return zero + factor * (one - zero) + 0.5 * factor * (other - zero)

    expected = (
        combined(plain[0], penalty[0], decay[0]),
        {k: combined(plain[1][k], penalty[1][k], decay[1][k]) for k in params},
    )
    assert_close(at(factor, 0.5 * factor), expected)


@given(problems())
def test_the_penalty_is_the_sum_over_units_of_kl(problem):
    params, x, settings = problem
    with_penalty, _ = byhand.sparse.loss_and_grad(params, x, **settings)
    without, _ = byhand.sparse.loss_and_grad(params, x, **{**settings, "sparsity_weight": 0.0})
    rho_hat = sparsity.mean_activation(byhand.encode(params, x))
    penalty = settings["sparsity_weight"] * sparsity.kl_bernoulli(settings["rho"], rho_hat).sum()
    np.testing.assert_allclose(with_penalty, without + penalty, rtol=1e-13)


# --- the parameters ------------------------------------------------------------------------------

shapes = st.lists(st.integers(0, 4), max_size=3).map(tuple)


@given(
    st.dictionaries(st.text(max_size=5), st.tuples(shapes, st.booleans()), min_size=1, max_size=5),
    seed,
)
def test_flatten_and_unflatten_are_inverse_for_any_arrays(layout, seed):
    rng = np.random.default_rng(seed)
    params = {
        name: rng.standard_normal(shape).astype(np.float32 if single else np.float64)
        if shape
        else np.array(rng.standard_normal(), np.float32 if single else np.float64)
        for name, (shape, single) in layout.items()
    }
    vector = byhand.flatten(params)
    back = byhand.unflatten(vector, like=params)
    assert list(back) == list(params)
    for name, value in params.items():
        assert back[name].dtype == value.dtype
        assert back[name].shape == value.shape
        np.testing.assert_array_equal(back[name], value)
    np.testing.assert_array_equal(byhand.flatten(back), vector)


# --- the other objectives ------------------------------------------------------------------------


@st.composite
def other_problems(draw):
    """Draw an objective of the later chapters, a network, tied or not, and its data by name."""
    rng = np.random.default_rng(draw(seed))
    n, h, m = draw(size), draw(size), draw(st.integers(1, 8))
    params = byhand.init(n_visible=n, n_hidden=h, rng=rng, tied=draw(st.booleans()))
    params = {k: v + 0.5 * rng.standard_normal(v.shape) for k, v in params.items()}
    settings = {"weight_decay": draw(st.floats(0.0, 1.0)), "decoder": draw(decoder)}
    arrays = {"x": rng.random((m, n))}
    if draw(st.booleans()):
        arrays["x_noisy"] = rng.standard_normal((m, n))
        half = byhand.denoising
    else:
        settings["contraction_weight"] = draw(st.floats(0.0, 10.0))
        half = byhand.contractive
    return half.loss_and_grad, params, arrays, settings


@given(other_problems())
def test_the_gradients_of_the_others_are_right_for_any_small_network(problem):
    objective, params, arrays, settings = problem
    checks.check_gradient(lambda p: objective(p, **arrays, **settings), params, tolerance=1e-7)


@given(other_problems(), st.integers(2, 4), seed)
def test_neither_order_nor_number_of_copies_of_the_samples_matters(problem, times, seed):
    objective, params, arrays, settings = problem
    order = np.random.default_rng(seed).permutation(np.tile(np.arange(len(arrays["x"])), times))
    assert_close(
        objective(params, **{name: array[order] for name, array in arrays.items()}, **settings),
        objective(params, **arrays, **settings),
    )


@given(other_problems())
def test_tied_or_with_a_decoder_that_is_the_transpose_the_loss_is_the_same(problem):
    objective, params, arrays, settings = problem
    tied = {k: v for k, v in params.items() if k != "decoder_weight"}
    untied = {**tied, "decoder_weight": tied["encoder_weight"].T}
    decay = settings["weight_decay"]
    more = 0.5 * decay * (tied["encoder_weight"] ** 2).sum()  # decays twice if it is there twice
    loss, grad = objective(untied, **arrays, **settings)
    both = grad["encoder_weight"] + grad.pop("decoder_weight").T - decay * tied["encoder_weight"]
    assert_close(
        objective(tied, **arrays, **settings), (loss - more, {**grad, "encoder_weight": both})
    )


@given(other_problems())
def test_the_contraction_is_the_mean_squared_norm_of_the_jacobian(problem):
    _, params, arrays, _ = problem
    x = arrays["x"]
    norms = byhand.contractive.jacobian_norm(params, x)
    jacobian = byhand.contractive.jacobian(params, x)
    assert jacobian.shape == (len(x), *params["encoder_weight"].T.shape)
    np.testing.assert_allclose(norms, (jacobian**2).sum(axis=(1, 2)), rtol=1e-12)
    plain, _ = byhand.autoencoder.loss_and_grad(params, x)
    with_penalty, _ = byhand.contractive.loss_and_grad(params, x, contraction_weight=2.0)
    np.testing.assert_allclose(with_penalty, plain + 2.0 * norms.mean(), rtol=1e-12)


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), size, size, st.integers(1, 4), seed)
def test_transposed_convolution_is_the_adjoint_for_any_sizes(m, c, k, p, q, stride, seed):
    rng = np.random.default_rng(seed)
    height, width = p + int(rng.integers(5)), q + int(rng.integers(5))
    x, kernel = rng.standard_normal((m, c, height, width)), rng.standard_normal((k, c, p, q))
    y = byhand.convolution.convolve(x, kernel, stride=stride)
    other = rng.standard_normal(y.shape)
    back = byhand.convolution.transposed(other, kernel, stride=stride, size=(height, width))
    by_kernel = byhand.convolution.kernel_gradient(x, other, size=(p, q), stride=stride)
    tolerance = {"rtol": 1e-10, "atol": 1e-11}
    np.testing.assert_allclose(np.vdot(x, back), np.vdot(y, other), **tolerance)
    np.testing.assert_allclose(np.vdot(kernel, by_kernel), np.vdot(y, other), **tolerance)
