"""The commands of an instructor: ``python -m aelib.teach --help``."""

import argparse
import io
import shutil
import signal
import sys
from pathlib import Path

import nbformat

import aelib
from aelib.teach import students
from aelib.teach.collect import collect
from aelib.teach.course import CONFIG, Course, NbgraderError, write
from aelib.teach.export import FORMATS, export
from aelib.teach.feedback import feedback
from aelib.teach.grade import grade
from aelib.teach.limits import Limits
from aelib.teach.release import LeakError, release, student_version

DESCRIPTION = """\
Assign exercises to a class and grade them. In this order:

  init      make the folder of a course, with the book's assignments in it
  students  read the class list
  release   make the student version of an assignment
  collect   bring in what the class handed in
  grade     grade it, each submission in a sandbox
  feedback  write what each student gets back
  export    write the grades as CSV

`publish` writes student versions without a course, for a web page. Written answers
are graded in nbgrader's formgrader: start `jupyter lab` in the course's folder.
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(
        prog="python -m aelib.teach",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, what: str, *, assignment: bool = True) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=what, description=what)
        if assignment:
            made.add_argument("assignment", help="the assignment's name, for example delta")
        if name not in ("init", "publish"):
            made.add_argument(
                "--course", type=Path, default=Path(), help="the course's folder (default: here)"
            )
        return made

    init = command("init", "make the folder of a course", assignment=False)
    init.add_argument("folder", type=Path, help="the folder to make")
    init.add_argument(
        "--sources",
        type=Path,
        help="a folder with a folder for each assignment (default: the book's own)",
    )

    roster = command("students", "read the class list", assignment=False)
    roster.add_argument(
        "file",
        type=Path,
        help="CSV with id, first_name, last_name, email; or Canvas's exported gradebook; or "
        "Moodle's list of participants",
    )

    command("release", "make the student version of an assignment")

    bring = command("collect", "bring in what the class handed in")
    bring.add_argument(
        "source",
        type=Path,
        help="Moodle's or Canvas's zip of all submissions, or a folder with a folder or a notebook "
        "for each student",
    )

    run = command("grade", "grade what is new or has changed")
    run.add_argument("--student", action="append", help="only this student (may be repeated)")
    run.add_argument("--jobs", type=int, help="submissions side by side (default: one a core)")
    run.add_argument("--again", action="store_true", help="grade also what has not changed")
    run.add_argument(
        "--no-sandbox",
        action="store_true",
        help="run submissions with your own rights: they can then read the hidden tests, change "
        "the gradebook, delete your files and use the network",
    )
    for name, default in Limits()._asdict().items():
        run.add_argument(
            f"--{name.replace('_', '-')}", type=int, default=default, help=f"default {default}"
        )

    publish = command("publish", "write the student versions of many assignments", assignment=False)
    publish.add_argument("sources", type=Path, help="a folder that holds NAME/NAME.ipynb")
    publish.add_argument("folder", type=Path, help="where NAME.ipynb is to be written")

    back = command("feedback", "write what each student gets back")
    back.add_argument(
        "--unfinished",
        action="store_true",
        help="write also the pages of those whose written answers wait to be graded, with the "
        "points so far",
    )

    give = command("export", "write the grades as CSV")
    give.add_argument("--format", choices=FORMATS, default="nbgrader", help="whose columns")
    give.add_argument("--to", type=Path, help="the file (default: ASSIGNMENT-FORMAT.csv)")
    give.add_argument(
        "--template",
        type=Path,
        help="Canvas's exported gradebook, or Moodle's grading worksheet, to fill in",
    )
    give.add_argument(
        "--unfinished",
        action="store_true",
        help="give the points so far where written answers wait to be graded",
    )
    return top


def main(words: list[str] | None = None) -> int:
    """Run a command; return its exit status: 1 if something needs a look, 2 if it could not run."""
    given = parser().parse_args(words)
    try:
        return RUN[given.command](given)
    except (ValueError, RuntimeError, LeakError, NbgraderError, OSError) as complaint:
        print(f"{given.command}: {complaint}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. What is done is kept; run the same command again to go on.")
        return 130


def sources_in(folder: Path) -> list[Path]:
    """Return the sources of the assignments in a folder."""
    found = sorted(path for path in folder.glob("*/*.ipynb") if path.stem == path.parent.name)
    if not found:
        raise ValueError(
            f"no assignment in {folder}: it should hold NAME/NAME.ipynb (in a checkout of the book "
            "that folder is notebooks/exercises; name another with --sources)"
        )
    return found


def run_init(given: argparse.Namespace) -> int:
    """Make the folder of a course."""
    sources = given.sources or Path(aelib.__file__).resolve().parents[1] / "notebooks/exercises"
    found = [path.parent for path in sources_in(sources)]
    if given.folder.exists() and any(given.folder.iterdir()):
        raise ValueError(f"{given.folder} is not empty; nothing was changed")
    for folder in found:
        ignore = shutil.ignore_patterns(".*", "__pycache__")
        shutil.copytree(folder, given.folder / "source" / folder.name, ignore=ignore)
    write(given.folder / "nbgrader_config.py", CONFIG)
    print(f"{given.folder} is ready, with {', '.join(folder.name for folder in found)}.")
    return 0


def run_publish(given: argparse.Namespace) -> int:
    """Write the student versions of many assignments, for a web page or a repository."""
    for source in sources_in(given.sources):
        draft = student_version(source)
        write(given.folder / source.name, nbformat.writes(draft) + "\n")
        print(given.folder / source.name)
    return 0


def run_students(given: argparse.Namespace) -> int:
    """Read the class list."""
    found = students.read_list(given.file)
    students.add(Course(given.course), found)
    print(f"{len(found)} students.")
    return 0


def run_release(given: argparse.Namespace) -> int:
    """Make the student version of an assignment."""
    print("Running your source with its own solutions ...", flush=True)
    path = release(Course(given.course), given.assignment)
    print(f"The source reaches full marks, the release gives nothing away. Hand out\n{path}")
    return 0


def run_collect(given: argparse.Namespace) -> int:
    """Bring in what the class handed in."""
    result = collect(Course(given.course), given.assignment, given.source)
    for note in result.notes:
        print(note)
    print(f"{len(result.new)} new, {len(result.changed)} changed, {len(result.same)} as before.")
    return 1 if result.failed else 0


def run_grade(given: argparse.Namespace) -> int:
    """Grade what is new or has changed."""
    if given.jobs is not None and given.jobs < 1:
        raise ValueError(f"--jobs must be at least 1, got {given.jobs}")
    limits = Limits(**{name: getattr(given, name) for name in Limits._fields})
    for name, value in limits._asdict().items():
        if value < 1:
            raise ValueError(f"--{name.replace('_', '-')} must be at least 1, got {value}")
    result = grade(
        Course(given.course),
        given.assignment,
        students=given.student,
        jobs=given.jobs,
        sandboxed=not given.no_sandbox,
        limits=limits,
        again=given.again,
    )
    failed = [outcome for outcome in result.outcomes if outcome.reason]
    course = Course(given.course)
    without = sum(bool(course.no_grade(given.assignment, student)) for student in result.unchanged)
    print(
        f"{len(result.outcomes) - len(failed)} graded, {len(failed)} could not be graded, "
        f"{len(result.unchanged)} unchanged"
        + (f" ({without} of them without a grade: `export` says why)" if without else "")
        + f"; {result.seconds:.0f} s"
        + (
            f", {result.seconds / len(result.outcomes):.1f} s a submission"
            if result.outcomes
            else ""
        )
        + "."
    )
    return 1 if failed else 0


def run_feedback(given: argparse.Namespace) -> int:
    """Write what each student gets back."""
    written, refused = feedback(Course(given.course), given.assignment, unfinished=given.unfinished)
    for student, reason in refused.items():
        print(f"{student:24s} no feedback: {reason}")
    print(f"{len(written)} written, under feedback/STUDENT/{given.assignment}/.")
    return 1 if refused else 0


def run_export(given: argparse.Namespace) -> int:
    """Write the grades as CSV."""
    target = given.to or given.course / f"{given.assignment}-{given.format}.csv"
    found = export(
        Course(given.course),
        given.assignment,
        target,
        columns=given.format,
        template=given.template,
        unfinished=given.unfinished,
    )
    for grade_ in found:
        if grade_.reason:
            print(f"{grade_.student.id:24s} {grade_.reason}")
    print(f"{sum(g.score is not None for g in found)} of {len(found)} grades in {target}.")
    return 0


RUN = {
    "init": run_init,
    "students": run_students,
    "release": run_release,
    "publish": run_publish,
    "collect": run_collect,
    "grade": run_grade,
    "feedback": run_feedback,
    "export": run_export,
}

if __name__ == "__main__":
    # A name that the terminal cannot show must not end a run.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    # A closed terminal or a shut-down ends a run as Ctrl-C does: nothing is left running or lost.
    for number in ("SIGTERM", "SIGHUP"):
        # nohup has a run go on when its terminal is closed.
        if hasattr(signal, number) and signal.getsignal(getattr(signal, number)) != signal.SIG_IGN:
            signal.signal(getattr(signal, number), signal.default_int_handler)
    sys.exit(main())
