"""Dictionaries in the files of SAELens: there and back, what is refused, and SAELens itself."""

import json
import struct

import numpy as np
import pytest
import torch

from aelib import nn

N, H, M = 6, 10, 30
KINDS = {
    "relu": (torch.nn.ReLU, "standard"),
    "topk": (lambda: nn.TopK(3), "topk"),
    "batchtopk": (lambda: nn.BatchTopK(2.5), "jumprelu"),
    "jumprelu": (lambda: nn.JumpReLU(H, threshold=0.3), "jumprelu"),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(dtype=torch.float64):
    return torch.randn(M, N, generator=generator(1), dtype=dtype)


def dictionary(kind, dtype=torch.float64):
    model = nn.Dictionary(N, H, KINDS[kind][0](), generator=generator(), dtype=dtype)
    with torch.no_grad():
        model.encoder.bias.uniform_(-0.2, 0.2, generator=generator(2))
        model.decoder.bias.uniform_(-0.5, 0.5, generator=generator(3))
        model.decoder.weight.mul_(torch.linspace(0.5, 2.0, H))
        if kind == "jumprelu":
            model.activation.threshold.uniform_(-0.1, 0.6, generator=generator(4))
    model(batch(dtype))  # for BatchTopK's threshold
    return model.eval()


@every_kind
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_there_and_back_gives_the_same_function(kind, dtype, tmp_path):
    model, x = dictionary(kind, dtype), batch(dtype)
    nn.write_saelens(model, tmp_path / "new" / "folder")
    back = nn.read_saelens(tmp_path / "new" / "folder")
    assert {p.dtype for p in back.parameters()} == {dtype}
    assert torch.equal(back.encode(x), model.encode(x))
    assert torch.equal(back(x), model(x))
    assert model.encode(x).any()


@every_kind
def test_names_shapes_and_settings_are_those_of_saelens(kind, tmp_path):
    model = dictionary(kind)
    nn.write_saelens(model, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cfg.json", "sae_weights.safetensors"]
    # The format itself, read by hand: a length, a header in JSON, and the numbers.
    content = (tmp_path / "sae_weights.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    shapes = {"W_enc": [N, H], "b_enc": [H], "W_dec": [H, N], "b_dec": [N]}
    if KINDS[kind][1] == "jumprelu":
        shapes["threshold"] = [H]
    assert {name: entry["shape"] for name, entry in header.items()} == shapes
    start, end = header["W_enc"]["data_offsets"]
    stored = np.frombuffer(content[8 + length :][start:end]).reshape(N, H)
    np.testing.assert_array_equal(stored, nn.to_byhand(model)["encoder_weight"])

    config = json.loads((tmp_path / "cfg.json").read_text())
    assert config["architecture"] == KINDS[kind][1]
    assert (config["d_in"], config["d_sae"], config["dtype"]) == (N, H, "float64")
    assert config.get("k") == (3 if kind == "topk" else None)


def spoil(folder, **changes):
    path = folder / "cfg.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps(config))


def test_a_decoder_bias_that_is_not_subtracted_is_worked_into_the_encoder(tmp_path):
    model, x = dictionary("jumprelu"), batch()
    nn.write_saelens(model, tmp_path)
    spoil(tmp_path, apply_b_dec_to_input=False)
    z = x @ model.encoder.weight.T + model.encoder.bias
    torch.testing.assert_close(nn.read_saelens(tmp_path).encode(x), model.activation(z))


def test_a_choice_after_scaling_by_the_norms_is_worked_into_the_weights(tmp_path):
    model, x = dictionary("topk"), batch()
    nn.write_saelens(model, tmp_path)
    spoil(tmp_path, rescale_acts_by_decoder_norm=True)
    norms = model.decoder.weight.norm(dim=0)
    a = model.activation(model.preactivation(x) * norms)
    back = nn.read_saelens(tmp_path)
    torch.testing.assert_close(back.encode(x), a)
    torch.testing.assert_close(back(x), model.decode(a / norms))
    assert not torch.allclose(back(x), model(x))


def rewrite(folder, **changes):
    from safetensors.torch import load_file, save_file

    path = folder / "sae_weights.safetensors"
    tensors = load_file(path) | changes
    save_file({k: v for k, v in tensors.items() if v is not None}, path)


def cut(folder):
    path = folder / "sae_weights.safetensors"
    path.write_bytes(path.read_bytes()[:-5])


BAD = {
    "cut off": (cut, "is damaged"),
    "no JSON": (lambda f: (f / "cfg.json").write_text("{"), "cfg.json is damaged"),
    "a list": (lambda f: (f / "cfg.json").write_text("[]"), "must hold an object, got list"),
    "gated": (lambda f: spoil(f, architecture="gated"), "architecture must be .* got 'gated'"),
    "no kind": (lambda f: spoil(f, architecture=None), "architecture must be .* got None"),
    "k": (lambda f: spoil(f, k=0), "k must be a whole number of at least 1, got 0"),
    "k too large": (lambda f: spoil(f, k=11), "k must be at most d_sae=10, got 11"),
    "width": (
        lambda f: spoil(f, d_in=7),
        r"W_enc is .* of shape \(6, 10\), which does not fit \(7, 10\)",
    ),
    "d_sae": (lambda f: spoil(f, d_sae="10"), "d_sae must be a whole number"),
    "normalised": (
        lambda f: spoil(f, normalize_activations="layer_norm"),
        'normalize_activations must be "none"',
    ),
    "one missing": (lambda f: rewrite(f, b_enc=None), r"must hold \['W_dec', 'W_enc', 'b_dec'"),
    "one too many": (lambda f: rewrite(f, threshold=torch.zeros(H)), "must hold .* got"),
    "transposed": (
        lambda f: rewrite(f, W_dec=torch.ones(N, H, dtype=torch.float64)),
        r"W_dec is torch.float64 of shape \(6, 10\), which does not fit \(10, 6\)",
    ),
    "another dtype": (lambda f: rewrite(f, b_enc=torch.zeros(H)), "b_enc is torch.float32"),
    "integers": (
        lambda f: rewrite(
            f,
            W_enc=torch.ones(N, H, dtype=int),
            W_dec=torch.ones(H, N, dtype=int),
            b_enc=torch.ones(H, dtype=int),
            b_dec=torch.ones(N, dtype=int),
        ),
        "is torch.int64",
    ),
    "NaN": (
        lambda f: rewrite(f, b_enc=torch.full((H,), torch.nan, dtype=torch.float64)),
        "b_enc holds NaN or infinity",
    ),
}


@pytest.mark.parametrize(("damage", "message"), BAD.values(), ids=BAD)
def test_files_that_do_not_fit_are_refused(damage, message, tmp_path):
    nn.write_saelens(dictionary("topk"), tmp_path)
    nn.read_saelens(tmp_path)
    damage(tmp_path)
    with pytest.raises(ValueError, match=message):
        nn.read_saelens(tmp_path)


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        nn.read_saelens(tmp_path)
    nn.write_saelens(dictionary("topk"), tmp_path)
    (tmp_path / "sae_weights.safetensors").unlink()
    with pytest.raises(FileNotFoundError):
        nn.read_saelens(tmp_path)


def test_what_saelens_has_no_place_for_is_not_written(tmp_path):
    with pytest.raises(TypeError, match="SAELens has no architecture for Sigmoid"):
        nn.write_saelens(nn.Dictionary(N, H, torch.nn.Sigmoid()), tmp_path / "a")
    with pytest.raises(ValueError, match="has no threshold yet"):
        nn.write_saelens(nn.Dictionary(N, H, nn.BatchTopK(2)), tmp_path / "a")
    assert not (tmp_path / "a").exists()


# --- the real package ----------------------------------------------------------------------------


@pytest.fixture
def sae_class():
    reason = "SAELens is not installed; it brings transformers (pip install sae-lens==6.54.12)"
    return pytest.importorskip("sae_lens", reason=reason).SAE


@every_kind
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.filterwarnings("default")  # those of a package that is not ours
def test_saelens_loads_what_is_written_and_computes_the_same(kind, dtype, tmp_path, sae_class):
    model, x = dictionary(kind, dtype), batch(dtype)
    nn.write_saelens(model, tmp_path)
    theirs = sae_class.load_from_disk(tmp_path)
    assert theirs.cfg.architecture() == KINDS[kind][1]
    torch.testing.assert_close(theirs.encode(x), model.encode(x))
    torch.testing.assert_close(theirs(x), model(x))


@pytest.mark.parametrize("kind", ["relu", "topk", "jumprelu"])
@pytest.mark.parametrize("subtract", [True, False])
@pytest.mark.filterwarnings("default")
def test_what_saelens_writes_is_read_and_computes_the_same(kind, subtract, tmp_path, sae_class):
    more = {"k": 3, "rescale_acts_by_decoder_norm": True} if kind == "topk" else {}
    theirs = sae_class.from_dict(
        {
            "architecture": KINDS[kind][1],
            "d_in": N,
            "d_sae": H,
            "dtype": "float64",
            "device": "cpu",
            "apply_b_dec_to_input": subtract,
            "metadata": {},
            **more,
        }
    )
    with torch.no_grad():
        for number, parameter in enumerate(theirs.parameters()):
            parameter.uniform_(-0.5, 0.5, generator=generator(number))
    theirs.save_model(tmp_path)
    ours, x = nn.read_saelens(tmp_path), batch()
    torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.encode(x) > 0, theirs.encode(x) > 0)
    assert (ours.encode(x) > 0).any()
