"""The stored results of long computations, and the program that makes them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest

from aelib import byhand, stored
from benchmarks import frontier, hidden_layer, speed

ROOT = Path(__file__).resolve().parent.parent
MNIST = Path(os.environ.get("AELIB_MNIST", ROOT.parent / "shared" / "data" / "mnist"))


def test_the_page_on_mnist_says_what_was_measured():
    page = (ROOT / "book" / "mnist.md").read_text(encoding="utf-8")
    result = json.loads((ROOT / "benchmarks" / "mnist.json").read_text(encoding="utf-8"))
    rows = {line.split("|")[1].strip(): line for line in page.splitlines() if line.count("|") > 3}
    assert set(result["accuracy"]) <= set(rows)
    for name, values in result["accuracy"].items():
        assert len(values) == result["seeds"]
        # A half is rounded up, whichever side of it the binary fraction lies.
        mean, least, most = (
            f"{100 * value + 1e-9:.1f}" for value in (np.mean(values), min(values), max(values))
        )
        assert f"{mean} %" in rows[name], name
        if least != most:
            assert f"{least} to {most} %" in rows[name], name


def test_mnist_runs_without_its_files_end_in_a_sentence_not_a_traceback(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "AELIB_MNIST"}
    for arguments, words in (([], "AELIB_MNIST"), ([str(tmp_path)], "t10k-images")):
        run = subprocess.run(
            [sys.executable, "-m", "benchmarks.mnist", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert run.returncode == 2
        assert words in run.stderr
        assert "Traceback" not in run.stderr


def test_mnist_runs_on_the_real_files(tmp_path):
    if not MNIST.is_dir():
        pytest.skip(f"MNIST is not in {MNIST}; AELIB_MNIST may name its folder")
    out, picture = tmp_path / "mnist.json", tmp_path / "features.png"
    subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.mnist", str(MNIST)),
            *("--seeds", "1", "--iterations", "2", "--out", str(out), "--picture", str(picture)),
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=300,
    )
    accuracy = json.loads(out.read_text(encoding="utf-8"))["accuracy"]
    assert accuracy["raw pixels"][0] > 0.95
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert not list(tmp_path.glob("*.part"))


def test_the_sparse_grid_can_be_made_again(tmp_path):
    out = tmp_path / "grid.json"
    subprocess.run(
        [sys.executable, "-m", "benchmarks.sparse_grid", "--iterations", "1", "--out", str(out)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=300,
    )
    made = json.loads(out.read_text(encoding="utf-8"))
    stored = json.loads((ROOT / "aelib/widgets/sparse_grid.json").read_text(encoding="utf-8"))
    assert made.keys() == stored.keys()
    assert made["patches"] == stored["patches"]
    for name in ("features", "rho_hat", "reconstructions"):
        assert made[name]["shape"] == stored[name]["shape"]
    assert np.mean(made["error"]) > np.mean(stored["error"]), "400 iterations do more than one"
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_is_compared_computes_the_same(dtype):
    rng = np.random.default_rng(0)
    x = rng.random((600, 12)).astype(dtype)
    params = byhand.init(n_visible=12, n_hidden=5, rng=rng, dtype=dtype)
    _, grad = byhand.sparse.loss_and_grad(params, x, **speed.SPARSE)
    ways = speed.in_torch(params, x)
    assert set(ways) == {"aelib in torch", "plain torch"}
    tolerance = 1e-10 if dtype == np.float64 else 1e-4
    for run in ways.values():
        found = run()
        error = np.abs(found - grad["encoder_weight"]).max()
        assert error <= tolerance * np.abs(grad["encoder_weight"]).max()
    # That of scikit-learn compares its loss with ours by itself.
    loss = {name: run() for name, run in speed.in_scikit_learn(params, x).items()}
    assert loss["scikit-learn"] * 12 == pytest.approx(loss["by hand, linear"], rel=1e-3)


def test_the_table_of_speeds_says_what_was_measured():
    found = json.loads((ROOT / "benchmarks" / "speed.json").read_text(encoding="utf-8"))
    assert (ROOT / "benchmarks" / "speed.csv").read_text(encoding="utf-8") == speed.table(found)
    for row in found["cost and gradient"]:
        for value in row.values():
            if isinstance(value, dict) and "ratio" in value:
                assert 0.0 < value["from"] <= value["ratio"] <= value["to"]


def test_the_stored_frontier_has_every_kind_at_every_setting_for_every_seed():
    result = stored.frontier()
    settings, points = result["settings"], result["points"]
    assert {name: settings[name] for name in frontier.SETTINGS} == frontier.SETTINGS
    runs = [(p["kind"], p["setting"], p["seed"]) for p in points]
    wanted = [(k, s, i) for k, v in frontier.KNOBS.items() for s in v for i in range(8)]
    assert settings["seeds"] == 8
    assert sorted(runs) == sorted(wanted)
    for kind, chosen in settings["chosen"].items():
        trials = [t for t in settings["trials"] if t["kind"] == kind]
        best = max(trials, key=lambda trial: trial["matched"])
        assert {name: best[name] for name in chosen} == chosen


def test_the_frontier_runs(tmp_path):
    out = tmp_path / "frontier.json"
    subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.frontier", "--kinds", *frontier.KNOBS),
            *("--seeds", "1", "--tuning-seeds", "1", "--steps", "2", "--out", str(out)),
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=300,
    )
    assert len(json.loads(out.read_text(encoding="utf-8"))["points"]) == 25


def test_what_chapter_15_says_holds_for_all_ten_pairs_of_seeds():
    # Another machine's rounding is as good as another seed: a band that does not hold for all of
    # these would fail for some reader.
    result = stored.hidden_layer()
    chapter = nbformat.read(hidden_layer.CHAPTER, as_version=4)
    printed = "".join(
        output.get("text", "")
        for cell in chapter.cells
        if cell.cell_type == "code" and "stored" not in cell.metadata.get("tags", [])
        for output in cell.outputs
    )
    bands = {
        name: (float(low), float(high))
        for name, low, high in re.findall(r"^(.*): between (\S+) and (\S+)$", printed, re.M)
    }
    measured = result["measured"]
    assert set(bands) == set(measured), "run `python -m benchmarks.hidden_layer`"
    assert len(result["seeds"]) == 10
    for name, values in measured.items():
        low, high = bands[name]
        assert len(values) == 10
        assert low <= min(values) <= max(values) <= high, name
    assert result["failed"] == {}


def test_a_run_of_chapter_15_counts_what_does_not_hold(monkeypatch):
    source = """
def band(what, value, low, high):
    raise AssertionError

band("seeds", seed_of_network + seed_of_dictionary, 0, 1)
assert seed_of_network > 10
assert seed_of_dictionary > 1
"""
    first = nbformat.v4.new_code_cell("seed_of_network, seed_of_dictionary = 0, 1")
    first.metadata["tags"] = ["seeds"]
    cells = [first, nbformat.v4.new_code_cell(source)]
    monkeypatch.setattr(hidden_layer, "cells", lambda _: cells)
    done = []
    measured, failed = hidden_layer.run((4, 5), lambda: done.append(1))
    assert measured == {"seeds": 9.0}
    assert failed == ["seed_of_network > 10"]
    assert len(done) == 2
