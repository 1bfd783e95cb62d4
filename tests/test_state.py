"""Models on disk, and trainings that are interrupted and go on."""

import copy
import hashlib
import os
import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from aelib import byhand, nn
from aelib.nn import state

N = 7
KINDS = {
    "plain": lambda g: nn.Autoencoder(N, 5, generator=g),
    "tied": lambda g: nn.Autoencoder(N, 5, tied=True, generator=g),
    "linear, float64": lambda g: nn.SparseAutoencoder(
        N, 5, decoder="linear", generator=g, dtype=torch.float64
    ),
    "convolutional": lambda g: nn.ConvolutionalAutoencoder(8, generator=g),
    "stacked": lambda g: nn.StackedAutoencoder(N, [5, 3], generator=g),
    "classifier": lambda g: nn.Classifier(nn.StackedAutoencoder(N, [5], generator=g), 4),
}


def make(kind="plain", seed=0):
    return KINDS[kind](torch.Generator().manual_seed(seed))


def values(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def assert_same(first, second):
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.pt"


# --- save and load -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip(kind, path):
    model, other = make(kind, seed=0), make(kind, seed=1)
    nn.save(model, path)
    assert nn.load(other, path) is other
    assert_same(values(other), values(model))
    assert [p.name for p in path.parent.iterdir()] == ["model.pt"]
    nn.save(other, str(path))
    assert_same(values(nn.load(make(kind, seed=2), str(path))), values(model))


def test_a_saved_file_is_one_that_torch_reads_without_running_anything(path):
    nn.save(make(), path)
    assert_same(torch.load(path, weights_only=True)["state"], values(make()))


def test_saving_over_a_file_replaces_it_and_never_leaves_half_of_one(path, monkeypatch):
    nn.save(make(seed=0), path)
    before = path.read_bytes()

    def fails(*args):
        raise OSError("no space left")

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patched:
            patched.setattr(os, name, fails)
            with pytest.raises(OSError, match="no space left"):
                nn.save(make(seed=1), path)
        assert path.read_bytes() == before
        assert [p.name for p in path.parent.iterdir()] == ["model.pt"]
    nn.save(make(seed=1), path)
    assert_same(values(nn.load(make(), path)), values(make(seed=1)))


def test_a_new_file_is_as_readable_as_any_other(path):
    path.with_name("other").touch()
    nn.save(make(), path)
    assert path.stat().st_mode == path.with_name("other").stat().st_mode


def test_every_flipped_bit_and_every_missing_end_is_noticed(path):
    # torch.load itself returns other weights for one flip in eight, and for some of them memory
    # that nobody wrote.
    nn.save(make(), path)
    good = path.read_bytes()
    model = make(seed=1)
    before = values(model)
    for position in range(0, len(good), 5):
        damaged = bytearray(good)
        damaged[position] ^= 0x10
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="is damaged, or was not written"):
            nn.load(model, path)
    for length in range(0, len(good), 100):
        path.write_bytes(good[:length])
        with pytest.raises(ValueError, match="is damaged, or was not written"):
            nn.load(model, path)
    assert_same(values(model), before)


class Evil:
    def __reduce__(self):
        return (os.mkdir, ("evil-was-here",))


def with_digest(content):
    return content + hashlib.sha256(content).digest()


def test_nothing_in_a_file_is_executed(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    path.write_bytes(with_digest(pickle.dumps({"kind": "aelib model", "state": Evil()})))
    with pytest.raises(ValueError, match="was not written by aelib"):
        nn.load(make(), path)
    torch.save({"kind": "aelib model", "decoder": "sigmoid", "state": Evil()}, path)
    path.write_bytes(with_digest(path.read_bytes()))
    with pytest.raises(ValueError, match="was not written by aelib"):
        nn.load(make(), path)
    assert not (path.parent / "evil-was-here").exists()


def spoiled(**changes):
    return {**values(make()), **changes}


FOREIGN = {
    "another file of torch": (lambda p: torch.save(values(make()), p), "is damaged, or was not"),
    "text": (lambda p: p.write_text("hello\n" * 50), "is damaged, or was not"),
    "empty": (lambda p: p.touch(), "is damaged, or was not"),
    "another kind": (lambda p: state.write(p, "aelib training", {}), "holds 'aelib training', not"),
    "a tensor": (
        lambda p: (torch.save(torch.ones(3), p), p.write_bytes(with_digest(p.read_bytes()))),
        "holds something else",
    ),
    "no state": (lambda p: state.write(p, "aelib model", {"decoder": "sigmoid"}), "holds"),
    "a linear decoder": (
        lambda p: nn.save(nn.Autoencoder(N, 5, decoder="linear"), p),
        "with a linear decoder, not a sigmoid one",
    ),
    "another size": (
        lambda p: nn.save(nn.Autoencoder(N, 6), p),
        r"encoder.weight is torch.float32 of shape \(6, 7\), but the model's is .*\(5, 7\)",
    ),
    "another dtype": (
        lambda p: nn.save(nn.Autoencoder(N, 5, dtype=torch.float64), p),
        r"encoder.weight is torch.float64",
    ),
    "tied": (lambda p: nn.save(make("tied"), p), "does not hold .*'decoder.weight'.*, but"),
    "stacked": (lambda p: nn.save(make("stacked"), p), "does not hold"),
    "NaN": (
        lambda p: state.write(
            p,
            "aelib model",
            {"decoder": "sigmoid", "state": spoiled(**{"encoder.bias": torch.full((5,), np.nan)})},
        ),
        "encoder.bias holds NaN",
    ),
}


@pytest.mark.parametrize(("write", "message"), FOREIGN.values(), ids=FOREIGN)
def test_a_file_that_does_not_fit_is_refused_and_the_model_left_alone(write, message, path):
    write(path)
    model = make(seed=1)
    before = values(model)
    with pytest.raises(ValueError, match=message):
        nn.load(model, path)
    assert_same(values(model), before)


def test_no_file_is_no_damaged_file(path):
    with pytest.raises(FileNotFoundError):
        nn.load(make(), path)
    with pytest.raises(FileNotFoundError):
        nn.save(make(), path.parent / "no-such-folder" / "model.pt")


# --- training that is interrupted ----------------------------------------------------------------

EPOCHS, BATCHES = 5, 3
TRAINING_NAMES = {"model", "optimizer", "optimizer_kind", "losses", "generators"}


class Run:
    """Everything that a training needs, made anew from seeds as a new process would."""

    def __init__(self, optimizer=torch.optim.Adam, stop_at=None, error=KeyboardInterrupt):
        self.model = make("tied", seed=0)
        x = torch.rand(11, N, generator=torch.Generator().manual_seed(1))
        self.shuffle = torch.Generator().manual_seed(2)
        self.noise = torch.Generator().manual_seed(3)
        self.loader = DataLoader(
            TensorDataset(x), batch_size=4, shuffle=True, generator=self.shuffle
        )
        self.optimizer = optimizer(self.model.parameters(), lr=0.05)
        self.calls, self.stop_at, self.error = 0, stop_at, error

    def loss(self, model, x):
        self.calls += 1
        if self.calls == self.stop_at:
            raise self.error
        return nn.denoising_loss(
            model, x, x_noisy=nn.corruption.masking(x, 0.3, self.noise), weight_decay=1e-3
        )

    def train(self, checkpoint=None, epochs=EPOCHS):
        return nn.train(
            self.model,
            self.loss,
            self.loader,
            self.optimizer,
            epochs=epochs,
            checkpoint=checkpoint,
            generators=(self.shuffle, self.noise),
        )


@pytest.fixture(scope="module")
def uninterrupted():
    run = Run()
    history = run.train()
    return history, values(run.model), copy.deepcopy(run.optimizer.state_dict())


def assert_same_run(run, history, uninterrupted):
    expected, weights, optimizer = uninterrupted
    np.testing.assert_array_equal(history.loss, expected.loss)
    assert history.message == expected.message
    assert_same(values(run.model), weights)
    for key, entry in run.optimizer.state_dict()["state"].items():
        assert_same(entry, optimizer["state"][key])


def test_a_checkpoint_does_not_change_the_training(path, uninterrupted):
    run = Run()
    assert_same_run(run, run.train(path), uninterrupted)
    assert [p.name for p in path.parent.iterdir()] == ["model.pt"]


# The calls of the loss: three before training, then three an epoch.
@pytest.mark.parametrize("stop_at", range(4, 4 + EPOCHS * BATCHES))
def test_interrupted_anywhere_and_resumed_it_ends_as_if_nothing_had_happened(
    stop_at, path, uninterrupted
):
    with pytest.warns(RuntimeWarning, match="interrupted"):
        Run(stop_at=stop_at).train(path)
    assert [p.name for p in path.parent.iterdir()] == ["model.pt"]
    run = Run()
    assert_same_run(run, run.train(path), uninterrupted)


def test_interrupted_before_the_first_epoch_there_is_nothing_to_resume(path, uninterrupted):
    with pytest.raises(KeyboardInterrupt):
        Run(stop_at=2).train(path)
    assert not path.exists()
    run = Run()
    assert_same_run(run, run.train(path), uninterrupted)


def test_the_same_objects_can_go_on_where_they_were_interrupted(path, uninterrupted):
    # As in a notebook, where the cell is run again: model and generators stand in mid-epoch.
    run = Run(stop_at=8)
    with pytest.warns(RuntimeWarning, match="interrupted after 1 of 5"):
        run.train(path)
    assert_same_run(run, run.train(path), uninterrupted)


def test_a_training_that_was_killed_goes_on_too(path, uninterrupted):
    class Killed(BaseException):
        pass

    for stop_at in (4, 9, 3):
        with pytest.raises(Killed):
            Run(stop_at=stop_at, error=Killed).train(path)
    run = Run()
    assert_same_run(run, run.train(path), uninterrupted)


def test_killed_while_the_checkpoint_is_written_the_one_before_it_counts(
    path, uninterrupted, monkeypatch
):
    real, calls = os.replace, []

    def killed(*args):
        calls.append(args)
        if len(calls) == 4:
            raise OSError("killed")
        return real(*args)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", killed)
        with pytest.raises(OSError, match="killed"):
            Run().train(path)
    run = Run()
    history = run.train(path)
    assert_same_run(run, history, uninterrupted)
    assert run.calls == (EPOCHS - 2) * BATCHES


def test_more_epochs_go_on_from_the_end(path, uninterrupted):
    Run().train(path, epochs=2)
    run = Run()
    assert_same_run(run, run.train(path), uninterrupted)
    assert run.calls == 3 * BATCHES
    # Nothing left to do: the record is returned as it is.
    again = Run()
    assert_same_run(again, again.train(path), uninterrupted)
    assert again.calls == 0


def test_fewer_epochs_than_were_trained_are_refused(path):
    Run().train(path, epochs=2)
    with pytest.raises(ValueError, match="holds 2 epochs, more than the 1 asked for"):
        Run().train(path, epochs=1)


def test_without_its_generators_a_training_would_not_be_the_same(path, uninterrupted):
    # A test of the tests above: the noise and the order do matter.
    run = Run(stop_at=9)
    with pytest.warns(RuntimeWarning, match="interrupted"):
        run.train(path)
    run = Run()
    content = state.read(path, "aelib training", TRAINING_NAMES)
    del content["kind"]
    content["generators"] = [g.get_state() for g in (run.shuffle, run.noise)]
    state.write(path, "aelib training", content)
    history = run.train(path)
    assert (history.loss[3:] != uninterrupted[0].loss[3:]).any()


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.RMSprop])
def test_a_checkpoint_of_another_optimizer_is_refused(optimizer, path):
    Run().train(path, epochs=1)
    with pytest.raises(ValueError, match=f"of Adam, but the optimizer is {optimizer.__name__}"):
        Run(optimizer=optimizer).train(path)


def test_a_checkpoint_of_another_number_of_generators_is_refused(path):
    Run().train(path, epochs=1)
    run = Run()
    with pytest.raises(ValueError, match="holds the states of 2 generators, but 0 were given"):
        nn.train(run.model, run.loss, run.loader, run.optimizer, epochs=2, checkpoint=path)


def test_a_checkpoint_of_another_model_is_refused(path):
    Run().train(path, epochs=1)
    model = make("plain")
    optimizer = torch.optim.Adam(model.parameters())
    generators = (torch.Generator(), torch.Generator())
    with pytest.raises(ValueError, match=r"does not hold .*decoder.weight"):
        nn.train(
            model,
            nn.reconstruction_loss,
            [torch.rand(3, N)],
            optimizer,
            epochs=2,
            checkpoint=path,
            generators=generators,
        )


def test_a_damaged_checkpoint_and_a_model_file_are_refused(path):
    Run().train(path, epochs=1)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ValueError, match="is damaged"):
        Run().train(path)
    nn.save(make("tied"), path)
    with pytest.raises(ValueError, match="holds 'aelib model', not 'aelib training'"):
        Run().train(path)


def test_a_model_by_hand_survives_the_disk(params, path):
    nn.save(nn.from_byhand(params), path)
    other = byhand.init(n_visible=7, n_hidden=5, rng=np.random.default_rng(9))
    back = nn.to_byhand(nn.load(nn.from_byhand(other), path))
    for name in params:
        np.testing.assert_array_equal(back[name], params[name])
