r"""Directions of norm 1: the projection onto the sphere, and the gradient within its tangent."""

import numpy as np

from aelib.byhand import dictionary, parameters
from aelib.byhand.parameters import Params


def normalise(params: Params) -> Params:
    r"""Scale every direction, row j of :math:`W^2`, to norm 1.

    Parameters
    ----------
    params : dict of str to ndarray
        As `aelib.byhand.init` returns it, not tied.

    Returns
    -------
    dict of str to ndarray
        A new dict; the other arrays are the same, not copies.

    Raises
    ------
    TypeError, ValueError
        If ``params`` is malformed or not finite, the weights are tied, or a direction is 0.
    """
    params = _checked(params)
    norms = dictionary.directions_norm(params)
    if not np.all(norms > 0.0):
        raise ValueError("decoder_weight has a row of zeros, which has no direction")
    return {**params, "decoder_weight": params["decoder_weight"] / norms[:, None]}


def remove_parallel(params: Params, grad: Params) -> Params:
    r"""Take from the gradient of every direction the part along it.

    .. math::
        g_j - \frac{\langle g_j, d_j \rangle}{\lVert d_j \rVert^2}\, d_j

    is the gradient on the sphere: to first order a step along it changes no norm.

    Parameters
    ----------
    params : dict of str to ndarray
        As `aelib.byhand.init` returns it, not tied.
    grad : dict of str to ndarray
        The gradient, as a ``loss_and_grad`` returns it for ``params``.

    Returns
    -------
    dict of str to ndarray
        A new dict; the other arrays are the same, not copies.

    Raises
    ------
    TypeError, ValueError
        If ``params`` or ``grad`` is malformed or not finite, the weights are tied, or a direction
        is 0.
    """
    unit = normalise(params)["decoder_weight"]
    grad = _checked(grad, "grad")
    if grad["decoder_weight"].shape != unit.shape:
        raise ValueError(
            f"grad has a decoder_weight of shape {grad['decoder_weight'].shape}, but params one of "
            f"{unit.shape}"
        )
    along = np.sum(grad["decoder_weight"] * unit, axis=1, keepdims=True)
    return {**grad, "decoder_weight": grad["decoder_weight"] - along * unit}


def _checked(params: Params, what: str = "params") -> Params:
    params = parameters.check(params, what)
    if "decoder_weight" not in params:
        raise ValueError(f"{what} is tied: the directions have no weight of their own")
    return params
