"""One training loop for every torch model of the book."""

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aelib import validate
from aelib.history import History
from aelib.progress import progress_bar


def train(
    model: nn.Module,
    loss: Callable[[Any, Tensor], Tensor],
    loader: Iterable[Any],
    optimizer: torch.optim.Optimizer,
    *,
    epochs: int,
    device: str | torch.device = "cpu",
    progress: bool = True,
) -> History:
    """Train a model in place.

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
    progress : bool, default True
        Whether to show a progress bar. The environment variable ``TQDM_DISABLE=1`` hides it too.

    Returns
    -------
    History
        The mean loss over the samples of the data before training and of each epoch. The entry of
        an epoch averages over its batches, taken while the parameters changed. If you interrupt
        it, the model keeps what it learned and you get what was recorded, with a warning.

    Raises
    ------
    TypeError, ValueError
        If ``epochs`` is no whole number of at least 1, ``loader`` yields nothing or something that
        is no tensor, or ``optimizer`` holds none of the model's parameters.
    FloatingPointError
        If the loss or its gradient becomes NaN or infinite: the message names the epoch and the
        batch, and the parameters are those before that batch.
    """
    epochs = validate.count("epochs", epochs)
    model.to(device)
    held = [p for group in optimizer.param_groups for p in group["params"]]
    if not {id(p) for p in model.parameters()} & {id(p) for p in held}:
        raise ValueError("optimizer holds none of the parameters of model")

    losses = [_mean_loss(model, loss, loader, device)]
    message = f"took all {epochs} epochs"
    try:
        with progress_bar(total=epochs, desc="training", unit="epoch", show=progress) as bar:
            for epoch in range(epochs):
                total, n_samples = 0.0, 0
                for number, batch in enumerate(loader):
                    x = _first(batch).to(device)
                    optimizer.zero_grad(set_to_none=True)
                    value = loss(model, x)
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
    loss: Callable[[Any, Tensor], Tensor],
    loader: Iterable[Any],
    device: str | torch.device,
) -> float:
    total, n_samples = 0.0, 0
    with torch.no_grad():
        for batch in loader:
            x = _first(batch).to(device)
            total += float(loss(model, x)) * len(x)
            n_samples += len(x)
    if n_samples == 0:
        raise ValueError("loader yields no samples")
    return total / n_samples


def _first(batch: Any) -> Tensor:
    x = batch[0] if isinstance(batch, tuple | list) else batch
    if not isinstance(x, Tensor):
        raise TypeError(f"loader must yield tensors, got {type(x).__name__}")
    return x
