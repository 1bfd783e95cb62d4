"""The stacked autoencoder and its classifier, in both halves."""

from functools import partial

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from aelib import byhand, corruption, data, nn
from aelib.byhand import stacked

NAMES = [
    "encoder_weight_1",
    "encoder_bias_1",
    "encoder_weight_2",
    "encoder_bias_2",
    "decoder_weight_2",
    "decoder_bias_2",
    "decoder_weight_1",
    "decoder_bias_1",
]


@pytest.fixture(scope="module")
def digits():
    x, labels = data.digits()
    return x[:600], labels[:600], x[600:1000], labels[600:1000]


@pytest.fixture(scope="module")
def layers(digits):
    return stacked.pretrain(digits[0], [40, 20], rng=np.random.default_rng(0), max_iter=60)


def small(sizes=(5, 3), seed=0):
    rng = np.random.default_rng(seed)
    params = stacked.init(n_visible=7, sizes=sizes, rng=rng)
    return {name: p + 0.1 * rng.standard_normal(p.shape) for name, p in params.items()}


def small_classifier(n_classes=4):
    rng = np.random.default_rng(1)
    params = stacked.init_classifier(small(), n_classes=n_classes, rng=rng)
    return {name: p + 0.1 * rng.standard_normal(p.shape) for name, p in params.items()}


# --- layer by layer ------------------------------------------------------------------------------


def test_each_layer_is_trained_on_the_codes_of_the_one_below(digits, layers):
    x = digits[0]
    code = x
    for layer, size in zip(layers, (40, 20), strict=True):
        assert layer["encoder_weight"].shape == (code.shape[1], size)
        trained, _ = byhand.autoencoder.loss_and_grad(layer, code)
        constant = 0.5 * ((code - code.mean(axis=0)) ** 2).sum() / len(x)
        assert trained < 0.6 * constant
        code = byhand.encode(layer, code)


def test_pretraining_is_a_fit_of_each_layer_by_itself(x):
    rng = np.random.default_rng(3)
    first, second = stacked.pretrain(x, (4, 2), rng=rng, max_iter=5)
    rng = np.random.default_rng(3)
    start = byhand.init(n_visible=7, n_hidden=4, rng=rng)
    expected = byhand.lbfgs(partial(byhand.autoencoder.loss_and_grad, x=x), start, max_iter=5)
    code = byhand.encode(expected.params, x)
    start = byhand.init(n_visible=4, n_hidden=2, rng=rng)
    other = byhand.lbfgs(partial(byhand.autoencoder.loss_and_grad, x=code), start, max_iter=5)
    for found, wanted in ((first, expected.params), (second, other.params)):
        for name in wanted:
            np.testing.assert_array_equal(found[name], wanted[name])


def test_the_objective_of_the_layers_is_yours_and_made_once_a_layer(x):
    rng, seen = np.random.default_rng(3), []

    def objective(inputs):
        seen.append(inputs)
        x_noisy = corruption.masking(inputs, 0.3, rng)
        return partial(byhand.denoising.loss_and_grad, x=inputs, x_noisy=x_noisy)

    layers = stacked.pretrain(x, [4, 2], rng=rng, objective=objective, max_iter=5, tied=True)
    assert len(seen) == 2
    np.testing.assert_array_equal(seen[0], x)
    np.testing.assert_array_equal(seen[1], byhand.encode(layers[0], x))
    assert all("decoder_weight" not in layer for layer in layers)


def test_float32_stays_float32(x):
    layers = stacked.pretrain(
        x.astype(np.float32), [4, 2], rng=np.random.default_rng(0), max_iter=3
    )
    params = stacked.unroll(layers)
    assert {value.dtype for value in params.values()} == {np.dtype(np.float32)}
    _, grad = stacked.loss_and_grad(params, x.astype(np.float32), weight_decay=1e-2)
    assert {value.dtype for value in grad.values()} == {np.dtype(np.float32)}
    head = stacked.init_classifier(params, n_classes=3, rng=np.random.default_rng(0))
    labels = np.arange(11) % 3
    _, grad = stacked.classifier_loss_and_grad(head, x.astype(np.float32), labels)
    assert {value.dtype for value in grad.values()} == {np.dtype(np.float32)}


def test_a_classifiers_weights_are_spread_as_glorots():
    params = small()
    head = stacked.init_classifier(params, n_classes=300, rng=np.random.default_rng(0))
    n_code = head["class_weight"].shape[0]
    bound = np.sqrt(6 / (n_code + 300))
    assert np.abs(head["class_weight"]).max() <= bound
    np.testing.assert_allclose(head["class_weight"].std(), bound / np.sqrt(3), rtol=0.05)
    assert abs(head["class_weight"].mean()) < 0.1 * bound
    assert not head["class_bias"].any()


# --- unrolled ------------------------------------------------------------------------------------


def test_unrolled_it_is_encoder_on_encoder_and_decoder_under_decoder(digits, layers):
    x = digits[0][:50]
    params = stacked.unroll(layers)
    assert list(params) == NAMES
    code = byhand.encode(layers[1], byhand.encode(layers[0], x))
    np.testing.assert_allclose(stacked.encode(params, x), code, rtol=1e-14)
    for decoder in ("sigmoid", "linear"):
        x_hat = byhand.decode(layers[0], byhand.decode(layers[1], code), decoder=decoder)
        found = stacked.decode(params, code, decoder=decoder)
        np.testing.assert_allclose(found, x_hat, rtol=1e-12, atol=1e-14)


def test_unrolling_copies_and_unties(x):
    layers = stacked.pretrain(x, [4, 2], rng=np.random.default_rng(0), max_iter=3, tied=True)
    params = stacked.unroll(layers)
    for k, layer in enumerate(layers, start=1):
        np.testing.assert_array_equal(params[f"decoder_weight_{k}"], layer["encoder_weight"].T)
        for name in (f"encoder_weight_{k}", f"decoder_weight_{k}", f"encoder_bias_{k}"):
            assert not any(np.shares_memory(params[name], value) for value in layer.values())


@pytest.mark.parametrize("decoder", ["sigmoid", "linear"])
def test_with_one_layer_it_is_the_plain_autoencoder(params, x, decoder):
    settings = {"weight_decay": 1e-2, "decoder": decoder}
    deep = stacked.loss_and_grad(stacked.unroll([params]), x, **settings)
    plain = byhand.autoencoder.loss_and_grad(params, x, **settings)
    assert deep[0] == pytest.approx(plain[0], rel=1e-15)
    for name in params:
        np.testing.assert_allclose(deep[1][f"{name}_1"], plain[1][name], rtol=1e-13, atol=1e-17)


def test_fine_tuning_lowers_the_loss_of_the_whole(digits, layers):
    x = digits[0]
    start = stacked.unroll(layers)
    fit = byhand.lbfgs(partial(stacked.loss_and_grad, x=x), start, max_iter=40)
    assert fit.history.loss[-1] < 0.8 * fit.history.loss[0]
    x_hat = stacked.decode(fit.params, stacked.encode(fit.params, x))
    mean_error = 0.5 * ((x_hat - x) ** 2).sum() / len(x)
    assert mean_error == pytest.approx(fit.history.loss[-1], rel=1e-9)


def test_starting_weights_are_those_of_single_layers():
    params = stacked.init(n_visible=7, sizes=[5, 3], rng=np.random.default_rng(0))
    rng = np.random.default_rng(0)
    single = [
        byhand.init(n_visible=7, n_hidden=5, rng=rng),
        byhand.init(n_visible=5, n_hidden=3, rng=rng),
    ]
    for name, value in stacked.unroll(single).items():
        np.testing.assert_array_equal(params[name], value)


def test_arguments_are_left_alone(x):
    params, head = small(), small_classifier()
    labels = np.arange(11) % 4
    before = [{k: v.copy() for k, v in p.items()} for p in (params, head)]
    stacked.loss_and_grad(params, x, weight_decay=0.1)
    stacked.classifier_loss_and_grad(head, x, labels, weight_decay=0.1)
    for now, then in zip((params, head), before, strict=True):
        for name in now:
            np.testing.assert_array_equal(now[name], then[name])


def test_saturated_units_keep_their_small_gradient_in_float32(x):
    for name in ("encoder_bias_1", "encoder_bias_2", "decoder_bias_2", "decoder_bias_1"):
        params = small()
        params[name][:] = 20.0
        single = {k: v.astype(np.float32) for k, v in params.items()}
        _, grad32 = stacked.loss_and_grad(single, x.astype(np.float32))
        widened = {k: v.astype(np.float64) for k, v in single.items()}
        _, grad64 = stacked.loss_and_grad(widened, x.astype(np.float32).astype(np.float64))
        assert 0 < np.abs(grad64[name]).max() < 1e-7
        np.testing.assert_allclose(grad32[name], grad64[name], rtol=1e-4, atol=1e-14)


# --- the classifier ------------------------------------------------------------------------------


def test_probabilities_add_up_and_predictions_are_the_largest(x):
    params = small_classifier()
    log_p = stacked.log_probabilities(params, x)
    np.testing.assert_allclose(np.exp(log_p).sum(axis=1), 1.0, rtol=1e-14)
    np.testing.assert_array_equal(stacked.predict(params, x), log_p.argmax(axis=1))
    loss, _ = stacked.classifier_loss_and_grad(params, x, np.arange(11) % 4)
    assert loss == pytest.approx(-log_p[np.arange(11), np.arange(11) % 4].mean(), rel=1e-14)


@pytest.mark.parametrize("scale", [1e3, 1e8])
def test_the_softmax_never_overflows(x, scale):
    # A warning would fail the test. exp(1e3) is infinite, log of a probability of exp(-1e3) -inf.
    params = small_classifier()
    params["class_bias"][:] = [scale, -scale, 0.0, scale]
    log_p = stacked.log_probabilities(params, x)
    assert np.isfinite(log_p).all()
    assert log_p.min() < -1.9 * scale
    loss, grad = stacked.classifier_loss_and_grad(params, x, np.full(11, 1))
    assert loss == pytest.approx(2 * scale, rel=1e-2)
    assert all(np.isfinite(value).all() for value in grad.values())
    # All at the same height: nothing changes if every score is shifted.
    params["class_bias"][:] = scale
    shifted = stacked.log_probabilities(params, x)
    params["class_bias"][:] = 0.0
    np.testing.assert_allclose(shifted, stacked.log_probabilities(params, x), atol=1e-15 * scale)


def test_of_the_stacked_autoencoder_the_encoders_are_kept_as_copies():
    params = small()
    head = stacked.init_classifier(params, n_classes=4, rng=np.random.default_rng(0))
    assert list(head) == [*NAMES[:4], "class_weight", "class_bias"]
    assert head["class_weight"].shape == (3, 4)
    for name in NAMES[:4]:
        np.testing.assert_array_equal(head[name], params[name])
        assert not np.shares_memory(head[name], params[name])


def test_without_fine_tuning_the_encoders_stay(x):
    params, labels = small_classifier(), np.arange(11) % 4
    both = stacked.classifier_loss_and_grad(params, x, labels, weight_decay=1e-2)
    frozen = stacked.classifier_loss_and_grad(params, x, labels, weight_decay=1e-2, fine_tune=False)
    assert frozen[0] == both[0]
    assert list(frozen[1]) == list(params)
    for name in params:
        expected = both[1][name] if name.startswith("class") else np.zeros_like(params[name])
        np.testing.assert_array_equal(frozen[1][name], expected)
    objective = partial(
        stacked.classifier_loss_and_grad, x=x, labels=labels, weight_decay=1e-2, fine_tune=False
    )
    fit = byhand.lbfgs(objective, params, max_iter=5)
    for name in NAMES[:4]:
        np.testing.assert_array_equal(fit.params[name], params[name])
    assert (fit.params["class_weight"] != params["class_weight"]).any()


def test_fine_tuning_beats_the_frozen_code_on_digits_it_has_not_seen(digits, layers):
    x, labels, x_test, labels_test = digits
    rng = np.random.default_rng(0)
    start = stacked.init_classifier(stacked.unroll(layers), n_classes=10, rng=rng)
    accuracy = {}
    for fine_tune in (False, True):
        objective = partial(
            stacked.classifier_loss_and_grad,
            x=x,
            labels=labels,
            weight_decay=1e-4,
            fine_tune=fine_tune,
        )
        fit = byhand.lbfgs(objective, start, max_iter=60)
        accuracy[fine_tune] = (stacked.predict(fit.params, x_test) == labels_test).mean()
    assert accuracy[False] > 0.75
    assert accuracy[True] > 0.88
    assert accuracy[True] > accuracy[False]


# --- in torch ------------------------------------------------------------------------------------


@pytest.mark.parametrize("decoder", ["sigmoid", "linear"])
def test_both_halves_run_forward_to_the_same_values(x, decoder):
    params = small((5, 8, 3))
    model = nn.from_byhand(params, decoder=decoder)
    assert isinstance(model, nn.StackedAutoencoder)
    tensor = torch.from_numpy(x)
    code = stacked.encode(params, x)
    np.testing.assert_allclose(model.encode(tensor).detach().numpy(), code, rtol=1e-13)
    x_hat = stacked.decode(params, code, decoder=decoder)
    np.testing.assert_allclose(model(tensor).detach().numpy(), x_hat, rtol=1e-12, atol=1e-14)


def test_both_classifiers_give_the_same_scores_and_classes(x):
    params = small_classifier()
    model = nn.from_byhand(params)
    assert isinstance(model, nn.Classifier)
    tensor = torch.from_numpy(x)
    log_p = torch.log_softmax(model(tensor), dim=1).detach().numpy()
    np.testing.assert_allclose(log_p, stacked.log_probabilities(params, x), rtol=1e-13)
    np.testing.assert_array_equal(model.predict(tensor).numpy(), stacked.predict(params, x))


@pytest.mark.parametrize("params", [small(), small_classifier()], ids=["autoencoder", "classifier"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_round_trip_from_and_to_byhand_is_exact(params, dtype):
    params = {name: value.astype(dtype) for name, value in params.items()}
    back = nn.to_byhand(nn.from_byhand(params))
    assert list(back) == list(params)
    for name in params:
        assert back[name].dtype == dtype
        np.testing.assert_array_equal(back[name], params[name])


def test_torch_pretraining_brings_every_layer_down_and_is_in_place(digits):
    x = torch.from_numpy(digits[0])
    generator = torch.Generator().manual_seed(0)
    model = nn.StackedAutoencoder(64, [30, 10], generator=generator, dtype=torch.float64)
    start = nn.reconstruction_loss(model, x).item()
    before = {name: p.clone() for name, p in model.state_dict().items()}
    global_state = torch.get_rng_state()
    histories = nn.pretrain(model, x, epochs=5, learning_rate=1e-2, generator=generator)
    assert torch.equal(torch.get_rng_state(), global_state), "torch's global generator was used"
    assert len(histories) == 2
    assert all(h.loss[-1] < 0.7 * h.loss[0] for h in histories)
    assert all((value != before[name]).any() for name, value in model.state_dict().items())
    assert nn.reconstruction_loss(model, x).item() < 0.8 * start


def test_torch_pretraining_trains_each_layer_on_the_codes_below_with_its_own_decoder():
    x = 3 * torch.rand(11, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    model = nn.StackedAutoencoder(7, [5, 3], decoder="linear", dtype=torch.float64)
    seen = []

    def loss(layer, batch):
        seen.append((layer.decoder_kind, batch.shape[1]))
        assert layer.encoder in list(model.encoder)
        return nn.reconstruction_loss(layer, batch)

    # Values beyond 1 are fine for the linear decoder; the codes are within 0 and 1.
    nn.pretrain(model, x, epochs=1, loss=loss, batch_size=11)
    assert seen == [("linear", 7)] * 2 + [("sigmoid", 5)] * 2


def test_a_torch_classifier_learns_from_labels(digits):
    x, labels = torch.from_numpy(digits[0]), torch.from_numpy(digits[1])
    generator = torch.Generator().manual_seed(0)
    autoencoder = nn.StackedAutoencoder(64, [30], generator=generator, dtype=torch.float64)
    model = nn.Classifier(autoencoder, 10, generator=generator)
    before = {name: p.clone() for name, p in autoencoder.state_dict().items()}
    loader = DataLoader(TensorDataset(x, labels), batch_size=50, shuffle=True, generator=generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    history = nn.train(model, nn.classifier_loss, loader, optimizer, epochs=10, labels=True)
    assert history.loss[-1] < 0.3 * history.loss[0]
    assert (model.predict(x) == labels).double().mean() > 0.9
    for name, value in autoencoder.state_dict().items():
        assert torch.equal(value, before[name])


BAD_LABELS = {
    "numpy": (lambda y: y.numpy(), TypeError, "labels must be a tensor of torch.int64, got nd"),
    "floats": (lambda y: y.double(), TypeError, "labels must be .*got torch.float64"),
    "too few": (lambda y: y[1:], ValueError, r"labels must have shape \(11,\)"),
    "another device": (lambda y: y.to("meta"), ValueError, "be on cpu, got .* on meta"),
    "too large": (lambda y: y + 4, ValueError, "labels must lie in 0 to 3"),
    "negative": (lambda y: y - 1, ValueError, "labels must lie in 0 to 3, got from -1"),
}


@pytest.mark.parametrize(("spoil", "error", "message"), BAD_LABELS.values(), ids=BAD_LABELS)
def test_labels_that_do_not_fit_are_refused_by_torch(x, spoil, error, message):
    model = nn.from_byhand(small_classifier())
    with pytest.raises(error, match=message):
        nn.classifier_loss(model, torch.from_numpy(x), spoil(torch.arange(11) % 4))


def test_a_loader_without_labels_is_refused():
    model = nn.from_byhand(small_classifier())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for loader in ([torch.rand(3, 7)], [(torch.rand(3, 7),)]):
        with pytest.raises(TypeError, match="tuples of data and labels"):
            nn.train(model, nn.classifier_loss, loader, optimizer, epochs=1, labels=True)
