r"""The denoising autoencoder in torch."""

from torch import Tensor, nn

from aelib import validate
from aelib.nn import distributed
from aelib.nn.autoencoder import Autoencoder, check_batch, data_loss, decay_loss


class DenoisingAutoencoder(Autoencoder):
    """An `Autoencoder` that is to be trained with `denoising_loss`.

    The network is the plain one: what makes it denoise is the objective. Parameters and attributes
    are those of `Autoencoder`.
    """

    def displacement(self, x: Tensor) -> Tensor:
        r"""Return :math:`r(x) - x`, shape (m, n): the arrows of the learned vector field.

        For small Gaussian noise of standard deviation :math:`\sigma` the best denoiser has
        :math:`r(x) - x = \sigma^2 \nabla \log p(x) + o(\sigma^2)`: Alain and Bengio (2014).
        """
        reconstruction: Tensor = self(x)
        return reconstruction - x


def denoising_loss(
    model: nn.Module, x: Tensor, *, x_noisy: Tensor, weight_decay: float = 0.0
) -> Tensor:
    r"""Return the objective of the denoising autoencoder, as `aelib.byhand.denoising` has it.

    .. math::
        J = \frac1m \sum_{i=1}^m \tfrac12 \lVert x_i - g(f(\tilde x_i)) \rVert^2
            + \tfrac12\,\mathrm{decay}\,\left(\lVert W^1 \rVert^2 + \lVert W^2 \rVert^2\right)

    Parameters
    ----------
    model : torch.nn.Module
        The model; any module that `reconstruction_loss` takes.
    x : Tensor, shape (m, n)
        Clean data, one sample a row.
    x_noisy : Tensor, shape (m, n)
        The same samples corrupted; any finite values. To train on fresh noise for every batch::

            def loss(model, x):
                return denoising_loss(model, x, x_noisy=corruption.masking(x, 0.3, generator))

    weight_decay : float, default 0
        The weight of the squared norms; not negative. Biases are left alone.

    Returns
    -------
    Tensor, shape ()
        J, ready for ``backward()``.

    Raises
    ------
    TypeError, ValueError
        If ``x`` or ``x_noisy`` does not fit the model, their lengths differ, or ``weight_decay`` is
        negative.
    """
    x = check_batch(model, x)
    x_noisy = check_batch(model, x_noisy, name="x_noisy", target=False)
    if x_noisy.shape != x.shape:
        raise ValueError(
            f"x_noisy must have the shape of x, {tuple(x.shape)}, got {tuple(x_noisy.shape)}"
        )
    weight_decay = validate.weight("weight_decay", weight_decay)
    group = distributed.group_of(model)
    return data_loss(model(x_noisy), x, group=group) + decay_loss(model, weight_decay)
