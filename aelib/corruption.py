r"""Corrupt the input of a denoising autoencoder: it sees the copy, and is to return the original.

Each function draws its noise anew from the generator that it is given and leaves ``x`` as it is.
"""

import numpy as np

from aelib import validate
from aelib.validate import Array


def gaussian(x: Array, level: float, rng: np.random.Generator) -> Array:
    r"""Add Gaussian noise, :math:`x + \sigma\varepsilon` with :math:`\varepsilon\sim N(0, 1)`.

    Parameters
    ----------
    x : ndarray, any shape
        Clean data.
    level : float
        The standard deviation :math:`\sigma` of the noise; not negative.
    rng : numpy.random.Generator
        Where the noise comes from.

    Returns
    -------
    ndarray, shape of ``x``
        The corrupted copy, in the dtype of ``x``. It is not clipped: for data in [0, 1] it may lie
        outside, and a clipped copy would no longer have the clean value as its mean.

    Raises
    ------
    TypeError, ValueError
        If ``x`` is not a finite, non-empty float array, ``level`` is negative or no number, or
        ``rng`` is no generator.

    Notes
    -----
    Vincent, Larochelle, Lajoie, Bengio and Manzagol (2010), section 3.3.
    """
    x, rng = validate.floats("x", x), validate.generator("rng", rng)
    level = validate.weight("level", level)
    noise = np.empty(x.shape, x.dtype)
    rng.standard_normal(dtype=x.dtype.type, out=noise)
    return x + level * noise


def masking(x: Array, level: float, rng: np.random.Generator) -> Array:
    """Set every entry to 0 with the same probability, independently of the others.

    Parameters
    ----------
    x : ndarray, any shape
        Clean data.
    level : float
        The probability, from 0 to 1: the fraction of entries that is lost on average.
    rng : numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    ndarray, shape of ``x``
        The corrupted copy, in the dtype of ``x``.

    Raises
    ------
    TypeError, ValueError
        If ``x`` is not a finite, non-empty float array, ``level`` does not lie in [0, 1], or
        ``rng`` is no generator.

    Notes
    -----
    Vincent, Larochelle, Bengio and Manzagol (2008), who draw a fixed number of entries; here the
    number varies a little from sample to sample.
    """
    x, rng = validate.floats("x", x), validate.generator("rng", rng)
    level = validate.probability("level", level)
    corrupted = x.copy()
    corrupted[rng.random(x.shape) < level] = 0.0
    return corrupted


def salt_and_pepper(x: Array, level: float, rng: np.random.Generator) -> Array:
    """Set every entry with the same probability to one of the extremes 0 and 1, by a fair coin.

    Parameters
    ----------
    x : ndarray, any shape
        Clean data, meant to lie in [0, 1].
    level : float
        The probability, from 0 to 1, that an entry is replaced; an entry turns to 0 with half of
        it and to 1 with the other half.
    rng : numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    ndarray, shape of ``x``
        The corrupted copy, in the dtype of ``x``.

    Raises
    ------
    TypeError, ValueError
        If ``x`` is not a finite, non-empty float array, ``level`` does not lie in [0, 1], or
        ``rng`` is no generator.

    Notes
    -----
    Vincent, Larochelle, Lajoie, Bengio and Manzagol (2010), section 3.3.
    """
    x, rng = validate.floats("x", x), validate.generator("rng", rng)
    level = validate.probability("level", level)
    corrupted = x.copy()
    # One draw decides both: the lower half of [0, level) is pepper, the upper half salt.
    draw = rng.random(x.shape)
    corrupted[draw < level] = 1.0
    corrupted[draw < 0.5 * level] = 0.0
    return corrupted
