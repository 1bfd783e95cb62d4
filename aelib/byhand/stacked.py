r"""The stacked autoencoder: layers trained one by one, then all of them together.

Each layer is an autoencoder of its own on the codes of the layer below. Unrolled, the encoders run
from the input up to the code and the decoders back down:

.. math::
    x \to a^1 \to \dots \to a^L \to \hat a^{L-1} \to \dots \to \hat x

Every unit but the last decoder's is a sigmoid. The parameters are one flat dict in the order of the
forward pass: ``encoder_weight_1``, ``encoder_bias_1``, …, ``decoder_weight_1``, ``decoder_bias_1``;
the number says which layer's own encoder or decoder it is. A classifier keeps the encoders and has
``class_weight`` and ``class_bias`` on top.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from scipy.special import expit, log_softmax

from aelib import validate
from aelib.byhand import autoencoder, parameters
from aelib.byhand.fit import Objective, lbfgs
from aelib.byhand.parameters import Params
from aelib.validate import Array


def plain(x: Array) -> Objective:
    """Return the objective of a plain autoencoder on ``x``: what `pretrain` uses by default.

    Parameters
    ----------
    x : ndarray, shape (m, n)
        The layer's input.

    Returns
    -------
    callable
        From the parameters to the loss and its gradient.
    """
    return partial(autoencoder.loss_and_grad, x=x)


def pretrain(
    x: Array,
    sizes: Sequence[int],
    *,
    rng: np.random.Generator,
    objective: Callable[[Array], Objective] = plain,
    max_iter: int = 200,
    tied: bool = False,
    progress: bool = True,
) -> list[Params]:
    """Train the layers one after the other, each on the codes of the one below.

    Parameters
    ----------
    x : ndarray, shape (m, n)
        Data, one sample a row.
    sizes : sequence of int
        The numbers of hidden units, from the first layer up to the code.
    rng : numpy.random.Generator
        Where the starting weights come from.
    objective : callable, default `plain`
        Takes a layer's input, shape (m, size of the layer below), and returns what to minimise: a
        function from parameters to loss and gradient. It is called once a layer, so noise drawn in
        it is drawn once::

            def objective(x):
                x_noisy = corruption.masking(x, 0.3, rng)
                return partial(denoising.loss_and_grad, x=x, x_noisy=x_noisy)

    max_iter : int, default 200
        The largest number of L-BFGS iterations, for each layer.
    tied : bool, default False
        Whether each layer's decoder uses its encoder's weights, transposed.
    progress : bool, default True
        Whether to show a progress bar for each layer.

    Returns
    -------
    list of dict of str to ndarray
        Each layer's own parameters, as `aelib.byhand.init` returns them, in the dtype of ``x``; for
        `unroll`.

    Raises
    ------
    TypeError, ValueError
        If an argument is malformed or out of range.

    Notes
    -----
    Hinton and Salakhutdinov (2006) with Boltzmann machines; Bengio, Lamblin, Popovici and
    Larochelle (2007) with autoencoders.
    """
    code = validate.samples("x", x)
    sizes = validate.counts("sizes", sizes)
    rng = validate.generator("rng", rng)
    layers = []
    for n_hidden in sizes:
        start = parameters.init(
            n_visible=code.shape[1], n_hidden=n_hidden, rng=rng, dtype=code.dtype, tied=tied
        )
        layers.append(lbfgs(objective(code), start, max_iter=max_iter, progress=progress).params)
        code = autoencoder.encode(layers[-1], code)
    return layers


def init(
    *,
    n_visible: int,
    sizes: Sequence[int],
    rng: np.random.Generator,
    dtype: DTypeLike = np.float64,
) -> Params:
    """Draw the starting parameters of a stacked autoencoder that is not pre-trained.

    Parameters
    ----------
    n_visible : int
        The number n of inputs.
    sizes : sequence of int
        The numbers of hidden units, from the first layer up to the code.
    rng : numpy.random.Generator
        Where the randomness comes from.
    dtype : dtype, default float64
        float32 or float64.

    Returns
    -------
    dict of str to ndarray
        As `unroll` returns it; every layer is drawn as `aelib.byhand.init` does.

    Raises
    ------
    TypeError, ValueError
        If a size is no whole number of at least 1, ``rng`` is no generator, or the dtype is
        neither float32 nor float64.
    """
    widths = (validate.count("n_visible", n_visible), *validate.counts("sizes", sizes))
    return unroll(
        [
            parameters.init(n_visible=below, n_hidden=above, rng=rng, dtype=dtype)
            for below, above in pairwise(widths)
        ]
    )


def unroll(layers: Sequence[Params]) -> Params:
    """Make one deep autoencoder of layers that were trained one by one.

    Parameters
    ----------
    layers : sequence of dict of str to ndarray
        As `pretrain` returns them; each one's inputs are the codes of the one before.

    Returns
    -------
    dict of str to ndarray
        ``encoder_weight_1``, ``encoder_bias_1``, … up to the code, then the decoders from the code
        down to ``decoder_weight_1``, ``decoder_bias_1``: copies. A tied layer gets a decoder weight
        of its own, which starts as the transpose and is free from then on, as in Hinton and
        Salakhutdinov (2006).

    Raises
    ------
    TypeError, ValueError
        If a layer is malformed, or the layers do not fit on top of each other.
    """
    if not isinstance(layers, Sequence) or not layers:
        raise TypeError("layers must be a list of at least one dict of arrays")
    checked = [parameters.check(layer) for layer in layers]
    params = {}
    for k, layer in enumerate(checked, start=1):
        params[f"encoder_weight_{k}"] = layer["encoder_weight"].copy()
        params[f"encoder_bias_{k}"] = layer["encoder_bias"].copy()
    for k, layer in reversed(list(enumerate(checked, start=1))):
        params[f"decoder_weight_{k}"] = parameters.decoder_weight(layer).copy()
        params[f"decoder_bias_{k}"] = layer["decoder_bias"].copy()
    return check(params)


def encode(params: Params, x: Array) -> Array:
    """Return the codes: the activations of the topmost encoder.

    Parameters
    ----------
    params : dict of str to ndarray
        As `unroll` or `init_classifier` returns it.
    x : ndarray, shape (m, n)
        Data, one sample a row.

    Returns
    -------
    ndarray, shape (m, size of the code)
        In [0, 1].

    Raises
    ------
    TypeError, ValueError
        If ``params`` or ``x`` is malformed, not finite, or they do not fit together.
    """
    params = check(params)
    x = _check_input(params, "x", x, "encoder_weight_1")
    return _run(params, x, _encoders(params))[0][-1]


def decode(params: Params, activation: Array, *, decoder: str = "sigmoid") -> Array:
    """Return the reconstruction from codes, through every decoder.

    Parameters
    ----------
    params : dict of str to ndarray
        As `unroll` returns it.
    activation : ndarray, shape (m, size of the code)
        Codes.
    decoder : {"sigmoid", "linear"}, default "sigmoid"
        What the output units do to their pre-activation; the decoders above are sigmoids.

    Returns
    -------
    ndarray, shape (m, n)
        In [0, 1] for a sigmoid decoder.

    Raises
    ------
    TypeError, ValueError
        If an argument is malformed, not finite or unknown, or the shapes or dtypes do not fit.
    """
    params = check(params, needs="decoder")
    validate.choose_decoder(decoder)
    names = _decoders(params)
    a = _check_input(params, "activation", activation, f"decoder_weight_{len(names)}")
    return _run(params, a, names, last=decoder)[0][-1]


def loss_and_grad(
    params: Params, x: Array, *, weight_decay: float = 0.0, decoder: str = "sigmoid"
) -> tuple[float, Params]:
    r"""Return the objective of the unrolled autoencoder and its gradient, for fine-tuning.

    .. math::
        J = \frac1m \sum_{i=1}^m \tfrac12 \lVert x_i - \hat x_i \rVert^2
            + \tfrac12\,\mathrm{decay} \sum_k \lVert W^k \rVert^2

    Backpropagation takes one step a layer, the same for all of them:

    .. math::
        \delta^{k} = \left( \delta^{k+1} W^{k+1\,\top} \right) \odot a^k (1 - a^k), \qquad
        \frac{\partial J}{\partial W^k} = a^{k-1\,\top} \delta^k + \mathrm{decay}\,W^k

    Parameters
    ----------
    params : dict of str to ndarray
        As `unroll` returns it.
    x : ndarray, shape (m, n)
        Data, one sample a row, in the dtype of ``params``; in [0, 1] for a sigmoid decoder.
    weight_decay : float, default 0
        The weight of the squared norms; not negative. Biases are left alone.
    decoder : {"sigmoid", "linear"}, default "sigmoid"
        What the output units do to their pre-activation; the decoders above are sigmoids.

    Returns
    -------
    loss : float
        The objective J.
    grad : dict of str to ndarray
        The gradient, names, shapes and dtype as in ``params``.

    Raises
    ------
    TypeError, ValueError
        If an argument is malformed, not finite, out of range or unknown, or the shapes or dtypes
        do not fit together.

    Notes
    -----
    Hinton and Salakhutdinov (2006). With one layer it is `aelib.byhand.autoencoder.loss_and_grad`.
    """
    params = check(params, needs="decoder")
    x = _check_input(params, "x", x, "encoder_weight_1")
    validate.target("x", x, decoder, n_columns=x.shape[1])
    weight_decay = validate.weight("weight_decay", weight_decay)

    names = _encoders(params) + _decoders(params)
    activations, preactivations = _run(params, x, names, last=decoder)
    top = autoencoder.Layers(
        preactivations[-2], activations[-2], preactivations[-1], activations[-1]
    )
    loss, delta = autoencoder.data_loss(top, x, decoder)
    grad = _backward(params, names, activations, preactivations, delta)
    return _with_decay(params, loss, grad, weight_decay)


# --- the classifier ------------------------------------------------------------------------------


def init_classifier(params: Params, *, n_classes: int, rng: np.random.Generator) -> Params:
    """Put a softmax layer on the code of a stacked autoencoder.

    Parameters
    ----------
    params : dict of str to ndarray
        As `unroll` returns it; of these the encoders are copied.
    n_classes : int
        The number c of classes.
    rng : numpy.random.Generator
        Where the new layer's starting weights come from.

    Returns
    -------
    dict of str to ndarray
        The encoders, then ``class_weight`` (size of the code, c), drawn as in `aelib.byhand.init`,
        and ``class_bias`` (c,), which is 0.

    Raises
    ------
    TypeError, ValueError
        If ``params`` is malformed, ``n_classes`` is no whole number of at least 1, or ``rng`` is no
        generator.
    """
    params = check(params)
    c, rng = validate.count("n_classes", n_classes), validate.generator("rng", rng)
    classifier = {name: params[name].copy() for pair in _encoders(params) for name in pair}
    top = params[_encoders(params)[-1][0]]
    bound = np.sqrt(6.0 / (top.shape[1] + c))
    classifier["class_weight"] = rng.uniform(-bound, bound, (top.shape[1], c)).astype(top.dtype)
    classifier["class_bias"] = np.zeros(c, top.dtype)
    return classifier


def log_probabilities(params: Params, x: Array) -> Array:
    r"""Return the logarithm of every class' probability.

    .. math::
        \log p_{ik} = \ell_{ik} - \log \sum_{k'} e^{\ell_{ik'}}, \qquad \ell = a^L U + c

    Parameters
    ----------
    params : dict of str to ndarray
        As `init_classifier` returns it.
    x : ndarray, shape (m, n)
        Data, one sample a row.

    Returns
    -------
    ndarray, shape (m, c)
        Not above 0, finite for every finite score; the exponentials of a row add up to 1.

    Raises
    ------
    TypeError, ValueError
        If ``params`` or ``x`` is malformed, not finite, or they do not fit together.
    """
    params = check(params, needs="class")
    x = _check_input(params, "x", x, "encoder_weight_1")
    return _log_probabilities(params, _run(params, x, _encoders(params))[0][-1])


def predict(params: Params, x: Array) -> Array:
    """Return the most probable class of every sample.

    Parameters
    ----------
    params : dict of str to ndarray
        As `init_classifier` returns it.
    x : ndarray, shape (m, n)
        Data, one sample a row.

    Returns
    -------
    ndarray of int, shape (m,)
        From 0 to c - 1.

    Raises
    ------
    TypeError, ValueError
        If ``params`` or ``x`` is malformed, not finite, or they do not fit together.
    """
    return log_probabilities(params, x).argmax(axis=1)


def classifier_loss_and_grad(
    params: Params,
    x: Array,
    labels: Array,
    *,
    weight_decay: float = 0.0,
    fine_tune: bool = True,
) -> tuple[float, Params]:
    r"""Return the cross-entropy of the classifier and its gradient, through all encoders.

    .. math::
        J = -\frac1m \sum_{i=1}^m \log p_{i\,y_i}
            + \tfrac12\,\mathrm{decay} \sum_k \lVert W^k \rVert^2

    The delta of the scores is the famous difference, and from there on all is as in
    `loss_and_grad`:

    .. math::
        \delta_{ic} = \frac1m \left( p_{ic} - [c = y_i] \right)

    Parameters
    ----------
    params : dict of str to ndarray
        As `init_classifier` returns it.
    x : ndarray, shape (m, n)
        Data, one sample a row, in the dtype of ``params``.
    labels : ndarray of int, shape (m,)
        The classes y, from 0 to c - 1.
    weight_decay : float, default 0
        The weight of the squared norms; not negative. Biases are left alone.
    fine_tune : bool, default True
        Whether the encoders are trained too. If False their gradient is given as 0, so that an
        optimiser leaves them as they are.

    Returns
    -------
    loss : float
        J, natural logarithm.
    grad : dict of str to ndarray
        The gradient, names, shapes and dtype as in ``params``.

    Raises
    ------
    TypeError, ValueError
        If an argument is malformed, not finite or out of range, or the shapes or dtypes do not fit
        together.
    """
    params = check(params, needs="class")
    x = _check_input(params, "x", x, "encoder_weight_1")
    n_classes = len(params["class_bias"])
    labels = validate.labels("labels", labels, n_samples=len(x), n_classes=n_classes)
    weight_decay = validate.weight("weight_decay", weight_decay)

    names, rows = _encoders(params), np.arange(len(x))
    activations, preactivations = _run(params, x, names)
    log_p = _log_probabilities(params, activations[-1])
    loss = -float(np.sum(log_p[rows, labels], dtype=np.float64)) / len(x)
    delta = np.exp(log_p)
    delta[rows, labels] -= 1.0
    delta /= len(x)
    head = {
        "class_weight": activations[-1].T @ delta,
        "class_bias": delta.sum(axis=0),
    }
    delta = delta @ params["class_weight"].T * activations[-1] * expit(-preactivations[-1])
    encoders = _backward(params, names, activations, preactivations, delta)
    loss, grad = _with_decay(params, loss, encoders | head, weight_decay)
    if not fine_tune:
        grad |= {name: np.zeros_like(params[name]) for name in encoders}
    return loss, grad


# --- what they share -----------------------------------------------------------------------------

# A layer's weight and bias, by name.
Names = list[tuple[str, str]]


def check(params: Any, *, needs: str = "") -> Params:
    """Return ``params`` if it is a well-formed stacked network, else say what is wrong.

    Parameters
    ----------
    params : dict of str to ndarray
        As `unroll` or `init_classifier` returns it.
    needs : {"", "decoder", "class"}, default ""
        What it must have on top of its encoders; either will do if empty.

    Raises
    ------
    TypeError
        If it is no dict of float arrays, or the dtypes differ.
    ValueError
        If a name is missing or unknown, the layers do not fit together, or a value is not finite.
    """
    if not isinstance(params, Mapping):
        raise TypeError(f"params must be a dict of arrays, got {type(params).__name__}")
    encoders = _encoders(params)
    rest = [("class_weight", "class_bias")] if "class_weight" in params else _decoders(params)
    layers = encoders + rest
    missing_part = needs and f"{needs}_weight" not in "".join(params)
    if not encoders or missing_part or set(params) != {n for pair in layers for n in pair}:
        top = {"class": "class_weight, class_bias", "": "decoder_weight_1 or class_weight, …"}
        raise ValueError(
            "params must have the names encoder_weight_1, encoder_bias_1, … and "
            f"{top.get(needs, 'decoder_weight_1, decoder_bias_1, …')}, got {list(params)}"
        )
    for name, value in params.items():
        validate.floats(name, value, ndim=2 if parameters.is_weight(name) else 1)
    width = len(params["encoder_weight_1"])
    for weight, bias in layers:
        above = params[weight].shape[1]
        if params[weight].shape[0] != width or params[bias].shape != (above,):
            raise ValueError(
                f"{weight} {params[weight].shape} and {bias} {params[bias].shape} do not fit on a "
                f"layer of {width} units"
            )
        width = above
    if "class_weight" not in params and width != len(params["encoder_weight_1"]):
        raise ValueError(
            f"decoder_weight_1 must end at {len(params['encoder_weight_1'])} units, got {width}"
        )
    parameters.check_one_dtype(dict(params))
    return dict(params)


def _check_input(params: Params, name: str, x: Any, first: str) -> Array:
    x = validate.samples(name, x, n_columns=len(params[first]))
    return parameters.check_dtype(params[first], name, x)


def _encoders(params: Mapping[str, Array]) -> Names:
    n_layers = sum(name.startswith("encoder_weight_") for name in params)
    return [(f"encoder_weight_{k}", f"encoder_bias_{k}") for k in range(1, n_layers + 1)]


def _decoders(params: Mapping[str, Array]) -> Names:
    n_layers = len(_encoders(params))
    return [(f"decoder_weight_{k}", f"decoder_bias_{k}") for k in range(n_layers, 0, -1)]


def _run(
    params: Params, x: Array, names: Names, last: str = "sigmoid"
) -> tuple[list[Array], list[Array]]:
    """Run the layers; return their activations, with ``x`` in front, and their pre-activations."""
    activations, preactivations = [x], []
    for weight, bias in names:
        preactivations.append(activations[-1] @ params[weight] + params[bias])
        activations.append(expit(preactivations[-1]))
    if last == "linear":
        activations[-1] = preactivations[-1]
    return activations, preactivations


def _backward(
    params: Params,
    names: Names,
    activations: list[Array],
    preactivations: list[Array],
    delta: Array,
) -> Params:
    """Carry the last layer's delta back to the first; return every layer's gradient."""
    grad = {}
    for k, (weight, bias) in reversed(list(enumerate(names))):
        grad[weight], grad[bias] = activations[k].T @ delta, delta.sum(axis=0)
        if k > 0:
            # sigma(z) sigma(-z): the slope without the subtraction from 1.
            slope = activations[k] * expit(-preactivations[k - 1])
            delta = (delta @ params[weight].T) * slope
    return grad


def _with_decay(
    params: Params, loss: float, grad: Params, weight_decay: float
) -> tuple[float, Params]:
    """Add the decay to a loss and its gradient, which comes back in the order of the parameters."""
    for name in grad:
        if parameters.is_weight(name):
            grad[name] += weight_decay * params[name]
    loss += autoencoder.decay_loss(params, weight_decay)
    return loss, {name: grad[name] for name in params}


def _log_probabilities(params: Params, code: Array) -> Array:
    log_p: Array = log_softmax(code @ params["class_weight"] + params["class_bias"], axis=1)
    return log_p
