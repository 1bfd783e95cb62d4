"""Make an assignment's student version, and see for oneself that it gives nothing away."""

import shutil
import tempfile
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import ClearHiddenTests, ClearMarkScheme, SaveCells
from nbgrader.utils import determine_grade

from aelib.teach.course import CONFIG, Course, convert, write
from aelib.teach.execute import execute
from aelib.teach.limits import Limits
from aelib.teach.restore import hidden_lines, is_answer, is_test

LIMITS = Limits(cell_seconds=300, total_seconds=1200)


class LeakError(Exception):
    """A release that must not be handed out; the message says what is wrong with it."""


def release(course: Course, assignment: str) -> Path:
    """Make the student version of an assignment, check it, and note it in the gradebook.

    Parameters
    ----------
    course : Course
        The course.
    assignment : str
        The assignment's name: ``source/NAME/NAME.ipynb`` is its source.

    Returns
    -------
    Path
        The notebook to hand out.

    Raises
    ------
    LeakError
        If the source does not reach full marks with its own solutions, or the release holds part
        of a solution or of a hidden test, or fails before the first answer; nothing is handed out.
    ValueError
        If there is no such assignment.
    aelib.teach.course.NbgraderError
        If nbgrader cannot make it.
    """
    source = course.source(assignment)
    check_source(read(source), source.parent)
    with tempfile.TemporaryDirectory(prefix="aelib-release-") as name:
        draft = generate(course, assignment, Path(name) / "release")
        check_release(read(source), read(draft), source.parent)
        skeleton = generate(course, assignment, Path(name) / "skeleton", hidden_tests=True)
        generate(course, assignment, course.root / "release", note=True)
        target = course.root / "skeleton" / assignment / f"{assignment}.ipynb"
        write(target, skeleton.read_text(encoding="utf-8"))
    return course.root / "release" / assignment / f"{assignment}.ipynb"


def student_version(source: Path) -> NotebookNode:
    """Return the student version of a source outside any course.

    It is checked to give nothing away, as `release` checks it; its solutions are not run.
    """
    with tempfile.TemporaryDirectory(prefix="aelib-release-") as name:
        root = Path(name)
        write(root / "nbgrader_config.py", CONFIG)
        shutil.copytree(source.parent, root / "source" / source.stem)
        course = Course(root)
        draft = read(generate(course, source.stem, root / "release"))
        check_release(read(source), draft, source.parent)
        return draft


def read(path: Path) -> NotebookNode:
    """Read one of our own notebooks."""
    return nbformat.read(path, as_version=4)


def generate(
    course: Course, assignment: str, folder: Path, *, hidden_tests: bool = False, note: bool = False
) -> Path:
    """Let nbgrader make the release, or what grading starts from, in a folder."""
    config = course.config(assignment_id=assignment, release_directory=str(folder))
    converter = GenerateAssignment(coursedir=CourseDirectory(config=config), config=config)
    converter.force, converter.no_database = True, not note
    if not note:
        left_out = {SaveCells, ClearHiddenTests, ClearMarkScheme} if hidden_tests else {SaveCells}
        converter.preprocessors = [s for s in converter.preprocessors if s not in left_out]
    convert(converter)
    return folder / assignment / f"{assignment}.ipynb"


def check_source(source: NotebookNode, files: Path) -> None:
    """Run a source with its own solutions; LeakError unless every test gives its full points."""
    execute(source, files=files, limits=LIMITS, sandboxed=False, fonts=None)
    complaints = []
    for cell in source.cells:
        failed = next((o for o in cell.get("outputs", []) if o.output_type == "error"), None)
        if failed is not None:
            complaints.append(f"{cell.id}: {failed.ename}: {failed.evalue}")
        elif cell.cell_type == "code" and is_test(cell):
            points, most = determine_grade(cell)
            if points != most:
                complaints.append(f"{cell.id}: {points} of {most} points")
    if complaints:
        raise LeakError("the source's own solution does not pass:\n  " + "\n  ".join(complaints))


def check_release(source: NotebookNode, draft: NotebookNode, files: Path) -> None:
    """Refuse a release that gives something away, or that a student could not begin with."""
    text = "\n".join(cell.source for cell in draft.cells)
    # In prose a part of a line tells enough; code may share a part of a line with a solution.
    prose = "\n".join(cell.source for cell in draft.cells if cell.cell_type != "code")
    code = {line.strip(" #\t") for line in text.split("\n")} - {""}
    secrets = hidden_lines(source) | solution_lines(source)
    complaints = [
        f"it holds {s!r}" for s in sorted(secrets) if s in prose or s.strip(" #\t") in code
    ]
    complaints += [
        f"it holds the marker {marker!r}"
        for marker in ("BEGIN SOLUTION", "END SOLUTION", "HIDDEN TESTS", "MARK SCHEME")
        if marker in text
    ]
    complaints += [f"{cell.id} has outputs" for cell in draft.cells if cell.get("outputs")]

    trial = nbformat.from_dict(draft)
    first = next(
        (i for i, c in enumerate(trial.cells) if is_answer(c) and c.cell_type == "code"),
        len(trial.cells),
    )
    trial.cells = trial.cells[:first]
    execute(trial, files=files, limits=LIMITS, sandboxed=False, fonts=None)
    complaints += [
        f"{cell.id} fails before the first answer: {output.ename}: {output.evalue}"
        for cell in trial.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]
    if complaints:
        raise LeakError("this must not be handed out:\n  " + "\n  ".join(complaints))


def solution_lines(source: NotebookNode) -> set[str]:
    """Return the lines that only solutions hold, without those too short to tell anything."""
    inside: set[str] = set()
    outside: set[str] = set()
    for cell in source.cells:
        marked = "BEGIN SOLUTION" in cell.source
        solving = is_answer(cell) and not marked
        for line in cell.source.split("\n"):
            if "BEGIN SOLUTION" in line:
                solving = True
            elif "END SOLUTION" in line:
                solving = False
            else:
                (inside if solving else outside).add(line.strip())
    return {line for line in inside - outside if len(line) >= 12}
