"""The stored chapters: executed, whole, light, and with every picture described.

nbval compares outputs, but lets a notebook pass that was never executed. These tests look at the
files only and take no kernel.
"""

import copy
import json
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
CHAPTERS = sorted(path for path in NOTEBOOKS.glob("*.ipynb"))
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|home|tmp|Users)/|[A-Z]:\\\\Users")


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


def text(value):
    return "".join(value)


def code_cells(notebook):
    # An empty cell is never executed and shows nothing.
    return [c for c in notebook["cells"] if c["cell_type"] == "code" and text(c["source"]).strip()]


def outputs(notebook):
    """Yield every output with its cell."""
    for cell in code_cells(notebook):
        for output in cell["outputs"]:
            yield cell, output


# --- the rules: each returns what is wrong, in words ---------------------------------------------


def execution(notebook):
    counts = [cell["execution_count"] for cell in code_cells(notebook)]
    if not counts:
        return ["there is no code"]
    return [] if counts == list(range(1, len(counts) + 1)) else [f"executed in the order {counts}"]


def errors(notebook):
    found = []
    for cell, output in outputs(notebook):
        if output["output_type"] == "error":
            found.append(f"an error: {output['ename']} in {text(cell['source'])[:60]!r}")
        if output.get("name") == "stderr":
            found.append(f"stderr: {text(output['text'])[:60]!r}")
    return found


def untidy(notebook):
    """Say what `book/tidy_notebooks.py` would still change."""
    found = ["the version"] if "version" in notebook["metadata"]["language_info"] else []
    for cell in code_cells(notebook):
        streams = [output.get("name") for output in cell["outputs"]]
        if any(a and a == b for a, b in pairwise(streams)):
            found.append(f"printed text in pieces: {text(cell['source'])[:60]!r}")
    return found


def vector_graphics(notebook):
    return ["an svg output" for _, o in outputs(notebook) if "image/svg+xml" in o.get("data", {})]


def interactive(notebook):
    """Say which interactive figure could not be shown in a page, or not in print."""
    stored = notebook["metadata"].get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    found, cells = [], notebook["cells"]
    for before, cell in pairwise(cells):
        for output in cell.get("outputs", []):
            view = output.get("data", {}).get(WIDGET_VIEW)
            if view is None:
                continue
            first = text(cell["source"])[:60]
            if view["model_id"] not in stored:
                found.append(f"the state of a figure is not stored: {first!r}")
            if "0x" in text(output["data"].get("text/plain", "")):
                found.append(f"an address, which differs in every run: {first!r}")
            if not any("image/png" in o.get("data", {}) for o in before.get("outputs", [])):
                found.append(f"no still picture in the cell before: {first!r}")
    return found


def machine_paths(notebook):
    found = []
    for cell in notebook["cells"]:
        pieces = [text(cell["source"])]
        for output in cell.get("outputs", []):
            pieces.append(text(output.get("text", "")))
            # Base64 has slashes of its own.
            pieces += [
                text(value) if isinstance(value, str | list) else json.dumps(value)
                for kind, value in output.get("data", {}).items()
                if not kind.startswith("image/")
            ]
        found += [
            f"a path of somebody's machine: {piece[m.start() : m.start() + 40]!r}"
            for piece in pieces
            for m in MACHINE_PATH.finditer(piece)
        ]
    return found


def pictures(notebook):
    """Say which pictures lack a description for those who cannot see them, or a caption."""
    found = []
    for cell, output in outputs(notebook):
        if "image/png" not in output.get("data", {}):
            continue
        settings, first = cell["metadata"].get("mystnb", {}), text(cell["source"])[:60]
        if len(settings.get("image", {}).get("alt", "").strip()) < 20:
            found.append(f"a picture without a description (alt): {first!r}")
        # A solution's picture stands in a drop-down and is not numbered.
        hidden = cell["metadata"].get("jupyter", {}).get("source_hidden", False)
        figure = settings.get("figure", {})
        if not hidden and not (figure.get("caption", "").strip() and figure.get("name")):
            found.append(f"a picture without a caption and a name: {first!r}")
    return found


def identifiers(notebook):
    counts = Counter(cell.get("id") for cell in notebook["cells"])
    return [f"{n} cells with the id {i}" for i, n in counts.items() if n > 1 or i is None]


def exercises(notebook):
    prose = "\n".join(text(c["source"]) for c in notebook["cells"] if c["cell_type"] == "markdown")
    fence = r"^(?:`{3,}|:{3,})"
    opened = re.findall(
        fence + r"\{exercise(?:-start)?\}[^\n]*((?:\n:[^\n]*)*)", prose, flags=re.MULTILINE
    )
    labels = [(re.findall(r":label: *(\S+)", options) or [None])[0] for options in opened]
    solved = re.findall(fence + r"\{solution(?:-start)?\} *(\S+)", prose, flags=re.MULTILINE)
    found = [] if len(opened) >= 3 else [f"only {len(opened)} exercises"]
    found += [f"no solution for {label}" for label in labels if label not in solved]
    found += [f"a solution of nothing: {label}" for label in solved if label not in labels]
    starts, ends = (
        len(re.findall(fence + rf"\{{solution-{w}\}}", prose, flags=re.MULTILINE))
        for w in ("start", "end")
    )
    return found + ([] if starts == ends else [f"{starts} solution-start but {ends} solution-end"])


def figure_names(notebook):
    names = (
        c["metadata"].get("mystnb", {}).get("figure", {}).get("name") for c in notebook["cells"]
    )
    return [name for name in names if name]


RULES = [
    execution,
    errors,
    untidy,
    vector_graphics,
    interactive,
    machine_paths,
    pictures,
    identifiers,
    exercises,
]

# --- the chapters --------------------------------------------------------------------------------

every_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=[path.name for path in CHAPTERS])


def test_there_are_chapters():
    # With none, the tests below would be skipped without a word.
    assert CHAPTERS, f"no notebook in {NOTEBOOKS}"


@every_chapter
@pytest.mark.parametrize("rule", RULES, ids=[rule.__name__ for rule in RULES])
def test_a_chapter_keeps_the_rule(rule, path):
    assert rule(load(path)) == []


@every_chapter
def test_a_chapter_is_lighter_than_a_megabyte(path):
    assert path.stat().st_size < 1_000_000


def test_names_of_figures_are_unique_over_all_chapters():
    counts = Counter(name for path in CHAPTERS for name in figure_names(load(path)))
    assert [name for name, n in counts.items() if n > 1] == []


# --- the rules themselves: a good notebook passes, a spoilt one does not -------------------------


def good():
    picture = {"output_type": "display_data", "data": {"image/png": "iVBO/work/", "text/plain": ""}}
    described = {
        "image": {"alt": "A curve that falls from left to right."},
        "figure": {"caption": "The loss.", "name": "fig-loss"},
    }
    cells = [
        {
            "cell_type": "markdown",
            "source": f"```{{exercise}} One\n:label: ex-{k}\n```\n\n"
            f"```{{solution-start}} ex-{k}\n:class: dropdown\n```\n```{{solution-end}}\n```\n",
            "metadata": {},
        }
        for k in range(3)
    ]
    for k in (1, 2):
        cells.append(
            {
                "cell_type": "code",
                "execution_count": k,
                "source": ["plot()\n"],
                "metadata": {"mystnb": copy.deepcopy(described)},
                "outputs": [copy.deepcopy(picture)],
            }
        )
    figure = {"text/plain": "KLCurve(rho=0.2)", WIDGET_VIEW: {"model_id": "kl-curve-1"}}
    cells.append(
        {
            "cell_type": "code",
            "execution_count": 3,
            "source": ["widgets.KLCurve()\n"],
            "metadata": {},
            "outputs": [{"output_type": "execute_result", "data": figure}],
        }
    )
    return {
        "cells": [{**cell, "id": str(k)} for k, cell in enumerate(cells)],
        "metadata": {
            "language_info": {"name": "python"},
            "widgets": {WIDGET_STATE: {"state": {"kl-curve-1": {}}}},
        },
    }


def spoil(change):
    notebook = copy.deepcopy(good())
    change(notebook["cells"])
    return notebook


def add_output(**output):
    return lambda cells: cells[4]["outputs"].append(output)


SPOILT = {
    "never executed": (execution, lambda c: c[4].update(execution_count=None)),
    "out of order": (execution, lambda c: c[3].update(execution_count=3)),
    "an error": (errors, add_output(output_type="error", ename="ValueError")),
    "a warning": (errors, add_output(output_type="stream", name="stderr", text=["Warning\n"])),
    "printed text in two pieces": (
        untidy,
        lambda c: c[4]["outputs"].extend(
            {"output_type": "stream", "name": "stdout", "text": [line]} for line in ("a\n", "b\n")
        ),
    ),
    "an svg": (
        vector_graphics,
        add_output(output_type="display_data", data={"image/svg+xml": "<svg/>"}),
    ),
    "a figure without its state": (
        interactive,
        lambda c: c[5]["outputs"][0]["data"][WIDGET_VIEW].update(model_id="another"),
    ),
    "a figure's address": (
        interactive,
        lambda c: c[5]["outputs"][0]["data"].update({"text/plain": ["<KLCurve at 0x7f>"]}),
    ),
    "a figure without a still picture": (interactive, lambda c: c[4]["outputs"].clear()),
    "a path in the source": (
        machine_paths,
        lambda c: c[4].update(source="load('/home/ada/x.npy')"),
    ),
    "a path in the output": (
        machine_paths,
        add_output(output_type="stream", name="stdout", text=["saved in\n", "'/tmp/x'"]),
    ),
    "a path in a result": (
        machine_paths,
        add_output(output_type="execute_result", data={"text/html": "<a href='/work/x'>"}),
    ),
    "no description": (pictures, lambda c: c[3]["metadata"]["mystnb"].pop("image")),
    "a short description": (
        pictures,
        lambda c: c[3]["metadata"]["mystnb"]["image"].update(alt="A plot."),
    ),
    "no caption": (pictures, lambda c: c[3]["metadata"]["mystnb"]["figure"].pop("caption")),
    "no name": (pictures, lambda c: c[3]["metadata"]["mystnb"]["figure"].pop("name")),
    "no settings": (pictures, lambda c: c[3]["metadata"].clear()),
    "an id twice": (identifiers, lambda c: c[1].update(id="0")),
    "too few exercises": (exercises, lambda c: c[0].update(source="Nothing.")),
    "no solution": (exercises, lambda c: c[0].update(source="```{exercise} A\n:label: ex-0\n```")),
    "a solution of another": (
        exercises,
        lambda c: c[0].update(source=c[0]["source"].replace("start} ex-0", "start} ex-9")),
    ),
    "a solution left open": (
        exercises,
        lambda c: c[0].update(source=c[0]["source"].replace("{solution-end}", "")),
    ),
}


@pytest.mark.parametrize("rule", RULES, ids=[rule.__name__ for rule in RULES])
def test_a_good_notebook_keeps_every_rule(rule):
    assert rule(good()) == []


def test_the_kernels_version_is_untidy():
    notebook = good()
    notebook["metadata"]["language_info"]["version"] = "3.11.7"
    assert untidy(notebook) == ["the version"]


@pytest.mark.parametrize(("rule", "change"), SPOILT.values(), ids=SPOILT)
def test_a_spoilt_notebook_breaks_its_rule_and_no_other(rule, change):
    notebook = spoil(change)
    assert [r.__name__ for r in RULES if r(notebook)] == [rule.__name__]


def test_a_solutions_picture_needs_no_caption_but_a_description():
    def in_a_solution(cells):
        cells[3]["metadata"]["jupyter"] = {"source_hidden": True}
        cells[3]["metadata"]["mystnb"].pop("figure")

    assert pictures(spoil(in_a_solution)) == []
    assert len(pictures(spoil(lambda c: (in_a_solution(c), c[3]["metadata"].pop("mystnb"))))) == 1
