r"""Data with known features: each sample is a sum of few of many directions.

.. math::
    x_i = \sum_{l=1}^f s_{il}\, v_l, \qquad X = S V,

where row l of V is the unit vector of feature l and :math:`s_{il} \ge 0` its strength in sample i,
mostly 0. With more features than dimensions, f > n, no linear map gives the strengths back.
"""

import numpy as np
from scipy.special import ndtr

from aelib import validate
from aelib.validate import Array


def directions(n_features: int, n_visible: int, rng: np.random.Generator) -> Array:
    r"""Draw unit vectors, uniform on the sphere.

    Parameters
    ----------
    n_features : int
        The number f of vectors.
    n_visible : int
        The number n of dimensions.
    rng : numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    ndarray, shape (n_features, n_visible)
        The matrix V, one unit vector a row, float64. The cosine of two rows has mean 0 and standard
        deviation :math:`1/\sqrt n`.

    Raises
    ------
    TypeError, ValueError
        If a size is no whole number of at least 1, or ``rng`` is no generator.
    """
    shape = validate.count("n_features", n_features), validate.count("n_visible", n_visible)
    v = validate.generator("rng", rng).standard_normal(shape)
    unit: Array = v / np.linalg.norm(v, axis=1, keepdims=True)
    return unit


def strengths(
    n_samples: int,
    frequency: Array,
    rng: np.random.Generator,
    *,
    correlation: Array | None = None,
    weakest: float = 0.0,
) -> Array:
    r"""Draw which features each sample has, and how strong they are.

    A hidden normal variable :math:`g_{il}` of mean 0 and variance 1 decides for each sample and
    feature: with the frequency :math:`p_l` and the normal distribution function :math:`\Phi`,

    .. math::
        s_{il} = \begin{cases} u_{il} & \text{if } \Phi(g_{il}) > 1 - p_l \\ 0 & \text{else}
        \end{cases},
        \qquad u_{il} \text{ uniform in } (\mathrm{weakest}, 1] .

    So feature l is in a share :math:`p_l` of the samples, whatever the correlations, and features
    whose g are positively correlated come together more often than by chance.

    Parameters
    ----------
    n_samples : int
        The number m of samples.
    frequency : ndarray, shape (f,)
        In what share of the samples each feature is; in [0, 1].
    rng : numpy.random.Generator
        Where the randomness comes from.
    correlation : ndarray, shape (f, f), optional
        The correlations of the hidden variables: symmetric, positive semi-definite, with ones on
        the diagonal. If None, the features are independent.
    weakest : float, default 0.0
        The lower end of the strengths, in [0, 1].

    Returns
    -------
    ndarray, shape (n_samples, f)
        The matrix S, in [0, 1], float64; mostly zeros if the frequencies are small.

    Raises
    ------
    TypeError, ValueError
        If ``n_samples`` is no whole number of at least 1, ``frequency`` is no vector of numbers in
        [0, 1], ``correlation`` is no correlation matrix of its size, ``weakest`` is not in [0, 1],
        or ``rng`` is no generator.

    Notes
    -----
    Strengths uniform in [0, 1] are those of Elhage et al. (2022). Correlating through hidden normal
    variables is called a Gaussian copula.
    """
    m = validate.count("n_samples", n_samples)
    p = validate.floats("frequency", frequency, ndim=1).astype(np.float64)
    if p.size == 0 or p.min() < 0.0 or p.max() > 1.0:
        raise ValueError(f"frequency must hold numbers from 0 to 1, got {frequency}")
    weakest = validate.probability("weakest", weakest)
    rng = validate.generator("rng", rng)
    hidden = rng.standard_normal((m, len(p)))
    if correlation is not None:
        hidden = hidden @ _root(correlation, len(p)).T
    present = ndtr(hidden) > 1.0 - p
    # 1 minus a number in [0, 1): never exactly the weakest, so that what is present is above 0.
    u = 1.0 - (1.0 - weakest) * rng.random((m, len(p)))
    return np.where(present, u, 0.0)


def _root(correlation: Array, f: int) -> Array:
    """Return a matrix R with R Rᵀ = C; unlike Cholesky's, also where C is only semi-definite."""
    c = validate.floats("correlation", correlation, ndim=2).astype(np.float64)
    if c.shape != (f, f):
        raise ValueError(f"correlation must have shape {(f, f)}, got {c.shape}")
    if not np.allclose(c, c.T, atol=1e-12) or not np.allclose(np.diag(c), 1.0, atol=1e-12):
        raise ValueError("correlation must be symmetric with ones on its diagonal")
    values, vectors = np.linalg.eigh(c)
    if values.min() < -1e-10 * f:
        raise ValueError(
            f"correlation must be positive semi-definite, got an eigenvalue of {values.min():.3g}"
        )
    root: Array = vectors * np.sqrt(np.maximum(values, 0.0))
    return root
