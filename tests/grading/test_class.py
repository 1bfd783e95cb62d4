"""A class of the worst: every submission is really run, and each expected grade is asserted."""

import csv
import hashlib
import io
import json
import socket
import threading
import zipfile

import psutil
import pytest
from classroom import EXERCISES, ROOT, cell_of, filled, release_of, released, score, solutions

from aelib.teach.course import Course
from aelib.teach.export import export
from aelib.teach.feedback import feedback
from aelib.teach.grade import grade
from aelib.teach.limits import Limits
from aelib.teach.restore import hidden_lines
from tests.submissions.delta import PARTIAL, WRONG_FORMS

LIMITS = Limits(cell_seconds=15, total_seconds=180, memory_mb=2048)
MARK = 7654321  # seconds that a left-behind `sleep` sleeps: by it the test knows them again
LAST = "delta-errors"  # the last function of the assignment: nothing else rests on it
LAST_TEST = "test-delta-errors"
LOST_LAST = {LAST_TEST: 1.0}


class Case:
    """A submission: how to spoil a right one, and what that costs.

    ``spoil`` changes the plain notebook in place, or returns the bytes of the file. ``reason`` is a
    part of the stated reason why it cannot be graded.
    """

    def __init__(self, spoil=None, lost=None, reason=None, note=None, files=None):
        self.spoil, self.lost, self.reason, self.note = spoil, lost or {}, reason, note
        self.files = files


def extra(source):
    """Return a spoiler that adds a code cell before the first test."""

    def spoil(notebook):
        cell = {
            "cell_type": "code",
            "id": "mine",
            "metadata": {},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        first = next(i for i, c in enumerate(notebook["cells"]) if c["id"].startswith("test-"))
        notebook["cells"].insert(first, cell)

    return spoil


def last(body, before=""):
    """Return a spoiler that gives the last function another body."""

    def spoil(notebook):
        heading = "def delta_errors(loss, params, x, first, second):\n"
        cell_of(notebook, LAST)["source"] = before + heading + body

    return spoil


def answer(name, source):
    def spoil(notebook):
        cell_of(notebook, name)["source"] = source

    return spoil


def drop(*names):
    def spoil(notebook):
        notebook["cells"] = [cell for cell in notebook["cells"] if cell["id"] not in names]

    return spoil


def rename(name):
    def spoil(notebook):
        cell_of(notebook, name)["metadata"]["nbgrader"]["grade_id"] = "something-else"

    return spoil


def unlabelled(notebook):
    for cell in notebook["cells"]:
        cell["metadata"] = {}


def anonymous(notebook):
    for number, cell in enumerate(notebook["cells"]):
        cell["metadata"], cell["id"] = {}, f"cell-{number}"


def doubled_test(notebook):
    index = notebook["cells"].index(cell_of(notebook, LAST_TEST))
    copy = json.loads(json.dumps(notebook["cells"][index]))
    copy["id"], copy["source"] = "copy", "assert False"
    notebook["cells"].insert(index + 1, copy)


def doubled_answer(notebook):
    index = notebook["cells"].index(cell_of(notebook, LAST))
    copy = json.loads(json.dumps(notebook["cells"][index]))
    copy["id"], copy["source"] = "copy", "raise ValueError('the second copy')"
    notebook["cells"].insert(index + 1, copy)


def changed_test(notebook):
    last("    return 0.0, 0.0")(notebook)
    cell_of(notebook, LAST_TEST)["source"] = "assert True"


def changed_points(notebook):
    cell_of(notebook, LAST_TEST)["metadata"]["nbgrader"]["points"] = 100


def as_markdown(notebook):
    cell = cell_of(notebook, LAST)
    cell["cell_type"] = "markdown"
    del cell["outputs"], cell["execution_count"]


def malformed_metadata(notebook):
    notebook["cells"].insert(0, {"cell_type": "code", "metadata": [1], "source": 5, "id": 7})
    notebook["cells"].insert(0, "not a cell")
    notebook["cells"].insert(0, {"cell_type": "raw", "metadata": {"nbgrader": "no"}})
    notebook["metadata"] = {"kernelspec": {"name": "no-such-kernel"}}


def scripted(notebook):
    cell_of(notebook, "written-answer")["source"] = (
        "<script>alert('written')</script> because. [look](javascript:alert('link')) "
        "![seen](https://example.org/seen.png) <b onclick=\"alert('click')\">here</b> "
        "$\\href{javascript:alert('formula')}{x}$ $\\hat\\rho_j < 1$"
    )
    extra("from IPython.display import HTML\nHTML('<script>alert(\"shown\")</script>')")(notebook)


def truncated(notebook):
    text = json.dumps(notebook)
    return text[: len(text) // 2].encode()


def old_format(notebook):
    sheet = {"cells": notebook["cells"], "metadata": {}}
    return json.dumps({"nbformat": 3, "worksheets": [sheet], "metadata": {}}).encode()


IGNORES_SIGINT = """    import signal
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        pass"""
CATCHES_EVERYTHING = """    while True:
        try:
            while True:
                pass
        except BaseException:
            pass"""
CHILDREN = f"""import subprocess
children = [subprocess.Popen(["sleep", "{MARK}"], start_new_session=True) for _ in range(%d)]"""
FILLS_MEMORY = """import numpy, time
hog = [numpy.ones(10_000_000) for _ in range(40)]
time.sleep(5)"""
FILLS_DISK = """import time
for k in range(3):
    open(f"big{k}", "wb").write(bytes(90_000_000))
time.sleep(5)"""
FAKE = """class Fake(np.ndarray):
    def __eq__(self, other): return np.True_
    def __lt__(self, other): return np.True_
    def __gt__(self, other): return np.True_
    def __sub__(self, other): return self
    def __abs__(self): return 0.0
    def __repr__(self): return "1.0"
    def __float__(self): return 4.0


"""
SHOWS_FALSE_SCORE = """    import sys
    sys.displayhook(1.0)
    raise ValueError("and fails then")"""


def cases(course, port):
    """Return the submissions by their student's name."""
    gradebook = course / "gradebook.db"
    spies = f"""import os, pathlib
found = []
for place in ({str(course)!r}, {str(EXERCISES)!r}, {str(ROOT / "tests")!r}):
    for path in pathlib.Path(place).rglob("*") if os.path.exists(place) else []:
        found.append(str(path))
print("SPY", found)
assert not found"""
    writes = f"""import sqlite3
try:
    with sqlite3.connect({str(gradebook)!r}) as book:
        book.execute("UPDATE grade SET manual_score = 100")
    print("WROTE")
except sqlite3.Error as reason:
    print("refused", reason)
try:
    open({str(gradebook)!r}, "wb").write(b"")
    print("WROTE")
except OSError as reason:
    print("refused", reason)"""
    connects = f"""import socket
try:
    socket.create_connection(("127.0.0.1", {port}), 3)
    print("CONNECTED")
except OSError as reason:
    print("refused", reason)"""
    unreadable = "not a notebook"
    return {
        "Ada Right": Case(),
        "Bo Blank": Case(answer_nothing, lost="all"),
        "Cy Exception": Case(answer(LAST, "raise ValueError('stuck')"), LOST_LAST),
        "Di Syntax": Case(answer(LAST, "def delta_errors(:\n    pass"), LOST_LAST),
        "Ed Input": Case(answer(LAST, "name = input('your name?')"), LOST_LAST),
        "Flo Loop": Case(last("    while True:\n        pass"), LOST_LAST),
        "Gus Catcher": Case(last(CATCHES_EVERYTHING), LOST_LAST, note="ignored the request"),
        "Hal Stubborn": Case(last(IGNORES_SIGINT), LOST_LAST, note="ignored the request"),
        "Ida Printer": Case(extra("print('x' * 80_000_000)")),
        "Jo Result": Case(extra("'y' * 60_000_000")),
        "Ken Deleter": Case(drop(LAST_TEST), note=f"{LAST_TEST} was missing"),
        "Lea Answerless": Case(drop(LAST), LOST_LAST, note=f"{LAST} was missing"),
        "Mo Renamer": Case(rename(LAST_TEST)),
        "Nan Renamer": Case(rename(LAST)),
        "Ole Unlabelled": Case(unlabelled),
        "Pam Anonymous": Case(anonymous, reason="no cell of this assignment"),
        "Quin Double": Case(doubled_test, note="twice"),
        "Rex Double": Case(doubled_answer, note="twice"),
        "Sue Tester": Case(changed_test, LOST_LAST, note=f"{LAST_TEST} differs"),
        "Tim Points": Case(changed_points, note=f"{LAST_TEST} differs"),
        "Uli Exit": Case(extra("import os\nos._exit(0)"), note="ended its kernel"),
        "Val Exit": Case(
            last("    import os\n    os._exit(0)"), LOST_LAST, note="ended its kernel"
        ),
        "Wim Exit": Case(extra("import sys\nsys.exit(0)")),
        "Xia Exit": Case(last("    raise SystemExit(0)"), LOST_LAST),
        "Yan Text": Case(lambda _: b"These are my answers: 42.", reason=unreadable),
        "Zoe Truncated": Case(truncated, reason=unreadable),
        "Abe Empty": Case(lambda _: b"", reason=unreadable),
        "Bea Deep": Case(lambda _: b"[" * 200_000, reason=unreadable),
        "Cal Old": Case(old_format, reason="format 4"),
        "Dot Filename": Case(files=["my answers (final).ipynb"], note="taken from"),
        "Eva Paper": Case(lambda _: b"%PDF-1.4 scanned", reason=unreadable, files=["delta.pdf"]),
        "Fay Twofold": Case(files=["one.ipynb", "two.ipynb"], note="taken from"),  # the same twice
        "Gil Gradebook": Case(extra(writes)),
        "Hua Spy": Case(extra(spies)),
        "Ian Network": Case(extra(connects)),
        "Joy Children": Case(extra(CHILDREN % 200)),
        "Kit Bomb": Case(extra(CHILDREN % 400), note="processes"),
        "Lou Warner": Case(
            last(
                "    import sys\n    print('careful', file=sys.stderr)\n"
                "    import warnings\n    warnings.warn('careful')\n    return right(loss, params, "
                "x, first, second)",
                before=RIGHT_LAST,
            )
        ),
        "Mia Smith, Jr": Case(),
        "Ned Fake": Case(
            last("    return np.zeros(2).view(Fake), np.zeros(2).view(Fake)", before=FAKE),
            LOST_LAST,
        ),
        "Oda Fake": Case(
            last(
                "    class Four:\n        def __repr__(self): return '4.0'\n"
                "        def __eq__(self, other): return True\n    return Four()"
            ),
            LOST_LAST,
        ),
        "Pia Score": Case(last(SHOWS_FALSE_SCORE), LOST_LAST),
        "Quy Memory": Case(extra("hog = bytearray(20_000_000_000)")),
        "Ron Hog": Case(extra(FILLS_MEMORY), note="memory"),
        "Sal Disk": Case(extra(FILLS_DISK), note="files"),
        "Tia Shell": Case(extra("%%bash\nls -la /\nrm -rf / 2> /dev/null\ntrue")),
        "Uma Markdown": Case(as_markdown),
        "Vic Malformed": Case(malformed_metadata),
        "Wes Script": Case(scripted),
        "Xena Thief": Case(last("    print(In)\n    raise ValueError(In[-1])"), LOST_LAST),
        "Yui Bom": Case(lambda notebook: b"\xef\xbb\xbf" + json.dumps(notebook).encode()),
    }


RIGHT_LAST = solutions("delta")[LAST].replace("delta_errors", "right") + "\n\n\n"


def answer_nothing(notebook):
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("solution"):
            if cell["cell_type"] == "code":
                cell["source"] = "# nothing"
            else:
                cell["source"] = "YOUR ANSWER HERE"


def archive(course, everyone):
    """Write the class's submissions as Moodle's zip of them, and return it."""
    release = release_of(course, "delta")
    right = {**solutions("delta"), "written-answer": "The sigmoid stands before both roads."}
    path = course.parent / "class.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as content:
        for number, (name, case) in enumerate(everyone.items()):
            notebook = filled(release, right)
            spoilt = case.spoil(notebook) if case.spoil else None
            data = spoilt if isinstance(spoilt, bytes) else json.dumps(notebook).encode()
            for file in case.files or ["delta.ipynb"]:
                content.writestr(f"{name}_{1000 + number}_assignsubmission_file_/{file}", data)
    return path


@pytest.fixture(scope="module")
def room(tmp_path_factory, sandboxed):
    """The class, graded once."""
    folder = tmp_path_factory.mktemp("class")
    course = released(folder / "course", "delta")
    heard = []
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.2)
    stop = threading.Event()

    def listen():
        while not stop.is_set():
            try:
                heard.append(listener.accept())
            except TimeoutError:
                continue

    thread = threading.Thread(target=listen)
    thread.start()
    everyone = cases(course, listener.getsockname()[1])
    for form in [*WRONG_FORMS, *PARTIAL]:
        everyone[form_name(form)] = Case(
            lambda notebook, form=form: put(notebook, form.answers), form.lost
        )
    path = archive(course, everyone)
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    from aelib.teach.collect import collect

    collected = collect(Course(course), "delta", path)
    handed_in = checksums(course / "submitted")
    summary = grade(Course(course), "delta", jobs=2, limits=LIMITS, show_progress=False)
    stop.set()
    thread.join()
    listener.close()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    return {
        "course": course,
        "everyone": everyone,
        "collected": collected,
        "summary": summary,
        "handed_in": handed_in,
        "heard": heard,
    }


def form_name(form):
    """Return the name of the student who hands in a wrong form."""
    return f"Form {form.name}".replace("/", " over ")


def put(notebook, answers):
    for name, source in answers.items():
        cell_of(notebook, name)["source"] = source


def checksums(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def student(name, room):
    """Return the id under which a student of the zip is known."""
    number = 1000 + list(room["everyone"]).index(name)
    return next(s for s in Course(room["course"]).submissions("delta") if s.endswith(f"-{number}"))


def outcome(name, room):
    return next(o for o in room["summary"].outcomes if o.student == student(name, room))


NAMES = list(cases(ROOT, 1))
FORMS = [form_name(form) for form in [*WRONG_FORMS, *PARTIAL]]


def test_the_class_is_large_and_nobody_is_missing(room):
    assert len(room["everyone"]) >= 40
    assert len(room["collected"].new) == len(room["everyone"])
    assert len(room["summary"].outcomes) == len(room["everyone"])


@pytest.mark.parametrize("name", [*NAMES, *FORMS])
def test_each_submission_gets_what_it_deserves(name, room):
    case, result = room["everyone"][name], outcome(name, room)
    if case.reason:
        assert case.reason in result.reason
        return
    assert result.reason == ""
    grades = score(room["course"], "delta", student(name, room))
    lost = {k: most - got for k, (got, most) in grades.items() if got is not None and got < most}
    if case.lost == "all":
        assert all(got == 0.0 for got, _ in grades.values())
    else:
        assert lost == pytest.approx(case.lost)
        assert grades["written-answer"][0] is None
    if case.note:
        assert any(case.note in note for note in result.notes), result.notes


def test_what_was_handed_in_is_untouched(room):
    assert checksums(room["course"] / "submitted") == room["handed_in"]


def test_nothing_got_out(room):
    assert room["heard"] == []
    for path in (room["course"] / "executed").rglob("*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            for output in cell.get("outputs", []):
                text = "".join(output.get("text", []))
                assert "WROTE" not in text
                assert "CONNECTED" not in text
    spy = room["course"] / "executed" / student("Hua Spy", room) / "delta" / "delta.ipynb"
    assert '"SPY []' in spy.read_text(encoding="utf-8")


def test_no_process_is_left_behind(room):
    left = [p.pid for p in psutil.process_iter(["cmdline"])
            if str(MARK) in (p.info["cmdline"] or [])]  # fmt: skip
    assert left == []


def test_a_grade_that_is_not_there_is_empty_and_says_why(room, tmp_path):
    target = tmp_path / "grades.csv"
    export(Course(room["course"]), "delta", target, unfinished=True)
    with target.open(newline="", encoding="utf-8") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    assert len(rows) == len(room["everyone"])
    for name, case in room["everyone"].items():
        row = rows[student(name, room)]
        assert (row["score"] == "") == bool(case.reason), name
        if case.reason:
            assert case.reason in row["reason"]
    assert (
        rows[student("Mia Smith, Jr", room)]["score"] == rows[student("Ada Right", room)]["score"]
    )
    assert rows[student("Mia Smith, Jr", room)]["last_name"] == "Jr"


def test_feedback_shows_no_hidden_test_and_runs_no_script(room):
    from bs4 import BeautifulSoup

    written, refused = feedback(Course(room["course"]), "delta", unfinished=True)
    ungraded = {student(n, room) for n, case in room["everyone"].items() if case.reason}
    assert set(refused) == ungraded
    source = json.loads((EXERCISES / "delta" / "delta.ipynb").read_text(encoding="utf-8"))
    import nbformat

    secrets = hidden_lines(nbformat.from_dict(nbformat.reads(json.dumps(source), as_version=4)))
    assert len(secrets) > 20
    for path in written:
        page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        text = page.get_text()
        assert not [secret for secret in secrets if secret in text], path
        assert "HIDDEN TESTS" not in text
        scripts = [script.get_text() for script in page.find_all("script")]
        assert not [script for script in scripts if "alert(" in script], path
        links = [link.get("href", "") for link in page.find_all("a")]
        assert not [link for link in links if "script:" in link], path
        assert not [tag for tag in page.find_all(True) if "onclick" in tag.attrs], path
        pictures = [picture.get("src", "") for picture in page.find_all("img")]
        assert not [picture for picture in pictures if "example.org" in picture], path
        assert r"\href" not in text
    form = WRONG_FORMS[0]
    page = room["course"] / "feedback" / student(form_name(form), room) / "delta" / "delta.html"
    assert "AssertionError: " in page.read_text(encoding="utf-8")


def test_grading_again_has_nothing_to_do(room):
    again = grade(Course(room["course"]), "delta", jobs=2, limits=LIMITS, show_progress=False)
    assert again.outcomes == []
    assert len(again.unchanged) == len(room["everyone"])


def test_nbgraders_own_export_still_works(room):
    # The gradebook stays nbgrader's: its tools read it as if nbgrader had graded.
    from nbgrader.plugins.export import CsvExportPlugin

    target = room["course"] / "by-nbgrader.csv"
    with Course(room["course"]).gradebook() as gradebook:
        CsvExportPlugin(to=str(target)).export(gradebook)
    text = target.read_text(encoding="utf-8")
    assert student("Ada Right", room) in text
    assert len(list(csv.reader(io.StringIO(text)))) == len(room["everyone"]) + 1
