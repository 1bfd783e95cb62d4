r"""The sparsity penalty: mean activation, Kullback-Leibler divergence, and measures of sparsity.

A sigmoid unit's mean activation over a batch of m samples is
:math:`\hat\rho_j = \frac1m \sum_i a_j(x_i)`. The penalty compares a Bernoulli variable that is on
with probability :math:`\rho` to one that is on with probability :math:`\hat\rho_j`. Chapters 3 to 5
of the book derive every formula in this file.
"""

from typing import Any

import numpy as np
from scipy.special import expit, log_expit, logsumexp, rel_entr, softmax

from aelib import validate
from aelib.validate import Array


def mean_activation(activation: Array) -> Array:
    r"""Return the mean activation of every unit, :math:`\hat\rho_j = \frac1m\sum_i a_{ij}`.

    Parameters
    ----------
    activation : ndarray, shape (m, h)
        Activations, one sample a row.

    Returns
    -------
    ndarray, shape (h,)
        The means, in the dtype of ``activation``. The sum is taken in float64: a million float32
        rows added up in float32 are off in the sixth digit.

    Raises
    ------
    TypeError, ValueError
        If ``activation`` is not a finite, non-empty float matrix.

    Notes
    -----
    Chapter 3 of the book; the lecture's slide at 08:24.
    """
    a = validate.samples("activation", activation)
    mean: Array = a.mean(axis=0, dtype=np.float64).astype(a.dtype)
    return mean


def kl_bernoulli(rho: float, rho_hat: Any) -> Any:
    r"""Return the Kullback-Leibler divergence between two Bernoulli variables, in nats.

    .. math::
        \mathrm{KL}(\rho \,\|\, \hat\rho)
        = \rho \log\frac{\rho}{\hat\rho} + (1-\rho) \log\frac{1-\rho}{1-\hat\rho}

    Parameters
    ----------
    rho : float
        The target, strictly between 0 and 1.
    rho_hat : float or ndarray
        Mean activations in [0, 1], any shape.

    Returns
    -------
    float or ndarray
        The divergence of each entry, shaped like ``rho_hat``; infinite where it is exactly 0 or 1.

    Raises
    ------
    TypeError, ValueError
        If ``rho`` is not strictly between 0 and 1, or ``rho_hat`` is not within [0, 1].

    Notes
    -----
    Chapter 4 of the book; the lecture's slide at 13:00. Inside an objective use
    `kl_from_preactivation`, which stays finite where ``rho_hat`` rounds to 0 or 1.
    """
    rho = validate.fraction("rho", rho)
    p = _probabilities(rho_hat)
    kl = rel_entr(p.dtype.type(rho), p) + rel_entr(p.dtype.type(1.0 - rho), 1.0 - p)
    # Rounding can leave -1e-17 beside the minimum; a divergence is never negative.
    kl = np.maximum(kl, 0.0)
    return kl if p.ndim else float(kl)


def kl_bernoulli_grad(rho: float, rho_hat: Any) -> Any:
    r"""Return the derivative of `kl_bernoulli` with respect to ``rho_hat``.

    .. math::
        \frac{\partial\,\mathrm{KL}(\rho \,\|\, \hat\rho)}{\partial \hat\rho}
        = -\frac{\rho}{\hat\rho} + \frac{1-\rho}{1-\hat\rho}

    Parameters
    ----------
    rho : float
        The target, strictly between 0 and 1.
    rho_hat : float or ndarray
        Mean activations in [0, 1], any shape.

    Returns
    -------
    float or ndarray
        The slope at each entry, shaped like ``rho_hat``: negative below ``rho``, 0 at it, positive
        above; minus infinity at 0 and infinity at 1.

    Raises
    ------
    TypeError, ValueError
        As for `kl_bernoulli`.

    Notes
    -----
    Chapter 4 of the book; it is the last factor of the lecture's slide at 17:36.
    """
    rho = validate.fraction("rho", rho)
    p = _probabilities(rho_hat)
    with np.errstate(divide="ignore", over="ignore"):
        slope = (1.0 - rho) / (1.0 - p) - rho / p
    return slope if p.ndim else float(slope)


def kl_from_tails(rho: float, rho_hat: Array, one_minus_rho_hat: Array) -> tuple[Array, Array]:
    r"""Return each unit's divergence and its slope, from both tails of its mean activation.

    Parameters
    ----------
    rho : float
        The target, strictly between 0 and 1.
    rho_hat, one_minus_rho_hat : ndarray, shape (h,)
        The means of :math:`\sigma(z)` and of :math:`\sigma(-z)`, both greater than 0: handed over
        apart, because the difference of the first from 1 may have rounded to 0.

    Returns
    -------
    kl : ndarray, shape (h,)
        The divergence, in nats.
    slope : ndarray, shape (h,)
        Its derivative with respect to ``rho_hat``, :math:`-\rho/\hat\rho + (1-\rho)/(1-\hat\rho)`.

    Raises
    ------
    TypeError, ValueError
        If ``rho`` is not strictly between 0 and 1, or a mean is not a finite number above 0.

    Notes
    -----
    Chapters 4 and 5 of the book.
    """
    rho = validate.fraction("rho", rho)
    p, q = np.asarray(rho_hat), np.asarray(one_minus_rho_hat)
    for name, mean in (("rho_hat", p), ("one_minus_rho_hat", q)):
        if mean.size and not 0.0 < mean.min() <= mean.max() < np.inf:
            raise ValueError(
                f"{name} must be greater than 0, got values from {mean.min()} to {mean.max()}"
            )
    # Rounding can leave -1e-17 beside the minimum; a divergence is never negative.
    kl = np.maximum(rel_entr(rho, p) + rel_entr(1.0 - rho, q), 0.0)
    return kl, (1.0 - rho) / q - rho / p


def near_tails(rho_hat: Array, one_minus_rho_hat: Array, dtype: Any) -> Array:
    """Say of which units both tails are far above the smallest number of the dtype.

    There every quotient is accurate; the others need logarithms (`kl_from_preactivation`).

    Parameters
    ----------
    rho_hat, one_minus_rho_hat : ndarray, shape (h,)
        The means of sigma(z) and of sigma(-z).
    dtype : dtype
        In which z was computed.

    Returns
    -------
    ndarray of bool, shape (h,)
        False also where a mean is NaN.
    """
    near: Array = np.minimum(rho_hat, one_minus_rho_hat) > floor(dtype)
    return near


def floor(dtype: Any) -> float:
    """Return the root of a dtype's smallest number: down to there, quotients of means are exact."""
    return float(np.sqrt(float(np.finfo(dtype).tiny)))


def kl_from_preactivation(rho: float, preactivation: Array) -> tuple[Array, Array]:
    r"""Return each unit's divergence and its gradient, from the pre-activations of sigmoid units.

    With :math:`a = \sigma(z)` the chain rule through :math:`\hat\rho_j` gives

    .. math::
        \frac{\partial\,\mathrm{KL}(\rho\,\|\,\hat\rho_j)}{\partial z_{ij}}
        = \frac1m \left(-\frac{\rho}{\hat\rho_j} + \frac{1-\rho}{1-\hat\rho_j}\right)
          a_{ij}\,(1 - a_{ij}).

    Parameters
    ----------
    rho : float
        The target, strictly between 0 and 1.
    preactivation : ndarray, shape (m, h)
        The pre-activations z, one sample a row; any finite values.

    Returns
    -------
    kl : ndarray, shape (h,)
        The divergence of each unit, in nats, float64.
    gradient : ndarray, shape (m, h)
        Its derivative with respect to ``preactivation``, in the same dtype.

    Raises
    ------
    TypeError, ValueError
        If ``rho`` is not strictly between 0 and 1, or ``preactivation`` is not a finite, non-empty
        float matrix.

    Notes
    -----
    A sigmoid rounds to exactly 1 from z = 37 (float64) or 17 (float32), so :math:`1-\hat\rho`
    is never formed by subtraction: it is the mean of :math:`\sigma(-z)`, and
    :math:`1 - a` is :math:`\sigma(-z)`. Where even a tail is too small for its dtype, the same
    quantities are taken from logarithms:

    .. math::
        \log\hat\rho_j = \operatorname{logsumexp}_i \log\sigma(z_{ij}) - \log m, \qquad
        \frac{\partial \log\hat\rho_j}{\partial z_{ij}}
        = \operatorname{softmax}_i(\log\sigma(z_{ij}))\,\sigma(-z_{ij}).

    Nothing is clipped: clipping would remove the gradient along with the infinity, and a unit that
    is always off, or always on, could never come back. Chapter 5 of the book.
    """
    rho = validate.fraction("rho", rho)
    z = validate.samples("preactivation", preactivation)
    m = len(z)
    on, off = expit(z), expit(-z)
    rho_hat = on.mean(axis=0, dtype=np.float64)
    one_minus_rho_hat = off.mean(axis=0, dtype=np.float64)

    plain = near_tails(rho_hat, one_minus_rho_hat, z.dtype)
    kl = np.empty(z.shape[1])
    gradient = np.empty_like(z)

    kl[plain], slope = kl_from_tails(rho, rho_hat[plain], one_minus_rho_hat[plain])
    gradient[:, plain] = on[:, plain] * off[:, plain] * (slope / m).astype(z.dtype)

    if not plain.all():
        log_on = log_expit(z[:, ~plain].astype(np.float64))
        log_off = log_expit(-z[:, ~plain].astype(np.float64))
        log_p = logsumexp(log_on, axis=0) - np.log(m)
        log_q = logsumexp(log_off, axis=0) - np.log(m)
        kl[~plain] = rho * (np.log(rho) - log_p) + (1.0 - rho) * (np.log1p(-rho) - log_q)
        share_on, share_off = softmax(log_on, axis=0), softmax(log_off, axis=0)
        gradient[:, ~plain] = (
            (1.0 - rho) * share_off * np.exp(log_on) - rho * share_on * np.exp(log_off)
        ).astype(z.dtype)
    return np.maximum(kl, 0.0), gradient


def lifetime_sparsity(activation: Array) -> Array:
    r"""Return how selective each unit is over the samples, 0 (always alike) to 1 (for one only).

    .. math::
        S_j = \frac{1 - \left(\frac1m\sum_i a_{ij}\right)^2 \big/ \frac1m\sum_i a_{ij}^2}{1 - 1/m}

    Parameters
    ----------
    activation : ndarray, shape (m, h)
        Activations that are not negative, at least two samples.

    Returns
    -------
    ndarray, shape (h,)
        One value a unit.

    Raises
    ------
    TypeError, ValueError
        If ``activation`` is no such matrix, or a unit is exactly 0 for every sample, where the
        measure is not defined.

    Notes
    -----
    The measure of Vinje and Gallant (2000), after Treves and Rolls (1991); the names lifetime and
    population sparsity follow Willmore and Tolhurst (2001). Chapters 3 and 6 of the book.
    """
    return _sparsity(activation, axis=0)


def population_sparsity(activation: Array) -> Array:
    r"""Return how few units each sample excites, 0 (all alike) to 1 (one unit only).

    The measure of `lifetime_sparsity`, taken over the units of one sample instead of over the
    samples of one unit.

    Parameters
    ----------
    activation : ndarray, shape (m, h)
        Activations that are not negative, at least two units.

    Returns
    -------
    ndarray, shape (m,)
        One value a sample.

    Raises
    ------
    TypeError, ValueError
        If ``activation`` is no such matrix, or a sample excites no unit at all, where the measure
        is not defined.
    """
    return _sparsity(activation, axis=1)


def _sparsity(activation: Array, axis: int) -> Array:
    a = validate.samples("activation", activation).astype(np.float64)
    n = a.shape[axis]
    if n < 2:
        raise ValueError(f"activation needs at least 2 entries along axis {axis}, got {a.shape}")
    if a.min() < 0.0:
        raise ValueError(f"activation must not be negative, got {a.min():.4g}")
    largest = a.max(axis=axis, keepdims=True)
    if np.any(largest == 0.0):
        silent = int(np.count_nonzero(largest == 0.0))
        what = (
            "unit(s) that are 0 for every sample" if axis == 0 else "sample(s) with no active unit"
        )
        raise ValueError(f"activation has {silent} {what}; their sparsity is not defined")
    # The measure does not change with scale; dividing first keeps tiny activations from vanishing
    # when they are squared.
    a /= largest
    sparsity: Array = (1.0 - a.mean(axis=axis) ** 2 / np.square(a).mean(axis=axis)) / (
        1.0 - 1.0 / n
    )
    return np.clip(sparsity, 0.0, 1.0)


def _probabilities(rho_hat: Any) -> Array:
    p = np.asarray(rho_hat)
    if p.dtype not in (np.float32, np.float64):
        if p.ndim == 0:
            p = np.asarray(validate.number("rho_hat", rho_hat))
        else:
            raise TypeError(f"rho_hat must be float32 or float64, got {p.dtype}")
    validate.floats("rho_hat", p)
    if p.min() < 0.0 or p.max() > 1.0:
        raise ValueError(f"rho_hat must lie in [0, 1], got values from {p.min()} to {p.max()}")
    return p
