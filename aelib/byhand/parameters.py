"""The parameters of an autoencoder: a dict of named arrays, three if the weights are tied."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from aelib import validate
from aelib.validate import Array

Params = dict[str, Array]


def init(
    *,
    n_visible: int,
    n_hidden: int,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float64,
    tied: bool = False,
) -> Params:
    r"""Draw the starting parameters of an autoencoder with one hidden layer.

    Weights are uniform in :math:`\pm\sqrt{6 / (n + h)}`, biases are 0.

    Parameters
    ----------
    n_visible : int
        The number n of inputs.
    n_hidden : int
        The number h of hidden units.
    rng : numpy.random.Generator
        Where the randomness comes from.
    dtype : dtype, default float64
        float32 or float64.
    tied : bool, default False
        Whether the decoder is to use the encoder's weights, transposed.

    Returns
    -------
    dict of str to ndarray
        ``encoder_weight`` (n, h), ``encoder_bias`` (h,), ``decoder_weight`` (h, n) and
        ``decoder_bias`` (n,). Tied weights have no ``decoder_weight``: see `decoder_weight`.

    Raises
    ------
    TypeError, ValueError
        If a size is no whole number of at least 1, ``rng`` is no generator, or the dtype is
        neither float32 nor float64.

    Notes
    -----
    The range is that of Glorot and Bengio (2010), equation 16.
    """
    n, h = validate.count("n_visible", n_visible), validate.count("n_hidden", n_hidden)
    rng = validate.generator("rng", rng)
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise TypeError(f"dtype must be float32 or float64, got {np.dtype(dtype)}")
    bound = np.sqrt(6.0 / (n + h))
    params = {
        "encoder_weight": rng.uniform(-bound, bound, size=(n, h)).astype(dtype),
        "encoder_bias": np.zeros(h, dtype),
        "decoder_weight": rng.uniform(-bound, bound, size=(h, n)).astype(dtype),
        "decoder_bias": np.zeros(n, dtype),
    }
    if tied:
        del params["decoder_weight"]
    return params


def decoder_weight(params: Params) -> Array:
    """Return the decoder's weight, shape (h, n): with tied weights, the encoder's transposed.

    Parameters
    ----------
    params : dict of str to ndarray
        As `init` returns it; tied if it holds no ``decoder_weight``.

    Returns
    -------
    ndarray, shape (h, n)
        No copy.
    """
    return params["decoder_weight"] if "decoder_weight" in params else params["encoder_weight"].T


def check(params: Any, what: str = "params") -> Params:
    """Return ``params`` if it is a well-formed set of parameters, else say what is wrong.

    Parameters
    ----------
    params : dict of str to ndarray
        As `init` returns it.
    what : str, default "params"
        The name of the argument, for the messages.

    Raises
    ------
    TypeError
        If it is no dict of float arrays, or the dtypes differ.
    ValueError
        If a name is missing or unknown, the shapes do not fit together, or a value is not finite.
    """
    names = ("encoder_weight", "encoder_bias", "decoder_weight", "decoder_bias")
    if not isinstance(params, Mapping):
        raise TypeError(f"{what} must be a dict of arrays, got {type(params).__name__}")
    if set(params) | {"decoder_weight"} != set(names):
        raise ValueError(
            f"{what} must have the names {list(names)}, with tied weights all but decoder_weight, "
            f"got {list(params)}"
        )
    for name, value in params.items():
        validate.floats(name, value, ndim=2 if is_weight(name) else 1)
    n, h = params["encoder_weight"].shape
    shapes = dict(zip(names, ((n, h), (h,), (h, n), (n,)), strict=True))
    for name, value in params.items():
        if value.shape != shapes[name]:
            raise ValueError(
                f"{name} must have shape {shapes[name]} to fit encoder_weight, got {value.shape}"
            )
    check_one_dtype(dict(params), what)
    return dict(params)


def is_weight(name: str) -> bool:
    """Say whether a parameter of this name is a weight matrix, which decays, or a bias."""
    return "_weight" in name


def check_one_dtype(params: Params, what: str = "params") -> None:
    """Refuse parameters of which some are float32 and others float64."""
    if len({value.dtype for value in params.values()}) > 1:
        found = ", ".join(f"{name} {value.dtype}" for name, value in params.items())
        raise TypeError(f"{what} must share one dtype, got {found}")


def check_data(params: Params, name: str, x: Any) -> Array:
    """Return ``x`` if it can be fed to ``params``: the dtype and the number of columns fit."""
    x = validate.samples(name, x, n_columns=len(params["encoder_weight"]))
    return check_dtype(params["encoder_weight"], name, x)


def check_target(params: Params, name: str, x: Any, decoder: str) -> Array:
    """Return ``x`` if it can be fed to ``params``, and be what the decoder is to give back."""
    x = validate.target(name, x, decoder, n_columns=len(params["encoder_weight"]))
    return check_dtype(params["encoder_weight"], name, x)


def check_dtype(weight: Array, name: str, x: Array) -> Array:
    """Return ``x`` if it has the dtype of the parameters, of which ``weight`` is one."""
    if x.dtype != weight.dtype:
        raise TypeError(f"{name} is {x.dtype} but params are {weight.dtype}; convert one of them")
    return x


def flatten(params: Params) -> Array:
    """Return all parameters as one float64 vector, in the order of the dict.

    Parameters
    ----------
    params : dict of str to ndarray
        Any named arrays.

    Returns
    -------
    ndarray, shape (total number of entries,)
        A copy. `unflatten` is its inverse.
    """
    return np.concatenate([np.ravel(value) for value in params.values()]).astype(np.float64)


def unflatten(vector: Array, like: Params) -> Params:
    """Cut a vector into arrays with the names, shapes and dtypes of ``like``.

    Parameters
    ----------
    vector : ndarray, shape (total number of entries,)
        As `flatten` returns it.
    like : dict of str to ndarray
        Gives the names, the shapes, the dtypes and the order.

    Returns
    -------
    dict of str to ndarray
        New arrays; views of ``vector`` where the dtype is the same.

    Raises
    ------
    ValueError
        If the vector's length is not the number of entries in ``like``.
    """
    total = sum(value.size for value in like.values())
    if np.shape(vector) != (total,):
        raise ValueError(f"vector must have shape ({total},), got {np.shape(vector)}")
    params, start = {}, 0
    for name, value in like.items():
        part = vector[start : start + value.size].reshape(value.shape)
        params[name] = part.astype(value.dtype, copy=False)
        start += value.size
    return params
