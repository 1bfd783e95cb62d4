"""Interactive figures that work in JupyterLab, and in the book's pages, where no kernel runs.

Each is an `anywidget.AnyWidget`. Its settings are traits, and everything that it shows is computed
in the reader's browser, by the JavaScript file beside its Python file. With a kernel the settings
are kept in step on both sides; in a page ``book/_static/widgets.js`` stands in for the kernel.
"""

from aelib.widgets.corrupt import CorruptDigit
from aelib.widgets.delta import ModifiedDelta
from aelib.widgets.field import VectorField
from aelib.widgets.frontier import Frontier
from aelib.widgets.grid import SparseGrid, sparse_grid
from aelib.widgets.kl import KLCurve
from aelib.widgets.packing import unpack

__all__ = [
    "CorruptDigit",
    "Frontier",
    "KLCurve",
    "ModifiedDelta",
    "SparseGrid",
    "VectorField",
    "sparse_grid",
    "unpack",
]
