"""Chapter 15 for several pairs of seeds: what belongs to one run, and what holds for all.

    python -m benchmarks.hidden_layer [--pairs 10]

A network and a dictionary trained from another start are another network and another dictionary.
So the chapter's own cells are run again, with other seeds in the cell that is tagged `seeds`. All
other draws, of positions and of random directions, stay what they are. What the chapter gives to
its function `band` is kept, and each `assert` that fails is counted; numpy's and torch's own
comparisons end the run.

Writes aelib/stored/hidden_layer.json, again after each pair.
"""

import argparse
import ast
import json
import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import nbformat
from matplotlib import pyplot as plt
from tqdm import tqdm

from aelib import whole

HERE = Path(__file__).resolve().parent
CHAPTER = HERE.parent / "notebooks" / "15-hidden-layer.ipynb"
OUT = HERE.parent / "aelib" / "stored" / "hidden_layer.json"


class Counted(ast.NodeTransformer):
    """Turn `assert condition` into `asserted(condition, "condition")` and leave `band` out."""

    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        """Keep the condition, and its words."""
        call = ast.Call(
            ast.Name("asserted", ast.Load()), [node.test, ast.Constant(ast.unparse(node.test))], []
        )
        return ast.copy_location(ast.Expr(call), node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        """Leave the chapter's `band` out, for ours."""
        if node.name == "band":
            return ast.copy_location(ast.Pass(), node)
        self.generic_visit(node)
        return node


def cells(path: Path) -> list[Any]:
    """Return the chapter's code cells, without those that read what this program stores."""
    code = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    return [c for c in code if "stored" not in c.metadata.get("tags", [])]


def run(pair: tuple[int, int], on_cell: Callable[[], object]) -> tuple[dict[str, float], list[str]]:
    """Run the chapter with this pair of seeds; return its numbers, and what did not hold."""
    measured: dict[str, float] = {}
    failed: list[str] = []

    def band(what: str, value: float, *_: float) -> None:
        name = what.strip()
        if name in measured:
            raise ValueError(f"the chapter measures {name!r} twice")
        measured[name] = float(value)

    def asserted(condition: bool, words: str) -> None:
        if not condition:
            failed.append(words)

    names: dict[str, Any] = {"band": band, "asserted": asserted, "print": lambda *_: None}
    for cell in cells(CHAPTER):
        if "seeds" in cell.metadata.get("tags", []):
            names["seed_of_network"], names["seed_of_dictionary"] = pair
        else:
            code = Counted().visit(ast.parse(cell.source))
            exec(compile(ast.fix_missing_locations(code), cell.id, "exec"), names)
            plt.close("all")
        on_cell()
    return measured, failed


def main() -> None:
    """Run the chapter for each pair of seeds and store what it found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--pairs", type=int, default=10, help="how many pairs of seeds (default 10)"
    )
    parser.add_argument("--out", type=Path, default=OUT, help="where to write the result")
    options = parser.parse_args()
    matplotlib.use("agg")
    show = not os.environ.get("TQDM_DISABLE")

    pairs = [(2 * i, 2 * i + 1) for i in range(options.pairs)]
    runs: list[tuple[dict[str, float], list[str]]] = []
    with tqdm(total=len(pairs) * len(cells(CHAPTER)), unit="cell", disable=not show) as bar:
        for pair in pairs:
            runs.append(run(pair, bar.update))
            failed = Counter(words for _, several in runs for words in several)
            write(
                options.out,
                {
                    "seeds": [list(p) for p in pairs[: len(runs)]],
                    "measured": {
                        name: [float(f"{measured[name]:.4g}") for measured, _ in runs]
                        for name in runs[0][0]
                    },
                    "failed": dict(failed),
                },
            )


def write(path: Path, result: dict[str, Any]) -> None:
    """Save the record, each list on one line."""
    text = json.dumps(result, indent=2)
    text = re.sub(r"\[[^\[\]]*\]", lambda m: " ".join(m.group().split()), text)  # a list, a line
    whole.write(path, text + "\n")


if __name__ == "__main__":
    main()
