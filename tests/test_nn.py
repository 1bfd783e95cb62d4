"""The torch half: the module, its translation from and to numpy, its losses and its training."""

import copy
from functools import partial

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from aelib import byhand, data, nn

sparse = partial(nn.sparse_loss, rho=0.05, sparsity_weight=3.0)
contractive = partial(nn.contractive_loss, contraction_weight=0.5)


def denoising(model, x, **settings):
    """Corrupt with the same noise every time, but only what is good: the check comes first."""
    good = isinstance(x, torch.Tensor) and x.is_floating_point() and x.device.type == "cpu"
    x_noisy = nn.corruption.masking(x, 0.3, torch.Generator().manual_seed(9)) if good else x
    return nn.denoising_loss(model, x, x_noisy=x_noisy, **settings)


LOSSES = {
    "plain": nn.reconstruction_loss,
    "sparse": sparse,
    "denoising": denoising,
    "contractive": contractive,
}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
ONE_LAYER = [
    nn.Autoencoder,
    nn.SparseAutoencoder,
    nn.DenoisingAutoencoder,
    nn.ContractiveAutoencoder,
]


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


@pytest.mark.parametrize("kind", ONE_LAYER)
@pytest.mark.parametrize("tied", [False, True])
def test_shapes(kind, tied):
    model = kind(n_visible=7, n_hidden=5, tied=tied)
    x = torch.rand(11, 7)
    assert model.preactivation(x).shape == (11, 5)
    assert model.encode(x).shape == (11, 5)
    assert model.decode(model.encode(x)).shape == (11, 7)
    assert model(x).shape == (11, 7)
    assert model.encoder.weight.shape == (5, 7)
    assert model.decoder.bias.shape == (7,)
    if tied:
        assert model.decoder.weight is None
        assert set(model.state_dict()) == {"encoder.weight", "encoder.bias", "decoder.bias"}
    else:
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


# --- tied weights --------------------------------------------------------------------------------


def test_a_tied_decoder_uses_the_encoder_s_weights_and_follows_them():
    tied, free = nn.Autoencoder(7, 5, tied=True, dtype=torch.float64), autoencoder()
    x = batch()
    for _ in range(2):
        with torch.no_grad():
            tied.encoder.weight.mul_(2.0)
            free.encoder.weight.copy_(tied.encoder.weight)
            free.decoder.weight.copy_(tied.encoder.weight.T)
        torch.testing.assert_close(tied(x), free(x), rtol=1e-13, atol=1e-15)


def test_tied_training_keeps_the_weights_tied():
    model = nn.Autoencoder(7, 5, tied=True, dtype=torch.float64)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    history = nn.train(model, nn.reconstruction_loss, [batch()], optimizer, epochs=20)
    assert history.loss[-1] < history.loss[0]
    assert "decoder_weight" not in nn.to_byhand(model)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tied_weights_survive_the_way_between_the_halves(dtype):
    params = byhand.init(
        n_visible=7, n_hidden=5, rng=np.random.default_rng(0), tied=True, dtype=dtype
    )
    model = nn.from_byhand(params)
    assert model.tied
    back = nn.to_byhand(model)
    assert list(back) == list(params)
    for name in params:
        assert back[name].dtype == dtype
        np.testing.assert_array_equal(back[name], params[name])
    x = np.random.default_rng(1).random((11, 7)).astype(dtype)
    x_hat = byhand.decode(params, byhand.encode(params, x))
    found = model(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(found, x_hat, rtol=1e-5 if dtype == np.float32 else 1e-13)


# --- denoising -----------------------------------------------------------------------------------


def test_denoising_sees_the_noisy_input_and_aims_at_the_clean_one():
    model, x = autoencoder(), batch()
    x_noisy = 5 * batch(seed=1) - 2  # beyond 0 and 1: only the target has a range
    expected = 0.5 * (model(x_noisy) - x).square().sum() / 11
    torch.testing.assert_close(nn.denoising_loss(model, x, x_noisy=x_noisy), expected)


def test_displacement_points_from_the_input_to_its_reconstruction():
    model = nn.DenoisingAutoencoder(7, 5, dtype=torch.float64)
    x = batch()
    assert torch.equal(model.displacement(x), model(x) - x)


BAD_NOISY = {
    "shorter": (lambda x: x[1:], ValueError, r"x_noisy must have the shape of x, \(11, 7\)"),
    "narrower": (lambda x: x[:, 1:], ValueError, r"x_noisy must have shape \(m, 7\)"),
    "numpy": (lambda x: x.numpy(), TypeError, "x_noisy must be a torch tensor"),
    "float32": (lambda x: x.float(), TypeError, r"x_noisy is torch.float32"),
    "another device": (lambda x: x.to("meta"), ValueError, "x_noisy is on meta but"),
    "NaN": (lambda x: x * torch.nan, ValueError, "x_noisy holds NaN"),
}


@pytest.mark.parametrize(("spoil", "error", "message"), BAD_NOISY.values(), ids=BAD_NOISY)
def test_a_noisy_input_that_does_not_fit_is_refused(spoil, error, message):
    with pytest.raises(error, match=message):
        nn.denoising_loss(autoencoder(), batch(), x_noisy=spoil(batch()))


def test_a_network_of_your_own_can_be_trained_to_denoise():
    generator = torch.Generator().manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.SiLU(), torch.nn.Linear(16, 2))
    x = torch.from_numpy(data.spiral(200, np.random.default_rng(0))).float()

    def loss(model, x):
        return nn.denoising_loss(model, x, x_noisy=nn.corruption.gaussian(x, 0.1, generator))

    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    history = nn.train(net, loss, [x], optimizer, epochs=100)
    assert history.loss[-1] < 0.3 * history.loss[0]


# --- contracting ---------------------------------------------------------------------------------


@pytest.mark.parametrize("tied", [False, True])
def test_the_closed_forms_agree_with_autograd_s_jacobian(tied):
    model = nn.ContractiveAutoencoder(7, 5, tied=tied, dtype=torch.float64)
    with torch.no_grad():
        model.encoder.bias.copy_(torch.tensor([-45.0, 5.0, 3.0, 0.0, -1.0]))
    x = batch()
    jacobian = nn.jacobian(model, x).detach()
    assert jacobian.shape == (11, 5, 7)
    by_hand = byhand.contractive.jacobian(nn.to_byhand(model), x.numpy())
    np.testing.assert_allclose(jacobian.numpy(), by_hand, rtol=1e-12)
    norms = jacobian.square().sum(dim=(1, 2))
    torch.testing.assert_close(model.jacobian_norm(x), norms, rtol=1e-12, atol=0)
    numpy_norms = byhand.contractive.jacobian_norm(nn.to_byhand(model), x.numpy())
    np.testing.assert_allclose(norms.numpy(), numpy_norms, rtol=1e-12)


def test_the_jacobian_is_what_a_small_step_shows():
    model, x = nn.StackedAutoencoder(7, [5, 3], dtype=torch.float64), batch()
    jacobian, step = nn.jacobian(model, x), 1e-6
    assert jacobian.shape == (11, 3, 7)
    for i in range(7):
        moved = x.clone()
        moved[:, i] += step
        slope = (model.encode(moved) - model.encode(x)) / step
        torch.testing.assert_close(jacobian[:, :, i], slope, rtol=1e-4, atol=1e-6)


def test_more_contraction_gives_a_smaller_jacobian():
    x = torch.from_numpy(data.digits()[0][:200])
    norms = []
    for weight in (0.0, 0.1, 1.0):
        generator = torch.Generator().manual_seed(0)
        model = nn.ContractiveAutoencoder(
            64, 16, tied=True, generator=generator, dtype=torch.float64
        )
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        loss = partial(nn.contractive_loss, contraction_weight=weight)
        nn.train(model, loss, [x], optimizer, epochs=60)
        norms.append(model.jacobian_norm(x).mean().item())
    assert norms[0] > 1.3 * norms[1] > 1.3 * 1.5 * norms[2]


# --- convolutional -------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [8, 28])
@pytest.mark.parametrize("decoder", ["sigmoid", "linear"])
def test_a_convolutional_autoencoder_takes_rows_and_returns_rows(size, decoder):
    model = nn.ConvolutionalAutoencoder(size, (6, 3), decoder=decoder)
    x = torch.rand(5, size**2)
    assert model.encode(x).shape == (5, 3, size // 4, size // 4)
    assert model(x).shape == x.shape
    assert torch.equal(model(x), model.decode(model.encode(x)))
    assert nn.reconstruction_loss(model, x, weight_decay=0.1).shape == ()
    assert nn.denoising_loss(model, x, x_noisy=x, weight_decay=0.1).shape == ()
    assert nn.jacobian(model, x[:2]).shape == (2, 3 * (size // 4) ** 2, size**2)
    assert (model(x).min() < 0) == (decoder == "linear")


def test_a_convolutional_autoencoder_sees_images_and_moves_with_them():
    # Shifted by 4 pixels the code is shifted by 1 and the output by 4, away from the borders.
    model = nn.ConvolutionalAutoencoder(28, dtype=torch.float64)
    x = torch.zeros(1, 28, 28, dtype=torch.float64)
    x[0, 10:14, 9:12] = torch.rand(4, 3, dtype=torch.float64)
    moved = x.roll(4, dims=1)
    code, moved_code = (model.encode(v.reshape(1, -1)) for v in (x, moved))
    torch.testing.assert_close(moved_code[:, :, 1:-1], code.roll(1, dims=2)[:, :, 1:-1])
    out, moved_out = (model(v.reshape(1, -1)).reshape(28, 28) for v in (x, moved))
    torch.testing.assert_close(moved_out[9:-8, 5:-5], out.roll(4, dims=0)[9:-8, 5:-5])


def test_a_convolutional_autoencoder_learns_the_digits():
    x = torch.from_numpy(data.digits()[0][:600]).float()
    generator = torch.Generator().manual_seed(0)
    model = nn.ConvolutionalAutoencoder(8, generator=generator)
    loader = DataLoader(TensorDataset(x), batch_size=50, shuffle=True, generator=generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    history = nn.train(model, nn.reconstruction_loss, loader, optimizer, epochs=15)
    constant = 0.5 * (x - x.mean(dim=0)).square().sum().item() / len(x)
    assert history.loss[-1] < 0.5 * constant


def test_every_weight_of_every_layer_decays_and_no_bias_does():
    models = [
        nn.ConvolutionalAutoencoder(8),
        nn.StackedAutoencoder(7, [5, 3]),
        nn.Classifier(nn.StackedAutoencoder(7, [5, 3]), 4),
        nn.Autoencoder(7, 5, tied=True),
    ]
    for model in models:
        weights = [p for p in model.parameters() if p.ndim > 1]
        expected = 0.5 * 0.3 * sum(p.square().sum() for p in weights)
        torch.testing.assert_close(nn.decay_loss(model, 0.3), expected)


def test_other_models_draw_from_the_generator_and_nothing_else_too():
    def models(seed):
        generator = torch.Generator().manual_seed(seed)
        stacked = nn.StackedAutoencoder(7, [5, 3], generator=generator)
        return [
            nn.ConvolutionalAutoencoder(8, generator=generator),
            stacked,
            nn.Classifier(stacked, 4, generator=generator),
        ]

    before = torch.get_rng_state()
    for first, again, other in zip(models(0), models(0), models(1), strict=True):
        assert_same_state(first.state_dict(), again.state_dict())
        assert any(
            (value != other.state_dict()[name]).any() for name, value in first.state_dict().items()
        )
    assert torch.equal(torch.get_rng_state(), before)


def test_a_model_that_lies_on_two_devices_is_refused():
    model = nn.StackedAutoencoder(7, [5, 3])
    model.decoder.to("meta")
    with pytest.raises(ValueError, match="x is on cpu but the model is on meta"):
        nn.reconstruction_loss(model, batch().float())


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


@every_loss
@pytest.mark.parametrize(("spoil", "error", "message"), BAD_BATCHES.values(), ids=BAD_BATCHES)
def test_a_batch_that_does_not_fit_is_refused(loss, spoil, error, message):
    with pytest.raises(error, match=message):
        loss(autoencoder(), spoil(batch()))


@every_loss
def test_a_linear_decoder_takes_data_outside_0_and_1(loss):
    assert torch.isfinite(loss(autoencoder("linear"), 10 * batch() - 5))


@every_loss
def test_a_loss_is_one_number_ready_for_backward(loss):
    model = autoencoder()
    value = loss(model, batch(), weight_decay=1e-2)
    assert value.shape == ()
    value.backward()
    assert all(p.grad.any() for p in model.parameters())


# --- training ------------------------------------------------------------------------------------


def sgd(model, lr=0.1):
    return torch.optim.SGD(model.parameters(), lr=lr)


@every_loss
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


def test_what_has_no_counterpart_by_hand_is_refused():
    with pytest.raises(TypeError, match="ConvolutionalAutoencoder has no counterpart"):
        nn.to_byhand(nn.ConvolutionalAutoencoder(8))
    with pytest.raises(TypeError, match="params must be a dict of arrays, got NoneType"):
        nn.from_byhand(None)


def test_a_module_without_a_weight_has_nothing_to_decay():
    class Scale(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.factor = torch.nn.Parameter(torch.tensor(0.5, dtype=torch.float64))

        def forward(self, x):
            return self.factor * x

    x = batch()
    loss = nn.reconstruction_loss(Scale(), x, weight_decay=3.0)
    assert loss.item() == pytest.approx(0.125 * x.square().sum(dim=1).mean().item())


def test_an_activation_that_counts_as_false_is_kept():
    nothing = torch.nn.Sequential()  # its length is 0
    assert nn.Dictionary(4, 3, nothing).activation is nothing


def test_from_byhand_leaves_the_global_generator_alone():
    params = byhand.init(n_visible=4, n_hidden=3, rng=np.random.default_rng(0))
    before = torch.get_rng_state()
    nn.from_byhand(params)
    assert torch.equal(torch.get_rng_state(), before)
