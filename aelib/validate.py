"""What counts as good input, said once: each function returns the value or names what is wrong."""

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

DECODERS = ("sigmoid", "linear")


def floats(name: str, value: Any, *, ndim: int | None = None, look: bool = True) -> Array:
    """Check that ``value`` is a finite, non-empty float32 or float64 numpy array.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    value : ndarray
        What came.
    ndim : int, optional
        The number of axes it needs to have.
    look : bool, default True
        Whether to look at the values; a caller that does so itself saves a pass over them.

    Returns
    -------
    ndarray
        ``value`` itself, not a copy.

    Raises
    ------
    TypeError
        If it is no numpy array, or its dtype is neither float32 nor float64.
    ValueError
        If it has another number of axes, is empty, or holds NaN or infinity.
    """
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{name} must be a numpy array, got {type(value).__name__}")
    if value.dtype not in (np.float32, np.float64):
        raise TypeError(
            f"{name} must be float32 or float64, got {value.dtype}; convert it with .astype(float)"
        )
    if ndim is not None and value.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} axes, got shape {value.shape}")
    if value.size == 0:
        raise ValueError(f"{name} is empty: shape {value.shape}")
    if not look:
        return value
    # A sum is NaN or infinite if any entry is, and needs no array of flags; only where it is not
    # finite (which finite entries can also bring about, by overflow) does every entry get a look.
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.sum(value)
    if not np.isfinite(total) and not np.all(np.isfinite(value)):
        bad = int(np.count_nonzero(~np.isfinite(value)))
        raise ValueError(f"{name} holds {bad} value(s) that are NaN or infinite")
    return value


def samples(name: str, value: Any, *, n_columns: int | None = None) -> Array:
    """Check a matrix with one sample a row, shape (m, ``n_columns``); raises as `floats` does."""
    x = floats(name, value, ndim=2)
    if n_columns is not None and x.shape[1] != n_columns:
        raise ValueError(f"{name} must have {n_columns} columns, got shape {x.shape}")
    return x


def target(name: str, value: Any, decoder: str, *, n_columns: int) -> Array:
    """Check data that a decoder is to reproduce: a sigmoid one can only reach [0, 1]."""
    choose_decoder(decoder)
    if decoder == "linear":
        return samples(name, value, n_columns=n_columns)
    x = floats(name, value, ndim=2, look=False)
    low, high = float(x.min()), float(x.max())
    if not (low >= 0.0 and high <= 1.0 and x.shape[1] == n_columns):
        x = samples(name, value, n_columns=n_columns)  # says so if it is NaN, or its width
        if low < 0.0 or high > 1.0:
            raise ValueError(
                f"{name} must lie in [0, 1] for a sigmoid decoder, got values from {low:.4g} to "
                f'{high:.4g}; rescale the data or use decoder="linear"'
            )
    return x


def choose_decoder(decoder: Any) -> None:
    """Check that the decoder is one of ``"sigmoid"`` and ``"linear"``."""
    if decoder not in DECODERS:
        raise ValueError(f'decoder must be "sigmoid" or "linear", got {decoder!r}')


def number(name: str, value: Any) -> float:
    """Check that ``value`` is one finite real number (no bool), and return it as a float."""
    is_number = isinstance(value, int | float | np.integer | np.floating)
    if isinstance(value, bool) or not is_number:
        raise TypeError(f"{name} must be a number, got {type(value).__name__}")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value}")
    return float(value)


def fraction(name: str, value: Any) -> float:
    """Check a number strictly between 0 and 1."""
    p = number(name, value)
    if not 0.0 < p < 1.0:
        raise ValueError(f"{name} must lie strictly between 0 and 1, got {value}")
    return p


def probability(name: str, value: Any) -> float:
    """Check a number from 0 to 1, both included."""
    p = number(name, value)
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"{name} must lie in [0, 1], got {value}")
    return p


def weight(name: str, value: Any) -> float:
    """Check a number that is not negative."""
    w = number(name, value)
    if w < 0.0:
        raise ValueError(f"{name} must not be negative, got {value}")
    return w


def positive(name: str, value: Any) -> float:
    """Check a number greater than 0."""
    w = number(name, value)
    if w <= 0.0:
        raise ValueError(f"{name} must be greater than 0, got {value}")
    return w


def count(name: str, value: Any) -> int:
    """Check a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be a whole number, got {type(value).__name__}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return int(value)


def counts(name: str, value: Any, *, length: int | None = None) -> tuple[int, ...]:
    """Check a list of whole numbers of at least 1: of ``length`` of them, or of at least one."""
    if not isinstance(value, list | tuple):
        raise TypeError(f"{name} must be a list of whole numbers, got {type(value).__name__}")
    if not value or length not in (None, len(value)):
        raise ValueError(f"{name} must hold {length or 'some'} numbers, got {value!r}")
    return tuple(count(f"{name}[{i}]", entry) for i, entry in enumerate(value))


def labels(name: str, value: Any, *, n_samples: int, n_classes: int) -> Array:
    """Check class labels: whole numbers from 0 to ``n_classes`` - 1, shape (``n_samples``,)."""
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{name} must be a numpy array, got {type(value).__name__}")
    if not np.issubdtype(value.dtype, np.integer):
        raise TypeError(f"{name} must be whole numbers, got {value.dtype}")
    if value.shape != (n_samples,):
        raise ValueError(f"{name} must have shape ({n_samples},), got {value.shape}")
    low, high = int(value.min()), int(value.max())
    if low < 0 or high >= n_classes:
        raise ValueError(f"{name} must lie in 0 to {n_classes - 1}, got from {low} to {high}")
    return value


def generator(name: str, value: Any) -> np.random.Generator:
    """Check that ``value`` is a numpy random generator."""
    if not isinstance(value, np.random.Generator):
        raise TypeError(
            f"{name} must be a numpy.random.Generator, got {type(value).__name__}; "
            "make one with numpy.random.default_rng(seed)"
        )
    return value
