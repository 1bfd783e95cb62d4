"""Results of long computations that chapters read, made by the programs in ``benchmarks/``."""

import json
from importlib import resources
from typing import Any


def frontier() -> dict[str, Any]:
    """Return how five kinds of sparse autoencoder do on known features.

    Returns
    -------
    dict
        ``settings``, which say how it was made, with the options ``chosen`` for each kind and the
        ``trials`` they were chosen from; and ``points``, one dict for each training, with ``kind``,
        ``setting``, ``seed`` and what was measured on held-out samples: ``l0``, ``fvu``,
        ``fvu_counted``, ``mmcs``, ``matched``, ``recovered``, ``dead`` and ``dense``.

    Notes
    -----
    Made by ``python -m benchmarks.frontier`` in the book's repository. Chapter 14 of the book.
    """
    return _read("frontier")


def hidden_layer() -> dict[str, Any]:
    """Return what Chapter 15 measures, for several pairs of seeds.

    Returns
    -------
    dict
        ``seeds``, the list of pairs, of the network and of the dictionary; ``measured``, for each
        number that the chapter prints a band of, its name and its list of values, one for each
        pair; and ``failed``, for each condition that the chapter asserts and that did not hold for
        every pair, how many times it did not.

    Notes
    -----
    Made by ``python -m benchmarks.hidden_layer`` in the book's repository. Chapter 15 of the book.
    """
    return _read("hidden_layer")


def _read(name: str) -> dict[str, Any]:
    file = resources.files("aelib.stored") / f"{name}.json"
    result: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return result
