"""One training loop for every torch model of the book."""

import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aelib import validate
from aelib.history import History
from aelib.nn import state
from aelib.progress import progress_bar


def train(
    model: nn.Module,
    loss: Callable[..., Tensor],
    loader: Iterable[Any],
    optimizer: torch.optim.Optimizer,
    *,
    epochs: int,
    device: str | torch.device = "cpu",
    labels: bool = False,
    checkpoint: str | os.PathLike[str] | None = None,
    generators: Sequence[torch.Generator] = (),
    progress: bool = True,
) -> History:
    """Train a model in place; with a checkpoint, go on where a training was interrupted.

    Parameters
    ----------
    model : torch.nn.Module
        The model; moved to ``device``.
    loss : callable
        Takes the model and a batch, returns a tensor of shape (). Fix its settings with
        `functools.partial`: ``partial(nn.sparse_loss, rho=0.05, sparsity_weight=3.0)``.
    loader : iterable
        Yields batches each time it is gone through: tensors, or tuples that begin with one, as a
        `torch.utils.data.DataLoader` does.
    optimizer : torch.optim.Optimizer
        Built on the parameters of ``model``.
    epochs : int
        How often to go through ``loader``.
    device : str or torch.device, default "cpu"
        Where to train.
    labels : bool, default False
        Whether ``loss`` takes the batch's second tensor too, as `classifier_loss` does.
    checkpoint : str or path, optional
        A file that is written before the first epoch and after each: the model, the optimiser, the
        losses and the states of ``generators``, whole or not at all. If it exists, training goes
        on from there, and ends with exactly the parameters and losses of one that was never
        interrupted; an epoch that was not finished is done again. The settings of the optimiser,
        such as its learning rate, come from the file. You may ask for more epochs than before.
    generators : sequence of torch.Generator, default ()
        Everything that draws: the generators of ``loader`` and of the noise in ``loss``, in the
        same order every time. For torch's own, `torch.default_generator`.
    progress : bool, default True
        Whether to show a progress bar. The environment variable ``TQDM_DISABLE=1`` hides it too.

    Returns
    -------
    History
        The mean loss over the samples of the data before training and of each epoch, those before
        an interruption included. The entry of an epoch averages over its batches, taken while the
        parameters changed. If you interrupt it, the model keeps what it learned and you get what
        was recorded, with a warning.

    Raises
    ------
    TypeError, ValueError
        If ``epochs`` is no whole number of at least 1, ``loader`` yields nothing or something that
        is no tensor, ``optimizer`` holds none of the model's parameters, or ``checkpoint`` is
        damaged, holds more epochs, or does not fit the model, the optimiser or the generators.
    FloatingPointError
        If the loss or its gradient becomes NaN or infinite: the message names the epoch and the
        batch, and the parameters are those before that batch.
    """
    epochs = validate.count("epochs", epochs)
    model.to(device)
    held = [p for group in optimizer.param_groups for p in group["params"]]
    if not {id(p) for p in model.parameters()} & {id(p) for p in held}:
        raise ValueError("optimizer holds none of the parameters of model")

    n_tensors = 2 if labels else 1
    if checkpoint is not None and os.path.exists(checkpoint):
        losses = _resume(checkpoint, model, optimizer, generators)
        if len(losses) > epochs + 1:
            raise ValueError(
                f"{checkpoint} holds {len(losses) - 1} epochs, more than the {epochs} asked for"
            )
    else:
        losses = [_mean_loss(model, loss, loader, device, n_tensors)]
        if checkpoint is not None:
            _keep(checkpoint, model, optimizer, generators, losses)
    message = f"took all {epochs} epochs"
    try:
        with progress_bar(total=epochs, desc="training", unit="epoch", show=progress) as bar:
            bar.update(len(losses) - 1)
            for epoch in range(len(losses) - 1, epochs):
                total, n_samples = 0.0, 0
                for number, batch in enumerate(loader):
                    x, *rest = _tensors(batch, n_tensors, device)
                    optimizer.zero_grad(set_to_none=True)
                    value = loss(model, x, *rest)
                    current = value.item()
                    if not torch.isfinite(value):
                        raise FloatingPointError(
                            f"the loss became {current} in epoch {epoch + 1}, batch {number + 1}; "
                            "a smaller learning rate may help"
                        )
                    value.backward()
                    if not all(torch.isfinite(p.grad).all() for p in held if p.grad is not None):
                        raise FloatingPointError(
                            f"the gradient became NaN or infinite in epoch {epoch + 1}, batch "
                            f"{number + 1}; a smaller learning rate may help"
                        )
                    optimizer.step()
                    total += current * len(x)
                    n_samples += len(x)
                if n_samples == 0:
                    raise ValueError(
                        "loader yields no samples the second time: it must be one that can be gone "
                        "through again, such as a list or a DataLoader"
                    )
                losses.append(total / n_samples)
                if checkpoint is not None:
                    _keep(checkpoint, model, optimizer, generators, losses)
                bar.set_postfix(loss=f"{losses[-1]:.4g}", refresh=False)
                bar.update()
    except KeyboardInterrupt:
        message = "interrupted"
        warnings.warn(
            f"training was interrupted after {len(losses) - 1} of {epochs} epochs",
            RuntimeWarning,
            stacklevel=2,
        )
    return History(np.array(losses), "epoch", message, False)


def _mean_loss(
    model: nn.Module,
    loss: Callable[..., Tensor],
    loader: Iterable[Any],
    device: str | torch.device,
    n_tensors: int,
) -> float:
    total, n_samples = 0.0, 0
    with torch.no_grad():
        for batch in loader:
            x, *rest = _tensors(batch, n_tensors, device)
            total += float(loss(model, x, *rest)) * len(x)
            n_samples += len(x)
    if n_samples == 0:
        raise ValueError("loader yields no samples")
    return total / n_samples


def _tensors(batch: Any, n_tensors: int, device: str | torch.device) -> list[Tensor]:
    """Return the first tensors of a batch, moved to where the training takes place."""
    parts = list(batch[:n_tensors]) if isinstance(batch, tuple | list) else [batch]
    for part in parts:
        if not isinstance(part, Tensor):
            raise TypeError(f"loader must yield tensors, got {type(part).__name__}")
    if len(parts) < n_tensors:
        raise TypeError("loader must yield tuples of data and labels if labels=True")
    return [part.to(device) for part in parts]


_TRAINING = "aelib training"
_NAMES = {"model", "optimizer", "optimizer_kind", "losses", "generators"}


def _keep(
    path: str | os.PathLike[str],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    generators: Sequence[torch.Generator],
    losses: list[float],
) -> None:
    content = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "optimizer_kind": type(optimizer).__name__,
        "losses": losses,
        "generators": [generator.get_state() for generator in generators],
    }
    state.write(path, _TRAINING, content)


def _resume(
    path: str | os.PathLike[str],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    generators: Sequence[torch.Generator],
) -> list[float]:
    content = state.read(path, _TRAINING, _NAMES)
    if len(content["generators"]) != len(generators):
        raise ValueError(
            f"{path} holds the states of {len(content['generators'])} generators, but "
            f"{len(generators)} were given"
        )
    if content["optimizer_kind"] != type(optimizer).__name__:
        raise ValueError(
            f"{path} holds the state of {content['optimizer_kind']}, but the optimizer is "
            f"{type(optimizer).__name__}"
        )
    state.load_state(model, content["model"], path)
    optimizer.load_state_dict(content["optimizer"])
    for generator, kept in zip(generators, content["generators"], strict=True):
        generator.set_state(kept)
    return list(content["losses"])
