"""Offer the chapters that run in a browser there: a button on their pages.

In the browser Python runs as WebAssembly (Pyodide). It has numpy and what is built on it, but no
PyTorch. ``book/lite.py`` builds the site that the button opens.
"""

import ast
import copy
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from docutils import nodes
from IPython.core.inputtransformer2 import TransformerManager

# What book/lite.py preloads, or Pyodide fetches on import.
AVAILABLE = sys.stdlib_module_names | {
    "aelib",
    "anywidget",
    "ipywidgets",
    "matplotlib",
    "mpl_toolkits",
    "numpy",
    "scipy",
    "sklearn",
    "sympy",
    "tqdm",
}
NEEDS_TORCH = "needs-torch"  # the tag of a cell that a browser leaves out
LEFT_OUT = (
    "*Code is left out here: it needs PyTorch, which does not run in a browser. "
    "The page of the book shows it with its result.*"
)

BUTTON = """
<p class="run-in-browser" hidden>
<a class="run-in-browser-button" href="{lite}" target="_blank" rel="noopener"
>Run this {kind} in your browser</a>
<span>Nothing to install. <a href="{help}">What it loads</a></span>
</p>
"""
# The site works on a web server only, and only if it was built: a button that leads nowhere hides.
# It is shown before the answer comes, so that the text below does not move.
REVEAL = """
addEventListener("DOMContentLoaded", () => {
  const offer = document.querySelector(".run-in-browser");
  if (!offer || !location.protocol.startsWith("http")) return;
  offer.hidden = false;
  fetch(offer.querySelector("a").href, {method: "HEAD"})
    .then(answer => { offer.hidden = !answer.ok; }, () => { offer.hidden = true; });
});
"""


def browser_copy(notebook: dict[str, Any]) -> dict[str, Any] | None:
    """Return the notebook as a browser runs it, or None if it cannot.

    Cells tagged ``needs-torch`` become a note, one for all that follow each other. Outputs are
    dropped, so that what a reader sees is what the reader's browser computed.
    """
    notebook = copy.deepcopy(notebook)
    cells: list[dict[str, Any]] = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and NEEDS_TORCH in cell["metadata"].get("tags", []):
            if cells and cells[-1]["source"] == LEFT_OUT:
                continue
            cell["cell_type"], cell["source"] = "markdown", LEFT_OUT
            del cell["outputs"], cell["execution_count"]
        elif cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
            if not all(map(is_available, imported(cell["source"]))):
                return None
        cells.append(cell)
    return {**notebook, "cells": cells}


def imported(source: str | list[str]) -> set[str]:
    """Return the dotted names of the modules that a cell imports."""
    code = TransformerManager().transform_cell("".join(source))  # a line may begin with % or !
    found: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def is_available(module: str) -> bool:
    """Say whether a browser can import a module: of aelib, the half without PyTorch."""
    return module.split(".")[0] in AVAILABLE and not f"{module}.".startswith("aelib.nn.")


def place_in_lite(docname: str) -> str:
    """Return where the site has a page's notebook: notebooks/01-... is 01-... there."""
    return docname.removeprefix("notebooks/") + ".ipynb"


def runs(app: Any, docname: str) -> bool:
    """Say whether a page is a notebook that runs in a browser."""
    path = Path(app.env.doc2path(docname))
    if path.suffix != ".ipynb":
        return False
    return browser_copy(json.loads(path.read_text(encoding="utf-8"))) is not None


def add_button(app: Any, doctree: nodes.document, docname: str) -> None:
    """Put the button at the end of the page's first box, where its question stands."""
    box = next(doctree.findall(nodes.Admonition), None)
    if app.builder.name != "html" or box is None or not runs(app, docname):
        return
    root = "../" * docname.count("/")
    lite = f"{root}lite/notebooks/index.html?path={quote(place_in_lite(docname))}"
    help_page = f"{root}book/how-to-use.html#run-in-your-browser"
    kind = "assignment" if docname.startswith("notebooks/assignments/") else "chapter"
    box += nodes.raw("", BUTTON.format(lite=lite, help=help_page, kind=kind), format="html")


def add_script(
    app: Any, pagename: str, template: str, context: dict[str, Any], tree: nodes.document | None
) -> None:
    """Add the few lines that show the button to the pages that have one."""
    if "run-in-browser-button" in context.get("body", ""):
        app.add_js_file(None, body=REVEAL)


def setup(app: Any) -> dict[str, bool]:
    """Add the button once the pages are read, and its script where it is."""
    app.connect("doctree-resolved", add_button)
    app.connect("html-page-context", add_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
