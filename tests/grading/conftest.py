"""Courses for the grading tests. What is graded here is really run, sandbox and all."""

import os
import shutil

import nbformat
import pytest
from classroom import TOY, released

from aelib.teach import sandbox


@pytest.fixture(scope="session")
def sandboxed():
    """A working sandbox, or the reason why these tests are left out."""
    complaint = sandbox.complaint()
    if complaint is not None:
        if os.environ.get("REQUIRE_ALL"):
            pytest.fail(complaint)
        pytest.skip(complaint)


@pytest.fixture
def toy(tmp_path):
    """The sources of a small assignment."""
    return toy_sources(tmp_path / "sources")


def toy_sources(folder):
    """Write a small assignment: 3 points by tests, 2 for a written answer."""

    def cell(source, name, kind="code", **settings):
        made = (
            nbformat.v4.new_code_cell(source, id=name)
            if kind == "code"
            else nbformat.v4.new_markdown_cell(source, id=name)
        )
        standard = {
            "schema_version": 3,
            "grade_id": name,
            "grade": False,
            "solution": False,
            "locked": False,
            "task": False,
        }
        made.metadata["nbgrader"] = {**standard, **settings}
        return made

    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell("# Squares", id="title"),
            cell("import math", "setup", locked=True),
            cell(TOY["square"], "square", solution=True),
            cell(TOY["test-visible"], "test-visible", grade=True, locked=True, points=1),
            cell(TOY["test-partial"], "test-partial", grade=True, locked=True, points=2),
            cell(
                "A square is never negative.",
                "written",
                "markdown",
                grade=True,
                solution=True,
                points=2,
            ),
        ],
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
    )
    (folder / "toy").mkdir(parents=True)
    nbformat.write(notebook, folder / "toy" / "toy.ipynb")
    return folder


@pytest.fixture(scope="session")
def released_toy(tmp_path_factory):
    """The small assignment, released once for all tests that copy it."""
    folder = tmp_path_factory.mktemp("toy")
    return released(folder / "course", "toy", toy_sources(folder / "sources"))


@pytest.fixture
def toy_course(tmp_path, released_toy):
    """A course with the small assignment released."""
    return shutil.copytree(released_toy, tmp_path / "course")
