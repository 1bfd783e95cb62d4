"""The class list, from whatever the learning management system exports."""

import csv
from pathlib import Path
from typing import NamedTuple

from aelib.teach.course import Course, existing, student_id

# The columns of plain lists, of Canvas's gradebook and of Moodle's participants, in small letters.
ID = ("id", "student_id", "id number", "sis login id", "sis user id", "username")
FIRST = ("first_name", "first name")
LAST = ("last_name", "last name", "surname")
EMAIL = ("email", "email address")


class Student(NamedTuple):
    """A student.

    Attributes
    ----------
    id : str
        By this the course knows the student; safe as the name of a folder.
    first_name, last_name, email : str
        Empty if not known.
    lms_user_id : str
        The number that Canvas puts into the names of submitted files; empty if not known.
    """

    id: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    lms_user_id: str = ""


def read_list(path: Path) -> list[Student]:
    """Read a class list.

    Parameters
    ----------
    path : Path
        A CSV file: with columns ``id, first_name, last_name, email``, or Canvas's exported
        gradebook, or Moodle's list of participants.

    Returns
    -------
    list of Student
        In the order of the file.

    Raises
    ------
    ValueError
        If it is not UTF-8, no column holds something to know a student by, or two students share an
        id.
    FileNotFoundError
        If it is not there.
    """
    try:
        with existing(path, "the class list").open(encoding="utf-8-sig", newline="") as file:
            rows = [{(k or "").strip(): v or "" for k, v in row.items() if isinstance(v, str)}
                    for row in csv.DictReader(file)]  # fmt: skip
    except UnicodeDecodeError as reason:
        raise ValueError(f"{path.name} is not UTF-8 text: save it as CSV UTF-8") from reason
    students = []
    for row in rows:
        cells = {name.lower(): value.strip() for name, value in row.items()}
        canvas = "sis login id" in cells
        name = cells.get("student", "")
        if canvas and (not cells.get("id") or name.lower() in ("points possible", "student, test")):
            continue  # the line with the points to be had, and Canvas's own test student
        last, _, first = name.partition(",")
        known_by = ID[1:] + ID[:1] if canvas else (*ID, *EMAIL)
        identity = pick(cells, known_by)
        if not identity:
            raise ValueError(
                f"{path.name}: a line has nothing to know the student by: {row}; needed is one of "
                f"the columns {', '.join(known_by)}, with commas between them"
            )
        students.append(
            Student(
                student_id(identity),
                pick(cells, FIRST) or first.strip(),
                pick(cells, LAST) or last.strip(),
                pick(cells, EMAIL),
                cells["id"] if canvas else "",
            )
        )
    twice = {s.id for s in students if sum(other.id == s.id for other in students) > 1}
    if twice:
        raise ValueError(f"{path.name}: more than one student has the id {sorted(twice)}")
    if not students:
        raise ValueError(f"{path.name} holds no student")
    return students


def pick(cells: dict[str, str], names: tuple[str, ...]) -> str:
    """Return the first of some columns that has something in it."""
    return next((cells[name] for name in names if cells.get(name)), "")


def add(course: Course, students: list[Student]) -> None:
    """Put students into the gradebook; what is known of a student and not empty is kept."""
    with course.gradebook() as gradebook:
        for student in students:
            known = {name: value for name, value in student._asdict().items() if value}
            gradebook.update_or_create_student(known.pop("id"), **known)


def of_course(course: Course) -> list[Student]:
    """Return the students in the gradebook, by id."""
    with course.gradebook() as gradebook:
        return sorted(
            Student(s.id, s.first_name or "", s.last_name or "", s.email or "", s.lms_user_id or "")
            for s in gradebook.students
        )
