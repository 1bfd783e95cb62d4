"""Training in several processes, which really are started: 2 and 4, over gloo, by torchrun."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
import workers

from aelib import checks, data, nn
from aelib.nn import state

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "notebooks" / "train_in_parallel.py"
SECONDS = 240  # for one start; it takes about 20 on two cores

pytestmark = [
    pytest.mark.skipif(
        not torch.distributed.is_available(), reason="this torch is built without torch.distributed"
    ),
    pytest.mark.skipif(
        sys.platform == "win32", reason="the processes are stopped as on Linux and macOS"
    ),
]


class Launched:
    """Processes started by torchrun, none of which outlives the ``with`` block."""

    def __init__(self, n_workers, *command):
        # --standalone: this computer only, at a port that is free.
        start = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        start += ["--nproc-per-node", str(n_workers), *map(str, command)]
        # Also where a graphics processor is: there are not four of them.
        hidden = {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1", "CUDA_VISIBLE_DEVICES": ""}
        self.process = subprocess.Popen(
            start,
            env=os.environ | hidden | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started = [psutil.Process(self.process.pid)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.look()
        for process in self.started:
            if process.is_running():
                process.kill()
        self.process.communicate()

    def look(self):
        """Remember the processes that there are now."""
        if self.started[0].is_running():
            self.started[1:] = self.started[0].children(recursive=True)

    def finish(self):
        out, err = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, out, err

    def running(self):
        return [p for p in self.started if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def launch(n_workers, *command):
    with Launched(n_workers, *command) as launched:
        code, out, err = launched.finish()
    assert code == 0, err
    return out


def compare(found, expected, tolerance):
    """Return the largest relative error; all have to be within the tolerance."""
    assert found.keys() == expected.keys()
    worst = max(checks.relative_error(found[k], np.asarray(expected[k])) for k in found)
    assert worst <= tolerance, f"{worst:.1e}"


# --- gradients and trainings, against one process with the whole batch ---------------------------


@pytest.mark.parametrize("n_workers", [2, 4])
def test_several_processes_do_what_one_does_with_the_whole_batch(n_workers, tmp_path):
    launch(n_workers, ROOT / "tests" / "workers.py", tmp_path)
    found = []
    for rank in range(n_workers):
        entries = {}
        with np.load(tmp_path / f"worker-{rank}.npz") as file:
            for name in file:
                group, _, entry = name.rpartition(": ")
                entries.setdefault(group, {})[entry] = file[name]
        found.append(entries)
    for worker in found:
        check_gradients(worker)
        check_that_the_exchange_is_differentiated(worker, n_workers)
        check_trainings(worker)
        check_complaints(worker["said"], n_workers)
    check_the_naive_form(found)
    # One bar for the training and one for its own loss; the others stay silent.
    assert [worker["shown"]["bars"].tolist() for worker in found] == [[True] * 2] + [
        [False] * 2
    ] * (n_workers - 1)
    for rank in range(n_workers):  # a model out of its wrapping, readable by one process
        nn.load(workers.autoencoder(), tmp_path / f"model-{rank}.pt")
    # What was being written beside its place has been moved there.
    assert not list(tmp_path.glob(".*"))


def expected_gradients():
    x, labels = workers.data()
    for name, (loss, make) in workers.LOSSES.items():
        batch = (x, labels) if name == "classifier" else (x,)
        yield name, workers.value_and_gradient(loss, make(), *batch)


def check_gradients(worker):
    # In the batch as a whole some units are dead, and some only in a worker's part of it.
    whole, parts = workers.dictionary(lambda: nn.TopK(2)), workers.dictionary(lambda: nn.TopK(2))
    whole(workers.data()[0])
    parts(workers.data()[0][: workers.SHARES["unequal"][2][0]])
    assert 0 < whole.dead(1000).sum() < parts.dead(1000).sum()
    for name, expected in expected_gradients():
        for split in workers.SHARES:
            compare(worker[f"{name}, {split}"], expected, 1e-12)


def check_the_naive_form(found):
    """Each worker's own rho_hat: 3 % off for equal shares, 27 or 7 % for unequal ones."""
    expected = dict(expected_gradients())["sparse"]
    for split, at_least in (("equal", 0.02), ("unequal", 0.05)):
        naive = found[0][f"naive, {split}"]
        error = checks.relative_error(naive["encoder.weight"], expected["encoder.weight"])
        assert 0.4 > error > at_least, f"{split}: {error:.3f}"
    # By Jensen their mean is above the penalty of the whole batch.
    values = [worker["naive, equal"]["loss"] for worker in found]
    assert np.mean(values) > expected["loss"] + 0.01


def check_that_the_exchange_is_differentiated(worker, n_workers):
    """Without the errors of the others the penalty is as many times too weak as there are."""
    right, weak = worker["penalty"]["weight"], worker["penalty_of_values_only"]["weight"]
    np.testing.assert_allclose(weak, right / n_workers, rtol=1e-10)


def check_trainings(worker):
    compare(worker["training"], workers.Training(parallel=False)(), 1e-10)
    assert worker["training"]["loss"][-1] < 0.5 * worker["training"]["loss"][0]
    # With noise of each worker's own, and a file that only the first one has. Not to the last bit:
    # torch sorts the gradients into other packets after a start, and so adds in another order.
    compare(worker["resumed"], worker["noisy"], 1e-12)
    assert checks.relative_error(worker["noisy"]["loss"], worker["training"]["loss"]) > 1e-3
    # A loss that knows nothing of other workers is trained on its mean.
    own = worker["own loss"]["loss"]
    assert (own > worker["training"]["loss"])[:1].all()
    assert own[-1] < 0.5 * own[0]


def check_complaints(said, n_workers):
    """All workers say the same: else one would wait for another that has given up."""
    lengths = list(range(1, n_workers + 1))
    assert said["lengths"] == (
        f"ValueError: each worker's loader needs as many batches as the others', got {lengths}"
    )
    assert str(said["one breaks"]).startswith(
        "FloatingPointError: the loss became nan in epoch 1, batch 1"
    )
    assert str(said["fewer workers"]).endswith(
        f"the states of 1 generators, but 1 were given for each of {n_workers} workers"
    )
    assert str(said["damaged"]).endswith("is damaged, or was not written by aelib.nn")


# --- the script that the book shows --------------------------------------------------------------


@pytest.fixture
def rows(tmp_path):
    x = data.natural_patches(4000, rng=np.random.default_rng(0)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    return tmp_path / "x.npy"


def weights(path):
    return {name: value.numpy() for name, value in state.read(path, *MODEL)["state"].items()}


MODEL = ("aelib model", {"decoder", "state"})
TRAINING = (
    "aelib training",
    {"model", "optimizer", "optimizer_kind", "losses", "generators"},
)


def test_the_books_script_gives_one_model_however_many_processes_and_survives_ctrl_c(
    rows, tmp_path
):
    settings = ("--epochs", "25", "--batch", "500")
    says = {}
    for n_workers in (1, 2):
        model = tmp_path / f"{n_workers}.pt"
        says[n_workers] = launch(n_workers, EXAMPLE, rows, model, *settings).splitlines()
    assert says[2][0] == "2 processes, 4000 rows"
    assert says[1][1] == says[2][1]
    compare(weights(tmp_path / "2.pt"), weights(tmp_path / "1.pt"), 1e-3)

    # The same once more, stopped in the middle.
    kept, model = tmp_path / "kept.pt", tmp_path / "again.pt"
    command = (EXAMPLE, rows, model, *settings, "--checkpoint", kept)
    with Launched(2, *command) as launched:
        until = time.monotonic() + SECONDS
        while not (kept.exists() and len(state.read(kept, *TRAINING)["losses"]) > 5):
            assert time.monotonic() < until, "it never got to its fifth epoch"
            assert launched.process.poll() is None, "it ended before it could be stopped"
            time.sleep(0.02)
        launched.look()
        assert len(launched.started) >= 3
        launched.process.send_signal(signal.SIGINT)
        code, _, _ = launched.finish()
        assert code != 0
        assert not launched.running(), "a process outlived the training"
    assert not model.exists()
    reached = len(state.read(kept, *TRAINING)["losses"]) - 1
    assert 5 <= reached < 25
    launch(2, *command)
    compare(weights(model), weights(tmp_path / "2.pt"), 1e-3)
