"""Minimise an objective: L-BFGS from scipy, and the lecture's plain gradient descent."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from aelib import validate
from aelib.byhand.parameters import Params, flatten, unflatten
from aelib.history import History
from aelib.progress import progress_bar
from aelib.validate import Array

Objective = Callable[[Params], tuple[float, Params]]


@dataclass(frozen=True, eq=False)
class Fit:
    """The outcome of a fit.

    Attributes
    ----------
    params : dict of str to ndarray
        The last parameters with a finite loss.
    history : History
        The loss at every iteration, and why the fit ended.
    """

    params: Params
    history: History


def lbfgs(
    objective: Objective,
    params: Params,
    *,
    max_iter: int = 400,
    tolerance: float = 1e-6,
    progress: bool = True,
) -> Fit:
    """Minimise an objective by L-BFGS.

    Parameters
    ----------
    objective : callable
        Takes parameters, returns the loss and its gradient; deterministic.
    params : dict of str to ndarray
        Where to start; not changed. The result keeps its dtype.
    max_iter : int, default 400
        The largest number of iterations.
    tolerance : float, default 1e-6
        Stop once no entry of the gradient is larger than this. The fit also stops when an iteration
        lowers the loss by less than 1e-12 of it: rounding leaves no more to be won.
    progress : bool, default True
        Whether to show a progress bar. The environment variable ``TQDM_DISABLE=1`` hides it too.

    Returns
    -------
    Fit
        With the loss before the first iteration and after each. If you interrupt it, or if the
        objective stops being finite, you get what was reached until then, with a warning.

    Raises
    ------
    TypeError, ValueError
        If an argument is malformed or out of range.
    FloatingPointError
        If the loss or its gradient is not finite at the start.

    Notes
    -----
    `scipy.optimize.minimize` with ``method="L-BFGS-B"`` and no bounds; Liu and Nocedal (1989).
    scipy works in float64 whatever the dtype of the objective.
    """
    max_iter = validate.count("max_iter", max_iter)
    tolerance = validate.positive("tolerance", tolerance)
    _check(params)
    losses = [_evaluate(objective, params)[0]]
    reached = flatten(params)

    def evaluate(vector: Array) -> tuple[float, Array]:
        with np.errstate(over="ignore"):
            trial = unflatten(vector, like=params)
        loss, grad = _evaluate(objective, trial)
        return loss, flatten(grad)

    with progress_bar(total=max_iter, desc="L-BFGS", unit="it", show=progress) as bar:

        def record(intermediate_result: OptimizeResult) -> None:
            nonlocal reached
            reached = intermediate_result.x.copy()
            losses.append(float(intermediate_result.fun))
            bar.set_postfix(loss=f"{losses[-1]:.4g}", refresh=False)
            bar.update()

        try:
            result = minimize(
                evaluate,
                reached.copy(),
                jac=True,
                method="L-BFGS-B",
                callback=record,
                options={
                    "maxiter": max_iter,
                    "maxfun": 20 * max_iter,
                    "maxcor": 20,
                    "gtol": tolerance,
                    "ftol": 1e-12,
                },
            )
            message, converged = str(result.message), bool(result.success)
        except FloatingPointError as error:
            message, converged = str(error), False
        except KeyboardInterrupt:
            message, converged = "interrupted", False
    return _finish(unflatten(reached, like=params), losses, message, converged, max_iter)


def gradient_descent(
    objective: Objective,
    params: Params,
    *,
    learning_rate: float,
    n_steps: int,
    progress: bool = True,
) -> Fit:
    r"""Minimise an objective by plain gradient descent, as the lecture has it.

    .. math::
        \theta \leftarrow \theta - \eta\, \nabla J(\theta)

    Parameters
    ----------
    objective : callable
        Takes parameters, returns the loss and its gradient.
    params : dict of str to ndarray
        Where to start; not changed. The result keeps its dtype.
    learning_rate : float
        The step size eta, greater than 0.
    n_steps : int
        The number of steps.
    progress : bool, default True
        Whether to show a progress bar. The environment variable ``TQDM_DISABLE=1`` hides it too.

    Returns
    -------
    Fit
        With the loss before the first step and after each. If you interrupt it, or if the loss or
        its gradient stops being finite, you get what was reached until then, with a warning.

    Raises
    ------
    TypeError, ValueError
        If an argument is malformed or out of range.
    FloatingPointError
        If the loss or its gradient is not finite at the start.
    """
    learning_rate = validate.positive("learning_rate", learning_rate)
    n_steps = validate.count("n_steps", n_steps)
    _check(params)
    loss, grad = _evaluate(objective, params)
    losses = [loss]
    message, converged = f"took all {n_steps} steps", False
    try:
        with progress_bar(total=n_steps, desc="descent", unit="step", show=progress) as bar:
            for _ in range(n_steps):
                with np.errstate(over="ignore", invalid="ignore"):
                    step = {
                        name: (value - learning_rate * grad[name]).astype(value.dtype, copy=False)
                        for name, value in params.items()
                    }
                try:
                    loss, grad = _evaluate(objective, step)
                except FloatingPointError as error:
                    message = str(error)
                    break
                params = step
                losses.append(loss)
                bar.set_postfix(loss=f"{loss:.4g}", refresh=False)
                bar.update()
    except KeyboardInterrupt:
        message = "interrupted"
    return _finish(dict(params), losses, message, converged, n_steps)


def _check(params: Any) -> None:
    if not isinstance(params, Mapping):
        raise TypeError(f"params must be a dict of arrays, got {type(params).__name__}")
    if not params:
        raise ValueError("params is empty: there is nothing to train")
    for name, value in params.items():
        if not isinstance(value, np.ndarray) or value.dtype not in (np.float32, np.float64):
            found = getattr(value, "dtype", type(value).__name__)
            raise TypeError(f"{name} in params must be a float32 or float64 array, got {found}")


def _evaluate(objective: Objective, params: Params) -> tuple[float, Params]:
    for name, value in params.items():
        if not np.all(np.isfinite(value)):
            raise FloatingPointError(f"{name} became NaN or infinite")
    # What overflows in here ends up in the loss or the gradient, and those are looked at.
    with np.errstate(over="ignore", invalid="ignore"):
        loss, grad = objective(params)
    if not np.isfinite(loss):
        raise FloatingPointError(f"the loss became {loss}")
    if set(grad) != set(params):
        raise ValueError(f"the gradient has {sorted(grad)}, the parameters {sorted(params)}")
    for name, value in grad.items():
        if np.shape(value) != params[name].shape:
            raise ValueError(
                f"the gradient of {name} has shape {np.shape(value)}, not {params[name].shape}"
            )
        if not np.all(np.isfinite(value)):
            raise FloatingPointError(f"the gradient of {name} became NaN or infinite")
    # In the order of the parameters, which is the order in which they are flattened.
    return float(loss), {name: grad[name] for name in params}


def _finish(
    params: Params, losses: list[float], message: str, converged: bool, planned: int
) -> Fit:
    history = History(np.array(losses), "iteration", message, converged)
    if history.n_steps < planned and not converged:
        warnings.warn(
            f"the fit ended after {history.n_steps} of {planned} iterations: {message}",
            RuntimeWarning,
            stacklevel=3,
        )
    return Fit(params, history)
