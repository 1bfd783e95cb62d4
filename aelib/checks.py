r"""Numerical checks of hand-written gradients, by central differences.

A check is only as good as its tolerance: a well-known wrong form of the sparse gradient is off by
a few per cent only (chapter 5 of the book), and a loose check lets it pass.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.linalg.blas import dnrm2

from aelib import validate
from aelib.validate import Array

# The cube root of the machine epsilon balances the two errors of a central difference: truncation,
# which grows with the square of the step, and rounding, which grows as the step shrinks.
_STEP = float(np.finfo(np.float64).eps) ** (1 / 3)


def numerical_gradient(
    objective: Callable[[Any], Any],
    params: Mapping[str, Array] | Array,
    *,
    step: float = _STEP,
) -> Any:
    r"""Return the gradient of an objective by central differences.

    .. math::
        \frac{\partial J}{\partial \theta_k}
        \approx \frac{J(\theta + \varepsilon e_k) - J(\theta - \varepsilon e_k)}{2\varepsilon}

    Parameters
    ----------
    objective : callable
        Takes parameters shaped like ``params``; returns the loss, or a tuple that begins with it.
    params : ndarray or mapping of str to ndarray
        Where to differentiate; float64. It is not changed.
    step : float, default about 6e-6
        The step :math:`\varepsilon`; each parameter's own step is this times ``max(1, |value|)``.

    Returns
    -------
    ndarray or dict of str to ndarray
        The gradient, shaped like ``params``.

    Raises
    ------
    TypeError
        If a parameter is not a float64 array.
    ValueError
        If ``step`` is not positive, or a parameter is empty or not finite.
    FloatingPointError
        If the objective returns NaN or infinity.

    Notes
    -----
    Two evaluations a parameter: use it on small networks. Chapter 2 of the book.
    """
    step = validate.positive("step", step)
    if isinstance(params, Mapping):
        point = {name: _float64(name, value).copy() for name, value in params.items()}
        return {name: _differences(objective, point, value, step) for name, value in point.items()}
    point_array = _float64("params", params).copy()
    return _differences(objective, point_array, point_array, step)


def relative_error(first: Any, second: Any) -> float:
    r"""Return the distance of two gradients relative to the longer of them.

    .. math::
        \frac{\lVert g - h \rVert_2}{\max(\lVert g \rVert_2,\ \lVert h \rVert_2)}

    Parameters
    ----------
    first, second : ndarray or mapping of str to ndarray
        Two gradients of the same shape; of mappings all arrays count as one long vector.

    Returns
    -------
    float
        0 if they are equal (also if both are 0), 2 if they are opposite.

    Raises
    ------
    ValueError
        If the names or the shapes differ, or a value is NaN or infinite.
    """
    g, h = _as_vector(first, second), _as_vector(second, first)
    longer = max(_norm(g), _norm(h))
    return _norm(g - h) / longer if longer > 0.0 else 0.0


def check_gradient(
    objective: Callable[[dict[str, Array]], tuple[float, Mapping[str, Array]]],
    params: Mapping[str, Array],
    *,
    tolerance: float = 1e-7,
) -> dict[str, float]:
    """Compare an objective's own gradient with central differences, one parameter at a time.

    Parameters
    ----------
    objective : callable
        Takes a dict like ``params``; returns the loss and its gradient, a dict of the same shapes.
    params : mapping of str to ndarray
        Where to check; float64.
    tolerance : float, default 1e-7
        The largest `relative_error` that any one parameter may have.

    Returns
    -------
    dict of str to float
        The relative error of each parameter.

    Raises
    ------
    AssertionError
        If a parameter is off: the message names each such parameter, by how much it is off, and
        the entry that is off the most.
    TypeError, ValueError
        As for `numerical_gradient`, or if the gradient's names or shapes differ from ``params``,
        or it holds NaN or infinity.
    FloatingPointError
        If the objective is not finite near ``params``.

    Notes
    -----
    Differences cannot resolve what lies below the rounding of the loss itself, about ``eps *
    |loss| / step`` an entry; that much is not held against the gradient. Chapter 2 of the book.
    """
    tolerance = validate.positive("tolerance", tolerance)
    loss, gradient = objective(dict(params))
    numerical = numerical_gradient(objective, params)
    if set(gradient) != set(params):
        raise ValueError(f"the gradient has {sorted(gradient)}, the parameters {sorted(params)}")
    noise = 4.0 * float(np.finfo(np.float64).eps) * abs(float(loss)) / _STEP

    errors: dict[str, float] = {}
    complaints = []
    for name, expected in numerical.items():
        own = np.asarray(gradient[name])
        errors[name] = relative_error({name: own}, {name: expected})
        difference = np.abs(own - expected)
        excess = _norm(difference) - noise * np.sqrt(difference.size)
        longer = max(_norm(own), _norm(expected))
        if excess > tolerance * longer:
            worst = np.unravel_index(int(np.argmax(difference)), difference.shape)
            index = ", ".join(str(int(i)) for i in worst)
            complaints.append(
                f"{name}: relative error {errors[name]:.1e} (allowed {tolerance:.0e}); the worst "
                f"entry is [{index}]: {own[worst]:.6g} by the formula, "
                f"{expected[worst]:.6g} by differences"
            )
    if complaints:
        raise AssertionError("the gradient is wrong\n  " + "\n  ".join(complaints))
    return errors


def _differences(objective: Callable[[Any], Any], point: Any, value: Array, step: float) -> Array:
    """Differentiate by ``value``, which is ``point`` or one of its arrays, entry by entry."""
    gradient = np.empty_like(value)
    for index in np.ndindex(value.shape):
        centre = float(value[index])
        width = step * max(1.0, abs(centre))
        value[index] = centre + width
        above, upper = _loss(objective, point), float(value[index])
        value[index] = centre - width
        below, lower = _loss(objective, point), float(value[index])
        value[index] = centre
        # The step that was really taken: centre + width is rounded to the nearest float.
        gradient[index] = (above - below) / (upper - lower)
    return gradient


def _norm(value: Any) -> float:
    # BLAS scales before it squares: numpy's norm of 1e-200 is 0, and of 1e200 infinite.
    return float(dnrm2(np.ravel(value).astype(np.float64)))


def _loss(objective: Callable[[Any], Any], point: Any) -> float:
    result = objective(point)
    loss = float(result[0] if isinstance(result, tuple) else result)
    if not np.isfinite(loss):
        raise FloatingPointError(f"the objective returned {loss} during the differences")
    return loss


def _float64(name: str, value: Any) -> Array:
    array = validate.floats(name, value)
    if array.dtype != np.float64:
        raise TypeError(f"{name} must be float64 for central differences, got {array.dtype}")
    return array


def _as_vector(gradient: Any, other: Any) -> Array:
    if isinstance(gradient, Mapping) != isinstance(other, Mapping):
        raise ValueError("one gradient is a dict of arrays, the other is not")
    if not isinstance(gradient, Mapping):
        gradient, other = {"gradient": gradient}, {"gradient": other}
    if set(gradient) != set(other):
        raise ValueError(f"the gradients have {sorted(gradient)} and {sorted(other)}")
    for name in gradient:
        if np.shape(gradient[name]) != np.shape(other[name]):
            raise ValueError(
                f"{name} has shapes {np.shape(gradient[name])} and {np.shape(other[name])}"
            )
        if not np.all(np.isfinite(gradient[name])):
            raise ValueError(f"{name} holds NaN or infinity")
    vector: Array = np.concatenate([np.ravel(gradient[name]) for name in sorted(gradient)])
    return vector.astype(np.float64)
