r"""The sparse autoencoder in torch: a Kullback-Leibler penalty on the mean activations."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from aelib import validate
from aelib.nn import distributed
from aelib.nn.autoencoder import Autoencoder, check_batch, data_loss, decay_loss


class SparseAutoencoder(Autoencoder):
    """An `Autoencoder` that is to be trained with `sparse_loss`.

    The network is the plain one: what makes it sparse is the objective. Parameters and attributes
    are those of `Autoencoder`.
    """

    def mean_activation(self, x: Tensor) -> Tensor:
        r"""Return :math:`\hat\rho`, shape (h,), over the batch ``x``, shape (m, n)."""
        # Mixed precision may have made the activations coarser; their mean is not to be.
        return self.encode(x).to(x.dtype).mean(dim=0)


def kl_penalty(
    preactivation: Tensor, rho: float, *, group: distributed.Group | None = None
) -> Tensor:
    r"""Return :math:`\sum_j \mathrm{KL}(\rho\,\|\,\hat\rho_j)`, from the pre-activations.

    Parameters
    ----------
    preactivation : Tensor, shape (m, h)
        Pre-activations of sigmoid units, one sample a row; any finite values.
    rho : float
        The target, strictly between 0 and 1.
    group : torch.distributed.ProcessGroup, optional
        Workers that hold a part of the batch each, of any sizes: the mean activations are those of
        all of it, and every worker gets the same penalty. None for this process alone.

    Returns
    -------
    Tensor, shape ()
        The penalty, in nats; it and its gradient are finite for every finite pre-activation. In the
        dtype of ``preactivation``, but never less than float32.

    Raises
    ------
    TypeError, ValueError
        If ``rho`` is no number strictly between 0 and 1.

    Notes
    -----
    As in `aelib.sparsity.kl_from_preactivation`, :math:`1-\hat\rho` is the mean of
    :math:`\sigma(-z)`, and a unit with a tail too small for the dtype is taken from logarithms.
    """
    rho = validate.fraction("rho", rho)
    # bfloat16 has three digits: too few for a mean over many samples, and for its logarithm.
    z = preactivation.to(torch.promote_types(preactivation.dtype, torch.float32))
    tails = torch.stack([torch.sigmoid(z).sum(dim=0), torch.sigmoid(-z).sum(dim=0)])
    rho_hat, one_minus_rho_hat = distributed.mean(tails, len(z), group)
    with torch.no_grad():
        plain = torch.minimum(rho_hat, one_minus_rho_hat) > math.sqrt(torch.finfo(z.dtype).tiny)
    if bool(plain.all()):
        log_p, log_q = rho_hat.log(), one_minus_rho_hat.log()
    else:
        # Indexing, not torch.where: the gradient of a branch not taken would still be NaN.
        rest = z[:, ~plain]
        log_p = torch.cat([rho_hat[plain].log(), _log_mean_exp(F.logsigmoid(rest), group)])
        log_q = torch.cat(
            [one_minus_rho_hat[plain].log(), _log_mean_exp(F.logsigmoid(-rest), group)]
        )
    kl = rho * (math.log(rho) - log_p) + (1.0 - rho) * (math.log1p(-rho) - log_q)
    return kl.sum()


def _log_mean_exp(logarithms: Tensor, group: distributed.Group | None) -> Tensor:
    # Shifted, so that nothing vanishes: the largest entry of all becomes exp(0).
    top = distributed.largest(logarithms.amax(dim=0), group)
    mean = distributed.mean((logarithms - top).exp().sum(dim=0), len(logarithms), group)
    return mean.log() + top


def sparse_loss(
    model: Autoencoder,
    x: Tensor,
    *,
    rho: float,
    sparsity_weight: float,
    weight_decay: float = 0.0,
) -> Tensor:
    r"""Return the objective of the sparse autoencoder, as `aelib.byhand.sparse` has it.

    .. math::
        J = \frac1m \sum_{i=1}^m \tfrac12 \lVert x_i - \hat x_i \rVert^2
            + \lambda \sum_{j=1}^h \mathrm{KL}(\rho \,\|\, \hat\rho_j)
            + \tfrac12\,\mathrm{decay}\,\left(\lVert W^1 \rVert^2 + \lVert W^2 \rVert^2\right)

    Parameters
    ----------
    model : Autoencoder
        The model.
    x : Tensor, shape (m, n)
        Data, one sample a row. The mean activations are those of this batch: of a mini-batch they
        are an estimate, and the penalty is too high on average (chapter 5 of the book). If the
        model is wrapped in `torch.nn.parallel.DistributedDataParallel`, the batch is that of all
        workers together; ``x`` is this worker's part of it, of any size.
    rho : float
        The target of the mean activations, strictly between 0 and 1.
    sparsity_weight : float
        The weight lambda of the penalty; not negative.
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
    sparsity_weight = validate.weight("sparsity_weight", sparsity_weight)
    weight_decay = validate.weight("weight_decay", weight_decay)
    group = distributed.group_of(model)
    x_hat, z = model(x, with_preactivation=True)
    penalty = kl_penalty(z, rho, group=group)
    return (
        data_loss(x_hat, x, group=group)
        + sparsity_weight * penalty
        + decay_loss(model, weight_decay)
    )
