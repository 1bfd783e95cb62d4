"""Mixed precision, and the same code on a graphics processor where there is one."""

from functools import partial

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from aelib import byhand, checks, data, nn
from aelib.nn.convert import places

on_gpu = pytest.param(
    "cuda",
    marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here"),
)
devices = pytest.mark.parametrize("device", ["cpu", on_gpu])
gpus = pytest.mark.parametrize("device", [on_gpu])
SPARSE = {"rho": 0.05, "sparsity_weight": 3.0, "weight_decay": 1e-3}
N = 64


def digits(dtype=torch.float32, m=500):
    return torch.from_numpy(data.digits()[0][:m]).to(dtype)


def sparse_autoencoder(dtype=torch.float32):
    return nn.SparseAutoencoder(N, 20, generator=torch.Generator().manual_seed(0), dtype=dtype)


def denoising(model, x):
    return nn.denoising_loss(model, x, x_noisy=0.9 * x)


LOSSES = {
    "sparse": (partial(nn.sparse_loss, **SPARSE), sparse_autoencoder),
    "plain": (nn.reconstruction_loss, sparse_autoencoder),
    "denoising": (denoising, sparse_autoencoder),
    "contractive": (partial(nn.contractive_loss, contraction_weight=0.5), sparse_autoencoder),
    "stacked": (
        nn.reconstruction_loss,
        lambda: nn.StackedAutoencoder(N, [20, 8], generator=torch.Generator().manual_seed(0)),
    ),
    "convolutional": (
        nn.reconstruction_loss,
        lambda: nn.ConvolutionalAutoencoder(8, generator=torch.Generator().manual_seed(0)),
    ),
}
every_loss = pytest.mark.parametrize(("loss", "make"), LOSSES.values(), ids=LOSSES)


def gradient(value, model):
    value.backward()
    return {name: p.grad.cpu().numpy().astype(float) for name, p in model.named_parameters()}


# --- mixed precision -----------------------------------------------------------------------------


@devices
@every_loss
def test_under_autocast_layers_are_coarse_and_losses_are_not(loss, make, device):
    x = digits().to(device)
    exact, mixed = make().to(device), make().to(device)
    kinds = set()
    for layer in mixed.modules():
        if not list(layer.children()):
            layer.register_forward_hook(lambda _, __, out: kinds.add(out.dtype))
    expected = loss(exact, x)
    with torch.autocast(device, dtype=torch.bfloat16):
        value = loss(mixed, x)
    assert kinds == {torch.bfloat16}
    assert value.dtype == torch.float32
    # Three digits a layer; the gradient is a sum with cancellation.
    assert value.item() == pytest.approx(expected.item(), rel=5e-3)
    assert value.item() != expected.item()
    assert all(p.dtype == torch.float32 for p in mixed.parameters())
    assert checks.relative_error(gradient(value, mixed), gradient(expected, exact)) < 0.05


@devices
def test_rho_hat_and_the_penalty_are_float32_whatever_the_layers_compute_in(device):
    # 10,001 activations of about 0.5: added up in bfloat16 the sum would stall at 256.
    z = torch.linspace(-1.0, 1.0, 10_001, device=device)[:, None].repeat(1, 3)
    coarse = z.to(torch.bfloat16).requires_grad_()
    with torch.autocast(device, dtype=torch.bfloat16):
        penalty = nn.kl_penalty(coarse, 0.05)
    assert penalty.dtype == torch.float32
    same = nn.kl_penalty(coarse.detach().float(), 0.05)
    assert penalty.item() == pytest.approx(same.item(), rel=1e-6)
    penalty.backward()
    assert torch.isfinite(coarse.grad).all()

    model, x = sparse_autoencoder().to(device), digits().to(device)
    with torch.autocast(device, dtype=torch.bfloat16):
        rho_hat = model.mean_activation(x)
        assert model.encode(x).dtype == torch.bfloat16
    assert rho_hat.dtype == torch.float32
    torch.testing.assert_close(rho_hat, model.mean_activation(x), rtol=2e-3, atol=0.0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_other_dtypes_are_no_mixed_precision(dtype):
    model = sparse_autoencoder()
    with pytest.raises(ValueError, match=f"autocast must be torch.bfloat16, got {dtype}"):
        train(model, digits(), epochs=1, autocast=dtype)


def test_autocast_that_is_no_dtype_or_would_do_nothing_is_refused():
    with pytest.raises(TypeError, match=r"autocast must be a torch.dtype, got str"):
        train(sparse_autoencoder(), digits(), epochs=1, autocast="bfloat16")
    model = sparse_autoencoder(torch.float64)
    with pytest.raises(ValueError, match=r"autocast needs a float32 model, got .* torch.float64"):
        train(model, digits(torch.float64), epochs=1, autocast=torch.bfloat16)


def train(model, x, *, epochs, batch_size=100, **settings):
    loader = DataLoader(TensorDataset(x), batch_size=batch_size)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    loss = partial(nn.sparse_loss, **SPARSE)
    return nn.train(model, loss, loader, optimizer, epochs=epochs, **settings)


@devices
def test_training_in_mixed_precision_ends_where_the_exact_one_does(device, tmp_path):
    exact, mixed = sparse_autoencoder(), sparse_autoencoder()
    expected = train(exact, digits(), epochs=12, device=device)
    settings = {"device": device, "autocast": torch.bfloat16, "checkpoint": tmp_path / "kept.pt"}
    train(sparse_autoencoder(), digits(), epochs=5, **settings)
    history = train(mixed, digits(), epochs=12, **settings)
    assert history.loss[-1] < 0.5 * history.loss[0]
    np.testing.assert_allclose(history.loss, expected.loss, rtol=0.02)
    assert (history.loss != expected.loss).all()
    assert {p.dtype for p in mixed.parameters()} == {torch.float32}


# --- on a graphics processor ---------------------------------------------------------------------


@gpus
@every_loss
def test_losses_and_gradients_are_those_of_the_cpu(loss, make, device):
    here, there = make().double(), make().double().to(device)
    x = digits(torch.float64)
    value, expected = loss(there, x.to(device)), loss(here, x)
    assert value.item() == pytest.approx(expected.item(), rel=1e-12)
    assert checks.relative_error(gradient(value, there), gradient(expected, here)) < 1e-10


@gpus
def test_the_gradient_by_hand_is_that_of_the_gpu(device):
    params = byhand.init(n_visible=N, n_hidden=20, rng=np.random.default_rng(0))
    params["encoder_bias"][:3] = [-45.0, 45.0, -750.0]
    x = data.digits()[0]
    loss, grad = byhand.sparse.loss_and_grad(params, x, **SPARSE)
    model = nn.from_byhand(params).to(device)
    value = nn.sparse_loss(model, torch.from_numpy(x).to(device), **SPARSE)
    value.backward()
    assert value.item() == pytest.approx(loss, rel=1e-12)
    found = {name: p.grad.cpu().numpy().T for name, p in places(model).items()}
    assert checks.relative_error(found, grad) < 1e-10


@gpus
def test_a_training_is_that_of_the_cpu_and_goes_on_on_either(device, tmp_path):
    x = digits(torch.float64)
    expected = train(sparse_autoencoder(torch.float64), x, epochs=6)
    history = train(sparse_autoencoder(torch.float64), x, epochs=6, device=device)
    np.testing.assert_allclose(history.loss, expected.loss, rtol=1e-8)
    kept = tmp_path / "kept.pt"
    for epochs, where in ((2, device), (4, "cpu"), (6, device)):
        moved = train(
            sparse_autoencoder(torch.float64), x, epochs=epochs, device=where, checkpoint=kept
        )
    np.testing.assert_allclose(moved.loss, expected.loss, rtol=1e-8)


@gpus
def test_rows_of_a_file_reach_the_gpu(device, tmp_path):
    np.save(tmp_path / "rows.npy", digits().numpy())
    expected = train(sparse_autoencoder(), digits(), epochs=2, device=device)
    model = sparse_autoencoder()
    loader = DataLoader(nn.FileRows(tmp_path / "rows.npy"), batch_size=100, pin_memory=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    loss = partial(nn.sparse_loss, **SPARSE)
    history = nn.train(model, loss, loader, optimizer, epochs=2, device=device)
    np.testing.assert_allclose(history.loss, expected.loss, rtol=1e-5)


@gpus
def test_a_group_of_one_gpu_trains_as_it_does_alone(device, tmp_path):
    torch.cuda.set_device(0)
    torch.distributed.init_process_group(
        "nccl", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1
    )
    try:
        wrapped = torch.nn.parallel.DistributedDataParallel(sparse_autoencoder().to(device))
        history = train(wrapped, digits(), epochs=3, device=device, checkpoint=tmp_path / "k.pt")
    finally:
        torch.distributed.destroy_process_group()
    expected = train(sparse_autoencoder(), digits(), epochs=3, device=device)
    np.testing.assert_allclose(history.loss, expected.loss, rtol=1e-5)
