"""The sparsity penalty, above all where a sigmoid rounds to 0 or 1, and the measures of sparsity.

Warnings are errors in this suite, so every test here also says that nothing overflows aloud.
"""

import math
import re

import mpmath
import numpy as np
import pytest
import sympy
import torch
from scipy.special import expit, rel_entr

from aelib import nn, sparsity

both_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32])

# --- the divergence of a given mean activation ---------------------------------------------------


def test_kl_of_a_value_worked_out_by_hand():
    # KL(1/2 || 1/4) = 1/2 log 2 + 1/2 log(2/3) = 1/2 log(4/3)
    assert sparsity.kl_bernoulli(0.5, 0.25) == pytest.approx(0.5 * math.log(4 / 3), rel=1e-15)
    # -(1/2)/(1/4) + (1/2)/(3/4) = -4/3
    assert sparsity.kl_bernoulli_grad(0.5, 0.25) == pytest.approx(-4 / 3, rel=1e-15)


def test_kl_agrees_with_scipy_over_the_whole_range():
    rho_hat = np.linspace(0.001, 0.999, 999)
    for rho in (0.01, 0.05, 0.5, 0.9):
        expected = rel_entr(rho, rho_hat) + rel_entr(1 - rho, 1 - rho_hat)
        np.testing.assert_allclose(sparsity.kl_bernoulli(rho, rho_hat), expected, atol=1e-15)


def test_kl_and_its_slope_agree_with_sympy_to_high_precision():
    rho, p = sympy.symbols("rho p", positive=True)
    kl = rho * sympy.log(rho / p) + (1 - rho) * sympy.log((1 - rho) / (1 - p))
    slope = sympy.diff(kl, p)
    for target, given in [(0.01, 1e-12), (0.01, 0.3), (0.3, 0.01), (0.5, 0.75), (0.05, 1e-300)]:
        # The floats' exact values, not their decimal spelling.
        at = {rho: sympy.Rational(target), p: sympy.Rational(given)}
        assert sparsity.kl_bernoulli(target, given) == pytest.approx(
            float(kl.subs(at).evalf(60)), rel=1e-14
        )
        assert sparsity.kl_bernoulli_grad(target, given) == pytest.approx(
            float(slope.subs(at).evalf(60)), rel=1e-14
        )


@both_dtypes
def test_kl_is_zero_at_the_target_and_infinite_at_the_ends(dtype):
    rho_hat = np.array([0.25, 0.0, 1.0], dtype)
    kl, slope = sparsity.kl_bernoulli(0.25, rho_hat), sparsity.kl_bernoulli_grad(0.25, rho_hat)
    np.testing.assert_array_equal(kl, np.array([0.0, np.inf, np.inf], dtype))
    np.testing.assert_array_equal(slope, np.array([0.0, -np.inf, np.inf], dtype))
    assert kl.dtype == slope.dtype == dtype


@both_dtypes
def test_slope_overflows_to_infinity_without_a_warning(dtype):
    # The smallest number above 0: rho / rho_hat is beyond the dtype.
    smallest = np.nextafter(dtype(0), dtype(1)).reshape(1)
    assert sparsity.kl_bernoulli_grad(0.5, smallest) == -np.inf
    assert np.isfinite(sparsity.kl_bernoulli(0.5, smallest)).all()


def test_kl_keeps_shape_and_returns_floats_for_floats():
    assert sparsity.kl_bernoulli(0.1, np.full((2, 3), 0.2)).shape == (2, 3)
    assert sparsity.kl_bernoulli_grad(0.1, np.full((2, 3), 0.2)).shape == (2, 3)
    assert type(sparsity.kl_bernoulli(0.1, 0.2)) is float
    assert type(sparsity.kl_bernoulli_grad(0.1, 0.2)) is float
    # The whole numbers 0 and 1 are probabilities too.
    assert sparsity.kl_bernoulli(0.1, 0) == math.inf


def test_kl_has_the_curvature_of_the_fisher_information_at_its_minimum():
    for rho in (0.01, 0.2, 0.5):
        step = 1e-4 * rho
        kl = sparsity.kl_bernoulli(rho, rho + step)
        assert kl == pytest.approx(step**2 / (2 * rho * (1 - rho)), rel=1e-3)


# --- the divergence from pre-activations, over the whole range of the dtype ----------------------


def exact_kl(rho, z):
    """Return each unit's divergence and its gradient with 50 digits, as mpmath numbers."""
    with mpmath.workdps(50):
        m, rho = len(z), mpmath.mpf(rho)
        kl, gradient = [], np.empty(z.shape, dtype=object)
        for j in range(z.shape[1]):
            on = [1 / (1 + mpmath.exp(-mpmath.mpf(float(v)))) for v in z[:, j]]
            off = [1 / (1 + mpmath.exp(mpmath.mpf(float(v)))) for v in z[:, j]]
            p, q = mpmath.fsum(on) / m, mpmath.fsum(off) / m
            kl.append(rho * mpmath.log(rho / p) + (1 - rho) * mpmath.log((1 - rho) / q))
            for i in range(m):
                gradient[i, j] = ((1 - rho) / q - rho / p) * on[i] * off[i] / m
        return kl, gradient


def batch_of_every_kind(dtype, limit):
    """Return units that are dead, saturated and everything between, and units that are mixed."""
    rng = np.random.default_rng(0)
    alike = np.linspace(-limit, limit, 81) + rng.standard_normal((4, 81))
    mixed, ordinary = rng.uniform(-limit, limit, (4, 20)), rng.normal(0.0, 2.0, (4, 20))
    return np.concatenate([alike, mixed, ordinary], axis=1).astype(dtype)


def errors(rho, z, kl, gradient, floor=0.0):
    """Return the largest error of kl relative to max(1, kl), and of the gradient relative to the
    largest entry of its unit or to ``floor``, whichever is larger.
    """
    exact, exact_gradient = exact_kl(rho, z)
    kl_error = max(
        abs(float(value - mpmath.mpf(float(found)))) / max(1.0, float(value))
        for found, value in zip(kl, exact, strict=True)
    )
    gradient_error = max(
        float(abs(mpmath.mpf(float(gradient[i, j])) - exact_gradient[i, j]) / largest)
        for j in range(z.shape[1])
        for largest in [max([floor, *(abs(entry) for entry in exact_gradient[:, j])])]
        for i in range(len(z))
    )
    return kl_error, gradient_error


@pytest.mark.parametrize("rho", [0.01, 0.3])
@pytest.mark.parametrize(
    ("dtype", "limit", "kl_tolerance", "gradient_tolerance"),
    [(np.float64, 800, 1e-15, 4e-15), (np.float32, 120, 2e-7, 1e-6)],
)
def test_kl_from_preactivation_is_accurate_for_any_kind_of_unit(
    dtype, limit, rho, kl_tolerance, gradient_tolerance
):
    z = batch_of_every_kind(dtype, limit)
    kl, gradient = sparsity.kl_from_preactivation(rho, z)
    assert kl.dtype == np.float64
    assert gradient.dtype == dtype
    kl_error, gradient_error = errors(rho, z, kl, gradient)
    assert kl_error <= kl_tolerance
    assert gradient_error <= gradient_tolerance


@pytest.mark.parametrize("rho", [0.01, 0.3])
@pytest.mark.parametrize(
    ("dtype", "limit", "tolerance"), [(np.float64, 800, 1e-13), (np.float32, 120, 4e-6)]
)
def test_torch_penalty_is_accurate_for_any_kind_of_unit(dtype, limit, rho, tolerance):
    z = batch_of_every_kind(dtype, limit)
    # One unit at a time, to see each one's value; then all at once, for the mix of branches.
    kl = [nn.kl_penalty(torch.from_numpy(z[:, [j]]), rho).item() for j in range(z.shape[1])]
    tensor = torch.from_numpy(z).requires_grad_()
    total = nn.kl_penalty(tensor, rho)
    total.backward()
    # torch differentiates a sigmoid by y * (1 - y), with a subtraction. It costs only the entries
    # of samples that are fully on in a unit that is off for others: less than 1e-16 (float64) or
    # 1e-8 (float32), hence a floor. By hand there is none.
    kl_error, gradient_error = errors(rho, z, kl, tensor.grad.numpy(), floor=0.01)
    assert kl_error <= tolerance
    assert gradient_error <= tolerance
    assert total.item() == pytest.approx(math.fsum(kl), rel=tolerance)


@pytest.mark.parametrize(("dtype", "largest"), [(np.float64, 1e300), (np.float32, 1e38)])
def test_penalty_is_finite_for_every_finite_preactivation(dtype, largest):
    ends = largest * np.array([[1, -1, 1, -1], [1, -1, -1, 0], [1, -1, 0, 0]], dtype)
    kl, gradient = sparsity.kl_from_preactivation(0.01, ends)
    assert np.isfinite(kl).all()
    assert np.isfinite(gradient).all()
    # A unit that is always on is pulled down with the full weight, one always off pushed up.
    np.testing.assert_allclose(gradient[:, 0].sum(), 1 - 0.01, rtol=1e-6)
    np.testing.assert_allclose(gradient[:, 1].sum(), -0.01, rtol=1e-6)

    tensor = torch.from_numpy(ends).requires_grad_()
    nn.kl_penalty(tensor, 0.01).backward()
    np.testing.assert_allclose(tensor.grad.numpy(), gradient, rtol=1e-6)


@both_dtypes
@pytest.mark.parametrize("sign", [-1, 1])
def test_value_and_gradient_are_continuous_across_the_switch_to_logarithms(dtype, sign):
    # The switch is where the smaller tail reaches the square root of the smallest number.
    switch = math.log(math.sqrt(float(np.finfo(dtype).tiny)))
    step = dtype(1e-3)
    z = np.array([[switch - step, switch + step]], dtype)
    assert (expit(z) < math.sqrt(np.finfo(dtype).tiny)).tolist() == [[True, False]]
    width = float(z[0, 1] - z[0, 0])
    kl, gradient = sparsity.kl_from_preactivation(0.01, sign * z)
    # So far out KL is a straight line with the slope of the gradient, and the gradient constant.
    eps = np.finfo(dtype).eps
    assert kl[1] - kl[0] == pytest.approx(sign * width * gradient[0, 0], abs=4 * eps * kl.max())
    np.testing.assert_allclose(gradient[0, 1], gradient[0, 0], rtol=4 * eps)


# --- a dead and a saturated unit come back -------------------------------------------------------


def adam(gradient_of_offset, offset, n_steps=500, learning_rate=0.5):
    """Move one number by Adam; written out, so that nothing but the gradient matters."""
    mean = square = 0.0
    for t in range(1, n_steps + 1):
        g = gradient_of_offset(offset)
        mean, square = 0.9 * mean + 0.1 * g, 0.99 * square + 0.01 * g * g
        step = (mean / (1 - 0.9**t)) / (math.sqrt(square / (1 - 0.99**t)) + 1e-8)
        offset -= learning_rate * step
    return offset


def spread(dtype):
    return 0.1 * np.random.default_rng(3).standard_normal((16, 1)).astype(dtype)


def clipped_gradient(rho, z):
    """The gradient of the penalty with rho_hat clipped, as autograd would take it."""
    a = expit(z)
    rho_hat = a.mean(axis=0)
    inside = (rho_hat > 1e-7) & (rho_hat < 1 - 1e-7)
    p = np.clip(rho_hat, 1e-7, 1 - 1e-7)
    return inside * ((1 - rho) / (1 - p) - rho / p) * a * (1 - a) / len(z)


lost_units = pytest.mark.parametrize(
    ("dtype", "start"),
    [(np.float32, -60.0), (np.float32, 25.0), (np.float64, -60.0), (np.float64, 60.0)],
    ids=["dead, float32", "saturated, float32", "dead, float64", "saturated, float64"],
)


@lost_units
def test_a_lost_unit_recovers(dtype, start):
    noise = spread(dtype)

    def gradient(offset):
        _, g = sparsity.kl_from_preactivation(0.01, noise + dtype(offset))
        return float(g.sum())

    end = adam(gradient, start)
    assert expit(noise + end).mean() == pytest.approx(0.01, rel=1e-3)


@lost_units
def test_a_lost_unit_would_stay_lost_if_its_mean_activation_were_clipped(dtype, start):
    # The contrast is the point: this is why nothing in aelib clips.
    noise = spread(dtype)
    end = adam(lambda offset: float(clipped_gradient(0.01, noise + dtype(offset)).sum()), start)
    assert end == pytest.approx(start, abs=0.1)


@lost_units
@pytest.mark.parametrize("clip", [False, True])
def test_a_lost_unit_recovers_in_torch_unless_clipped(dtype, start, clip):
    noise = torch.from_numpy(spread(dtype))
    offset = torch.tensor(start, dtype=noise.dtype, requires_grad=True)
    optimizer = torch.optim.Adam([offset], lr=0.5, betas=(0.9, 0.99))
    for _ in range(500):
        optimizer.zero_grad()
        if clip:
            p = torch.sigmoid(noise + offset).mean(dim=0).clamp(1e-7, 1 - 1e-7)
            penalty = (0.01 * (0.01 / p).log() + 0.99 * (0.99 / (1 - p)).log()).sum()
        else:
            penalty = nn.kl_penalty(noise + offset, 0.01)
        penalty.backward()
        optimizer.step()
    if clip:
        assert offset.item() == pytest.approx(start, abs=0.1)
    else:
        assert torch.sigmoid(noise + offset).mean().item() == pytest.approx(0.01, rel=1e-3)


# --- mean activation and the measures of sparsity ------------------------------------------------


@both_dtypes
def test_mean_activation_is_the_mean_over_samples(dtype):
    a = np.array([[0.0, 0.25, 1.0], [0.5, 0.25, 1.0]], dtype)
    mean = sparsity.mean_activation(a)
    np.testing.assert_array_equal(mean, np.array([0.25, 0.25, 1.0], dtype))
    assert mean.dtype == dtype


def test_mean_activation_of_a_million_float32_rows_is_exact_to_the_last_digit():
    a = np.random.default_rng(4).random((1_000_000, 3), dtype=np.float32)
    exact = np.array([math.fsum(column) / len(a) for column in a.T.tolist()])
    np.testing.assert_array_equal(sparsity.mean_activation(a), exact.astype(np.float32))
    # Summed in float32 it is not: the reason for the float64.
    assert np.abs(a.mean(axis=0) / exact - 1).max() > 1e-6


def test_penalty_of_many_float32_rows_accumulates_in_float64():
    # The same column 200,000 times: the mean is that of the few rows it repeats.
    few = np.array([[-1.0, 0.3], [-2.0, 0.4], [-3.5, -6.0]], np.float32)
    many = np.tile(few, (200_000, 1))
    np.testing.assert_allclose(
        sparsity.kl_from_preactivation(0.05, many)[0],
        sparsity.kl_from_preactivation(0.05, few)[0],
        rtol=1e-9,
    )


measures = pytest.mark.parametrize(
    ("measure", "axis"),
    [(sparsity.lifetime_sparsity, 0), (sparsity.population_sparsity, 1)],
    ids=["lifetime", "population"],
)


def test_sparsity_of_a_value_worked_out_by_hand():
    # (1 + 3)/2 = 2 and (1 + 9)/2 = 5, so (1 - 4/5) / (1 - 1/2) = 2/5; 0 and 1 give 1.
    a = np.array([[1.0, 0.0], [3.0, 1.0]])
    np.testing.assert_allclose(sparsity.lifetime_sparsity(a), [0.4, 1.0], rtol=1e-15)
    # Rows (1, 0) and (3, 1): 1, and (1 - 4/5) / (1 - 1/2) again.
    np.testing.assert_allclose(sparsity.population_sparsity(a), [1.0, 0.4], rtol=1e-15)


@both_dtypes
@measures
def test_one_hot_activations_are_fully_sparse_and_constant_ones_not_at_all(measure, axis, dtype):
    np.testing.assert_allclose(measure(0.3 * np.eye(6, dtype=dtype)), np.ones(6), rtol=1e-14)
    np.testing.assert_array_equal(measure(np.full((4, 6), 0.3, dtype)), np.zeros((6, 4)[axis]))


@measures
def test_sparsity_does_not_change_with_scale(measure, axis, rng):
    a = rng.random((8, 5)) ** 3
    for scale in (1e-300, 1e-30, 7.0, 1e200):
        np.testing.assert_allclose(measure(scale * a), measure(a), rtol=1e-12)


@measures
def test_sparsity_lies_between_0_and_1(measure, axis, rng):
    for power in (0.001, 1.0, 20.0, 200.0):
        value = measure(rng.random((9, 4)) ** power)
        assert value.shape == ((4,), (9,))[axis]
        assert (value >= 0.0).all()
        assert (value <= 1.0).all()


def test_population_sparsity_is_lifetime_sparsity_of_the_transpose(rng):
    a = rng.random((8, 5))
    np.testing.assert_allclose(
        sparsity.population_sparsity(a), sparsity.lifetime_sparsity(a.T), rtol=1e-13
    )


@measures
def test_sparsity_leaves_its_argument_alone(measure, axis, rng):
    a = rng.random((8, 5))
    before = a.copy()
    measure(a)
    np.testing.assert_array_equal(a, before)


@measures
def test_sparsity_is_refused_where_it_is_not_defined(measure, axis):
    silent = np.ones((3, 3))
    silent[(slice(None), 1) if axis == 0 else (1, slice(None))] = 0.0
    words = "unit(s) that are 0 for every sample" if axis == 0 else "sample(s) with no active unit"
    said = re.escape(f"activation has 1 {words}; their sparsity is not defined")
    with pytest.raises(ValueError, match=said):
        measure(silent)
    with pytest.raises(ValueError, match="must not be negative"):
        measure(silent - 0.5)
    with pytest.raises(ValueError, match="at least 2 entries"):
        measure(np.ones((1, 4)) if axis == 0 else np.ones((4, 1)))
