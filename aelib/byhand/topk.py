r"""The k-sparse autoencoder (TopK): of every sample's pre-activations only the k largest count.

Where the choice is strict, it stays the same in a neighbourhood of the parameters. There the
activation is linear in z for the chosen units, and constantly 0 for the others: the local gradient
is 1 or 0, as for a ReLU, and what is chosen needs no gradient of its own. At a tie the objective
jumps and has no gradient; the one returned is that of the choice made.
"""

import numpy as np

from aelib import validate
from aelib.byhand import dictionary, parameters
from aelib.byhand.autoencoder import data_loss
from aelib.byhand.parameters import Params
from aelib.validate import Array


def select(preactivation: Array, k: int) -> Array:
    """Mark the k largest pre-activations of every sample; of equal ones, those that come first.

    Parameters
    ----------
    preactivation : ndarray, shape (m, h)
        Pre-activations, one sample a row.
    k : int
        How many to mark; from 1 to h.

    Returns
    -------
    ndarray of bool, shape (m, h)
        Exactly ``k`` are True in a row.

    Raises
    ------
    TypeError, ValueError
        If ``preactivation`` is not a finite, non-empty float matrix, or ``k`` is no whole number
        from 1 to h.
    """
    z = validate.samples("preactivation", preactivation)
    k = validate.count("k", k)
    if k > z.shape[1]:
        raise ValueError(f"k must be at most {z.shape[1]}, the number of units, got {k}")
    # A stable sort leaves equal values in their order; minus z, so that large ones come first.
    order = np.argsort(-z, axis=1, kind="stable")
    chosen = np.zeros(z.shape, bool)
    np.put_along_axis(chosen, order[:, :k], True, axis=1)
    return chosen


def encode(params: Params, x: Array, *, k: int) -> Array:
    r"""Return the activations: :math:`\max(z_{ij}, 0)` for the k units that are chosen, else 0.

    Parameters
    ----------
    params : dict of str to ndarray
        As `aelib.byhand.init` returns it, tied or not.
    x : ndarray, shape (m, n)
        Data, one sample a row.
    k : int
        How many units may be active for a sample; from 1 to h.

    Returns
    -------
    ndarray, shape (m, h)
        Not negative, and at most ``k`` of a row above 0.

    Raises
    ------
    TypeError, ValueError
        If ``params`` or ``x`` is malformed, not finite, or they do not fit together, or ``k`` is no
        whole number from 1 to h.
    """
    params = parameters.check(params)
    x = parameters.check_data(params, "x", x)
    z = dictionary.preactivation(params, x)
    a: Array = np.maximum(z, 0.0) * select(z, k)
    return a


def loss_and_grad(params: Params, x: Array, *, k: int) -> tuple[float, Params]:
    r"""Return the objective of the k-sparse autoencoder and its gradient.

    .. math::
        J = \frac1m \sum_{i=1}^m \tfrac12 \lVert x_i - \hat x_i \rVert^2, \qquad
        \hat x = a W^2 + b^2

    With the mask :math:`s_{ij} = 1` where unit j is among the k largest of sample i and
    :math:`z_{ij} > 0`, else 0:

    .. math::
        \delta^{\mathrm{out}} = \tfrac1m (\hat x - x), \qquad
        \delta^{\mathrm{hidden}} = s \odot \left( \delta^{\mathrm{out}} {W^2}^\top \right)

    Parameters
    ----------
    params : dict of str to ndarray
        As `aelib.byhand.init` returns it, tied or not.
    x : ndarray, shape (m, n)
        Data, one sample a row, in the dtype of ``params``; any finite values.
    k : int
        How many units may be active for a sample; from 1 to h.

    Returns
    -------
    loss : float
        J.
    grad : dict of str to ndarray
        The gradient, names, shapes and dtype as in ``params``. A unit that is active for no sample
        is dead: the gradient of its encoder and of its direction is 0, and it comes back only if
        other parameters move.

    Raises
    ------
    TypeError, ValueError
        If ``params`` or ``x`` is malformed, not finite, or they do not fit together, or ``k`` is no
        whole number from 1 to h.

    Notes
    -----
    Makhzani and Frey (2014), with tied weights and no ReLU; the form with a ReLU and with
    :math:`b^2` on both sides is that of the code of Gao et al. (2024).
    """
    params = parameters.check(params)
    x = parameters.check_target(params, "x", x, "linear")
    z = dictionary.preactivation(params, x)
    on = select(z, k) & (z > 0.0)
    layers = dictionary.reconstruct(params, z, z * on)
    loss, delta_out = data_loss(layers, x, "linear")
    delta_hidden = (delta_out @ parameters.decoder_weight(params).T) * on
    return loss, dictionary.gradient(params, x, layers, delta_hidden, delta_out)
