"""Bring a class's submissions into the course, from a folder or a learning management system."""

import hashlib
import re
import shutil
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from aelib.teach import students
from aelib.teach.course import Course, student_id
from aelib.teach.students import Student

MOST_BYTES = 200 * 2**20  # of one file in a zip, unpacked; more is nobody's notebook
MOST_FILES = 200  # of one student

# Moodle: "Ada Lovelace_1234567_assignsubmission_file_/delta.ipynb", or "..._file_delta.ipynb".
MOODLE = re.compile(r"^(?P<name>.+?)_(?P<number>\d+)_assignsubmission_\w+?_(?P<file>[^/]*)$")
# Canvas: "lovelaceada_LATE_1234_56789_delta-1.ipynb"; it adds -1, -2 to later attempts.
CANVAS = re.compile(r"^(?P<name>[^_/]+)_(?:LATE_)?(?P<number>\d+)_\d+_(?P<file>.+)$")


class Collected(NamedTuple):
    """What `collect` did.

    Attributes
    ----------
    new, changed, same : list of str
        Students, by what became of their submissions.
    notes : list of str
        What the instructor should know.
    """

    new: list[str]
    changed: list[str]
    same: list[str]
    notes: list[str]


def collect(course: Course, assignment: str, source: Path) -> Collected:
    """Copy a class's submissions to ``submitted/``.

    Parameters
    ----------
    course : Course
        The course.
    assignment : str
        The assignment that they belong to.
    source : Path
        Moodle's or Canvas's zip of all submissions, or a folder: the unpacked zip, or one with a
        folder or a notebook for each student, named by the student's id. It is only read.

    Returns
    -------
    Collected
        What became of each submission. An earlier one of the same student is moved to
        ``superseded/``, not deleted.

    Raises
    ------
    ValueError
        If there is nothing there, or no such assignment.
    """
    course.source(assignment)
    roster = students.of_course(course)
    result = Collected([], [], [], [])
    with tempfile.TemporaryDirectory(prefix="aelib-collect-") as temporary:
        unpacked = Path(temporary)
        if source.is_dir():
            found = from_folder(source)
        elif zipfile.is_zipfile(source):
            found = from_zip(source, unpacked, result.notes)
        else:
            raise ValueError(f"{source} is neither a folder nor a zip file")
        groups: dict[Student, dict[str, Path]] = {}
        named: dict[str, str] = {}
        for path, file in sorted(found.items()):
            student, wanted = whose(path, roster)
            if student is not None and not (MOODLE.match(path) or CANVAS.match(path)):
                name = path.partition("/")[0].removesuffix(".ipynb")
                if named.setdefault(student.id, name) != name:
                    raise ValueError(
                        f"{named[student.id]!r} and {name!r} would be one student, "
                        f"{student.id!r}: rename one of them; nothing was collected"
                    )
            if student is None:
                result.notes.append(f"{path}: belongs to no student, left out")
                continue
            files = groups.setdefault(student, {})
            if len(files) < MOST_FILES:
                files[unused(wanted, files)] = file
        if not groups:
            raise ValueError(f"no submission found in {source}")
        students.add(course, list(groups))
        for student, files in groups.items():
            place(course, assignment, student.id, files, result)
            if roster and student.id not in {known.id for known in roster}:
                result.notes.append(f"{student.id}: not on the class list, added")
    return result


def from_folder(folder: Path) -> dict[str, Path]:
    """Return the files of a folder by their path in it; links are not followed."""
    return {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and not path.name.startswith(".")
    }


def from_zip(archive: Path, target: Path, notes: list[str]) -> dict[str, Path]:
    """Unpack a zip's files under names of our own, and return them by the path they have in it."""
    found = {}
    with zipfile.ZipFile(archive) as content:
        for number, entry in enumerate(content.infolist()):
            path = PurePosixPath(entry.filename)
            if entry.is_dir() or path.name.startswith(".") or "__MACOSX" in path.parts:
                continue
            if entry.file_size > MOST_BYTES:
                notes.append(f"{path}: {entry.file_size // 2**20} MB, left out")
                continue
            file = target / str(number)
            try:
                with content.open(entry) as packed, file.open("wb") as plain:
                    shutil.copyfileobj(packed, plain)
            except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as reason:
                notes.append(f"{path}: cannot be unpacked ({reason}), left out")
                continue
            found["/".join(part for part in path.parts if part not in ("/", "..", "."))] = file
    return found


def whose(path: str, roster: list[Student]) -> tuple[Student | None, str]:
    """Return the student whom a submitted file belongs to, and the name that the file had."""
    first, _, rest = path.partition("/")
    if match := MOODLE.match(first):
        name = " ".join(match["name"].split())
        same = [s for s in roster if f"{s.first_name} {s.last_name}".casefold() == name.casefold()]
        if len(same) == 1:
            return same[0], rest or match["file"]
        given, _, family = name.rpartition(" ")
        # The number tells apart two students of one name, and is the same for all their files.
        unknown = Student(student_id(f"{name}-{match['number']}"), given, family)
        return unknown, rest or match["file"]
    if match := CANVAS.match(first):
        same = [s for s in roster if s.lms_user_id == match["number"]]
        known = same[0] if same else Student(
            student_id(f"{match['name']}-{match['number']}"), "", match["name"], "", match["number"]
        )  # fmt: skip
        return known, re.sub(r"-\d+(\.\w+)$", r"\1", rest or match["file"])
    known_ids = {student.id: student for student in roster}
    try:
        identity = student_id(first if rest else PurePosixPath(first).stem)
    except ValueError:
        return None, path
    return known_ids.get(identity, Student(identity)), rest or first


def unused(name: str, files: dict[str, Path]) -> str:
    """Return a name, safe within a folder, that no other file of the student has."""
    safe = "/".join(re.sub(r"[\x00-\x1f\\:]+", "-", part) for part in name.split("/") if part)
    stem, dot, ending = safe.rpartition(".")
    number = 1
    while safe in files:
        number += 1
        safe = f"{stem or ending}-{number}{dot}{ending}"
    return safe or "file"


def place(
    course: Course, assignment: str, student: str, files: dict[str, Path], result: Collected
) -> None:
    """Put a student's files in their place; what lay there is moved aside."""
    target = course.root / "submitted" / student / assignment
    if target.is_dir():
        before = {path: checksum(file) for path, file in from_folder(target).items()}
        if before == {path: checksum(file) for path, file in files.items()}:
            result.same.append(student)
            return
    part = target.with_name(f".{assignment}.part")
    shutil.rmtree(part, ignore_errors=True)
    for path, file in files.items():
        (part / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, part / path)
    if target.is_dir():
        aside = course.root / "superseded" / student / assignment
        aside.mkdir(parents=True, exist_ok=True)
        target.rename(aside / datetime.now(UTC).strftime("%Y-%m-%d-%H%M%S-%f"))
        result.changed.append(student)
    else:
        result.new.append(student)
    part.rename(target)


def checksum(path: Path) -> str:
    """Return a checksum of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
