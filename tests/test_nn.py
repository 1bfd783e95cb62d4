"""The torch half: the module, its translation from and to numpy, its losses and its training."""

import copy
from functools import partial

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from aelib import byhand, data, nn

sparse = partial(nn.sparse_loss, rho=0.05, sparsity_weight=3.0)
both_losses = pytest.mark.parametrize(
    "loss", [nn.reconstruction_loss, sparse], ids=["plain", "sparse"]
)


def autoencoder(decoder="sigmoid", seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return nn.Autoencoder(7, 5, decoder=decoder, generator=generator, dtype=dtype)


def batch(m=11, seed=0):
    return torch.rand(m, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def state(model):
    return copy.deepcopy(model.state_dict())


def assert_same_state(first, second):
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


# --- the module ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [nn.Autoencoder, nn.SparseAutoencoder])
def test_shapes(kind):
    model = kind(n_visible=7, n_hidden=5)
    x = torch.rand(11, 7)
    assert model.preactivation(x).shape == (11, 5)
    assert model.encode(x).shape == (11, 5)
    assert model.decode(model.encode(x)).shape == (11, 7)
    assert model(x).shape == (11, 7)
    assert model.encoder.weight.shape == (5, 7)
    assert model.decoder.weight.shape == (7, 5)


def test_a_sigmoid_decoder_stays_between_0_and_1_and_a_linear_one_need_not():
    a = 50 * torch.randn(11, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    sigmoid, linear = autoencoder("sigmoid"), autoencoder("linear")
    x_hat = sigmoid.decode(a)
    assert x_hat.min() >= 0
    assert x_hat.max() <= 1
    # The same weights, so one is the sigmoid of the other.
    assert torch.equal(x_hat, torch.sigmoid(linear.decode(a)))
    assert linear.decode(a).max() > 1


def test_sparse_autoencoder_reports_the_mean_over_samples():
    model = nn.SparseAutoencoder(7, 5, dtype=torch.float64)
    x = batch()
    expected = byhand.encode(nn.to_byhand(model), x.numpy()).mean(axis=0)
    np.testing.assert_allclose(model.mean_activation(x).detach().numpy(), expected, rtol=1e-14)


def test_starting_weights_come_from_the_generator_and_nothing_else():
    torch.manual_seed(123)
    before = torch.get_rng_state()
    first, again, other = autoencoder(seed=0), autoencoder(seed=0), autoencoder(seed=1)
    assert torch.equal(torch.get_rng_state(), before), "torch's global generator was used"
    assert_same_state(first.state_dict(), again.state_dict())
    assert not torch.equal(first.encoder.weight, other.encoder.weight)


def test_starting_weights_have_the_range_of_byhand_and_biases_are_zero():
    model = nn.Autoencoder(70, 26, generator=torch.Generator().manual_seed(0))
    bound = (6 / (70 + 26)) ** 0.5
    for layer in (model.encoder, model.decoder):
        assert 0.99 * bound < layer.weight.abs().max() <= bound
        assert not layer.bias.any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_is_the_one_asked_for(dtype):
    model = autoencoder(dtype=dtype)
    assert {p.dtype for p in model.parameters()} == {dtype}
    assert {p.dtype for p in nn.Autoencoder(7, 5).parameters()} == {torch.float32}


def test_printing_a_model_names_its_decoder():
    assert "decoder='linear'" in repr(autoencoder("linear"))


def test_state_dict_round_trip_gives_the_same_model():
    model, other = autoencoder(seed=0), autoencoder(seed=1)
    x = batch()
    assert not torch.equal(model(x), other(x))
    other.load_state_dict(state(model))
    assert torch.equal(model(x), other(x))


# --- between the halves --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_round_trip_from_and_to_byhand_is_exact(params, dtype):
    params = {name: value.astype(dtype) for name, value in params.items()}
    back = nn.to_byhand(nn.from_byhand(params))
    assert list(back) == list(params)
    for name in params:
        assert back[name].dtype == dtype
        np.testing.assert_array_equal(back[name], params[name])
        assert back[name].flags.c_contiguous


def test_translation_copies_in_both_directions(params):
    model = nn.from_byhand(params)
    out = nn.to_byhand(model)
    before = state(model)
    for given in (params, out):
        for value in given.values():
            value += 1.0
    assert_same_state(model.state_dict(), before)


@pytest.mark.parametrize("decoder", ["sigmoid", "linear"])
def test_both_halves_run_forward_to_the_same_values(params, x, decoder):
    model = nn.from_byhand(params, decoder=decoder)
    tensor = torch.from_numpy(x)
    a = byhand.encode(params, x)
    np.testing.assert_allclose(model.encode(tensor).detach().numpy(), a, rtol=1e-14)
    x_hat = byhand.decode(params, a, decoder=decoder)
    np.testing.assert_allclose(model(tensor).detach().numpy(), x_hat, rtol=1e-13, atol=1e-15)


# --- losses --------------------------------------------------------------------------------------

BAD_BATCHES = {
    "numpy array": (lambda x: x.numpy(), TypeError, "x must be a torch tensor, got ndarray"),
    "list": (lambda x: x.tolist(), TypeError, "x must be a torch tensor, got list"),
    "another dtype": (lambda x: x.float(), TypeError, "x is torch.float32 but the model is"),
    "integers": (lambda x: x.long(), TypeError, "x is torch.int64 but the model is"),
    "another device": (lambda x: x.to("meta"), ValueError, "x is on meta but the model is on cpu"),
    "too few columns": (lambda x: x[:, 1:], ValueError, r"x must have shape \(m, 7\)"),
    "one sample as a vector": (lambda x: x[0], ValueError, r"x must have shape \(m, 7\)"),
    "empty": (lambda x: x[:0], ValueError, "x is empty"),
    "NaN": (lambda x: x.where(x > x.min(), torch.nan), ValueError, "x holds NaN or infinity"),
    "infinity": (lambda x: x + torch.inf, ValueError, "x holds NaN or infinity"),
    "above 1": (lambda x: x + 0.5, ValueError, r"x must lie in \[0, 1\] for a sigmoid decoder"),
    "below 0": (lambda x: x - 0.5, ValueError, r"x must lie in \[0, 1\] for a sigmoid decoder"),
}


@both_losses
@pytest.mark.parametrize(("spoil", "error", "message"), BAD_BATCHES.values(), ids=BAD_BATCHES)
def test_a_batch_that_does_not_fit_is_refused(loss, spoil, error, message):
    with pytest.raises(error, match=message):
        loss(autoencoder(), spoil(batch()))


@both_losses
def test_a_linear_decoder_takes_data_outside_0_and_1(loss):
    assert torch.isfinite(loss(autoencoder("linear"), 10 * batch() - 5))


@both_losses
def test_a_loss_is_one_number_ready_for_backward(loss):
    model = autoencoder()
    value = loss(model, batch(), weight_decay=1e-2)
    assert value.shape == ()
    value.backward()
    assert all(p.grad.any() for p in model.parameters())


# --- training ------------------------------------------------------------------------------------


def sgd(model, lr=0.1):
    return torch.optim.SGD(model.parameters(), lr=lr)


@both_losses
def test_training_on_digits_brings_the_loss_down(loss):
    x = torch.from_numpy(data.digits()[0][:500])
    model = nn.Autoencoder(64, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    shuffle = torch.Generator().manual_seed(0)
    loader = DataLoader(TensorDataset(x), batch_size=50, shuffle=True, generator=shuffle)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    history = nn.train(model, loss, loader, optimizer, epochs=8)
    assert history.n_steps == 8
    assert history.step == "epoch"
    assert history.loss[-1] < 0.5 * history.loss[0]
    with torch.no_grad():
        assert loss(model, x) < 0.5 * history.loss[0]


def test_training_takes_the_steps_of_the_optimizer_batch_by_batch():
    batches = [batch(11, seed=1), batch(4, seed=2)]
    model, expected = autoencoder(), autoencoder()
    history = nn.train(model, sparse, batches, sgd(model), epochs=2)

    optimizer, losses = sgd(expected), []
    losses.append(sum(sparse(expected, x).item() * len(x) for x in batches) / 15)
    for _ in range(2):
        total = 0.0
        for x in batches:
            optimizer.zero_grad()
            value = sparse(expected, x)
            value.backward()
            optimizer.step()
            total += value.item() * len(x)
        losses.append(total / 15)
    assert_same_state(model.state_dict(), expected.state_dict())
    # The mean over samples: a small last batch must not count like a whole one.
    np.testing.assert_allclose(history.loss, losses, rtol=1e-15)


LOADERS = {
    "tensors": lambda x: DataLoader(x, batch_size=4),
    "tuples": lambda x: DataLoader(TensorDataset(x), batch_size=4),
    "tuples with labels": lambda x: DataLoader(TensorDataset(x, torch.arange(11)), batch_size=4),
    "a plain list": lambda x: list(x.split(4)),
}


@pytest.mark.parametrize("loader", LOADERS.values(), ids=LOADERS)
def test_loaders_of_tensors_and_of_tuples_train_alike(loader):
    x = batch()
    model, expected = autoencoder(), autoencoder()
    history = nn.train(model, nn.reconstruction_loss, loader(x), sgd(model), epochs=2)
    same = nn.train(expected, nn.reconstruction_loss, x.split(4), sgd(expected), epochs=2)
    np.testing.assert_array_equal(history.loss, same.loss)
    assert_same_state(model.state_dict(), expected.state_dict())


def test_a_loader_that_is_spent_or_empty_is_refused():
    model = autoencoder()
    before = state(model)
    with pytest.raises(ValueError, match="loader yields no samples"):
        nn.train(model, nn.reconstruction_loss, [], sgd(model), epochs=1)
    # The loss before training goes through it once; then there is nothing left.
    once = (x for x in [batch()])
    with pytest.raises(ValueError, match="loader yields no samples"):
        nn.train(model, nn.reconstruction_loss, once, sgd(model), epochs=1)
    assert_same_state(model.state_dict(), before)


def test_a_loader_of_arrays_is_refused():
    model = autoencoder()
    with pytest.raises(TypeError, match="loader must yield tensors, got ndarray"):
        nn.train(model, nn.reconstruction_loss, [batch().numpy()], sgd(model), epochs=1)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_breaks_names_epoch_and_batch_and_keeps_the_params_before_it(bad):
    x = batch(m=12)
    model, expected = autoencoder(), autoencoder()
    calls = 0

    def breaks(m, b):
        # Three calls for the loss before training, three for epoch 1: the 8th is epoch 2, batch 2.
        nonlocal calls
        calls += 1
        value = nn.reconstruction_loss(m, b)
        return value * bad if calls == 8 else value

    with pytest.raises(FloatingPointError, match="epoch 2, batch 2"):
        nn.train(model, breaks, x.split(4), sgd(model), epochs=3)

    optimizer = sgd(expected)
    for b in [*x.split(4), x[:4]]:
        optimizer.zero_grad()
        nn.reconstruction_loss(expected, b).backward()
        optimizer.step()
    assert_same_state(model.state_dict(), expected.state_dict())


def test_an_interrupted_training_keeps_what_it_learned():
    model, expected = autoencoder(), autoencoder()
    calls = 0

    def interrupted(m, b):
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        return nn.reconstruction_loss(m, b)

    with pytest.warns(RuntimeWarning, match="interrupted after 2 of 50 epochs"):
        history = nn.train(model, interrupted, [batch()], sgd(model), epochs=50)
    same = nn.train(expected, nn.reconstruction_loss, [batch()], sgd(expected), epochs=2)
    np.testing.assert_array_equal(history.loss, same.loss)
    assert history.message == "interrupted"
    assert_same_state(model.state_dict(), expected.state_dict())


def test_an_optimizer_of_another_model_is_refused():
    model, other = autoencoder(seed=0), autoencoder(seed=1)
    with pytest.raises(ValueError, match="optimizer holds none of the parameters of model"):
        nn.train(model, nn.reconstruction_loss, [batch()], sgd(other), epochs=1)


@pytest.mark.parametrize(
    ("epochs", "error"), [(0, ValueError), (1.5, TypeError), (True, TypeError)]
)
def test_a_number_of_epochs_that_is_none_is_refused(epochs, error):
    model = autoencoder()
    with pytest.raises(error, match="epochs must be"):
        nn.train(model, nn.reconstruction_loss, [batch()], sgd(model), epochs=epochs)


def test_a_gradient_that_is_nan_under_a_finite_loss_is_caught_before_the_step():
    model = nn.Autoencoder(4, 3, generator=torch.Generator().manual_seed(0))
    before = {name: value.clone() for name, value in model.state_dict().items()}

    def loss(model, x):
        # The square root of 0 is finite, its slope is infinite, and 0 times that is NaN.
        return nn.reconstruction_loss(model, x) + (0.0 * model.encoder.weight).square().sum().sqrt()

    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(FloatingPointError, match=r"gradient.*epoch 1, batch 1"):
        nn.train(model, loss, [torch.full((5, 4), 0.5)], optimizer, epochs=1)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_from_byhand_leaves_the_global_generator_alone():
    params = byhand.init(n_visible=4, n_hidden=3, rng=np.random.default_rng(0))
    before = torch.get_rng_state()
    nn.from_byhand(params)
    assert torch.equal(torch.get_rng_state(), before)
