r"""A sparse autoencoder whose decoder is a dictionary of directions: what its kinds share.

.. math::
    z = (x - b^2)\, W^1 + b^1, \qquad a = \varphi(z), \qquad \hat x = a W^2 + b^2

The decoder is linear, and its bias is taken off the input before the encoder sees it. So this bias
acts at two places, and its gradient is a sum of two terms:

.. math::
    \frac{\partial J}{\partial b^2}
    = \sum_i \delta^{\mathrm{out}}_i - W^1 \sum_i \delta^{\mathrm{hidden}}_i .
"""

import numpy as np

from aelib.byhand import parameters
from aelib.byhand.autoencoder import Layers, parameter_gradient
from aelib.byhand.parameters import Params
from aelib.validate import Array


def preactivation(params: Params, x: Array) -> Array:
    r"""Return :math:`z = (x - b^2) W^1 + b^1`, shape (m, h); the arguments are taken as checked."""
    z: Array = (x - params["decoder_bias"]) @ params["encoder_weight"] + params["encoder_bias"]
    return z


def reconstruct(params: Params, z: Array, activation: Array) -> Layers:
    """Complete a forward pass from its pre-activations and activations, both of shape (m, h)."""
    x_hat = activation @ parameters.decoder_weight(params) + params["decoder_bias"]
    return Layers(z, activation, x_hat, x_hat)


def gradient(
    params: Params, x: Array, layers: Layers, delta_hidden: Array, delta_out: Array
) -> Params:
    """Turn the two deltas into the gradient of every parameter, the bias' second term included."""
    centred = x - params["decoder_bias"]
    grad = parameter_gradient(params, centred, layers, delta_hidden, delta_out, 0.0)
    grad["decoder_bias"] -= params["encoder_weight"] @ delta_hidden.sum(axis=0)
    return grad


def directions_norm(params: Params) -> Array:
    r"""Return the norm of every unit's direction, the rows of :math:`W^2`; shape (h,)."""
    norms: Array = np.linalg.norm(parameters.decoder_weight(params), axis=1)
    return norms
