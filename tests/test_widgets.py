"""The interactive figures, from Python's side. A real browser looks at them elsewhere."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import traitlets
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies

from aelib import byhand, corruption, data, widgets
from aelib.widgets import figure
from aelib.widgets.packing import DTYPES, pack, unpack
from benchmarks import sparse_grid

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = {
    "KLCurve": "kl",
    "ModifiedDelta": "delta",
    "SparseGrid": "grid",
    "CorruptDigit": "corrupt",
    "VectorField": "field",
    "Frontier": "frontier",
}
PLACES = data.spiral(50, np.random.default_rng(0))


def some_digits():
    x, labels = data.digits()
    return x[:10], [str(label) for label in labels[:10]]


def some_networks():
    rng = np.random.default_rng(0)
    return {
        name: byhand.init(n_visible=64, n_hidden=n, rng=rng)
        for name, n in (("Gaussian", 30), ("masking", 17))
    }


def tied():
    rng = np.random.default_rng(0)
    return byhand.init(n_visible=64, n_hidden=9, rng=rng, tied=True)


def corrupt_digit(**settings):
    x, labels = some_digits()
    given = {
        "digits": x,
        "labels": labels,
        "networks": some_networks(),
        "rng": np.random.default_rng(7),
    }
    return widgets.CorruptDigit(**{**given, **settings})


def some_points(**changed):
    """Two settings of each kind at two seeds; numbers that tell everything apart."""
    return [
        {
            "kind": kind,
            "setting": 0.1 * (setting + 1),
            "seed": seed,
            "l0": 1.0 + 10 * setting + number,
            "fvu": 0.1 + 0.02 * seed + 0.01 * number,
            "matched": 0.9 - 0.1 * seed,
            "recovered": 0.5 + 0.05 * setting,
            "dead": 3 * seed,
            **changed,
        }
        for number, kind in enumerate(("kl", "l1", "topk", "batchtopk", "jumprelu"))
        for setting in range(2)
        for seed in range(2)
    ]


MAKE = {
    "KLCurve": widgets.KLCurve,
    "ModifiedDelta": widgets.ModifiedDelta,
    "SparseGrid": widgets.SparseGrid,
    "VectorField": lambda **settings: widgets.VectorField(PLACES, **settings),
    "CorruptDigit": corrupt_digit,
    "Frontier": lambda **settings: widgets.Frontier(some_points(), **settings),
}
every_figure = pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)


def test_each_figure_is_tested():
    public = {name for name in widgets.__all__ if isinstance(getattr(widgets, name), type)}
    assert public == set(MAKE) == set(SCRIPTS)


# --- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("KLCurve", {"rho": 0.0}),
        ("KLCurve", {"rho": 1.0}),
        ("KLCurve", {"rho_hat": 1.0}),
        ("KLCurve", {"rho_hat": "0.5"}),
        ("ModifiedDelta", {"activation": 0.0}),
        ("ModifiedDelta", {"n_samples": 0}),
        ("ModifiedDelta", {"n_samples": 2.5}),
        ("ModifiedDelta", {"sparsity_weight": -1.0}),
        ("ModifiedDelta", {"back_propagated": 3.0}),
        ("SparseGrid", {"rho": 0.03}),
        ("SparseGrid", {"sparsity_weight": 2.0}),
        ("VectorField", {"sigma": 0.0}),
        ("VectorField", {"start": (0.0, 2.0)}),
        ("VectorField", {"n_steps": 61}),
        ("Frontier", {"measure": "loss"}),
        ("Frontier", {"kind": "relu"}),
        ("Frontier", {"position": 2}),
        ("Frontier", {"position": -1}),
        ("CorruptDigit", {"level": 0.9}),
        ("CorruptDigit", {"kind": "blur"}),
        ("CorruptDigit", {"digit": 10}),
        ("CorruptDigit", {"network": 2}),
    ],
)
def test_a_setting_out_of_range_is_refused_at_the_start_and_later(name, settings):
    with pytest.raises(traitlets.TraitError):
        MAKE[name](**settings)
    made = MAKE[name]()
    for trait, value in settings.items():
        trait, value = ("start_y", value[1]) if trait == "start" else (trait, value)
        before = getattr(made, trait)
        with pytest.raises(traitlets.TraitError):
            setattr(made, trait, value)
        assert getattr(made, trait) == before


@pytest.mark.parametrize(
    ("error", "words", "make"),
    [
        (TypeError, "points", lambda: widgets.VectorField([[0.0, 0.0]])),
        (ValueError, "columns", lambda: widgets.VectorField(np.zeros((3, 3)))),
        (ValueError, "NaN", lambda: widgets.VectorField(np.full((3, 2), np.nan))),
        (ValueError, "within", lambda: widgets.VectorField(np.full((3, 2), 1.5))),
        (ValueError, "digits", lambda: corrupt_digit(digits=some_digits()[0] * 2)),
        (ValueError, "labels", lambda: corrupt_digit(labels=["1"])),
        (ValueError, "empty", lambda: corrupt_digit(networks={})),
        (
            ValueError,
            "mirror must have the parameters",
            lambda: corrupt_digit(networks={"mirror": tied()}),
        ),
        (TypeError, "rng", lambda: corrupt_digit(rng=7)),
        (ValueError, "settings for every kind", lambda: widgets.Frontier([])),
        (ValueError, "settings for every kind", lambda: widgets.Frontier(some_points()[:-2])),
        (ValueError, "seeds for every setting", lambda: widgets.Frontier(some_points()[:-1])),
        (TypeError, r"points\[0\] must be a dict", lambda: widgets.Frontier(["topk"])),
        (ValueError, "lacks", lambda: widgets.Frontier([{"kind": "topk"}])),
        (ValueError, "kind 'gated'", lambda: widgets.Frontier(some_points(kind="gated"))),
        (ValueError, "fvu.* must be finite", lambda: widgets.Frontier(some_points(fvu=np.nan))),
        (ValueError, "l0.* greater than 0", lambda: widgets.Frontier(some_points(l0=0.0))),
        (
            ValueError,
            "encoder of small",
            lambda: corrupt_digit(
                networks={
                    "small": byhand.init(n_visible=9, n_hidden=3, rng=np.random.default_rng(0))
                }
            ),
        ),
    ],
)
def test_bad_data_are_refused_by_name(error, words, make):
    with pytest.raises(error, match=words):
        make()


# --- what goes into a notebook -------------------------------------------------------------------


@every_figure
def test_the_repr_holds_no_address(make):
    made = make()
    assert repr(made).startswith(f"{type(made).__name__}(")
    assert "0x" not in repr(made)
    bundle, _ = made._repr_mimebundle_()
    assert bundle["text/plain"] == repr(made)


@every_figure
def test_two_figures_have_different_names(make):
    first, second = make(), make()
    assert first.model_id != second.model_id
    assert first.layout.model_id != second.layout.model_id
    assert first.layout.model_id != first.model_id


def test_the_names_are_the_same_in_every_run():
    program = (
        "from aelib import widgets\n"
        "made = [widgets.KLCurve(), widgets.KLCurve(), widgets.SparseGrid()]\n"
        "print(*[name for w in made for name in (w.model_id, w.layout.model_id)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [
        *("kl-curve-1", "kl-curve-1-layout", "kl-curve-2", "kl-curve-2-layout"),
        *("sparse-grid-1", "sparse-grid-1-layout"),
    ]


@every_figure
def test_a_state_is_json_and_small(make):
    # A notebook may weigh a megabyte, and what a page transfers too.
    assert len(json.dumps(make().get_state())) < 130_000


@every_figure
def test_a_figure_carries_its_script_and_its_look(make):
    made = make()
    assert made._esm == figure.script(SCRIPTS[type(made).__name__])
    assert "export default { render }" in made._esm
    # As a module from a Blob it could resolve no import.
    assert "\nimport " not in made._esm
    assert "prefers-color-scheme" not in made._css, "the page's theme decides"
    assert "http" not in made._css
    hosts = made._esm.replace("http://www.w3.org/2000/svg", "")  # a name, which nobody fetches
    assert "http" not in hosts


@pytest.mark.parametrize(
    "path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.name
)
def test_stored_figures_are_those_of_the_package(path):
    stored = json.loads(path.read_text(encoding="utf-8"))["metadata"].get("widgets", {})
    for models in stored.values():
        for model_id, model in models["state"].items():
            if model["model_name"] != "AnyModel":
                continue
            kind = model["state"]["_anywidget_id"].rpartition(".")[2]
            script = figure.script(SCRIPTS[kind])
            current = model["state"]["_esm"] == script and model["state"]["_css"] == figure.STYLE
            assert current, f"{model_id} is out of date: run `make notebooks ONLY={path.name[:2]}`"


# --- packing -------------------------------------------------------------------------------------


@given(
    numpy_strategies.arrays(
        st.sampled_from(DTYPES),
        numpy_strategies.array_shapes(max_dims=3, max_side=5),
    )
)
def test_unpack_undoes_pack(array):
    back = unpack(json.loads(json.dumps(pack(array))))
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


def test_pack_takes_any_order_of_bytes_and_rows():
    array = np.arange(6.0).reshape(2, 3)
    for same in (array.astype(">f8"), np.asfortranarray(array), array[:, ::-1][:, ::-1]):
        assert pack(same) == pack(array)


@pytest.mark.parametrize("bad", [[1.0], np.arange(3), np.array(["a"]), np.array([True])])
def test_pack_refuses_what_javascript_could_not_read(bad):
    with pytest.raises(TypeError, match="array must be"):
        pack(bad)


@pytest.mark.parametrize(
    "spoil", [{"dtype": "int64"}, {"shape": [7]}, {"data": "AAA"}, {"data": "AAAA"}]
)
def test_unpack_refuses_what_does_not_fit(spoil):
    with pytest.raises(ValueError, match=r"dtype|reshape|padding|buffer"):
        unpack({**pack(np.zeros(3)), **spoil})


# --- data of the single figures ------------------------------------------------------------------


def test_the_grid_says_how_it_was_made_and_holds_every_pair():
    grid = widgets.sparse_grid()
    settings = grid["settings"]
    assert settings == sparse_grid.SETTINGS, "run `python -m benchmarks.sparse_grid`"
    n = len(settings["rho"]) * len(settings["sparsity_weight"])
    assert unpack(grid["features"]).shape == (n, settings["hidden"], 64)
    assert unpack(grid["rho_hat"]).shape == (n, settings["hidden"])
    assert unpack(grid["patches"]).shape == (6, 64)
    assert unpack(grid["reconstructions"]).shape == (n, 6, 64)
    assert len(grid["error"]) == n


def test_the_grid_shows_what_chapter_6_says_of_rho_and_lambda():
    grid = widgets.sparse_grid()
    targets, weights = grid["settings"]["rho"], grid["settings"]["sparsity_weight"]
    error = np.reshape(grid["error"], (len(targets), len(weights)))
    rho_hat = unpack(grid["rho_hat"]).reshape(len(targets), len(weights), -1)
    assert np.all(np.diff(error, axis=1) > 0), "the error rises with lambda"
    assert np.all(np.diff(error[:, 1:], axis=0) < 0), "and falls as rho grows"
    assert np.ptp(error[:, 0]) == 0, "without a penalty rho does not matter"
    off = np.abs(rho_hat - np.array(targets)[:, None, None]).max(axis=2)
    assert np.all(off[:, -1] < 0.01), "the largest lambda keeps every unit at its target"
    # Every feature is scaled by its own largest weight.
    features = unpack(grid["features"]).astype(float)
    assert np.all(np.abs(features - 127.5).max(axis=2) > 127)


def test_the_digits_weights_are_rounded_to_a_hundredth_of_the_largest():
    networks = some_networks()
    made = corrupt_digit(networks=networks)
    assert [packed["name"] for packed in made.networks] == list(networks)
    for packed, params in zip(made.networks, networks.values(), strict=True):
        for layer in ("encoder", "decoder"):
            whole, scale, bias = (unpack(packed[layer][k]) for k in ("weight", "scale", "bias"))
            weight = params[f"{layer}_weight"]
            assert whole.shape == weight.shape
            assert np.all(np.abs(whole * scale - weight) <= 0.5001 * scale)
            assert np.all(scale * 127 <= np.abs(weight).max(axis=0) * (1 + 1e-12))
            np.testing.assert_array_equal(bias, params[f"{layer}_bias"])


def test_a_column_of_zeros_stays_zero():
    params = some_networks()["Gaussian"]
    params["encoder_weight"] = params["encoder_weight"].copy()
    params["encoder_weight"][:, 3] = 0.0
    packed = corrupt_digit(networks={"one": params}).networks[0]["encoder"]
    assert np.all(unpack(packed["weight"])[:, 3] == 0)
    assert np.all(np.isfinite(unpack(packed["scale"])))


def test_the_first_draw_is_that_of_the_corruption_module():
    made = corrupt_digit(rng=np.random.default_rng(13))
    x = some_digits()[0][:1]
    expected = corruption.gaussian(x, 0.3, np.random.default_rng(13))
    drawn = x + 0.3 * unpack(made.normal)[:1]
    np.testing.assert_allclose(drawn, expected, atol=1e-6)
    assert unpack(made.uniform).min() >= 0
    assert unpack(made.uniform).max() < 1
    assert len(unpack(made.normal)) == made.traits()["draw"].max + 1


def test_the_frontier_sums_up_the_seeds_of_each_setting():
    lines = widgets.Frontier(reversed(some_points())).lines
    assert [run["setting"] for run in lines["topk"]] == [0.1, 0.2]
    first = lines["topk"][0]
    assert first["seeds"] == 2
    assert first["l0"] == [3.0, 3.0, 3.0]
    assert first["fvu"] == [0.13, 0.12, 0.14]
    assert first["matched"] == [0.85, 0.8, 0.9]
    assert first["dead"] == [1.5, 0.0, 3.0]
