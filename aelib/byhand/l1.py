r"""The dictionary with ReLU units and an L1 penalty on their activations."""

import numpy as np

from aelib import validate
from aelib.byhand import dictionary, parameters
from aelib.byhand.autoencoder import data_loss
from aelib.byhand.parameters import Params
from aelib.validate import Array


def encode(params: Params, x: Array) -> Array:
    r"""Return the activations :math:`a = \max((x - b^2) W^1 + b^1, 0)`.

    Parameters
    ----------
    params : dict of str to ndarray
        As `aelib.byhand.init` returns it, tied or not.
    x : ndarray, shape (m, n)
        Data, one sample a row.

    Returns
    -------
    ndarray, shape (m, h)
        Not negative.

    Raises
    ------
    TypeError, ValueError
        If ``params`` or ``x`` is malformed, not finite, or they do not fit together.
    """
    params = parameters.check(params)
    x = parameters.check_data(params, "x", x)
    a: Array = np.maximum(dictionary.preactivation(params, x), 0.0)
    return a


def loss_and_grad(params: Params, x: Array, *, sparsity_weight: float) -> tuple[float, Params]:
    r"""Return the objective with an L1 penalty and its gradient.

    .. math::
        J = \frac1m \sum_{i=1}^m \tfrac12 \lVert x_i - \hat x_i \rVert^2
            + \lambda\, \frac1m \sum_{i=1}^m \sum_{j=1}^h a_{ij} \lVert d_j \rVert

    where :math:`d_j` is row j of :math:`W^2`. With :math:`\delta^{\mathrm{out}} = (\hat x - x)/m`,

    .. math::
        \delta^{\mathrm{hidden}}_{ij} = [z_{ij} > 0]
            \left( \sum_l \delta^{\mathrm{out}}_{il} W^2_{jl}
                   + \frac{\lambda}{m} \lVert d_j \rVert \right), \qquad
        \frac{\partial J}{\partial d_j} = \sum_i a_{ij}\, \delta^{\mathrm{out}}_i
            + \lambda\, \bar a_j\, \frac{d_j}{\lVert d_j \rVert} .

    The penalty's part in the hidden delta is the same for every active unit, however active it is:
    a constant pull towards 0, which is the shrinkage. Its part in the gradient of a direction lies
    along the direction, and `aelib.byhand.unit_norm.remove_parallel` takes it away.

    Parameters
    ----------
    params : dict of str to ndarray
        As `aelib.byhand.init` returns it, tied or not.
    x : ndarray, shape (m, n)
        Data, one sample a row, in the dtype of ``params``; any finite values.
    sparsity_weight : float
        The weight lambda of the penalty; not negative.

    Returns
    -------
    loss : float
        J.
    grad : dict of str to ndarray
        The gradient, names, shapes and dtype as in ``params``.

    Raises
    ------
    TypeError, ValueError
        If ``params`` or ``x`` is malformed, not finite, or they do not fit together, a direction is
        0, or ``sparsity_weight`` is negative.

    Notes
    -----
    Bricken et al. (2023), where the norms are kept at 1.
    """
    params = parameters.check(params)
    x = parameters.check_target(params, "x", x, "linear")
    sparsity_weight = validate.weight("sparsity_weight", sparsity_weight)
    m, norms = len(x), dictionary.directions_norm(params)
    if not np.all(norms > 0.0):
        raise ValueError("decoder_weight has a row of zeros: the norm has no gradient there")
    z = dictionary.preactivation(params, x)
    layers = dictionary.reconstruct(params, z, np.maximum(z, 0.0))
    loss, delta_out = data_loss(layers, x, "linear")
    penalty = float(np.sum(layers.activation @ norms, dtype=np.float64)) / m

    weight = parameters.decoder_weight(params)
    delta_hidden = (delta_out @ weight.T + sparsity_weight * norms / m) * (z > 0.0)
    grad = dictionary.gradient(params, x, layers, delta_hidden, delta_out)
    amount = sparsity_weight * layers.activation.sum(axis=0) / m
    along = (amount / norms)[:, None] * weight
    if "decoder_weight" in grad:
        grad["decoder_weight"] += along
    else:
        grad["encoder_weight"] += along.T
    return loss + sparsity_weight * penalty, grad
