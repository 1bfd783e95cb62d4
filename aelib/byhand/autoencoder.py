r"""The plain autoencoder, :math:`\hat x = g(f(x))` with a sigmoid hidden layer, and its gradient.

Rows are samples and a weight matrix is (in, out), so a layer is ``x @ W + b`` and an error travels
back as ``delta @ W.T``. The pieces here (`forward`, `data_loss`, `backpropagate`,
`parameter_gradient`) are the plain backpropagation of chapter 2, a whole layer at a time, for
objectives that need the layers themselves; `aelib.byhand.backprop` is the same, arranged for speed.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from aelib import validate
from aelib.byhand import backprop, parameters
from aelib.byhand.parameters import Params
from aelib.validate import Array


class Layers(NamedTuple):
    """What a forward pass leaves behind for the backward pass.

    Attributes
    ----------
    hidden_preactivation, activation : ndarray, shape (m, h)
        The hidden layer's z and a.
    output_preactivation, x_hat : ndarray, shape (m, n)
        The output layer's z and the reconstruction.
    """

    hidden_preactivation: Array
    activation: Array
    output_preactivation: Array
    x_hat: Array


def encode(params: Params, x: Array) -> Array:
    r"""Return the hidden activations :math:`a = \sigma(x W^1 + b^1)`.

    Parameters
    ----------
    params : dict of str to ndarray
        As `aelib.byhand.init` returns it.
    x : ndarray, shape (m, n)
        Data, one sample a row.

    Returns
    -------
    ndarray, shape (m, h)
        In [0, 1].

    Raises
    ------
    TypeError, ValueError
        If ``params`` or ``x`` is malformed, not finite, or they do not fit together.
    """
    params = parameters.check(params)
    x = parameters.check_data(params, "x", x)
    activation: Array = expit(preactivation(params, x))
    return activation


def decode(params: Params, activation: Array, *, decoder: str = "sigmoid") -> Array:
    r"""Return the reconstruction, :math:`\hat x = \sigma(a W^2 + b^2)` or :math:`a W^2 + b^2`.

    Parameters
    ----------
    params : dict of str to ndarray
        As `aelib.byhand.init` returns it.
    activation : ndarray, shape (m, h)
        Hidden activations.
    decoder : {"sigmoid", "linear"}, default "sigmoid"
        What the output units do to their pre-activation.

    Returns
    -------
    ndarray, shape (m, n)
        In [0, 1] for a sigmoid decoder.

    Raises
    ------
    TypeError, ValueError
        If an argument is malformed, not finite or unknown, or the shapes or dtypes do not fit.
    """
    params = parameters.check(params)
    validate.choose_decoder(decoder)
    weight = parameters.decoder_weight(params)
    a = validate.samples("activation", activation, n_columns=len(weight))
    a = parameters.check_dtype(weight, "activation", a)
    z = a @ weight + params["decoder_bias"]
    return expit(z) if decoder == "sigmoid" else z


def preactivation(params: Params, x: Array) -> Array:
    r"""Return :math:`z = x W^1 + b^1`, shape (m, h); the arguments are taken as checked."""
    z: Array = x @ params["encoder_weight"] + params["encoder_bias"]
    return z


def forward(params: Params, x: Array, decoder: str) -> Layers:
    """Run the network and keep every layer; the arguments are taken as checked."""
    z_hidden = preactivation(params, x)
    activation = expit(z_hidden)
    z_out = activation @ parameters.decoder_weight(params) + params["decoder_bias"]
    return Layers(z_hidden, activation, z_out, expit(z_out) if decoder == "sigmoid" else z_out)


def data_loss(layers: Layers, x: Array, decoder: str) -> tuple[float, Array]:
    r"""Return :math:`\frac1m\sum_i\frac12\lVert x_i-\hat x_i\rVert^2` and the output delta.

    .. math::
        \delta^{\mathrm{out}} = \frac1m\,(\hat x - x) \odot \hat x\,(1 - \hat x)

    for a sigmoid decoder; for a linear one the last factor is 1.
    """
    m = len(x)
    residual = layers.x_hat - x
    loss = 0.5 * float(np.sum(np.square(residual), dtype=np.float64)) / m
    delta_out = residual / m
    if decoder == "sigmoid":
        # sigma(-z) is 1 - sigma(z) without the subtraction, which would lose small values.
        delta_out *= layers.x_hat * expit(-layers.output_preactivation)
    return loss, delta_out


def backpropagate(params: Params, layers: Layers, delta_out: Array) -> Array:
    r"""Carry the output delta back: :math:`O_i(1-O_i)\sum_j\delta_jW_{ij}`, shape (m, h)."""
    local_gradient = layers.activation * expit(-layers.hidden_preactivation)
    delta_hidden: Array = local_gradient * (delta_out @ parameters.decoder_weight(params).T)
    return delta_hidden


def parameter_gradient(
    params: Params,
    x: Array,
    layers: Layers,
    delta_hidden: Array,
    delta_out: Array,
    weight_decay: float,
) -> Params:
    r"""Turn the two deltas into the gradient of every parameter, weight decay included.

    A tied weight plays two roles, :math:`W^1 = W` and :math:`W^2 = W^\top`, and its gradient is the
    sum of both:

    .. math::
        \frac{\partial J}{\partial W} = X^\top \delta^{\mathrm{hidden}}
            + \left( a^\top \delta^{\mathrm{out}} \right)^\top + \mathrm{decay}\,W
    """
    grad = {
        "encoder_weight": x.T @ delta_hidden,
        "encoder_bias": delta_hidden.sum(axis=0),
        "decoder_weight": layers.activation.T @ delta_out,
        "decoder_bias": delta_out.sum(axis=0),
    }
    if "decoder_weight" not in params:
        grad["encoder_weight"] += grad.pop("decoder_weight").T
    for name in grad:
        if parameters.is_weight(name):
            grad[name] += weight_decay * params[name]
    return grad


def decay_loss(params: Params, weight_decay: float) -> float:
    r"""Return :math:`\frac12\,\mathrm{decay}\sum_W\lVert W\rVert^2`; a tied matrix counts once."""
    squares = sum(
        float(np.sum(np.square(value), dtype=np.float64))
        for name, value in params.items()
        if parameters.is_weight(name)
    )
    return 0.5 * weight_decay * squares


def loss_and_grad(
    params: Params, x: Array, *, weight_decay: float = 0.0, decoder: str = "sigmoid"
) -> tuple[float, Params]:
    r"""Return the objective of the plain autoencoder and its gradient.

    .. math::
        J = \frac1m \sum_{i=1}^m \tfrac12 \lVert x_i - \hat x_i \rVert^2
            + \tfrac12\,\mathrm{decay}\,\left(\lVert W^1 \rVert^2 + \lVert W^2 \rVert^2\right)

    Parameters
    ----------
    params : dict of str to ndarray
        As `aelib.byhand.init` returns it.
    x : ndarray, shape (m, n)
        Data, one sample a row, in the dtype of ``params``; in [0, 1] for a sigmoid decoder.
    weight_decay : float, default 0
        The weight of the squared norms; not negative. Biases are left alone. Tied weights are one
        matrix and count once.
    decoder : {"sigmoid", "linear"}, default "sigmoid"
        What the output units do to their pre-activation.

    Returns
    -------
    loss : float
        The objective J.
    grad : dict of str to ndarray
        The gradient, names, shapes and dtype as in ``params``.

    Raises
    ------
    TypeError, ValueError
        If an argument is malformed, not finite, out of range or unknown, or the shapes or dtypes
        do not fit together.

    Notes
    -----
    Rumelhart, Hinton and Williams (1986); chapters 1 and 2 of the book.
    """
    params = parameters.check(params)
    x = parameters.check_target(params, "x", x, decoder)
    weight_decay = validate.weight("weight_decay", weight_decay)

    error, grad = backprop.sums(params, x, x, decoder)
    grad = backprop.mean_and_decay(grad, params, len(x), weight_decay)
    return error / len(x) + decay_loss(params, weight_decay), grad
