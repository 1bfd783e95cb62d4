"""The metrics of a dictionary, where the answer is known."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from aelib import dictionary

A = np.array([[1.0, 0.0, 0.0, 0.2], [2.0, 0.0, 0.0, 0.0], [0.5, 0.0, 3.0, 0.0], [1.0, 0.0, 0, 0]])
EYE = np.eye(3)


def test_l0_counts_active_units_a_sample():
    assert dictionary.l0(A) == 6 / 4
    assert dictionary.l0(np.zeros((3, 2))) == 0.0
    assert dictionary.l0(np.ones((3, 2), np.float32)) == 2.0


def test_variance_unexplained_is_0_for_a_copy_and_1_for_the_mean(x):
    assert dictionary.variance_unexplained(x, x) == 0.0
    mean = np.tile(x.mean(axis=0), (len(x), 1))
    assert dictionary.variance_unexplained(x, mean) == pytest.approx(1.0, rel=1e-12)
    # A constant error counts, and a sum over all columns is not a mean of theirs.
    assert dictionary.variance_unexplained(x, x + 1.0) == pytest.approx(x.size / _total(x))
    small = np.array([[0.0, 0.0], [2.0, 20.0]])
    assert dictionary.variance_unexplained(small, small + np.array([1.0, 0.0])) == pytest.approx(
        2 / 202
    )
    # The mean of equal numbers need not be that number; it is still refused.
    with pytest.raises(ValueError, match="x is the same in every row"):
        dictionary.variance_unexplained(np.full((7, 3), 0.1), np.zeros((7, 3)))


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_variance_unexplained_does_not_depend_on_scale(scale):
    x, x_hat = np.array([[1.0], [2.0]]), np.array([[1.0], [3.0]])
    assert dictionary.variance_unexplained(scale * x, scale * x_hat) == pytest.approx(2.0)


def _total(x):
    return ((x - x.mean(axis=0)) ** 2).sum()


def test_firing_rates_and_who_is_dead_or_dense():
    assert dictionary.firing_rate(A).tolist() == [1.0, 0.0, 0.25, 0.25]
    assert dictionary.dead_units(A).tolist() == [False, True, False, False]
    assert dictionary.dense_units(A, above=0.25).tolist() == [True, False, False, False]
    assert dictionary.dense_units(A).tolist() == [True, False, True, True]
    assert dictionary.dense_units(A, above=1).tolist() == [False] * 4


def test_cosines_see_directions_and_signs_and_no_norms():
    learned = np.array([[0.0, 2.0, 0.0], [-1e200, 0.0, 0.0], [1e-200, 1e-200, 0.0]])
    expected = [[0, 1, 0], [-1, 0, 0], [0.5**0.5, 0.5**0.5, 0]]
    np.testing.assert_allclose(dictionary.cosines(learned, EYE), expected, rtol=1e-15)


def test_mean_max_cosine_lets_one_direction_serve_twice_and_a_match_does_not():
    features = np.array([[1.0, 0.0], [1.0, 1.0]])
    learned = np.array([[1.0, 0.2], [-1.0, 0.0], [0.0, -1.0]])
    found = dictionary.cosines(learned, features)
    assert dictionary.mean_max_cosine(learned, features) == found[0].mean()
    matched = dictionary.match(learned, features)
    assert matched.feature.tolist() == [0, 1]
    assert sorted(matched.unit.tolist()) != [0, 0]
    assert matched.cosine.mean() < found[0].mean()


def test_a_permuted_and_scaled_dictionary_is_found_whole(rng):
    features = rng.standard_normal((6, 4))
    order = rng.permutation(6)
    learned = np.concatenate([features[order] * rng.uniform(0.1, 9, (6, 1)), -features[:2]])
    matched = dictionary.match(learned, features)
    assert matched.feature.tolist() == list(range(6))
    assert order[matched.unit].tolist() == list(range(6))
    np.testing.assert_allclose(matched.cosine, 1.0, rtol=1e-14)
    assert dictionary.mean_max_cosine(learned, features) == pytest.approx(1.0, rel=1e-14)


def test_with_fewer_directions_than_features_some_remain_alone(rng):
    features, learned = rng.standard_normal((6, 4)), rng.standard_normal((3, 4))
    matched = dictionary.match(learned, features)
    assert len(matched.unit) == 3
    assert sorted(matched.unit) == [0, 1, 2]
    rows, columns = linear_sum_assignment(-dictionary.cosines(learned, features))
    assert set(zip(matched.unit, matched.feature, strict=True)) == set(
        zip(rows, columns, strict=True)
    )


# --- absorption: feature 1 ("dog") only ever comes with feature 0 ("animal") ----------------------

STRENGTH = np.array([[1.0, 0, 0], [1, 0, 1], [1, 1, 0], [1, 1, 0], [0, 0, 1]])
ABSORBING = np.array([[1.0, 0, 0], [1, 1, 0], [0, 0, 1]])


def test_a_dictionary_of_the_features_themselves_absorbs_nothing():
    assert dictionary.absorption(STRENGTH, EYE, EYE, STRENGTH).tolist() == [0, 0, 0]


def test_a_child_that_carries_its_parent_is_counted():
    # Unit 1 is "dog and animal"; the parent's own unit is silent when there is a dog.
    activation = np.array([[1.0, 0, 0], [1, 0, 1], [0, 1, 0], [0, 1, 0], [0, 0, 1]])
    np.testing.assert_array_equal(activation @ ABSORBING, STRENGTH)  # reconstruction is perfect
    assert dictionary.l0(activation) < dictionary.l0(STRENGTH)  # and sparser: so it pays
    found = dictionary.absorption(activation, ABSORBING, EYE, STRENGTH)
    assert found.tolist() == [0.5, 0, 0]
    # The scale of features is of no matter, that of the decoder is.
    scaled = dictionary.absorption(activation, ABSORBING, 7 * EYE, STRENGTH)
    assert scaled.tolist() == [0.5, 0, 0]
    weak = dictionary.absorption(activation, 0.4 * ABSORBING, EYE, STRENGTH)
    assert weak.tolist() == [0, 0, 0]
    assert dictionary.absorption(
        activation, 0.4 * ABSORBING, EYE, STRENGTH, share=0.4
    ).tolist() == [0.5, 0, 0]


def test_a_unit_that_is_merely_silent_is_not_absorbed_even_at_share_0():
    activation = STRENGTH.copy()
    activation[2:4, 0] = 0.0
    for share in (0.0, 0.5):
        found = dictionary.absorption(activation, EYE, EYE, STRENGTH, share=share)
        assert found.tolist() == [0, 0, 0]


def test_an_own_unit_that_is_on_at_all_is_no_absorption():
    activation = np.array([[1.0, 0, 0], [1, 0, 1], [0.1, 0.9, 0], [0, 1, 0], [0, 0, 1]])
    assert dictionary.absorption(activation, ABSORBING, EYE, STRENGTH)[0] == 0.25


def test_a_feature_without_a_unit_of_its_own_is_spoken_for_by_others():
    activation = np.array([[1.0, 0], [1, 1], [1, 0], [1, 0], [0, 1]])
    learned = np.array([[1.0, 0.6, 0], [0, 0, 1]])
    found = dictionary.absorption(activation, learned, EYE, STRENGTH)
    assert found.tolist() == [0, 1, 0]


def test_absorption_names_a_feature_that_never_occurs():
    strength = STRENGTH * [1, 0, 1]
    with pytest.raises(ValueError, match=r"strength is 0 for every sample of feature\(s\) \[1\]"):
        dictionary.absorption(STRENGTH, EYE, EYE, strength)
