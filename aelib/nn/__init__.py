"""The same autoencoders in torch, with gradients by autograd.

The objectives agree with those of `aelib.byhand` to rounding; each half checks the other.
"""

from aelib.nn.autoencoder import Autoencoder, data_loss, decay_loss, reconstruction_loss
from aelib.nn.convert import from_byhand, to_byhand
from aelib.nn.sparse import SparseAutoencoder, kl_penalty, sparse_loss
from aelib.nn.train import train

__all__ = [
    "Autoencoder",
    "SparseAutoencoder",
    "data_loss",
    "decay_loss",
    "from_byhand",
    "kl_penalty",
    "reconstruction_loss",
    "sparse_loss",
    "to_byhand",
    "train",
]
