r"""JumpReLU: a threshold for every unit, learned through a step that has no slope.

The activation is :math:`a = z\,H(z - \theta)` with the step :math:`H`, and the penalty counts the
active units, :math:`\sum_j H(z_j - \theta_j)`. As functions of :math:`\theta` both are constant
except where they jump, so that their gradient is 0 nearly everywhere and of no use. But what is to
be made small is an expectation over the data, and that is smooth: as :math:`\theta` moves by
:math:`d\theta`, the share :math:`p(\theta)\,d\theta` of the samples crosses it, where p is the
density of z. So

.. math::
    \frac{\partial}{\partial\theta}\, \mathrm{E}[H(z - \theta)] = -p(\theta), \qquad
    \frac{\partial}{\partial\theta}\, \mathrm{E}[L(z\,H(z - \theta))]
    = -p(\theta)\; \mathrm{E}[L(z) - L(0) \mid z = \theta],

and p is estimated from the batch, with a kernel K of width :math:`\varepsilon`:

.. math::
    \hat p(\theta) = \frac1m \sum_{i=1}^m
        \frac1\varepsilon K\!\left(\frac{z_i - \theta}{\varepsilon}\right), \qquad
    K(u) = 1 \text{ for } |u| < \tfrac12, \text{ else } 0.

To differentiate that way is to put, in the backward pass only, a ramp of width :math:`\varepsilon`
in the place of the step; the jump of the loss at :math:`\theta`, from :math:`a=0` to
:math:`a=\theta`, is taken as :math:`\theta\,\partial L/\partial a`, averaged over both sides.
Rajamanoharan et al. (2024).
"""

import torch
from torch import Tensor, nn

from aelib import validate
from aelib.nn import distributed
from aelib.nn.autoencoder import check_batch, data_loss
from aelib.nn.dictionary import Dictionary, share_steps


class JumpReLU(nn.Module):
    r"""A ReLU that lets nothing pass below a learned threshold, and leaves unchanged what passes.

    .. math::
        a = z\, H(z - \theta), \qquad
        \frac{\partial a}{\partial z} := H(z - \theta), \qquad
        \frac{\partial a}{\partial \theta} :=
            -\frac{\theta}{\varepsilon} K\!\left(\frac{z - \theta}{\varepsilon}\right)

    Parameters
    ----------
    n_hidden : int
        The number h of units.
    threshold : float, default 0.01
        Where the thresholds start; greater than 0.
    bandwidth : float, default 0.05
        The width :math:`\varepsilon` of the kernel. Small against the spread of z, but so large
        that a batch has samples within :math:`\varepsilon/2` of a threshold: others do not move it.
    dtype : torch.dtype, optional
        torch's default dtype if None.

    Attributes
    ----------
    threshold : torch.nn.Parameter, shape (h,)
        The thresholds. One that a step took below 0 acts as 0.

    Raises
    ------
    TypeError, ValueError
        If ``n_hidden`` is no whole number of at least 1, or another number is not above 0; when it
        is called, if there are not h pre-activations.

    Notes
    -----
    The paper starts at 0.001 with a bandwidth of 0.001, for data scaled to a mean squared norm of
    1, and trains the threshold's logarithm. The defaults here are those of SAELens, which trains
    the threshold itself: a step of Adam has about the size of the learning rate, which is little
    for a logarithm that has far to go.
    """

    def __init__(
        self,
        n_hidden: int,
        *,
        threshold: float = 0.01,
        bandwidth: float = 0.05,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        h = validate.count("n_hidden", n_hidden)
        start = validate.positive("threshold", threshold)
        self.bandwidth = validate.positive("bandwidth", bandwidth)
        self.threshold = nn.Parameter(torch.full((h,), start, dtype=dtype))

    def forward(self, preactivation: Tensor) -> Tensor:
        """Return the activations, shaped like ``preactivation``, (m, h)."""
        z, theta = preactivation, self._checked_threshold(preactivation)
        ramp = self._ramp(z, theta)
        return z.relu() * (z > theta) + theta.detach() * (ramp - ramp.detach())

    def gate(self, preactivation: Tensor) -> Tensor:
        r"""Return :math:`H(z - \theta)`: 1 for an active unit, else 0; shaped like z, (m, h).

        Its gradient by :math:`\theta` is :math:`-\frac1\varepsilon K((z - \theta)/\varepsilon)`;
        by z it has none, so that the penalty moves thresholds and nothing else.
        """
        z, theta = preactivation, self._checked_threshold(preactivation)
        ramp = self._ramp(z, theta)
        return (z > theta).to(z.dtype) + (ramp - ramp.detach())

    def _ramp(self, z: Tensor, theta: Tensor) -> Tensor:
        # The integral of the kernel. Only its slope is used; its value is subtracted again.
        return ((z.detach() - theta) / self.bandwidth + 0.5).clamp(0.0, 1.0)

    def _checked_threshold(self, z: Tensor) -> Tensor:
        if z.shape[-1] != len(self.threshold):
            raise ValueError(
                f"JumpReLU has {len(self.threshold)} thresholds, but got {z.shape[-1]} units"
            )
        # Not a plain clamp: that has no slope below 0, and a threshold could never return.
        below = self.threshold.detach().clamp(max=0.0)
        return self.threshold - below

    def extra_repr(self) -> str:
        """Name the kernel's width when the module is printed."""
        return f"n_hidden={len(self.threshold)}, bandwidth={self.bandwidth:g}"


def jumprelu_loss(model: Dictionary, x: Tensor, *, sparsity_weight: float) -> Tensor:
    r"""Return the objective with a penalty on the number of active units, for `JumpReLU`.

    .. math::
        J = \frac1m \sum_{i=1}^m \tfrac12 \lVert x_i - \hat x_i \rVert^2
            + \lambda\, \frac1m \sum_{i=1}^m \sum_{j=1}^h H(z_{ij} - \theta_j)

    Parameters
    ----------
    model : Dictionary
        The model, with a `JumpReLU` as activation.
    x : Tensor, shape (m, n)
        Data, one sample a row.
    sparsity_weight : float
        The weight lambda of the penalty; not negative. It is the reconstruction, in units of J,
        that one more active unit has to be worth.

    Returns
    -------
    Tensor, shape ()
        J. It jumps, so that its gradient is the estimate that this module's text explains, and
        no difference quotient of J itself.

    Raises
    ------
    TypeError, ValueError
        If ``x`` does not fit the model, the model has another activation, or ``sparsity_weight`` is
        negative.

    Notes
    -----
    Rajamanoharan et al. (2024). Their data term has no factor one half, so their coefficient is
    twice this lambda.
    """
    x = check_batch(model, x)
    sparsity_weight = validate.weight("sparsity_weight", sparsity_weight)
    group = distributed.group_of(model)
    activation = distributed.core(model).activation
    if not isinstance(activation, JumpReLU):
        raise TypeError(
            f"model must have a JumpReLU as activation, got {type(activation).__name__}"
        )
    x_hat, _, z = model(x, with_layers=True)
    share_steps(model)
    n_active = distributed.mean(activation.gate(z.to(x.dtype)).sum(), len(x), group)
    return data_loss(x_hat, x, group=group) + sparsity_weight * n_active
