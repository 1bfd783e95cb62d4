"""Bad input to every public function: the type of the error, and that it names the argument.

One table. Each entry is a call that must fail, the exception, and a piece of its message. What a
torch batch may not be is in test_nn.py; damaged files are in test_data.py, figures in
test_plots.py.
"""

import inspect

import numpy as np
import pytest
import torch

from aelib import (
    byhand,
    checks,
    corruption,
    data,
    dictionary,
    nn,
    sparsity,
    superposition,
    validate,
)

NAN, INF = float("nan"), float("inf")
RNG = np.random.default_rng(0)
X = RNG.random((11, 7))
P = byhand.init(n_visible=7, n_hidden=5, rng=RNG)
A = byhand.encode(P, X)
TIED = byhand.init(n_visible=7, n_hidden=5, rng=RNG, tied=True)
STACKED = byhand.stacked.init(n_visible=7, sizes=[5, 3], rng=RNG)
CLASSIFIER = byhand.stacked.init_classifier(STACKED, n_classes=4, rng=RNG)
CODE = byhand.stacked.encode(STACKED, X)
LABELS = np.arange(11) % 4
MODEL = nn.Autoencoder(7, 5, dtype=torch.float64)
TENSOR = torch.from_numpy(X)
STACKED_MODEL = nn.from_byhand(STACKED)
CLASSIFIER_MODEL = nn.from_byhand(CLASSIFIER)
DICTIONARY = nn.Dictionary(7, 5, nn.TopK(2), dtype=torch.float64)
JUMPRELU = nn.Dictionary(7, 5, nn.JumpReLU(5), dtype=torch.float64)
ADAM = torch.optim.Adam(DICTIONARY.parameters())
DIRECTIONS, FEATURES = RNG.standard_normal((5, 7)), RNG.standard_normal((4, 7))
STRENGTH = RNG.random((11, 4))


def changed(array, value):
    array = array.copy()
    array[1, 2] = value
    return array


def with_params(**more):
    return {**P, **more}


def without(name):
    return {key: value for key, value in P.items() if key != name}


# --- values that are wrong for a kind of argument: (value, exception, piece of the message) -------

MATRIX = {
    "a list": (X.tolist(), TypeError, "must be a numpy array, got list"),
    "None": (None, TypeError, "must be a numpy array, got NoneType"),
    "integers": (np.ones((11, 7), int), TypeError, "must be float32 or float64, got int64"),
    "booleans": (np.ones((11, 7), bool), TypeError, "must be float32 or float64, got bool"),
    "float16": (X.astype(np.float16), TypeError, "must be float32 or float64, got float16"),
    "objects": (X.astype(object), TypeError, "must be float32 or float64, got object"),
    "complex": (X.astype(complex), TypeError, "must be float32 or float64, got complex128"),
    "a vector": (X[0], ValueError, r"must have 2 axes, got shape \(7,\)"),
    "three axes": (X[None], ValueError, r"must have 2 axes, got shape \(1, 11, 7\)"),
    "no rows": (X[:0], ValueError, r"is empty: shape \(0, 7\)"),
    "NaN": (changed(X, NAN), ValueError, r"holds 1 value\(s\) that are NaN or infinite"),
    "infinity": (changed(X, -INF), ValueError, r"holds 1 value\(s\) that are NaN or infinite"),
    # Their sum is NaN, or overflows: neither may hide an infinity or invent one.
    "both infinities": (
        changed(changed(X, INF)[::-1], -INF),
        ValueError,
        r"holds 2 value\(s\) that are NaN or infinite",
    ),
}
FOR_PARAMS = {
    "too few columns": (X[:, 1:], ValueError, r"must have 7 columns, got shape \(11, 6\)"),
    "another dtype": (X.astype(np.float32), TypeError, "is float32 but params are float64"),
}
TARGET = {
    "below 0": (changed(X, -0.01), ValueError, r"must lie in \[0, 1\] for a sigmoid decoder"),
    "above 1": (changed(X, 1.01), ValueError, r"must lie in \[0, 1\] for a sigmoid decoder"),
}
RHO = {
    "0": (0, ValueError, "must lie strictly between 0 and 1, got 0"),
    "1": (1.0, ValueError, "must lie strictly between 0 and 1, got 1.0"),
    "-0.1": (-0.1, ValueError, "must lie strictly between 0 and 1, got -0.1"),
    "1.5": (1.5, ValueError, "must lie strictly between 0 and 1, got 1.5"),
    "NaN": (NAN, ValueError, "must be finite, got nan"),
    "infinity": (INF, ValueError, "must be finite, got inf"),
    "a string": ("a", TypeError, "must be a number, got str"),
    "True": (True, TypeError, "must be a number, got bool"),
    "None": (None, TypeError, "must be a number, got NoneType"),
    "an array": (np.array([0.1]), TypeError, "must be a number, got ndarray"),
}
WEIGHT = {
    "negative": (-1e-9, ValueError, "must not be negative, got -1e-09"),
    "NaN": (NAN, ValueError, "must be finite, got nan"),
    "infinity": (INF, ValueError, "must be finite, got inf"),
    "a string": ("3", TypeError, "must be a number, got str"),
    "True": (True, TypeError, "must be a number, got bool"),
}
POSITIVE = {**WEIGHT, "0": (0.0, ValueError, "must be greater than 0, got 0.0")}
POSITIVE["negative"] = (-1.0, ValueError, "must be greater than 0, got -1.0")
COUNT = {
    "0": (0, ValueError, "must be at least 1, got 0"),
    "negative": (-3, ValueError, "must be at least 1, got -3"),
    "a fraction": (2.0, TypeError, "must be a whole number, got float"),
    "a string": ("2", TypeError, "must be a whole number, got str"),
    "True": (True, TypeError, "must be a whole number, got bool"),
}
GENERATOR = {
    "a seed": (0, TypeError, r"must be a numpy.random.Generator, got int; make one with"),
    "an old one": (np.random.RandomState(0), TypeError, "must be a numpy.random.Generator"),
    "None": (None, TypeError, "must be a numpy.random.Generator, got NoneType"),
}
DECODER = {
    "unknown": ("tanh", ValueError, 'must be "sigmoid" or "linear", got \'tanh\''),
    "None": (None, ValueError, 'must be "sigmoid" or "linear", got None'),
    "upper case": ("Linear", ValueError, 'must be "sigmoid" or "linear"'),
}
PROBABILITY = {
    "below 0": (np.array([0.2, -0.1]), ValueError, r"must lie in \[0, 1\]"),
    "above 1": (1.5, ValueError, r"must lie in \[0, 1\]"),
    "NaN": (np.array([0.2, NAN]), ValueError, "holds 1 value"),
    "a number that is NaN": (NAN, ValueError, "holds 1 value"),
    "empty": (np.array([]), ValueError, "is empty"),
    "integers": (np.array([0, 1]), TypeError, "must be float32 or float64, got int64"),
    "float16": (np.ones(2, np.float16), TypeError, "must be float32 or float64, got float16"),
    "a string": ("a", TypeError, "must be a number, got str"),
    "True": (True, TypeError, "must be a number, got bool"),
    "None": (None, TypeError, "must be a number, got NoneType"),
}
FREQUENCY = {
    "a list": ([0.1, 0.2], TypeError, "must be a numpy array, got list"),
    "a matrix": (np.full((2, 2), 0.1), ValueError, "must have 1 axes"),
    "above 1": (np.array([0.2, 1.1]), ValueError, "must hold numbers from 0 to 1"),
    "below 0": (np.array([0.2, -0.1]), ValueError, "must hold numbers from 0 to 1"),
    "NaN": (np.array([0.2, NAN]), ValueError, "holds 1 value"),
}
# For these the message names the parameter, or "params" where no one parameter is to blame.
PARAMS = {
    "a list": (list(P.values()), TypeError, "params must be a dict of arrays, got list"),
    "None": (None, TypeError, "params must be a dict of arrays, got NoneType"),
    "empty": ({}, ValueError, "params must have the names .* got \\[\\]"),
    "one missing": (without("decoder_bias"), ValueError, "params must have the names"),
    "one unknown": (with_params(bias=np.ones(5)), ValueError, "params must have the names"),
    "a list inside": (
        with_params(encoder_bias=[0.0] * 5),
        TypeError,
        "encoder_bias must be a numpy array, got list",
    ),
    "integers inside": (
        with_params(decoder_bias=np.zeros(7, int)),
        TypeError,
        "decoder_bias must be float32 or float64, got int64",
    ),
    "float16 inside": (
        with_params(decoder_bias=np.zeros(7, np.float16)),
        TypeError,
        "decoder_bias must be float32 or float64, got float16",
    ),
    "mixed dtypes": (
        with_params(decoder_weight=P["decoder_weight"].astype(np.float32)),
        TypeError,
        "params must share one dtype, .* decoder_weight float32",
    ),
    "a transposed weight": (
        with_params(decoder_weight=P["decoder_weight"].T),
        ValueError,
        r"decoder_weight must have shape \(5, 7\) to fit encoder_weight, got \(7, 5\)",
    ),
    "a bias too short": (
        with_params(encoder_bias=np.zeros(4)),
        ValueError,
        r"encoder_bias must have shape \(5,\)",
    ),
    "a bias as a row": (
        with_params(encoder_bias=np.zeros((1, 5))),
        ValueError,
        "encoder_bias must have 1 axes",
    ),
    "NaN inside": (
        with_params(encoder_weight=changed(P["encoder_weight"], NAN)),
        ValueError,
        "encoder_weight holds 1 value",
    ),
}
TIED_PARAMS = {
    "one missing": (
        {k: v for k, v in TIED.items() if k != "decoder_bias"},
        ValueError,
        "params must have the names .* with tied weights all but decoder_weight",
    ),
    "a bias too long": (
        {**TIED, "decoder_bias": np.zeros(8)},
        ValueError,
        r"decoder_bias must have shape \(7,\) to fit encoder_weight, got \(8,\)",
    ),
    "mixed dtypes": (
        {**TIED, "decoder_bias": np.zeros(7, np.float32)},
        TypeError,
        "params must share one dtype",
    ),
    "NaN inside": ({**TIED, "encoder_bias": np.full(5, NAN)}, ValueError, "encoder_bias holds 5"),
}


def stacked_params(good):
    """Return what is wrong of a stacked network or of a classifier."""
    first, last = "encoder_weight_2", list(good)[-1]
    fewer = {k: v for k, v in good.items() if k != last}
    return {
        "a list": ([good], TypeError, "params must be a dict of arrays, got list"),
        "empty": ({}, ValueError, "params must have the names"),
        "a single layer's": (P, ValueError, "params must have the names encoder_weight_1"),
        "one missing": (fewer, ValueError, "params must have the names"),
        "one unknown": ({**good, "bias": np.ones(3)}, ValueError, "params must have the names"),
        "a gap": (
            {k.replace("_1", "_3"): v for k, v in good.items()},
            ValueError,
            "params must have the names",
        ),
        "a transposed weight": (
            {**good, first: good[first].T},
            ValueError,
            r"encoder_weight_2 \(3, 5\) and encoder_bias_2 \(3,\) do not fit on a layer of 5",
        ),
        "a bias too short": (
            {**good, "encoder_bias_1": np.zeros(4)},
            ValueError,
            r"encoder_bias_1 \(4,\) do not fit on a layer of 7",
        ),
        "NaN inside": ({**good, first: good[first] * NAN}, ValueError, f"{first} holds 15"),
        "mixed dtypes": (
            {**good, last: good[last].astype(np.float32)},
            TypeError,
            "params must share one dtype",
        ),
    }


NO_DIRECTION = (
    with_params(decoder_weight=P["decoder_weight"] * np.eye(5)[:, :1]),
    ValueError,
    "decoder_weight has a row of zeros",
)
NO_OWN_DIRECTIONS = (TIED, ValueError, "params is tied")
STACKED_PARAMS = stacked_params(STACKED) | {
    "a classifier": (CLASSIFIER, ValueError, "decoder_weight_1, decoder_bias_1, …, got"),
    "an output too wide": (
        {**STACKED, "decoder_weight_1": np.ones((5, 8)), "decoder_bias_1": np.ones(8)},
        ValueError,
        "decoder_weight_1 must end at 7 units, got 8",
    ),
}
CLASSIFIER_PARAMS = stacked_params(CLASSIFIER) | {
    "an autoencoder": (STACKED, ValueError, "class_weight, class_bias, got"),
}
X_NOISY = {"fewer rows": (X[1:], ValueError, r"must have 11 rows, as x has, got shape \(10, 7\)")}
FRACTION = {
    "below 0": (-0.01, ValueError, r"must lie in \[0, 1\], got -0.01"),
    "above 1": (1.01, ValueError, r"must lie in \[0, 1\], got 1.01"),
    "NaN": (NAN, ValueError, "must be finite, got nan"),
    "a string": ("0.3", TypeError, "must be a number, got str"),
    "True": (True, TypeError, "must be a number, got bool"),
}
COUNTS = {
    "a number": (5, TypeError, "must be a list of whole numbers, got int"),
    "a string": ("53", TypeError, "must be a list of whole numbers, got str"),
    "empty": ([], ValueError, r"must hold some numbers, got \[\]"),
    "0 inside": ([5, 0], ValueError, r"\[1\] must be at least 1, got 0"),
    "a fraction inside": ([5.0, 3], TypeError, r"\[0\] must be a whole number, got float"),
}
LABEL = {
    "a list": (LABELS.tolist(), TypeError, "must be a numpy array, got list"),
    "floats": (LABELS.astype(float), TypeError, "must be whole numbers, got float64"),
    "booleans": (LABELS > 1, TypeError, "must be whole numbers, got bool"),
    "one hot": (
        np.eye(4, dtype=int)[LABELS],
        ValueError,
        r"must have shape \(11,\), got \(11, 4\)",
    ),
    "too few": (LABELS[1:], ValueError, r"must have shape \(11,\), got \(10,\)"),
    "negative": (LABELS - 1, ValueError, "must lie in 0 to 3, got from -1 to 2"),
    "too large": (LABELS + 1, ValueError, "must lie in 0 to 3, got from 1 to 4"),
}
# A bad block is named by its number, and it is the second one.
BLOCKS = {
    f"a block: {what}": ([X, value], error, rf"\[1\] {message}")
    for what, (value, error, message) in (MATRIX | FOR_PARAMS | TARGET).items()
} | {
    "the whole matrix": (X, TypeError, "must be an iterable of matrices, got ndarray; cut it"),
    "None": (None, TypeError, "must be an iterable of matrices, got NoneType"),
    "a function of nothing": (
        lambda: None,
        TypeError,
        "must be an iterable of matrices, got NoneType",
    ),
    "an iterator": (iter([X]), TypeError, "is gone through twice, but list_iterator is an iterat"),
    "no blocks": ([], ValueError, "yields no blocks"),
}
# What is checked as a vector, a matrix or anything else alike.
ARRAY = {k: v for k, v in MATRIX.items() if k not in ("a vector", "three axes")}
FIT_PARAMS = {
    "a list": (list(P.values()), TypeError, "params must be a dict of arrays, got list"),
    "empty": ({}, ValueError, "params is empty"),
    "a list inside": ({"a": [1.0]}, TypeError, "a in params must be a float32 or float64"),
    # As integers they would be rounded after every step.
    "integers inside": ({"a": np.ones(2, int)}, TypeError, "a in params must be .* got int64"),
}
# Of a matrix whose rows are directions; the good one has 7 columns.
ROWS = MATRIX | {
    "a row of zeros": (
        np.eye(11, 7),
        ValueError,
        r"has row\(s\) \[7, 8, 9, 10\] of zeros, which have no direction",
    ),
}
WIDTH = {"too few columns": (X[:, 1:], ValueError, r"must have 7 columns, got shape \(11, 6\)")}
FEWER_ROWS = {"fewer rows": (X[1:], ValueError, r"must have 11 rows, as x has")}
K = COUNT | {"too large": (6, ValueError, "must be at most 5, the number of units, got 6")}
NOT_A_TENSOR_OF_THE_MODEL = {"a numpy array": (X, TypeError, "must be a torch tensor")}

# --- which argument of which function takes which kind -------------------------------------------

OBJECTIVE = {"params": P, "x": X}
SPARSE = {"rho": 0.05, "sparsity_weight": 3.0}


def bowl(params):
    return 0.5 * sum(float((v**2).sum()) for v in params.values()), dict(params)


FIT = {"objective": bowl, "params": P}

# The function, arguments with which it works, and per argument the kinds of bad values.
FUNCTIONS = [
    (
        byhand.init,
        {"n_visible": 7, "n_hidden": 5, "rng": RNG},
        {"n_visible": COUNT, "n_hidden": COUNT, "rng": GENERATOR},
    ),
    (byhand.encode, {"params": P, "x": X}, {"params": PARAMS, "x": MATRIX | FOR_PARAMS}),
    (
        byhand.decode,
        {"params": P, "activation": A},
        {"params": PARAMS, "activation": MATRIX, "decoder": DECODER},
    ),
    (
        byhand.autoencoder.loss_and_grad,
        OBJECTIVE,
        {
            "params": PARAMS,
            "x": MATRIX | FOR_PARAMS | TARGET,
            "weight_decay": WEIGHT,
            "decoder": DECODER,
        },
    ),
    (
        byhand.sparse.loss_and_grad,
        OBJECTIVE | SPARSE,
        {
            "params": PARAMS,
            "x": MATRIX | FOR_PARAMS | TARGET,
            "rho": RHO,
            "sparsity_weight": WEIGHT,
            "weight_decay": WEIGHT,
            "decoder": DECODER,
        },
    ),
    (
        byhand.blocks.loss_and_grad,
        {"params": P, "blocks": [X[:4], X[4:]]} | SPARSE,
        {
            "params": PARAMS | {f"tied: {k}": v for k, v in TIED_PARAMS.items()},
            "blocks": BLOCKS,
            "rho": RHO,
            "sparsity_weight": WEIGHT,
            "weight_decay": WEIGHT,
            "decoder": DECODER,
        },
    ),
    (
        byhand.denoising.loss_and_grad,
        OBJECTIVE | {"x_noisy": X},
        {
            "params": PARAMS,
            "x": MATRIX | FOR_PARAMS | TARGET,
            "x_noisy": MATRIX | FOR_PARAMS | X_NOISY,
            "weight_decay": WEIGHT,
            "decoder": DECODER,
        },
    ),
    (
        byhand.contractive.loss_and_grad,
        OBJECTIVE | {"contraction_weight": 0.1},
        {
            "params": PARAMS | {f"tied: {k}": v for k, v in TIED_PARAMS.items()},
            "x": MATRIX | FOR_PARAMS | TARGET,
            "contraction_weight": WEIGHT,
            "weight_decay": WEIGHT,
            "decoder": DECODER,
        },
    ),
    (byhand.contractive.jacobian, OBJECTIVE, {"params": PARAMS, "x": MATRIX | FOR_PARAMS}),
    (byhand.contractive.jacobian_norm, OBJECTIVE, {"params": PARAMS, "x": MATRIX | FOR_PARAMS}),
    (
        byhand.stacked.pretrain,
        {"x": X, "sizes": [5, 3], "rng": RNG, "max_iter": 1},
        {"x": MATRIX, "sizes": COUNTS, "rng": GENERATOR, "max_iter": COUNT},
    ),
    (
        byhand.stacked.init,
        {"n_visible": 7, "sizes": [5, 3], "rng": RNG},
        {"n_visible": COUNT, "sizes": COUNTS, "rng": GENERATOR},
    ),
    (
        byhand.stacked.encode,
        {"params": STACKED, "x": X},
        {"params": stacked_params(STACKED), "x": MATRIX | FOR_PARAMS},
    ),
    (
        byhand.stacked.decode,
        {"params": STACKED, "activation": CODE},
        {"params": STACKED_PARAMS, "activation": MATRIX, "decoder": DECODER},
    ),
    (
        byhand.stacked.loss_and_grad,
        {"params": STACKED, "x": X},
        {
            "params": STACKED_PARAMS,
            "x": MATRIX | FOR_PARAMS | TARGET,
            "weight_decay": WEIGHT,
            "decoder": DECODER,
        },
    ),
    (
        byhand.stacked.init_classifier,
        {"params": STACKED, "n_classes": 4, "rng": RNG},
        {"params": stacked_params(STACKED), "n_classes": COUNT, "rng": GENERATOR},
    ),
    (
        byhand.stacked.classifier_loss_and_grad,
        {"params": CLASSIFIER, "x": X, "labels": LABELS},
        {
            "params": CLASSIFIER_PARAMS,
            "x": MATRIX | FOR_PARAMS,
            "labels": LABEL,
            "weight_decay": WEIGHT,
        },
    ),
    (
        byhand.stacked.log_probabilities,
        {"params": CLASSIFIER, "x": X},
        {"params": CLASSIFIER_PARAMS, "x": MATRIX | FOR_PARAMS},
    ),
    (
        byhand.stacked.predict,
        {"params": CLASSIFIER, "x": X},
        {"params": CLASSIFIER_PARAMS, "x": MATRIX | FOR_PARAMS},
    ),
    (
        corruption.gaussian,
        {"x": X, "level": 0.3, "rng": RNG},
        {"x": ARRAY, "level": WEIGHT, "rng": GENERATOR},
    ),
    (
        corruption.masking,
        {"x": X, "level": 0.3, "rng": RNG},
        {"x": ARRAY, "level": FRACTION, "rng": GENERATOR},
    ),
    (
        corruption.salt_and_pepper,
        {"x": X, "level": 0.3, "rng": RNG},
        {"x": ARRAY, "level": FRACTION, "rng": GENERATOR},
    ),
    (data.circle, {"n_samples": 5, "rng": RNG}, {"n_samples": COUNT, "rng": GENERATOR}),
    (data.spiral, {"n_samples": 5, "rng": RNG}, {"n_samples": COUNT, "rng": GENERATOR}),
    (data.moons, {"n_samples": 5, "rng": RNG}, {"n_samples": COUNT, "rng": GENERATOR}),
    (
        superposition.directions,
        {"n_features": 5, "n_visible": 3, "rng": RNG},
        {"n_features": COUNT, "n_visible": COUNT, "rng": GENERATOR},
    ),
    (
        superposition.strengths,
        {"n_samples": 5, "frequency": np.full(3, 0.2), "rng": RNG},
        {"n_samples": COUNT, "frequency": FREQUENCY, "rng": GENERATOR, "weakest": FRACTION},
    ),
    (
        byhand.lbfgs,
        FIT | {"max_iter": 2},
        {"params": FIT_PARAMS, "max_iter": COUNT, "tolerance": POSITIVE},
    ),
    (
        byhand.gradient_descent,
        FIT | {"learning_rate": 0.1, "n_steps": 2},
        {"params": FIT_PARAMS, "learning_rate": POSITIVE, "n_steps": COUNT},
    ),
    (sparsity.mean_activation, {"activation": A}, {"activation": MATRIX}),
    (sparsity.lifetime_sparsity, {"activation": A}, {"activation": MATRIX}),
    (sparsity.population_sparsity, {"activation": A}, {"activation": MATRIX}),
    (sparsity.kl_bernoulli, {"rho": 0.1, "rho_hat": 0.2}, {"rho": RHO, "rho_hat": PROBABILITY}),
    (
        sparsity.kl_bernoulli_grad,
        {"rho": 0.1, "rho_hat": 0.2},
        {"rho": RHO, "rho_hat": PROBABILITY},
    ),
    (
        sparsity.kl_from_preactivation,
        {"rho": 0.1, "preactivation": X},
        {"rho": RHO, "preactivation": MATRIX},
    ),
    (
        sparsity.kl_from_tails,
        {"rho": 0.1, "rho_hat": np.full(3, 0.2), "one_minus_rho_hat": np.full(3, 0.8)},
        {"rho": RHO},
    ),
    (data.whiten_image, {"image": X}, {"image": MATRIX, "cutoff": POSITIVE}),
    (data.normalise_patches, {"patches": X}, {"patches": MATRIX}),
    (
        data.natural_patches,
        {"n_patches": 2, "rng": RNG},
        {"n_patches": COUNT, "size": COUNT, "rng": GENERATOR},
    ),
    (
        nn.Autoencoder,
        {"n_visible": 7, "n_hidden": 5},
        {"n_visible": COUNT, "n_hidden": COUNT, "decoder": DECODER},
    ),
    (
        nn.reconstruction_loss,
        {"model": MODEL, "x": TENSOR},
        {"x": NOT_A_TENSOR_OF_THE_MODEL, "weight_decay": WEIGHT},
    ),
    (
        nn.sparse_loss,
        {"model": MODEL, "x": TENSOR} | SPARSE,
        {
            "x": NOT_A_TENSOR_OF_THE_MODEL,
            "rho": RHO,
            "sparsity_weight": WEIGHT,
            "weight_decay": WEIGHT,
        },
    ),
    (nn.kl_penalty, {"preactivation": TENSOR, "rho": 0.1}, {"rho": RHO}),
    (
        nn.denoising_loss,
        {"model": MODEL, "x": TENSOR, "x_noisy": TENSOR},
        {
            "x": NOT_A_TENSOR_OF_THE_MODEL,
            "x_noisy": NOT_A_TENSOR_OF_THE_MODEL,
            "weight_decay": WEIGHT,
        },
    ),
    (
        nn.contractive_loss,
        {"model": MODEL, "x": TENSOR, "contraction_weight": 0.1},
        {"x": NOT_A_TENSOR_OF_THE_MODEL, "contraction_weight": WEIGHT, "weight_decay": WEIGHT},
    ),
    (
        byhand.topk.encode,
        OBJECTIVE | {"k": 2},
        {"params": PARAMS, "x": MATRIX | FOR_PARAMS, "k": K},
    ),
    (
        byhand.topk.select,
        {"preactivation": A, "k": 2},
        {"preactivation": MATRIX, "k": K},
    ),
    (
        byhand.topk.loss_and_grad,
        OBJECTIVE | {"k": 2},
        {
            "params": PARAMS | {f"tied: {k}": v for k, v in TIED_PARAMS.items()},
            "x": MATRIX | FOR_PARAMS,
            "k": K,
        },
    ),
    (byhand.l1.encode, OBJECTIVE, {"params": PARAMS, "x": MATRIX | FOR_PARAMS}),
    (
        byhand.l1.loss_and_grad,
        OBJECTIVE | {"sparsity_weight": 0.1},
        {
            "params": PARAMS
            | {f"tied: {k}": v for k, v in TIED_PARAMS.items()}
            | {"no direction": NO_DIRECTION},
            "x": MATRIX | FOR_PARAMS,
            "sparsity_weight": WEIGHT,
        },
    ),
    (
        byhand.unit_norm.normalise,
        {"params": P},
        {"params": PARAMS | {"no direction": NO_DIRECTION, "tied": NO_OWN_DIRECTIONS}},
    ),
    (
        byhand.unit_norm.remove_parallel,
        {"params": P, "grad": P},
        {
            "params": PARAMS | {"no direction": NO_DIRECTION, "tied": NO_OWN_DIRECTIONS},
            "grad": {
                "of another network": (
                    byhand.init(n_visible=7, n_hidden=4, rng=RNG),
                    ValueError,
                    r"has a decoder_weight of shape \(4, 7\), but params one of \(5, 7\)",
                )
            },
        },
    ),
    (dictionary.l0, {"activation": A}, {"activation": MATRIX}),
    (dictionary.firing_rate, {"activation": A}, {"activation": MATRIX}),
    (dictionary.dead_units, {"activation": A}, {"activation": MATRIX}),
    (dictionary.dense_units, {"activation": A}, {"activation": MATRIX, "above": FRACTION}),
    (
        dictionary.variance_unexplained,
        {"x": X, "x_hat": X},
        {"x": MATRIX, "x_hat": MATRIX | WIDTH | FEWER_ROWS},
    ),
    *(
        (
            function,
            {"dictionary": DIRECTIONS, "features": FEATURES},
            {"dictionary": ROWS, "features": ROWS | WIDTH},
        )
        for function in (dictionary.cosines, dictionary.mean_max_cosine, dictionary.match)
    ),
    (
        dictionary.absorption,
        {"activation": A, "dictionary": DIRECTIONS, "features": FEATURES, "strength": STRENGTH},
        {
            "activation": MATRIX
            | {"too wide": (X, ValueError, "must have 5 columns, one for each row of dictionary")},
            "dictionary": MATRIX,
            "features": ROWS | WIDTH,
            "strength": MATRIX
            | {
                "too wide": (X, ValueError, "must have 4 columns"),
                "fewer rows": (STRENGTH[1:], ValueError, "must have 11 rows, as activation has"),
                "negative": (-STRENGTH, ValueError, "must not be negative"),
                "absent": (
                    STRENGTH * [1, 0, 1, 1],
                    ValueError,
                    r"is 0 for every sample of feature\(s\) \[1\]",
                ),
            },
            "share": FRACTION,
        },
    ),
    (
        nn.Dictionary,
        {"n_visible": 7, "n_hidden": 5},
        {
            "n_visible": COUNT,
            "n_hidden": COUNT,
            "activation": {"a string": ("relu", TypeError, "must be a torch module .* got str")},
        },
    ),
    (nn.TopK, {"k": 2}, {"k": COUNT}),
    (nn.BatchTopK, {"k": 2.5}, {"k": POSITIVE, "rate": RHO}),
    (
        nn.JumpReLU,
        {"n_hidden": 5},
        {"n_hidden": COUNT, "threshold": POSITIVE, "bandwidth": POSITIVE},
    ),
    (
        nn.l1_loss,
        {"model": DICTIONARY, "x": TENSOR, "sparsity_weight": 0.1},
        {"x": NOT_A_TENSOR_OF_THE_MODEL, "sparsity_weight": WEIGHT},
    ),
    (
        nn.topk_loss,
        {"model": DICTIONARY, "x": TENSOR},
        {
            "x": NOT_A_TENSOR_OF_THE_MODEL,
            "auxiliary_weight": WEIGHT,
            "k_auxiliary": COUNT,
            "dead_after": COUNT,
        },
    ),
    (
        nn.jumprelu_loss,
        {"model": JUMPRELU, "x": TENSOR, "sparsity_weight": 0.1},
        {"x": NOT_A_TENSOR_OF_THE_MODEL, "sparsity_weight": WEIGHT},
    ),
    (
        nn.auxiliary_loss,
        {
            "model": DICTIONARY,
            "residual": TENSOR,
            "preactivation": torch.from_numpy(A),
            "dead": torch.ones(5, dtype=torch.bool),
            "k": 2,
        },
        {"k": COUNT},
    ),
    (
        nn.resample,
        {"model": DICTIONARY, "optimizer": ADAM, "x": TENSOR, "dead_after": 1},
        {"x": NOT_A_TENSOR_OF_THE_MODEL, "dead_after": COUNT},
    ),
    (nn.jacobian, {"model": MODEL, "x": TENSOR}, {"x": NOT_A_TENSOR_OF_THE_MODEL}),
    (
        nn.StackedAutoencoder,
        {"n_visible": 7, "sizes": [5, 3]},
        {"n_visible": COUNT, "sizes": COUNTS, "decoder": DECODER},
    ),
    (
        nn.ConvolutionalAutoencoder,
        {"size": 8, "channels": (4, 2)},
        {
            "size": COUNT | {"7": (7, ValueError, "must be a multiple of 4, got 7")},
            "channels": COUNTS
            | {
                "empty": ([], ValueError, "must hold 2 numbers"),
                "three": ((4, 2, 1), ValueError, r"must hold 2 numbers, got \(4, 2, 1\)"),
            },
            "decoder": DECODER,
        },
    ),
    (
        nn.pretrain,
        {"model": STACKED_MODEL, "x": TENSOR, "epochs": 1},
        {
            "x": NOT_A_TENSOR_OF_THE_MODEL,
            "epochs": COUNT,
            "learning_rate": POSITIVE,
            "batch_size": COUNT,
        },
    ),
    (
        nn.Classifier,
        {"autoencoder": STACKED_MODEL, "n_classes": 4},
        {"n_classes": COUNT},
    ),
    (
        nn.classifier_loss,
        {"model": CLASSIFIER_MODEL, "x": TENSOR, "labels": torch.from_numpy(LABELS)},
        {"x": NOT_A_TENSOR_OF_THE_MODEL, "weight_decay": WEIGHT},
    ),
]

# What fits no kind: (name, call, exception, piece of the message).
OTHERS = {
    "init: float16": (
        lambda: byhand.init(n_visible=2, n_hidden=2, rng=RNG, dtype=np.float16),
        TypeError,
        "dtype must be float32 or float64, got float16",
    ),
    "encode: another dtype of params": (
        lambda: byhand.encode({k: v.astype(np.float32) for k, v in P.items()}, X),
        TypeError,
        "x is float64 but params are float32",
    ),
    "decode: another dtype of params": (
        lambda: byhand.decode({k: v.astype(np.float32) for k, v in P.items()}, A),
        TypeError,
        "activation is float64 but params are float32",
    ),
    "decode: too few columns": (
        lambda: byhand.decode(P, A[:, 1:]),
        ValueError,
        "activation must have 5 columns",
    ),
    "from_byhand: a name missing": (
        lambda: nn.from_byhand(without("encoder_bias")),
        ValueError,
        "params must have the names",
    ),
    "from_byhand: another dtype": (
        lambda: nn.from_byhand(with_params(encoder_bias=np.zeros(5, np.float32))),
        ValueError,
        "encoder_bias is float32",
    ),
    "from_byhand: another shape": (
        lambda: nn.from_byhand(with_params(decoder_weight=P["decoder_weight"].T)),
        ValueError,
        r"decoder_weight is float64 of shape \(7, 5\)",
    ),
    "from_byhand: no encoder": (
        lambda: nn.from_byhand({"decoder_bias": np.ones(7)}),
        ValueError,
        "params must have the names",
    ),
    "from_byhand: a stacked layer missing": (
        lambda: nn.from_byhand({k: v for k, v in STACKED.items() if k != "decoder_bias_2"}),
        ValueError,
        "params must have the names .*decoder_bias_2",
    ),
    "from_byhand: a stacked layer transposed": (
        lambda: nn.from_byhand({**STACKED, "decoder_weight_2": STACKED["decoder_weight_2"].T}),
        ValueError,
        r"decoder_weight_2 is float64 of shape \(5, 3\)",
    ),
    "from_byhand: a classifier's bias": (
        lambda: nn.from_byhand({**CLASSIFIER, "class_bias": np.zeros(3)}),
        ValueError,
        r"class_bias is float64 of shape \(3,\)",
    ),
    "unroll: a dict": (
        lambda: byhand.stacked.unroll(P),
        TypeError,
        "layers must be a list of at least one dict of arrays",
    ),
    "unroll: nothing": (
        lambda: byhand.stacked.unroll([]),
        TypeError,
        "layers must be a list of at least one dict of arrays",
    ),
    "unroll: layers that do not fit": (
        lambda: byhand.stacked.unroll([P, P]),
        ValueError,
        "encoder_weight_2 .* do not fit on a layer of 5 units",
    ),
    "stacked.decode: too few columns": (
        lambda: byhand.stacked.decode(STACKED, CODE[:, 1:]),
        ValueError,
        "activation must have 3 columns",
    ),
    "init_classifier: a single layer": (
        lambda: byhand.stacked.init_classifier(P, n_classes=4, rng=RNG),
        ValueError,
        "params must have the names",
    ),
    "from_byhand: NaN": (
        lambda: nn.from_byhand(with_params(encoder_bias=np.full(5, NAN))),
        ValueError,
        "encoder_bias holds 5 value",
    ),
    "from_byhand: decoder": (
        lambda: nn.from_byhand(P, decoder="tanh"),
        ValueError,
        "decoder must be",
    ),
    "numerical_gradient: float32": (
        lambda: checks.numerical_gradient(bowl, {"a": np.ones(2, np.float32)}),
        TypeError,
        "a must be float64 for central differences, got float32",
    ),
    "numerical_gradient: a list": (
        lambda: checks.numerical_gradient(lambda v: 0.0, [1.0]),
        TypeError,
        "params must be a numpy array, got list",
    ),
    "numerical_gradient: NaN": (
        lambda: checks.numerical_gradient(bowl, {"a": np.array([NAN])}),
        ValueError,
        "a holds 1 value",
    ),
    "numerical_gradient: empty": (
        lambda: checks.numerical_gradient(bowl, {"a": np.ones(0)}),
        ValueError,
        "a is empty",
    ),
    "numerical_gradient: step": (
        lambda: checks.numerical_gradient(bowl, {"a": np.ones(1)}, step=0.0),
        ValueError,
        "step must be greater than 0",
    ),
    "check_gradient: tolerance": (
        lambda: checks.check_gradient(bowl, {"a": np.ones(1)}, tolerance=-1.0),
        ValueError,
        "tolerance must be greater than 0",
    ),
    "check_gradient: float32": (
        lambda: checks.check_gradient(bowl, {"a": np.ones(2, np.float32)}),
        TypeError,
        "a must be float64 for central differences",
    ),
    "mnist: split": (
        lambda: data.mnist("anywhere", split="validation"),
        ValueError,
        'split must be "train" or "test", got \'validation\'',
    ),
    "read_idx: n_axes": (
        lambda: data.read_idx("anywhere", n_axes=0),
        ValueError,
        "n_axes must be at least 1",
    ),
}


def _named(argument, message):
    # Of a list the message names the entry: sizes[1].
    return f"{argument}{'' if message.startswith(chr(92) + '[') else ' '}{message}"


def cases():
    for function, works, arguments in FUNCTIONS:
        where = f"{function.__module__.removeprefix('aelib.')}.{function.__name__}"
        for argument, kind in arguments.items():
            for what, (value, error, message) in kind.items():
                named = message if argument == "params" else _named(argument, message)
                call = (function, works | {argument: value})
                yield pytest.param(*call, error, named, id=f"{where}: {argument}: {what}")


@pytest.mark.parametrize(
    ("function", "works"),
    [pytest.param(f, works, id=f"{f.__module__}.{f.__name__}") for f, works, _ in FUNCTIONS],
)
def test_the_arguments_that_the_table_starts_from_are_good(function, works):
    # Else a call could fail for another reason than the one that the table means.
    function(**works)


@pytest.mark.parametrize(("function", "arguments", "error", "message"), list(cases()))
def test_a_bad_argument_is_named(function, arguments, error, message):
    with pytest.raises(error, match=message):
        function(**arguments)


@pytest.mark.parametrize(("call", "error", "message"), OTHERS.values(), ids=OTHERS)
def test_other_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_finite_values_whose_sum_overflows_are_good():
    # The check looks at the sum first; it must not call this infinite.
    assert validate.floats("x", np.array([1.7e308, 1.7e308])).size == 2
    assert validate.floats("x", np.array([3e38, 3e38], np.float32)).size == 2


def test_no_public_function_with_a_rho_or_a_decoder_is_missing_from_the_table():
    tested = {function for function, _, _ in FUNCTIONS} | {nn.from_byhand}
    halves = [byhand, byhand.autoencoder, byhand.sparse, byhand.denoising, byhand.contractive]
    halves += [byhand.blocks, byhand.stacked, byhand.topk, byhand.l1, byhand.unit_norm]
    for module in (*halves, corruption, sparsity, checks, data, dictionary, nn):
        for name, value in vars(module).items():
            if name.startswith("_") or not inspect.isfunction(value):
                continue
            names = set(inspect.signature(value).parameters)
            certain = {"rho", "decoder", "weight_decay", "level", "sparsity_weight", "k"}
            certain |= {"activation", "dictionary"} if module is dictionary else set()
            if names & certain and name not in INTERNAL:
                assert value in tested, f"{module.__name__}.{name}"


# Pieces of the objectives, called with what the objectives have checked.
INTERNAL = {"forward", "data_loss", "decay_loss", "parameter_gradient"}
