"""Train a sparse autoencoder for every pair of sparsity target and sparsity weight.

    python -m benchmarks.sparse_grid

The interactive figure of Chapter 6 shows the result for whichever pair its reader chooses; training
them all takes minutes, so it is done here once. Data, network and start are those of the chapter.

Writes aelib/widgets/sparse_grid.json: the settings, and for every pair the features (each scaled by
its own largest weight and rounded to 8 bits), the mean activations, the reconstructions of a few
patches (8 bits) and the relative error on patches that were not trained on.
"""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from aelib import byhand, data, sparsity, whole
from aelib.validate import Array
from aelib.widgets.packing import pack

OUT = Path(__file__).resolve().parent.parent / "aelib" / "widgets" / "sparse_grid.json"
SETTINGS: dict[str, Any] = {
    "patches": 10_000,
    "patches_seed": 0,
    "held_out_seed": 99,
    "hidden": 25,
    "start_seed": 1,
    "weight_decay": 1e-4,
    "iterations": 400,
    "rho": [0.01, 0.02, 0.05, 0.1, 0.2],
    "sparsity_weight": [0.0, 0.1, 0.3, 1.0, 3.0, 10.0],
}


def train(x: Array, rho: float, sparsity_weight: float, iterations: int) -> byhand.Params:
    """Train one network, always from the same start."""
    rng = np.random.default_rng(SETTINGS["start_seed"])
    start = byhand.init(n_visible=x.shape[1], n_hidden=SETTINGS["hidden"], rng=rng)
    objective = partial(
        byhand.sparse.loss_and_grad,
        x=x,
        rho=rho,
        sparsity_weight=sparsity_weight,
        weight_decay=SETTINGS["weight_decay"],
    )
    return byhand.lbfgs(objective, start, max_iter=iterations).params


def eight_bits(values: Array, low: float, high: float) -> Array:
    """Round values from ``low`` to ``high`` to whole numbers from 0 to 255."""
    return np.round(255.0 * (values - low) / (high - low)).astype(np.uint8)


def run(x: Array, held_out: Array, shown: Array, iterations: int) -> dict[str, Any]:
    """Train all pairs and return what the figure shows of each, arrays with a row a pair."""
    features, rho_hat, reconstructions, errors = [], [], [], []
    without_penalty = None
    for rho in SETTINGS["rho"]:
        for sparsity_weight in SETTINGS["sparsity_weight"]:
            if sparsity_weight == 0.0 and without_penalty is not None:
                params = without_penalty  # rho does not enter
            else:
                params = train(x, rho, sparsity_weight, iterations)
            if sparsity_weight == 0.0:
                without_penalty = params
            weight = params["encoder_weight"].T
            scaled = weight / np.abs(weight).max(axis=1, keepdims=True)
            features.append(eight_bits(scaled, -1.0, 1.0))
            rho_hat.append(sparsity.mean_activation(byhand.encode(params, x)))
            answer = byhand.decode(params, byhand.encode(params, held_out))
            errors.append(float(np.sum((answer - held_out) ** 2) / np.sum((held_out - 0.5) ** 2)))
            few = byhand.decode(params, byhand.encode(params, shown))
            reconstructions.append(eight_bits(few, 0.0, 1.0))
            print(f"rho {rho:g}, lambda {sparsity_weight:g}: relative error {errors[-1]:.3f}")
    return {
        "features": pack(np.array(features)),
        "rho_hat": pack(np.array(rho_hat, dtype=np.float32)),
        "patches": pack(eight_bits(shown, 0.0, 1.0)),
        "reconstructions": pack(np.array(reconstructions)),
        "error": [round(error, 4) for error in errors],
    }


def main() -> None:
    """Train the grid and store it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--iterations", type=int, help="fewer iterations, to try it out")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    if options.iterations is not None:
        SETTINGS["iterations"] = options.iterations

    x = data.natural_patches(
        SETTINGS["patches"], size=8, rng=np.random.default_rng(SETTINGS["patches_seed"])
    )
    held_out = data.natural_patches(
        SETTINGS["patches"], size=8, rng=np.random.default_rng(SETTINGS["held_out_seed"])
    )
    # Six patches that hold something, from the most contrasted fifth, weaker to stronger.
    contrast = np.sum((held_out - 0.5) ** 2, axis=1)
    strong = np.argsort(contrast)[-len(held_out) // 5 :]
    shown = held_out[strong[:: len(strong) // 6][:6]]
    result = {"settings": SETTINGS, **run(x, held_out, shown, SETTINGS["iterations"])}
    whole.write(options.out, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
