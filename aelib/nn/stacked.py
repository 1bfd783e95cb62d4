r"""The stacked autoencoder in torch, its layer-wise pre-training, and a classifier on its code."""

import copy
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from aelib import validate
from aelib.history import History
from aelib.nn import distributed
from aelib.nn.autoencoder import (
    Autoencoder,
    check_batch,
    decay_loss,
    linear,
    reconstruction_loss,
)
from aelib.nn.train import train


class StackedAutoencoder(nn.Module):
    r"""Encoders from the input up to the code, and each layer's own decoder back down.

    All units are sigmoids but the last decoder's, which may be linear.

    Parameters
    ----------
    n_visible : int
        The number n of inputs.
    sizes : sequence of int
        The numbers of hidden units, from the first layer up to the code.
    decoder : {"sigmoid", "linear"}, default "sigmoid"
        What the output units do to their pre-activation.
    generator : torch.Generator, optional
        Where the starting weights come from; torch's own generator if None.
    dtype : torch.dtype, optional
        torch's default dtype if None.

    Attributes
    ----------
    encoder : torch.nn.ModuleList of torch.nn.Linear
        From layer 1 up to the code.
    decoder : torch.nn.ModuleList of torch.nn.Linear
        From the code down to the output: layer 1's own decoder is the last.
    n_visible : int
        The number n of inputs.
    decoder_kind : str
        ``"sigmoid"`` or ``"linear"``.

    Raises
    ------
    TypeError, ValueError
        If a size is no whole number of at least 1, or the decoder is unknown.

    Notes
    -----
    The network of `aelib.byhand.stacked`; Hinton and Salakhutdinov (2006).
    """

    def __init__(
        self,
        n_visible: int,
        sizes: Sequence[int],
        *,
        decoder: str = "sigmoid",
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.n_visible = validate.count("n_visible", n_visible)
        widths = (self.n_visible, *validate.counts("sizes", sizes))
        validate.choose_decoder(decoder)
        self.decoder_kind = decoder
        self.encoder = nn.ModuleList(linear(n, h, generator, dtype) for n, h in pairwise(widths))
        self.decoder = nn.ModuleList(
            linear(h, n, generator, dtype) for h, n in pairwise(widths[::-1])
        )

    def encode(self, x: Tensor) -> Tensor:
        """Return the codes, shape (m, size of the code), in [0, 1], of ``x``, shape (m, n)."""
        return _codes(self.encoder, x)

    def decode(self, activation: Tensor) -> Tensor:
        """Return the reconstruction, shape (m, n), of codes, shape (m, size of the code)."""
        *inner, last = self.decoder
        for layer in inner:
            activation = torch.sigmoid(layer(activation))
        z: Tensor = last(activation)
        return torch.sigmoid(z) if self.decoder_kind == "sigmoid" else z

    def forward(self, x: Tensor) -> Tensor:
        """Return the reconstruction of ``x``, both of shape (m, n)."""
        return self.decode(self.encode(x))

    def extra_repr(self) -> str:
        """Name the decoder when the module is printed."""
        return f"decoder={self.decoder_kind!r}"


def pretrain(
    model: StackedAutoencoder,
    x: Tensor,
    *,
    epochs: int,
    loss: Callable[[Any, Tensor], Tensor] = reconstruction_loss,
    learning_rate: float = 1e-3,
    batch_size: int = 100,
    generator: torch.Generator | None = None,
    progress: bool = True,
) -> list[History]:
    """Train the layers of a stacked autoencoder one after the other, in place, by Adam.

    Parameters
    ----------
    model : StackedAutoencoder
        The model; it stays on its device.
    x : Tensor, shape (m, n)
        Data, one sample a row, on the device of the model.
    epochs : int
        How often to go through the data, for each layer.
    loss : callable, default `reconstruction_loss`
        Takes one layer as an `Autoencoder` and a batch of its inputs.
    learning_rate : float, default 1e-3
        Adam's step size.
    batch_size : int, default 100
        The number of samples in a batch.
    generator : torch.Generator, optional
        On the CPU: where the order of the samples comes from; torch's own generator if None.
    progress : bool, default True
        Whether to show a progress bar for each layer.

    Returns
    -------
    list of History
        One for each layer, from the first up to the code.

    Raises
    ------
    TypeError, ValueError
        If ``x`` does not fit the model, or a number is out of range.

    Notes
    -----
    Bengio, Lamblin, Popovici and Larochelle (2007).
    """
    x = check_batch(model, x)
    batch_size = validate.count("batch_size", batch_size)
    learning_rate = validate.positive("learning_rate", learning_rate)
    code, histories = x.detach(), []
    for k, (up, down) in enumerate(zip(model.encoder, reversed(model.decoder), strict=True)):
        # The layer's own weights stand in for freshly drawn ones, so that training is in place.
        layer = Autoencoder(
            code.shape[1],
            up.out_features,  # type: ignore[arg-type]
            decoder=model.decoder_kind if k == 0 else "sigmoid",
            generator=torch.Generator(),
        )
        layer.encoder, layer.decoder = up, down  # type: ignore[assignment]
        loader = DataLoader(
            TensorDataset(code), batch_size=batch_size, shuffle=True, generator=generator
        )
        optimizer = torch.optim.Adam(layer.parameters(), lr=learning_rate)
        histories.append(
            train(
                layer, loss, loader, optimizer, epochs=epochs, device=code.device, progress=progress
            )
        )
        with torch.no_grad():
            code = layer.encode(code)
    return histories


class Classifier(nn.Module):
    """A softmax layer on the code of a stacked autoencoder.

    Parameters
    ----------
    autoencoder : StackedAutoencoder
        Its encoders are copied: training the classifier leaves it as it is.
    n_classes : int
        The number c of classes.
    generator : torch.Generator, optional
        Where the new layer's starting weights come from; torch's own generator if None.

    Attributes
    ----------
    encoder : torch.nn.ModuleList of torch.nn.Linear
        From the input up to the code.
    head : torch.nn.Linear
        From the code to the scores. To train it alone, give the optimiser only its parameters.
    n_visible : int
        The number n of inputs.

    Raises
    ------
    TypeError, ValueError
        If ``n_classes`` is no whole number of at least 1.
    """

    def __init__(
        self,
        autoencoder: StackedAutoencoder,
        n_classes: int,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        n_classes = validate.count("n_classes", n_classes)
        self.n_visible = autoencoder.n_visible
        self.encoder = copy.deepcopy(autoencoder.encoder)
        top = self.encoder[-1].weight
        self.head = linear(len(top), n_classes, generator, top.dtype).to(top.device)  # type: ignore[arg-type]

    def encode(self, x: Tensor) -> Tensor:
        """Return the codes, shape (m, size of the code), in [0, 1], of ``x``, shape (m, n)."""
        return _codes(self.encoder, x)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores, shape (m, c): the logarithms of the probabilities up to a constant."""
        scores: Tensor = self.head(self.encode(x))
        return scores

    def predict(self, x: Tensor) -> Tensor:
        """Return the most probable class of every sample, shape (m,), from 0 to c - 1."""
        with torch.no_grad():
            return self(x).argmax(dim=1)


def classifier_loss(
    model: Classifier, x: Tensor, labels: Tensor, *, weight_decay: float = 0.0
) -> Tensor:
    r"""Return the cross-entropy of a classifier, as `aelib.byhand.stacked` has it.

    .. math::
        J = -\frac1m \sum_{i=1}^m \log p_{i\,y_i}
            + \tfrac12\,\mathrm{decay} \sum_k \lVert W^k \rVert^2

    Parameters
    ----------
    model : Classifier
        The model.
    x : Tensor, shape (m, n)
        Data, one sample a row.
    labels : Tensor of int64, shape (m,)
        The classes y, from 0 to c - 1. For `train` with ``labels=True``.
    weight_decay : float, default 0
        The weight of the squared norms; not negative. Biases are left alone.

    Returns
    -------
    Tensor, shape ()
        J, natural logarithm, ready for ``backward()``.

    Raises
    ------
    TypeError, ValueError
        If ``x`` or ``labels`` do not fit the model, or ``weight_decay`` is negative.
    """
    x = check_batch(model, x)
    weight_decay = validate.weight("weight_decay", weight_decay)
    if not isinstance(labels, Tensor) or labels.dtype != torch.int64:
        found = labels.dtype if isinstance(labels, Tensor) else type(labels).__name__
        raise TypeError(f"labels must be a tensor of torch.int64, got {found}")
    if labels.shape != x.shape[:1] or labels.device != x.device:
        raise ValueError(
            f"labels must have shape ({len(x)},) and be on {x.device}, got {tuple(labels.shape)} "
            f"on {labels.device}"
        )
    low, high = int(labels.min()), int(labels.max())
    n_classes = distributed.core(model).head.out_features
    if low < 0 or high >= n_classes:
        raise ValueError(f"labels must lie in 0 to {n_classes - 1}, got from {low} to {high}")
    total = F.cross_entropy(model(x).to(x.dtype), labels, reduction="sum")
    mean = distributed.mean(total, len(x), distributed.group_of(model))
    return mean + decay_loss(model, weight_decay)


def _codes(encoder: nn.ModuleList, x: Tensor) -> Tensor:
    for layer in encoder:
        x = torch.sigmoid(layer(x))
    return x
