"""The same autoencoders in torch, with gradients by autograd.

The objectives agree with those of `aelib.byhand` to rounding; each half checks the other.
"""

from aelib.nn import corruption
from aelib.nn.autoencoder import Autoencoder, data_loss, decay_loss, reconstruction_loss
from aelib.nn.contractive import ContractiveAutoencoder, contractive_loss, jacobian
from aelib.nn.convert import from_byhand, to_byhand
from aelib.nn.convolutional import ConvolutionalAutoencoder
from aelib.nn.dead import auxiliary_loss, resample
from aelib.nn.denoising import DenoisingAutoencoder, denoising_loss
from aelib.nn.dictionary import Dictionary
from aelib.nn.jumprelu import JumpReLU, jumprelu_loss
from aelib.nn.l1 import l1_loss
from aelib.nn.rows import FileRows
from aelib.nn.saelens import read_saelens, write_saelens
from aelib.nn.sparse import SparseAutoencoder, kl_penalty, sparse_loss
from aelib.nn.stacked import Classifier, StackedAutoencoder, classifier_loss, pretrain
from aelib.nn.state import load, save
from aelib.nn.topk import BatchTopK, TopK, topk_loss
from aelib.nn.train import train
from aelib.nn.unit_norm import keep_unit_norm

__all__ = [
    "Autoencoder",
    "BatchTopK",
    "Classifier",
    "ContractiveAutoencoder",
    "ConvolutionalAutoencoder",
    "DenoisingAutoencoder",
    "Dictionary",
    "FileRows",
    "JumpReLU",
    "SparseAutoencoder",
    "StackedAutoencoder",
    "TopK",
    "auxiliary_loss",
    "classifier_loss",
    "contractive_loss",
    "corruption",
    "data_loss",
    "decay_loss",
    "denoising_loss",
    "from_byhand",
    "jacobian",
    "jumprelu_loss",
    "keep_unit_norm",
    "kl_penalty",
    "l1_loss",
    "load",
    "pretrain",
    "read_saelens",
    "reconstruction_loss",
    "resample",
    "save",
    "sparse_loss",
    "to_byhand",
    "topk_loss",
    "train",
    "write_saelens",
]
