r"""The sparse autoencoder: a Kullback-Leibler penalty on the mean activations."""

from aelib import sparsity, validate
from aelib.byhand import backprop, parameters
from aelib.byhand.autoencoder import (
    backpropagate,
    data_loss,
    decay_loss,
    forward,
    parameter_gradient,
)
from aelib.byhand.parameters import Params
from aelib.validate import Array


def loss_and_grad(
    params: Params,
    x: Array,
    *,
    rho: float,
    sparsity_weight: float,
    weight_decay: float = 0.0,
    decoder: str = "sigmoid",
) -> tuple[float, Params]:
    r"""Return the objective of the sparse autoencoder and its gradient.

    .. math::
        J = \frac1m \sum_{i=1}^m \tfrac12 \lVert x_i - \hat x_i \rVert^2
            + \lambda \sum_{j=1}^h \mathrm{KL}(\rho \,\|\, \hat\rho_j)
            + \tfrac12\,\mathrm{decay}\,\left(\lVert W^1 \rVert^2 + \lVert W^2 \rVert^2\right)

    The penalty changes one thing in backpropagation, the delta of the hidden layer:

    .. math::
        \delta_i = O_i (1 - O_i) \left[ \sum_j \delta_j W_{ij}
            + \frac{\lambda}{m} \left( -\frac{\rho}{\hat\rho_i}
            + \frac{1-\rho}{1-\hat\rho_i} \right) \right].

    Parameters
    ----------
    params : dict of str to ndarray
        As `aelib.byhand.init` returns it.
    x : ndarray, shape (m, n)
        Data, one sample a row, in the dtype of ``params``; in [0, 1] for a sigmoid decoder. All of
        it counts for the mean activations, so hand over the whole batch at once.
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
        The gradient, names, shapes and dtype as in ``params``.

    Raises
    ------
    TypeError, ValueError
        If an argument is malformed, not finite, out of range or unknown, or the shapes or dtypes
        do not fit together.

    Notes
    -----
    Ng, CS294A lecture notes (2011); chapter 5 of the book, which also shows why the second term
    belongs inside the bracket, other than on the lecture's slide at 17:36.
    """
    params = parameters.check(params)
    x = parameters.check_target(params, "x", x, decoder)
    rho = validate.fraction("rho", rho)
    sparsity_weight = validate.weight("sparsity_weight", sparsity_weight)
    weight_decay = validate.weight("weight_decay", weight_decay)

    m = len(x)
    # All of the hidden layer first: rho_hat must be known before any sample's delta.
    u, on, off = backprop.first_pass(params, x)
    if not sparsity.near_tails(on / m, off / m, x.dtype).all():
        return _with_far_tails(params, x, rho, sparsity_weight, weight_decay, decoder)
    kl, slope = sparsity.kl_from_tails(rho, on / m, off / m)
    slope_in_bracket = (sparsity_weight * slope).astype(x.dtype)
    error, grad = backprop.sums(params, x, x, decoder, slope=slope_in_bracket, u=u)
    grad = backprop.mean_and_decay(grad, params, m, weight_decay)
    penalty = sparsity_weight * float(kl.sum())
    return error / m + penalty + decay_loss(params, weight_decay), grad


def _with_far_tails(
    params: Params, x: Array, rho: float, sparsity_weight: float, weight_decay: float, decoder: str
) -> tuple[float, Params]:
    """Do the same where a unit is so far off, or on, that only logarithms can tell how far."""
    layers = forward(params, x, decoder)
    loss, delta_out = data_loss(layers, x, decoder)
    kl, kl_gradient = sparsity.kl_from_preactivation(rho, layers.hidden_preactivation)
    # kl_gradient already holds O(1-O)/m times the slope: the whole second term of the bracket.
    delta_hidden = backpropagate(params, layers, delta_out) + sparsity_weight * kl_gradient
    grad = parameter_gradient(params, x, layers, delta_hidden, delta_out, weight_decay)
    return loss + sparsity_weight * float(kl.sum()) + decay_loss(params, weight_decay), grad
