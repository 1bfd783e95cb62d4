"""A small convolutional autoencoder for square grey images."""

import torch
from torch import Tensor, nn

from aelib import validate


class ConvolutionalAutoencoder(nn.Module):
    r"""Two strided convolutions down to a quarter of the side, and two transposed ones back up.

    Each kernel is 4 by 4 with stride 2 and a padding of 1, so a layer halves or doubles the side
    exactly, and as 4 is a multiple of 2 every pixel gets the same number of contributions: no
    checkerboard from the arithmetic (Odena, Dumoulin and Olah, 2016). The first layer of each half
    has rectified linear units. The code is linear: with sigmoids there training starts on a
    plateau, where the output is the mean image whatever the input.

    Parameters
    ----------
    size : int
        The height and width of the images, a multiple of 4: 28 for MNIST, 8 for the digits.
    channels : (int, int), default (16, 4)
        The numbers of feature maps after the first convolution and in the code. A code of 4 maps
        has a quarter as many numbers as the image has pixels.
    decoder : {"sigmoid", "linear"}, default "sigmoid"
        What the output units do to their pre-activation.
    generator : torch.Generator, optional
        Where the starting weights come from; torch's own generator if None.
    dtype : torch.dtype, optional
        torch's default dtype if None.

    Attributes
    ----------
    encoder : torch.nn.ModuleList of two torch.nn.Conv2d
        From the image to the code.
    decoder : torch.nn.ModuleList of two torch.nn.ConvTranspose2d
        From the code to the image.
    n_visible : int
        The number of pixels, ``size ** 2``.
    decoder_kind : str
        ``"sigmoid"`` or ``"linear"``.

    Raises
    ------
    TypeError, ValueError
        If a size is no whole number of at least 1, ``size`` is no multiple of 4, or the decoder is
        unknown.

    Notes
    -----
    Samples are rows, as everywhere in the book: images go in and come out as (m, size * size). So
    `reconstruction_loss` and `denoising_loss` take the model as it is. Masci, Meier, Cireşan and
    Schmidhuber (2011), with strides in place of their pooling.
    """

    def __init__(
        self,
        size: int,
        channels: tuple[int, int] = (16, 4),
        *,
        decoder: str = "sigmoid",
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.size = validate.count("size", size)
        middle, code = validate.counts("channels", channels, length=2)
        validate.choose_decoder(decoder)
        if self.size % 4:
            raise ValueError(f"size must be a multiple of 4, got {size}")
        self.n_visible, self.decoder_kind = self.size**2, decoder

        def layer(kind: type[nn.Module], n_in: int, n_out: int) -> nn.Module:
            made: nn.Module = nn.utils.skip_init(
                kind, n_in, n_out, kernel_size=4, stride=2, padding=1, dtype=dtype
            )
            nn.init.xavier_uniform_(made.weight, generator=generator)  # type: ignore[arg-type]
            nn.init.zeros_(made.bias)  # type: ignore[arg-type]
            return made

        self.encoder = nn.ModuleList([layer(nn.Conv2d, 1, middle), layer(nn.Conv2d, middle, code)])
        self.decoder = nn.ModuleList(
            [layer(nn.ConvTranspose2d, code, middle), layer(nn.ConvTranspose2d, middle, 1)]
        )

    def encode(self, x: Tensor) -> Tensor:
        """Return the code of ``x``, shape (m, size * size): feature maps of any sign.

        Their shape is (m, channels of the code, size / 4, size / 4).
        """
        first, second = self.encoder
        images = x.reshape(len(x), 1, self.size, self.size)
        code: Tensor = second(torch.relu(first(images)))
        return code

    def decode(self, activation: Tensor) -> Tensor:
        """Return the reconstruction, shape (m, size * size), of a code, shaped as `encode` does."""
        first, second = self.decoder
        z: Tensor = second(torch.relu(first(activation))).flatten(start_dim=1)
        return torch.sigmoid(z) if self.decoder_kind == "sigmoid" else z

    def forward(self, x: Tensor) -> Tensor:
        """Return the reconstruction of ``x``, both of shape (m, size * size)."""
        return self.decode(self.encode(x))

    def extra_repr(self) -> str:
        """Name the size and the decoder when the module is printed."""
        return f"size={self.size}, decoder={self.decoder_kind!r}"
