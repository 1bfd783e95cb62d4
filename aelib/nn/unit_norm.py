r"""The dictionary's directions kept at norm 1, by hooks on the optimiser."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from aelib.nn import distributed


def keep_unit_norm(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    r"""Make every direction of a dictionary a unit vector, now and after each step.

    An L1 penalty is worthless while the norms are free: half the activation and twice the direction
    give the same reconstruction for half the penalty. So the directions stay on the sphere, in two
    moves. Before a step, the part of the gradient along the direction goes,

    .. math::
        g_j \leftarrow g_j - \langle g_j, d_j \rangle\, d_j ,

    because a step along it would be undone and would only blur what the optimiser remembers. After
    it, :math:`d_j \leftarrow d_j / \lVert d_j \rVert`: a step of finite length along a tangent
    leaves the sphere, and an optimiser that scales every coordinate by itself, as Adam does, leaves
    the tangent too.

    Parameters
    ----------
    model : Dictionary
        The model, wrapped for several workers or not. Its directions are scaled to norm 1 here.
    optimizer : torch.optim.Optimizer
        The one that trains it. Its ``step()`` is called without a closure, as `train` does.

    Notes
    -----
    The hooks belong to this optimiser object and are not part of a checkpoint: call this again
    before you go on from one. Bricken et al. (2023), and the code of Gao et al. (2024), do the same
    two things. A direction that is exactly 0 stays 0.
    """

    def remove_parallel(*_: Any) -> None:
        weight = distributed.core(model).decoder.weight
        if weight.grad is not None:
            along = (weight.grad * weight.detach()).sum(dim=0)
            weight.grad.sub_(along * weight.detach())

    def project(*_: Any) -> None:
        with torch.no_grad():
            weight = distributed.core(model).decoder.weight
            weight.copy_(F.normalize(weight, dim=0))

    project()
    optimizer.register_step_pre_hook(remove_parallel)
    optimizer.register_step_post_hook(project)
