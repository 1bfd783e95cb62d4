"""What a student gets back: answers, outputs, points and comments, and no line of a hidden test."""

import re
import tempfile
from html import escape
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup
from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbformat import NotebookNode
from nbgrader.api import MissingEntry
from nbgrader.converters import GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import ClearHiddenTests, GetGrades, NbGraderPreprocessor

from aelib.progress import progress_bar
from aelib.teach import restore
from aelib.teach.course import (
    Course,
    NbgraderError,
    convert,
    printable,
    superseded,
    waiting,
    write,
)
from aelib.teach.release import read
from aelib.teach.restore import hidden_lines, is_test

ANSI = re.compile(r"\x1b\[[0-9;]*m")
HEADING = re.compile(r"^##? +(.+)$", re.MULTILINE)  # of a part of an assignment
SCORE = re.compile(r"Score: -?[\d.]+ / [\d.]+")  # as nbgrader's template writes it


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
    course: Course, assignment: str, *, unfinished: bool = False, show_progress: bool = True
) -> tuple[list[Path], dict[str, str]]:
    """Write the feedback of every graded submission of an assignment.

    An earlier page of a student who gets none now is moved to ``superseded/``: it is about other
    points than those that count.

    Parameters
    ----------
    course : Course
        The course.
    assignment : str
        The assignment.
    unfinished : bool, default False
        Whether a submission whose written answers wait for a person gets a page all the same, with
        "not graded yet" in the place of their points; otherwise it is refused.
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
                written.append(feedback_of(course, assignment, student, unfinished=unfinished))
            except (restore.CannotGradeError, NbgraderError, OSError) as reason:
                refused[student] = printable(str(reason)) + set_aside(course, assignment, student)
            bar.update()
    return written, refused


def set_aside(course: Course, assignment: str, student: str) -> str:
    """Move what feedback a student got before out of the way; return what to say of it."""
    earlier = course.root / "feedback" / student / assignment
    if not earlier.is_dir():
        return ""
    try:
        return f"; the earlier page is in {superseded(course, earlier).as_posix()}"
    except OSError as reason:
        return f"; the earlier page is still there ({printable(str(reason))}): do not hand it out"


def ungraded(
    course: Course, assignment: str, student: str, *, unfinished: bool
) -> dict[str, tuple[float, bool]]:
    """Return a submission's cells that wait for a person.

    With each goes the most that it can give, and whether it has points from an earlier look.
    CannotGradeError if there are any and no unfinished page is wanted.
    """
    with course.gradebook() as gradebook:
        try:
            submission = gradebook.find_submission(assignment, student)
        except MissingEntry:
            raise restore.CannotGradeError("not in the gradebook: grade it again") from None
        if (reason := waiting(submission)) and not unfinished:
            raise restore.CannotGradeError(reason)
        return {
            grade.name: (float(grade.max_score), grade.manual_score is not None)
            for notebook in submission.notebooks
            for grade in notebook.grades
            if grade.needs_manual_grade
        }


def headings(nb: NotebookNode) -> dict[str, str]:
    """Return the heading above each cell that gives points, without the points in it."""
    above = ""
    found = {}
    for cell in nb.cells:
        if cell.cell_type == "markdown" and (lines := HEADING.findall(cell.source)):
            above = re.sub(r" *\(\d+ points?\)$", "", plain_markdown(lines[-1]).strip())
        settings = cell.metadata.get("nbgrader", {})
        if settings.get("grade") and above:
            found[settings["grade_id"]] = above
    return found


def finished(
    html: str,
    assignment: str,
    parts: dict[str, str],
    open_cells: dict[str, tuple[float, bool]],
) -> str:
    """Return nbgrader's page with a language, a title and telling links, and no 0 for the unread.

    ``parts`` are the headings above the cells that give points, ``open_cells`` what `ungraded`
    found.
    """
    html = html.replace("<html>", '<html lang="en">', 1)
    title = f"<title>Feedback: {escape(assignment)}</title>"
    html = html.replace(f"<title>{assignment}</title>", title, 1)
    # In nbgrader's contents all links to tests have the same words.
    for name, part in parts.items():
        for words, what in (("Test cell", name), ("Written response", "your answer"),
                            ("Coding free-response", name)):  # fmt: skip
            link = f'<a href="#{name}">'
            html = html.replace(f"{link}{words}</a>", f"{link}{escape(part)}: {what}</a>", 1)
    for name, (_, earlier) in open_cells.items():
        # nbgrader shows a 0 in the contents and in the heading of the cell.
        for place in (f'<a href="#{name}">', f'<a name="{name}">'):
            html = reworded(html, place, "{}, not final yet" if earlier else "not graded yet")
    if open_cells:
        left = sum(most for most, _ in open_cells.values())
        html = reworded(html, "<h4>", f"{{}} so far; {left:g} of these points not graded yet")
    return html


def reworded(html: str, place: str, words: str) -> str:
    """Return a page with other words for the first score behind a place in it."""
    begin = html.find(place)
    found = SCORE.search(html, begin) if begin >= 0 else None
    if found is None:
        raise restore.CannotGradeError(f"nbgrader's page shows no score behind {place}")
    return html[: found.start()] + words.format(found[0]) + html[found.end() :]


def feedback_of(course: Course, assignment: str, student: str, *, unfinished: bool = False) -> Path:
    """Write one student's feedback, if there is any that shows no line of a hidden test."""
    if reason := course.no_grade(assignment, student):
        raise restore.CannotGradeError(reason)
    open_cells = ungraded(course, assignment, student, unfinished=unfinished)
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
        parts = headings(read(course.skeleton(assignment)))
        html = finished(page.read_text(encoding="utf-8"), assignment, parts, open_cells)
        stamps = {
            name: page.with_name(name).read_text(encoding="utf-8", errors="replace")
            for name in restore.EXCHANGE_FILES
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
