"""A digit, spoiled, and what trained networks make of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import anywidget
import numpy as np
import traitlets

from aelib import validate
from aelib.validate import Array
from aelib.widgets.figure import STYLE, identity, script
from aelib.widgets.packing import Packed, pack

N_DRAWS = 8


class CorruptDigit(anywidget.AnyWidget):
    r"""Spoil a digit and let trained denoising autoencoders repair it.

    Shows the clean digit, the corrupted one and the network's answer, and half the squared distance
    to the clean one before and after.

    Parameters
    ----------
    digits : ndarray, shape (k, 64)
        Pictures of 8 by 8 pixels in [0, 1].
    labels : sequence of str
        What to call each of them.
    networks : dict of str to dict of ndarray
        Parameters of autoencoders with 64 inputs and sigmoid units, as `aelib.byhand.init` returns
        them, under the names of the noise that they were trained on.
    rng : numpy.random.Generator
        Where the noise comes from: eight draws, of which the reader sees one at a time. The
        Gaussian numbers are drawn first, so the first draw is that of `aelib.corruption.gaussian`
        for one digit with an equal generator.
    digit : int, default 0
        Which picture to show first.
    network : int, default 0
        Which network to use first.
    kind : {"gaussian", "masking", "salt_and_pepper"}, default "gaussian"
        How the digit is spoiled at first, as in `aelib.corruption`.
    level : float, default 0.3
        How strongly, from 0 to 0.8.

    Raises
    ------
    TypeError, ValueError
        If an array is malformed or out of range, there is no network, or ``rng`` is no generator.

    Notes
    -----
    To keep a page small, weights are rounded to 8 bits, with a scale for each column. A setting out
    of its range raises a `traitlets.TraitError`. Chapter 7 of the book.
    """

    _esm = script("corrupt")
    _css = STYLE

    digits = traitlets.Dict().tag(sync=True)
    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    networks = traitlets.List(traitlets.Dict()).tag(sync=True)
    normal = traitlets.Dict().tag(sync=True)
    uniform = traitlets.Dict().tag(sync=True)
    digit = traitlets.Int(0, min=0).tag(sync=True)
    network = traitlets.Int(0, min=0).tag(sync=True)
    kind = traitlets.Enum(["gaussian", "masking", "salt_and_pepper"], "gaussian").tag(sync=True)
    level = traitlets.Float(0.3, min=0.0, max=0.8).tag(sync=True)
    draw = traitlets.Int(0, min=0, max=N_DRAWS - 1).tag(sync=True)

    def __init__(
        self,
        digits: Array,
        labels: Sequence[str],
        networks: Mapping[str, Mapping[str, Array]],
        rng: np.random.Generator,
        digit: int = 0,
        network: int = 0,
        kind: str = "gaussian",
        level: float = 0.3,
    ) -> None:
        digits = validate.target("digits", digits, "sigmoid", n_columns=64)
        rng = validate.generator("rng", rng)
        if len(labels) != len(digits):
            raise ValueError(f"there are {len(digits)} digits but {len(labels)} labels")
        if not networks:
            raise ValueError("networks is empty: there is nothing to repair a digit with")
        normal, uniform = rng.standard_normal((N_DRAWS, 64)), rng.random((N_DRAWS, 64))
        super().__init__(
            digits=pack(digits.astype(np.float32)),
            labels=list(labels),
            networks=[{"name": name, **_layers(name, params)} for name, params in networks.items()],
            normal=pack(normal.astype(np.float32)),
            uniform=pack(uniform.astype(np.float32)),
            digit=digit,
            network=network,
            kind=kind,
            level=level,
            **identity("corrupt-digit"),
        )

    @traitlets.validate("digit", "network")
    def _one_that_there_is(self, proposal: Any) -> int:
        name, value = proposal.trait.name, proposal.value
        n = len(self.labels if name == "digit" else self.networks)
        if value >= n:
            raise traitlets.TraitError(f"{name} must be below {n}, got {value}")
        return int(value)

    def __repr__(self) -> str:
        """Name the settings, and no address, so that a stored notebook stays the same."""
        return (
            f"CorruptDigit({len(self.labels)} digits, {len(self.networks)} networks, "
            f"digit={self.digit}, network={self.network}, kind={self.kind!r}, "
            f"level={self.level:g})"
        )


def _layers(name: str, params: Mapping[str, Array]) -> dict[str, dict[str, Packed]]:
    """Pack both layers of one network."""
    names = [f"{layer}_{kind}" for layer in ("encoder", "decoder") for kind in ("weight", "bias")]
    if set(params) != set(names):
        raise ValueError(f"{name} must have the parameters {names}, got {list(params)}")
    n_inputs, layers = 64, {}
    for layer in ("encoder", "decoder"):
        weight = validate.samples(f"{layer}_weight of {name}", params[f"{layer}_weight"])
        bias = validate.floats(f"{layer}_bias of {name}", params[f"{layer}_bias"], ndim=1)
        n_outputs = 64 if layer == "decoder" else weight.shape[1]
        if weight.shape != (n_inputs, n_outputs) or bias.shape != (n_outputs,):
            raise ValueError(
                f"the {layer} of {name} must lead from {n_inputs} to {n_outputs} units, got "
                f"weights {weight.shape} and biases {bias.shape}"
            )
        largest = np.abs(weight).max(axis=0)
        scale = np.where(largest > 0.0, largest, 1.0) / 127.0
        layers[layer] = {
            "weight": pack(np.round(weight / scale).astype(np.int8)),
            "scale": pack(scale.astype(np.float64)),
            "bias": pack(bias.astype(np.float64)),
        }
        n_inputs = n_outputs
    return layers
