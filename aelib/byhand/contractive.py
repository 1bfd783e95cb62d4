r"""The contractive autoencoder: a penalty on the Jacobian of the encoder.

For sigmoid units, with :math:`s_{tj} = a_{tj}(1 - a_{tj})` at sample t, the Jacobian is

.. math::
    \frac{\partial a_{tj}}{\partial x_{ti}} = s_{tj} W_{ij}, \qquad
    \lVert J_f(x_t) \rVert_F^2 = \sum_j s_{tj}^2 \sum_i W_{ij}^2 ,

so the squared norm costs no more than a forward pass.
"""

import numpy as np
from scipy.special import expit

from aelib import validate
from aelib.byhand import parameters
from aelib.byhand.autoencoder import (
    backpropagate,
    data_loss,
    decay_loss,
    forward,
    parameter_gradient,
    preactivation,
)
from aelib.byhand.parameters import Params
from aelib.validate import Array


def jacobian(params: Params, x: Array) -> Array:
    r"""Return the Jacobian of the encoder at every sample, :math:`\partial a_j / \partial x_i`.

    Parameters
    ----------
    params : dict of str to ndarray
        As `aelib.byhand.init` returns it, tied or not.
    x : ndarray, shape (m, n)
        Data, one sample a row.

    Returns
    -------
    ndarray, shape (m, h, n)
        Entry (t, j, i) is :math:`a_{tj}(1-a_{tj})\,W_{ij}`.

    Raises
    ------
    TypeError, ValueError
        If ``params`` or ``x`` is malformed, not finite, or they do not fit together.
    """
    params = parameters.check(params)
    x = parameters.check_data(params, "x", x)
    return slope(preactivation(params, x))[:, :, None] * params["encoder_weight"].T


def jacobian_norm(params: Params, x: Array) -> Array:
    r"""Return the squared Frobenius norm of the encoder's Jacobian at every sample.

    .. math::
        \lVert J_f(x_t) \rVert_F^2
        = \sum_j \left[ a_{tj}(1-a_{tj}) \right]^2 \sum_i W_{ij}^2

    Parameters
    ----------
    params : dict of str to ndarray
        As `aelib.byhand.init` returns it, tied or not.
    x : ndarray, shape (m, n)
        Data, one sample a row.

    Returns
    -------
    ndarray, shape (m,)
        Squared norms; their mean is the penalty of `loss_and_grad`.

    Raises
    ------
    TypeError, ValueError
        If ``params`` or ``x`` is malformed, not finite, or they do not fit together.

    Notes
    -----
    The penalty of Rifai, Vincent, Muller, Glorot and Bengio (2011), for sigmoid units.
    """
    params = parameters.check(params)
    x = parameters.check_data(params, "x", x)
    return np.square(slope(preactivation(params, x))) @ column_norms(params)


def slope(preactivation: Array) -> Array:
    r"""Return :math:`\sigma'(z) = \sigma(z)\,\sigma(-z)`: no subtraction that loses digits."""
    sigma_prime: Array = expit(preactivation) * expit(-preactivation)
    return sigma_prime


def column_norms(params: Params) -> Array:
    r"""Return :math:`\sum_i W_{ij}^2` of every hidden unit, shape (h,)."""
    norms: Array = np.square(params["encoder_weight"]).sum(axis=0)
    return norms


def loss_and_grad(
    params: Params,
    x: Array,
    *,
    contraction_weight: float,
    weight_decay: float = 0.0,
    decoder: str = "sigmoid",
) -> tuple[float, Params]:
    r"""Return the objective of the contractive autoencoder and its gradient.

    .. math::
        J = \frac1m \sum_{t=1}^m \tfrac12 \lVert x_t - \hat x_t \rVert^2
            + \gamma\, \frac1m \sum_{t=1}^m \lVert J_f(x_t) \rVert_F^2
            + \tfrac12\,\mathrm{decay}\,\left(\lVert W^1 \rVert^2 + \lVert W^2 \rVert^2\right)

    With :math:`P = \frac1m \sum_t \sum_j s_{tj}^2 c_j`, :math:`s = a(1-a)` and
    :math:`c_j = \sum_i W_{ij}^2`, the encoder's weight enters twice. Through the pre-activation,
    where :math:`s' = s\,(1-2a)`, it adds to the hidden delta

    .. math::
        \frac{\partial P}{\partial z_{tj}} = \frac2m\, s_{tj}^2\,(1 - 2a_{tj})\, c_j ,

    and through :math:`c_j` it adds to the gradient of the weight itself

    .. math::
        \left.\frac{\partial P}{\partial W_{ij}}\right|_{s}
        = 2\, W_{ij}\, \frac1m \sum_t s_{tj}^2 .

    Parameters
    ----------
    params : dict of str to ndarray
        As `aelib.byhand.init` returns it, tied or not.
    x : ndarray, shape (m, n)
        Data, one sample a row, in the dtype of ``params``; in [0, 1] for a sigmoid decoder.
    contraction_weight : float
        The weight gamma of the penalty; not negative.
    weight_decay : float, default 0
        The weight of the squared norms; not negative. Biases are left alone.
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
    Rifai, Vincent, Muller, Glorot and Bengio (2011). They tie the weights; untied, the encoder can
    shrink while the decoder grows, which makes the penalty small for nothing.
    """
    params = parameters.check(params)
    x = parameters.check_target(params, "x", x, decoder)
    contraction_weight = validate.weight("contraction_weight", contraction_weight)
    weight_decay = validate.weight("weight_decay", weight_decay)
    m = len(x)

    layers = forward(params, x, decoder)
    loss, delta_out = data_loss(layers, x, decoder)
    z, a = layers.hidden_preactivation, layers.activation
    squared_slope, norms = np.square(slope(z)), column_norms(params)
    penalty = float(np.sum(squared_slope @ norms, dtype=np.float64)) / m

    delta_hidden = backpropagate(params, layers, delta_out)
    # sigma(-z) - sigma(z) is 1 - 2a.
    delta_hidden += contraction_weight * (2.0 / m) * squared_slope * (expit(-z) - a) * norms
    grad = parameter_gradient(params, x, layers, delta_hidden, delta_out, weight_decay)
    mean_squared_slope = squared_slope.sum(axis=0) / m
    grad["encoder_weight"] += (
        contraction_weight * 2.0 * params["encoder_weight"] * mean_squared_slope
    )
    return loss + contraction_weight * penalty + decay_loss(params, weight_decay), grad
