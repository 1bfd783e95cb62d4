r"""How fast the objective is, beside other ways to compute it: ``python -m benchmarks.speed``.

Everything that is compared is run in turns in one process, on one thread, and measured in
processor time; what is reported is the median of the ratios of neighbouring runs, with the middle
half of them. Two bounds are measured beside them:

- the *products*: the five matrix products of cost and gradient, and one exponential of each
  activation. Nothing that computes this objective in full precision can be faster by much;
- the *floor*: the same products, and a sigmoid instead of the exponential.

Writes ``speed.json`` beside this file, and from it the tables and the figure of the status page.
`make bench` runs it. It wants a machine with nothing else to do, and takes some ten minutes.
"""

import io
import json
import os
import platform
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib import pyplot as plt
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from aelib import byhand, data, nn, whole
from benchmarks.table import as_csv

HERE = Path(__file__).resolve().parent
SHAPES = ((64, 25), (784, 196), (784, 1024))
M = 10_000
SPARSE = {"rho": 0.05, "sparsity_weight": 3.0, "weight_decay": 1e-4}
DTYPES = (np.float64, np.float32)
Runs = dict[str, Callable[[], Any]]


def in_turns(runs: Runs, rounds: int) -> dict[str, list[float]]:
    """Run each once to warm up, then all in turns; return the processor seconds of each round."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    for _ in range(rounds):
        for name, run in runs.items():
            begun = time.process_time()
            run()
            seconds[name].append(time.process_time() - begun)
    return seconds


def ratio(seconds: dict[str, list[float]], name: str, other: str) -> dict[str, float]:
    """Return the median of one's time over the other's, and the quarter points."""
    of_each_round = np.array(seconds[name]) / np.array(seconds[other])
    low, middle, high = np.quantile(of_each_round, [0.25, 0.5, 0.75])
    return {
        "ratio": round(float(middle), 3),
        "from": round(float(low), 3),
        "to": round(float(high), 3),
    }


def bounds(params: byhand.Params, x: np.ndarray) -> Runs:
    """Return the two bounds, with every array they need made beforehand."""
    encoder, decoder = params["encoder_weight"], params["decoder_weight"]
    z, z_out = np.empty((len(x), encoder.shape[1]), x.dtype), np.empty_like(x)
    a, delta_out, delta = np.full_like(z, 0.5), np.full_like(x, 0.5), np.empty_like(z)
    back, forth = np.empty_like(encoder), np.empty_like(decoder)

    def products(*, sigmoid: bool = False) -> None:
        for inputs, weight, out in ((x, encoder, z), (a, decoder, z_out)):
            np.matmul(inputs, weight, out=out)
            np.exp(out, out=out)
            if sigmoid:
                np.add(out, 1.0, out=out)
                np.divide(1.0, out, out=out)
        np.matmul(delta_out, decoder.T, out=delta)
        np.matmul(x.T, delta, out=back)
        np.matmul(a.T, delta_out, out=forth)

    return {"products": products, "floor": partial(products, sigmoid=True)}


def in_torch(params: byhand.Params, x: np.ndarray) -> Runs:
    """Return aelib's torch model, and the loop that anyone would write, on the same numbers."""
    model = nn.from_byhand(params)
    batch = torch.from_numpy(x)
    tensors = {k: torch.tensor(v, requires_grad=True) for k, v in params.items()}

    def aelib_in_torch() -> Any:
        model.zero_grad()
        nn.sparse_loss(model, batch, **SPARSE).backward()
        return model.encoder.weight.grad.T.numpy()

    def plain_torch() -> Any:
        for tensor in tensors.values():
            tensor.grad = None
        a = torch.sigmoid(batch @ tensors["encoder_weight"] + tensors["encoder_bias"])
        x_hat = torch.sigmoid(a @ tensors["decoder_weight"] + tensors["decoder_bias"])
        rho, rho_hat = SPARSE["rho"], a.mean(dim=0)
        kl = rho * torch.log(rho / rho_hat) + (1 - rho) * torch.log((1 - rho) / (1 - rho_hat))
        decay = tensors["encoder_weight"].square().sum() + tensors["decoder_weight"].square().sum()
        loss = 0.5 * (x_hat - batch).square().sum() / len(batch)
        loss = loss + SPARSE["sparsity_weight"] * kl.sum()
        (loss + 0.5 * SPARSE["weight_decay"] * decay).backward()
        return tensors["encoder_weight"].grad.numpy()

    return {"aelib in torch": aelib_in_torch, "plain torch": plain_torch}


def in_scikit_learn(params: byhand.Params, x: np.ndarray) -> Runs:
    """Return MLPRegressor's loss and gradient, and aelib's for what that can express.

    It has no penalty on mean activations and its output is linear, so both compute the plain
    autoencoder with a linear decoder and weight decay.
    """
    from sklearn.neural_network import MLPRegressor

    m, (n, h) = len(x), params["encoder_weight"].shape
    mlp = MLPRegressor(hidden_layer_sizes=(h,), activation="logistic", max_iter=1)
    mlp._random_state = np.random.RandomState(0)
    mlp.n_outputs_ = n
    mlp._initialize(x, [n, h, n], x.dtype)
    mlp.coefs_ = [params["encoder_weight"], params["decoder_weight"]]
    mlp.intercepts_ = [params["encoder_bias"], params["decoder_bias"]]
    sizes = (h, n)

    def scikit_learn() -> float:
        activations = [x, *(np.empty((m, k), x.dtype) for k in sizes)]
        deltas = [np.empty_like(a) for a in activations[1:]]
        weights = [np.empty_like(w) for w in mlp.coefs_]
        biases = [np.empty_like(b) for b in mlp.intercepts_]
        loss, _, _ = mlp._backprop(x, x, None, activations, deltas, weights, biases)
        return float(loss)

    def aelib() -> float:
        loss, _ = byhand.autoencoder.loss_and_grad(
            params, x, decoder="linear", weight_decay=mlp.alpha / m
        )
        return loss

    # Theirs is a mean over outputs too; the decay is too small to be seen here.
    if not np.isclose(scikit_learn() * n, aelib(), rtol=1e-3):
        raise AssertionError("the two do not compute the same objective")
    return {"scikit-learn": scikit_learn, "by hand, linear": aelib}


def cost_and_gradient(rounds: int) -> list[dict[str, Any]]:
    """Compare one evaluation of cost and gradient, for each shape and dtype."""
    rows = []
    for n, h in SHAPES:
        for dtype in DTYPES:
            rng = np.random.default_rng(0)
            x = rng.random((M, n)).astype(dtype)
            params = byhand.init(n_visible=n, n_hidden=h, rng=rng, dtype=dtype)
            runs = {
                **bounds(params, x),
                "by hand": partial(byhand.sparse.loss_and_grad, params, x, **SPARSE),
                **in_torch(params, x),
                **in_scikit_learn(params, x),
            }
            few = max(5, rounds // 4) if h > 1000 else rounds
            seconds = in_turns(runs, few)
            peak = peak_of(runs["by hand"])
            rows.append(
                {
                    "n": n,
                    "h": h,
                    "dtype": np.dtype(dtype).name,
                    "ms": {k: round(1e3 * float(np.median(v)), 2) for k, v in seconds.items()},
                    "by hand / products": ratio(seconds, "by hand", "products"),
                    "by hand / floor": ratio(seconds, "by hand", "floor"),
                    "plain torch / by hand": ratio(seconds, "plain torch", "by hand"),
                    "aelib in torch / plain torch": ratio(seconds, "aelib in torch", "plain torch"),
                    "scikit-learn / by hand": ratio(seconds, "scikit-learn", "by hand, linear"),
                    "peak memory / activations": round(
                        peak / (M * (n + h) * np.dtype(dtype).itemsize), 2
                    ),
                }
            )
            tqdm.write(f"{n} to {h}, {rows[-1]['dtype']}: {rows[-1]['by hand / products']}")
    return rows


def peak_of(run: Callable[[], Any]) -> int:
    """Return the bytes that numpy holds at most while something runs."""
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def growth() -> dict[str, Any]:
    """Fit the exponents with which the cost grows with m, n and h."""
    start = {"m": 4000, "n": 256, "h": 128}
    fitted: dict[str, Any] = {}
    for name in start:
        sizes, seconds = [], []
        for factor in (1, 2, 4, 8):
            size = {**start, name: start[name] * factor}
            rng = np.random.default_rng(0)
            x = rng.random((size["m"], size["n"]))
            params = byhand.init(n_visible=size["n"], n_hidden=size["h"], rng=rng)
            run = partial(byhand.sparse.loss_and_grad, params, x, **SPARSE)
            sizes.append(size[name])
            seconds.append(float(np.median(in_turns({"run": run}, 5)["run"])))
        slope = float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
        fitted[name] = {"sizes": sizes, "seconds": seconds, "exponent": round(slope, 2)}
    return fitted


def patches() -> dict[str, Any]:
    """Train Chapter 6's network to the end, and note what scipy itself takes of that."""
    found: dict[str, Any] = {}
    for dtype in DTYPES:
        x = data.natural_patches(M, size=8, rng=np.random.default_rng(0)).astype(dtype)
        params = byhand.init(n_visible=64, n_hidden=25, rng=np.random.default_rng(1), dtype=dtype)
        inside = [0.0, 0]

        def objective(p: byhand.Params, x: np.ndarray = x, inside: list[float] = inside) -> Any:
            begun = time.process_time()
            result = byhand.sparse.loss_and_grad(p, x, **SPARSE)
            inside[0] += time.process_time() - begun
            inside[1] += 1
            return result

        begun = time.process_time()
        fit = byhand.lbfgs(objective, params, max_iter=400, progress=False)
        seconds = time.process_time() - begun
        found[np.dtype(dtype).name] = {
            "iterations": fit.history.n_steps,
            "evaluations": int(inside[1]),
            "seconds": round(seconds, 2),
            "outside of the objective": round(seconds - inside[0], 2),
            "loss": round(float(fit.history.loss[-1]), 4),
        }
    return found


def to_a_loss() -> dict[str, Any]:
    """Measure the seconds to one loss: L-BFGS by hand, Adam in aelib and in a plain torch loop."""
    x = data.natural_patches(M, size=8, rng=np.random.default_rng(0)).astype(np.float32)
    params = byhand.init(n_visible=64, n_hidden=25, rng=np.random.default_rng(1), dtype=np.float32)
    batch = torch.from_numpy(x)
    full = partial(nn.sparse_loss, x=batch, **SPARSE)
    begun = time.process_time()
    with_lbfgs = byhand.lbfgs(
        partial(byhand.sparse.loss_and_grad, x=x, **SPARSE), params, max_iter=100, progress=False
    )
    lbfgs_seconds = time.process_time() - begun
    goal = float(with_lbfgs.history.loss[-1])

    model = nn.from_byhand(params)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    loader = torch.utils.data.DataLoader(
        batch, batch_size=500, shuffle=True, generator=torch.Generator().manual_seed(0)
    )
    adam_seconds, epochs, loss = 0.0, 0, float("inf")
    while loss > goal and epochs < 400:
        begun = time.process_time()
        nn.train(model, partial(nn.sparse_loss, **SPARSE), loader, optimizer, epochs=5,
                 progress=False)  # fmt: skip
        adam_seconds += time.process_time() - begun
        epochs += 5
        with torch.no_grad():
            loss = float(full(model))
    return {
        "loss": round(goal, 4),
        "L-BFGS": {"seconds": round(lbfgs_seconds, 2), "iterations": with_lbfgs.history.n_steps},
        "Adam, batches of 500": {
            "seconds": round(adam_seconds, 2),
            "epochs": epochs,
            "reached": bool(loss <= goal),
        },
    }


def plain_epochs(
    model: torch.nn.Module, loss: Callable[..., Any], loader: Any, optimizer: Any, epochs: int
) -> list[float]:
    """Train as `nn.train` does, without its checks: a first look at the loss, then the epochs."""
    size = len(loader.dataset)
    with torch.no_grad():
        history = [sum(float(loss(model, batch)) * len(batch) for batch in loader) / size]
    for _ in range(epochs):
        total = 0.0
        for batch in loader:
            optimizer.zero_grad()
            value = loss(model, batch)
            value.backward()
            optimizer.step()
            total += value.item() * len(batch)
        history.append(total / size)
    return history


def small_batches(rounds: int) -> list[dict[str, Any]]:
    """Compare an epoch of `nn.train` to the same epoch of a plain loop, at small batches."""
    rows = []
    for size in (32, 100, 500):
        x = torch.from_numpy(np.random.default_rng(0).random((10_000, 64)).astype(np.float32))
        loss = partial(nn.sparse_loss, **SPARSE)
        models = [
            nn.SparseAutoencoder(64, 25, generator=torch.Generator().manual_seed(0))
            for _ in range(2)
        ]
        loader = torch.utils.data.DataLoader(x, batch_size=size)
        optimizers = [torch.optim.Adam(model.parameters()) for model in models]

        ours = partial(nn.train, models[0], loss, loader, optimizers[0], epochs=3, progress=False)
        plain = partial(plain_epochs, models[1], loss, loader, optimizers[1], 3)
        seconds = in_turns({"nn.train": ours, "plain loop": plain}, rounds)
        rows.append({"batch": size, **ratio(seconds, "nn.train", "plain loop")})
    return rows


def table(found: dict[str, Any]) -> str:
    """Return the table of the status page."""
    return as_csv(
        [
            {
                "Network": f"{row['n']} → {row['h']}",
                "dtype": row["dtype"],
                "by hand (ms)": f"{row['ms']['by hand']:.1f}",
                "products (ms)": f"{row['ms']['products']:.1f}",
                "by hand ÷ products": f"{row['by hand / products']['ratio']:.2f}",
                "plain torch ÷ by hand": f"{row['plain torch / by hand']['ratio']:.2f}",
                "scikit-learn ÷ by hand": f"{row['scikit-learn / by hand']['ratio']:.2f}",
            }
            for row in found["cost and gradient"]
        ]
    )


def draw(found: dict[str, Any], path: Path) -> None:
    """Draw how many times the matrix products each way takes."""
    ways = ("by hand", "aelib in torch", "plain torch")
    rows = found["cost and gradient"]
    with plt.style.context("aelib.book"):
        fig, axes = plt.subplots(1, 2, figsize=(6.4, 3.0), sharey=True)
        for ax, dtype in zip(axes, ("float64", "float32"), strict=True):
            here = [row for row in rows if row["dtype"] == dtype]
            for k, way in enumerate(ways):
                times = [row["ms"][way] / row["ms"]["products"] for row in here]
                places = np.arange(len(here)) + 0.26 * (k - 1)
                ax.barh(places, times, height=0.24, label=way)
            ax.axvline(1.0, color="black", linewidth=1.0, linestyle="--")
            ax.set_yticks(np.arange(len(here)), [f"{row['n']} → {row['h']}" for row in here])
            ax.grid(axis="y", visible=False)
            ax.set_axisbelow(True)
            ax.set(title=dtype, xlabel="time ÷ products alone")
        axes[0].set_ylabel("inputs → hidden units")
        axes[0].invert_yaxis()
        fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
        drawn = io.BytesIO()
        fig.savefig(drawn, dpi=130, format="png")
        plt.close(fig)
    whole.write(path, drawn.getvalue())


def main() -> None:
    """Measure everything and write it."""
    torch.set_num_threads(1)
    threadpool_limits(1)
    found: dict[str, Any] = {
        "machine": f"{platform.machine()}, {platform.system()}, {os.cpu_count()} cores; one used",
        "versions": {"numpy": np.__version__, "torch": torch.__version__.split("+")[0]},
        "rows": M,
    }
    parts: dict[str, Callable[[], Any]] = {
        "cost and gradient": partial(cost_and_gradient, 20),
        "patches, 400 iterations": patches,
        "seconds to one loss": to_a_loss,
        "an epoch of nn.train": partial(small_batches, 10),
        "growth": growth,
    }
    for name, measure in tqdm(parts.items(), desc="measuring", unit="part"):
        found[name] = measure()
    whole.write(HERE / "speed.json", json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    whole.write(HERE / "speed.csv", table(found))
    draw(found, HERE.parent / "book/images/speed.png")
    print(json.dumps(found, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
