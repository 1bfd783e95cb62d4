"""Two classic experiments on MNIST at full size.

    python -m benchmarks.mnist FOLDER [--seeds 3]

FOLDER (or the environment variable AELIB_MNIST) holds the idx files as their authors published
them, plain or gzip. With the test files alone, a fixed split of those 10,000 digits is used.

Self-taught learning: a sparse autoencoder learns features from the digits 5 to 9 without their
labels; a softmax classifier then tells 0 to 4 apart, from the features or from the raw pixels.
Stacked: two sparse layers are pre-trained, a softmax classifier is put on top, and the whole is
fine-tuned. Both follow the exercises of the UFLDL tutorial (Ng and others, Stanford).

Writes benchmarks/mnist.json, and a picture of the features to book/images/mnist-features.png.
"""

import argparse
import io
import json
import os
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from sklearn.linear_model import LogisticRegression

from aelib import byhand, data, plots, whole
from aelib.validate import Array

HERE = Path(__file__).resolve().parent
SPARSE = {"rho": 0.1, "sparsity_weight": 3.0, "weight_decay": 3e-3}
SETTINGS = {
    "hidden": 200,
    "pretraining_iterations": 400,
    "fine_tuning_iterations": 200,
    "classifier_weight_decay": 1e-4,
    **SPARSE,
}


def read(folder: str) -> tuple[Array, Array, Array, Array, str]:
    """Return training and test digits in float32 with their labels, and what they are."""
    test_x, test_y = data.mnist(folder, split="test")
    try:
        train_x, train_y = data.mnist(folder, split="train")
        what = "the published split: 60,000 training and 10,000 test digits"
    except FileNotFoundError:
        order = np.random.default_rng(0).permutation(len(test_x))
        train, test = order[:8000], order[8000:]
        train_x, train_y = test_x[train], test_y[train]
        test_x, test_y = test_x[test], test_y[test]
        what = "a fixed split of the 10,000 test digits: 8,000 for training, 2,000 for testing"
    return train_x.astype(np.float32), train_y, test_x.astype(np.float32), test_y, what


def softmax_accuracy(x: Array, y: Array, test_x: Array, test_y: Array) -> float:
    """Train a softmax classifier to convergence and return its accuracy on the test set."""
    # scikit-learn weighs the sum of the losses by C against half the squared weights.
    c = 1.0 / (len(x) * SETTINGS["classifier_weight_decay"])
    model = LogisticRegression(C=c, max_iter=5000).fit(x, y)
    return float(model.score(test_x, test_y))


def sparse_layer(x: Array, rng: np.random.Generator) -> byhand.Params:
    """Train one sparse autoencoder."""
    start = byhand.init(
        n_visible=x.shape[1], n_hidden=SETTINGS["hidden"], rng=rng, dtype=np.float32
    )
    objective = partial(byhand.sparse.loss_and_grad, x=x, **SPARSE)
    return byhand.lbfgs(objective, start, max_iter=SETTINGS["pretraining_iterations"]).params


def self_taught(x: Array, y: Array, seed: int) -> tuple[dict[str, float], byhand.Params]:
    """Learn features on 5 to 9, classify 0 to 4 (half for training, half for testing)."""
    unlabelled, x, y = x[y >= 5], x[y <= 4], y[y <= 4]
    half = len(x) // 2
    params = sparse_layer(unlabelled, np.random.default_rng(seed))
    features = byhand.encode(params, x)
    return {
        "raw pixels": softmax_accuracy(x[:half], y[:half], x[half:], y[half:]),
        "features": softmax_accuracy(features[:half], y[:half], features[half:], y[half:]),
    }, params


def stacked(x: Array, y: Array, test_x: Array, test_y: Array, seed: int) -> dict[str, float]:
    """Pre-train two layers, put a classifier on top, fine-tune everything."""
    rng = np.random.default_rng(seed)
    layers = byhand.stacked.pretrain(
        x,
        [SETTINGS["hidden"], SETTINGS["hidden"]],
        rng=rng,
        objective=lambda codes: partial(byhand.sparse.loss_and_grad, x=codes, **SPARSE),
        max_iter=SETTINGS["pretraining_iterations"],
    )
    params = byhand.stacked.init_classifier(byhand.stacked.unroll(layers), n_classes=10, rng=rng)
    accuracy = {}
    for name, fine_tune in (("before fine-tuning", False), ("after fine-tuning", True)):
        objective = partial(
            byhand.stacked.classifier_loss_and_grad,
            x=x,
            labels=y,
            weight_decay=SETTINGS["classifier_weight_decay"],
            fine_tune=fine_tune,
        )
        fit = byhand.lbfgs(objective, params, max_iter=SETTINGS["fine_tuning_iterations"])
        params = fit.params
        accuracy[name] = float(np.mean(byhand.stacked.predict(params, test_x) == test_y))
    return accuracy


def draw_features(params: byhand.Params, path: Path) -> None:
    """Save a picture of the first hundred features."""
    with plt.style.context("aelib.book"):
        fig, ax = plt.subplots(figsize=(6.4, 6.4))
        plots.filters(params["encoder_weight"][:, :100], ax=ax)
        drawn = io.BytesIO()
        fig.savefig(drawn, dpi=110, format="png")
        plt.close(fig)
    whole.write(path, drawn.getvalue())


def main() -> None:
    """Run both experiments for every seed, print a table, store the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", nargs="?", default=os.environ.get("AELIB_MNIST"))
    parser.add_argument("--seeds", type=int, default=3, help="how often to repeat (default 3)")
    parser.add_argument("--iterations", type=int, help="fewer iterations, to try it out")
    parser.add_argument("--out", type=Path, default=HERE / "mnist.json")
    parser.add_argument(
        "--picture", type=Path, default=HERE.parent / "book/images/mnist-features.png"
    )
    options = parser.parse_args()
    if options.folder is None:
        parser.error("name the folder with the MNIST files, or set AELIB_MNIST")
    if options.iterations is not None:
        SETTINGS["pretraining_iterations"] = options.iterations
        SETTINGS["fine_tuning_iterations"] = options.iterations

    try:
        x, y, test_x, test_y, what = read(options.folder)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    print(f"Data: {what}")
    runs: dict[str, list[float]] = {}
    for seed in range(options.seeds):
        print(f"Seed {seed}")
        taught, params = self_taught(x, y, seed)
        if seed == 0:
            draw_features(params, options.picture)
        for name, accuracy in {**taught, **stacked(x, y, test_x, test_y, seed)}.items():
            runs.setdefault(name, []).append(accuracy)
        result = {"data": what, "settings": SETTINGS, "seeds": seed + 1, "accuracy": runs}
        # After every seed, so that an interrupted run keeps what it has.
        text = json.dumps(result, indent=2) + "\n"
        whole.write(options.out, text)

    print(
        f"\n{'':20s}{'accuracy':>10s}{'lowest':>10s}{'highest':>10s}   over {options.seeds} seeds"
    )
    for name, values in runs.items():
        mean, low, high = 100 * np.mean(values), 100 * min(values), 100 * max(values)
        print(f"{name:20s}{mean:9.2f} %{low:9.2f} %{high:9.2f} %")


if __name__ == "__main__":
    main()
