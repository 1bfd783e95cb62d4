"""The folder of a course: where its files lie, and how nbgrader is told about it.

::

    course/
      nbgrader_config.py     nbgrader's settings; its own commands and formgrader work here too
      gradebook.db           nbgrader's gradebook
      source/A/A.ipynb       the instructor's assignment, with solutions and hidden tests
      release/A/A.ipynb      what students get
      skeleton/A/A.ipynb     the release with its hidden tests still in it: what grading starts from
      submitted/S/A/         what student S handed in, as it came
      superseded/S/A/N/      what S had handed in before, and feedback that no longer holds
      executed/S/A/A.ipynb   brought back onto the skeleton, and run
      autograded/S/A/        nbgrader's record of it
      grading/A/S.json       how the grading of S went
      feedback/S/A/A.html    what S gets back
"""

import hashlib
import json
import logging
import os
import re
import sys
import unicodedata
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import SAWarning
from traitlets.config.loader import Config, PyFileConfigLoader

from aelib import whole

CONFIG = """\
# Settings of nbgrader for this course; `python -m aelib.teach` reads them too.
c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "autoencoders"
# No script of a student's runs in the page of whoever grades it.
c.HTMLExporter.filters = {"markdown2html": "aelib.teach.markdown.harmless_html"}
"""


class Course:
    """A course in a folder.

    Parameters
    ----------
    root : Path
        The folder; it has an ``nbgrader_config.py``.

    Raises
    ------
    ValueError
        If it is not the folder of a course.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        if not (self.root / "nbgrader_config.py").is_file():
            raise ValueError(
                f"{root} is not the folder of a course: it has no nbgrader_config.py; make a "
                "course with `python -m aelib.teach init FOLDER`, or name its folder with --course"
            )
        if set("[]*?") & set(str(self.root)):
            raise ValueError(
                f"nbgrader cannot work in {self.root}: it takes [, ], * and ? in a path for "
                "patterns; move the course to a folder whose path has none of them"
            )
        # nbgrader starts `alembic` by name when it makes a gradebook; it lies beside this Python.
        beside = str(Path(sys.executable).parent)
        if beside not in os.environ.get("PATH", "").split(os.pathsep):
            os.environ["PATH"] = beside + os.pathsep + os.environ.get("PATH", "")

    def config(self, **settings: Any) -> Config:
        """Return nbgrader's configuration of this course, with more settings of CourseDirectory."""
        config = PyFileConfigLoader("nbgrader_config.py", path=str(self.root)).load_config()
        config.CourseDirectory.root = str(self.root)
        config.CourseDirectory.update(settings)
        return config

    def gradebook(self) -> Gradebook:
        """Open the gradebook; use it in a ``with`` statement."""
        directory = CourseDirectory(config=self.config())
        return Gradebook(directory.db_url, directory.course_id)

    def in_gradebook(self, assignment: str) -> set[str]:
        """Return whose submissions the gradebook knows; ValueError if not even the assignment."""
        with self.gradebook() as gradebook:
            try:
                gradebook.find_assignment(assignment)
            except MissingEntry:
                raise ValueError(
                    f"assignment {assignment!r} is not in the gradebook, which was lost or "
                    "replaced since its release: put gradebook.db back, or run `python -m "
                    f"aelib.teach release {assignment}` again"
                ) from None
            return {found.student.id for found in gradebook.assignment_submissions(assignment)}

    def assignments(self) -> list[str]:
        """Return the names of the assignments that have a source."""
        return sorted(path.parent.name for path in (self.root / "source").glob("*/*.ipynb"))

    def source(self, assignment: str) -> Path:
        """Return an assignment's source; ValueError if there is none, or more than one notebook."""
        found = sorted((self.root / "source" / assignment).glob("*.ipynb"))
        if len(found) != 1 or found[0].stem != assignment:
            raise ValueError(
                f"assignment {assignment!r} needs the one notebook source/{assignment}/"
                f"{assignment}.ipynb, found {[path.name for path in found]}; the assignments here "
                f"are {self.assignments()}"
            )
        return found[0]

    def skeleton(self, assignment: str) -> Path:
        """Return what grading starts from; ValueError if the assignment was not released."""
        path = self.root / "skeleton" / assignment / f"{assignment}.ipynb"
        if not path.is_file():
            self.source(assignment)
            raise ValueError(
                f"assignment {assignment!r} has not been released yet: run `python -m aelib.teach "
                f"release {assignment}` first"
            )
        return path

    def submissions(self, assignment: str) -> dict[str, Path]:
        """Return each student's folder of files, by the student's id."""
        folders = sorted((self.root / "submitted").glob(f"*/{assignment}"))
        return {folder.parent.name: folder for folder in folders if folder.is_dir()}

    def record_path(self, assignment: str, student: str) -> Path:
        """Return where it is noted how the grading of a submission went."""
        return self.root / "grading" / assignment / f"{student}.json"

    def record(self, assignment: str, student: str) -> dict[str, Any]:
        """Return how the grading of a submission went; empty if it was not graded yet."""
        try:
            found = json.loads(self.record_path(assignment, student).read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return found if isinstance(found, dict) else {}

    def no_grade(self, assignment: str, student: str) -> str:
        """Return why what a student handed in has no grade; empty if it has one."""
        record = self.record(assignment, student)
        if not record:
            return "not graded yet"
        if record.get("content") != content_of(self.root / "submitted" / student / assignment):
            return "handed in again since it was graded: grade it first"
        return str(record["reason"])


def existing(path: Path, what: str) -> Path:
    """Return a path that somebody named; FileNotFoundError if nothing is there."""
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is not there: name {what} by its path, or put it into the folder in which you "
            "are, the course's folder"
        )
    return path


def superseded(course: Course, folder: Path) -> Path:
    """Move a folder ``KIND/S/A`` to ``superseded/S/A/``; return where in the course it is then."""
    kind, student, assignment = folder.relative_to(course.root).parts
    when = datetime.now(UTC).strftime("%Y-%m-%d-%H%M%S-%f")
    aside = Path(
        "superseded", student, assignment, when + ("" if kind == "submitted" else f"-{kind}")
    )
    (course.root / aside).parent.mkdir(parents=True, exist_ok=True)
    folder.rename(course.root / aside)
    return aside


def waiting(submission: Any) -> str:
    """Say what of a submission in the gradebook waits for a person; empty if nothing does."""
    return "written answers wait to be graded" if submission.needs_manual_grade else ""


class NbgraderError(Exception):
    """A step of nbgrader's that failed; the message is what it logged."""


class Heard(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message."""
        self.messages.append(record.getMessage())


def convert(converter: Any) -> None:
    """Run a converter of nbgrader's; NbgraderError if it fails, with the reason that it logged."""
    heard = Heard()
    converter.log.addHandler(heard)
    try:
        with warnings.catch_warnings():
            # SQLAlchemy 2 remarks on the order in which nbgrader 0.9.6 makes a submission.
            warnings.filterwarnings(
                "ignore", "Object of type <Submitted.*> not in session", SAWarning
            )
            converter.start()
    except NbGraderException as failure:
        # The reason is the traceback's last line; what follows it only refers to it.
        traces = [m for m in heard.messages if m.startswith("Traceback")] or heard.messages
        last = traces[-1].strip().splitlines()[-1] if traces else str(failure)
        raise NbgraderError(last) from failure
    finally:
        converter.log.removeHandler(heard)


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all, and make its folder if there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole.write(path, text)


def fingerprint(path: Path, *more: str) -> str:
    """Return a checksum of a file or of a folder's files, and of texts beside them."""
    digest = hashlib.sha256()
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    for file in files:
        name = file.relative_to(path).as_posix() if path.is_dir() else file.name
        # A file handed in by hand may have a name that is not UTF-8.
        digest.update(f"{name}\0{file.stat().st_size}\0".encode("utf-8", "surrogateescape"))
        digest.update(file.read_bytes())
    for text in more:
        digest.update(f"\0{text}".encode())
    return digest.hexdigest()


def content_of(folder: Path) -> str:
    """Return a checksum of what a student handed in; empty if it cannot be read."""
    try:
        return fingerprint(folder)
    except OSError:
        return ""


def student_id(text: str) -> str:
    """Return a student's id that is safe as the name of a folder, and in a table."""
    # Letters of many scripts are written with marks, which may come composed or apart.
    kept = (
        c if c.isalnum() or c in "_.@+-" or unicodedata.category(c) in ("Mn", "Mc") else "-"
        for c in unicodedata.normalize("NFC", text)
    )
    safe = re.sub("-{2,}", "-", "".join(kept)).strip("-.+@")
    if not any(c.isalnum() for c in safe):
        raise ValueError(f"{text!r} cannot be the id of a student: no letter or digit in it")
    return shortened(safe)


def shortened(name: str, most: int = 200) -> str:
    """Return a name of a file, cut to so many bytes; a checksum then keeps it apart from others."""
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending) > 10:
        stem, dot, ending = name, "", ""
    whole = name.encode()
    if len(whole) <= most:
        return name
    mark = hashlib.sha256(whole).hexdigest()[:12]
    room = most - len(f"-{mark}{dot}{ending}".encode())
    return f"{stem.encode()[:room].decode(errors='ignore')}-{mark}{dot}{ending}"


def printable(text: str, most: int = 300) -> str:
    """Return a text that came from a student so that a terminal and a file can take it."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:most])
