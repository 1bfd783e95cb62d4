"""Sparse autoencoders for several targets and weights, trained beforehand."""

import json
from importlib import resources
from typing import Any

import anywidget
import traitlets

from aelib.widgets.figure import STYLE, identity, script
from aelib.widgets.packing import Packed


def sparse_grid() -> Packed:
    """Return the trained grid that `SparseGrid` shows.

    Returns
    -------
    dict
        ``settings``, which say how it was made, with the lists ``rho`` and ``sparsity_weight``;
        then one entry for each pair of the two, the weights running faster: ``features`` (25, 64)
        and ``reconstructions`` (6, 64) in 8 bits, ``rho_hat`` (25,) in float32 and ``error``; and
        the six ``patches`` that are reconstructed. Arrays are packed, see
        `aelib.widgets.packing.unpack`.

    Notes
    -----
    Made by ``python -m benchmarks.sparse_grid`` in the book's repository.
    """
    file = resources.files("aelib.widgets") / "sparse_grid.json"
    grid: Packed = json.loads(file.read_text(encoding="utf-8"))
    return grid


class SparseGrid(anywidget.AnyWidget):
    r"""Show what a sparse autoencoder learns from photographs, for a choice of ρ and λ.

    For the chosen pair: the features, the mean activations, what comes back of six patches, and the
    relative error.

    Parameters
    ----------
    rho : float, default 0.01
        The target, one of those in the grid: 0.01, 0.02, 0.05, 0.1, 0.2.
    sparsity_weight : float, default 3
        The weight :math:`\lambda`, one of those in the grid: 0, 0.1, 0.3, 1, 3, 10.

    Notes
    -----
    A value that is not in the grid raises a `traitlets.TraitError`, here and when it is changed
    later. Chapter 6 of the book.
    """

    _esm = script("grid")
    _css = STYLE

    grid = traitlets.Dict().tag(sync=True)
    rho = traitlets.Float(0.01).tag(sync=True)
    sparsity_weight = traitlets.Float(3.0).tag(sync=True)

    def __init__(self, rho: float = 0.01, sparsity_weight: float = 3.0) -> None:
        super().__init__(
            grid=sparse_grid(),
            rho=rho,
            sparsity_weight=sparsity_weight,
            **identity("sparse-grid"),
        )

    @traitlets.validate("rho", "sparsity_weight")
    def _in_the_grid(self, proposal: Any) -> float:
        name, value = proposal.trait.name, proposal.value
        known = sparse_grid()["settings"][name]
        if value not in known:
            raise traitlets.TraitError(f"{name} must be one of {known}, got {value}")
        return float(value)

    def __repr__(self) -> str:
        """Name the settings, and no address, so that a stored notebook stays the same."""
        return f"SparseGrid(rho={self.rho:g}, sparsity_weight={self.sparsity_weight:g})"
