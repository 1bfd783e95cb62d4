"""What a student gets back: answers, outputs, points and comments, and no line of a hidden test."""

import re
import tempfile
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup
from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbformat import NotebookNode
from nbgrader.converters import GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import ClearHiddenTests, GetGrades, NbGraderPreprocessor

from aelib.progress import progress_bar
from aelib.teach import restore
from aelib.teach.course import EXCHANGE_FILES, Course, NbgraderError, convert, printable, write
from aelib.teach.release import read
from aelib.teach.restore import hidden_lines, is_test

ANSI = re.compile(r"\x1b\[[0-9;]*m")


class HideTests(NbGraderPreprocessor):
    """Take out of the outputs what shows a hidden test.

    A failing test's traceback quotes the test, and a student's program may print what it sees of
    the tests. The message of a failed assertion stays: it is written for the student.
    """

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """Change a notebook's outputs in place."""
        secrets = hidden_lines(nb)
        for cell in nb.cells:
            outputs = cell.get("outputs", [])
            for output in outputs:
                if output.output_type == "error" and is_test(cell):
                    output.traceback = [f"{output.ename}: {output.evalue}"]
            cell_outputs = [o for o in outputs if not secrets & shown_lines(o, secrets)]
            if len(cell_outputs) < len(outputs):
                cell_outputs.append(
                    NotebookNode(
                        output_type="stream",
                        name="stdout",
                        text="[an output was taken out: it showed part of a hidden test]\n",
                    )
                )
            if "outputs" in cell:
                cell.outputs = cell_outputs
            if cell.cell_type == "markdown":
                cell.source = plain_markdown(cell.source)
        return nb, resources


def plain_markdown(source: str) -> str:
    """Return the book's Markdown without what only the book's builder understands."""
    source = re.sub(r"^\([\w-]+\)=\n", "", source, flags=re.MULTILINE)
    source = re.sub(
        r"^[:`]{3,}\{\w+\} *(.*)\n(?::.*\n)*", r"**\1**\n\n", source, flags=re.MULTILINE
    )
    source = re.sub(r"^:{3,} *$", "", source, flags=re.MULTILINE)
    source = re.sub(r"^(\$\$) *\([\w-]+\) *$", r"\1", source, flags=re.MULTILINE)
    return re.sub(r"\{\w+\}`([^`<]+?)(?: *<[^`>]*>)?`", r"\1", source)


def shown_lines(output: NotebookNode, secrets: set[str]) -> set[str]:
    """Return the lines of hidden tests that an output shows."""
    pieces = [output.get("text", ""), output.get("evalue", ""), *output.get("traceback", [])]
    pieces += [str(value) for kind, value in output.get("data", {}).items() if kind != "image/png"]
    text = ANSI.sub("", "\n".join(str(piece) for piece in pieces)).replace("\\n", "\n")
    return {secret for secret in secrets if secret in text or repr(secret)[1:-1] in text}


def feedback(
    course: Course, assignment: str, *, show_progress: bool = True
) -> tuple[list[Path], dict[str, str]]:
    """Write the feedback of every graded submission of an assignment.

    Parameters
    ----------
    course : Course
        The course.
    assignment : str
        The assignment.
    show_progress : bool, default True
        Whether to show a bar.

    Returns
    -------
    written : list of Path
        The HTML files.
    refused : dict of str to str
        Students who got none, and why.
    """
    course.skeleton(assignment)
    submissions = course.submissions(assignment)
    written, refused = [], {}
    total = len(submissions)
    with progress_bar(total=total, desc="feedback", unit="page", show=show_progress) as bar:
        for student in submissions:
            try:
                written.append(feedback_of(course, assignment, student))
            except (restore.CannotGradeError, NbgraderError, OSError) as reason:
                refused[student] = printable(str(reason))
            bar.update()
    return written, refused


def feedback_of(course: Course, assignment: str, student: str) -> Path:
    """Write one student's feedback, if there is any that shows no line of a hidden test."""
    if reason := course.no_grade(assignment, student):
        raise restore.CannotGradeError(reason)
    with tempfile.TemporaryDirectory(prefix="aelib-feedback-") as folder:
        config = course.config(
            assignment_id=assignment, student_id=student, feedback_directory=folder
        )
        converter = GenerateFeedback(coursedir=CourseDirectory(config=config), config=config)
        converter.force = True
        # Not a setting of nbgrader's: its own `generate_feedback` shows hidden tests.
        converter.preprocessors = [
            GetGrades,
            HideTests,
            ClearHiddenTests,
            CSSHTMLHeaderPreprocessor,
        ]
        convert(converter)
        page = Path(folder) / student / assignment / f"{assignment}.html"
        html = page.read_text(encoding="utf-8")
        stamps = {
            name: page.with_name(name).read_text(encoding="utf-8", errors="replace")
            for name in EXCHANGE_FILES
            if page.with_name(name).is_file()
        }
    graded = course.root / "autograded" / student / assignment / f"{assignment}.ipynb"
    secrets = hidden_lines(read(graded))
    text = BeautifulSoup(html, "html.parser").get_text()
    leaked = sorted(secret for secret in secrets if secret in text)
    if leaked:
        raise restore.CannotGradeError(f"it would show a hidden test: {leaked[0]!r}")
    target = course.root / "feedback" / student / assignment / f"{assignment}.html"
    for name, stamp in stamps.items():
        write(target.with_name(name), stamp)
    write(target, html)
    return target
