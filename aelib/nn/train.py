"""One training loop for every torch model of the book."""

import math
import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from aelib import validate
from aelib.history import History
from aelib.nn import distributed, state
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
    autocast: torch.dtype | None = None,
    progress: bool = True,
) -> History:
    """Train a model in place; with a checkpoint, go on where a training was interrupted.

    Parameters
    ----------
    model : torch.nn.Module
        The model; moved to ``device``. Wrapped in `torch.nn.parallel.DistributedDataParallel`, it
        is trained by all workers of its process group together, see the notes.
    loss : callable
        Takes the model and a batch, returns a tensor of shape (). Fix its settings with
        `functools.partial`: ``partial(nn.sparse_loss, rho=0.05, sparsity_weight=3.0)``.
    loader : iterable
        Yields batches each time it is gone through: tensors, or tuples that begin with one, as a
        `torch.utils.data.DataLoader` does. Of its data only the batch at hand has to be in memory,
        see `FileRows`.
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
    autocast : torch.dtype, optional
        ``torch.bfloat16`` lets the layers of a float32 model compute in it, which is faster on
        hardware made for it and takes half the memory for activations. Parameters, mean
        activations, penalties and losses stay in float32.
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
        is no tensor, ``optimizer`` holds none of the model's parameters, ``autocast`` is another
        dtype or the model is not float32, the workers' loaders differ in length, or ``checkpoint``
        is damaged, holds more epochs, or does not fit the model, the optimiser, the generators or
        the number of workers.
    FloatingPointError
        If the loss or its gradient becomes NaN or infinite: the message names the epoch and the
        batch, and the parameters are those before that batch.

    Notes
    -----
    With several workers (``torchrun``), each goes through its own ``loader``; the batch of a step
    is what they hold together. The losses of this package take every mean over all of it, the mean
    activations of the sparsity penalty included, so that the step is that of one process with the
    whole batch. All loaders need the same number of batches, of any sizes: a
    `torch.utils.data.distributed.DistributedSampler` sees to it, and gets its ``set_epoch`` called.
    The first worker shows the bar, and reads and writes the checkpoint for all. An interruption
    ends the training: start it again, and it goes on from the checkpoint, with the same result up
    to rounding, since torch may add up the workers' gradients in another order.
    """
    epochs = validate.count("epochs", epochs)
    group = distributed.group_of(model)
    mixed = _mixed_precision(autocast, model, device)
    if group is None:
        model.to(device)
    elif any(p.device.type != torch.device(device).type for p in model.parameters()):
        raise ValueError(f"move the model to {device} before you wrap it for several workers")
    held = [p for group in optimizer.param_groups for p in group["params"]]
    if not {id(p) for p in model.parameters()} & {id(p) for p in held}:
        raise ValueError("optimizer holds none of the parameters of model")

    n_tensors = 2 if labels else 1
    _check_lengths(loader, group)
    kept = distributed.from_first(partial(_read, checkpoint), group)
    if checkpoint is not None and kept is not None:
        losses = _resume(kept, checkpoint, model, optimizer, generators, group)
        if len(losses) > epochs + 1:
            raise ValueError(
                f"{checkpoint} holds {len(losses) - 1} epochs, more than the {epochs} asked for"
            )
    else:
        losses = [_mean_loss(model, loss, loader, device, n_tensors, mixed)]
        if checkpoint is not None:
            _keep(checkpoint, model, optimizer, generators, losses)
    message = f"took all {epochs} epochs"
    try:
        show = progress and distributed.is_first(group)
        with progress_bar(total=epochs, desc="training", unit="epoch", show=show) as bar:
            bar.update(len(losses) - 1)
            for epoch in range(len(losses) - 1, epochs):
                total, n_samples = 0.0, 0
                # Its own order of the samples for every epoch, the same after an interruption.
                set_epoch = getattr(getattr(loader, "sampler", None), "set_epoch", None)
                if set_epoch is not None:
                    set_epoch(epoch)
                for number, batch in enumerate(loader):
                    x, *rest = _tensors(batch, n_tensors, device)
                    optimizer.zero_grad(set_to_none=True)
                    with mixed():
                        value = loss(model, x, *rest)
                    current, size = _over_workers(value, len(x), group)
                    if not math.isfinite(current):
                        raise FloatingPointError(
                            f"the loss became {current} in epoch {epoch + 1}, batch {number + 1}; "
                            "a smaller learning rate may help"
                        )
                    value.backward()
                    if not _all_finite([p.grad for p in held if p.grad is not None]):
                        raise FloatingPointError(
                            f"the gradient became NaN or infinite in epoch {epoch + 1}, batch "
                            f"{number + 1}; a smaller learning rate may help"
                        )
                    optimizer.step()
                    total += current * size
                    n_samples += size
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
        # Workers stop at different places, so what they hold no longer agrees; the file does.
        if group is not None:
            raise
        message = "interrupted"
        warnings.warn(
            f"training was interrupted after {len(losses) - 1} of {epochs} epochs",
            RuntimeWarning,
            stacklevel=2,
        )
    return History(np.array(losses), "epoch", message, False)


def _all_finite(gradients: list[Tensor]) -> bool:
    # A sum is not finite if any entry is not; only where it is not (finite entries can also bring
    # that about, by overflow) does every entry get a look, which would cost every step more.
    total = sum(gradient.sum() for gradient in gradients)
    return math.isfinite(total) or all(bool(g.isfinite().all()) for g in gradients)


def _mean_loss(
    model: nn.Module,
    loss: Callable[..., Tensor],
    loader: Iterable[Any],
    device: str | torch.device,
    n_tensors: int,
    mixed: Callable[[], AbstractContextManager[Any]],
) -> float:
    group = distributed.group_of(model)
    total, n_samples = 0.0, 0
    with torch.no_grad(), mixed():
        for batch in loader:
            x, *rest = _tensors(batch, n_tensors, device)
            current, size = _over_workers(loss(model, x, *rest), len(x), group)
            total += current * size
            n_samples += size
    if n_samples == 0:
        raise ValueError("loader yields no samples")
    return total / n_samples


def _over_workers(value: Tensor, size: int, group: distributed.Group | None) -> tuple[float, int]:
    """Return the loss of a step and its number of samples, over all workers.

    A loss of this package is the same number everywhere; the mean weighted by the sizes leaves it
    as it is. For one that is taken locally it is the mean over all samples, and if it breaks for
    one worker, it breaks for all at the same step, and none waits for another in vain.
    """
    if group is None:
        return value.item(), size
    sums = torch.tensor([value.item() * size, size], dtype=torch.float64, device=value.device)
    dist.all_reduce(sums, group=group)
    total, n_samples = sums.tolist()
    return total / n_samples, int(n_samples)


def _check_lengths(loader: Iterable[Any], group: distributed.Group | None) -> None:
    """Refuse loaders of different lengths: a worker that has no more batches leaves others waiting.

    Of loaders that do not tell their length nothing is known.
    """
    if group is None:
        return
    try:
        length = len(loader)  # type: ignore[arg-type]
    except TypeError:
        length = None
    lengths = distributed.gather(length, group)
    if len(set(lengths)) > 1:
        raise ValueError(
            f"each worker's loader needs as many batches as the others', got {lengths}"
        )


def _mixed_precision(
    autocast: Any, model: nn.Module, device: str | torch.device
) -> Callable[[], AbstractContextManager[Any]]:
    """Return what makes the context in which a loss is computed."""
    if autocast is None:
        return nullcontext
    if not isinstance(autocast, torch.dtype):
        raise TypeError(f"autocast must be a torch.dtype, got {type(autocast).__name__}")
    # float16 has too small a range for gradients; they would have to be scaled.
    if autocast != torch.bfloat16:
        raise ValueError(f"autocast must be torch.bfloat16, got {autocast}")
    found = {p.dtype for p in model.parameters()} - {torch.float32}
    if found:
        raise ValueError(f"autocast needs a float32 model, got parameters of {found.pop()}")
    return partial(torch.autocast, torch.device(device).type, dtype=autocast)


def _tensors(batch: Any, n_tensors: int, device: str | torch.device) -> list[Tensor]:
    """Return the first tensors of a batch, moved to where the training takes place."""
    parts = list(batch[:n_tensors]) if isinstance(batch, tuple | list) else [batch]
    for part in parts:
        if not isinstance(part, Tensor):
            raise TypeError(f"loader must yield tensors, got {type(part).__name__}")
    if len(parts) < n_tensors:
        raise TypeError("loader must yield tuples of data and labels if labels=True")
    return [part.to(device, non_blocking=True) for part in parts]


_TRAINING = "aelib training"
_NAMES = {"model", "optimizer", "optimizer_kind", "losses", "generators"}


def _keep(
    path: str | os.PathLike[str],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    generators: Sequence[torch.Generator],
    losses: list[float],
) -> None:
    group = distributed.group_of(model)
    # One worker after the other. Where nothing draws there is nothing to send.
    states = [generator.get_state() for generator in generators]
    by_worker = distributed.gather(states, group) if states else []
    if not distributed.is_first(group):
        return
    content = {
        "model": distributed.core(model).state_dict(),
        "optimizer": optimizer.state_dict(),
        "optimizer_kind": type(optimizer).__name__,
        "losses": losses,
        "generators": [kept for states in by_worker for kept in states],
    }
    state.write(path, _TRAINING, content)


def _read(path: str | os.PathLike[str] | None) -> dict[str, Any] | None:
    if path is None or not os.path.exists(path):
        return None
    return state.read(path, _TRAINING, _NAMES)


def _resume(
    content: dict[str, Any],
    path: str | os.PathLike[str],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    generators: Sequence[torch.Generator],
    group: distributed.Group | None,
) -> list[float]:
    n_workers = 1 if group is None else dist.get_world_size(group)
    if len(content["generators"]) != n_workers * len(generators):
        of_all = "" if n_workers == 1 else f" for each of {n_workers} workers"
        raise ValueError(
            f"{path} holds the states of {len(content['generators'])} generators, but "
            f"{len(generators)} were given{of_all}"
        )
    if content["optimizer_kind"] != type(optimizer).__name__:
        raise ValueError(
            f"{path} holds the state of {content['optimizer_kind']}, but the optimizer is "
            f"{type(optimizer).__name__}"
        )
    state.load_state(model, content["model"], path)
    optimizer.load_state_dict(content["optimizer"])
    first = 0 if group is None else dist.get_rank(group) * len(generators)
    for generator, kept in zip(generators, content["generators"][first:], strict=False):
        generator.set_state(kept)
    return list(content["losses"])
