"""The numpy half: parameters, the forward pass, and the two ways to minimise."""

import math
import os
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from scipy.special import expit

from aelib import byhand, data

NAMES = ["encoder_weight", "encoder_bias", "decoder_weight", "decoder_bias"]

# --- the forward pass ----------------------------------------------------------------------------


def hand_solved():
    """Two inputs, three hidden units; every activation can be worked out in the head."""
    return {
        "encoder_weight": np.array([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]]),
        "encoder_bias": np.array([0.0, 0.0, math.log(3.0)]),
        "decoder_weight": np.array([[4.0, 0.0], [0.0, 0.0], [0.0, 4.0]]),
        "decoder_bias": np.array([-2.0, -3.0]),
    }


def test_encode_gives_the_values_of_hand_solved_weights():
    # sigma(log 3) = 3/4, sigma(0) = 1/2, sigma(2 log 2) = 4/5.
    x = np.array([[0.0, 0.0], [math.log(3.0), math.log(2.0)]])
    np.testing.assert_allclose(
        byhand.encode(hand_solved(), x), [[0.5, 0.5, 0.75], [0.75, 0.8, 0.75]], rtol=1e-15
    )


def test_decode_gives_the_values_of_hand_solved_weights():
    a = np.array([[0.5, 0.3, 0.75], [1.0, 0.9, 0.75]])
    linear = byhand.decode(hand_solved(), a, decoder="linear")
    np.testing.assert_allclose(linear, [[0.0, 0.0], [2.0, 0.0]], atol=1e-15)
    sigmoid = byhand.decode(hand_solved(), a)
    np.testing.assert_allclose(sigmoid, [[0.5, 0.5], [1 / (1 + math.exp(-2)), 0.5]], rtol=1e-15)


def test_loss_is_half_the_squared_error_a_sample_plus_the_decay():
    # Nothing passes from layer to layer: x_hat is sigma(0) = 1/2 everywhere.
    params = {
        "encoder_weight": np.zeros((2, 3)),
        "encoder_bias": np.zeros(3),
        "decoder_weight": np.zeros((3, 2)),
        "decoder_bias": np.zeros(2),
    }
    x = np.array([[0.5, 1.0], [0.0, 0.5], [0.5, 0.5], [0.5, 0.5]])
    assert byhand.autoencoder.loss_and_grad(params, x)[0] == 0.5 * (0.25 + 0.25) / 4
    params["encoder_weight"][0, 0], params["decoder_weight"][1, 1] = 2.0, 3.0
    with_decay, _ = byhand.autoencoder.loss_and_grad(params, x, weight_decay=0.1)
    without, _ = byhand.autoencoder.loss_and_grad(params, x)
    assert with_decay - without == pytest.approx(0.5 * 0.1 * (4 + 9), rel=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_sigmoid_never_overflows(params, dtype):
    # Pre-activations of +-1e4; a warning would fail the test, as all warnings here do.
    params = {name: value.astype(dtype) for name, value in params.items()}
    params["encoder_bias"][:] = [1e4, -1e4, 0.0, 1e4, -1e4]
    params["decoder_bias"][:] = [1e4, -1e4, 1e4, -1e4, 0.0, 0.0, 0.0]
    x = np.random.default_rng(2).random((11, 7)).astype(dtype)
    a = byhand.encode(params, x)
    assert np.isin(a[:, [0, 3]], 1.0).all()
    assert np.isin(a[:, [1, 4]], 0.0).all()
    x_hat = byhand.decode(params, a)
    assert np.isin(x_hat[:, 0], 1.0).all()
    assert np.isin(x_hat[:, 1], 0.0).all()
    loss, grad = byhand.sparse.loss_and_grad(params, x, rho=0.05, sparsity_weight=3.0)
    assert math.isfinite(loss)
    assert all(np.isfinite(value).all() for value in grad.values())


# --- parameters ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_init_draws_weights_in_the_range_of_glorot_and_zero_biases(dtype, rng):
    params = byhand.init(n_visible=70, n_hidden=26, rng=rng, dtype=dtype)
    assert list(params) == NAMES
    assert [value.shape for value in params.values()] == [(70, 26), (26,), (26, 70), (70,)]
    assert all(value.dtype == dtype for value in params.values())
    bound = math.sqrt(6 / (70 + 26))
    for name in ("encoder_weight", "decoder_weight"):
        # Of 1820 uniform draws the largest comes within one per cent of the bound.
        assert 0.99 * bound < np.abs(params[name]).max() <= bound
        assert abs(params[name].mean()) < 4 * bound / math.sqrt(3 * 70 * 26)
    assert not params["encoder_bias"].any()
    assert not params["decoder_bias"].any()


def test_init_is_determined_by_the_generator():
    first, again, other = (
        byhand.init(n_visible=7, n_hidden=5, rng=np.random.default_rng(seed)) for seed in (0, 0, 1)
    )
    for name in ("encoder_weight", "decoder_weight"):
        np.testing.assert_array_equal(first[name], again[name])
        assert (first[name] != other[name]).all()
    # The two matrices are drawn one after the other, not the same numbers twice.
    assert not np.isin(first["encoder_weight"], first["decoder_weight"]).any()


def test_unflatten_is_the_inverse_of_flatten(params):
    vector = byhand.flatten(params)
    assert vector.shape == (7 * 5 + 5 + 5 * 7 + 7,)
    back = byhand.unflatten(vector, like=params)
    assert list(back) == NAMES
    for name in NAMES:
        np.testing.assert_array_equal(back[name], params[name])


def test_flatten_copies_and_unflatten_gives_back_the_dtype(params):
    single = {name: value.astype(np.float32) for name, value in params.items()}
    vector = byhand.flatten(single)
    assert vector.dtype == np.float64
    vector[:] = 0.5
    assert not (single["encoder_weight"] == 0.5).any()
    back = byhand.unflatten(vector, like=single)
    assert all((value == 0.5).all() and value.dtype == np.float32 for value in back.values())


def test_unflatten_refuses_another_length(params):
    for length in (0, 81, 83):
        with pytest.raises(ValueError, match=r"vector must have shape \(82,\)"):
            byhand.unflatten(np.zeros(length), like=params)


# --- L-BFGS --------------------------------------------------------------------------------------


def quadratic(params):
    """Return a bowl with its minimum, 1.5, at (1, -2, 3) and (4,); curved 1 to 100."""
    curvature = {"a": np.array([1.0, 10.0, 100.0]), "b": np.array([2.0])}
    centre = {"a": np.array([1.0, -2.0, 3.0]), "b": np.array([4.0])}
    away = {name: params[name] - centre[name] for name in params}
    loss = 1.5 + sum(0.5 * float(np.sum(curvature[k] * away[k] ** 2)) for k in away)
    return loss, {k: (curvature[k] * away[k]).astype(params[k].dtype) for k in away}


def origin(dtype=np.float64):
    return {"a": np.zeros(3, dtype), "b": np.zeros(1, dtype)}


def test_lbfgs_finds_the_minimum_of_a_quadratic():
    fit = byhand.lbfgs(quadratic, origin())
    np.testing.assert_allclose(fit.params["a"], [1, -2, 3], atol=1e-6)
    np.testing.assert_allclose(fit.params["b"], [4], atol=1e-6)
    assert fit.history.converged
    assert fit.history.step == "iteration"
    assert fit.history.loss[0] == quadratic(origin())[0]
    assert fit.history.loss[-1] == pytest.approx(1.5, abs=1e-10)


def test_lbfgs_takes_a_gradient_whose_names_come_in_another_order():
    def reversed_names(params):
        loss, grad = quadratic(params)
        return loss, dict(reversed(grad.items()))

    fit = byhand.lbfgs(reversed_names, origin())
    np.testing.assert_allclose(fit.params["a"], [1, -2, 3], atol=1e-6)


def test_lbfgs_comes_close_to_the_bound_of_pca_and_never_below():
    # No autoencoder with a linear decoder and h hidden units reconstructs better than the first
    # h principal components: the data's remaining variance is the floor.
    x = data.digits()[0][:300, 10:40]
    h = 6
    floor = 0.5 * np.sum(np.linalg.svd(x - x.mean(axis=0), compute_uv=False)[h:] ** 2) / len(x)
    # One hidden unit fewer, and the variance of that component is lost too.
    next_floor = (
        0.5 * np.sum(np.linalg.svd(x - x.mean(axis=0), compute_uv=False)[h - 1 :] ** 2) / len(x)
    )
    start = byhand.init(n_visible=30, n_hidden=h, rng=np.random.default_rng(0))
    fit = byhand.lbfgs(
        lambda p: byhand.autoencoder.loss_and_grad(p, x, decoder="linear"), start, max_iter=300
    )
    assert floor <= fit.history.loss[-1] < floor + 0.25 * (next_floor - floor)


def test_lbfgs_never_goes_up_and_returns_the_params_of_its_last_loss(params, x):
    def objective(p):
        return byhand.sparse.loss_and_grad(p, x, rho=0.05, sparsity_weight=3.0, weight_decay=1e-3)

    fit = byhand.lbfgs(objective, params, max_iter=60)
    assert (np.diff(fit.history.loss) <= 0).all()
    assert fit.history.loss[0] == objective(params)[0]
    assert fit.history.loss[-1] == objective(fit.params)[0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lbfgs_keeps_the_dtype_and_does_not_change_its_start(params, x, dtype):
    start = {name: value.astype(dtype) for name, value in params.items()}
    before = {name: value.copy() for name, value in start.items()}
    seen = set()

    def objective(p):
        seen.update(value.dtype.type for value in p.values())
        return byhand.autoencoder.loss_and_grad(p, x.astype(dtype))

    fit = byhand.lbfgs(objective, start, max_iter=5)
    assert seen == {dtype}
    for name in NAMES:
        assert fit.params[name].dtype == dtype
        np.testing.assert_array_equal(start[name], before[name])
        assert not np.shares_memory(fit.params[name], start[name])
        assert (fit.params[name] != before[name]).any()


@pytest.mark.parametrize("max_iter", [1, 3])
def test_lbfgs_stops_after_max_iter_and_does_not_call_that_converged(params, x, max_iter):
    fit = byhand.lbfgs(lambda p: byhand.autoencoder.loss_and_grad(p, x), params, max_iter=max_iter)
    assert fit.history.n_steps == max_iter
    assert not fit.history.converged
    assert "ITERATIONS" in fit.history.message


def test_lbfgs_stops_at_the_tolerance():
    rough = byhand.lbfgs(quadratic, origin(), tolerance=10.0)
    fine = byhand.lbfgs(quadratic, origin(), tolerance=1e-3)
    assert rough.history.n_steps < fine.history.n_steps
    largest = [max(np.abs(g).max() for g in quadratic(f.params)[1].values()) for f in (rough, fine)]
    assert 1e-3 < largest[0] <= 10.0
    assert largest[1] <= 1e-3


def test_lbfgs_ends_at_the_last_finite_point_when_the_objective_breaks():
    calls = []

    def breaks(params):
        calls.append(params)
        loss, grad = quadratic(params)
        return (math.nan if len(calls) > 6 else loss), grad

    with pytest.warns(RuntimeWarning, match="the loss became nan"):
        fit = byhand.lbfgs(breaks, origin())
    assert fit.history.n_steps > 0
    assert not fit.history.converged
    assert quadratic(fit.params)[0] == fit.history.loss[-1] < fit.history.loss[0]


def interrupted_at(call, objective):
    """Wrap an objective: its call number ``call`` is cut short, as Ctrl-C would."""
    calls = 0

    def wrapped(params):
        nonlocal calls
        calls += 1
        if calls == call:
            raise KeyboardInterrupt
        return objective(params)

    return wrapped


def test_lbfgs_returns_what_it_reached_when_interrupted():
    with pytest.warns(RuntimeWarning, match="interrupted"):
        fit = byhand.lbfgs(interrupted_at(7, quadratic), origin())
    assert fit.history.message == "interrupted"
    assert not fit.history.converged
    assert fit.history.n_steps > 0
    assert quadratic(fit.params)[0] == fit.history.loss[-1] < fit.history.loss[0]


# --- gradient descent ----------------------------------------------------------------------------


def test_gradient_descent_takes_the_steps_of_the_formula():
    fit = byhand.gradient_descent(quadratic, origin(), learning_rate=0.01, n_steps=4)
    expected, losses = origin(), []
    for _ in range(4):
        loss, grad = quadratic(expected)
        losses.append(loss)
        expected = {name: expected[name] - 0.01 * grad[name] for name in expected}
    losses.append(quadratic(expected)[0])
    np.testing.assert_array_equal(fit.history.loss, losses)
    for name in expected:
        np.testing.assert_array_equal(fit.params[name], expected[name])
    assert fit.history.n_steps == 4
    assert fit.history.converged is False


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradient_descent_keeps_the_dtype_and_does_not_change_its_start(dtype):
    start = origin(dtype)
    fit = byhand.gradient_descent(quadratic, start, learning_rate=0.01, n_steps=3)
    for name, value in fit.params.items():
        assert value.dtype == dtype
        assert value.any()
        assert not start[name].any()


def test_gradient_descent_keeps_float32_also_with_a_gradient_in_float64():
    def objective(params):
        loss, grad = quadratic(params)
        return loss, {name: value.astype(np.float64) for name, value in grad.items()}

    fit = byhand.gradient_descent(objective, origin(np.float32), learning_rate=0.01, n_steps=3)
    assert {value.dtype for value in fit.params.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    "optimise", [byhand.lbfgs, partial(byhand.gradient_descent, learning_rate=1, n_steps=1)]
)
def test_nothing_to_train_is_refused(optimise):
    with pytest.raises(ValueError, match="params is empty"):
        optimise(quadratic, {})


@pytest.mark.parametrize("learning_rate", [1.0, 1e200])
def test_gradient_descent_that_diverges_returns_the_last_finite_params(learning_rate):
    with pytest.warns(RuntimeWarning, match="became") as caught:
        fit = byhand.gradient_descent(
            quadratic, origin(), learning_rate=learning_rate, n_steps=1000
        )
    assert len(caught) == 1, "overflow on the way must not add warnings of its own"
    assert 0 <= fit.history.n_steps < 1000
    assert np.isfinite(fit.history.loss).all()
    assert quadratic(fit.params)[0] == fit.history.loss[-1]


def test_gradient_descent_in_float32_survives_a_step_that_overflows():
    with pytest.warns(RuntimeWarning, match="became NaN or infinite"):
        fit = byhand.gradient_descent(quadratic, origin(np.float32), learning_rate=1e39, n_steps=5)
    assert fit.history.n_steps == 0
    assert not fit.params["a"].any()


def test_gradient_descent_returns_what_it_reached_when_interrupted():
    with pytest.warns(RuntimeWarning, match="after 3 of 10 iterations: interrupted"):
        fit = byhand.gradient_descent(
            interrupted_at(5, quadratic), origin(), learning_rate=0.01, n_steps=10
        )
    three = byhand.gradient_descent(quadratic, origin(), learning_rate=0.01, n_steps=3)
    np.testing.assert_array_equal(fit.history.loss, three.history.loss)
    np.testing.assert_array_equal(fit.params["a"], three.params["a"])


# --- both ----------------------------------------------------------------------------------------

both = pytest.mark.parametrize(
    "minimise",
    [
        lambda objective, params, **more: byhand.lbfgs(objective, params, **more),
        lambda objective, params, **more: byhand.gradient_descent(
            objective, params, learning_rate=0.01, n_steps=5, **more
        ),
    ],
    ids=["lbfgs", "gradient descent"],
)


@both
def test_a_start_that_is_not_finite_is_refused(minimise):
    broken = origin()
    broken["a"][1] = np.nan
    with pytest.raises(FloatingPointError, match="a became NaN"):
        minimise(quadratic, broken)
    with pytest.raises(FloatingPointError, match="the loss became nan"):
        minimise(lambda p: (math.nan, p), origin())
    with pytest.raises(FloatingPointError, match="the gradient of b became NaN"):
        minimise(lambda p: (1.0, {**p, "b": np.array([np.inf])}), origin())


@both
def test_a_gradient_that_does_not_fit_the_parameters_is_refused(minimise):
    with pytest.raises(ValueError, match=r"the gradient has \['a'\]"):
        minimise(lambda p: (1.0, {"a": p["a"]}), origin())
    with pytest.raises(ValueError, match=r"the gradient of b has shape \(3,\)"):
        minimise(lambda p: (1.0, {"a": p["a"], "b": p["a"]}), origin())


@both
def test_another_error_of_the_objective_is_not_swallowed(minimise):
    def broken(params):
        raise ZeroDivisionError("in the objective")

    with pytest.raises(ZeroDivisionError, match="in the objective"):
        minimise(broken, origin())


@pytest.mark.parametrize(
    "fit", ["lbfgs(f, p)", "gradient_descent(f, p, learning_rate=1, n_steps=2)"]
)
def test_the_progress_bar_shows_unless_the_environment_hides_it(fit):
    # Notebooks are executed with TQDM_DISABLE=1: a bar would end up in their stored outputs.
    program = (
        "import numpy as np; from aelib.byhand import *\n"
        "def f(p): return float(0.5 * (p['a'] ** 2).sum()), dict(p)\n"
        "p = {'a': np.ones(2)}\n"
        f"{fit}"
    )

    def stderr(**env):
        env = {k: v for k, v in os.environ.items() if k != "TQDM_DISABLE"} | env
        done = subprocess.run(
            [sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True
        )
        return done.stderr

    assert "%|" in stderr()
    assert stderr(TQDM_DISABLE="1") == ""


def test_activations_after_a_sparse_fit_reach_the_target(x):
    # What the penalty is for: with a heavy weight the mean activations end at rho.
    start = byhand.init(n_visible=7, n_hidden=5, rng=np.random.default_rng(3))
    fit = byhand.lbfgs(
        lambda p: byhand.sparse.loss_and_grad(p, x, rho=0.05, sparsity_weight=100.0), start
    )
    rho_hat = byhand.encode(fit.params, x).mean(axis=0)
    np.testing.assert_allclose(rho_hat, 0.05, rtol=0.05)
    assert (expit(x @ start["encoder_weight"]).mean(axis=0) > 0.3).all()
