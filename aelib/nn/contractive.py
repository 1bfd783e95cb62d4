r"""The contractive autoencoder in torch: a closed form, and autograd's own Jacobian."""

import torch
from torch import Tensor, nn
from torch.func import jacrev, vmap

from aelib import validate
from aelib.nn import distributed
from aelib.nn.autoencoder import Autoencoder, check_batch, data_loss, decay_loss


class ContractiveAutoencoder(Autoencoder):
    """An `Autoencoder` that is to be trained with `contractive_loss`.

    The network is the plain one: what makes it contract is the objective. Parameters and attributes
    are those of `Autoencoder`. With ``tied=True`` the encoder cannot shrink while the decoder
    grows.
    """

    def jacobian_norm(self, x: Tensor) -> Tensor:
        """Return the squared Frobenius norm of the encoder's Jacobian, shape (m,), at ``x``."""
        return _squared_norm(self, self.preactivation(x))


def jacobian(model: nn.Module, x: Tensor) -> Tensor:
    r"""Return the Jacobian of the encoder at every sample, by automatic differentiation.

    It knows no closed form, so it checks the one that is trained with, and it works for every model
    here. It takes h passes backward, and of saturated units it loses digits: torch takes the slope
    of a sigmoid as a(1 - a).

    Parameters
    ----------
    model : torch.nn.Module
        A model with a method ``encode`` that treats every sample by itself.
    x : Tensor, shape (m, n)
        Data, one sample a row.

    Returns
    -------
    Tensor, shape (m, h, n)
        :math:`\partial a_j / \partial x_i` at every sample; a code that is no vector, such as
        feature maps, is laid out as one.

    Raises
    ------
    TypeError, ValueError
        If ``x`` does not fit the model.
    """
    x = check_batch(model, x, target=False)

    def code(row: Tensor) -> Tensor:
        activation: Tensor = model.encode(row[None])  # type: ignore[operator]
        return activation.flatten()

    by_sample: Tensor = vmap(jacrev(code))(x)
    return by_sample


def contractive_loss(
    model: Autoencoder, x: Tensor, *, contraction_weight: float, weight_decay: float = 0.0
) -> Tensor:
    r"""Return the objective of the contractive autoencoder, as `aelib.byhand.contractive` has it.

    .. math::
        J = \frac1m \sum_{t=1}^m \tfrac12 \lVert x_t - \hat x_t \rVert^2
            + \gamma\, \frac1m \sum_{t=1}^m \sum_j \left[ a_{tj}(1-a_{tj}) \right]^2 \sum_i W_{ij}^2
            + \tfrac12\,\mathrm{decay}\,\left(\lVert W^1 \rVert^2 + \lVert W^2 \rVert^2\right)

    Parameters
    ----------
    model : Autoencoder
        The model.
    x : Tensor, shape (m, n)
        Data, one sample a row.
    contraction_weight : float
        The weight gamma of the penalty; not negative.
    weight_decay : float, default 0
        The weight of the squared norms; not negative. Biases are left alone.

    Returns
    -------
    Tensor, shape ()
        J, ready for ``backward()``.

    Raises
    ------
    TypeError, ValueError
        If ``x`` does not fit the model, or a number is out of range.
    """
    x = check_batch(model, x)
    contraction_weight = validate.weight("contraction_weight", contraction_weight)
    weight_decay = validate.weight("weight_decay", weight_decay)
    group = distributed.group_of(model)
    x_hat, z = model(x, with_preactivation=True)
    # Outside of autocast, which would take the product with the weights in a coarser dtype.
    with torch.autocast(x.device.type, enabled=False):
        norms = _squared_norm(distributed.core(model), z.to(x.dtype))
    penalty = distributed.mean(norms.sum(), len(x), group)
    return (
        data_loss(x_hat, x, group=group)
        + contraction_weight * penalty
        + decay_loss(model, weight_decay)
    )


def _squared_norm(model: Autoencoder, z: Tensor) -> Tensor:
    # The weight is (out, in): summing over the inputs is summing along a row.
    slope = torch.sigmoid(z) * torch.sigmoid(-z)
    return slope.square() @ model.encoder.weight.square().sum(dim=1)
