"""Train a sparse autoencoder on the rows of a file, in several processes at once.

torchrun starts them. On one computer, two processes:

    torchrun --standalone --nproc-per-node 2 train_in_parallel.py x.npy model.pt

Where there are graphics processors, each process takes one; else it computes on
the CPU. If a training with ``--checkpoint`` is interrupted, the same command goes
on from the last epoch that was finished.
"""

import argparse
import os
from functools import partial

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler

from aelib import nn


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "data", help="a .npy file: float32, values in [0, 1], one sample a row"
    )
    parser.add_argument(
        "model", help="where the first process writes the trained model"
    )
    parser.add_argument(
        "--hidden", type=int, default=25, help="number of hidden units"
    )
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument(
        "--batch", type=int, default=1000, help="rows a step, all processes' own"
    )
    parser.add_argument(
        "--checkpoint", help="where to keep what is reached after each epoch"
    )
    parser.add_argument(
        "--bfloat16", action="store_true", help="mixed precision in the layers"
    )
    given = parser.parse_args()

    on_gpu = torch.cuda.is_available()
    number = int(
        os.environ["LOCAL_RANK"]
    )  # which process this is on its computer
    device = torch.device("cuda", number) if on_gpu else torch.device("cpu")
    if on_gpu:
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if on_gpu else "gloo")
    try:
        rows = nn.FileRows(given.data)
        loader = DataLoader(
            rows,
            batch_size=given.batch // dist.get_world_size(),
            sampler=DistributedSampler(rows, seed=0),
            pin_memory=on_gpu,
        )
        model = nn.SparseAutoencoder(
            rows.rows.shape[1],
            given.hidden,
            generator=torch.Generator().manual_seed(0),
        ).to(device)
        parallel = DistributedDataParallel(model)
        history = nn.train(
            parallel,
            partial(
                nn.sparse_loss, rho=0.05, sparsity_weight=1.0, weight_decay=1e-4
            ),
            loader,
            torch.optim.Adam(parallel.parameters(), lr=1e-2),
            epochs=given.epochs,
            device=device,
            checkpoint=given.checkpoint,
            autocast=torch.bfloat16 if given.bfloat16 else None,
        )
        if dist.get_rank() == 0:
            nn.save(model, given.model)
            print(f"{dist.get_world_size()} processes, {len(rows)} rows")
            first, last = history.loss[0], history.loss[-1]
            print(f"loss {first:.2f} before, {last:.2f} in the last epoch")
    finally:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
