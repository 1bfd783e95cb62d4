"""Between the two halves: the one place where (in, out) meets torch's (out, in)."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from aelib.nn.autoencoder import Autoencoder
from aelib.nn.dictionary import Dictionary
from aelib.nn.stacked import Classifier, StackedAutoencoder
from aelib.validate import Array, choose_decoder, floats

Model = Autoencoder | Dictionary | StackedAutoencoder | Classifier


def places(model: Model) -> dict[str, nn.Parameter]:
    """Return a module's parameters under the names of the other half, in its order.

    Parameters
    ----------
    model : Autoencoder, Dictionary, StackedAutoencoder or Classifier
        On any device.

    Returns
    -------
    dict of str to torch.nn.Parameter
        Themselves, no copies; a weight is (out, in). Tied weights have no ``decoder_weight``. The
        thresholds of a `JumpReLU` have no place by hand and are not among them.

    Raises
    ------
    TypeError
        If the model is of another kind, which has no counterpart by hand.
    """
    if not isinstance(model, Model):
        raise TypeError(f"{type(model).__name__} has no counterpart in aelib.byhand")
    layers: dict[str, nn.Module] = {}  # each layer, and its name with a place for the kind
    if isinstance(model, Autoencoder | Dictionary):
        layers = {"encoder_{}": model.encoder, "decoder_{}": model.decoder}
    else:
        for k, layer in enumerate(model.encoder, start=1):
            layers[f"encoder_{{}}_{k}"] = layer
        if isinstance(model, Classifier):
            layers["class_{}"] = model.head
        else:
            for k, layer in enumerate(model.decoder):
                layers[f"decoder_{{}}_{len(model.decoder) - k}"] = layer
    return {
        name.format(kind): value
        for name, layer in layers.items()
        for kind, value in layer.named_parameters()
    }


def from_byhand(
    params: Mapping[str, Array],
    *,
    decoder: str = "sigmoid",
    activation: nn.Module | None = None,
) -> Model:
    """Make a torch module from parameters by hand.

    Parameters
    ----------
    params : dict of str to ndarray
        As `aelib.byhand.init`, `aelib.byhand.stacked.unroll` or
        `aelib.byhand.stacked.init_classifier` returns it; the names tell which model it is.
    decoder : {"sigmoid", "linear"}, default "sigmoid"
        What the output units do to their pre-activation; of no matter to a classifier, and a
        `Dictionary` is linear.
    activation : torch.nn.Module, optional
        Makes it a `Dictionary` with this activation function: ``nn.TopK(k)`` for parameters of
        `aelib.byhand.topk`, ``torch.nn.ReLU()`` for those of `aelib.byhand.l1`.

    Returns
    -------
    Autoencoder, Dictionary, StackedAutoencoder or Classifier
        On the CPU, in the dtype of ``params``, with copies of the values; tied if ``params`` are.

    Raises
    ------
    TypeError, ValueError
        If ``params`` is malformed or the decoder is unknown.
    """
    choose_decoder(decoder)
    if not isinstance(params, Mapping):
        raise TypeError(f"params must be a dict of arrays, got {type(params).__name__}")
    for name, value in params.items():
        floats(name, value, ndim=2 if "_weight" in name else 1)
    weights = [value for name, value in params.items() if name.startswith("encoder_weight")]
    model = _empty(params, weights, decoder, activation) if weights else None
    names = list(places(model)) if model else ["encoder_weight", "encoder_bias", "decoder_bias"]
    if model is None or set(params) != set(names):
        raise ValueError(f"params must have the names {names}, got {list(params)}")
    dtype = weights[0].dtype
    with torch.no_grad():
        for name, place in places(model).items():
            value = np.ascontiguousarray(params[name].T)
            if value.dtype != dtype or value.shape != place.shape:
                raise ValueError(
                    f"{name} is {params[name].dtype} of shape {params[name].shape}, which does not "
                    f"fit the encoder: {dtype} of shape {tuple(place.shape)[::-1]}"
                )
            place.copy_(torch.from_numpy(value))
    return model


def _empty(
    params: Mapping[str, Array],
    weights: list[Array],
    decoder: str,
    activation: nn.Module | None,
) -> Model:
    """Return a module for parameters of these names and of the shapes of these encoder weights."""
    n_visible, sizes = len(weights[0]), [weight.shape[1] for weight in weights]
    dtype = torch.from_numpy(np.empty(0, weights[0].dtype)).dtype
    # The weights drawn here are overwritten; a generator of its own spares torch's global one.
    generator = torch.Generator()
    if activation is not None:
        return Dictionary(n_visible, sizes[0], activation, generator=generator, dtype=dtype)
    if "encoder_weight" in params:
        return Autoencoder(
            n_visible,
            sizes[0],
            decoder=decoder,
            tied="decoder_weight" not in params,
            generator=generator,
            dtype=dtype,
        )
    stacked = StackedAutoencoder(
        n_visible, sizes, decoder=decoder, generator=generator, dtype=dtype
    )
    if "class_weight" not in params:
        return stacked
    return Classifier(stacked, params["class_weight"].shape[1], generator=generator)


def to_byhand(model: Model) -> dict[str, Array]:
    """Take the parameters of a torch module by hand.

    Parameters
    ----------
    model : Autoencoder, Dictionary, StackedAutoencoder or Classifier
        On any device.

    Returns
    -------
    dict of str to ndarray
        As `aelib.byhand.init`, `aelib.byhand.stacked.unroll` or
        `aelib.byhand.stacked.init_classifier` returns it; copies, in the dtype of the model.

    Raises
    ------
    TypeError
        If the model is of another kind, which has no counterpart by hand.
    """
    return {
        name: np.ascontiguousarray(place.detach().cpu().numpy().T).copy()
        for name, place in places(model).items()
    }
