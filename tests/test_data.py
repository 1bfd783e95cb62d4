"""The data that ships with the packages, and the reading of idx files, whole and damaged."""

import gzip
import itertools
import os
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from aelib import data

# --- digits and photographs ----------------------------------------------------------------------


def test_digits_are_images_in_0_to_1_with_their_labels():
    x, labels = data.digits()
    assert x.shape == (1797, 64)
    assert x.dtype == np.float64
    assert (x.min(), x.max()) == (0.0, 1.0)
    assert np.issubdtype(labels.dtype, np.integer)
    assert sorted(set(labels.tolist())) == list(range(10))
    # 0 is the paper: the corners are empty, the middle is not.
    assert x[:, [0, 7, 56, 63]].mean() < 0.15 < x[:, [27, 28, 35, 36]].mean()
    # The first image is a nought: a ring around an empty middle, which its label says too.
    assert labels[0] == 0
    assert x[0].reshape(8, 8)[3:5, 3:5].max() < 0.1


def test_photographs_are_two_grey_images():
    images = data.photographs()
    assert [image.shape for image in images] == [(427, 640), (427, 640)]
    for image in images:
        assert image.dtype == np.float64
        assert 0.0 <= image.min() < 0.1
        assert 0.8 < image.max() <= 1.0
    # One and the same picture twice would pass all of the above.
    assert np.abs(images[0] - images[1]).mean() > 0.1


# --- whitening -----------------------------------------------------------------------------------


def spectral_slope(image, low=0.02, high=0.10):
    """Return the exponent of the amplitude spectrum between two frequencies, in cycles a pixel.

    The amplitude is averaged over rings; 0 is white, a photograph falls about as 1/f.
    """
    amplitude = np.abs(np.fft.fft2(image - image.mean()))
    height, width = image.shape
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])
    edges = np.geomspace(low, high, 9)
    middles, means = np.sqrt(edges[:-1] * edges[1:]), []
    for below, above in itertools.pairwise(edges):
        means.append(amplitude[(frequency >= below) & (frequency < above)].mean())
    return np.polyfit(np.log(middles), np.log(means), 1)[0]


@pytest.mark.parametrize("which", [0, 1])
def test_whitening_flattens_the_spectrum_of_a_photograph(which):
    image = data.photographs()[which]
    before = spectral_slope(image)
    # The default cut-off is 0.4 of Nyquist, 0.2 cycles a pixel; half of it is well inside.
    after = spectral_slope(data.whiten_image(image))
    assert before < -0.9
    assert abs(after) < abs(before) - 0.8
    # The filter multiplies by f: it takes 1 off the fall, less a little near the cut-off.
    assert after - before == pytest.approx(1.0, abs=0.1)


def test_whitening_leaves_nothing_beyond_the_cutoff_and_has_unit_variance(rng):
    white = data.whiten_image(rng.random((64, 96)), cutoff=0.4)
    assert white.mean() == pytest.approx(0.0, abs=1e-12)
    assert white.std() == pytest.approx(1.0, rel=1e-12)
    spectrum = np.abs(np.fft.fft2(white))
    frequency = np.hypot(np.fft.fftfreq(64)[:, None], np.fft.fftfreq(96)[None, :])
    # At twice the cut-off the filter is exp(-16).
    assert spectrum[frequency > 0.4].max() < 1e-5 * spectrum.max()


def test_a_lower_cutoff_makes_a_smoother_image(rng):
    image = rng.random((64, 64))
    rough = [np.abs(np.diff(data.whiten_image(image, cutoff=c))).mean() for c in (0.1, 0.4, 0.8)]
    assert rough == sorted(rough)


def test_whitening_does_not_depend_on_the_scale_or_the_offset(rng):
    image = rng.random((32, 32))
    white = data.whiten_image(image)
    for changed in (1e-15 * image, 1e6 * image, image + 7.0):
        np.testing.assert_allclose(data.whiten_image(changed), white, atol=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.3, 1e6])
def test_a_constant_image_cannot_be_whitened(value):
    with pytest.raises(ValueError, match="nothing of image is left"):
        data.whiten_image(np.full((9, 7), value))


def test_a_cutoff_below_every_frequency_is_refused(rng):
    for cutoff in (1e-3, 1e-200):
        with pytest.raises(ValueError, match="cutoff lies below its lowest frequency"):
            data.whiten_image(rng.random((8, 8)), cutoff=cutoff)


# --- patches -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normalised_patches_are_centred_and_end_at_three_standard_deviations(rng, dtype):
    patches = (5.0 + rng.standard_normal((400, 9))).astype(dtype)
    patches[7, 0] = 1000.0
    normalised = data.normalise_patches(patches)
    assert normalised.dtype == dtype
    assert normalised.min() >= dtype(0.1)
    assert normalised.max() == pytest.approx(0.9, rel=1e-6)
    centred = patches - patches.mean(axis=1, keepdims=True)
    limit = 3 * centred.std()
    inside = np.abs(centred) < limit
    assert 0 < (~inside).sum() < 30
    np.testing.assert_allclose(normalised[inside], (0.5 + 0.4 * centred / limit)[inside], atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constant_patches_are_refused_also_where_rounding_leaves_a_trace(rng, dtype):
    # The mean of 49 equal numbers is not always that number.
    patches = rng.random((50, 1)).repeat(49, axis=1).astype(dtype)
    with pytest.raises(ValueError, match="patches are all constant"):
        data.normalise_patches(patches)


@pytest.mark.parametrize("whiten", [True, False])
def test_natural_patches_have_the_shape_and_range_asked_for(rng, whiten):
    patches = data.natural_patches(300, size=6, rng=rng, whiten=whiten)
    assert patches.shape == (300, 36)
    assert patches.dtype == np.float64
    assert patches.min() >= 0.1
    assert patches.max() <= 0.9
    assert patches.std() > 0.05
    # Each is centred, up to the few extremes that were cut off.
    assert np.median(np.abs(patches.mean(axis=1) - 0.5)) < 1e-3


def test_natural_patches_are_determined_by_the_generator():
    first, again, other = (
        data.natural_patches(20, rng=np.random.default_rng(seed)) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.shape == (20, 64)


def test_natural_patches_are_cut_from_the_photographs(monkeypatch):
    # Every pixel of the stand-ins is different, so a patch tells where it was cut.
    images = [
        np.arange(427.0 * 640).reshape(427, 640),
        1e6 + np.arange(427.0 * 640).reshape(427, 640),
    ]
    monkeypatch.setattr(data, "photographs", lambda: images)
    monkeypatch.setattr(data, "normalise_patches", lambda patches: patches)
    rng = np.random.default_rng(0)
    patches = data.natural_patches(2000, size=4, rng=rng, whiten=False).reshape(-1, 4, 4)
    assert (np.diff(patches, axis=2) == 1).all(), "a row of a patch is a row of the picture"
    assert (np.diff(patches, axis=1) == 640).all()
    which, where = patches[:, 0, 0] >= 1e6, patches[:, 0, 0] % 1e6
    assert 0.4 < which.mean() < 0.6
    top, left = where // 640, where % 640
    # Up to the last place where a patch fits, in both directions.
    assert (top.min(), top.max()) == pytest.approx((0, 423), abs=3)
    assert (left.min(), left.max()) == pytest.approx((0, 636), abs=3)


@pytest.mark.parametrize("size", [1, 428])
def test_a_patch_that_does_not_fit_is_refused(rng, size):
    with pytest.raises(ValueError, match=f"size must be from 2 to 427 pixels, got {size}"):
        data.natural_patches(3, size=size, rng=rng)


def test_a_patch_as_high_as_the_photographs_still_fits(rng):
    assert data.natural_patches(2, size=427, rng=rng).shape == (2, 427 * 427)


# --- idx files -----------------------------------------------------------------------------------


def idx(array, *, shape=None, magic=None):
    """Return the bytes of an idx file; another shape or magic number than the array's, if given."""
    shape = array.shape if shape is None else shape
    magic = bytes([0, 0, 8, len(shape)]) if magic is None else magic
    return magic + struct.pack(f">{len(shape)}I", *shape) + array.astype(np.uint8).tobytes()


def pictures(m=3):
    return np.random.default_rng(0).integers(0, 256, (m, 28, 28)).astype(np.uint8)


def write_mnist(folder, *, images=None, labels=None, prefix="t10k", compress=False):
    images = pictures() if images is None else images
    labels = np.array([7, 0, 9]) if labels is None else labels
    for name, array in (("images-idx3", images), ("labels-idx1", labels)):
        content = idx(array)
        path = folder / f"{prefix}-{name}-ubyte"
        if compress:
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(content))
        else:
            path.write_bytes(content)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("shape", [(5,), (2, 3), (4, 2, 3)])
def test_read_idx_gives_back_what_was_written(tmp_path, shape, compress):
    array = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    content = idx(array)
    # What counts is the content: the name says nothing about compression here.
    path = tmp_path / "some-file"
    path.write_bytes(gzip.compress(content) if compress else content)
    found = data.read_idx(path, n_axes=len(shape))
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, array)
    np.testing.assert_array_equal(data.read_idx(str(path), n_axes=len(shape)), array)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize(("split", "prefix"), [("train", "train"), ("test", "t10k")])
def test_mnist_reads_images_and_labels(tmp_path, split, prefix, compress):
    write_mnist(tmp_path, prefix=prefix, compress=compress)
    x, labels = data.mnist(tmp_path, split=split)
    assert x.dtype == np.float64
    np.testing.assert_array_equal(x, pictures().reshape(3, 784) / 255)
    np.testing.assert_array_equal(labels, [7, 0, 9])
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(data.mnist(str(tmp_path), split=split)[0], x)


GOOD = idx(pictures())
PACKED = gzip.compress(GOOD)
FLIPPED = bytearray(PACKED)
FLIPPED[len(FLIPPED) // 2] ^= 0xFF
DAMAGED = {
    "an empty file": (b"", "it begins with nothing"),
    "a text": (b"<!DOCTYPE html>", "is not an idx file of bytes with 3 axes"),
    "a magic number cut off": (GOOD[:3], "is not an idx file"),
    "another type of entry": (idx(pictures(), magic=b"\0\0\x0d\3"), "begins with 00000d03"),
    "another number of axes": (idx(np.ones(5)), "begins with 00000801, not with 00000803"),
    "a header cut off": (GOOD[:9], "is truncated: it ends within its header"),
    "data cut off": (GOOD[:-1], "announces 2352 bytes .* but holds only 2351"),
    "no data at all": (GOOD[:16], "announces 2352 bytes .* but holds only 0"),
    "a byte too many": (GOOD + b"\0", "announces 2352 bytes .* but holds more"),
    "no entries": (idx(np.ones((0, 28, 28))), "holds no entries"),
    "gzip: data cut off": (PACKED[:-9], "is damaged"),
    "gzip: cut off after its first two bytes": (PACKED[:2], "is damaged"),
    "gzip: only the end mark cut off": (PACKED[:-1], "is damaged"),
    "gzip: a byte changed": (bytes(FLIPPED), "is damaged"),
    "gzip: the checksum changed": (PACKED[:-8] + b"\0\0\0\0" + PACKED[-4:], "is damaged"),
    "gzip: another file appended": (PACKED + b"PK\3\4", "is damaged"),
    "gzip: a byte too many": (gzip.compress(GOOD + b"\0"), "but holds more"),
    "gzip: a byte too few": (gzip.compress(GOOD[:-1]), "but holds only 2351"),
}


@pytest.mark.parametrize(("content", "message"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_named_with_what_is_wrong(tmp_path, content, message):
    path = tmp_path / "broken"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as failure:
        data.read_idx(path, n_axes=3)
    assert str(path) in str(failure.value)


@pytest.mark.parametrize("compress", [False, True])
def test_a_header_that_announces_more_than_memory_holds_sets_nothing_aside(tmp_path, compress):
    largest = 2**32 - 1
    content = idx(np.ones(10), shape=(largest, largest, largest))
    path = tmp_path / "huge"
    path.write_bytes(gzip.compress(content) if compress else content)
    tracemalloc.start()
    try:
        # The product needs 96 bits: in int64 it would wrap around.
        with pytest.raises(ValueError, match=f"announces {largest**3} bytes .* holds only 10"):
            data.read_idx(path, n_axes=3)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5e6


def test_data_after_the_announced_end_is_not_read_whole(tmp_path):
    # 50 kB that unpack to 50 MB; one byte beyond the announced end is enough to know.
    path = tmp_path / "bomb"
    path.write_bytes(gzip.compress(idx(np.ones(10)) + bytes(50_000_000)))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="but holds more"):
            data.read_idx(path, n_axes=1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5e6


def test_a_missing_file_is_named_in_both_spellings(tmp_path):
    write_mnist(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError) as failure:
        data.mnist(tmp_path, split="test")
    looked_for = f"neither t10k-labels-idx1-ubyte nor t10k-labels-idx1-ubyte.gz is in {tmp_path}"
    assert str(failure.value) == looked_for
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte"):
        data.mnist(tmp_path)
    with pytest.raises(FileNotFoundError):
        data.read_idx(tmp_path / "nowhere", n_axes=1)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"labels": np.array([7, 10, 9])}, "labels must be digits from 0 to 9, got 10"),
        ({"labels": np.array([7, 0])}, "3 images but 2 labels"),
        ({"images": np.ones((3, 28, 27))}, r"28 by 28 pixels, got \(28, 27\)"),
    ],
)
def test_images_and_labels_that_do_not_fit_are_refused(tmp_path, more, message):
    write_mnist(tmp_path, **more)
    with pytest.raises(ValueError, match=message):
        data.mnist(tmp_path, split="test")


def test_the_real_test_set_of_mnist():
    here = Path(__file__).resolve().parents[2] / "shared" / "data" / "mnist"
    folder = Path(os.environ.get("AELIB_MNIST", here))
    if not folder.is_dir():
        pytest.skip(f"MNIST is not in {folder}; AELIB_MNIST may name its folder")
    x, labels = data.mnist(folder, split="test")
    assert x.shape == (10_000, 784)
    assert (x.min(), x.max()) == (0.0, 1.0)
    # As published: how many there are of each digit, and the first labels.
    assert np.bincount(labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert x.mean() == pytest.approx(0.1325, abs=1e-4)


# --- curves in the plane -------------------------------------------------------------------------

CURVES = [data.circle, data.spiral, data.moons]
curves = pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.__name__)


@curves
def test_a_curve_is_drawn_from_the_generator_alone(curve):
    x = curve(500, np.random.default_rng(0))
    assert x.shape == (500, 2)
    assert x.dtype == np.float64
    np.testing.assert_array_equal(x, curve(500, np.random.default_rng(0)))
    assert (x != curve(500, np.random.default_rng(1))).all()
    assert curve(1, np.random.default_rng(0)).shape == (1, 2)


def test_the_circle_has_radius_1_and_is_evenly_filled(rng):
    x = data.circle(4000, rng)
    np.testing.assert_allclose(np.hypot(*x.T), 1.0, rtol=1e-14)
    # The mean of each coordinate is 0, with a standard error of sqrt(1 / 2 / 4000) = 0.011.
    assert np.abs(x.mean(axis=0)).max() < 0.06
    octants, _ = np.histogram(np.arctan2(x[:, 1], x[:, 0]), bins=8, range=(-np.pi, np.pi))
    assert np.abs(octants - 500).max() < 5 * 500**0.5


def test_the_spiral_has_two_turns_in_the_unit_disc(rng):
    x = data.spiral(4000, rng)
    radius = np.hypot(*x.T)
    assert 0.99 < radius.max() <= 1.0
    angle = 4 * np.pi * radius
    np.testing.assert_allclose(x, radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1))
    # Nearly even along the curve: ds = sqrt(r^2 + (1 / 4 pi)^2) d(angle), and r^2 is uniform.
    counts, _ = np.histogram(radius**2, bins=8, range=(0, 1))
    assert np.abs(counts - 500).max() < 5 * 500**0.5


def test_the_moons_are_two_interleaved_half_circles(rng):
    x = data.moons(4000, rng)
    upper = np.hypot(x[:, 0] + 0.5, x[:, 1] + 0.25)
    lower = np.hypot(x[:, 0] - 0.5, x[:, 1] - 0.25)
    on_upper = np.isclose(upper, 1.0, rtol=1e-12) & (x[:, 1] >= -0.25)
    on_lower = np.isclose(lower, 1.0, rtol=1e-12) & (x[:, 1] <= 0.25)
    assert (on_upper ^ on_lower).all()
    assert abs(on_upper.mean() - 0.5) < 5 * (0.25 / 4000) ** 0.5
    assert 1.49 < np.abs(x[:, 0]).max() <= 1.5
    assert 0.74 < np.abs(x[:, 1]).max() <= 0.75
