"""Models on disk: written whole or not at all, and read without running what is in the file."""

import hashlib
import io
import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

from aelib import whole
from aelib.nn import distributed

_MODEL = "aelib model"
# torch does not look at the checksums in its files: with one bit flipped it may return other
# weights, or memory that nobody wrote. So a digest of the whole follows; torch.load passes over it.
_DIGEST_SIZE = hashlib.sha256().digest_size


def save(model: nn.Module, path: str | os.PathLike[str]) -> None:
    """Save a model's parameters.

    Parameters
    ----------
    model : torch.nn.Module
        The model, on any device.
    path : str or path
        The file. It is written beside its place first and then moved there in one step, so that
        whatever happens there is the old file or the new one, never half of one.

    Notes
    -----
    The file holds the ``state_dict``, as `torch.save` writes it, and a checksum; no code.
    """
    model = distributed.core(model)
    write(path, _MODEL, {"decoder": _decoder(model), "state": model.state_dict()})


def load(model: nn.Module, path: str | os.PathLike[str]) -> nn.Module:
    """Load saved parameters into a model of the same make.

    Parameters
    ----------
    model : torch.nn.Module
        The model; changed in place, and left alone if the file does not fit. It stays on its
        device, whichever one the file was written on.
    path : str or path
        The file, as `save` writes it.

    Returns
    -------
    torch.nn.Module
        ``model``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, was not written by `save`, or holds parameters of other names,
        shapes or dtypes, another kind of decoder, or values that are NaN or infinite.
    """
    content = read(path, _MODEL, {"decoder", "state"})
    decoder = _decoder(distributed.core(model))
    if content["decoder"] != decoder:
        raise ValueError(
            f"{path} is of a model with a {content['decoder']} decoder, not a {decoder} one"
        )
    load_state(model, content["state"], path)
    return model


def write(path: str | os.PathLike[str], kind: str, content: dict[str, Any]) -> None:
    """Write a file of a given kind, whole or not at all.

    Parameters
    ----------
    path : str or path
        The file.
    kind : str
        What is in it; `read` asks for the same.
    content : dict
        Tensors, numbers, strings, and dicts and lists of these.
    """
    buffer = io.BytesIO()
    torch.save({"kind": kind, **content}, buffer)
    body = buffer.getvalue()
    whole.write(path, body + hashlib.sha256(body).digest())


def read(path: str | os.PathLike[str], kind: str, names: set[str]) -> dict[str, Any]:
    """Read a file that `write` wrote; nothing in it is executed.

    Parameters
    ----------
    path : str or path
        The file.
    kind : str
        What has to be in it.
    names : set of str
        The names that its content has to have.

    Returns
    -------
    dict
        The content, tensors on the CPU.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, or holds something else.
    """
    data = Path(path).read_bytes()
    body, digest = data[:-_DIGEST_SIZE], data[-_DIGEST_SIZE:]
    if hashlib.sha256(body).digest() != digest:
        raise ValueError(f"{path} is damaged, or was not written by aelib.nn")
    try:
        content = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds, and says of none that it will stay
        raise ValueError(f"{path} was not written by aelib.nn: {error}") from error
    found = content.get("kind") if isinstance(content, dict) else None
    if found != kind or set(content) != {"kind", *names}:
        what = repr(found) if isinstance(found, str) else "something else"
        raise ValueError(f"{path} holds {what}, not {kind!r}")
    return dict(content)


def load_state(model: nn.Module, state: Any, path: str | os.PathLike[str]) -> None:
    """Copy a state into a model if every entry fits, else say which one does not.

    Parameters
    ----------
    model : torch.nn.Module
        The model; changed in place.
    state : dict of str to Tensor
        As ``model.state_dict()`` returns it.
    path : str or path
        Where it came from, for the message.

    Raises
    ------
    ValueError
        If a name, shape or dtype differs, or a value is NaN or infinite.
    """
    model = distributed.core(model)
    expected = model.state_dict()
    if not isinstance(state, dict) or set(state) != set(expected):
        raise ValueError(f"{path} does not hold {list(expected)}, but {list(state)}")
    for name, value in state.items():
        wanted = expected[name]
        if value.shape != wanted.shape or value.dtype != wanted.dtype:
            raise ValueError(
                f"{path}: {name} is {value.dtype} of shape {tuple(value.shape)}, but the model's "
                f"is {wanted.dtype} of shape {tuple(wanted.shape)}"
            )
        if not torch.isfinite(value).all():
            raise ValueError(f"{path}: {name} holds NaN or infinity")
    model.load_state_dict(state)


def _decoder(model: nn.Module) -> str:
    # The state does not tell a sigmoid decoder from a linear one, but they are different models.
    return str(getattr(model, "decoder_kind", "unknown"))
