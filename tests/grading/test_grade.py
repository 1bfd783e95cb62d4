"""Grading as a whole: only what changed, nothing lost when it is stopped, no sandbox no run."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from classroom import ROOT, cell_of, filled, hand_in, release_of, score

from aelib.teach import restore, sandbox
from aelib.teach.__main__ import main
from aelib.teach.course import Course, student_id
from aelib.teach.grade import end, grade, points
from aelib.teach.limits import Limits

RIGHT = {"square": "def square(x):\n    return x * x", "written": "It is a product."}
WRONG = {"square": "def square(x):\n    return x + x", "written": "It is a sum."}


def test_a_class_without_a_sandbox_is_refused(toy_course, monkeypatch, capsys):
    hand_in(toy_course, "toy", "ann", filled(release_of(toy_course, "toy"), RIGHT))
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    assert main(["grade", "toy", "--course", str(toy_course)]) == 2
    said = capsys.readouterr().err
    assert "read the hidden tests" in said
    assert "--no-sandbox" in said
    assert not Course(toy_course).record("toy", "ann")
    # Told to, it grades all the same.
    assert main(["grade", "toy", "--no-sandbox", "--course", str(toy_course)]) == 0
    assert score(toy_course, "toy", "ann")["test-partial"] == (2.0, 2.0)


def test_a_lost_gradebook_is_noticed_before_anything_runs(toy_course):
    # Without the sandbox: what is handed in is harmless.
    release = release_of(toy_course, "toy")
    hand_in(toy_course, "toy", "ann", filled(release, RIGHT))
    hand_in(toy_course, "toy", "cy", {"cells": []})
    course = Course(toy_course)
    grade(course, "toy", sandboxed=False, show_progress=False)
    (toy_course / "gradebook.db").unlink()
    executed = toy_course / "executed" / "ann" / "toy" / "toy.ipynb"
    before = executed.stat().st_mtime_ns
    with pytest.raises(ValueError, match="'toy' is not in the gradebook"):
        grade(course, "toy", sandboxed=False, show_progress=False)
    assert executed.stat().st_mtime_ns == before
    # Released again, all that had a grade get it anew, though nothing of theirs has changed.
    assert main(["release", "toy", "--course", str(toy_course)]) == 0
    summary = grade(course, "toy", sandboxed=False, show_progress=False)
    assert [outcome.student for outcome in summary.outcomes] == ["ann"]
    assert summary.unchanged == ["cy"]
    assert score(toy_course, "toy", "ann")["test-partial"] == (2.0, 2.0)


def test_only_what_changed_is_graded_again(toy_course, sandboxed):
    release = release_of(toy_course, "toy")
    for name in ("ann", "ben"):
        hand_in(toy_course, "toy", name, filled(release, WRONG))
    course = Course(toy_course)
    assert len(grade(course, "toy", show_progress=False).outcomes) == 2
    assert score(toy_course, "toy", "ben") == {
        "test-visible": (1.0, 1.0),
        "test-partial": (0.0, 2.0),
        "written": (None, 2.0),
    }
    with course.gradebook() as gradebook:
        gradebook.find_grade("written", "toy", "toy", "ann").manual_score = 1.5
        gradebook.db.commit()
    hand_in(toy_course, "toy", "ben", filled(release, RIGHT))
    second = grade(course, "toy", show_progress=False)
    assert [outcome.student for outcome in second.outcomes] == ["ben"]
    assert second.unchanged == ["ann"]
    assert score(toy_course, "toy", "ben")["test-partial"] == (2.0, 2.0)
    # A grade given by hand outlives a second grading.
    grade(course, "toy", students=["ann"], again=True, show_progress=False)
    with course.gradebook() as gradebook:
        assert gradebook.find_grade("written", "toy", "toy", "ann").manual_score == 1.5
    with pytest.raises(ValueError, match="no submission of 'toy' by zoe"):
        grade(course, "toy", students=["zoe"], show_progress=False)


def test_a_changed_test_makes_everyone_be_graded_again(toy_course, sandboxed):
    hand_in(toy_course, "toy", "ann", filled(release_of(toy_course, "toy"), WRONG))
    course = Course(toy_course)
    grade(course, "toy", show_progress=False)
    source = toy_course / "source" / "toy" / "toy.ipynb"
    text = source.read_text(encoding="utf-8").replace("2.0) == 4.0", "3.0) == 9.0")
    source.write_text(text, encoding="utf-8")
    assert main(["release", "toy", "--course", str(toy_course)]) == 0
    assert len(grade(course, "toy", show_progress=False).outcomes) == 1
    assert score(toy_course, "toy", "ann")["test-visible"] == (0.0, 1.0)


def test_a_resubmission_that_cannot_be_read_has_no_grade(toy_course, sandboxed):
    from aelib.teach.export import grades

    hand_in(toy_course, "toy", "ann", filled(release_of(toy_course, "toy"), RIGHT))
    course = Course(toy_course)
    grade(course, "toy", show_progress=False)
    (toy_course / "submitted" / "ann" / "toy" / "toy.ipynb").write_text("{")
    grade(course, "toy", show_progress=False)
    (found,) = grades(course, "toy", unfinished=True)
    assert found.score is None
    assert "not a notebook" in found.reason


def test_an_interrupted_run_goes_on_where_it_stopped(toy_course, sandboxed):
    slow = {"square": "import time\ntime.sleep(3)\n" + RIGHT["square"]}
    for number in range(6):
        notebook = filled(release_of(toy_course, "toy"), slow)
        hand_in(toy_course, "toy", f"s{number}", notebook)
    words = [sys.executable, "-m", "aelib.teach", "grade", "toy", "--jobs", "1"]
    running = subprocess.Popen(
        [*words, "--course", str(toy_course)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
    )
    records = toy_course / "grading" / "toy"
    until = time.monotonic() + 120
    while len(list(records.glob("*.json"))) < 2 and time.monotonic() < until:
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "What is done is kept" in said
    done = {path.stem for path in records.glob("*.json")}
    assert 2 <= len(done) < 6
    second = grade(Course(toy_course), "toy", show_progress=False)
    assert {outcome.student for outcome in second.outcomes} == {f"s{k}" for k in range(6)} - done
    assert set(second.unchanged) == done
    assert not list(toy_course.rglob("*.part"))
    for number in range(6):
        assert score(toy_course, "toy", f"s{number}")["test-partial"] == (2.0, 2.0)


def test_a_failure_of_our_own_is_tried_again(toy_course, sandboxed, monkeypatch):
    hand_in(toy_course, "toy", "ann", filled(release_of(toy_course, "toy"), RIGHT))
    course = Course(toy_course)
    with monkeypatch.context() as broken:
        # As if memory had run out while the submission was running.
        broken.setattr(sys, "executable", "/bin/false")
        broken.setattr(sandbox, "complaint", lambda: None)
        (outcome,) = grade(course, "toy", show_progress=False).outcomes
    assert "failed with status 1" in outcome.reason
    (outcome,) = grade(course, "toy", show_progress=False).outcomes
    assert outcome.reason == ""


def test_a_run_that_fails_brings_no_notes_of_the_one_before(toy_course, sandboxed, monkeypatch):
    slow = {"square": "import time\ntime.sleep(60)"}
    hand_in(toy_course, "toy", "ann", filled(release_of(toy_course, "toy"), slow))
    course = Course(toy_course)
    limits = Limits(cell_seconds=2)
    (outcome,) = grade(course, "toy", limits=limits, show_progress=False).outcomes
    assert any("stopped after" in note for note in outcome.notes), outcome
    hand_in(toy_course, "toy", "ann", filled(release_of(toy_course, "toy"), RIGHT))
    monkeypatch.setattr(sys, "executable", "/bin/false")
    monkeypatch.setattr(sandbox, "complaint", lambda: None)
    (outcome,) = grade(course, "toy", show_progress=False).outcomes
    assert "failed with status 1" in outcome.reason
    assert outcome.notes == []


@pytest.mark.parametrize("option", ["--cell-seconds", "--total-seconds", "--memory-mb", "--jobs"])
def test_a_limit_of_nothing_is_refused(toy_course, capsys, option):
    assert main(["grade", "toy", "--course", str(toy_course), option, "0"]) != 0
    assert f"{option} must be at least 1, got 0" in capsys.readouterr().err


def test_a_long_notebook_is_cut_off_and_says_so(toy_course, sandboxed):
    notebook = filled(release_of(toy_course, "toy"), RIGHT)
    waits = {"cell_type": "code", "metadata": {}, "source": "import time\ntime.sleep(4)"}
    notebook["cells"][2:2] = [dict(waits, id=f"wait-{k}") for k in range(5)]
    hand_in(toy_course, "toy", "ann", notebook)
    limits = Limits(cell_seconds=6, total_seconds=8)
    (outcome,) = grade(Course(toy_course), "toy", limits=limits, show_progress=False).outcomes
    assert outcome.reason == ""
    assert any("took longer than 8 seconds" in note for note in outcome.notes)
    assert score(toy_course, "toy", "ann")["test-visible"] == (0.0, 1.0)


def test_a_line_a_student_and_seconds_a_submission_are_shown(toy_course, sandboxed, capsys):
    hand_in(toy_course, "toy", "ann", filled(release_of(toy_course, "toy"), RIGHT))
    hand_in(toy_course, "toy", "ben", {"cells": []})
    assert main(["grade", "toy", "--course", str(toy_course)]) == 1
    said = capsys.readouterr().out
    assert "ann" in said
    assert "3.00 of 5 + by hand" in said
    assert "ben                      not graded: toy.ipynb: no cell of this assignment" in said
    assert "1 graded, 1 could not be graded, 0 unchanged;" in said
    assert "s a submission" in said
    assert main(["grade", "toy", "--course", str(toy_course)]) == 0
    assert "2 unchanged (1 of them without a grade: `export` says why)" in capsys.readouterr().out


def test_the_sandbox_shows_python_and_nothing_of_the_course(tmp_path, sandboxed):
    (tmp_path / "room" / "work").mkdir(parents=True)
    for part in ("home", "tmp", "ipc"):
        (tmp_path / "room" / part).mkdir()
    secret = tmp_path / "secret.txt"
    secret.write_text("hidden")
    os.environ["A_SECRET_OF_THE_INSTRUCTOR"] = "hidden"
    look = (
        "import json, os, socket\n"
        f"print(json.dumps([os.path.exists({str(secret)!r}), os.listdir(os.getcwd()), "
        "dict(os.environ), [name for _, name in socket.if_nameindex()], "
        "open('/proc/1/environ').read()]))"
    )
    words = sandbox.command(tmp_path / "room", Limits())
    done = subprocess.run(
        [*words, sys.executable, "-c", look], capture_output=True, text=True, check=True
    )
    del os.environ["A_SECRET_OF_THE_INSTRUCTOR"]
    sees, files, environment, networks, of_the_first_process = json.loads(done.stdout)
    assert not sees
    assert files == []
    assert "A_SECRET_OF_THE_INSTRUCTOR" not in environment
    assert "A_SECRET_OF_THE_INSTRUCTOR" not in of_the_first_process
    assert set(networks) <= {"lo"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("../../etc", "etc"),
        ("José", "José"),
        ("a b,c", "a-b-c"),
        (".hidden", "hidden"),
        ("ada@example.org", "ada@example.org"),
    ],
)
def test_a_students_id_is_safe_as_a_folder(text, expected):
    assert student_id(text) == expected


def test_a_cell_added_by_a_student_is_kept_in_its_place(toy_course):
    import nbformat

    from aelib.teach.restore import restore

    skeleton = nbformat.read(toy_course / "skeleton" / "toy" / "toy.ipynb", as_version=4)
    notebook = filled(release_of(toy_course, "toy"), RIGHT)
    added = {"cell_type": "code", "metadata": {"nbgrader": {"points": 99}}, "source": "mine = 1"}
    index = notebook["cells"].index(cell_of(notebook, "square"))
    notebook["cells"].insert(index + 1, added)
    whole, notes = restore(skeleton, notebook)
    sources = [cell.source for cell in whole.cells]
    assert sources.index("mine = 1") == sources.index(RIGHT["square"]) + 1
    assert "nbgrader" not in whole.cells[sources.index("mine = 1")].metadata
    assert notes == []
    assert "HIDDEN TESTS" in "".join(sources)


def test_the_exchanges_own_files_are_no_part_of_a_submission(tmp_path):
    (tmp_path / "toy.ipynb").write_text("{")
    for name in restore.EXCHANGE_FILES:
        (tmp_path / name).write_text("2026-01-01 00:00:00 UTC")
    with pytest.raises(restore.CannotGradeError) as complaint:
        restore.read(tmp_path, "toy", {"square"})
    assert str(complaint.value).count("not a notebook") == 1


def test_an_answer_that_was_split_in_two_keeps_its_points(toy_course, sandboxed):
    notebook = filled(release_of(toy_course, "toy"), RIGHT)
    cells = notebook["cells"]
    first = cell_of(notebook, "square")
    # As JupyterLab's "Split Cell" does it: the second half has the metadata of the first.
    second = {**json.loads(json.dumps(first)), "id": "half"}
    first["source"], second["source"] = (
        "def times(x, y):\n    return x * y",
        ("def square(x):\n    return times(x, x)"),
    )
    cells.insert(cells.index(first) + 1, second)
    written = cell_of(notebook, "written")
    cells.append({**json.loads(json.dumps(written)), "id": "more", "source": "And of equals."})
    hand_in(toy_course, "toy", "ann", notebook)
    (outcome,) = grade(Course(toy_course), "toy", show_progress=False).outcomes
    assert outcome.notes == [
        "square stands there twice: both are kept",
        "written stands there twice: both are kept",
    ]
    assert score(toy_course, "toy", "ann")["test-partial"] == (2.0, 2.0)
    graded = toy_course / "autograded" / "ann" / "toy" / "toy.ipynb"
    assert "And of equals." in graded.read_text(encoding="utf-8")


def test_a_copy_of_an_answer_costs_no_points(toy_course, sandboxed):
    release = release_of(toy_course, "toy")
    stub = json.loads(json.dumps(cell_of(release, "square")))

    def handed_in(student, *, source, at, first=RIGHT["square"], written="It is a product."):
        notebook = filled(release, {"square": first, "written": written})
        copied = {**stub, "id": "copy", **({"source": source} if source else {})}
        notebook["cells"].insert(at, copied)
        hand_in(toy_course, "toy", student, notebook)

    here = release["cells"].index(cell_of(release, "square"))
    handed_in("stub-behind", source=None, at=here + 1)
    handed_in("stub-first", source=None, at=here)
    handed_in("tried-at-the-end", source="def square(x):\n    return x**3", at=99)
    hand_in(toy_course, "toy", "short", filled(release, {"square": RIGHT["square"]}))
    notebook = filled(release, {"square": RIGHT["square"]})
    half = {**json.loads(json.dumps(cell_of(release, "written"))), "id": "half"}
    notebook["cells"].append({**half, "source": "Convex."})
    hand_in(toy_course, "toy", "short", notebook)
    outcomes = grade(Course(toy_course), "toy", show_progress=False).outcomes
    notes = {outcome.student: outcome.notes for outcome in outcomes}
    assert notes == {
        "stub-behind": ["square stands there twice: the first counts"],
        "stub-first": ["square stands there twice: the second counts"],
        "tried-at-the-end": ["square stands there twice: both are kept"],
        "short": ["written stands there twice: the second counts"],
    }
    for student in notes:
        assert score(toy_course, "toy", student)["test-partial"] == (2.0, 2.0), student
    assert points(Course(toy_course), "toy", "short") == (3.0, 5.0, True)


def test_a_loop_in_what_is_tested_says_that_its_time_was_over(toy_course, sandboxed):
    loop = {**RIGHT, "square": "def square(x):\n    while True:\n        pass"}
    hand_in(toy_course, "toy", "ann", filled(release_of(toy_course, "toy"), loop))
    limits = Limits(cell_seconds=2)
    (outcome,) = grade(Course(toy_course), "toy", limits=limits, show_progress=False).outcomes
    assert "test-visible: the cell was stopped after 2 seconds" in outcome.notes


def test_to_end_what_has_just_ended_is_no_error(monkeypatch):
    process = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True, text=True)
    process.wait()
    monkeypatch.setattr(process, "poll", lambda: None)  # as while another thread waits for it
    end(process)
