r"""The sparse objective of more data than memory holds, block by block and still exact.

The data term is a mean over samples, so the blocks' sums just add up. The penalty is not:
:math:`\mathrm{KL}(\rho\,\|\,\hat\rho)` is a function of a mean, and its slope stands in the delta
of every sample. So the data are gone through twice: first for :math:`\hat\rho`, then for the
gradient.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, log_expit, logsumexp, rel_entr

from aelib import validate
from aelib.byhand import parameters
from aelib.byhand.autoencoder import (
    backpropagate,
    data_loss,
    decay_loss,
    forward,
    is_weight,
    parameter_gradient,
)
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
        J.
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
    kl, slope, plain = _penalty(rho, tails, params["encoder_bias"].dtype)

    m = tails.n_samples
    loss, seen, on = 0.0, 0, np.zeros_like(tails.on)
    grad = {name: np.zeros(value.shape) for name, value in params.items()}
    for x in _checked(params, blocks, decoder):
        share = len(x) / m
        layers = forward(params, x, decoder)
        block_loss, delta_out = data_loss(layers, x, decoder)
        loss += share * block_loss
        # `data_loss` divides by the rows of the block; the rows of all blocks are what counts.
        delta_out *= share
        delta_hidden = backpropagate(params, layers, delta_out)
        z = layers.hidden_preactivation
        penalty_delta = layers.activation * expit(-z) * slope.astype(z.dtype)
        if not plain.all():
            penalty_delta[:, ~plain] = _delta_of_far_tails(rho, tails, z, ~plain)
        delta_hidden += sparsity_weight * penalty_delta
        for name, part in parameter_gradient(
            params, x, layers, delta_hidden, delta_out, weight_decay=0.0
        ).items():
            grad[name] += part
        seen += len(x)
        on += layers.activation.sum(axis=0, dtype=np.float64)
    _check_same_data(tails, seen, on, params["encoder_bias"].dtype)

    for name in grad:
        if is_weight(name):
            grad[name] += weight_decay * params[name]
    loss += sparsity_weight * float(kl.sum()) + decay_loss(params, weight_decay)
    return loss, {name: value.astype(params[name].dtype) for name, value in grad.items()}


def _first_pass(params: Params, blocks: Blocks, decoder: str) -> Tails:
    h = len(params["encoder_bias"])
    n_samples, on, off = 0, np.zeros(h), np.zeros(h)
    log_on, log_off = np.full(h, -np.inf), np.full(h, -np.inf)
    for x in _checked(params, blocks, decoder):
        z = x @ params["encoder_weight"] + params["encoder_bias"]
        n_samples += len(x)
        for sign, total, log_total in ((1, on, log_on), (-1, off, log_off)):
            part = expit(sign * z).sum(axis=0, dtype=np.float64)
            total += part
            np.logaddexp(log_total, _log_sum(sign * z, part), out=log_total)
    if n_samples == 0:
        raise ValueError("blocks yields no blocks")
    return Tails(n_samples, on, off, log_on, log_off)


def _log_sum(z: Array, total: Array) -> Array:
    """Return the log of each unit's sum of sigmoids, from logs where the sum is tiny."""
    tiny = total <= _floor(z.dtype) * len(z)
    logarithm = np.log(np.where(tiny, 1.0, total))
    if tiny.any():
        logarithm[tiny] = logsumexp(log_expit(z[:, tiny].astype(np.float64)), axis=0)
    return logarithm


def _floor(dtype: Any) -> float:
    # Far above the smallest number of the dtype a quotient of means is still accurate.
    return float(np.sqrt(float(np.finfo(dtype).tiny)))


def _penalty(rho: float, tails: Tails, dtype: Any) -> tuple[Array, Array, Array]:
    r"""Return each unit's divergence, the factor of its :math:`O(1-O)`, and where that holds.

    As in `aelib.sparsity.kl_from_preactivation`: nothing is clipped, and units with a tail too
    small for the dtype are left to logarithms.
    """
    m = tails.n_samples
    p, q = tails.on / m, tails.off / m
    plain = np.minimum(p, q) > _floor(dtype)
    kl, slope = np.empty_like(p), np.zeros_like(p)
    kl[plain] = rel_entr(rho, p[plain]) + rel_entr(1.0 - rho, q[plain])
    slope[plain] = ((1.0 - rho) / q[plain] - rho / p[plain]) / m
    log_p, log_q = tails.log_on[~plain] - np.log(m), tails.log_off[~plain] - np.log(m)
    kl[~plain] = rho * (np.log(rho) - log_p) + (1.0 - rho) * (np.log1p(-rho) - log_q)
    return np.maximum(kl, 0.0), slope, plain


def _delta_of_far_tails(rho: float, tails: Tails, z: Array, units: Array) -> Array:
    """Return the derivative of these units' divergence by z, from the shares in the sums."""
    log_on = log_expit(z[:, units].astype(np.float64))
    log_off = log_expit(-z[:, units].astype(np.float64))
    share_on, share_off = (
        np.exp(log_on - tails.log_on[units]),
        np.exp(log_off - tails.log_off[units]),
    )
    delta: Array = (1.0 - rho) * share_off * np.exp(log_on) - rho * share_on * np.exp(log_off)
    return delta.astype(z.dtype)


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
        x = parameters.check_data(params, f"blocks[{k}]", block)
        yield validate.target(f"blocks[{k}]", x, decoder, n_columns=x.shape[1])


def _check_same_data(tails: Tails, seen: int, on: Array, dtype: Any) -> None:
    """Compare the second pass with the first: the number of rows and each unit's activations."""
    if seen != tails.n_samples:
        raise ValueError(
            f"blocks held {tails.n_samples} rows when first gone through and {seen} the second time"
        )
    # Another order changes late digits only.
    if not np.allclose(on, tails.on, rtol=np.sqrt(np.finfo(dtype).eps), atol=0.0):
        raise ValueError("blocks held other data when gone through the second time")
