"""What all interactive figures need: their JavaScript, their look, and names that last."""

from collections import Counter
from importlib import resources
from typing import Any

from ipywidgets import Layout

STYLE = (resources.files("aelib.widgets") / "figure.css").read_text(encoding="utf-8")

_counts: Counter[str] = Counter()


def script(name: str) -> str:
    """Return a figure's JavaScript: one module, since a browser cannot resolve imports here.

    Parameters
    ----------
    name : str
        Of the file in this folder, without ``.js``.

    Returns
    -------
    str
        ``common.js``, followed by the file.
    """
    folder = resources.files("aelib.widgets")
    return "\n".join(
        (folder / f"{part}.js").read_text(encoding="utf-8") for part in ("common", name)
    )


def identity(name: str) -> dict[str, Any]:
    """Name the next figure of a kind, the same in every run of a notebook.

    By default a widget has a random name, and every execution would change the stored notebook. The
    names count up within a kernel, so that two figures never share one.

    Parameters
    ----------
    name : str
        The kind of figure.

    Returns
    -------
    dict
        Arguments for the constructor of `anywidget.AnyWidget`.
    """
    _counts[name] += 1
    model_id = f"{name}-{_counts[name]}"
    return {"model_id": model_id, "layout": Layout(model_id=f"{model_id}-layout")}
