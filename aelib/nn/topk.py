r"""TopK and BatchTopK: sparsity by selection, with nothing to weigh against the reconstruction."""

import torch
from torch import Tensor, nn

from aelib import validate
from aelib.nn import distributed
from aelib.nn.autoencoder import check_batch, data_loss
from aelib.nn.dead import auxiliary_loss
from aelib.nn.dictionary import Dictionary, share_steps
from aelib.nn.select import largest


class TopK(nn.Module):
    r"""The k largest pre-activations of every sample, and of these what is above 0.

    .. math::
        a_{ij} = \max(z_{ij}, 0) \text{ if } z_{ij} \text{ is one of the k largest of } z_i,
        \text{ else } 0

    Parameters
    ----------
    k : int
        How many units may be active for a sample.

    Raises
    ------
    TypeError, ValueError
        If ``k`` is no whole number of at least 1; when it is called, if there are fewer units.

    Notes
    -----
    Of equal pre-activations the one with the lower index is taken. The gradient passes through the
    chosen units and no others. Makhzani and Frey (2014); the ReLU is added in the code of
    Gao et al. (2024).
    """

    def __init__(self, k: int) -> None:
        super().__init__()
        self.k = validate.count("k", k)

    def forward(self, preactivation: Tensor) -> Tensor:
        """Return the activations, shaped like ``preactivation``, (m, h)."""
        return preactivation.relu() * largest(preactivation.detach(), self.k)

    def extra_repr(self) -> str:
        """Say how many units are kept when the module is printed."""
        return f"k={self.k}"


class BatchTopK(nn.Module):
    r"""The k·m largest pre-activations of a batch of m samples; on average k for each.

    A sample that needs more units gets more. But what is kept of one sample then depends on the
    others, so that outside of training a threshold takes the place of the selection:

    .. math::
        a_{ij} = \max(z_{ij}, 0) \text{ if } z_{ij} > \theta, \text{ else } 0

    where :math:`\theta` is the mean, over the batches of the training, of the smallest activation
    that was kept. ``model.eval()`` and ``model.train()`` switch between the two.

    Parameters
    ----------
    k : float
        How many units are active for a sample on average; need not be whole.
    rate : float, default 0.01
        How fast the threshold follows: it is the plain mean over the first 1 / ``rate`` batches and
        an exponential one after that.

    Attributes
    ----------
    threshold : Tensor, shape ()
        The estimate of :math:`\theta`. It is saved with the parameters.
    n_batches : Tensor, shape ()
        The number of batches that it is taken from.

    Raises
    ------
    TypeError, ValueError
        If ``k`` is no number above 0, or ``rate`` does not lie strictly between 0 and 1; when it is
        called, if k·m is less than 1 or more than there are pre-activations.
    RuntimeError
        When it is called in evaluation mode before any batch was seen in training mode.

    Notes
    -----
    Bussmann, Leask and Nanda (2024), equation for :math:`\theta`; ``rate`` is that of SAELens.
    k·m is rounded down. Of equal pre-activations the one that comes first is taken. With several
    workers, each selects among its own samples, and the threshold is the first worker's.
    """

    threshold: Tensor
    n_batches: Tensor

    def __init__(self, k: float, *, rate: float = 0.01) -> None:
        super().__init__()
        self.k, self.rate = validate.positive("k", k), validate.fraction("rate", rate)
        self.register_buffer("threshold", torch.zeros(()))
        self.register_buffer("n_batches", torch.zeros((), dtype=torch.int64))

    def forward(self, preactivation: Tensor) -> Tensor:
        """Return the activations, shaped like ``preactivation``, (m, h)."""
        z = preactivation
        if not self.training:
            if self.n_batches == 0:
                raise RuntimeError(
                    "BatchTopK has no threshold yet: it is estimated from the batches of a "
                    "training, in training mode"
                )
            return z.relu() * (z > self.threshold)
        n_kept = int(self.k * z.shape[:-1].numel())
        if n_kept < 1:
            raise ValueError(f"k={self.k:g} keeps nothing of a batch of {z.shape[:-1].numel()}")
        a = z.relu() * largest(z.detach().reshape(-1), n_kept).reshape(z.shape)
        if torch.is_grad_enabled():
            self._estimate(a.detach())
        return a

    def _estimate(self, a: Tensor) -> None:
        kept = a[a > 0]
        if len(kept) == 0:
            return
        self.n_batches += 1
        rate = (1.0 / self.n_batches).clamp(min=self.rate)
        self.threshold += rate * (kept.min() - self.threshold)

    def extra_repr(self) -> str:
        """Say how many units are kept when the module is printed."""
        return f"k={self.k:g}, rate={self.rate:g}"


def topk_loss(
    model: Dictionary,
    x: Tensor,
    *,
    auxiliary_weight: float = 1 / 32,
    k_auxiliary: int | None = None,
    dead_after: int = 1000,
) -> Tensor:
    r"""Return the objective of a dictionary with `TopK` or `BatchTopK`.

    .. math::
        J = \frac1m \sum_{i=1}^m \tfrac12 \lVert x_i - \hat x_i \rVert^2
            + \alpha\, \frac1m \sum_{i=1}^m \tfrac12 \lVert e_i - \hat e_i \rVert^2

    The second term is `auxiliary_loss`: dead units are to reconstruct the error
    :math:`e = x - \hat x`. It is 0 as long as no unit is dead.

    Parameters
    ----------
    model : Dictionary
        The model.
    x : Tensor, shape (m, n)
        Data, one sample a row.
    auxiliary_weight : float, default 1/32
        The weight alpha of the second term; not negative. 0 switches it off.
    k_auxiliary : int, optional
        How many dead units may be active for a sample; half of n if None.
    dead_after : int, default 1000
        After how many training steps without activation a unit counts as dead.

    Returns
    -------
    Tensor, shape ()
        J, ready for ``backward()``.

    Raises
    ------
    TypeError, ValueError
        If ``x`` does not fit the model, or a number is out of range.

    Notes
    -----
    Gao et al. (2024), appendices A.2 and B.1, from where the weight is; for ``k_auxiliary`` they
    take a power of two near n/2, and typically count a unit as dead after ten million tokens.
    ``dead_after`` is that of SAELens.
    """
    x = check_batch(model, x)
    auxiliary_weight = validate.weight("auxiliary_weight", auxiliary_weight)
    if k_auxiliary is None:
        k_auxiliary = max(1, x.shape[1] // 2)
    k_auxiliary = validate.count("k_auxiliary", k_auxiliary)
    dead_after = validate.count("dead_after", dead_after)
    group = distributed.group_of(model)
    x_hat, _, z = model(x, with_layers=True)
    share_steps(model)
    loss = data_loss(x_hat, x, group=group)
    if auxiliary_weight == 0.0:
        return loss
    dead = distributed.core(model).dead(dead_after)
    residual = x - x_hat.to(x.dtype)
    return loss + auxiliary_weight * auxiliary_loss(model, residual, z, dead=dead, k=k_auxiliary)
