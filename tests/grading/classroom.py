"""What the grading tests share: a course, submissions, and the points that they got."""

import json
import shutil
from pathlib import Path

import nbformat

from aelib.teach.__main__ import main
from aelib.teach.course import Course

ROOT = Path(__file__).resolve().parents[2]
EXERCISES = ROOT / "notebooks" / "exercises"


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
    with Course(course).gradebook() as gradebook:
        notebook = gradebook.find_submission_notebook(assignment, assignment, student)
        return {grade.name: (grade.auto_score, grade.max_score) for grade in notebook.grades}


def hand_in(course, assignment, student, notebook):
    """Put a notebook where a student's submission lies."""
    folder = course / "submitted" / student / assignment
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / f"{assignment}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")


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
