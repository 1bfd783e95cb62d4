r"""The plain autoencoder as a torch module, and the terms that every objective shares."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aelib import validate
from aelib.nn import distributed


class Autoencoder(nn.Module):
    r"""An autoencoder with one sigmoid hidden layer.

    .. math::
        a = \sigma(x W^1 + b^1), \qquad \hat x = g(a W^2 + b^2)

    Parameters
    ----------
    n_visible : int
        The number n of inputs.
    n_hidden : int
        The number h of hidden units.
    decoder : {"sigmoid", "linear"}, default "sigmoid"
        What the output units do to their pre-activation.
    tied : bool, default False
        Whether the decoder is to use the encoder's weights, transposed.
    generator : torch.Generator, optional
        Where the starting weights come from; torch's own generator if None.
    dtype : torch.dtype, optional
        torch's default dtype if None.

    Attributes
    ----------
    encoder, decoder : torch.nn.Linear
        The two layers. Their ``weight`` is (out, in), the transpose of the book's; `to_byhand`
        and `from_byhand` translate. With tied weights ``decoder.weight`` is None.
    n_visible : int
        The number n of inputs.
    decoder_kind : str
        ``"sigmoid"`` or ``"linear"``.
    tied : bool
        Whether the weights are tied.

    Raises
    ------
    TypeError, ValueError
        If a size is no whole number of at least 1, or the decoder is unknown.

    Notes
    -----
    Starting weights as in `aelib.byhand.init`: Glorot and Bengio (2010), equation 16; zero biases.
    """

    def __init__(
        self,
        n_visible: int,
        n_hidden: int,
        *,
        decoder: str = "sigmoid",
        tied: bool = False,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        n, h = validate.count("n_visible", n_visible), validate.count("n_hidden", n_hidden)
        validate.choose_decoder(decoder)
        self.n_visible, self.decoder_kind, self.tied = n, decoder, tied
        self.encoder = linear(n, h, generator, dtype)
        self.decoder = linear(h, n, generator, dtype)
        if tied:
            self.decoder.register_parameter("weight", None)

    def preactivation(self, x: Tensor) -> Tensor:
        """Return the hidden pre-activations z, shape (m, h), of ``x``, shape (m, n)."""
        z: Tensor = self.encoder(x)
        return z

    def encode(self, x: Tensor) -> Tensor:
        """Return the hidden activations, shape (m, h), in [0, 1], of ``x``, shape (m, n)."""
        return torch.sigmoid(self.preactivation(x))

    def decode(self, activation: Tensor) -> Tensor:
        """Return the reconstruction, shape (m, n), of ``activation``, shape (m, h)."""
        weight = self.encoder.weight.T if self.tied else self.decoder.weight
        z = F.linear(activation, weight, self.decoder.bias)
        return torch.sigmoid(z) if self.decoder_kind == "sigmoid" else z

    def forward(
        self, x: Tensor, *, with_preactivation: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Return the reconstruction of ``x``, both of shape (m, n).

        With ``with_preactivation`` also the hidden pre-activations, shape (m, h). A loss that needs
        both asks for them here: `DistributedDataParallel` sees only what passes through forward.
        """
        if not with_preactivation:
            return self.decode(self.encode(x))
        z = self.preactivation(x)
        return self.decode(torch.sigmoid(z)), z

    def extra_repr(self) -> str:
        """Name the decoder when the module is printed."""
        return f"decoder={self.decoder_kind!r}, tied={self.tied}"


def linear(
    n_in: int, n_out: int, generator: torch.Generator | None, dtype: torch.dtype | None
) -> nn.Linear:
    """Return a linear layer with Glorot's starting weights and zero biases."""
    # skip_init: nn.Linear would draw from torch's global generator first.
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, n_in, n_out, dtype=dtype)
    nn.init.xavier_uniform_(layer.weight, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


def check_batch(model: nn.Module, x: Any, *, name: str = "x", target: bool = True) -> Tensor:
    """Return ``x`` if the model can take it and, as a target, reproduce it; else say what is wrong.

    Parameters
    ----------
    model : torch.nn.Module
        The model. Its attributes ``n_visible`` and ``decoder_kind`` say what it takes; one without
        them takes any number of columns, and any finite values.
    x : Tensor, shape (m, n)
        A batch, one sample a row, of the dtype and on the device of the model; in [0, 1] for a
        sigmoid decoder.
    name : str, default "x"
        The argument's name, for the message.
    target : bool, default True
        Whether the model is to reproduce it: then the range counts.

    Raises
    ------
    TypeError
        If it is no tensor, or its dtype is not the model's.
    ValueError
        If it is on another device, has another shape, is empty, holds NaN or infinity, or lies
        outside [0, 1] with a sigmoid decoder.
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"{name} must be a torch tensor, got {type(x).__name__}")
    for parameter in model.parameters():
        if x.dtype != parameter.dtype:
            raise TypeError(
                f"{name} is {x.dtype} but the model is {parameter.dtype}; convert one of them"
            )
        if x.device != parameter.device:
            raise ValueError(
                f"{name} is on {x.device} but the model is on {parameter.device}; move one of them"
            )
    model = distributed.core(model)
    n = getattr(model, "n_visible", x.shape[-1] if x.ndim else 0)
    if x.ndim != 2 or x.shape[1] != n:
        raise ValueError(f"{name} must have shape (m, {n}), got {tuple(x.shape)}")
    if x.numel() == 0:
        raise ValueError(f"{name} is empty: shape {tuple(x.shape)}")
    low, high = (float(bound) for bound in torch.aminmax(x.detach()))
    if not (float("-inf") < low and high < float("inf")):
        raise ValueError(f"{name} holds NaN or infinity")
    kind = getattr(model, "decoder_kind", "linear")
    if target and kind == "sigmoid" and (low < 0.0 or high > 1.0):
        raise ValueError(
            f"{name} must lie in [0, 1] for a sigmoid decoder, got values from {low:.4g} to "
            f'{high:.4g}; rescale the data or use decoder="linear"'
        )
    return x


def data_loss(x_hat: Tensor, x: Tensor, *, group: distributed.Group | None = None) -> Tensor:
    r"""Return :math:`\frac1m\sum_i\frac12\lVert x_i-\hat x_i\rVert^2`, from shapes (m, n).

    It is computed in the dtype of ``x``, whatever a mixed precision made of ``x_hat``. With a
    ``group`` of workers the mean is taken over the samples of all of them.
    """
    total = 0.5 * (x_hat.to(x.dtype) - x).square().sum()
    return distributed.mean(total, len(x), group)


def decay_loss(model: nn.Module, weight_decay: float) -> Tensor:
    r"""Return :math:`\frac12\,\mathrm{decay}\sum_W\lVert W\rVert^2`; a tied matrix counts once."""
    squares = [p.square().sum() for name, p in model.named_parameters() if name.endswith("weight")]
    if not squares:
        return torch.zeros(())
    return 0.5 * weight_decay * torch.stack(squares).sum()


def reconstruction_loss(model: nn.Module, x: Tensor, *, weight_decay: float = 0.0) -> Tensor:
    r"""Return the objective of the plain autoencoder, as `aelib.byhand.autoencoder` has it.

    .. math::
        J = \frac1m \sum_{i=1}^m \tfrac12 \lVert x_i - \hat x_i \rVert^2
            + \tfrac12\,\mathrm{decay}\,\left(\lVert W^1 \rVert^2 + \lVert W^2 \rVert^2\right)

    Parameters
    ----------
    model : torch.nn.Module
        Any module that maps (m, n) to (m, n); of one with ``n_visible`` and ``decoder_kind``, as
        all models here have them, the data are checked against these. All parameters that are
        called ``weight`` decay.
    x : Tensor, shape (m, n)
        Data, one sample a row.
    weight_decay : float, default 0
        The weight of the squared norms; not negative. Biases are left alone.

    Returns
    -------
    Tensor, shape ()
        J, ready for ``backward()``.

    Raises
    ------
    TypeError, ValueError
        If ``x`` does not fit the model, or ``weight_decay`` is negative.
    """
    x = check_batch(model, x)
    weight_decay = validate.weight("weight_decay", weight_decay)
    group = distributed.group_of(model)
    return data_loss(model(x), x, group=group) + decay_loss(model, weight_decay)
