r"""The sparse objective of more data than memory holds, block by block and still exact.

The data term is a mean over samples, so the blocks' sums just add up. The penalty is not:
:math:`\mathrm{KL}(\rho\,\|\,\hat\rho)` is a function of a mean, and its slope stands in the delta
of every sample. So the data are gone through twice: first for :math:`\hat\rho`, then for the
gradient.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy.special import log_expit, logsumexp

from aelib import sparsity, validate
from aelib.byhand import backprop, parameters
from aelib.byhand.autoencoder import decay_loss
from aelib.byhand.parameters import Params
from aelib.validate import Array

Blocks = Iterable[Array] | Callable[[], Iterable[Array]]


class Tails(NamedTuple):
    r"""What the first pass keeps of the data: two sums a unit, and their logarithms.

    Attributes
    ----------
    n_samples : int
        The number m of samples.
    on, off : ndarray, shape (h,)
        :math:`\sum_i \sigma(z_{ij})`, which is :math:`m\hat\rho_j`, and :math:`\sum_i
        \sigma(-z_{ij})`, which is :math:`m(1-\hat\rho_j)`; float64.
    log_on, log_off : ndarray, shape (h,)
        The logarithms of both, finite where the sums themselves round to 0.
    """

    n_samples: int
    on: Array
    off: Array
    log_on: Array
    log_off: Array


def loss_and_grad(
    params: Params,
    blocks: Blocks,
    *,
    rho: float,
    sparsity_weight: float,
    weight_decay: float = 0.0,
    decoder: str = "sigmoid",
) -> tuple[float, Params]:
    r"""Return what `aelib.byhand.sparse.loss_and_grad` does, of data that come in blocks.

    The result is that of the whole batch up to rounding, whatever the sizes of the blocks. In
    memory are one block and its activations at a time, however many there are.

    Parameters
    ----------
    params : dict of str to ndarray
        As `aelib.byhand.init` returns it.
    blocks : iterable of ndarray, or a function that returns one
        The data in pieces of shape (m_k, n), each as `aelib.byhand.sparse.loss_and_grad` takes it.
        They are gone through twice and have to be the same both times, if perhaps in another order.
        Of a file larger than memory::

            blocks = np.array_split(np.load("patches.npy", mmap_mode="r"), 100)

        holds 100 views of it, and what is in them is read when it is needed. A function, if the
        blocks have to be made: it is called for each pass.
    rho : float
        The target of the mean activations, strictly between 0 and 1.
    sparsity_weight : float
        The weight lambda of the penalty; not negative.
    weight_decay : float, default 0
        The weight of the squared norms; not negative. Biases are left alone.
    decoder : {"sigmoid", "linear"}, default "sigmoid"
        What the output units do to their pre-activation.

    Returns
    -------
    loss : float
        The objective J.
    grad : dict of str to ndarray
        The gradient, names, shapes and dtype as in ``params``; added up in float64.

    Raises
    ------
    TypeError, ValueError
        If an argument is malformed, not finite, out of range or unknown, or the shapes or dtypes
        do not fit together: the message counts the blocks from 0. If ``blocks`` is an iterator,
        which is used up after one pass, or yields nothing, or other data the second time.

    Notes
    -----
    The first pass costs one product with the encoder's weights, a sixth of the products in all.
    """
    params = parameters.check(params)
    rho = validate.fraction("rho", rho)
    sparsity_weight = validate.weight("sparsity_weight", sparsity_weight)
    weight_decay = validate.weight("weight_decay", weight_decay)
    validate.choose_decoder(decoder)

    tails = _first_pass(params, blocks, decoder)
    kl, slope, near = _penalty(rho, tails, params["encoder_bias"].dtype)
    far = ~near

    loss, seen, on = 0.0, 0, np.zeros_like(tails.on)
    grad = {name: np.zeros(value.shape) for name, value in params.items()}
    for x in _checked(params, blocks, decoder):
        u, on_here, _ = backprop.first_pass(params, x)
        slope_in_bracket = (sparsity_weight * slope).astype(x.dtype)
        error, part = backprop.sums(params, x, x, decoder, slope=slope_in_bracket, u=u)
        if far.any():
            z = x @ params["encoder_weight"][:, far] + params["encoder_bias"][far]
            delta = sparsity_weight * _delta_of_far_tails(rho, tails, z, far)
            part["encoder_weight"][:, far] += x.T @ delta
            part["encoder_bias"][far] += delta.sum(axis=0)
        loss += error
        for name in grad:
            grad[name] += part[name]
        seen += len(x)
        on += on_here
    _check_same_data(tails, seen, on, params["encoder_bias"].dtype)

    grad = backprop.mean_and_decay(grad, params, seen, weight_decay)
    loss = loss / seen + sparsity_weight * float(kl.sum()) + decay_loss(params, weight_decay)
    return loss, {name: value.astype(params[name].dtype) for name, value in grad.items()}


def _first_pass(params: Params, blocks: Blocks, decoder: str) -> Tails:
    h = len(params["encoder_bias"])
    n_samples, on, off = 0, np.zeros(h), np.zeros(h)
    log_on, log_off = np.full(h, -np.inf), np.full(h, -np.inf)
    for x in _checked(params, blocks, decoder):
        _, on_here, off_here = backprop.first_pass(params, x)
        n_samples += len(x)
        for sign, total, log_total, part in (
            (1, on, log_on, on_here),
            (-1, off, log_off, off_here),
        ):
            total += part
            np.logaddexp(log_total, _log_sum(params, x, sign, part), out=log_total)
    if n_samples == 0:
        raise ValueError("blocks yields no blocks")
    return Tails(n_samples, on, off, log_on, log_off)


def _log_sum(params: Params, x: Array, sign: int, total: Array) -> Array:
    """Return the log of each unit's sum of sigmoids, from logs where the sum is tiny."""
    tiny = total <= sparsity.floor(x.dtype) * len(x)
    logarithm = np.log(np.where(tiny, 1.0, total))
    if tiny.any():
        z = x @ params["encoder_weight"][:, tiny] + params["encoder_bias"][tiny]
        logarithm[tiny] = logsumexp(log_expit(sign * z.astype(np.float64)), axis=0)
    return logarithm


def _penalty(rho: float, tails: Tails, dtype: Any) -> tuple[Array, Array, Array]:
    r"""Return each unit's divergence, its slope by rho-hat, and of which units that holds.

    As in `aelib.sparsity.kl_from_preactivation`: nothing is clipped, and units with a tail too
    small for the dtype are left to logarithms.
    """
    m = tails.n_samples
    p, q = tails.on / m, tails.off / m
    near = sparsity.near_tails(p, q, dtype)
    kl, slope = np.empty_like(p), np.zeros_like(p)
    kl[near], slope[near] = sparsity.kl_from_tails(rho, p[near], q[near])
    log_p, log_q = tails.log_on[~near] - np.log(m), tails.log_off[~near] - np.log(m)
    kl[~near] = rho * (np.log(rho) - log_p) + (1.0 - rho) * (np.log1p(-rho) - log_q)
    return np.maximum(kl, 0.0), slope, near


def _delta_of_far_tails(rho: float, tails: Tails, z: Array, units: Array) -> Array:
    """Return m times the derivative of these units' divergence with respect to z, from shares."""
    log_on, log_off = log_expit(z.astype(np.float64)), log_expit(-z.astype(np.float64))
    share_on, share_off = (
        np.exp(log_on - tails.log_on[units]),
        np.exp(log_off - tails.log_off[units]),
    )
    delta: Array = (1.0 - rho) * share_off * np.exp(log_on) - rho * share_on * np.exp(log_off)
    return (tails.n_samples * delta).astype(z.dtype)


def _checked(params: Params, blocks: Blocks, decoder: str) -> Iterator[Array]:
    """Go through the blocks once; a bad one is named by its number."""
    if isinstance(blocks, np.ndarray):
        raise TypeError(
            "blocks must be an iterable of matrices, got ndarray; cut it with numpy.array_split"
        )
    once = blocks() if callable(blocks) else blocks
    if not isinstance(once, Iterable):
        raise TypeError(f"blocks must be an iterable of matrices, got {type(once).__name__}")
    if isinstance(blocks, Iterator):
        raise TypeError(
            f"blocks is gone through twice, but {type(blocks).__name__} is an iterator and used up "
            "after one pass; pass a list, or a function that returns a new iterator"
        )
    for k, block in enumerate(once):
        yield parameters.check_target(params, f"blocks[{k}]", block, decoder)


def _check_same_data(tails: Tails, seen: int, on: Array, dtype: Any) -> None:
    """Compare the second pass with the first: the number of rows and each unit's activations."""
    if seen != tails.n_samples:
        raise ValueError(
            f"blocks held {tails.n_samples} rows when first gone through and {seen} the second time"
        )
    # Another order changes late digits only.
    if not np.allclose(on, tails.on, rtol=np.sqrt(np.finfo(dtype).eps), atol=0.0):
        raise ValueError("blocks held other data when gone through the second time")
