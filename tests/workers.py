"""What each process of test_distributed.py does: torchrun starts it, its results go to a folder.

torchrun --standalone --nproc-per-node 2 tests/workers.py FOLDER
"""

import sys
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from aelib import byhand, nn

M, N, H = 28, 7, 5
SPARSE = {"rho": 0.05, "sparsity_weight": 3.0, "weight_decay": 1e-2}
EPOCHS, BATCH = 4, 8  # three of 8 rows and one of 4
# The rows of each of 2 or 4 workers.
SHARES = {"equal": {2: [14, 14], 4: [7] * 4}, "unequal": {2: [5, 23], 4: [1, 14, 9, 4]}}


def data():
    rng = np.random.default_rng(0)
    # Sorted by their brightness, so that the workers' parts differ as parts of a file do.
    x = rng.random((M, N)) * np.linspace(0.1, 1.0, M)[:, None]
    return torch.from_numpy(x), torch.from_numpy(rng.integers(3, size=M))


def autoencoder(far=False, dtype=np.float64):
    rng = np.random.default_rng(1)
    params = byhand.init(n_visible=N, n_hidden=H, rng=rng, dtype=dtype)
    params["encoder_bias"] += rng.standard_normal(H).astype(dtype)
    if far:
        # Dead, saturated, and one whose tail only logarithms can hold.
        params["encoder_bias"][:3] = [-45.0, 45.0, -750.0]
    return nn.from_byhand(params)


def classifier():
    generator = torch.Generator().manual_seed(0)
    stacked = nn.StackedAutoencoder(N, [H], generator=generator, dtype=torch.float64)
    return nn.Classifier(stacked, 3, generator=generator)


def dictionary(activation):
    generator = torch.Generator().manual_seed(0)
    model = nn.Dictionary(N, 12, activation(), generator=generator, dtype=torch.float64)
    # All were silent until now: dead is who is silent for every worker in this step too.
    model.steps_since_active[:] = 2000
    return model


def denoising(model, x):
    # The noise of a row depends on the row alone, whoever has it.
    return nn.denoising_loss(model, x, x_noisy=x * (torch.sin(1e3 * x) > 0), weight_decay=1e-2)


# A loss, and the model that it is taken of.
LOSSES = {
    "sparse": (partial(nn.sparse_loss, **SPARSE), autoencoder),
    "sparse, far": (partial(nn.sparse_loss, **SPARSE), partial(autoencoder, far=True)),
    "plain": (partial(nn.reconstruction_loss, weight_decay=1e-2), autoencoder),
    "denoising": (denoising, autoencoder),
    "contractive": (
        partial(nn.contractive_loss, contraction_weight=0.7, weight_decay=1e-2),
        autoencoder,
    ),
    "classifier": (partial(nn.classifier_loss, weight_decay=1e-2), classifier),
    "l1": (partial(nn.l1_loss, sparsity_weight=0.3), partial(dictionary, torch.nn.ReLU)),
    "topk": (
        partial(nn.topk_loss, auxiliary_weight=1.0),
        partial(dictionary, partial(nn.TopK, 2)),
    ),
    "jumprelu": (
        partial(nn.jumprelu_loss, sparsity_weight=0.3),
        partial(dictionary, partial(nn.JumpReLU, 12, threshold=0.2, bandwidth=0.3)),
    ),
}


def naive(model, x):
    """Take each worker's own rho_hat, as the loss of one process would."""
    x_hat, z = model(x, with_preactivation=True)
    penalty = nn.kl_penalty(z, SPARSE["rho"])
    decay = nn.decay_loss(model, SPARSE["weight_decay"])
    return nn.data_loss(x_hat, x) + SPARSE["sparsity_weight"] * penalty + decay


def penalty(model, x):
    _, z = model(x, with_preactivation=True)
    return nn.kl_penalty(z, SPARSE["rho"], group=model.process_group)


def penalty_of_values_only(model, x):
    """Exchange the sums, but let autograd know nothing of it."""
    _, z = model(x, with_preactivation=True)
    own = torch.sigmoid(z).sum(dim=0)
    total = own.detach().clone()
    dist.all_reduce(total)
    rho_hat = (own + (total - own).detach()) / M
    rho = SPARSE["rho"]
    kl = rho * (rho / rho_hat).log() + (1 - rho) * ((1 - rho) / (1 - rho_hat)).log()
    return kl.sum()


def value_and_gradient(loss, model, *batch):
    value = loss(model, *batch)
    value.backward()
    names = [name.removeprefix("module.") for name, _ in model.named_parameters()]
    return {
        "loss": value.item(),
        **{name: p.grad.numpy() for name, p in zip(names, model.parameters(), strict=True)},
    }


class Training:
    """A training from seeds; in one process with ``n_workers`` it takes the same batches."""

    def __init__(self, parallel, loss=LOSSES["sparse"][0], dropout=0.0):
        self.model = autoencoder()
        wrapped = DistributedDataParallel(self.model) if parallel else self.model
        dataset = TensorDataset(data()[0])
        if parallel:
            size = BATCH // dist.get_world_size()
            loader = DataLoader(dataset, batch_size=size, sampler=DistributedSampler(dataset))
        else:
            loader = DataLoader(
                dataset, batch_size=BATCH, sampler=DistributedSampler(dataset, 1, 0)
            )
        # What is drawn differs from worker to worker.
        self.noise = torch.Generator().manual_seed(dist.get_rank() if parallel else 0)
        self.model.train()
        optimizer = torch.optim.Adam(wrapped.parameters(), lr=0.05)

        def noisy_loss(model, x):
            mask = torch.rand(x.shape, generator=self.noise, dtype=x.dtype) >= dropout
            return loss(model, x * mask)

        self.arguments = (wrapped, noisy_loss, loader, optimizer)

    def __call__(self, epochs=EPOCHS, checkpoint=None):
        history = nn.train(
            *self.arguments, epochs=epochs, checkpoint=checkpoint, generators=(self.noise,)
        )
        return {
            "loss": history.loss,
            **{name: p.detach().numpy() for name, p in self.model.named_parameters()},
        }


def complaint(function):
    """Return the kind and the text of what a call raises."""
    try:
        function()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "nothing"


def gradients(rank, n_workers):
    x, labels = data()
    for split, sizes in SHARES.items():
        part, y = (whole.split(sizes[n_workers])[rank] for whole in (x, labels))
        for name, (loss, make) in LOSSES.items():
            batch = (part, y) if name == "classifier" else (part,)
            yield (
                f"{name}, {split}",
                value_and_gradient(loss, DistributedDataParallel(make()), *batch),
            )
        model = DistributedDataParallel(autoencoder())
        yield f"naive, {split}", value_and_gradient(naive, model, part)
    part = x.split(SHARES["unequal"][n_workers])[rank]
    for loss in (penalty, penalty_of_values_only):
        # The penalty alone does not use the decoder.
        model = DistributedDataParallel(autoencoder(), find_unused_parameters=True)
        loss(model, part).backward()
        yield loss.__name__, {"weight": model.module.encoder.weight.grad.numpy()}


def main():
    folder = Path(sys.argv[1])
    dist.init_process_group("gloo")
    rank, n_workers = dist.get_rank(), dist.get_world_size()
    found = dict(gradients(rank, n_workers))

    train_module = sys.modules["aelib.nn.train"]  # in aelib.nn the function has its name
    shown, real = [], train_module.progress_bar
    train_module.progress_bar = lambda **settings: (
        shown.append(settings["show"]) or real(**settings | {"show": False})
    )
    found["training"] = Training(parallel=True)()
    found["own loss"] = Training(parallel=True, loss=naive)()
    found["shown"] = {"bars": np.array(shown)}

    file = folder / "training.pt"
    found["noisy"] = Training(parallel=True, dropout=0.3)()
    Training(parallel=True, dropout=0.3)(epochs=2, checkpoint=file)
    dist.barrier()
    # To the others the file means nothing: on another machine they would not see it.
    own = file if rank == 0 else folder / "not-there.pt"
    found["resumed"] = Training(parallel=True, dropout=0.3)(checkpoint=own)

    said = {}
    batches = [data()[0]] * (1 + rank)
    model = DistributedDataParallel(autoencoder())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    said["lengths"] = complaint(lambda: nn.train(model, naive, batches, optimizer, epochs=1))

    def breaks(model, x):
        return naive(model, x) * (float("nan") if rank == n_workers - 1 else 1.0)

    said["one breaks"] = complaint(lambda: Training(parallel=True, loss=breaks)())
    alone = folder / "alone.pt"
    if rank == 0:
        Training(parallel=False)(epochs=1, checkpoint=alone)
    dist.barrier()
    said["fewer workers"] = complaint(lambda: Training(parallel=True)(checkpoint=alone))
    if rank == 0:
        alone.write_bytes(b"nothing")
    dist.barrier()
    said["damaged"] = complaint(lambda: Training(parallel=True)(checkpoint=alone))
    nn.save(model, folder / f"model-{rank}.pt")
    found["said"] = {name: np.array(text) for name, text in said.items()}

    flat = {f"{a}: {b}": value for a, entries in found.items() for b, value in entries.items()}
    np.savez(folder / f"worker-{rank}.npz", **flat)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
