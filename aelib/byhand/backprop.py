r"""Backpropagation through one hidden layer, a block of rows at a time.

This is the derivation of chapters 2 and 5 line by line, arranged for speed. A block's layers stay
in the processor's cache, so that what is done entry by entry costs little beside the matrix
products. What takes the place of :math:`z` is :math:`u = e^{-z}`, because one exponential gives
everything that a sigmoid unit needs:

.. math::
    a = \sigma(z) = \frac{1}{1 + u}, \qquad 1 - a = \sigma(-z) = u\,a, \qquad a\,(1 - a) = u\,a^2.

No difference is formed: where :math:`a` rounds to 1, :math:`1 - a` is still exact.
"""

import numpy as np

from aelib.byhand import parameters
from aelib.byhand.parameters import Params
from aelib.validate import Array

ROWS = 512  # of 784 columns: 3 MB in float64, about what a core's own cache holds

ONES = np.ones(ROWS)

# Where 1 / u is the smallest number of full precision: beyond, a is next to 0 whatever z is.
LARGEST = {np.dtype(kind): -np.log(np.finfo(kind).tiny) for kind in (np.float32, np.float64)}


def exp_of_minus(x: Array, weight: Array, bias: Array, out: Array) -> None:
    r"""Write :math:`u = \exp(-(x W + b))` into ``out``; the minus is the caller's, in ``weight``.

    Parameters
    ----------
    x : ndarray, shape (k, n)
        A block of rows.
    weight : ndarray, shape (n, h)
        :math:`-W`: changing the sign of the weights is cheaper than of all pre-activations.
    bias : ndarray, shape (k, h)
        :math:`b` in every row, see `in_every_row`.
    out : ndarray, shape (k, h)
        Overwritten.
    """
    np.matmul(x, weight, out=out)
    out -= bias
    # An infinite u would make NaN of the products in which a is 0.
    if not out.max() <= LARGEST[out.dtype]:
        np.minimum(out, LARGEST[out.dtype], out=out)
    np.exp(out, out=out)


def in_every_row(row: Array, m: int) -> Array:
    """Repeat a row for a block: numpy adds two blocks faster than a short row to each of many."""
    return np.repeat(row[np.newaxis], min(m, ROWS), axis=0)


def activation_of(u: Array, out: Array) -> None:
    r"""Write :math:`a = 1 / (1 + u)` into ``out``."""
    np.add(u, 1.0, out=out)
    np.divide(1.0, out, out=out)


def column_sums(block: Array) -> Array:
    """Return the sum of each column in float64; a product adds up faster than ``sum``."""
    return ONES[: len(block)] @ block.astype(np.float64, copy=False)


def first_pass(params: Params, x: Array) -> tuple[Array, Array, Array]:
    r"""Run the hidden layer over all rows.

    Parameters
    ----------
    params : dict of str to ndarray
        As `aelib.byhand.init` returns it.
    x : ndarray, shape (m, n)
        The network's input.

    Returns
    -------
    u : ndarray, shape (m, h)
        :math:`e^{-z}`, for `sums`.
    on, off : ndarray, shape (h,)
        :math:`\sum_i a_{ij}` and :math:`\sum_i (1 - a_{ij})`, in float64.
    """
    m, h = len(x), len(params["encoder_bias"])
    minus_weight, bias = -params["encoder_weight"], in_every_row(params["encoder_bias"], m)
    u = np.empty((m, h), x.dtype)
    a = np.empty((min(m, ROWS), h), x.dtype)
    on, off = np.zeros(h), np.zeros(h)
    for start in range(0, m, ROWS):
        block = slice(start, min(start + ROWS, m))
        a_block = a[: block.stop - start]
        exp_of_minus(x[block], minus_weight, bias[: len(a_block)], out=u[block])
        activation_of(u[block], out=a_block)
        on += column_sums(a_block)
        a_block *= u[block]
        off += column_sums(a_block)
    return u, on, off


def sums(
    params: Params,
    x: Array,
    target: Array,
    decoder: str,
    *,
    slope: Array | None = None,
    u: Array | None = None,
) -> tuple[float, Params]:
    r"""Return the error of all samples and its gradient: sums, not yet divided by m.

    .. math::
        \delta^{\mathrm{out}} = (\hat x - t) \odot \hat x\,(1 - \hat x), \qquad
        \delta^{\mathrm{hidden}} = a\,(1 - a) \odot
            \left( \delta^{\mathrm{out}} (W^2)^\top + \mathrm{slope} \right)

    Parameters
    ----------
    params : dict of str to ndarray
        As `aelib.byhand.init` returns it, tied or not.
    x, target : ndarray, shape (m, n)
        What the network sees, and what it is to give back.
    decoder : {"sigmoid", "linear"}
        With a linear one the second factor of the output delta is 1.
    slope : ndarray, shape (h,), optional
        What a penalty on the mean activations adds inside the bracket, m times its derivative.
    u : ndarray, shape (m, h), optional
        From `first_pass`, if that was needed.

    Returns
    -------
    error : float
        :math:`\sum_i \tfrac12 \lVert t_i - \hat x_i \rVert^2`.
    grad : dict of str to ndarray
        Names, shapes and dtype as in ``params``.
    """
    m, h = len(x), len(params["encoder_bias"])
    n = target.shape[1]
    minus_encoder, encoder_bias = -params["encoder_weight"], in_every_row(params["encoder_bias"], m)
    decoder_bias = in_every_row(params["decoder_bias"], m)
    slope_rows = None if slope is None else in_every_row(slope, m)
    decoder_weight = parameters.decoder_weight(params)
    minus_decoder = -decoder_weight
    # Row after row in memory: a product with few columns is a third faster than with a view.
    way_back = np.ascontiguousarray(decoder_weight.T)
    a, delta, u_room = (np.empty((min(m, ROWS), h), x.dtype) for _ in range(3))
    x_hat, v = (np.empty((min(m, ROWS), n), x.dtype) for _ in range(2))
    grad = {
        "encoder_weight": np.zeros((x.shape[1], h), x.dtype),
        "encoder_bias": np.zeros(h, x.dtype),
        "decoder_weight": np.zeros((h, n), x.dtype),
        "decoder_bias": np.zeros(n, x.dtype),
    }
    error = 0.0
    ones = np.ones(min(m, ROWS), x.dtype)

    for start in range(0, m, ROWS):
        block = slice(start, min(start + ROWS, m))
        rows = slice(0, block.stop - start)  # the last block may be shorter than the arrays
        # Forward: x -> u -> a -> v = exp(-z_out) -> x_hat.
        x_k, a_k, x_hat_k, v_k, delta_k = x[block], a[rows], x_hat[rows], v[rows], delta[rows]
        if u is None:
            u_k = u_room[rows]
            exp_of_minus(x_k, minus_encoder, encoder_bias[rows], out=u_k)
        else:
            u_k = u[block]
        activation_of(u_k, out=a_k)
        if decoder == "sigmoid":
            exp_of_minus(a_k, minus_decoder, decoder_bias[rows], out=v_k)
            activation_of(v_k, out=x_hat_k)
            v_k *= x_hat_k
            v_k *= x_hat_k  # v is now x_hat (1 - x_hat)
        else:
            np.matmul(a_k, decoder_weight, out=x_hat_k)
            x_hat_k += decoder_bias[rows]

        # Backward: the residual becomes the output delta, and travels back.
        delta_out = x_hat_k
        delta_out -= target[block]
        error += 0.5 * float(np.einsum("ij,ij->i", delta_out, delta_out).sum(dtype=np.float64))
        if decoder == "sigmoid":
            delta_out *= v_k
        np.matmul(delta_out, way_back, out=delta_k)
        if slope_rows is not None:
            delta_k += slope_rows[rows]
        # In this order, because u alone may be too large to multiply by.
        delta_k *= a_k
        delta_k *= u_k
        delta_k *= a_k

        grad["encoder_weight"] += x_k.T @ delta_k
        grad["encoder_bias"] += ones[rows] @ delta_k  # the sum of its rows
        grad["decoder_weight"] += a_k.T @ delta_out
        grad["decoder_bias"] += ones[rows] @ delta_out

    if "decoder_weight" not in params:
        # A tied weight plays two roles, and its gradient is the sum of both.
        grad["encoder_weight"] += grad.pop("decoder_weight").T
    return error, grad


def mean_and_decay(grad: Params, params: Params, m: int, weight_decay: float) -> Params:
    r"""Divide a sum's gradient by m in place and add :math:`\mathrm{decay}\,W` to the weights'."""
    for name, value in grad.items():
        value *= value.dtype.type(1.0 / m)
        if parameters.is_weight(name) and weight_decay:
            value += value.dtype.type(weight_decay) * params[name]
    return grad
