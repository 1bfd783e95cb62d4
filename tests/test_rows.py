"""Training on rows that stay in their file."""

import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, StackDataset, TensorDataset

from aelib import nn

M, N = 23, 7
sparse = {"rho": 0.05, "sparsity_weight": 3.0}


def loss(model, x):
    return nn.sparse_loss(model, x, **sparse)


@pytest.fixture
def x():
    return np.random.default_rng(0).random((M, N)).astype(np.float32)


@pytest.fixture
def path(tmp_path, x):
    np.save(tmp_path / "rows.npy", x)
    return tmp_path / "rows.npy"


def test_rows_are_those_of_the_file_and_copies(path, x):
    rows = nn.FileRows(path)
    assert len(rows) == M
    assert rows[3].dtype == torch.float32
    np.testing.assert_array_equal(rows[-1].numpy(), x[-1])
    np.testing.assert_array_equal(torch.stack(rows.__getitems__([5, 2, 5])).numpy(), x[[5, 2, 5]])
    rows[3].zero_()
    np.testing.assert_array_equal(rows[3].numpy(), x[3])
    with pytest.raises(IndexError):
        rows[M]


def test_what_is_sent_to_another_process_is_the_path(path, x, monkeypatch):
    sent = pickle.dumps(nn.FileRows(path))
    assert len(sent) < 500
    monkeypatch.chdir(path.parent)
    relative = pickle.dumps(nn.FileRows("rows.npy"))
    monkeypatch.chdir("/")
    for pickled in (sent, relative):
        np.testing.assert_array_equal(pickle.loads(pickled).rows, x)


@pytest.mark.parametrize("n_workers", [0, 2])
def test_a_loader_gives_every_row_once_in_batches(path, x, n_workers):
    # As everywhere but on Linux, workers are new processes and get the rows sent.
    loader = DataLoader(
        nn.FileRows(path),
        batch_size=5,
        shuffle=True,
        generator=torch.Generator().manual_seed(0),
        num_workers=n_workers,
        multiprocessing_context="spawn" if n_workers else None,
    )
    batches = list(loader)
    assert [len(batch) for batch in batches] == [5, 5, 5, 5, 3]
    found = torch.cat(batches).numpy()
    assert not np.array_equal(found, x)
    np.testing.assert_array_equal(found[np.lexsort(found.T)], x[np.lexsort(x.T)])


def test_labels_may_stand_beside_the_rows(path, x):
    pairs = StackDataset(nn.FileRows(path), torch.arange(M))
    first, labels = next(iter(DataLoader(pairs, batch_size=4)))
    np.testing.assert_array_equal(first.numpy(), x[:4])
    assert labels.tolist() == [0, 1, 2, 3]


def run(dataset, epochs, checkpoint=None):
    model = nn.SparseAutoencoder(N, 5, generator=torch.Generator().manual_seed(0))
    order = torch.Generator().manual_seed(1)
    loader = DataLoader(dataset, batch_size=5, shuffle=True, generator=order)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    history = nn.train(
        model, loss, loader, optimizer, epochs=epochs, checkpoint=checkpoint, generators=(order,)
    )
    return history.loss, model.state_dict()


def test_training_from_a_file_is_training_from_memory_also_when_resumed(path, x, tmp_path):
    losses, weights = run(TensorDataset(torch.from_numpy(x)), 4)
    run(nn.FileRows(path), 2, tmp_path / "training.pt")
    for found, state in (
        run(nn.FileRows(path), 4),
        run(nn.FileRows(path), 4, tmp_path / "training.pt"),
    ):
        np.testing.assert_array_equal(found, losses)
        assert all(torch.equal(state[name], weights[name]) for name in weights)


def write(array):
    def to(path):
        np.save(path, array)

    return to


def cut_off(path):
    np.save(path, np.ones((9, 9)))
    path.write_bytes(path.read_bytes()[:-1])


BAD = {
    "text": (lambda p: p.write_text("1, 2"), ValueError, "cannot be mapped as a .npy file"),
    "empty": (lambda p: p.write_bytes(b""), ValueError, "cannot be mapped as a .npy file"),
    "cut off": (cut_off, ValueError, "cannot be mapped as a .npy file: mmap length is greater"),
    "objects": (write(np.array([[None]])), ValueError, "cannot be mapped.*Python objects"),
    "bytes": (write(np.ones((3, 2), np.uint8)), TypeError, "must hold float32 or float64, got u"),
    "other bytes": (
        write(np.ones((3, 2), ">f8")),
        TypeError,
        "must hold float32 or float64, got >",
    ),
    "a vector": (write(np.ones(3)), ValueError, r"must hold a matrix .*, got shape \(3,\)"),
    "no rows": (write(np.ones((0, 3))), ValueError, r"must hold a matrix .*, got shape \(0, 3\)"),
    "columns": (write(np.ones((3, 2), order="F")), ValueError, "is stored column by column"),
}


@pytest.mark.parametrize(("make", "error", "message"), BAD.values(), ids=BAD)
def test_a_file_that_is_no_such_matrix_is_refused(make, error, message, path):
    make(path)
    with pytest.raises(error, match=f"rows.npy {message}"):
        nn.FileRows(path)


def test_no_file_is_no_damaged_file(path):
    with pytest.raises(FileNotFoundError):
        nn.FileRows(path.with_name("other.npy"))


def test_a_nan_in_the_file_stops_the_training(path, x):
    x[20, 3] = np.nan
    np.save(path, x)
    with pytest.raises(ValueError, match="x holds NaN"):
        run(nn.FileRows(path), 1)


# What a process holds beside mapped files, read every few milliseconds while it trains on a file of
# 128 MB and minimises the exact objective of all its rows. At last it reads the file as a whole.
PROGRAM = """
import json, sys, threading
from functools import partial
import numpy as np, torch
from torch.utils.data import DataLoader
from aelib import byhand, nn

path = sys.argv[1]
model = nn.SparseAutoencoder(64, 8, generator=torch.Generator().manual_seed(0))
loss = partial(nn.sparse_loss, rho=0.05, sparsity_weight=3.0)
params = byhand.init(n_visible=64, n_hidden=8, rng=np.random.default_rng(0), dtype=np.float32)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
objective = partial(byhand.blocks.loss_and_grad, rho=0.05, sparsity_weight=3.0)
# Whatever the libraries set up on their first use is not what is measured.
nn.train(model, loss, [torch.rand(5000, 64)], optimizer, epochs=1)
byhand.lbfgs(partial(objective, blocks=[np.full((5000, 64), 0.5, np.float32)]), params, max_iter=1)


def held():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("RssAnon"))


def growth(function):
    before, most, done = held(), 0.0, threading.Event()

    def watch():
        nonlocal most
        while not done.wait(0.005):
            most = max(most, held())

    watcher = threading.Thread(target=watch)
    watcher.start()
    kept = function()
    most = max(most, held())
    done.set()
    watcher.join()
    return most - before


loader = DataLoader(nn.FileRows(path), batch_size=5000, shuffle=True)
blocks = np.array_split(np.load(path, mmap_mode="r"), 100)
found = {
    "train": growth(lambda: nn.train(model, loss, loader, optimizer, epochs=1)),
    "blocks": growth(lambda: byhand.lbfgs(partial(objective, blocks=blocks), params, max_iter=2)),
    "whole": growth(lambda: np.load(path)),
}
print(json.dumps(found))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux reports it")
def test_a_file_larger_than_the_memory_that_training_takes(tmp_path):
    path = tmp_path / "rows.npy"
    rng = np.random.default_rng(0)
    rows = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(500_000, 64))
    for block in np.array_split(rows, 50):
        block[:] = rng.random(block.shape, dtype=np.float32)
    rows.flush()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, path], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    megabytes = json.loads(done.stdout)
    assert megabytes["whole"] > 120  # the measurement sees what is there to be seen
    assert megabytes["train"] < 64, megabytes
    assert megabytes["blocks"] < 32, megabytes
