"""Five kinds of sparse autoencoder on known features: how sparse, how faithful, how right.

    python -m benchmarks.frontier [--seeds 8] [--kinds kl l1 topk batchtopk jumprelu] [--jobs 2]

The data are sums of few of many random directions (`aelib.superposition`), so what there is to be
found is known. Five kinds learn from the same samples with the same number of steps: the KL
regulariser of the lecture (sigmoid units, linear decoder), and dictionaries with L1, TopK,
BatchTopK and JumpReLU, each at five settings of its own knob.

First, on data of two other seeds and at one setting near the true sparsity, each kind gets the
options with the largest mean matched cosine: the learning rate; for KL also its weight, for TopK
and BatchTopK whether dead units are helped by an auxiliary loss, and for JumpReLU its bandwidth
and first threshold.

All numbers are of held-out data. A sigmoid is never 0, so for KL a unit counts as active where it
exceeds its median by more than a tenth of the distance from its median to its maximum. So none of
its units is ever dead: the sample with the maximum counts. For `fvu_counted`, all other units are
put at their median before the reconstruction.

Writes aelib/stored/frontier.json.
"""

import argparse
import json
import os
from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from joblib import Parallel, delayed
from torch import Tensor
from tqdm import tqdm

from aelib import dictionary, nn, superposition, whole
from aelib.validate import Array

OUT = Path(__file__).resolve().parent.parent / "aelib" / "stored" / "frontier.json"
SETTINGS: dict[str, Any] = {
    "visible": 24,
    "features": 48,
    "hidden": 64,
    "frequency": "0.1 / l^0.3 for l = 1 to 48: 10 % down to 3 %",
    "correlation": "0.6 within six groups of four features; the other 24 are independent",
    "weakest": 0.1,
    "noise": 0.02,
    "training_samples": 20000,
    "held_out_samples": 10000,
    "steps": 2000,
    "batch": 256,
    "optimiser": "Adam, learning rate falling linearly to 0 over the last fifth of the steps",
    "tuning_seeds": [100, 101],
    "tuned_at": {"kl": 0.01, "l1": 0.15, "topk": 2, "batchtopk": 2.0, "jumprelu": 0.012},
    "dead_after": 200,
    "active_kl": "more than 0.1 (maximum - median) above the unit's median",
}
KNOBS = {
    "kl": [0.002, 0.005, 0.01, 0.02, 0.05],  # rho
    "l1": [0.03, 0.06, 0.1, 0.15, 0.2],  # sparsity weight
    "topk": [1, 2, 3, 4, 6],  # k
    "batchtopk": [1.0, 1.5, 2.0, 3.0, 5.0],  # k on average
    "jumprelu": [0.003, 0.006, 0.012, 0.025, 0.05],  # sparsity weight
}
RATES = [1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2]
HELP = [0.0, 1 / 32]
TRIALS: dict[str, dict[str, list[float]]] = {
    "kl": {"lr": [*RATES, 1e-1, 2e-1], "sparsity_weight": [0.03, 0.1, 0.3, 1.0]},
    "l1": {"lr": RATES},
    "topk": {"lr": RATES, "auxiliary_weight": HELP},
    "batchtopk": {"lr": RATES, "auxiliary_weight": HELP},
    "jumprelu": {"lr": RATES, "bandwidth": [0.05, 0.15, 0.4], "threshold": [0.03, 0.1, 0.3]},
}


def frequencies(n_features: int) -> Array:
    """Return in what share of the samples each feature is."""
    f: Array = 0.1 / np.arange(1, n_features + 1) ** 0.3
    return f


def correlations(n_features: int) -> Array:
    """Return six groups of four correlated features, frequent and rare ones in each."""
    c = np.eye(n_features)
    for first in range(6):
        group = np.arange(first, n_features, n_features // 4)
        c[np.ix_(group, group)] = 0.6
    np.fill_diagonal(c, 1.0)
    return c


def draw(seed: int) -> tuple[Array, Array, Array]:
    """Return the directions, the training samples and the held-out samples, in float32."""
    rng = np.random.default_rng(seed)
    f, n = SETTINGS["features"], SETTINGS["visible"]
    v = superposition.directions(f, n, rng)
    m = SETTINGS["training_samples"] + SETTINGS["held_out_samples"]
    s = superposition.strengths(
        m, frequencies(f), rng, correlation=correlations(f), weakest=SETTINGS["weakest"]
    )
    x = (s @ v + SETTINGS["noise"] * rng.standard_normal((m, n))).astype(np.float32)
    return v, x[: SETTINGS["training_samples"]], x[SETTINGS["training_samples"] :]


def build(kind: str, knob: float, generator: torch.Generator, **options: float) -> tuple[Any, Any]:
    """Return a model and its loss."""
    n, h = SETTINGS["visible"], SETTINGS["hidden"]
    if kind == "kl":
        model = nn.SparseAutoencoder(n, h, decoder="linear", generator=generator)
        loss = partial(nn.sparse_loss, rho=knob, sparsity_weight=options["sparsity_weight"])
        return model, loss
    activation = {
        "l1": torch.nn.ReLU,
        "topk": lambda: nn.TopK(int(knob)),
        "batchtopk": lambda: nn.BatchTopK(knob),
        "jumprelu": lambda: nn.JumpReLU(
            h, threshold=options["threshold"], bandwidth=options["bandwidth"]
        ),
    }[kind]()
    dict_model = nn.Dictionary(n, h, activation, generator=generator)
    selected = partial(
        nn.topk_loss,
        dead_after=SETTINGS["dead_after"],
        auxiliary_weight=options.get("auxiliary_weight", 0.0),
    )
    losses = {
        "l1": partial(nn.l1_loss, sparsity_weight=knob),
        "topk": selected,
        "batchtopk": selected,
        "jumprelu": partial(nn.jumprelu_loss, sparsity_weight=knob),
    }
    return dict_model, losses[kind]


def fit(kind: str, knob: float, x: Tensor, seed: int, *, lr: float, **options: float) -> Any:
    """Train one model."""
    generator = torch.Generator().manual_seed(seed)
    model, loss = build(kind, knob, generator, **options)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    if kind != "kl":
        nn.keep_unit_norm(model, optimizer)
    steps = SETTINGS["steps"]
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = lr * min(1.0, (steps - step) / (0.2 * steps))
        rows = torch.randint(len(x), (SETTINGS["batch"],), generator=generator)
        optimizer.zero_grad(set_to_none=True)
        loss(model, x[rows]).backward()
        optimizer.step()
    model.eval()
    return model


def measure(kind: str, model: Any, held_out: Array, features: Array) -> dict[str, float]:
    """Return what the model is worth on held-out data."""
    with torch.no_grad():
        a = model.encode(torch.from_numpy(held_out))
        x_hat = model.decode(a).numpy()
        counted = a.numpy()
        if kind == "kl":
            rest = a.median(dim=0).values
            on = a - rest > 0.1 * (a.amax(dim=0) - rest)
            counted = (on * a).numpy()
            x_hat_counted = model.decode(torch.where(on, a, rest)).numpy()
        else:
            x_hat_counted = x_hat
    directions = model.decoder.weight.detach().numpy().T
    match = dictionary.match(directions, features)
    return {
        "l0": dictionary.l0(counted),
        "fvu": dictionary.variance_unexplained(held_out, x_hat),
        "fvu_counted": dictionary.variance_unexplained(held_out, x_hat_counted),
        "mmcs": dictionary.mean_max_cosine(directions, features),
        "matched": float(match.cosine.mean()),
        "recovered": float(np.mean(match.cosine > 0.9)),
        "dead": int(dictionary.dead_units(counted).sum()),
        "dense": int(dictionary.dense_units(counted).sum()),
    }


def run(kind: str, knob: float, seed: int, options: dict[str, float]) -> dict[str, float]:
    """Draw the data of a seed, train one model on them, and measure it."""
    torch.set_num_threads(1)
    features, x, held_out = draw(seed)
    model = fit(kind, knob, torch.from_numpy(x), seed, **options)
    return rounded(measure(kind, model, held_out, features))


def in_order(jobs: list[tuple[Any, ...]], n_jobs: int, what: str) -> Iterator[dict[str, float]]:
    """Run several at a time; yield their results in the order of the jobs."""
    results = Parallel(n_jobs=n_jobs, return_as="generator")(delayed(run)(*job) for job in jobs)
    yield from tqdm(
        results,
        desc=what,
        unit="run",
        total=len(jobs),
        disable=bool(os.environ.get("TQDM_DISABLE")),
    )


def tune(kinds: list[str], n_jobs: int) -> tuple[dict[str, dict[str, float]], list[dict[str, Any]]]:
    """Return the best options of these kinds, and all trials: means over the tuning seeds."""
    seeds = SETTINGS["tuning_seeds"]
    candidates = [
        (kind, dict(zip(grid, values, strict=True)))
        for kind in kinds
        for grid in [TRIALS[kind]]
        for values in product(*grid.values())
    ]
    jobs = [(k, SETTINGS["tuned_at"][k], seed, o) for k, o in candidates for seed in seeds]
    results = list(in_order(jobs, n_jobs, "tuning"))
    best: dict[str, dict[str, float]] = {}
    trials: list[dict[str, Any]] = []
    for i, (kind, options) in enumerate(candidates):
        several = results[i * len(seeds) : (i + 1) * len(seeds)]
        mean = {name: float(np.mean([r[name] for r in several])) for name in several[0]}
        trials.append({"kind": kind, **options, **rounded(mean)})
    for kind in kinds:
        of_kind = [t for t in trials if t["kind"] == kind]
        winner = max(of_kind, key=lambda trial: trial["matched"])
        best[kind] = {name: winner[name] for name in TRIALS[kind]}
    return best, trials


def rounded(result: dict[str, float]) -> dict[str, float]:
    """Keep four digits: the others differ from machine to machine."""
    return {name: round(value, 4) for name, value in result.items()}


def main() -> None:
    """Tune, then train every kind at every setting for every seed, and store the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=8, help="how often to repeat (default 8)")
    parser.add_argument(
        "--kinds", nargs="+", choices=KNOBS, default=list(KNOBS), help="keep the others' results"
    )
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time (default 1)")
    parser.add_argument("--steps", type=int, help="fewer steps, to try it out")
    parser.add_argument("--tuning-seeds", type=int, default=2, help="how many (default 2)")
    parser.add_argument("--out", type=Path, default=OUT, help="where to write the result")
    options = parser.parse_args()
    if options.steps is not None:
        SETTINGS["steps"] = options.steps
    SETTINGS["tuning_seeds"] = SETTINGS["tuning_seeds"][: options.tuning_seeds]

    kinds = options.kinds
    best, trials = tune(kinds, options.jobs)
    for kind, chosen in best.items():
        print(f"{kind:10s} {chosen}", flush=True)
    points: list[dict[str, Any]] = []
    if set(kinds) != set(KNOBS):
        old = json.loads(options.out.read_text(encoding="utf-8"))
        best = {**old["settings"]["chosen"], **best}
        trials = [t for t in old["settings"]["trials"] if t["kind"] not in kinds] + trials
        points = [p for p in old["points"] if p["kind"] not in kinds]

    jobs = [
        (kind, knob, seed, best[kind])
        for seed in range(options.seeds)
        for kind in kinds
        for knob in KNOBS[kind]
    ]
    results = in_order(jobs, options.jobs, "frontier")
    for (kind, knob, seed, _), result in zip(jobs, results, strict=True):
        points.append({"kind": kind, "setting": knob, "seed": seed, **result})
        if (kind, knob) == (kinds[-1], KNOBS[kind][-1]):
            # After every seed, so that an interrupted run keeps what it has.
            seeds = len({p["seed"] for p in points})
            settings = {**SETTINGS, "seeds": seeds, "chosen": best, "trials": trials}
            order = list(KNOBS)
            points.sort(key=lambda p: (order.index(p["kind"]), p["setting"], p["seed"]))
            write(options.out, {"settings": settings, "points": points})

    print(f"{'kind':10s}{'setting':>9s}{'l0':>7s}{'fvu':>8s}{'matched':>9s}{'recovered':>11s}")
    for kind, knobs in KNOBS.items():
        for knob in knobs:
            rows = [p for p in points if p["kind"] == kind and p["setting"] == knob]
            l0, fvu, matched, recovered = (
                np.mean([p[name] for p in rows]) for name in ("l0", "fvu", "matched", "recovered")
            )
            print(f"{kind:10s}{knob:9g}{l0:7.2f}{fvu:8.3f}{matched:9.3f}{recovered:11.2f}")


def write(path: Path, result: dict[str, Any]) -> None:
    """Save the points and the trials, each on a line of its own."""
    lines = ",\n    ".join(json.dumps(point) for point in result["points"])
    settings = json.dumps({**result["settings"], "trials": []}, indent=2).replace("\n", "\n  ")
    trials = ",\n      ".join(json.dumps(trial) for trial in result["settings"]["trials"])
    settings = settings.replace('"trials": []', f'"trials": [\n      {trials}\n    ]')
    text = f'{{\n  "settings": {settings},\n  "points": [\n    {lines}\n  ]\n}}\n'
    whole.write(path, text)


if __name__ == "__main__":
    main()
