"""Figures: arrays or a History in, Axes out. Nothing here trains, loads or draws random numbers.

Every function draws on ``ax`` if you give one, else on the current axes, and returns it. The book
sets its look with ``plt.style.use("aelib.book")``.
"""

from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from aelib import sparsity, validate
from aelib.history import History
from aelib.validate import Array


def filters(
    weight: Array,
    *,
    shape: tuple[int, int] | None = None,
    n_columns: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Show each column of a weight matrix as a small picture; mid-grey is 0.

    Parameters
    ----------
    weight : ndarray, shape (n, h)
        One filter a column, as in ``encoder_weight``; each is scaled by its own largest entry.
    shape : (int, int), optional
        Height and width of a filter in pixels; a square if None.
    n_columns : int, optional
        Filters in a row of the figure; about a square if None.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If ``weight`` is malformed or ``shape`` does not fit.
    """
    w = validate.samples("weight", weight).T
    largest = np.abs(w).max(axis=1, keepdims=True)
    w = w / np.where(largest > 0.0, largest, 1.0)
    mosaic = _mosaic(w, _shape(w, shape), _columns(n_columns, len(w)), border=1.0)
    return _show(mosaic, -1.0, 1.0, ax)


def images(
    x: Array,
    *,
    shape: tuple[int, int] | None = None,
    n_columns: int | None = None,
    value_range: tuple[float, float] = (0.0, 1.0),
    ax: Axes | None = None,
) -> Axes:
    """Show each row of a data matrix as a small picture, all on one grey scale.

    Parameters
    ----------
    x : ndarray, shape (k, n)
        One picture a row.
    shape : (int, int), optional
        Height and width of a picture in pixels; a square if None.
    n_columns : int, optional
        Pictures in a row of the figure; about a square if None.
    value_range : (float, float), default (0, 1)
        The values shown as black and as white.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If ``x`` is malformed or ``shape`` does not fit.
    """
    x = validate.samples("x", x)
    low, high = value_range
    mosaic = _mosaic(x, _shape(x, shape), _columns(n_columns, len(x)), border=high)
    return _show(mosaic, low, high, ax)


def reconstructions(
    x: Array,
    *others: Array,
    shape: tuple[int, int] | None = None,
    labels: tuple[str, ...] = ("input", "reconstruction"),
    value_range: tuple[float, float] = (0.0, 1.0),
    ax: Axes | None = None,
) -> Axes:
    """Show inputs in the first row and what became of them below.

    Parameters
    ----------
    x : ndarray, shape (k, n)
        The inputs, one a row: as many as you want to see side by side.
    *others : ndarray, shape (k, n)
        Reconstructions of them, one row of the figure each.
    shape : (int, int), optional
        Height and width in pixels; a square if None.
    labels : tuple of str
        What to write beside each row of the figure.
    value_range : (float, float), default (0, 1)
        The values shown as black and as white.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If an array is malformed, or shapes or the number of labels do not fit.
    """
    x = validate.samples("x", x)
    rows = [x]
    for other in others:
        rows.append(validate.samples("reconstruction", other, n_columns=x.shape[1]))
        if len(other) != len(x):
            raise ValueError(f"there are {len(x)} inputs but {len(other)} reconstructions")
    if len(labels) != len(rows):
        raise ValueError(f"labels must have {len(rows)} entries, got {len(labels)}")
    height, width = _shape(x, shape)
    low, high = value_range
    mosaic = _mosaic(np.concatenate(rows), (height, width), len(x), border=high)
    ax = _show(mosaic, low, high, ax)
    ax.set_axis_on()
    ax.grid(False)
    ax.set(xticks=[], yticks=(np.arange(len(rows)) + 0.5) * (height + 1), yticklabels=labels)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax


def loss_curve(history: History, *, label: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw the loss against the steps of a fit, on a logarithmic axis.

    Parameters
    ----------
    history : History
        What the fit recorded.
    label : str, optional
        For the legend, which you add yourself.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = plt.gca() if ax is None else ax
    ax.plot(np.arange(len(history.loss)), history.loss, label=label)
    ax.set(xlabel=history.step, ylabel="loss", yscale="log")
    return ax


def activation_histogram(
    activation: Array,
    *,
    rho: float | None = None,
    label: str | None = None,
    n_bins: int = 40,
    ax: Axes | None = None,
) -> Axes:
    """Draw how activations, or mean activations, are distributed over [0, 1].

    Parameters
    ----------
    activation : ndarray, any shape
        Values in [0, 1].
    rho : float, optional
        The target, marked by a vertical line.
    label : str, optional
        For the legend, which you add yourself.
    n_bins : int, default 40
        The number of bins between 0 and 1.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If ``activation`` is malformed or outside [0, 1], or a number is out of range.
    """
    a = validate.floats("activation", activation).ravel()
    if a.min() < 0.0 or a.max() > 1.0:
        raise ValueError(f"activation must lie in [0, 1], got values from {a.min()} to {a.max()}")
    rho = None if rho is None else validate.fraction("rho", rho)
    bins = np.linspace(0.0, 1.0, validate.count("n_bins", n_bins) + 1).tolist()
    ax = plt.gca() if ax is None else ax
    ax.hist(a, bins=bins, weights=np.full(a.size, 1.0 / a.size), alpha=0.7, label=label)
    if rho is not None:
        ax.axvline(rho, color="black", linestyle="--", linewidth=1.2, label=f"target ρ = {rho:g}")
    ax.set(xlabel="activation", ylabel="fraction", xlim=(0.0, 1.0))
    return ax


def kl_curve(rho: float, *, label: str | None = None, ax: Axes | None = None) -> Axes:
    r"""Draw KL(ρ‖ρ̂) against ρ̂ for a fixed ρ.

    Parameters
    ----------
    rho : float
        The target, strictly between 0 and 1.
    label : str, optional
        For the legend, which you add yourself; names ρ if None.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If ``rho`` is not strictly between 0 and 1.
    """
    rho = validate.fraction("rho", rho)
    ax = plt.gca() if ax is None else ax
    rho_hat = np.linspace(0.0, 1.0, 501)[1:-1]
    label = f"ρ = {rho:g}" if label is None else label
    ax.plot(rho_hat, sparsity.kl_bernoulli(rho, rho_hat), label=label)
    ax.set(xlabel="mean activation ρ̂", ylabel="KL(ρ‖ρ̂) in nats", xlim=(0.0, 1.0))
    return ax


def _shape(x: Array, shape: tuple[int, int] | None) -> tuple[int, int]:
    if shape is None:
        side = int(np.sqrt(x.shape[1]))
        shape = (side, side)
    if shape[0] * shape[1] != x.shape[1]:
        raise ValueError(f"shape {tuple(shape)} does not hold {x.shape[1]} pixels")
    return shape


def _columns(n_columns: int | None, n_pictures: int) -> int:
    if n_columns is None:
        n_columns = int(np.ceil(np.sqrt(n_pictures)))
    return validate.count("n_columns", n_columns)


def _mosaic(x: Array, shape: tuple[int, int], n_columns: int, border: float) -> Array:
    """Lay pictures out in rows, with a border of one pixel around each."""
    height, width = shape
    n_rows = -(-len(x) // n_columns)
    size = n_rows * (height + 1) + 1, n_columns * (width + 1) + 1
    mosaic = np.full(size, border, dtype=np.float64)
    for k, picture in enumerate(x):
        top, left = (k // n_columns) * (height + 1) + 1, (k % n_columns) * (width + 1) + 1
        mosaic[top : top + height, left : left + width] = picture.reshape(shape)
    return mosaic


def _show(mosaic: Array, low: float, high: float, ax: Axes | None) -> Any:
    ax = plt.gca() if ax is None else ax
    ax.imshow(mosaic, cmap="gray", vmin=low, vmax=high)
    ax.set_axis_off()
    return ax
