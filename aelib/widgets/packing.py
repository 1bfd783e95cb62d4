"""Arrays in a widget's state: base64, because notebooks and pages store the state as JSON."""

import base64
from typing import Any

import numpy as np

from aelib.validate import Array

Packed = dict[str, Any]

DTYPES = ("uint8", "int8", "float32", "float64")


def pack(array: Array) -> Packed:
    """Turn an array into what JSON can hold; `unpack` turns it back, as ``unpack`` in JavaScript.

    Parameters
    ----------
    array : ndarray, any shape
        Of dtype uint8, int8, float32 or float64; the first two keep a state small.

    Returns
    -------
    dict
        ``dtype``, ``shape``, and ``data``: the entries row by row, little-endian, in base64.

    Raises
    ------
    TypeError
        If ``array`` is no numpy array of one of these dtypes.
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"array must be a numpy array, got {type(array).__name__}")
    if array.dtype.name not in DTYPES:
        raise TypeError(f"array must be one of {', '.join(DTYPES)}, got {array.dtype}")
    little_endian = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return {
        "dtype": array.dtype.name,
        "shape": list(array.shape),
        "data": base64.b64encode(little_endian.tobytes()).decode("ascii"),
    }


def unpack(packed: Packed) -> Array:
    """Turn what `pack` returned back into an array.

    Parameters
    ----------
    packed : dict
        With ``dtype``, ``shape`` and ``data``.

    Returns
    -------
    ndarray
        Equal to the one that was packed.

    Raises
    ------
    ValueError
        If the dtype is unknown, or shape and data do not fit together.
    """
    if packed["dtype"] not in DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(DTYPES)}, got {packed['dtype']!r}")
    raw = base64.b64decode(packed["data"], validate=True)
    flat = np.frombuffer(raw, np.dtype(packed["dtype"]).newbyteorder("<"))
    return flat.reshape(packed["shape"]).astype(packed["dtype"])
