"""What could stop a whole class: odd names, damaged files, answers that hide what they take."""

import functools
import json
import os
import signal
import subprocess
import sys
import time
import unicodedata
import zipfile

import nbformat
import psutil
import pytest
from classroom import ROOT, cell_of, filled, hand_in, release_of, score
from filelock import FileLock

from aelib.teach import execute, sandbox, students
from aelib.teach.__main__ import main
from aelib.teach.collect import collect
from aelib.teach.course import Course, printable, shortened, student_id
from aelib.teach.export import export, grades
from aelib.teach.feedback import feedback
from aelib.teach.grade import grade
from aelib.teach.limits import Limits
from aelib.teach.markdown import harmless_html
from aelib.teach.students import Student

RIGHT = {"square": "def square(x):\n    return x * x", "written": "It is a product."}


@pytest.fixture
def course(toy_course):
    return Course(toy_course)


def names_of(course, student):
    folder = course.root / "submitted" / student / "toy"
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_odd_names_in_a_zip_cost_nobody_a_submission(course, tmp_path):
    path = tmp_path / "class.zip"
    long_name = "ä" * 300 + ".ipynb"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"ann/{long_name}", "ann's")
        archive.writestr("ben/toy.ipynb", "ben's")
        archive.writestr("ben/toy.ipynb/inner.txt", "a file as a folder")
        archive.writestr("cem/" + "deep/" * 900 + "toy.ipynb", "cem's")
        archive.writestr("dan/toy.ipynb", "one")
        archive.writestr("dan/Toy.ipynb", "two")
        archive.writestr("eve/timestamp.txt", "2000-01-01 00:00:00 UTC")
        archive.writestr("eve/toy.ipynb", "eve's")
    result = collect(course, "toy", path)
    assert result.new == ["ann", "ben", "cem", "dan", "eve"]
    assert result.failed == []
    (name,) = names_of(course, "ann")
    assert name.endswith(".ipynb")
    assert len(name.encode()) <= 200
    assert names_of(course, "ben") == ["toy.ipynb", "toy.ipynb-inner.txt"]
    (name,) = names_of(course, "cem")
    assert name.endswith(".ipynb")
    assert names_of(course, "dan") == ["Toy.ipynb", "toy-2.ipynb"]
    assert any("toy.ipynb is kept as toy-2.ipynb" in note for note in result.notes)
    # When something was handed in is not for the student to say.
    assert names_of(course, "eve") == ["toy.ipynb"]


def test_the_same_name_twice_in_a_zip_is_told(course, tmp_path):
    path = tmp_path / "class.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ann/toy.ipynb", "one")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("ann/toy.ipynb", "two")
    result = collect(course, "toy", path)
    assert names_of(course, "ann") == ["toy-2.ipynb", "toy.ipynb"]
    assert any("kept as toy-2.ipynb" in note for note in result.notes)


def test_a_damaged_file_in_a_zip_is_left_out_alone(course, tmp_path):
    path = tmp_path / "class.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ann/toy.ipynb", "".join(str(k * k) for k in range(2000)))
        archive.writestr("ben/toy.ipynb", "ben's")
        start = archive.getinfo("ann/toy.ipynb").header_offset + 50
    content = bytearray(path.read_bytes())
    content[start : start + 200] = b"\xff" * 200
    path.write_bytes(bytes(content))
    result = collect(course, "toy", path)
    assert result.new == ["ben"]
    assert any("cannot be unpacked" in note for note in result.notes)


def test_a_submission_that_cannot_be_copied_costs_only_itself(course, tmp_path, capsys):
    for name in ("ann", "ben"):
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "toy.ipynb").write_text(name)
    (course.root / "submitted").mkdir()
    (course.root / "submitted" / "ann").write_text("a file where a folder should be")
    words = ["collect", "toy", str(tmp_path / "in"), "--course", str(course.root)]
    assert main(words) == 1
    assert "ann: not collected" in capsys.readouterr().out
    assert names_of(course, "ben") == ["toy.ipynb"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes names that are not UTF-8")
def test_a_name_that_is_not_utf8(course, tmp_path, sandboxed):
    folder = tmp_path / "in" / "ann"
    folder.mkdir(parents=True)
    right = json.dumps(filled(release_of(course.root, "toy"), RIGHT))
    (folder / os.fsdecode(b"L\xf6sung.ipynb")).write_text(right)
    assert collect(course, "toy", tmp_path / "in").new == ["ann"]
    # One that was put there by hand.
    by_hand = course.root / "submitted" / "ben" / "toy"
    by_hand.mkdir(parents=True)
    (by_hand / os.fsdecode(b"L\xf6sung.ipynb")).write_text(right)
    (by_hand / os.fsdecode(b"\xff.txt")).write_text("beside it")
    assert main(["grade", "toy", "--course", str(course.root)]) == 0
    for name in ("ann", "ben"):
        assert score(course.root, "toy", name)["test-partial"] == (2.0, 2.0)


def test_one_name_on_the_list_and_two_people_of_it(course, tmp_path):
    students.add(course, [Student("s1", "Ada", "Love")])
    path = tmp_path / "moodle.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Ada Love_1_assignsubmission_file_/toy.ipynb", "one")
        archive.writestr("Ada Love_2_assignsubmission_file_/toy.ipynb", "two")
    assert collect(course, "toy", path).new == ["Ada-Love-1", "Ada-Love-2"]


def test_a_name_is_known_however_its_letters_are_composed(course, tmp_path):
    students.add(course, [Student("s1", "José", "Núñez")])
    path = tmp_path / "moodle.zip"
    apart = unicodedata.normalize("NFD", "José Núñez")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{apart}_1_assignsubmission_file_/toy.ipynb", "one")
    assert collect(course, "toy", path).new == ["s1"]
    assert student_id(apart) == student_id("José Núñez") == "José-Núñez"
    # Vowels of Devanagari are marks, and not letters.
    assert student_id("प्रबीर") != student_id("परबर")
    assert student_id("=cmd") == student_id("@cmd") == "cmd"


def test_a_folder_around_the_class_is_no_student(course, tmp_path):
    path = tmp_path / "class.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("submissions/ann/toy.ipynb", "one")
        archive.writestr("submissions/ben/toy.ipynb", "two")
    result = collect(course, "toy", path)
    assert result.new == ["ann", "ben"]
    assert any("taken for the class's folder" in note for note in result.notes)
    # A student with folders of her own stays one student.
    path = tmp_path / "one.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ann/a/toy.ipynb", "one")
        archive.writestr("ann/b/notes.txt", "two")
    result = collect(course, "toy", path)
    assert (result.new, result.changed) == ([], ["ann"])


def test_a_long_name_is_cut_and_stays_its_own():
    one, two = shortened("a" * 300 + ".ipynb"), shortened("a" * 301 + ".ipynb")
    assert one != two
    assert one.endswith(".ipynb")
    assert len(one.encode()) == 200
    assert shortened("short.ipynb") == "short.ipynb"
    assert len(student_id("प्" * 200).encode()) <= 200
    assert printable("a\x1b[2Jb\ud800") == "a\ufffd[2Jb\ufffd"


def test_odd_content_stops_nobody(course, sandboxed):
    release = release_of(course.root, "toy")
    half = filled(release, {**RIGHT, "written": "half a pair: \ud800"})
    cell_of(half, "square")["source"] += "\nprint('\\ud800')"
    hand_in(course.root, "toy", "half", half)
    for name, text in {
        "digits": '{"cells": [], "n": ' + "9" * 5000 + "}",
        "cells": json.dumps({**release, "cells": [{"cell_type": "code"}] * 3000}),
    }.items():
        hand_in(course.root, "toy", name, release)
        (course.root / "submitted" / name / "toy" / "toy.ipynb").write_text(text)
    hand_in(course.root, "toy", "formula", release)
    folder = course.root / "submitted" / "formula" / "toy"
    (folder / "toy.ipynb").rename(folder / "=1+1.ipynb")
    (folder / "=1+1.ipynb").write_text("{")
    # Something of the instructor's own is in the way of two.
    for name in ("blocked", "barred"):
        hand_in(course.root, "toy", name, filled(release, RIGHT))
    (course.root / "autograded").mkdir()
    (course.root / "autograded" / "blocked").write_text("a file")
    (course.root / "executed" / "barred" / "toy" / "timestamp.txt").mkdir(parents=True)
    # A time that is none.
    hand_in(course.root, "toy", "timed", filled(release, RIGHT))
    (course.root / "submitted" / "timed" / "toy" / "timestamp.txt").write_text("yesterday")
    assert main(["grade", "toy", "--course", str(course.root)]) == 1
    for name in ("half", "timed"):
        assert score(course.root, "toy", name)["test-partial"] == (2.0, 2.0), name
    target = course.root / "grades.csv"
    found = {g.student.id: g for g in export(course, "toy", target, unfinished=True)}
    assert len(found) == 7
    assert "not a notebook" in found["digits"].reason
    assert "more than 2000 cells" in found["cells"].reason
    for name in ("blocked", "barred"):
        assert found[name].score is None
    assert "could not keep score: NotADirectoryError" in found["blocked"].reason
    assert "no score kept: IsADirectoryError" in found["barred"].reason
    # A spreadsheet would run what begins with an equals sign.
    assert found["formula"].reason.startswith("=1+1.ipynb")
    assert "'=1+1.ipynb: not a notebook" in target.read_text(encoding="utf-8")
    (course.root / "autograded" / "blocked").unlink()
    (outcome,) = grade(course, "toy", students=["blocked"], show_progress=False).outcomes
    assert outcome.reason == ""


def test_a_submission_collected_after_its_grading_has_no_grade_yet(course, tmp_path, sandboxed):
    release = release_of(course.root, "toy")
    hand_in(course.root, "toy", "ann", filled(release, RIGHT))
    grade(course, "toy", show_progress=False)
    (before,) = grades(course, "toy", unfinished=True)
    assert before.score == 3.0
    folder = tmp_path / "in" / "ann"
    folder.mkdir(parents=True)
    wrong = filled(release, {**RIGHT, "square": "def square(x):\n    return x + x"})
    (folder / "toy.ipynb").write_text(json.dumps(wrong))
    assert collect(course, "toy", tmp_path / "in").changed == ["ann"]
    (between,) = grades(course, "toy", unfinished=True)
    assert (between.score, between.reason) == (
        None, "handed in again since it was graded: grade it first"
    )  # fmt: skip
    assert "handed in again" in feedback(course, "toy", show_progress=False)[1]["ann"]
    grade(course, "toy", show_progress=False)
    (after,) = grades(course, "toy", unfinished=True)
    assert (after.score, after.reason) == (1.0, "written answers wait to be graded")


HIDDEN_MEMORY = """
import os, time
kept = []
for number in range(4):
    kept.append(os.memfd_create("kept"))
    os.write(kept[-1], bytes(60 * 2**20))
time.sleep(20)
"""
UNLINKED_FILES = """
import os, time
kept = []
for number in range(4):
    kept.append(open(f"f{number}", "wb", buffering=0))
    os.unlink(f"f{number}")
    kept[-1].write(os.urandom(60 * 2**20))
time.sleep(20)
"""
DEEP_FOLDERS = """
import os
for level in range(2500):
    os.mkdir("d")
    os.chdir("d")
os.chmod(".", 0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is for Linux")
@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (HIDDEN_MEMORY, "wrote more than 150 MB"),
        (UNLINKED_FILES, "wrote more than 150 MB"),
        (DEEP_FOLDERS, "too many files"),
    ],
)
def test_what_is_taken_out_of_sight_counts_too(
    course, tmp_path, sandboxed, monkeypatch, cell, message
):
    room = tmp_path / "tmp"
    room.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(room))
    notebook = filled(release_of(course.root, "toy"), RIGHT)
    hidden = {"cell_type": "code", "metadata": {}, "id": "hidden", "source": cell}
    notebook["cells"].insert(2, hidden)
    hand_in(course.root, "toy", "ann", notebook)
    limits = Limits(disk_mb=150)
    (outcome,) = grade(course, "toy", limits=limits, show_progress=False).outcomes
    assert outcome.reason == ""
    assert any(message in note for note in outcome.notes), outcome
    assert score(course.root, "toy", "ann")["test-partial"] == (2.0, 2.0)
    assert list(room.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is for Linux")
def test_no_further_room_can_be_made_in_the_sandbox(tmp_path, sandboxed):
    if not sandbox.can_forbid_namespaces():
        pytest.skip("this bubblewrap, or this kernel, cannot forbid further namespaces")
    for part in ("work", "home", "tmp", "ipc"):
        (tmp_path / "room" / part).mkdir(parents=True)
    words = sandbox.command(tmp_path / "room", Limits())
    done = subprocess.run([*words, "unshare", "-Ur", "true"], capture_output=True, text=True)
    assert done.returncode != 0
    assert "unshare" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is for Linux")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_nothing_behind(course, tmp_path, sandboxed, number):
    slow = {"square": "import time\ntime.sleep(100)\n" + RIGHT["square"]}
    hand_in(course.root, "toy", "ann", filled(release_of(course.root, "toy"), slow))
    room = tmp_path / "tmp"
    room.mkdir()
    words = [sys.executable, "-m", "aelib.teach", "grade", "toy", "--course", str(course.root)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = {**os.environ, "TMPDIR": str(room)}
    # These tests may themselves run where a closed terminal is ignored, under nohup.
    heard = functools.partial(signal.signal, signal.SIGHUP, signal.SIG_DFL)
    with subprocess.Popen(words, cwd=ROOT, env=environment, preexec_fn=heard, **quiet) as running:
        until = time.monotonic() + 120
        while not list(room.glob("aelib-job-*/aelib-*/0/ipc/k-*")) and time.monotonic() < until:
            time.sleep(0.1)
        below = psutil.Process(running.pid).children(recursive=True)
        running.send_signal(number)
        # What cannot be caught cannot clean up either, but no submission goes on running.
        assert running.wait(timeout=60) == (130 if number != signal.SIGKILL else -signal.SIGKILL)
    assert len(below) >= 2
    _, alive = psutil.wait_procs(below, timeout=20)
    assert alive == []
    if number != signal.SIGKILL:
        assert list(room.iterdir()) == []


def test_two_runs_at_once_do_not_write_one_gradebook(course, sandboxed, capsys):
    hand_in(course.root, "toy", "ann", filled(release_of(course.root, "toy"), RIGHT))
    with FileLock(course.root / "grading.lock"):
        assert main(["grade", "toy", "--course", str(course.root)]) == 2
    assert "is being graded by another run" in capsys.readouterr().err
    assert main(["grade", "toy", "--course", str(course.root)]) == 0


def test_a_course_where_nbgrader_finds_no_file_is_refused(tmp_path):
    folder = tmp_path / "class [A]"
    folder.mkdir()
    (folder / "nbgrader_config.py").write_text("")
    with pytest.raises(ValueError, match="takes \\[, \\], \\* and \\? in a path for patterns"):
        Course(folder)


def test_a_test_may_hold_magic_and_code_may_be_graded_by_hand(tmp_path, toy):
    import nbformat

    path = toy / "toy" / "toy.ipynb"
    notebook = nbformat.read(path, as_version=4)
    cells = {cell.id: cell for cell in notebook.cells}
    cells["test-partial"].source = "%matplotlib inline\n" + cells["test-partial"].source
    by_hand = nbformat.v4.new_code_cell("sketch = 1\nsketch", id="sketch")
    settings = {**cells["written"].metadata.nbgrader, "grade_id": "sketch"}
    by_hand.metadata["nbgrader"] = settings
    notebook.cells.append(by_hand)
    nbformat.write(notebook, path)
    root = str(tmp_path / "course")
    assert main(["init", root, "--sources", str(toy)]) == 0
    assert main(["release", "toy", "--course", root]) == 0


@pytest.mark.parametrize(
    "source",
    [
        "[look](javascript:alert(1))",
        "<a href='java\nscript:alert(1)'>look</a>",
        "<a href='&#106;avascript:alert(1)'>look</a>",
        "<a href='data:text/html,<script>alert(1)</script>'>look</a>",
        "<img src=x onerror=alert(1)>",
        "<svg onload=alert(1)></svg>",
        "<iframe src='https://example.org'></iframe>",
        "<div style='position:fixed' class='modal'>over everything</div>",
        "![seen](https://example.org/seen.png)",
        "$\\href{javascript:alert(1)}{x}$",
        "&#36;&#92;href{javascript:alert(1)}{x}&#36;",
        "$\\mmlToken{mi}[href='javascript:alert(1)']{x}$",
        "<form action='/formgrader'><button>press</button></form>",
    ],
)
def test_nothing_runs_and_nothing_is_fetched_in_a_written_answer(source):
    from bs4 import BeautifulSoup

    page = BeautifulSoup(harmless_html({}, source), "html.parser")
    for tag in page.find_all(True):
        assert tag.name not in ("script", "svg", "iframe", "form", "button"), tag
        assert set(tag.attrs) <= {"alt", "title"}, tag
    assert r"\href" not in page.get_text()
    assert r"\mmlToken" not in page.get_text()


def test_an_honest_answer_looks_as_it_was_written():
    html = harmless_html(
        {},
        "By the *chain rule*, $a < b$ and\n\n$$\\hat\\rho_j = \\frac1m \\sum_i a_j & b$$\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nx = 1\n```\n[Ng](https://example.org)",
    )
    for piece in ("<em>chain rule</em>", "$a &lt; b$", r"\hat\rho_j = \frac1m \sum_i a_j &amp; b",
                  "<td>2</td>", 'class="mi"', '<a href="https://example.org">'):  # fmt: skip
        assert piece in html


def test_an_answer_with_mathematics_code_and_a_picture_in_the_pages_of_nbgrader(course, sandboxed):
    from bs4 import BeautifulSoup
    from nbconvert.exporters import HTMLExporter

    answer = (
        "If $a<b$ then\n\n$$\\begin{aligned} a &= b \\\\ c &< d \\end{aligned}$$\n\n"
        "> quoted\n\n```python\nif a<b and c>d:\n    pass\n```\n"
        "x<sup>2</sup> ![my drawing](attachment:image.png) ![gone](attachment:none.png)"
    )
    notebook = filled(release_of(course.root, "toy"), {**RIGHT, "written": answer})
    pixel = (
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
    )
    cell_of(notebook, "written")["attachments"] = {
        "image.png": {"image/png": pixel, "text/html": "<script>alert(1)</script>"},
        "bad": 5,
    }
    hand_in(course.root, "toy", "ann", notebook)
    long = filled(release_of(course.root, "toy"), {**RIGHT, "written": "<div>" * 20_000})
    hand_in(course.root, "toy", "ben", long)
    assert main(["grade", "toy", "--course", str(course.root)]) == 0
    written, refused = feedback(course, "toy", unfinished=True, show_progress=False)
    assert refused == {}
    # What is too long to be typeset in any time is shown as it was typed.
    assert "<pre>" + "&lt;div&gt;" * 20_000 + "</pre>" in written[1].read_text(encoding="utf-8")
    formgrader = HTMLExporter(config=course.config())
    graded = course.root / "autograded" / "ann" / "toy" / "toy.ipynb"
    for html in (written[0].read_text(encoding="utf-8"), formgrader.from_filename(str(graded))[0]):
        page = BeautifulSoup(html, "html.parser")
        text = page.get_text()
        for piece in ("If $a<b$ then", r"a &= b \\ c &< d", "if a<b and c>d:"):
            assert piece in text, piece
        assert page.find("blockquote").get_text().strip() == "quoted"
        assert page.find("sup").get_text() == "2"
        assert page.find("img", alt="my drawing")["src"] == f"data:image/png;base64,{pixel}"
        assert "alert(1)" not in html


def test_two_different_notebooks_have_no_grade_and_two_equal_ones_have(course, sandboxed):
    release = release_of(course.root, "toy")
    for name, other in (("two", release), ("same", filled(release, RIGHT))):
        hand_in(course.root, "toy", name, filled(release, RIGHT))
        folder = course.root / "submitted" / name / "toy"
        (folder / "toy (1).ipynb").write_text(json.dumps(other))
        (folder / ".ipynb_checkpoints").mkdir()
        (folder / ".ipynb_checkpoints" / "toy-checkpoint.ipynb").write_text(json.dumps(release))
    found = {o.student: o.reason for o in grade(course, "toy", show_progress=False).outcomes}
    assert "more than one notebook of this assignment" in found["two"]
    assert found["same"] == ""


MUCH_OUTPUT = """
from IPython.display import display
handle = display("start", display_id=True)
for number in range(300):
    handle.update("x" * 100_000)
raise type("E" * 30_000_000, (Exception,), {})("why")
"""


def test_output_is_limited_however_it_is_made(course, sandboxed):
    notebook = filled(release_of(course.root, "toy"), RIGHT)
    much = {"cell_type": "code", "metadata": {}, "id": "much", "source": MUCH_OUTPUT}
    notebook["cells"].insert(2, much)
    hand_in(course.root, "toy", "ann", notebook)
    (outcome,) = grade(course, "toy", show_progress=False).outcomes
    assert outcome.reason == ""
    assert score(course.root, "toy", "ann")["test-partial"] == (2.0, 2.0)
    executed = course.root / "executed" / "ann" / "toy" / "toy.ipynb"
    assert executed.stat().st_size < 2**20


# --- what the systems really send ----------------------------------------------------------------


def zipped(path, *names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, name)
    return path


def test_moodles_newer_folders_and_its_online_texts(course, tmp_path):
    students.add(course, [Student("s1", "Ada", "Love"), Student("s2", "Sean", "O'Brien")])
    path = zipped(
        tmp_path / "moodle.zip",
        "Ada Love_11_assignsubmission_file/toy.ipynb",
        "Ada Love_11_assignsubmission_onlinetext/onlinetext.html",
        "Sean OBrien_12_assignsubmission_file_/toy.ipynb",
        "Sean OBrien_12_assignsubmission_onlinetext_/onlinetext.html",
    )
    assert collect(course, "toy", path).new == ["s1", "s2"]
    assert names_of(course, "s1") == ["onlinetext.html", "toy.ipynb"]
    assert names_of(course, "s2") == ["onlinetext.html", "toy.ipynb"]


def test_a_namesake_who_hands_in_later_is_another_person(course, tmp_path):
    first = zipped(tmp_path / "1.zip", "Ada Love_1_assignsubmission_file_/toy.ipynb")
    second = zipped(tmp_path / "2.zip", "Ada Love_2_assignsubmission_file_/toy.ipynb")
    assert collect(course, "toy", first).new == ["Ada-Love-1"]
    assert collect(course, "toy", second).new == ["Ada-Love-2"]
    assert collect(course, "toy", first).same == ["Ada-Love-1"]


def test_what_lies_beside_the_submissions_is_nobodys(course, tmp_path):
    path = zipped(
        tmp_path / "class.zip",
        "readme.txt",
        "Thumbs.db",
        ".ipynb_checkpoints/x-checkpoint.ipynb",
        "__MACOSX/submissions/ann/._toy.ipynb",
        "submissions/ann/toy.ipynb",
        "submissions/ann/.ipynb_checkpoints/toy-checkpoint.ipynb",
        "submissions/ben/toy.ipynb",
    )
    result = collect(course, "toy", path)
    assert result.new == ["ann", "ben"]
    assert names_of(course, "ann") == ["toy.ipynb"]
    assert [note for note in result.notes if "belongs to no student" in note]


def test_notebooks_of_known_students_in_one_folder(course, tmp_path):
    students.add(course, [Student("ann"), Student("ben")])
    path = zipped(tmp_path / "class.zip", "class/ann.ipynb", "class/ben.ipynb")
    assert collect(course, "toy", path).new == ["ann", "ben"]


def test_what_was_typed_into_canvass_form_belongs_to_its_student(course, tmp_path):
    students.add(course, [Student("ada17", "Ada", "Love", "", "71")])
    path = zipped(tmp_path / "c.zip", "loveada_71_text.html", "loveada_71_5001_toy.ipynb")
    assert collect(course, "toy", path).new == ["ada17"]
    assert names_of(course, "ada17") == ["text.html", "toy.ipynb"]


def test_of_too_many_files_the_notebook_is_kept_and_the_rest_is_told(course, tmp_path):
    names = [f"ann/data/{k:03}.csv" for k in range(250)]
    result = collect(course, "toy", zipped(tmp_path / "c.zip", *names, "ann/toy.ipynb"))
    assert "toy.ipynb" in names_of(course, "ann")
    assert "ann: more than 200 files, 51 left out" in result.notes


def test_who_ends_while_the_kernel_is_brought_down_is_blamed_and_not_the_next(monkeypatch):
    held = []

    async def watcher(manager, folder, limits, deadline, excess):
        held[:] = [manager, excess]

    class Late(execute.Client):
        async def async_execute_cell(self, cell, index, **more):
            done = await super().async_execute_cell(cell, index, **more)
            if cell.source == "much = 1":
                manager, excess = held
                excess.append("too much")
                execute.kill_all(manager)
            return done

    monkeypatch.setattr(execute, "watcher", watcher)
    monkeypatch.setattr(execute, "Client", Late)
    sources = ("much = 1", "innocent = 2", "innocent + 1")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
    execute.execute(notebook, files=None, limits=Limits(), sandboxed=False, fonts=None)
    first, second, third = notebook.cells
    assert [output.evalue for output in first.outputs] == ["too much"]
    assert second.outputs == []
    assert third.outputs[0].data["text/plain"] == "3"
