"""Which module may import which, and what a mere ``import aelib`` must not load."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import aelib

PACKAGE = Path(aelib.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

# What each part may import of aelib, beside its own folder. A new module has to be entered here.
ALLOWED = {
    "__init__": set(),
    "validate": set(),
    "progress": set(),
    "whole": set(),
    "sparsity": {"validate"},
    "corruption": {"validate"},
    "checks": {"validate"},
    "history": {"validate"},
    "data": {"validate"},
    "dictionary": {"validate"},
    "stored": set(),
    "superposition": {"validate"},
    # One divergence for both halves would make each the other's check no more.
    "byhand": {"validate", "sparsity", "history", "progress"},
    "nn": {"validate", "history", "progress", "whole"},
    # No model among them: a plot takes arrays or a History.
    "plots": {"validate", "sparsity", "history"},
    # Grading runs notebooks; what is in them is not its business.
    "teach": {"progress", "whole"},
    # No model here either, and no matplotlib: what a figure shows is computed by its JavaScript.
    "widgets": {"validate"},
}


def part_of(path):
    """Return the first level of aelib that a file belongs to: ``byhand`` for byhand/fit.py."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_modules(tree):
    """Return the dotted names that the import statements in a tree ask for."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports within aelib are absolute"
            # ``from aelib import validate`` asks for aelib.validate.
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def parts_of_aelib(names):
    return {name.split(".")[1] for name in names if name.startswith("aelib.")}


def top_level(path):
    """Return the module without the bodies of its functions: what runs on import."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            node.body = [] if not isinstance(node, ast.Lambda) else ast.Constant(None)
    return tree


every_file = pytest.mark.parametrize(
    "path", FILES, ids=[path.relative_to(PACKAGE).as_posix() for path in FILES]
)


@every_file
def test_a_module_imports_of_aelib_only_what_lies_below_it(path):
    part = part_of(path)
    used = parts_of_aelib(imported_modules(ast.parse(path.read_text(encoding="utf-8"))))
    assert used - {part} <= ALLOWED[part]


def test_the_drawing_in_contributing_is_this_table():
    page = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    drawing = page.split("```mermaid\n", 1)[1].split("```", 1)[0]
    drawn = {part: set() for part in ALLOWED}
    for line in drawing.splitlines()[1:]:
        above, below = (side.strip().split(" & ") for side in line.split("-->"))
        for part in above:
            drawn[part].update(below)
    assert drawn == ALLOWED


@every_file
def test_only_the_torch_half_imports_torch(path):
    names = imported_modules(ast.parse(path.read_text(encoding="utf-8")))
    uses_torch = any(name.split(".")[0] == "torch" for name in names)
    assert not uses_torch or part_of(path) == "nn"


@every_file
def test_heavy_packages_are_imported_where_they_are_used(path):
    roots = {name.split(".")[0] for name in imported_modules(top_level(path))}
    assert "sklearn" not in roots
    assert "matplotlib" not in roots or part_of(path) == "plots"
    assert not roots & {"anywidget", "ipywidgets"} or part_of(path) == "widgets"


def test_the_walk_sees_the_imports_that_are_there():
    # Against a walk that finds nothing and therefore allows everything.
    def used(name):
        tree = ast.parse((PACKAGE / name).read_text(encoding="utf-8"))
        return parts_of_aelib(imported_modules(tree))

    assert "validate" in used("sparsity.py")
    assert {"sparsity", "validate", "byhand"} <= used("byhand/sparse.py")
    assert used("corruption.py") == {"validate"}
    assert "history" in used("nn/train.py")
    assert "validate" in used("widgets/field.py")
    assert {"byhand", "nn", "plots", "data", "widgets"} <= {part_of(path) for path in FILES}
    roots = {name.split(".")[0] for name in imported_modules(top_level(PACKAGE / "plots.py"))}
    assert "matplotlib" in roots


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import aelib, aelib.byhand", ["torch", "matplotlib", "sklearn", "IPython", "anywidget"]),
        (
            "from aelib import byhand, checks, corruption, data, history, sparsity, validate",
            ["torch", "matplotlib", "sklearn"],
        ),
        ("from aelib import plots", ["torch", "sklearn", "aelib.byhand"]),
        ("from aelib import nn", ["matplotlib", "sklearn", "aelib.byhand"]),
        (
            "from aelib import widgets",
            ["torch", "matplotlib", "sklearn", "aelib.byhand", "aelib.nn", "aelib.plots"],
        ),
    ],
)
def test_an_import_does_not_load_what_it_does_not_need(statement, absent):
    program = f"import sys\n{statement}\nprint(*[m for m in {absent} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
