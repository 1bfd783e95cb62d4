"""The checker itself, on functions whose gradients are known."""

import numpy as np
import pytest

from aelib import checks

MATRIX = np.array([[2.0, 1.0, 0.0], [1.0, 3.0, -1.0], [0.0, -1.0, 4.0]])
POINT = np.array([1.0, -2.0, 0.5])


def quadratic(v):
    return 0.5 * float(v @ MATRIX @ v)


def two_parts(params, factor=1.0, broken=()):
    """Return a loss of two arrays, and its gradient; that of the ``broken`` ones times factor."""
    a, b = params["a"], params["b"]
    loss = float(np.sum(a**3) + np.sum(np.sin(b)))
    grad = {"a": 3 * a**2, "b": np.cos(b)}
    return loss, {name: g * (factor if name in broken else 1.0) for name, g in grad.items()}


def point():
    return {"a": np.array([[1.0, 2.0], [-1.0, 0.5]]), "b": np.array([0.1, 0.2, 0.3])}


# --- numerical_gradient --------------------------------------------------------------------------


def test_differences_of_a_quadratic_are_its_gradient():
    # A central difference of a quadratic has no truncation error, only rounding.
    gradient = checks.numerical_gradient(quadratic, POINT)
    np.testing.assert_allclose(gradient, MATRIX @ POINT, atol=1e-9)


def test_differences_of_a_dict_have_its_names_and_shapes():
    gradient = checks.numerical_gradient(two_parts, point())
    expected = two_parts(point())[1]
    assert list(gradient) == ["a", "b"]
    for name in gradient:
        np.testing.assert_allclose(gradient[name], expected[name], atol=1e-9)


def test_a_number_and_a_tuple_that_begins_with_it_are_the_same():
    alone = checks.numerical_gradient(quadratic, POINT)
    with_gradient = checks.numerical_gradient(lambda v: (quadratic(v), MATRIX @ v), POINT)
    np.testing.assert_array_equal(alone, with_gradient)


def test_differences_use_the_given_step_on_both_sides():
    # At 0 the central difference of v^3 is step^2, and that of |v| is 0.
    origin = np.zeros(1)
    assert checks.numerical_gradient(lambda v: v[0] ** 3, origin, step=0.1) == pytest.approx(0.01)
    assert checks.numerical_gradient(lambda v: abs(v[0]), origin, step=0.1) == 0.0


def test_the_step_grows_with_the_parameter():
    # With the bare step 1e10 + 6e-6 would not move the loss at all.
    gradient = checks.numerical_gradient(lambda v: float(v[0] ** 2), np.array([1e10]))
    np.testing.assert_allclose(gradient, 2e10, rtol=1e-9)


def test_differences_leave_the_parameters_alone_even_if_the_objective_fails():
    params, v = point(), POINT.copy()
    checks.numerical_gradient(two_parts, params)
    with pytest.raises(FloatingPointError, match="the objective returned nan"):
        checks.numerical_gradient(lambda _: float("nan"), v)
    np.testing.assert_array_equal(v, POINT)
    for name, value in point().items():
        np.testing.assert_array_equal(params[name], value)


# --- relative_error ------------------------------------------------------------------------------


def test_relative_error_of_values_worked_out_by_hand():
    g = np.array([3.0, 4.0])
    assert checks.relative_error(g, g) == 0.0
    assert checks.relative_error(g, -g) == 2.0
    assert checks.relative_error(g, 0 * g) == 1.0
    assert checks.relative_error(0 * g, 0 * g) == 0.0
    # |(0, 1)| / |(3, 4)|
    assert checks.relative_error(g, np.array([3.0, 3.0])) == pytest.approx(1 / 5, rel=1e-15)


def test_relative_error_is_symmetric_and_does_not_depend_on_scale(rng):
    g, h = rng.standard_normal(5), rng.standard_normal(5)
    error = checks.relative_error(g, h)
    assert checks.relative_error(h, g) == error
    # Also where a square would under- or overflow: a vanishing gradient can still be wrong.
    for scale in (1e-250, 1e-30, 1e30, 1e250):
        assert checks.relative_error(scale * g, scale * h) == pytest.approx(error, rel=1e-12)


def test_relative_error_of_dicts_takes_all_arrays_as_one_vector():
    first = {"a": np.array([[3.0, 0.0]]), "b": np.array([4.0])}
    second = {"b": np.array([4.0]), "a": np.array([[3.0, 1.0]])}
    joined = checks.relative_error(np.array([3.0, 0.0, 4.0]), np.array([3.0, 1.0, 4.0]))
    assert checks.relative_error(first, second) == pytest.approx(joined, rel=1e-15)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (np.ones(3), np.ones(4), r"gradient has shapes \(3,\) and \(4,\)"),
        (np.ones((2, 3)), np.ones((3, 2)), r"shapes \(2, 3\) and \(3, 2\)"),
        ({"a": np.ones(3)}, {"b": np.ones(3)}, r"\['a'\] and \['b'\]"),
        ({"a": np.ones(3)}, {"a": np.ones(1)}, "a has shapes"),
        ({"a": np.ones(3)}, np.ones(3), "one gradient is a dict"),
        (np.array([1.0, np.nan]), np.ones(2), "NaN or infinity"),
        (np.ones(2), np.array([1.0, np.inf]), "NaN or infinity"),
    ],
)
def test_relative_error_refuses_gradients_that_cannot_be_compared(first, second, message):
    with pytest.raises(ValueError, match=message):
        checks.relative_error(first, second)


# --- check_gradient ------------------------------------------------------------------------------


def test_a_right_gradient_passes_and_its_errors_are_returned():
    errors = checks.check_gradient(two_parts, point())
    assert list(errors) == ["a", "b"]
    assert all(0 <= error < 1e-9 for error in errors.values())


@pytest.mark.parametrize("broken", [("a",), ("b",), ("a", "b")])
def test_a_wrong_gradient_is_named_with_its_size_and_worst_entry(broken):
    with pytest.raises(AssertionError) as failure:
        checks.check_gradient(lambda p: two_parts(p, 1.25, broken), point())
    message = str(failure.value)
    for name in ("a", "b"):
        assert (f"{name}: relative error 2.0e-01" in message) == (name in broken)
    # The largest difference: a is largest at [0, 1], where 3 * 2^2 = 12 was given as 15.
    assert ("the worst entry is [0, 1]: 15 by the formula, 12 by differences" in message) == (
        "a" in broken
    )


@pytest.mark.parametrize(("factor", "passes"), [(1 + 3e-7, False), (1 + 3e-8, True)])
def test_the_tolerance_is_where_it_is_said_to_be(factor, passes):
    def check(**more):
        return checks.check_gradient(lambda p: two_parts(p, factor, ("a",)), point(), **more)

    if passes:
        check()
        with pytest.raises(AssertionError, match="a: relative error"):
            check(tolerance=1e-8)
    else:
        with pytest.raises(AssertionError, match=r"allowed 1e-07"):
            check()
        check(tolerance=1e-6)


def test_one_wrong_entry_among_many_is_found():
    def objective(params):
        v = params["v"]
        grad = v.copy()
        grad[41] = -grad[41]
        return 0.5 * float(v @ v), {"v": grad}

    with pytest.raises(AssertionError, match=r"the worst entry is \[41\]"):
        checks.check_gradient(objective, {"v": np.full(1000, 0.1)})


def test_a_zero_gradient_beside_a_large_loss_is_not_held_against_rounding():
    # Differences of 1e6 resolve nothing below about 1e-5: "b" does not matter and its gradient is
    # 0, yet its differences need not be exactly 0.
    def objective(params):
        return 1e6 + float(np.sum(params["a"]) + 1e-12 * np.sum(params["b"])), {
            "a": np.ones(2),
            "b": np.zeros(2),
        }

    checks.check_gradient(objective, {"a": np.ones(2), "b": np.ones(2)}, tolerance=1e-3)


@pytest.mark.parametrize("scale", [1e-3, 1e3, 1e200])
def test_a_wrong_gradient_is_found_at_any_scale_of_the_loss(scale):
    def objective(params):
        v = params["v"]
        return scale * float(v @ v), {"v": -2 * scale * v}

    with pytest.raises(AssertionError, match=r"v: relative error 2\.0e"):
        checks.check_gradient(objective, {"v": np.array([1.0, 2.0])})


def test_a_gradient_with_other_names_shapes_or_nan_is_refused():
    with pytest.raises(ValueError, match=r"the gradient has \['a'\]"):
        checks.check_gradient(lambda p: (1.0, {"a": p["a"]}), point())
    with pytest.raises(ValueError, match="b has shapes"):
        checks.check_gradient(lambda p: (1.0, {"a": p["a"], "b": np.ones((3, 1))}), point())
    with pytest.raises(ValueError, match="NaN or infinity"):
        checks.check_gradient(lambda p: (1.0, {**p, "b": np.full(3, np.nan)}), point())


def test_the_parameter_that_holds_nan_is_named():
    with pytest.raises(ValueError, match="b holds NaN or infinity"):
        checks.check_gradient(lambda p: (1.0, {**p, "b": np.full(3, np.nan)}), point())


@pytest.mark.parametrize(
    ("start", "wrong"), [(np.array([1.0, 2.0]), [9.0, 9.0]), (np.array(2.0), 9.0)]
)
def test_a_wrong_gradient_is_told_also_as_a_list_or_a_number(start, wrong):
    def objective(params):
        return 0.5 * float(np.sum(params["v"] ** 2)), {"v": wrong}

    with pytest.raises(AssertionError, match="9 by the formula"):
        checks.check_gradient(objective, {"v": start})
