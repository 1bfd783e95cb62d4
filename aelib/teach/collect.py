"""Bring a class's submissions into the course, from a folder or a learning management system."""

import hashlib
import lzma
import re
import shutil
import tempfile
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from aelib.teach import students
from aelib.teach.course import (
    Course,
    existing,
    printable,
    shortened,
    student_id,
    superseded,
)
from aelib.teach.restore import EXCHANGE_FILES
from aelib.teach.students import Student

MOST_BYTES = 200 * 2**20  # of one file in a zip, unpacked; more is nobody's notebook
MOST_FILES = 200  # of one student

# What the standard library raises for a damaged zip, an unknown method (a RuntimeError too), a
# password.
DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, RuntimeError
)  # fmt: skip

# Moodle: "Ada Lovelace_1234567_assignsubmission_file_/delta.ipynb", or "..._file_delta.ipynb".
# Newer ones write "..._file/delta.ipynb".
MOODLE = re.compile(r"^(?P<name>.+?)_(?P<number>\d+)_assignsubmission_[a-z]+(?:_(?P<file>[^/]*))?$")
# Canvas: "lovelaceada_LATE_1234_56789_delta-1.ipynb"; it adds -1, -2 to later attempts.
# What was typed into its form is "lovelaceada_1234_text.html".
CANVAS = re.compile(
    r"^(?P<name>[^_/]+)_(?P<late>LATE_)?(?P<number>\d+)_(?:\d+_(?P<file>.+)|text\.html)$"
)


class Collected(NamedTuple):
    """What `collect` did.

    Attributes
    ----------
    new, changed, same : list of str
        Students, by what became of their submissions.
    failed : list of str
        Students whose files could not be copied; what lay there before lies there still.
    notes : list of str
        What the instructor should know.
    """

    new: list[str]
    changed: list[str]
    same: list[str]
    failed: list[str]
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
        If there is no submission in it, or no such assignment.
    FileNotFoundError
        If it is not there.
    """
    course.source(assignment)
    roster = students.of_course(course)
    result = Collected([], [], [], [], [])
    with tempfile.TemporaryDirectory(prefix="aelib-collect-") as temporary:
        unpacked = Path(temporary)
        if existing(source, "the zip or folder of submissions").is_dir():
            found = from_folder(source)
        elif zipfile.is_zipfile(source):
            found = from_zip(source, unpacked, result.notes)
        else:
            raise ValueError(f"{source} is neither a folder nor a zip file")
        found = without_strays(found, result.notes)
        found = without_outer_folder(found, roster, result.notes)
        numbers = moodle_numbers(path for path, _ in found)
        groups: dict[Student, dict[str, Path]] = {}
        named: dict[str, str] = {}
        left_out: Counter[str] = Counter()
        # Notebooks first: they count, if somebody hands in too many files.
        for path, file in sorted(found, key=lambda pair: (not pair[0].endswith(".ipynb"), pair[0])):
            first = path.partition("/")[0]
            student, wanted = whose(path, roster, numbers)
            if student is not None and not (MOODLE.match(first) or CANVAS.match(first)):
                name = first.removesuffix(".ipynb")
                if named.setdefault(student.id, name) != name:
                    raise ValueError(
                        f"{named[student.id]!r} and {name!r} would be one student, "
                        f"{student.id!r}: rename one of them; nothing was collected"
                    )
            if student is None:
                result.notes.append(f"{printable(path)}: belongs to no student, left out")
                continue
            if PurePosixPath(wanted).name in EXCHANGE_FILES:
                # It says when something was handed in, and a student can have written it.
                result.notes.append(f"{student.id}: {printable(wanted)} left out")
                continue
            if (match := CANVAS.match(first)) and match["late"]:
                late = f"{student.id}: late (Canvas)"
                if late not in result.notes:
                    result.notes.append(late)
            files = groups.setdefault(student, {})
            if len(files) >= MOST_FILES:
                left_out[student.id] += 1
                continue
            name = unused(wanted, files)
            if name != wanted:
                result.notes.append(f"{student.id}: {printable(wanted)} is kept as {name}")
            files[name] = file
        result.notes.extend(
            f"{student}: more than {MOST_FILES} files, {number} left out"
            for student, number in left_out.items()
        )
        if not groups:
            raise ValueError(f"no submission found in {source}")
        students.add(course, list(groups))
        for student, files in groups.items():
            try:
                place(course, assignment, student.id, files, result)
            except OSError as reason:
                result.failed.append(student.id)
                result.notes.append(f"{student.id}: not collected ({printable(str(reason))})")
            if roster and student.id not in {known.id for known in roster}:
                result.notes.append(f"{student.id}: not on the class list, added")
    return result


def from_folder(folder: Path) -> list[tuple[str, Path]]:
    """Return the files of a folder with their path in it; links are not followed."""
    return [
        # A name that is not UTF-8, as old zip programs make them, is made so.
        (path.relative_to(folder).as_posix().encode("utf-8", "replace").decode(), path)
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and not hidden(path.relative_to(folder).parts)
    ]


def from_zip(archive: Path, target: Path, notes: list[str]) -> list[tuple[str, Path]]:
    """Unpack a zip's files under names of our own, and return them with their path in it."""
    found = []
    with zipfile.ZipFile(archive) as content:
        for number, entry in enumerate(content.infolist()):
            path = PurePosixPath(entry.filename.encode("utf-8", "replace").decode())
            if entry.is_dir() or hidden(path.parts):
                continue
            if entry.file_size > MOST_BYTES:
                notes.append(f"{printable(str(path))}: {entry.file_size // 2**20} MB, left out")
                continue
            file = target / str(number)
            try:
                with content.open(entry) as packed, file.open("wb") as plain:
                    shutil.copyfileobj(packed, plain)
            except DAMAGED as reason:
                if getattr(reason, "errno", None) is not None:
                    raise  # not the zip's fault: the disk is full, for example
                notes.append(f"{printable(str(path))}: cannot be unpacked ({reason}), left out")
                continue
            parts = [part for part in path.parts if part not in ("/", "..", ".")]
            found.append(("/".join(parts), file))
    return found


def hidden(parts: tuple[str, ...]) -> bool:
    """Say whether a path is what a system or Jupyter keeps for itself, and nobody handed in."""
    return any(p == "__MACOSX" or (p.startswith(".") and p not in (".", "..")) for p in parts)


def without_strays(found: list[tuple[str, Path]], notes: list[str]) -> list[tuple[str, Path]]:
    """Leave out what lies beside the students' folders and is no submission."""
    kept = []
    for path, file in found:
        if "/" in path or path.endswith(".ipynb") or MOODLE.match(path) or CANVAS.match(path):
            kept.append((path, file))
        else:
            notes.append(f"{printable(path)}: belongs to no student, left out")
    return kept


def without_outer_folder(
    found: list[tuple[str, Path]], roster: list[Student], notes: list[str]
) -> list[tuple[str, Path]]:
    """Take away the folder that holds the whole class, if everything lies in one."""
    outer = {path.partition("/")[0] for path, _ in found}
    if len(outer) != 1:
        return found
    (name,) = outer
    inner = [path.partition("/")[2] for path, _ in found]
    second = {path.partition("/")[0] for path in inner}
    of_a_system = any(MOODLE.match(part) or CANVAS.match(part) for part in second)
    known = {student.id for student in roster}
    folders = all("/" in path for path in inner) and len(second) > 1
    if roster:
        # With a list, also notebooks named by their students.
        folders = bool({part.removesuffix(".ipynb") for part in second} & known)
    if name in known or MOODLE.match(name) or not (of_a_system or folders):
        return found
    notes.append(f"everything lies in {printable(name)!r}: taken for the class's folder")
    return [(path, file) for path, (_, file) in zip(inner, found, strict=True)]


def moodle_numbers(paths: Iterable[str]) -> dict[str, set[str]]:
    """Return the numbers that Moodle puts behind each name; two of them are two people."""
    numbers: dict[str, set[str]] = {}
    for path in paths:
        if match := MOODLE.match(path.partition("/")[0]):
            numbers.setdefault(as_name(match["name"]), set()).add(match["number"])
    return numbers


def as_name(text: str) -> str:
    """Return a person's name as it is compared: without the signs that Moodle drops."""
    plain = re.sub(r"""['"&<>:/\\|`]""", "", unicodedata.normalize("NFC", text))
    return " ".join(plain.split()).casefold()


def whose(
    path: str, roster: list[Student], numbers: dict[str, set[str]]
) -> tuple[Student | None, str]:
    """Return the student whom a submitted file belongs to, and the name that the file had."""
    first, _, rest = path.partition("/")
    if match := MOODLE.match(first):
        name = " ".join(match["name"].split())
        file = rest or match["file"] or "file"
        # The number tells apart two students of one name, and is the same for all their files.
        numbered = student_id(f"{name}-{match['number']}")
        if earlier := [student for student in roster if student.id == numbered]:
            return earlier[0], file
        same = [
            student
            for student in roster
            if as_name(f"{student.first_name} {student.last_name}") == as_name(name)
            # One who is only known from another number is another person.
            and not re.fullmatch(rf"{re.escape(student_id(name))}-\d+", student.id)
        ]
        if len(same) == 1 and len(numbers[as_name(name)]) == 1:
            return same[0], file
        given, _, family = name.rpartition(" ")
        return Student(numbered, given, family), file
    if match := CANVAS.match(first):
        same = [s for s in roster if s.lms_user_id == match["number"]]
        known = same[0] if same else Student(
            student_id(f"{match['name']}-{match['number']}"), "", match["name"], "", match["number"]
        )  # fmt: skip
        return known, re.sub(r"-\d+(\.\w+)$", r"\1", rest or match["file"] or "text.html")
    known_ids = {student.id: student for student in roster}
    try:
        identity = student_id(first if rest else PurePosixPath(first).stem)
    except ValueError:
        return None, path
    return known_ids.get(identity, Student(identity)), rest or first


def unused(name: str, files: dict[str, Path]) -> str:
    """Return a name, safe within a folder, that no other file of the student has."""
    parts = [re.sub(r"[\x00-\x1f\\:]+", "-", part) for part in name.split("/") if part]
    safe = "/".join(shortened(part) for part in parts) or "file"
    taken = {other.casefold() for other in files}
    folders = {str(folder) for other in taken for folder in PurePosixPath(other).parents}
    # A file cannot have the name of a folder; a path can be too long for the system.
    if (
        len(safe.encode()) > 1000
        or safe.casefold() in folders
        or taken & {str(folder) for folder in PurePosixPath(safe.casefold()).parents}
    ):
        safe = shortened(safe.replace("/", "-"))
    stem, dot, ending = safe.rpartition(".")
    number = 1
    while safe.casefold() in taken or safe.casefold() in folders:
        number += 1
        safe = f"{stem or ending}-{number}{dot}{ending}"
    return safe


def place(
    course: Course, assignment: str, student: str, files: dict[str, Path], result: Collected
) -> None:
    """Put a student's files in their place; what lay there is moved aside."""
    target = course.root / "submitted" / student / assignment
    if target.is_dir():
        before = {path: checksum(file) for path, file in from_folder(target)}
        if before == {path: checksum(file) for path, file in files.items()}:
            result.same.append(student)
            return
    part = target.with_name(f".{assignment}.part")
    shutil.rmtree(part, ignore_errors=True)
    for path, file in files.items():
        (part / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, part / path)
    if target.is_dir():
        superseded(course, target)
        result.changed.append(student)
    else:
        result.new.append(student)
    part.rename(target)


def checksum(path: Path) -> str:
    """Return a checksum of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
