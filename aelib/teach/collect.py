"""Bring a class's submissions into the course, from a folder or a learning management system."""

import hashlib
import lzma
import re
import shutil
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from aelib.teach import students
from aelib.teach.course import EXCHANGE_FILES, Course, printable, shortened, student_id
from aelib.teach.students import Student

MOST_BYTES = 200 * 2**20  # of one file in a zip, unpacked; more is nobody's notebook
MOST_FILES = 200  # of one student

# What the standard library raises for a damaged zip, an unknown method, a password.
DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, RuntimeError,
    NotImplementedError,
)  # fmt: skip

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
        If there is nothing there, or no such assignment.
    """
    course.source(assignment)
    roster = students.of_course(course)
    result = Collected([], [], [], [], [])
    with tempfile.TemporaryDirectory(prefix="aelib-collect-") as temporary:
        unpacked = Path(temporary)
        if source.is_dir():
            found = from_folder(source)
        elif zipfile.is_zipfile(source):
            found = from_zip(source, unpacked, result.notes)
        else:
            raise ValueError(f"{source} is neither a folder nor a zip file")
        found = without_outer_folder(found, roster, result.notes)
        numbers = moodle_numbers(path for path, _ in found)
        groups: dict[Student, dict[str, Path]] = {}
        named: dict[str, str] = {}
        for path, file in sorted(found, key=lambda pair: pair[0]):
            student, wanted = whose(path, roster, numbers)
            if student is not None and not (MOODLE.match(path) or CANVAS.match(path)):
                name = path.partition("/")[0].removesuffix(".ipynb")
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
            files = groups.setdefault(student, {})
            if len(files) >= MOST_FILES:
                continue
            name = unused(wanted, files)
            if name != wanted:
                result.notes.append(f"{student.id}: {printable(wanted)} is kept as {name}")
            files[name] = file
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
        if path.is_file() and not path.is_symlink() and not path.name.startswith(".")
    ]


def from_zip(archive: Path, target: Path, notes: list[str]) -> list[tuple[str, Path]]:
    """Unpack a zip's files under names of our own, and return them with their path in it."""
    found = []
    with zipfile.ZipFile(archive) as content:
        for number, entry in enumerate(content.infolist()):
            path = PurePosixPath(entry.filename.encode("utf-8", "replace").decode())
            if entry.is_dir() or path.name.startswith(".") or "__MACOSX" in path.parts:
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
        folders = folders and bool(second & known)
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
    """Return a person's name as it is compared."""
    return unicodedata.normalize("NFC", " ".join(text.split())).casefold()


def whose(
    path: str, roster: list[Student], numbers: dict[str, set[str]]
) -> tuple[Student | None, str]:
    """Return the student whom a submitted file belongs to, and the name that the file had."""
    first, _, rest = path.partition("/")
    if match := MOODLE.match(first):
        name = " ".join(match["name"].split())
        same = [s for s in roster if as_name(f"{s.first_name} {s.last_name}") == as_name(name)]
        if len(same) == 1 and len(numbers[as_name(name)]) == 1:
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
