r"""What a learned dictionary is worth: how sparse, how faithful, and how near to known features.

A dictionary holds one direction a row: the decoder's weight :math:`W^2`, shape (h, n). Known
features are rows too, shape (f, n). Directions are compared with their sign: an activation is not
negative, so that a direction and its opposite are different features.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from aelib import validate
from aelib.validate import Array


def l0(activation: Array) -> float:
    r"""Return the L0: how many units are active for a sample, on average.

    .. math::
        L_0 = \frac1m \sum_{i=1}^m \#\{ j : a_{ij} \neq 0 \}

    Parameters
    ----------
    activation : ndarray, shape (m, h)
        Activations, one sample a row.

    Returns
    -------
    float
        From 0 to h.

    Raises
    ------
    TypeError, ValueError
        If ``activation`` is not a finite, non-empty float matrix.
    """
    a = validate.samples("activation", activation)
    return float(np.count_nonzero(a)) / len(a)


def variance_unexplained(x: Array, x_hat: Array) -> float:
    r"""Return the fraction of variance unexplained, FVU.

    .. math::
        \mathrm{FVU} = \frac{\sum_i \lVert x_i - \hat x_i \rVert^2}
                            {\sum_i \lVert x_i - \bar x \rVert^2}, \qquad
        \bar x = \frac1m \sum_i x_i

    0 is a perfect reconstruction, 1 is as good as the mean of the data for every sample, and more
    than 1 is worse than that.

    Parameters
    ----------
    x, x_hat : ndarray, shape (m, n)
        Data and their reconstruction, one sample a row.

    Returns
    -------
    float
        At least 0.

    Raises
    ------
    TypeError, ValueError
        If an array is not a finite, non-empty float matrix, the shapes differ, or all samples are
        the same.

    Notes
    -----
    Other definitions are in use, and give other numbers: dictionary_learning takes the variance of
    :math:`x - \hat x` in the numerator, which forgives a constant error, and some take the mean
    over samples of :math:`\lVert x_i - \hat x_i \rVert^2 / \lVert x_i - \bar x \rVert^2`.
    """
    x = validate.samples("x", x)
    x_hat = validate.samples("x_hat", x_hat, n_columns=x.shape[1])
    if len(x_hat) != len(x):
        raise ValueError(f"x_hat must have {len(x)} rows, as x has, got shape {x_hat.shape}")
    # Not by a total of 0: the mean of equal numbers may be off by a rounding.
    if np.all(x == x[0]):
        raise ValueError("x is the same in every row: there is no variance to explain")
    centred = x - x.mean(axis=0, dtype=np.float64)
    scale = np.abs(centred).max()  # first, so that no square overflows or vanishes
    return _squares((x_hat.astype(np.float64) - x) / scale) / _squares(centred / scale)


def firing_rate(activation: Array) -> Array:
    r"""Return for what share of the samples each unit is active; also called its density.

    Parameters
    ----------
    activation : ndarray, shape (m, h)
        Activations, one sample a row.

    Returns
    -------
    ndarray, shape (h,)
        From 0 to 1, float64.

    Raises
    ------
    TypeError, ValueError
        If ``activation`` is not a finite, non-empty float matrix.
    """
    a = validate.samples("activation", activation)
    return np.count_nonzero(a, axis=0) / len(a)


def dead_units(activation: Array) -> Array:
    """Say which units are active for no sample at all.

    Parameters
    ----------
    activation : ndarray, shape (m, h)
        Activations, one sample a row. Take many samples: a feature that is rare is not dead.

    Returns
    -------
    ndarray of bool, shape (h,)
        True for a dead unit.

    Raises
    ------
    TypeError, ValueError
        If ``activation`` is not a finite, non-empty float matrix.
    """
    dead: Array = firing_rate(activation) == 0.0
    return dead


def dense_units(activation: Array, *, above: float = 0.1) -> Array:
    """Say which units are active so often that they can hardly stand for one sparse feature.

    Parameters
    ----------
    activation : ndarray, shape (m, h)
        Activations, one sample a row.
    above : float, default 0.1
        A unit is dense if its `firing_rate` is above this; in [0, 1].

    Returns
    -------
    ndarray of bool, shape (h,)
        True for a dense unit.

    Raises
    ------
    TypeError, ValueError
        If ``activation`` is not a finite, non-empty float matrix, or ``above`` is not in [0, 1].

    Notes
    -----
    A tenth of the samples is where Rajamanoharan et al. (2024) draw the line.
    """
    above = validate.probability("above", above)
    dense: Array = firing_rate(activation) > above
    return dense


def cosines(dictionary: Array, features: Array) -> Array:
    """Return the cosine between every learned direction and every known feature.

    Parameters
    ----------
    dictionary : ndarray, shape (h, n)
        Learned directions, one a row, of any norm but 0.
    features : ndarray, shape (f, n)
        Known features, one a row, of any norm but 0.

    Returns
    -------
    ndarray, shape (h, f)
        From -1 to 1, float64.

    Raises
    ------
    TypeError, ValueError
        If an array is not a finite, non-empty float matrix, the widths differ, or a row is 0.
    """
    d = _unit_rows("dictionary", dictionary)
    f = _unit_rows("features", features, n_columns=d.shape[1])
    return np.clip(d @ f.T, -1.0, 1.0)


def mean_max_cosine(dictionary: Array, features: Array) -> float:
    r"""Return the mean over the known features of the largest cosine with a learned direction.

    .. math::
        \mathrm{MMCS} = \frac1f \sum_{l=1}^f \max_j \cos(d_j, f_l)

    Parameters
    ----------
    dictionary : ndarray, shape (h, n)
        Learned directions, one a row.
    features : ndarray, shape (f, n)
        Known features, one a row.

    Returns
    -------
    float
        1 if every known feature was found. One direction may serve for several features, and what
        else was learned does not count; `match` allows each direction once.

    Raises
    ------
    TypeError, ValueError
        If an array is not a finite, non-empty float matrix, the widths differ, or a row is 0.

    Notes
    -----
    The mean max cosine similarity of Sharkey, Braun and Millidge (2022).
    """
    return float(cosines(dictionary, features).max(axis=0).mean())


class Match(NamedTuple):
    """A one-to-one matching of learned directions and known features.

    Attributes
    ----------
    unit : ndarray of int, shape (min(h, f),)
        The learned directions.
    feature : ndarray of int, shape (min(h, f),)
        The known feature that each is matched to, in ascending order.
    cosine : ndarray, shape (min(h, f),)
        The cosine of each pair. Its mean is one number for the recovery, 1 if all were found.
    """

    unit: Array
    feature: Array
    cosine: Array


def match(dictionary: Array, features: Array) -> Match:
    """Match learned directions and known features one to one, with the largest sum of cosines.

    Parameters
    ----------
    dictionary : ndarray, shape (h, n)
        Learned directions, one a row.
    features : ndarray, shape (f, n)
        Known features, one a row.

    Returns
    -------
    Match
        The pairs; with h < f some features remain without a partner, with h > f some directions.

    Raises
    ------
    TypeError, ValueError
        If an array is not a finite, non-empty float matrix, the widths differ, or a row is 0.

    Notes
    -----
    The Hungarian method, by `scipy.optimize.linear_sum_assignment`. SAELens takes the mean of the
    cosines' absolute values and calls it the mean correlation coefficient; here the sign counts.
    """
    found = cosines(dictionary, features)
    feature, unit = linear_sum_assignment(found.T, maximize=True)
    return Match(unit, feature, found[unit, feature])


def absorption(
    activation: Array,
    dictionary: Array,
    features: Array,
    strength: Array,
    *,
    share: float = 0.5,
) -> Array:
    r"""Return for each known feature how often another unit speaks for it while its own is silent.

    If one feature occurs only together with another (every "dog" is an "animal"), sparsity pays
    for a unit of the child that has the parent's direction mixed in: with it, one unit is active
    instead of two. The parent's own unit then means "animal, but no dog": a hole that nobody
    expects who looks at what makes it active. The child has absorbed the parent.

    Here the features are known, so this can be counted. The own unit of feature l is the one that
    `match` gives it. A sample with the feature, :math:`s_{il} > 0`, counts as absorbed if the own
    unit is off and some other unit j brings in by itself at least a given share of the feature:

    .. math::
        a_{ij}\, \langle d_j, f_l \rangle \ge \mathrm{share} \cdot s_{il},
        \qquad \lVert f_l \rVert = 1

    Parameters
    ----------
    activation : ndarray, shape (m, h)
        Activations, one sample a row.
    dictionary : ndarray, shape (h, n)
        Learned directions, one a row, with the norms they have in the decoder.
    features : ndarray, shape (f, n)
        Known features, one a row; only their directions count.
    strength : ndarray, shape (m, f)
        How much of each feature is in each sample: x is (about) ``strength`` times the unit
        vectors of ``features``. Not negative; 0 where a feature is absent.
    share : float, default 0.5
        In [0, 1]. Features that overlap bring in a little of each other without any absorption;
        the share has to be larger than their cosines.

    Returns
    -------
    ndarray, shape (f,)
        The number of absorbed samples divided by that of samples with the feature, in [0, 1]. A
        sample that nobody speaks for is missed, not absorbed. Of a feature without a matched unit
        (h < f), every sample that another unit speaks for counts.

    Raises
    ------
    TypeError, ValueError
        If an array is not a finite, non-empty float matrix, the shapes do not fit together, a row
        of directions is 0, ``strength`` is negative or a feature is in no sample, or ``share`` is
        not in [0, 1].

    Notes
    -----
    The phenomenon and its name are from Chanin et al. (2024). They work without known strengths:
    the own units come from a probe, and the absorbing one has to have a cosine above 0.025 with
    the probe, and when it is ablated the largest effect, by at least 1.0 more than the next. The
    definition by shares is for designed data, where the strengths are known.
    """
    a = validate.samples("activation", activation)
    d = validate.samples("dictionary", dictionary)
    unit_features = _unit_rows("features", features, n_columns=d.shape[1])
    if a.shape[1] != len(d):
        raise ValueError(
            f"activation must have {len(d)} columns, one for each row of dictionary, "
            f"got shape {a.shape}"
        )
    s = validate.samples("strength", strength, n_columns=len(unit_features))
    if len(s) != len(a):
        raise ValueError(f"strength must have {len(a)} rows, as activation has, got {s.shape}")
    if s.min() < 0.0:
        raise ValueError(f"strength must not be negative, got {s.min():.4g}")
    present = s > 0.0
    if not np.all(present.any(axis=0)):
        absent = np.flatnonzero(~present.any(axis=0)).tolist()
        raise ValueError(f"strength is 0 for every sample of feature(s) {absent}")
    share = validate.probability("share", share)
    own = dict(zip(*reversed(match(d, unit_features)[:2]), strict=True))

    rates = np.empty(len(unit_features))
    for feature in range(len(unit_features)):
        brought = a * (d @ unit_features[feature])
        silent = present[:, feature]
        if feature in own:
            silent = silent & (a[:, own[feature]] == 0.0)
        # A unit that brings in nothing speaks for nobody, whatever the share.
        most = brought.max(axis=1)
        absorbed = silent & (most > 0.0) & (most >= share * s[:, feature])
        rates[feature] = absorbed.sum() / present[:, feature].sum()
    return rates


def _squares(values: Array) -> float:
    return float(np.sum(np.square(values), dtype=np.float64))


def _unit_rows(name: str, rows: Array, *, n_columns: int | None = None) -> Array:
    checked = validate.samples(name, rows, n_columns=n_columns).astype(np.float64)
    # Scaled first, so that no square overflows or vanishes.
    largest = np.abs(checked).max(axis=1, keepdims=True)
    if np.any(largest == 0.0):
        zero = np.flatnonzero(largest == 0.0).tolist()
        raise ValueError(f"{name} has row(s) {zero} of zeros, which have no direction")
    checked /= largest
    unit: Array = checked / np.linalg.norm(checked, axis=1, keepdims=True)
    return unit
