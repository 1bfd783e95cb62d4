"""Autoencoders in numpy, with every gradient written out as the book derives it.

An objective is a plain function: parameters in, ``(loss, gradient)`` out. That is what a gradient
check wants, what L-BFGS wants, and what can be read beside the derivation.
"""

from aelib.byhand import (
    autoencoder,
    blocks,
    contractive,
    convolution,
    denoising,
    dictionary,
    l1,
    sparse,
    stacked,
    topk,
    unit_norm,
)
from aelib.byhand.autoencoder import decode, encode
from aelib.byhand.fit import Fit, gradient_descent, lbfgs
from aelib.byhand.parameters import Params, decoder_weight, flatten, init, unflatten

__all__ = [
    "Fit",
    "Params",
    "autoencoder",
    "blocks",
    "contractive",
    "convolution",
    "decode",
    "decoder_weight",
    "denoising",
    "dictionary",
    "encode",
    "flatten",
    "gradient_descent",
    "init",
    "l1",
    "lbfgs",
    "sparse",
    "stacked",
    "topk",
    "unflatten",
    "unit_norm",
]
