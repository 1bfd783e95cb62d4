r"""The dictionary-style sparse autoencoder: sparse activations that weight learned directions.

What tells one kind from another is its activation function: `torch.nn.ReLU`, `TopK`, `BatchTopK`
or `JumpReLU`. Each has its loss.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aelib import validate
from aelib.nn import distributed


class Dictionary(nn.Module):
    r"""A sparse autoencoder with a linear decoder, whose weight is a dictionary of directions.

    .. math::
        z = (x - b^2)\, W^1 + b^1, \qquad a = \varphi(z), \qquad \hat x = a W^2 + b^2

    Row j of :math:`W^2` is the direction :math:`d_j` of unit j, and :math:`a_j` says how much of it
    is in x.

    Parameters
    ----------
    n_visible : int
        The number n of inputs.
    n_hidden : int
        The number h of units, as a rule greater than n.
    activation : torch.nn.Module, optional
        The function :math:`\varphi`: `TopK`, `BatchTopK` or `JumpReLU`; `torch.nn.ReLU` if None.
    generator : torch.Generator, optional
        Where the starting directions come from; torch's own generator if None.
    dtype : torch.dtype, optional
        torch's default dtype if None.

    Attributes
    ----------
    encoder, decoder : torch.nn.Linear
        The two layers. Their ``weight`` is (out, in): :math:`d_j` is column j of
        ``decoder.weight``, and ``decoder.bias`` is :math:`b^2`, which the encoder subtracts.
    activation : torch.nn.Module
        The function :math:`\varphi`.
    steps_since_active : Tensor, shape (h,)
        How many training steps ago each unit was last active for any sample: 0 if it was in the
        last one. A forward pass counts as a step in training mode with gradients enabled, as it
        does for batch normalisation. It is saved with the parameters.
    n_visible : int
        The number n of inputs.
    decoder_kind : str
        ``"linear"``.

    Raises
    ------
    TypeError, ValueError
        If a size is no whole number of at least 1, or ``activation`` is no module.

    Notes
    -----
    The directions start uniform on the sphere, with norm 1, and the encoder starts as their
    transpose, as in Gao et al. (2024); the biases start at 0. `keep_unit_norm` keeps the norms
    at 1. The form with :math:`b^2` on both sides is that of Bricken et al. (2023).
    """

    steps_since_active: Tensor

    def __init__(
        self,
        n_visible: int,
        n_hidden: int,
        activation: nn.Module | None = None,
        *,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        n, h = validate.count("n_visible", n_visible), validate.count("n_hidden", n_hidden)
        if activation is not None and not isinstance(activation, nn.Module):
            raise TypeError(
                f"activation must be a torch module such as nn.TopK(k), "
                f"got {type(activation).__name__}"
            )
        self.n_visible, self.decoder_kind = n, "linear"
        directions = F.normalize(torch.randn((h, n), generator=generator, dtype=dtype), dim=1)
        # skip_init: nn.Linear would draw from torch's global generator first.
        self.encoder: nn.Linear = nn.utils.skip_init(nn.Linear, n, h, dtype=dtype)
        self.decoder: nn.Linear = nn.utils.skip_init(nn.Linear, h, n, dtype=dtype)
        with torch.no_grad():
            self.encoder.weight.copy_(directions)
            self.decoder.weight.copy_(directions.T)
            self.encoder.bias.zero_()
            self.decoder.bias.zero_()
        activation = nn.ReLU() if activation is None else activation
        self.activation = activation.to(dtype=directions.dtype)
        self.register_buffer("steps_since_active", torch.zeros(h, dtype=torch.int64))

    def preactivation(self, x: Tensor) -> Tensor:
        """Return the pre-activations z, shape (m, h), of ``x``, shape (m, n)."""
        z: Tensor = self.encoder(x - self.decoder.bias)
        return z

    def encode(self, x: Tensor) -> Tensor:
        """Return the activations a, shape (m, h), none of them negative, of ``x``, shape (m, n)."""
        a: Tensor = self.activation(self.preactivation(x))
        return a

    def decode(self, activation: Tensor) -> Tensor:
        """Return the reconstruction, shape (m, n), of ``activation``, shape (m, h)."""
        x_hat: Tensor = self.decoder(activation)
        return x_hat

    def forward(
        self, x: Tensor, *, with_layers: bool = False
    ) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        """Return the reconstruction of ``x``, both of shape (m, n).

        With ``with_layers`` also the activations and the pre-activations, both of shape (m, h).
        """
        z = self.preactivation(x)
        a = self.activation(z)
        if self.training and torch.is_grad_enabled():
            active = (a.detach() > 0).any(dim=0)
            self.steps_since_active.add_(1).masked_fill_(active, 0)
        x_hat = self.decode(a)
        return (x_hat, a, z) if with_layers else x_hat

    def dead(self, after: int) -> Tensor:
        """Say of which units the last ``after`` training steps saw nothing; shape (h,), bool."""
        return self.steps_since_active >= validate.count("after", after)


def share_steps(model: nn.Module) -> None:
    """Let a unit that was active for any of several workers count as active for all of them."""
    group = distributed.group_of(model)
    if group is not None:
        steps = distributed.core(model).steps_since_active
        steps.copy_(-distributed.largest(-steps, group))
