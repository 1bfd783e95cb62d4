"""Grades as CSV: nbgrader's columns, Canvas's or Moodle's.

A grade that is not there is an empty field with a reason beside it, never a 0.
"""

import csv
import io
import re
from pathlib import Path
from typing import Any, NamedTuple

from nbgrader.api import MissingEntry

from aelib.teach import students
from aelib.teach.course import Course, existing, student_id, waiting, write
from aelib.teach.students import Student

FORMATS = ("nbgrader", "canvas", "moodle")


class Grade(NamedTuple):
    """A student's grade.

    Attributes
    ----------
    student : Student
        Whose.
    score : float or None
        Points after a penalty for lateness; None if there is no grade, or none yet.
    raw, penalty : float or None
        The points before, and the penalty.
    most : float
        The most that could be had.
    timestamp, duedate : str
        When it was handed in, and when it was due; empty if not known.
    reason : str
        Why there is no grade, or what it lacks.
    """

    student: Student
    score: float | None
    raw: float | None
    penalty: float | None
    most: float
    timestamp: str
    duedate: str
    reason: str


def grades(course: Course, assignment: str, *, unfinished: bool = False) -> list[Grade]:
    """Return the grade of every student of the course.

    Parameters
    ----------
    course : Course
        The course.
    assignment : str
        The assignment.
    unfinished : bool, default False
        Whether a submission whose written answers wait for a person gets the points that it has so
        far; otherwise it has no grade yet.
    """
    course.skeleton(assignment)
    course.in_gradebook(assignment)
    found = []
    handed_in = course.submissions(assignment)
    everyone = students.of_course(course)
    listed = {student.id for student in everyone}
    everyone += [Student(name) for name in handed_in if name not in listed]
    with course.gradebook() as gradebook:
        known = gradebook.find_assignment(assignment)
        duedate, most = str(known.duedate or ""), float(known.max_score)
        for student in everyone:
            empty = Grade(student, None, None, None, most, "", duedate, "")
            if student.id not in handed_in:
                found.append(empty._replace(reason="no submission"))
                continue
            if reason := course.no_grade(assignment, student.id):
                found.append(empty._replace(reason=reason))
                continue
            try:
                submission = gradebook.find_submission(assignment, student.id)
            except MissingEntry:
                found.append(empty._replace(reason="not in the gradebook: grade it again"))
                continue
            penalty = float(submission.late_submission_penalty or 0.0)
            raw = float(submission.score)
            reason = waiting(submission)
            found.append(
                empty._replace(
                    score=max(0.0, raw - penalty) if unfinished or not reason else None,
                    raw=raw,
                    penalty=penalty,
                    timestamp=str(submission.timestamp or ""),
                    reason=reason,
                )
            )
    return found


def export(
    course: Course,
    assignment: str,
    target: Path,
    *,
    columns: str = "nbgrader",
    template: Path | None = None,
    unfinished: bool = False,
) -> list[Grade]:
    """Write the grades of an assignment as a CSV file.

    Parameters
    ----------
    course : Course
        The course.
    assignment : str
        The assignment.
    target : Path
        The file.
    columns : {"nbgrader", "canvas", "moodle"}, default "nbgrader"
        For whom.
    template : Path, optional
        Canvas's exported gradebook, or Moodle's grading worksheet, to fill in: the surest way to
        have the system know its students again. Other columns stay as they are.
    unfinished : bool, default False
        As for `grades`.

    Returns
    -------
    list of Grade
        What was exported; students without a score have a reason, those without a row too.

    Raises
    ------
    ValueError
        If the columns are unknown, or the template has no column to know students or put grades in.
    FileNotFoundError
        If the template is not there.
    """
    if columns not in FORMATS:
        raise ValueError(f"columns must be one of {FORMATS}, got {columns!r}")
    found = grades(course, assignment, unfinished=unfinished)
    if columns == "nbgrader":
        rows = [nbgrader_row(assignment, grade) for grade in found]
    elif template is not None:
        text_of_template, entered = fill(template, assignment, found, columns)
        write(target, text_of_template)
        nowhere = f"points, but no row in {template.name}: enter them by hand, or download it again"
        return [
            grade
            if grade.score is None or grade.student.id in entered
            else grade._replace(score=None, reason=f"{shown(grade.score)} {nowhere}")
            for grade in found
        ]
    elif columns == "canvas":
        rows = [canvas_row(assignment, grade) for grade in found]
    else:
        rows = [moodle_row(assignment, grade) for grade in found]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write(target, text.getvalue())
    return found


def shown(value: float | None) -> str:
    """Return a number as text, nothing as nothing."""
    return "" if value is None else f"{value:g}"


def as_text(value: str) -> str:
    """Return a text of a student's as a cell that a spreadsheet does not take for a formula."""
    return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def nbgrader_row(assignment: str, grade: Grade) -> dict[str, Any]:
    """Return a row with nbgrader's columns, and the reason."""
    return {
        "assignment": assignment,
        "duedate": grade.duedate,
        "timestamp": grade.timestamp,
        "student_id": grade.student.id,
        "last_name": as_text(grade.student.last_name),
        "first_name": as_text(grade.student.first_name),
        "email": as_text(grade.student.email),
        "raw_score": shown(grade.raw),
        "late_submission_penalty": shown(grade.penalty),
        "score": shown(grade.score),
        "max_score": shown(grade.most),
        "reason": as_text(grade.reason),
    }


def canvas_row(assignment: str, grade: Grade) -> dict[str, Any]:
    """Return a row as Canvas imports it."""
    student = grade.student
    return {
        "Student": as_text(f"{student.last_name}, {student.first_name}".strip(", ") or student.id),
        "ID": student.lms_user_id,
        "SIS User ID": "",
        "SIS Login ID": student.id,
        "Section": "",
        assignment: shown(grade.score),
    }


def moodle_row(assignment: str, grade: Grade) -> dict[str, Any]:
    """Return a row as Moodle imports it into its gradebook."""
    student = grade.student
    return {
        "ID number": student.id,
        "First name": as_text(student.first_name),
        "Last name": as_text(student.last_name),
        "Email address": as_text(student.email),
        assignment: shown(grade.score),
        "Feedback comments": as_text(grade.reason),
    }


def fill(template: Path, assignment: str, found: list[Grade], columns: str) -> tuple[str, set[str]]:
    """Return a downloaded file with the grades filled in, and the ids of those whose row it has."""
    try:
        with existing(template, "the downloaded file").open(
            encoding="utf-8-sig", newline=""
        ) as file:
            rows = list(csv.reader(file))
    except UnicodeDecodeError as reason:
        raise ValueError(f"{template.name} is not UTF-8 text: save it as CSV UTF-8") from reason
    headings = rows[0] if rows else []
    if columns == "canvas":
        # Canvas writes "delta (1234)": the assignment and its number there.
        goals = [k for k, h in enumerate(headings)
                 if h == assignment or h.startswith(f"{assignment} (")]  # fmt: skip
    else:
        goals = [k for k, heading in enumerate(headings) if heading == "Grade"]
    if len(goals) != 1 and columns == "canvas":
        raise ValueError(
            f"{template.name} needs one column for the grades of {assignment!r}, it has "
            f"{headings}; "
            "give the column this name, or the assignment that of the column"
        )
    if len(goals) != 1:
        raise ValueError(
            f"{template.name} needs one column 'Grade', as Moodle's grading worksheet has it when "
            f"Moodle speaks English; it has {headings}"
        )
    known = {heading: index_of(heading, [grade.student for grade in found]) for heading in headings}
    grades_of = {grade.student.id: grade for grade in found}
    full_names = [as_key(row[headings.index("Full name")]) for row in rows[1:]
                  if "Full name" in headings and len(row) == len(headings)]  # fmt: skip
    entered: set[str] = set()
    for row in rows[1:]:
        if len(row) <= goals[0]:
            continue
        cells = dict(zip(headings, row, strict=False))
        ids = [known[h].get(as_key(cells.get(h) or "")) for h in IDENTITY if h in cells]
        if full_names.count(as_key(cells.get("Full name", ""))) > 1:
            ids = ids[:-1]  # two of one name: the name tells nothing
        student = next((identity for identity in ids if identity), None)
        if student is not None and grades_of[student].reason == "no submission":
            # The list may know a person otherwise than Moodle, whose number names the files.
            student = known.get("Identifier", {}).get(as_key(cells.get("Identifier") or ""))
            if student is not None and as_key(cells.get("Full name") or "") not in {
                as_key(name) for name in in_column("Full name", grades_of[student].student)
            }:
                student = None
        if student is not None and grades_of[student].reason != "no submission":
            # No score is an empty cell, also where an older one stood.
            row[goals[0]] = shown(grades_of[student].score)
            entered.add(student)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue(), entered


# What the systems know a student by, the surest first.
IDENTITY = ("ID", "SIS Login ID", "SIS User ID", "ID number", "Email address", "Identifier",
            "Full name")  # fmt: skip


def index_of(heading: str, everyone: list[Student]) -> dict[str, str]:
    """Return students' ids by what stands in a column; what two of them share is left out."""
    shared: dict[str, set[str]] = {}
    for student in everyone:
        for key in in_column(heading, student):
            shared.setdefault(as_key(key), set()).add(student.id)
    return {key: ids.pop() for key, ids in shared.items() if key and len(ids) == 1}


def in_column(heading: str, student: Student) -> list[str]:
    """Return what may stand for a student in a column of a downloaded file."""
    if heading == "ID":
        return [student.lms_user_id]
    if heading in ("SIS Login ID", "SIS User ID", "ID number"):
        return [student.id]
    if heading == "Email address":
        return [student.email, student.id if "@" in student.id else ""]
    full_name = f"{student.first_name} {student.last_name}"
    if heading == "Full name":
        return [full_name]
    if heading == "Identifier":
        # `collect` makes ids of a name and Moodle's number where it has no class list.
        made = re.fullmatch(rf"{re.escape(student_id(full_name))}-(\d+)", student.id) if (
            full_name.strip()) else None  # fmt: skip
        return [f"Participant {made[1]}"] if made else []
    return []


def as_key(value: str) -> str:
    """Return a text as it is compared."""
    return " ".join(value.split()).casefold()
