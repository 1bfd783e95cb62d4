r"""The corruptions of `aelib.corruption` for tensors, to be drawn anew for every batch.

The noise is drawn where the generator lives and then moved to the data: a generator on the CPU
gives the same noise whatever device the model trains on.
"""

from typing import Any

import torch
from torch import Tensor

from aelib import validate


def gaussian(x: Tensor, level: float, generator: torch.Generator) -> Tensor:
    r"""Add Gaussian noise, :math:`x + \sigma\varepsilon` with :math:`\varepsilon\sim N(0, 1)`.

    Parameters
    ----------
    x : Tensor, any shape
        Clean data.
    level : float
        The standard deviation :math:`\sigma` of the noise; not negative.
    generator : torch.Generator
        Where the noise comes from, on any device.

    Returns
    -------
    Tensor, shape of ``x``
        The corrupted copy, of the dtype and on the device of ``x``; not clipped.

    Raises
    ------
    TypeError, ValueError
        If ``x`` is no tensor of floats, ``level`` is negative or no number, or ``generator`` is no
        torch.Generator.
    """
    x = _check(x, generator)
    level = validate.weight("level", level)
    noise = torch.randn(x.shape, generator=generator, device=generator.device, dtype=x.dtype)
    return x + level * noise.to(x.device)


def masking(x: Tensor, level: float, generator: torch.Generator) -> Tensor:
    """Set every entry to 0 with the same probability, independently of the others.

    Parameters
    ----------
    x : Tensor, any shape
        Clean data.
    level : float
        The probability, from 0 to 1.
    generator : torch.Generator
        Where the randomness comes from, on any device.

    Returns
    -------
    Tensor, shape of ``x``
        The corrupted copy, of the dtype and on the device of ``x``.

    Raises
    ------
    TypeError, ValueError
        If ``x`` is no tensor of floats, ``level`` does not lie in [0, 1], or ``generator`` is no
        torch.Generator.
    """
    x = _check(x, generator)
    level = validate.probability("level", level)
    return x.masked_fill(_uniform(x, generator) < level, 0.0)


def salt_and_pepper(x: Tensor, level: float, generator: torch.Generator) -> Tensor:
    """Set every entry with the same probability to one of the extremes 0 and 1, by a fair coin.

    Parameters
    ----------
    x : Tensor, any shape
        Clean data, meant to lie in [0, 1].
    level : float
        The probability, from 0 to 1, that an entry is replaced.
    generator : torch.Generator
        Where the randomness comes from, on any device.

    Returns
    -------
    Tensor, shape of ``x``
        The corrupted copy, of the dtype and on the device of ``x``.

    Raises
    ------
    TypeError, ValueError
        If ``x`` is no tensor of floats, ``level`` does not lie in [0, 1], or ``generator`` is no
        torch.Generator.
    """
    x = _check(x, generator)
    level = validate.probability("level", level)
    draw = _uniform(x, generator)
    return x.masked_fill(draw < level, 1.0).masked_fill(draw < 0.5 * level, 0.0)


def _uniform(x: Tensor, generator: torch.Generator) -> Tensor:
    # In float64, so that which entries are hit does not depend on the dtype of the data.
    draw = torch.rand(x.shape, generator=generator, device=generator.device, dtype=torch.float64)
    return draw.to(x.device)


def _check(x: Any, generator: Any) -> Tensor:
    if not isinstance(x, Tensor) or not x.is_floating_point():
        found = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(f"x must be a torch tensor of floats, got {found}")
    if not isinstance(generator, torch.Generator):
        raise TypeError(f"generator must be a torch.Generator, got {type(generator).__name__}")
    return x
