r"""Means over the batches of several workers, for training in several processes at once.

A mean over the batch, and any function of it such as
:math:`\mathrm{KL}(\rho\,\|\,\hat\rho)`, belongs to the whole batch, not to one worker's share of
it. So every loss takes its means over all workers, and each worker ends up with the same number J.

Why the gradient is right, whatever the sizes of the shares: torch's
`DistributedDataParallel` averages the gradients that R workers compute, so it follows the mean of
their R losses, provided that the exchange between them is part of what is differentiated. The
transpose of "everybody gets the sum" is "everybody gets the sum of the errors" (`_Sum`). The mean
of R equal numbers J is J.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

Group = Any  # a torch.distributed.ProcessGroup; a torch built without that part has no such class


def core(model: nn.Module) -> Any:
    """Return the model itself: what `DistributedDataParallel` wraps, or ``model`` unwrapped."""
    return model.module if isinstance(model, DistributedDataParallel) else model


def group_of(model: nn.Module) -> Group | None:
    """Return the workers that train a model together, or None if it is trained by one."""
    return model.process_group if isinstance(model, DistributedDataParallel) else None


class _Sum(torch.autograd.Function):
    """The sum over all workers, known to autograd; backward it is the same sum."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, group: Group) -> Tensor:
        ctx.group = group
        total = value.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total, group=group)
        return total

    @staticmethod
    def backward(ctx: Any, error: Tensor) -> tuple[Tensor, None]:
        return _Sum.apply(error, ctx.group), None


def mean(total: Tensor, n_samples: int, group: Group | None) -> Tensor:
    """Divide a sum over samples by their number, both taken over all workers.

    Parameters
    ----------
    total : Tensor, any shape
        The sum over this worker's samples.
    n_samples : int
        Their number; it may differ from worker to worker.
    group : torch.distributed.ProcessGroup or None
        The workers; None for this process alone.

    Returns
    -------
    Tensor
        The mean, shaped like ``total``, the same for every worker.
    """
    if group is None:
        return total / n_samples
    # The number travels with the sums: one exchange instead of two.
    both = torch.cat([total.reshape(-1), total.new_tensor([n_samples])])
    both = _Sum.apply(both, group)
    return (both[:-1] / both[-1]).reshape(total.shape)


def largest(value: Tensor, group: Group | None) -> Tensor:
    """Return the largest of all workers' values, entry by entry; autograd knows nothing of it."""
    value = value.detach().clone()
    if group is not None:
        dist.all_reduce(value, op=dist.ReduceOp.MAX, group=group)
    return value


def gather(value: Any, group: Group | None) -> list[Any]:
    """Return every worker's value, first worker first; any Python object."""
    if group is None:
        return [value]
    found = [None] * dist.get_world_size(group)
    dist.all_gather_object(found, value, group=group)
    return found


def is_first(group: Group | None) -> bool:
    """Tell whether this is the worker that reads, writes and reports for all."""
    return group is None or dist.get_rank(group) == 0


def from_first(read: Callable[[], Any], group: Group | None) -> Any:
    """Let the first worker read something and pass it on; if it fails, it fails for everybody.

    Only the first one's file counts: on several machines the others may have none, or an old one.
    """
    if group is None:
        return read()
    sent: list[Any] = [None, None]
    if is_first(group):
        try:
            sent[0] = read()
        except Exception as error:
            sent[1] = error
    dist.broadcast_object_list(sent, src=dist.get_global_rank(group, 0), group=group)
    if sent[1] is not None:
        raise sent[1]
    return sent[0]
