"""The book's assignments: right answers get full marks, known wrong ones lose exactly theirs."""

import ast
import importlib
import json

import nbformat
import pytest
from bs4 import BeautifulSoup
from classroom import EXERCISES, ROOT, filled, hand_in, release_of, released, score, solutions

from aelib.teach.course import Course
from aelib.teach.feedback import feedback_of
from aelib.teach.grade import grade
from aelib.teach.limits import Limits
from aelib.teach.release import student_version
from aelib.teach.restore import hidden_lines, without_hidden

NAMES = sorted(path.parent.name for path in EXERCISES.glob("*/*.ipynb"))
# The forms of `delta` sit in the class of test_class.py.
GRADED_HERE = [name for name in NAMES if name != "delta"]


def forms(name):
    module = importlib.import_module(f"tests.submissions.{name.replace('-', '_')}")
    return [*module.WRONG_FORMS, *module.PARTIAL]


def source(name):
    return nbformat.read(EXERCISES / name / f"{name}.ipynb", as_version=4)


def settings(cell):
    return cell.metadata.get("nbgrader", {})


@pytest.fixture(scope="module", params=GRADED_HERE)
def room(request, tmp_path_factory, sandboxed):
    """An assignment's right answers, and each known wrong form of them, graded."""
    name = request.param
    course = released(tmp_path_factory.mktemp(name) / "course", name)
    release, right = release_of(course, name), solutions(name)
    hand_in(course, name, "right", filled(release, right))
    hand_in(course, name, "blank", release)
    for number, form in enumerate(forms(name)):
        hand_in(course, name, f"form-{number}", filled(release, {**right, **form.answers}))
    summary = grade(
        Course(course),
        name,
        jobs=2,
        limits=Limits(cell_seconds=120, total_seconds=400),
        show_progress=False,
    )
    assert all(outcome.reason == "" for outcome in summary.outcomes)
    return name, course


def lost(course, name, student):
    return {
        cell: most - got
        for cell, (got, most) in score(course, name, student).items()
        if got is not None and got < most
    }


def test_there_are_five_assignments():
    assert NAMES == ["delta", "denoising-field", "k-sparse", "kl-penalty", "sparse-features"]


def test_right_answers_get_full_marks_and_a_blank_none(room):
    name, course = room
    assert lost(course, name, "right") == {}
    assert sum(got or 0.0 for got, _ in score(course, name, "blank").values()) == 0.0


def test_each_known_wrong_form_loses_exactly_its_points(room):
    name, course = room
    found = {form.name: lost(course, name, f"form-{k}") for k, form in enumerate(forms(name))}
    expected = {form.name: pytest.approx(form.lost) for form in forms(name)}
    assert found == expected


def test_everybody_gets_feedback_and_no_hidden_test_with_it(room):
    name, course = room
    hidden = hidden_lines(source(name))
    assert len(hidden) > 20
    everybody = ["right", "blank", *(f"form-{k}" for k in range(0, len(forms(name)), 6))]
    for student in everybody:
        page = feedback_of(Course(course), name, student, unfinished=True)
        text = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser").get_text()
        # Whoever wrote an answer sees no 0 for it before a person has read it.
        assert ("not graded yet" in text) == (student != "blank"), student
        graded = nbformat.read(course / "executed" / student / name / f"{name}.ipynb", as_version=4)
        own = "\n".join(without_hidden(cell.source) for cell in graded.cells)
        assert not [line for line in hidden if line in text and line not in own], student


@pytest.mark.parametrize("name", NAMES)
def test_an_assignment_is_whole(name):
    cells = source(name).cells
    graded = [cell for cell in cells if settings(cell).get("grade")]
    assert sum(settings(cell)["points"] for cell in graded) == 20
    written = [cell for cell in graded if cell.cell_type == "markdown"]
    assert len(written) == 1
    assert settings(written[0])["points"] in (3, 4)
    assert sum("HIDDEN TESTS" in cell.source for cell in graded) >= 4
    # A test whose last line is an expression gives as many points as that is worth.
    tests = [ast.parse(cell.source).body for cell in graded if cell.cell_type == "code"]
    assert any(isinstance(body[-1], ast.Expr) for body in tests)
    assert all(cell.get("outputs", []) == [] for cell in cells)


@pytest.mark.parametrize("name", NAMES)
def test_a_message_of_each_visible_test_names_a_mistake(name):
    # An assertion without a message would leave a student alone with it.
    for cell in source(name).cells:
        if settings(cell).get("grade") and cell.cell_type == "code":
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.Assert):
                    assert node.msg is not None, (cell.id, ast.unparse(node.test))


@pytest.mark.parametrize("name", NAMES)
def test_the_books_page_is_the_student_version(name):
    stored = nbformat.read(ROOT / "notebooks" / "assignments" / f"{name}.ipynb", as_version=4)
    made = student_version(EXERCISES / name / f"{name}.ipynb")
    message = (
        "run `make assignments`: the student version in notebooks/assignments is not up to date"
    )
    assert json.loads(nbformat.writes(stored)) == json.loads(nbformat.writes(made)), message


def test_the_built_book_holds_no_solution_and_no_hidden_test():
    built = ROOT / "_build" / "html"
    assert (built / "index.html").exists(), "there is no built book: run `make book` first"
    markers = ("BEGIN SOLUTION", "END SOLUTION", "BEGIN HIDDEN TESTS", "END HIDDEN TESTS")
    secrets = {line for name in NAMES for line in hidden_lines(source(name)) if len(line) > 30}
    # What one assignment hides, another may show: an import, say.
    for name in NAMES:
        for cell in source(name).cells:
            secrets -= {line.strip() for line in without_hidden(cell.source).split("\n")}
    assert len(secrets) > 100
    texts = [p for p in built.rglob("*") if p.suffix in (".html", ".ipynb", ".js", ".json", ".md")]
    assert any("assignments" in path.parts for path in texts)
    for path in texts:
        text = path.read_text(encoding="utf-8", errors="replace")
        held = {secret for secret in secrets if secret in text or json.dumps(secret)[1:-1] in text}
        assert not held, path
        if path.stem not in ("teach", "searchindex"):
            assert not [marker for marker in markers if marker in text], path
