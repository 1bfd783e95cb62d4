r"""The denoising autoencoder: it sees a corrupted input and has to give back the clean one."""

from aelib import validate
from aelib.byhand import backprop, parameters
from aelib.byhand.autoencoder import decay_loss
from aelib.byhand.parameters import Params
from aelib.validate import Array


def loss_and_grad(
    params: Params,
    x: Array,
    *,
    x_noisy: Array,
    weight_decay: float = 0.0,
    decoder: str = "sigmoid",
) -> tuple[float, Params]:
    r"""Return the objective of the denoising autoencoder and its gradient.

    .. math::
        J = \frac1m \sum_{i=1}^m \tfrac12 \lVert x_i - g(f(\tilde x_i)) \rVert^2
            + \tfrac12\,\mathrm{decay}\,\left(\lVert W^1 \rVert^2 + \lVert W^2 \rVert^2\right)

    Backpropagation is the plain one, run on :math:`\tilde x`; only the output delta compares with
    the clean :math:`x`.

    Parameters
    ----------
    params : dict of str to ndarray
        As `aelib.byhand.init` returns it, tied or not.
    x : ndarray, shape (m, n)
        Clean data, one sample a row, in the dtype of ``params``; in [0, 1] for a sigmoid decoder.
    x_noisy : ndarray, shape (m, n)
        The same samples corrupted, for example by `aelib.corruption.gaussian`; any finite values.
        The noise is drawn outside, so that the objective is deterministic, as L-BFGS needs it.
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
    Vincent, Larochelle, Bengio and Manzagol (2008), with the squared error.
    """
    params = parameters.check(params)
    x = parameters.check_target(params, "x", x, decoder)
    x_noisy = parameters.check_data(params, "x_noisy", x_noisy)
    if len(x_noisy) != len(x):
        raise ValueError(f"x_noisy must have {len(x)} rows, as x has, got shape {x_noisy.shape}")
    weight_decay = validate.weight("weight_decay", weight_decay)

    error, grad = backprop.sums(params, x_noisy, x, decoder)
    grad = backprop.mean_and_decay(grad, params, len(x), weight_decay)
    return error / len(x) + decay_loss(params, weight_decay), grad
