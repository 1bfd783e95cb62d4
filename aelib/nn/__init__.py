"""The same autoencoders in torch, with gradients by autograd.

The objectives agree with those of `aelib.byhand` to rounding; each half checks the other.
"""

from aelib.nn import corruption
from aelib.nn.autoencoder import Autoencoder, data_loss, decay_loss, reconstruction_loss
from aelib.nn.contractive import ContractiveAutoencoder, contractive_loss, jacobian
from aelib.nn.convert import from_byhand, to_byhand
from aelib.nn.convolutional import ConvolutionalAutoencoder
from aelib.nn.denoising import DenoisingAutoencoder, denoising_loss
from aelib.nn.rows import FileRows
from aelib.nn.sparse import SparseAutoencoder, kl_penalty, sparse_loss
from aelib.nn.stacked import Classifier, StackedAutoencoder, classifier_loss, pretrain
from aelib.nn.state import load, save
from aelib.nn.train import train

__all__ = [
    "Autoencoder",
    "Classifier",
    "ContractiveAutoencoder",
    "ConvolutionalAutoencoder",
    "DenoisingAutoencoder",
    "FileRows",
    "SparseAutoencoder",
    "StackedAutoencoder",
    "classifier_loss",
    "contractive_loss",
    "corruption",
    "data_loss",
    "decay_loss",
    "denoising_loss",
    "from_byhand",
    "jacobian",
    "kl_penalty",
    "load",
    "pretrain",
    "reconstruction_loss",
    "save",
    "sparse_loss",
    "to_byhand",
    "train",
]
