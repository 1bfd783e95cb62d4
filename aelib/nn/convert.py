"""Between the two halves: the one place where (in, out) meets torch's (out, in)."""

import numpy as np
import torch

from aelib.nn.autoencoder import Autoencoder
from aelib.validate import Array, choose_decoder, floats

_NAMES = ("encoder_weight", "encoder_bias", "decoder_weight", "decoder_bias")


def from_byhand(params: dict[str, Array], *, decoder: str = "sigmoid") -> Autoencoder:
    """Make a torch module from parameters by hand.

    Parameters
    ----------
    params : dict of str to ndarray
        As `aelib.byhand.init` returns it.
    decoder : {"sigmoid", "linear"}, default "sigmoid"
        What the output units do to their pre-activation.

    Returns
    -------
    Autoencoder
        On the CPU, in the dtype of ``params``, with copies of the values.

    Raises
    ------
    TypeError, ValueError
        If ``params`` is malformed or the decoder is unknown.
    """
    choose_decoder(decoder)
    if set(params) != set(_NAMES):
        raise ValueError(f"params must have the names {list(_NAMES)}, got {list(params)}")
    for name in _NAMES:
        floats(name, params[name], ndim=2 if name.endswith("weight") else 1)
    n, h = params["encoder_weight"].shape
    dtype = torch.from_numpy(np.empty(0, params["encoder_weight"].dtype)).dtype
    # The weights drawn here are overwritten; a generator of its own spares torch's global one.
    model = Autoencoder(n, h, decoder=decoder, dtype=dtype, generator=torch.Generator())
    with torch.no_grad():
        for name in _NAMES:
            layer_name, kind = name.split("_")
            place = getattr(getattr(model, layer_name), kind)
            value = torch.from_numpy(params[name].T.copy())
            if value.dtype != dtype or value.shape != place.shape:
                raise ValueError(
                    f"{name} is {params[name].dtype} of shape {params[name].shape}, which does not "
                    f"fit encoder_weight: {dtype} of shape {(n, h)}"
                )
            place.copy_(value)
    return model


def to_byhand(model: Autoencoder) -> dict[str, Array]:
    """Take the parameters of a torch module by hand.

    Parameters
    ----------
    model : Autoencoder
        On any device.

    Returns
    -------
    dict of str to ndarray
        As `aelib.byhand.init` returns it; copies, in the dtype of the model.
    """
    params = {}
    for name in _NAMES:
        layer_name, kind = name.split("_")
        tensor = getattr(getattr(model, layer_name), kind)
        params[name] = np.ascontiguousarray(tensor.detach().cpu().numpy().T).copy()
    return params
