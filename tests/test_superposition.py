"""Data with known features: their directions, frequencies and correlations are those asked for."""

import numpy as np
import pytest

from aelib import superposition


def test_directions_are_unit_vectors_spread_over_the_whole_sphere(rng):
    v = superposition.directions(2000, 16, rng)
    assert v.shape == (2000, 16)
    np.testing.assert_allclose(np.linalg.norm(v, axis=1), 1.0, rtol=1e-12)
    cosines = (v @ v.T)[np.triu_indices(2000, 1)]
    assert abs(cosines.mean()) < 2e-3
    np.testing.assert_allclose(cosines.std(), 1.0 / 4.0, rtol=0.01)


def test_each_feature_is_as_frequent_as_asked_and_uniform_where_it_is_present(rng):
    p = np.array([0.0, 0.02, 0.3, 1.0])
    s = superposition.strengths(40_000, p, rng)
    np.testing.assert_allclose((s > 0).mean(axis=0), p, atol=0.01)
    assert np.all(s[:, 3] > 0.0), "a feature of frequency 1 is in every sample"
    for feature in (2, 3):
        present = s[s[:, feature] > 0, feature]
        np.testing.assert_allclose(
            np.quantile(present, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.02
        )


def test_the_weakest_bounds_the_strengths_from_below(rng):
    s = superposition.strengths(5000, np.full(3, 0.5), rng, weakest=0.4)
    present = s[s > 0]
    assert present.min() > 0.4
    assert present.max() <= 1.0
    np.testing.assert_allclose(present.mean(), 0.7, atol=0.01)
    ones = superposition.strengths(50, np.full(3, 0.5), rng, weakest=1.0)
    assert set(np.unique(ones)) == {0.0, 1.0}


def test_independent_features_meet_by_chance_only(rng):
    s = superposition.strengths(60_000, np.array([0.2, 0.3]), rng) > 0
    np.testing.assert_allclose((s[:, 0] & s[:, 1]).mean(), 0.06, atol=0.005)


def test_correlation_brings_features_together_and_leaves_their_frequencies(rng):
    c = np.array([[1.0, 0.8, 0.0], [0.8, 1.0, 0.0], [0.0, 0.0, 1.0]])
    p = np.array([0.1, 0.1, 0.1])
    s = superposition.strengths(60_000, p, rng, correlation=c) > 0
    np.testing.assert_allclose(s.mean(axis=0), p, atol=0.006)
    # P(g1 > q, g2 > q) at a correlation of 0.8 and q = 1.2816, by quadrature: 0.0531.
    np.testing.assert_allclose((s[:, 0] & s[:, 1]).mean(), 0.0531, atol=0.004)
    np.testing.assert_allclose((s[:, 0] & s[:, 2]).mean(), 0.01, atol=0.003)


def test_the_limits_of_correlation_are_always_and_never_together(rng):
    together = np.ones((2, 2))
    s = superposition.strengths(5000, np.array([0.3, 0.3]), rng, correlation=together) > 0
    assert np.array_equal(s[:, 0], s[:, 1])
    apart = np.array([[1.0, -1.0], [-1.0, 1.0]])
    s = superposition.strengths(5000, np.array([0.3, 0.3]), rng, correlation=apart) > 0
    assert not np.any(s[:, 0] & s[:, 1])
    assert s.any(axis=0).all()


@pytest.mark.parametrize(
    ("correlation", "says"),
    [
        (np.eye(3), r"shape \(2, 2\)"),
        (np.array([[1.0, 0.5], [0.4, 1.0]]), "symmetric"),
        (np.array([[2.0, 0.5], [0.5, 2.0]]), "ones on its diagonal"),
        (np.array([[1.0, 1.5], [1.5, 1.0]]), "positive semi-definite"),
    ],
)
def test_what_is_no_correlation_matrix_is_refused(rng, correlation, says):
    with pytest.raises(ValueError, match=says):
        superposition.strengths(5, np.array([0.1, 0.2]), rng, correlation=correlation)


def test_the_same_seed_gives_the_same_data():
    first, second = (
        superposition.strengths(50, np.full(4, 0.3), np.random.default_rng(5)) for _ in range(2)
    )
    assert np.array_equal(first, second)
