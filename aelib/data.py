"""Data with no download: digits, patches of photographs, MNIST from its files, plane curves."""

import gzip
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from scipy.fft import fft2, fftfreq, ifft2

from aelib import validate
from aelib.validate import Array


def digits() -> tuple[Array, Array]:
    """Return the handwritten digits that ship with scikit-learn, 8 by 8 pixels each.

    Returns
    -------
    x : ndarray, shape (1797, 64)
        Grey values in [0, 1], float64, one image a row; 0 is the paper.
    labels : ndarray, shape (1797,)
        The digits, 0 to 9, integers.

    Notes
    -----
    `sklearn.datasets.load_digits`; the test set of Alpaydin and Kaynak (1998), UCI repository.
    """
    from sklearn.datasets import load_digits  # a large import, so only where it is needed

    images, labels = load_digits(return_X_y=True)
    return images / 16.0, labels


def photographs() -> list[Array]:
    """Return the photographs that ship with scikit-learn, as grey values.

    Returns
    -------
    list of ndarray, shape (427, 640)
        A temple's roofs and a flower; luminance in [0, 1], float64.

    Notes
    -----
    `sklearn.datasets.load_sample_images`. The luminance is 0.299 R + 0.587 G + 0.114 B, as ITU-R
    BT.601 has it.
    """
    from sklearn.datasets import load_sample_images  # a large import, so only where it is needed

    return [
        image @ np.array([0.299, 0.587, 0.114]) / 255.0 for image in load_sample_images().images
    ]


def whiten_image(image: Array, *, cutoff: float = 0.4) -> Array:
    r"""Flatten the spectrum of an image, up to a cut-off frequency.

    The amplitude spectrum of a photograph falls about as 1/f. Multiplying by

    .. math::
        R(f) = f \exp\left(-(f/f_0)^4\right)

    lifts the high frequencies to the level of the low ones and then lets go beyond :math:`f_0`,
    where a photograph holds more noise than structure.

    Parameters
    ----------
    image : ndarray, shape (height, width)
        Grey values.
    cutoff : float, default 0.4
        :math:`f_0` as a fraction of the Nyquist frequency, 0.5 cycles a pixel.

    Returns
    -------
    ndarray, shape (height, width)
        With mean 0 and standard deviation 1, float64.

    Raises
    ------
    TypeError, ValueError
        If ``image`` is not a finite, non-empty float matrix or is constant, or ``cutoff`` is not
        positive.

    Notes
    -----
    The filter of Olshausen and Field (1997), who used a cut-off of 0.8 on finer photographs.
    Chapter 6 of the book.
    """
    image = validate.floats("image", image, ndim=2)
    cutoff = validate.positive("cutoff", cutoff)
    height, width = image.shape
    frequency = np.hypot(fftfreq(height)[:, None], fftfreq(width)[None, :])
    with np.errstate(over="ignore"):  # far beyond the cut-off the response is 0
        response = frequency * np.exp(-((frequency / (0.5 * cutoff)) ** 4))
    white: Array = ifft2(fft2(image.astype(np.float64)) * response).real
    spread = float(white.std())
    if spread <= 1e-12 * float(np.abs(image).max()):
        raise ValueError(
            "nothing of image is left after whitening: it is constant, or cutoff lies below its "
            "lowest frequency"
        )
    return white / spread


def normalise_patches(patches: Array) -> Array:
    """Centre every patch, cut off rare extremes, and squash the rest into [0.1, 0.9].

    Parameters
    ----------
    patches : ndarray, shape (m, n)
        One patch a row.

    Returns
    -------
    ndarray, shape (m, n)
        In [0.1, 0.9], in the dtype of ``patches``; 0.5 is a patch's own mean. Three standard
        deviations, taken over all patches at once, are mapped to the ends of the range.

    Raises
    ------
    TypeError, ValueError
        If ``patches`` is not a finite, non-empty float matrix, or every patch is constant.

    Notes
    -----
    The normalisation of the UFLDL sparse autoencoder exercise (Ng and others, Stanford). A sigmoid
    output unit can reach these values without saturating. Chapter 6 of the book.
    """
    patches = validate.samples("patches", patches)
    centred = patches - patches.mean(axis=1, keepdims=True)
    limit = 3.0 * float(centred.std(dtype=np.float64))
    # A constant patch less its mean is not exactly 0 but a rounding error.
    if limit <= 8.0 * float(np.finfo(patches.dtype).eps) * float(np.abs(patches).max()):
        raise ValueError("patches are all constant: there is nothing to normalise")
    normalised: Array = np.clip(centred, -limit, limit) * (0.4 / limit) + 0.5
    return np.clip(normalised, 0.1, 0.9)


def natural_patches(
    n_patches: int, *, size: int = 8, rng: np.random.Generator, whiten: bool = True
) -> Array:
    """Cut square patches at random places from the photographs, ready for a sparse autoencoder.

    Parameters
    ----------
    n_patches : int
        The number m of patches.
    size : int, default 8
        Their height and width in pixels, at most 427.
    rng : numpy.random.Generator
        Where the randomness comes from.
    whiten : bool, default True
        Whether to whiten the photographs first, see `whiten_image`.

    Returns
    -------
    ndarray, shape (n_patches, size * size)
        In [0.1, 0.9], float64, one patch a row, see `normalise_patches`.

    Raises
    ------
    TypeError, ValueError
        If a number is no whole number of at least 1, ``size`` is larger than the photographs or a
        single pixel, or ``rng`` is no generator.

    Notes
    -----
    Chapter 6 of the book looks at each step of the preparation.
    """
    n_patches, size = validate.count("n_patches", n_patches), validate.count("size", size)
    rng = validate.generator("rng", rng)
    images = np.stack([whiten_image(image) if whiten else image for image in photographs()])
    _, height, width = images.shape
    if not 2 <= size <= min(height, width):
        raise ValueError(f"size must be from 2 to {min(height, width)} pixels, got {size}")
    windows = np.lib.stride_tricks.sliding_window_view(images, (size, size), axis=(1, 2))
    picked = windows[
        rng.integers(len(images), size=n_patches),
        rng.integers(height - size + 1, size=n_patches),
        rng.integers(width - size + 1, size=n_patches),
    ]
    return normalise_patches(picked.reshape(n_patches, size * size))


def mnist(folder: str | os.PathLike[str], *, split: str = "train") -> tuple[Array, Array]:
    """Read the MNIST digits from the files in which their authors published them.

    Parameters
    ----------
    folder : str or path
        Where the files lie: ``train-images-idx3-ubyte`` and ``train-labels-idx1-ubyte``, or the
        ``t10k-`` ones for the test set, each plain or with ``.gz`` at the end.
    split : {"train", "test"}, default "train"
        Which set to read.

    Returns
    -------
    x : ndarray, shape (m, 784)
        Grey values in [0, 1], float64, one image a row; m is 60000 or 10000.
    labels : ndarray, shape (m,)
        The digits, 0 to 9, integers.

    Raises
    ------
    ValueError
        If ``split`` is unknown, or a file is not the idx file that it should be: a wrong magic
        number, a wrong or truncated size, damaged compression, a label that is no digit, or
        another number of labels than of images.
    FileNotFoundError
        If a file is missing; the message names what was looked for, and where.

    Notes
    -----
    LeCun, Bottou, Bengio and Haffner (1998).
    """
    prefixes = {"train": "train", "test": "t10k"}
    if split not in prefixes:
        raise ValueError(f'split must be "train" or "test", got {split!r}')
    images = read_idx(_find(Path(folder), f"{prefixes[split]}-images-idx3-ubyte"), n_axes=3)
    labels = read_idx(_find(Path(folder), f"{prefixes[split]}-labels-idx1-ubyte"), n_axes=1)
    if images.shape[1:] != (28, 28):
        raise ValueError(f"the images must be 28 by 28 pixels, got {images.shape[1:]}")
    if len(images) != len(labels):
        raise ValueError(f"there are {len(images)} images but {len(labels)} labels")
    if labels.max() > 9:
        raise ValueError(f"the labels must be digits from 0 to 9, got {labels.max()}")
    return images.reshape(len(images), -1) / 255.0, labels.astype(np.int64)


def circle(n_samples: int, rng: np.random.Generator) -> Array:
    """Draw points from the unit circle in the plane.

    Parameters
    ----------
    n_samples : int
        The number m of points.
    rng : numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    ndarray, shape (n_samples, 2)
        Points at distance 1 from the origin, uniform along the circle; float64, no noise.

    Raises
    ------
    TypeError, ValueError
        If ``n_samples`` is no whole number of at least 1, or ``rng`` is no generator.
    """
    angle = _uniform(n_samples, rng, 2.0 * np.pi)
    return np.column_stack([np.cos(angle), np.sin(angle)])


def spiral(n_samples: int, rng: np.random.Generator) -> Array:
    r"""Draw points from an Archimedean spiral of two turns that fills the unit disc.

    .. math::
        (x, y) = \frac{\theta}{4\pi} (\cos\theta, \sin\theta), \qquad
        0 \le \theta \le 4\pi

    Parameters
    ----------
    n_samples : int
        The number m of points.
    rng : numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    ndarray, shape (n_samples, 2)
        Points at distance 0 to 1 from the origin, float64, no noise. Neighbouring turns are 0.5
        apart. The angle is :math:`4\pi\sqrt u` with u uniform in [0, 1], which is nearly uniform
        along the curve, but for the first half turn.

    Raises
    ------
    TypeError, ValueError
        If ``n_samples`` is no whole number of at least 1, or ``rng`` is no generator.
    """
    radius = np.sqrt(_uniform(n_samples, rng, 1.0))
    angle = 4.0 * np.pi * radius
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])


def moons(n_samples: int, rng: np.random.Generator) -> Array:
    """Draw points from two interleaved half circles, the moons.

    Parameters
    ----------
    n_samples : int
        The number m of points.
    rng : numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    ndarray, shape (n_samples, 2)
        Points on the upper half of the unit circle around (-0.5, -0.25) or on the lower half of
        the one around (0.5, 0.25), each by a fair coin and uniform along its arc; float64, no
        noise. They lie in [-1.5, 1.5] by [-0.75, 0.75].

    Raises
    ------
    TypeError, ValueError
        If ``n_samples`` is no whole number of at least 1, or ``rng`` is no generator.

    Notes
    -----
    The curves of `sklearn.datasets.make_moons`, centred, at random places instead of equal steps.
    """
    angle = _uniform(n_samples, rng, 2.0 * np.pi)
    # Angles up to pi make the upper moon, those beyond it the lower one.
    centre = np.where(angle < np.pi, -1.0, 1.0)[:, None] * np.array([0.5, 0.25])
    return centre + np.column_stack([np.cos(angle), np.sin(angle)])


def _uniform(n_samples: int, rng: np.random.Generator, end: float) -> Array:
    n_samples = validate.count("n_samples", n_samples)
    return validate.generator("rng", rng).uniform(0.0, end, n_samples)


def read_idx(path: str | os.PathLike[str], *, n_axes: int) -> Array:
    """Read an idx file of unsigned bytes, plain or compressed with gzip.

    Parameters
    ----------
    path : str or path
        The file.
    n_axes : int
        The number of axes that the file must announce.

    Returns
    -------
    ndarray of uint8
        With the shape that the file announces.

    Raises
    ------
    ValueError
        If the file has another magic number, fewer or more bytes than it announces, no entries, or
        damaged compression.
    FileNotFoundError
        If there is no such file.

    Notes
    -----
    The format: two zero bytes, a type code (8 for unsigned bytes), the number of axes, each axis'
    length as a big-endian 32-bit integer, then the data.
    """
    path, n_axes = Path(path), validate.count("n_axes", n_axes)
    header_size = 4 + 4 * n_axes
    try:
        with _open(path) as file:
            header = file.read(header_size)
            if header[:4] != bytes([0, 0, 8, n_axes]):
                raise ValueError(
                    f"{path} is not an idx file of bytes with {n_axes} axes: it begins with "
                    f"{header[:4].hex() or 'nothing'}, not with {bytes([0, 0, 8, n_axes]).hex()}"
                )
            if len(header) < header_size:
                raise ValueError(f"{path} is truncated: it ends within its header")
            shape = tuple(int(length) for length in np.frombuffer(header[4:], dtype=">u4"))
            expected = int(np.prod(shape, dtype=object))
            if expected == 0:
                raise ValueError(f"{path} holds no entries: it announces the shape {shape}")
            # A damaged header may announce more than memory holds, so nothing is set aside for it;
            # one byte beyond the end shows that the file is longer than announced.
            content = _read_at_most(file, expected + 1)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if len(content) != expected:
        found = f"only {len(content)}" if len(content) < expected else "more"
        raise ValueError(f"{path} announces {expected} bytes of shape {shape} but holds {found}")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _open(path: Path) -> Any:
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if compressed else path.open("rb")


def _read_at_most(file: Any, limit: int) -> bytes:
    parts, size = [], 0
    while size < limit and (part := file.read(min(limit - size, 1 << 20))):
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _find(folder: Path, name: str) -> Path:
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(f"neither {name} nor {name}.gz is in {folder}")
