"""Make what is stored of an executed notebook depend on its cells alone.

    python book/tidy_notebooks.py notebooks/01-*.ipynb

How a kernel cuts its printed text into pieces is a matter of timing, and its version a matter of
the machine. So neighbouring pieces are joined, and the version is left out.
"""

import sys
from pathlib import Path

import nbformat

from aelib import whole


def tidy(notebook: nbformat.NotebookNode) -> None:
    """Join neighbouring pieces of one stream, and forget the kernel's version."""
    notebook.metadata["language_info"].pop("version", None)
    for cell in notebook.cells:
        joined: list[nbformat.NotebookNode] = []
        for output in cell.get("outputs", []):
            before = joined[-1] if joined else {}
            if output.output_type == "stream" and before.get("name") == output.name:
                before["text"] += output.text
            else:
                joined.append(output)
        if "outputs" in cell:
            cell.outputs = joined


def main() -> None:
    """Tidy the files that are named."""
    for path in map(Path, sys.argv[1:]):
        notebook = nbformat.read(path, as_version=4)
        tidy(notebook)
        whole.write(path, nbformat.writes(notebook) + "\n")


if __name__ == "__main__":
    main()
