r"""Which entries are the largest, told the same way every time."""

import torch
from torch import Tensor

from aelib import validate


def largest(values: Tensor, k: int) -> Tensor:
    """Mark the k largest entries along the last axis; of equal ones, those that come first.

    Parameters
    ----------
    values : Tensor, shape (..., h)
        Any finite values.
    k : int
        How many to mark.

    Returns
    -------
    Tensor of bool, shaped like ``values``
        Exactly ``k`` are True along the last axis.

    Raises
    ------
    TypeError, ValueError
        If ``k`` is no whole number from 1 to h.
    """
    k, h = validate.count("k", k), values.shape[-1]
    if k > h:
        raise ValueError(f"k must be at most {h}, the number of values to choose from, got {k}")
    smallest_kept = values.topk(k, dim=-1).values[..., -1:]
    # torch.topk does not say which of equal values it takes, and devices differ.
    kept = values >= smallest_kept
    if bool((kept.sum(dim=-1) > k).any()):
        above, equal = values > smallest_kept, values == smallest_kept
        room = k - above.sum(dim=-1, keepdim=True)
        kept = above | (equal & (torch.cumsum(equal, dim=-1) <= room))
    return kept
