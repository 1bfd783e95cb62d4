"""Bring a submission back onto the notebook that was handed out.

Students delete, copy, rename and unlock cells, by accident or not. So nothing of a submission is
trusted but two things: the answers, recognised by their names, and cells that were added.
"""

import copy
import json
import re
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

MOST_BYTES = 20 * 2**20
MOST_CELLS = 2000
FEWEST_LETTERS = 20  # of an added text cell that may be an answer in the wrong place
MOST_PICTURES = 8 * 2**20  # of one answer, as text
# What nbgrader's exchange puts beside a submission: when it came, and a secret that the name of its
# feedback is made of. nbgrader looks for both beside the feedback.
EXCHANGE_FILES = ("timestamp.txt", "submission_secret.txt")
BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")


class CannotGradeError(Exception):
    """A submission that holds nothing to grade; the message says why."""


def read(folder: Path, name: str, wanted: set[str]) -> tuple[dict[str, Any], list[str]]:
    """Find and read the notebook among a student's files.

    Parameters
    ----------
    folder : Path
        The files that one student handed in.
    name : str
        What the notebook should be called, without ``.ipynb``.
    wanted : set of str
        The names of the assignment's cells: a file called otherwise is known by them.

    Returns
    -------
    notebook : dict
        The notebook as it stands in the file.
    notes : list of str
        What the instructor should know.

    Raises
    ------
    CannotGradeError
        If there is no readable notebook with a cell of this assignment, or more than one candidate.
    """
    files = [
        path
        for path in sorted(folder.rglob("*"), key=lambda p: (p.name != f"{name}.ipynb", p))
        if path.is_file()
        and path.name not in EXCHANGE_FILES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    found: list[Path] = []
    complaints = []
    first: dict[str, Any] = {}
    for path in files:
        try:
            notebook = parse(path)
        except CannotGradeError as complaint:
            complaints.append(f"{path.name[:80]}: {complaint}")
            continue
        if not wanted & {key for cell in notebook["cells"] for key in names(cell)}:
            complaints.append(f"{path.name[:80]}: no cell of this assignment in it")
        elif not found:
            found, first = [path], notebook
        elif list(map(source_of, notebook["cells"])) != list(map(source_of, first["cells"])):
            found.append(path)  # which of them counts is not for this program to guess
    if len(found) > 1:
        which = ", ".join(path.name[:80] for path in found[:5])
        raise CannotGradeError(f"more than one notebook of this assignment: {which}")
    if not found:
        raise CannotGradeError("; ".join(complaints[:5]) or "no file")
    exact = found[0].name == f"{name}.ipynb"
    return first, [] if exact else [f"taken from {found[0].name!r}"]


def parse(path: Path) -> dict[str, Any]:
    """Return a notebook file's content, sound enough for `restore`."""
    if path.stat().st_size > MOST_BYTES:
        raise CannotGradeError(f"larger than {MOST_BYTES // 2**20} MB")
    try:
        notebook = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as reason:  # not UTF-8, not JSON, a number without end
        raise CannotGradeError(f"not a notebook, or cut off ({type(reason).__name__})") from reason
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise CannotGradeError("not a notebook of format 4: it has no list of cells")
    if len(notebook["cells"]) > MOST_CELLS:
        raise CannotGradeError(f"more than {MOST_CELLS} cells")
    notebook["cells"] = [cell for cell in notebook["cells"] if isinstance(cell, dict)]
    return notebook


def names(cell: dict[str, Any]) -> list[str]:
    """Return what a submitted cell may be known by: its grade_id, else its id."""
    return [key for key in (settings_of(cell).get("grade_id"), cell.get("id")) if type(key) is str]


def settings_of(cell: dict[str, Any]) -> dict[str, Any]:
    """Return what nbgrader noted in a submitted cell; empty if that is missing or malformed."""
    metadata = cell.get("metadata")
    settings = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return settings if isinstance(settings, dict) else {}


def source_of(cell: dict[str, Any]) -> str:
    """Return a cell's text, which a notebook file may hold as a list of lines."""
    source = cell.get("source", "")
    if isinstance(source, list):
        source = "".join(str(line) for line in source)
    # Half a surrogate pair can stand in JSON, and in no file.
    return str(source).encode("utf-8", "replace").decode()


def pictures_of(cell: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Return the pictures pasted into a cell, as the notebook format keeps them."""
    found: dict[str, dict[str, str]] = {}
    attachments = cell.get("attachments")
    for name, kinds in attachments.items() if isinstance(attachments, dict) else ():
        for kind, data in kinds.items() if isinstance(kinds, dict) else ():
            size = sum(len(text) for picture in found.values() for text in picture.values())
            small = isinstance(data, str) and size + len(data) <= MOST_PICTURES
            if kind in ("image/png", "image/jpeg") and small and BASE64.fullmatch(data):
                found[name] = {kind: data}
    return found


def restore(skeleton: NotebookNode, submission: dict[str, Any]) -> tuple[NotebookNode, list[str]]:
    """Put a submission's answers, and the cells it added, into the notebook handed out.

    Parameters
    ----------
    skeleton : NotebookNode
        The assignment with its solutions cleared and its hidden tests in place.
    submission : dict
        As `read` returns it.

    Returns
    -------
    notebook : NotebookNode
        The skeleton's cells in their order; the answers are the student's, and a cell that the
        student added stands behind the cell that it stood behind. If an answer is there twice, as
        after JupyterLab's "Split Cell", the first in which there is something is the answer, and
        another is an added cell. If a written answer is empty, texts of the assignment into which
        the student wrote are kept as added cells, too.
    notes : list of str
        What was missing, doubled, changed or empty, a cell each.
    """
    whole = copy.deepcopy(skeleton)
    known: dict[str, int] = {}
    for index, cell in enumerate(whole.cells):
        for key in names(cell):
            known.setdefault(key, index)
    added: dict[int, list[NotebookNode]] = {}
    overwritten: dict[int, NotebookNode] = {}  # texts of the assignment, as the student left them
    seen: set[int] = set()
    notes = []
    behind = -1
    for cell in submission["cells"]:
        index = next((known[key] for key in names(cell) if key in known), -1)
        if index < 0:
            extra = as_extra(cell)
            if extra is not None:
                added.setdefault(behind, []).append(extra)
            continue
        target = whole.cells[index]
        nothing = ("", skeleton.cells[index].source.strip())
        if index in seen:
            extra = as_extra(cell)
            if not is_answer(target) or extra is None or extra.source.strip() in nothing:
                notes.append(f"{label(target)} stands there twice: the first counts")
            elif target.source.strip() in nothing:
                notes.append(f"{label(target)} stands there twice: the second counts")
                take(target, cell)
            else:
                notes.append(f"{label(target)} stands there twice: both are kept")
                # Code takes effect where it stood; a text belongs to its first half.
                place = behind if target.cell_type == "code" else index
                added.setdefault(place, []).append(extra)
            continue
        seen.add(index)
        behind = index
        if is_answer(target):
            take(target, cell)
        elif is_test(target) and changed(target, cell):
            notes.append(f"{label(target)} differs from the release as it is now: yours counts")
        elif target.cell_type == "markdown" and not is_test(target):
            text = as_extra({**cell, "cell_type": "markdown"})
            if text and new_letters(target.source, text.source) >= FEWEST_LETTERS:
                overwritten[index] = text
    notes += [
        f"{label(cell)} was missing: put back"
        for index, cell in enumerate(whole.cells)
        if index not in seen and (is_answer(cell) or is_test(cell))
    ]
    extras = [extra for cells in added.values() for extra in cells]
    empty = empty_answers(skeleton, whole, [*extras, *overwritten.values()])
    notes += empty
    for index, text in overwritten.items() if empty else ():
        added.setdefault(index, []).insert(0, text)
    whole.cells = added.get(-1, []) + [
        piece for index, cell in enumerate(whole.cells) for piece in [cell, *added.get(index, [])]
    ]
    return whole, notes


def empty_answers(
    skeleton: NotebookNode, whole: NotebookNode, extras: list[NotebookNode]
) -> list[str]:
    """Return a note for each written answer without a word in it; call before cells are added.

    nbgrader gives 0 points for a written answer that is as it was released. If the student wrote
    some text elsewhere, the answer may stand there, and a person looks at it.
    """
    elsewhere = any(
        is_text(extra) and len(extra.source.strip()) >= FEWEST_LETTERS for extra in extras
    )
    notes = []
    for released, cell in zip(skeleton.cells, whole.cells, strict=True):
        if not is_written(cell) or cell.source.strip() not in ("", released.source.strip()):
            continue
        note = f"{label(cell)}: written answer empty"
        if elsewhere:
            # By this checksum nbgrader knows that nothing was written.
            cell.metadata.nbgrader.pop("checksum", None)
            note += ", but there is text elsewhere: see whether the answer is there"
        notes.append(note)
    return notes


def take(target: NotebookNode, cell: dict[str, Any]) -> None:
    """Make a submitted cell's text, and the pictures in it, the answer."""
    target.source = source_of(cell)
    if target.cell_type == "markdown" and (pictures := pictures_of(cell)):
        target.attachments = pictures


def new_letters(before: str, after: str) -> int:
    """Return how many letters stand in lines that were not there before."""
    old = {line.strip() for line in before.split("\n")}
    lines = (line.strip() for line in after.split("\n"))
    return sum(len(line) for line in lines if line not in old)


def is_text(cell: NotebookNode) -> bool:
    """Say whether somebody writes in a cell: a text cell, comments, a string, or plain prose."""
    lines = [line.strip() for line in cell.source.split("\n") if line.strip()]
    return (
        cell.cell_type == "markdown"
        or all(line.startswith("#") for line in lines)
        or (lines[0][0] in "\"'" and lines[-1][-1] == lines[0][0])
        or is_prose(cell.source)
    )


def is_prose(source: str) -> bool:
    """Say whether five words stand in a row, as they hardly do in a program."""
    run = 0
    for word in source[:20_000].split():
        run = run + 1 if word.strip(".,;:!?").isalpha() else 0
        if run == 5:
            return True
    return False


def label(cell: NotebookNode) -> str:
    """Return what to call a cell in a note."""
    name = cell.metadata.get("nbgrader", {}).get("grade_id")
    return str(name) if name else f"the cell {cell.source[:30]!r}"


def is_answer(cell: NotebookNode) -> bool:
    """Say whether the student writes in this cell."""
    return bool(cell.metadata.get("nbgrader", {}).get("solution"))


def is_written(cell: NotebookNode) -> bool:
    """Say whether the student writes in this cell, and a person gives points for it."""
    return is_answer(cell) and bool(cell.metadata.nbgrader.get("grade"))


def is_test(cell: NotebookNode) -> bool:
    """Say whether this cell gives points for what other cells hold."""
    settings = cell.metadata.get("nbgrader", {})
    return bool(settings.get("grade")) and not settings.get("solution")


def changed(target: NotebookNode, cell: dict[str, Any]) -> bool:
    """Say whether a submitted test differs from the one that was handed out, or its points do."""
    if settings_of(cell).get("points") != target.metadata.nbgrader["points"]:
        return True
    return source_of(cell).strip() != without_hidden(target.source).strip()


def without_hidden(source: str) -> str:
    """Return a test as the student got it."""
    visible, hidden = [], False
    for line in source.split("\n"):
        if "BEGIN HIDDEN TESTS" in line:
            hidden = True
        elif "END HIDDEN TESTS" in line:
            hidden = False
        elif not hidden:
            visible.append(line)
    return "\n".join(visible)


def hidden_lines(nb: NotebookNode) -> set[str]:
    """Return the lines that only hidden tests hold, without those too short to tell anything.

    A line that can be read in what is visible, as part of a longer one or because the student
    wrote the same, tells nothing.
    """
    lines = {line.strip() for cell in nb.cells for line in cell.source.split("\n")}
    visible = "\n".join(without_hidden(cell.source) for cell in nb.cells)
    return {
        line
        for line in lines
        if len(line) >= 12 and "HIDDEN TESTS" not in line and line not in visible
    }


def is_browser_note(cell: dict[str, Any], source: str) -> bool:
    """Say whether this is the note in the copy that runs in a browser (book/lite.py), untouched."""
    whole = source.rstrip().endswith("```") and source.count("```") == 2
    return cell.get("id") == "in-your-browser" and whole


def as_extra(cell: dict[str, Any]) -> NotebookNode | None:
    """Return a cell that the student added, with nothing of it that could be taken for a test."""
    source = source_of(cell)
    if not source.strip() or is_browser_note(cell, source):
        return None
    if cell.get("cell_type") == "code":
        return nbformat.v4.new_code_cell(source)
    text = nbformat.v4.new_markdown_cell(source)
    if pictures := pictures_of(cell):
        text.attachments = pictures
    return text
