"""A dictionary in the files of SAELens: weights in safetensors, and a cfg.json beside them.

The layout is that of SAELens 6: ``sae_weights.safetensors`` with ``W_enc`` (n, h), ``b_enc`` (h,),
``W_dec`` (h, n), ``b_dec`` (n,), and for a JumpReLU ``threshold`` (h,); and ``cfg.json``, which
says what kind it is. Rows are samples there too, so the matrices are those of the book.
"""

import json
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from aelib import whole
from aelib.nn import distributed
from aelib.nn.dictionary import Dictionary
from aelib.nn.jumprelu import JumpReLU
from aelib.nn.topk import BatchTopK, TopK

WEIGHTS, CONFIG = "sae_weights.safetensors", "cfg.json"
# The version whose layout this is; one below 6 would make SAELens take the file for an older one.
VERSION = "6.54.12"
_DTYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}


def write_saelens(model: Dictionary, folder: str | os.PathLike[str]) -> None:
    """Write a dictionary so that SAELens can load it with ``SAE.load_from_disk(folder)``.

    Parameters
    ----------
    model : Dictionary
        The model, on any device. With `torch.nn.ReLU` it becomes SAELens' "standard", with `TopK`
        "topk", with `JumpReLU` "jumprelu". With `BatchTopK` it becomes "jumprelu" with the same
        threshold for all units, as SAELens itself writes it.
    folder : str or path
        Where the two files go; made if it is not there. Each is written whole or not at all.

    Raises
    ------
    TypeError, ValueError
        If the model has another activation, a `BatchTopK` that has no threshold yet, or another
        dtype than SAELens knows.

    Notes
    -----
    Needs the package ``safetensors``.
    """
    from safetensors.torch import save  # an extra, so only where it is needed

    model = distributed.core(model)
    activation, own, more = model.activation, {}, {}
    weight = model.encoder.weight
    if isinstance(activation, TopK):
        kind, more = "topk", {"k": activation.k, "rescale_acts_by_decoder_norm": False}
    elif isinstance(activation, BatchTopK):
        if activation.n_batches == 0:
            raise ValueError("the model's BatchTopK has no threshold yet: train it first")
        kind, own = "jumprelu", {"threshold": activation.threshold.expand(len(weight))}
    elif isinstance(activation, JumpReLU):
        kind, own = "jumprelu", {"threshold": activation.threshold.clamp(min=0.0)}
    elif isinstance(activation, nn.ReLU):
        kind = "standard"
    else:
        raise TypeError(f"SAELens has no architecture for {type(activation).__name__}")
    tensors = {
        "W_enc": weight.T,
        "b_enc": model.encoder.bias,
        "W_dec": model.decoder.weight.T,
        "b_dec": model.decoder.bias,
        **own,
    }
    names = [name for name, dtype in _DTYPES.items() if dtype == weight.dtype]
    if not names:
        raise ValueError(f"SAELens knows {', '.join(_DTYPES)}, but the model is {weight.dtype}")
    config = {
        "architecture": kind,
        "d_in": model.n_visible,
        "d_sae": len(weight),
        "dtype": names[0],
        "device": "cpu",
        "apply_b_dec_to_input": True,
        "normalize_activations": "none",
        "reshape_activations": "none",
        **more,
        "metadata": {"sae_lens_version": VERSION},
    }
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    stored = {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in tensors.items()
    }
    whole.write(folder / WEIGHTS, save(stored))
    whole.write(folder / CONFIG, json.dumps(config, indent=2).encode())


def read_saelens(folder: str | os.PathLike[str]) -> Dictionary:
    """Read a dictionary from the files of SAELens, version 6.

    Parameters
    ----------
    folder : str or path
        Holds ``cfg.json`` and ``sae_weights.safetensors``.

    Returns
    -------
    Dictionary
        On the CPU, in the dtype of the weights, which computes what SAELens computes. A "jumprelu"
        gets a `JumpReLU` with the default bandwidth, which the files do not know. If the encoder
        is not to subtract the decoder's bias (``apply_b_dec_to_input``), or TopK is to choose after
        multiplying by the decoder's norms, this is worked into the weights.

    Raises
    ------
    FileNotFoundError
        If one of the two files is missing.
    ValueError
        If a file is damaged, the architecture is not one of "standard", "topk" and "jumprelu",
        activations are to be normalised or reshaped, or names, shapes, dtypes or values of the
        weights are not what they should be.

    Notes
    -----
    Needs the package ``safetensors``. Nothing in the files is executed.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    folder = Path(folder)
    config = _read_config(folder / CONFIG)
    path = folder / WEIGHTS
    try:
        tensors = load(path.read_bytes())
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    n, h, kind = config["d_in"], config["d_sae"], config["architecture"]
    shapes = {"W_enc": (n, h), "b_enc": (h,), "W_dec": (h, n), "b_dec": (n,)}
    if kind == "jumprelu":
        shapes["threshold"] = (h,)
    _check_tensors(path, tensors, shapes)

    if config.get("rescale_acts_by_decoder_norm"):
        norms = tensors["W_dec"].norm(dim=1).clamp(min=1e-8)
        tensors["W_enc"] = tensors["W_enc"] * norms
        tensors["b_enc"] = tensors["b_enc"] * norms
        tensors["W_dec"] = tensors["W_dec"] / norms[:, None]
    if not config.get("apply_b_dec_to_input", True):
        tensors["b_enc"] = tensors["b_enc"] + tensors["b_dec"] @ tensors["W_enc"]
    dtype = tensors["W_enc"].dtype
    activation: nn.Module = nn.ReLU()
    if kind == "topk":
        activation = TopK(config["k"])
    elif kind == "jumprelu":
        activation = JumpReLU(h, dtype=dtype)
    # The directions drawn here are overwritten; a generator of its own spares torch's global one.
    model = Dictionary(n, h, activation, generator=torch.Generator(), dtype=dtype)
    with torch.no_grad():
        model.encoder.weight.copy_(tensors["W_enc"].T)
        model.encoder.bias.copy_(tensors["b_enc"])
        model.decoder.weight.copy_(tensors["W_dec"].T)
        model.decoder.bias.copy_(tensors["b_dec"])
        if isinstance(model.activation, JumpReLU):
            model.activation.threshold.copy_(tensors["threshold"])
    return model


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if not isinstance(config, dict):
        raise ValueError(f"{path} must hold an object, got {type(config).__name__}")
    kind = config.get("architecture")
    if kind not in ("standard", "topk", "jumprelu"):
        raise ValueError(
            f'{path}: architecture must be "standard", "topk" or "jumprelu", got {kind!r}'
        )
    for name in ("d_in", "d_sae", *(["k"] if kind == "topk" else [])):
        value = config.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{path}: {name} must be a whole number of at least 1, got {value!r}")
    if kind == "topk" and config["k"] > config["d_sae"]:
        raise ValueError(f"{path}: k must be at most d_sae={config['d_sae']}, got {config['k']}")
    for name in ("normalize_activations", "reshape_activations"):
        if config.get(name, "none") != "none":
            raise ValueError(f'{path}: {name} must be "none" to be read here, got {config[name]!r}')
    return config


def _check_tensors(
    path: Path, tensors: dict[str, Tensor], shapes: dict[str, tuple[int, ...]]
) -> None:
    if set(tensors) != set(shapes):
        raise ValueError(f"{path} must hold {sorted(shapes)}, got {sorted(tensors)}")
    dtype = tensors["W_enc"].dtype
    for name, shape in shapes.items():
        value = tensors[name]
        if value.shape != shape or value.dtype != dtype or dtype not in _DTYPES.values():
            raise ValueError(
                f"{path}: {name} is {value.dtype} of shape {tuple(value.shape)}, which does not "
                f"fit {shape} and W_enc, {dtype}"
            )
        if not torch.isfinite(value).all():
            raise ValueError(f"{path}: {name} holds NaN or infinity")
