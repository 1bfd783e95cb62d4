"""What is handed out gives nothing away, and what is wrong is not handed out."""

import json

import nbformat
import pytest
from classroom import command, released

from aelib.teach.course import Course
from aelib.teach.release import LeakError, release


def change(toy, name, change_source):
    path = toy / "toy" / "toy.ipynb"
    notebook = nbformat.read(path, as_version=4)
    cell = next(cell for cell in notebook.cells if cell.id == name)
    cell.source = change_source(cell.source)
    nbformat.write(notebook, path)


def test_a_release_holds_no_solution_and_no_hidden_test(toy_course):
    text = (toy_course / "release" / "toy" / "toy.ipynb").read_text(encoding="utf-8")
    for secret in ("the_square", "square(-3.0)", "square(0.5)", "SOLUTION", "HIDDEN", "negative"):
        assert secret not in text
    notebook = json.loads(text)
    sources = {cell["id"]: "".join(cell["source"]) for cell in notebook["cells"]}
    assert sources["square"].endswith("raise NotImplementedError()")
    assert sources["test-visible"] == 'assert square(2.0) == 4.0, "two times two is four"'
    assert "points_so_far = 0.0" in sources["test-partial"]


def test_a_solution_that_fails_its_own_tests_is_not_released(tmp_path, toy):
    change(toy, "square", lambda source: source.replace("x * x", "x + x"))
    command("init", tmp_path / "course", "--sources", toy)
    with pytest.raises(LeakError, match=r"test-partial: 0\.0 of 2\.0 points"):
        release(Course(tmp_path / "course"), "toy")
    assert not (tmp_path / "course" / "release").exists()


def test_a_solution_in_the_prose_is_not_released(tmp_path, toy):
    change(toy, "title", lambda source: source + "\n\nHint: `the_square = x * x`.")
    command("init", tmp_path / "course", "--sources", toy)
    with pytest.raises(LeakError, match="the_square = x"):
        release(Course(tmp_path / "course"), "toy")


def test_a_solutions_comment_is_not_released(tmp_path, toy):
    remark = "# the square is taken by hand here"
    change(toy, "square", lambda source: source.replace("### END", f"{remark}\n    ### END"))
    change(toy, "test-visible", lambda source: f"#{remark}\n{source}")
    command("init", tmp_path / "course", "--sources", toy)
    with pytest.raises(LeakError, match="the square is taken"):
        release(Course(tmp_path / "course"), "toy")


def test_a_release_that_fails_before_the_first_answer_is_refused(tmp_path, toy):
    # The source runs, because its own answer comes first; the student's copy does not.
    path = toy / "toy" / "toy.ipynb"
    notebook = nbformat.read(path, as_version=4)
    early = nbformat.v4.new_code_cell("import os\nassert os.path.exists('data.txt')", id="early")
    notebook.cells.insert(1, early)
    nbformat.write(notebook, path)
    command("init", tmp_path / "course", "--sources", toy)
    with pytest.raises(LeakError, match="early"):
        release(Course(tmp_path / "course"), "toy")
    # With its file beside it, it is handed out.
    (tmp_path / "course" / "source" / "toy" / "data.txt").write_text("here")
    release(Course(tmp_path / "course"), "toy")
    assert (tmp_path / "course" / "release" / "toy" / "data.txt").exists()


def test_a_second_release_replaces_the_first(tmp_path, toy_course):
    source = toy_course / "source" / "toy" / "toy.ipynb"
    notebook = nbformat.read(source, as_version=4)
    notebook.cells[0].source = "# Squares, second edition"
    nbformat.write(notebook, source)
    release(Course(toy_course), "toy")
    text = (toy_course / "release" / "toy" / "toy.ipynb").read_text(encoding="utf-8")
    assert "second edition" in text


def test_a_course_is_not_made_over_something(tmp_path, toy, capsys):
    from aelib.teach.__main__ import main

    (tmp_path / "course").mkdir()
    (tmp_path / "course" / "mine.txt").write_text("precious")
    assert main(["init", str(tmp_path / "course"), "--sources", str(toy)]) == 2
    assert "not empty" in capsys.readouterr().err
    assert main(["release", "toy", "--course", str(tmp_path)]) == 2
    assert "nbgrader_config.py" in capsys.readouterr().err
    course = released(tmp_path / "second", "toy", toy)
    assert main(["release", "tow", "--course", str(course)]) == 2
    assert "the assignments here are ['toy']" in capsys.readouterr().err
