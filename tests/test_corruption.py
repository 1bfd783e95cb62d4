"""The corruptions, in numpy and in torch: what they leave alone, and the statistics of the rest.

Every statistic has a standard error that is known; it may be off by five of these, and a level that
is off by a few per cent is off by more.
"""

import numpy as np
import pytest
import torch

from aelib import corruption, nn

KINDS = ("gaussian", "masking", "salt_and_pepper")
M, N = 2000, 100


def by_numpy(kind, x, level, seed=0):
    return getattr(corruption, kind)(x, level, np.random.default_rng(seed))


def by_torch(kind, x, level, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return getattr(nn.corruption, kind)(torch.from_numpy(x), level, generator).numpy()


halves = pytest.mark.parametrize("corrupt", [by_numpy, by_torch], ids=["numpy", "torch"])
kinds = pytest.mark.parametrize("kind", KINDS)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@pytest.fixture
def x(rng):
    # Strictly between 0 and 1, so that an entry set to an extreme is one that was hit.
    return 0.25 + 0.5 * rng.random((M, N))


@halves
@kinds
@dtypes
def test_shape_and_dtype_are_kept_and_the_original_is_left_alone(corrupt, kind, dtype, x):
    x = x.astype(dtype)
    before = x.copy()
    corrupted = corrupt(kind, x, 0.3)
    assert corrupted.dtype == dtype
    assert corrupted.shape == x.shape
    assert not np.shares_memory(corrupted, x)
    np.testing.assert_array_equal(x, before)
    assert (corrupted != x).any()


@halves
@kinds
def test_any_shape_will_do(corrupt, kind):
    for shape in ((5,), (5, 1, 4, 4)):
        assert corrupt(kind, np.full(shape, 0.5), 0.3).shape == shape
    # Not laid out row by row.
    x = np.random.default_rng(0).random((4, 6)).T
    assert corrupt(kind, x, 0.3).shape == (6, 4)


@halves
@kinds
def test_level_zero_gives_an_equal_copy(corrupt, kind, x):
    corrupted = corrupt(kind, x, 0.0)
    np.testing.assert_array_equal(corrupted, x)
    assert not np.shares_memory(corrupted, x)


@halves
@kinds
def test_the_generator_decides_and_nothing_else(corrupt, kind, x):
    first, again, other = (corrupt(kind, x, 0.3, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@kinds
def test_a_generator_moves_on_between_draws(kind, x):
    rng, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    corrupt, tensor = getattr(corruption, kind), torch.from_numpy(x)
    assert (corrupt(x, 0.3, rng) != corrupt(x, 0.3, rng)).any()
    corrupt = getattr(nn.corruption, kind)
    assert (corrupt(tensor, 0.3, generator) != corrupt(tensor, 0.3, generator)).any()


@halves
@dtypes
@pytest.mark.parametrize("level", [0.1, 0.3, 2.0])
def test_gaussian_noise_has_the_mean_and_the_deviation_asked_for(corrupt, dtype, level, x):
    x = x.astype(dtype)
    noise = corrupt("gaussian", x, level).astype(np.float64) - x
    n = noise.size
    assert abs(noise.mean()) < 5 * level / n**0.5
    assert abs(noise.std() - level) < 5 * level / (2 * n) ** 0.5  # 0.8 per cent
    # Normal: the kurtosis is 3; of uniform noise 1.8, of Laplace 6.
    assert abs((noise**4).mean() / level**4 - 3) < 5 * (96 / n) ** 0.5
    # Independent from entry to entry: a draw shared by a row or a column would show here.
    for axis, length in ((0, M), (1, N)):
        spread = noise.mean(axis=axis).std()
        others = n // length
        assert abs(spread * length**0.5 / level - 1) < 5 / (2 * others) ** 0.5


@halves
def test_gaussian_noise_is_not_clipped(corrupt, x):
    corrupted = corrupt("gaussian", x, 0.5)
    assert corrupted.min() < 0
    assert corrupted.max() > 1


def assert_fraction(hit, level):
    """Check that entries are hit with a probability, each by itself."""
    error = (level * (1 - level) / hit.size) ** 0.5
    assert abs(hit.mean() - level) < 5 * error  # at most 0.6 per cent
    # Counts in rows and columns vary as those of independent entries do.
    for axis in (0, 1):
        counts = hit.sum(axis=axis)
        expected = hit.shape[axis] * level * (1 - level)
        assert abs(counts.var() / expected - 1) < 6 * (2 / len(counts)) ** 0.5


@halves
@pytest.mark.parametrize("level", [0.1, 0.3, 0.75])
def test_masking_loses_the_fraction_asked_for_and_keeps_the_rest(corrupt, level, x):
    corrupted = corrupt("masking", x, level)
    hit = corrupted == 0
    assert_fraction(hit, level)
    np.testing.assert_array_equal(corrupted[~hit], x[~hit])


@halves
@pytest.mark.parametrize("level", [0.1, 0.3, 0.75])
def test_salt_and_pepper_are_equally_many_and_the_rest_is_kept(corrupt, level, x):
    corrupted = corrupt("salt_and_pepper", x, level)
    pepper, salt = corrupted == 0, corrupted == 1
    assert_fraction(pepper | salt, level)
    assert_fraction(pepper, level / 2)
    assert_fraction(salt, level / 2)
    rest = ~(pepper | salt)
    np.testing.assert_array_equal(corrupted[rest], x[rest])


@halves
def test_level_one_leaves_nothing(corrupt, x):
    assert not corrupt("masking", x, 1.0).any()
    assert np.isin(corrupt("salt_and_pepper", x, 1.0), [0.0, 1.0]).all()


@pytest.mark.parametrize("level", [-0.01, 1.01, float("nan")])
@pytest.mark.parametrize("kind", ["masking", "salt_and_pepper"])
@halves
def test_a_fraction_outside_0_and_1_is_refused(corrupt, kind, level, x):
    with pytest.raises(ValueError, match="level must"):
        corrupt(kind, x, level)


@kinds
def test_torch_half_refuses_what_is_no_tensor_of_floats_or_no_generator(kind):
    corrupt, generator = getattr(nn.corruption, kind), torch.Generator()
    with pytest.raises(TypeError, match="x must be a torch tensor of floats, got ndarray"):
        corrupt(np.ones(3), 0.3, generator)
    with pytest.raises(TypeError, match=r"x must be a torch tensor of floats, got torch.int64"):
        corrupt(torch.ones(3, dtype=torch.int64), 0.3, generator)
    with pytest.raises(TypeError, match=r"generator must be a torch.Generator, got Generator"):
        corrupt(torch.ones(3), 0.3, np.random.default_rng(0))
