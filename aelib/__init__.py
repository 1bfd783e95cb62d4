"""Autoencoders by hand in numpy and by autograd in torch: the package behind the book.

Import what you need: ``from aelib import byhand, checks, data, plots, sparsity`` and, for the torch
half, ``from aelib import nn``. Nothing heavy is imported before you ask for it: neither torch nor
matplotlib is touched by ``import aelib`` or by ``import aelib.byhand``.
"""

__version__ = "1.0.0"
