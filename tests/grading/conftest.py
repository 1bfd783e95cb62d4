"""Courses for the grading tests. What is graded here is really run, sandbox and all."""

import json
import os
import shutil
from pathlib import Path

import nbformat
import pytest

from aelib.teach import sandbox
from aelib.teach.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
EXERCISES = ROOT / "notebooks" / "exercises"


@pytest.fixture(scope="session")
def sandboxed():
    """A working sandbox, or the reason why these tests are left out."""
    complaint = sandbox.complaint()
    if complaint is not None:
        if os.environ.get("REQUIRE_ALL"):
            pytest.fail(complaint)
        pytest.skip(complaint)


def command(*words):
    """Run a command of `python -m aelib.teach`, which must succeed."""
    status = main([str(word) for word in words])
    assert status == 0, words


def released(folder, assignment, sources=EXERCISES):
    """Make a course in which an assignment is released; return its folder."""
    command("init", folder, "--sources", sources)
    command("release", assignment, "--course", folder)
    return folder


def release_of(course, assignment):
    """Return the student version as plain data."""
    path = course / "release" / assignment / f"{assignment}.ipynb"
    return json.loads(path.read_text(encoding="utf-8"))


def solutions(assignment, sources=EXERCISES):
    """Return the right answers of an assignment, by the id of their cells."""
    source = nbformat.read(sources / assignment / f"{assignment}.ipynb", as_version=4)
    return {
        cell.metadata.nbgrader.grade_id: cell.source
        for cell in source.cells
        if cell.metadata.get("nbgrader", {}).get("solution")
    }


def cell_of(notebook, name):
    """Return a cell of a plain notebook by its id."""
    return next(cell for cell in notebook["cells"] if cell["id"] == name)


def filled(release, answers):
    """Return a student version with answers in it."""
    notebook = json.loads(json.dumps(release))
    for name, source in answers.items():
        cell_of(notebook, name)["source"] = source
    return notebook


def score(course, assignment, student):
    """Return a student's points by the id of the cell that gave them, and the most there were."""
    from aelib.teach.course import Course

    with Course(course).gradebook() as gradebook:
        notebook = gradebook.find_submission_notebook(assignment, assignment, student)
        return {grade.name: (grade.auto_score, grade.max_score) for grade in notebook.grades}


TOY = {
    "square": '''def square(x):
    """Return the square of a number."""
    ### BEGIN SOLUTION
    the_square = x * x
    return the_square
    ### END SOLUTION''',
    "test-visible": 'assert square(2.0) == 4.0, "two times two is four"',
    "test-partial": """points_so_far = 0.0
### BEGIN HIDDEN TESTS
if abs(float(square(-3.0)) - 9.0) < 1e-9:
    points_so_far += 1.0
if abs(float(square(0.5)) - 0.25) < 1e-9:
    points_so_far += 1.0
### END HIDDEN TESTS
points_so_far""",
}


@pytest.fixture
def toy(tmp_path):
    """The sources of a small assignment: 3 points by tests, 2 for a written answer."""

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
    folder = tmp_path / "sources"
    (folder / "toy").mkdir(parents=True)
    nbformat.write(notebook, folder / "toy" / "toy.ipynb")
    return folder


@pytest.fixture
def toy_course(tmp_path, toy):
    """A course with the small assignment released."""
    return released(tmp_path / "course", "toy", toy)


def hand_in(course, assignment, student, notebook):
    """Put a notebook where a student's submission lies."""
    folder = course / "submitted" / student / assignment
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / f"{assignment}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
