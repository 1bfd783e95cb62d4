"""Grade a class: each submission in a process of its own, the gradebook written by this one."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from filelock import FileLock, Timeout
from nbformat import NotebookNode
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import parse_utc

from aelib.progress import progress_bar
from aelib.teach import restore, sandbox
from aelib.teach.course import (
    Course,
    NbgraderError,
    content_of,
    convert,
    fingerprint,
    printable,
    write,
)
from aelib.teach.execute import temporary_folder
from aelib.teach.limits import Limits
from aelib.teach.release import read

MOST_BYTES = 40 * 2**20  # of a notebook with its outputs


class Outcome(NamedTuple):
    """How the grading of one submission went.

    Attributes
    ----------
    student : str
        Whose it is.
    reason : str
        Why it could not be graded; empty if it was.
    notes : list of str
        What the instructor should know of it.
    seconds : float
        Wall time that it took.
    settled : bool
        Whether the same submission would come out the same. False where something failed that lies
        outside of it; the next run tries again.
    """

    student: str
    reason: str
    notes: list[str]
    seconds: float
    settled: bool


class Summary(NamedTuple):
    """What `grade` did.

    Attributes
    ----------
    outcomes : list of Outcome
        Of the submissions graded in this run.
    unchanged : list of str
        Students whose submission had been graded before, and has not changed since.
    seconds : float
        Wall time of the run.
    """

    outcomes: list[Outcome]
    unchanged: list[str]
    seconds: float


def grade(
    course: Course,
    assignment: str,
    *,
    students: Iterable[str] | None = None,
    jobs: int | None = None,
    sandboxed: bool = True,
    limits: Limits | None = None,
    again: bool = False,
    show_progress: bool = True,
) -> Summary:
    """Grade every submission of an assignment that is new or has changed.

    Parameters
    ----------
    course : Course
        The course.
    assignment : str
        The assignment; it has been released.
    students : iterable of str, optional
        Only these.
    jobs : int, optional
        How many submissions run side by side; one a core by default.
    sandboxed : bool, default True
        Whether submissions run in the sandbox. Without, they run with your rights.
    limits : Limits, optional
        What a submission may use.
    again : bool, default False
        Whether to grade also what has not changed.
    show_progress : bool, default True
        Whether to show a bar, and a line for each student.

    Returns
    -------
    Summary
        A submission that could not be graded is in it with its reason; it stops nothing.

    Raises
    ------
    ValueError
        If the assignment was not released or is not in the gradebook, or a student has no
        submission.
    RuntimeError
        If there is no working sandbox and one is wanted, or this course is being graded already.
    KeyboardInterrupt
        If you stop it. What has been graded stays; the next run goes on from there.
    """
    begun = time.monotonic()
    limits = limits or Limits()
    if sandboxed and (complaint := sandbox.complaint()):
        raise RuntimeError(complaint)
    course.skeleton(assignment)
    course.in_gradebook(assignment)  # before anything runs for which there is no place
    submissions = course.submissions(assignment)
    if students is not None:
        unknown = sorted(set(students) - set(submissions))
        if unknown:
            raise ValueError(f"no submission of {assignment!r} by {', '.join(unknown)}")
        submissions = {student: submissions[student] for student in sorted(set(students))}

    lock = FileLock(course.root / "grading.lock")
    try:
        with lock.acquire(timeout=0):
            outcomes, unchanged = grade_all(
                course, assignment, submissions, jobs or os.cpu_count() or 1, sandboxed, limits,
                again=again, show_progress=show_progress,
            )  # fmt: skip
    except Timeout as taken:
        raise RuntimeError(
            f"{course.root} is being graded by another run: wait for it, or stop it"
        ) from taken
    return Summary(sorted(outcomes), unchanged, time.monotonic() - begun)


def grade_all(
    course: Course, assignment: str, submissions: dict[str, Path], jobs: int, sandboxed: bool,
    limits: Limits, *, again: bool, show_progress: bool,
) -> tuple[list[Outcome], list[str]]:  # fmt: skip
    """Grade what is new or has changed of some submissions; return also whose had not."""
    skeleton_path = course.skeleton(assignment)
    rules = fingerprint(skeleton_path, *[str(value) for value in limits])
    contents = {student: content_of(folder) for student, folder in submissions.items()}
    keys = {student: f"{rules}-{content}" for student, content in contents.items() if content}
    records = {student: course.record(assignment, student) for student in submissions}
    kept = course.in_gradebook(assignment)
    todo = [
        student
        for student in submissions
        if again
        or student not in keys
        or records[student].get("key") != keys[student]
        # Graded, and then the gradebook was lost.
        or not (student in kept or records[student].get("reason"))
    ]
    skeleton = read(skeleton_path)
    outcomes = []
    with (
        tempfile.TemporaryDirectory(prefix="aelib-grade-") as temporary,
        Workers(jobs) as workers,
        progress_bar(total=len(todo), desc="grading", unit="submission", show=show_progress) as bar,
    ):
        fonts = list_fonts(Path(temporary)) if todo else None
        running: dict[Future[Outcome], str] = {}
        for student in todo:
            job = Job(course, assignment, student, submissions[student], sandboxed, limits, fonts)
            running[workers.submit(run, job, skeleton, workers)] = student
        for done in as_completed(running):
            outcome = done.result()
            try:
                if not outcome.reason:
                    outcome = note_in_gradebook(course, assignment, outcome)
                shown = line(course, assignment, outcome)
            except Exception as failure:  # it must not cost those after this one their grades
                reason = printable(f"no score kept: {type(failure).__name__}: {failure}")
                outcome = outcome._replace(reason=reason, settled=False)
                shown = line(course, assignment, outcome)
            outcomes.append(outcome)
            record = {
                **outcome._asdict(),
                "key": keys.get(outcome.student, "") if outcome.settled else "",
                "content": contents[outcome.student],
            }
            path = course.record_path(assignment, outcome.student)
            write(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
            if show_progress:
                bar.write(shown)
            bar.update()
    return outcomes, [student for student in submissions if student not in todo]


class Job(NamedTuple):
    """One submission to run."""

    course: Course
    assignment: str
    student: str
    folder: Path
    sandboxed: bool
    limits: Limits
    fonts: Path | None


class Workers(ThreadPoolExecutor):
    """Threads that each wait for one process; leaving early ends the processes too."""

    def __init__(self, jobs: int) -> None:
        super().__init__(max_workers=jobs)
        self.processes: set[subprocess.Popen[str]] = set()
        self.lock = threading.Lock()
        self.stopped = False

    def __exit__(self, *failure: Any) -> bool | None:
        """End what still runs if the run is left by an error or by Ctrl-C."""
        if failure[0] is not None:
            with self.lock:
                self.stopped = True
                for process in self.processes:
                    end(process)
            self.shutdown(cancel_futures=True)
        return super().__exit__(*failure)

    def call(self, words: list[str], given: str, seconds: float, folder: Path) -> tuple[int, str]:
        """Run a command with text on its standard input; return its exit status and stderr.

        What it writes to its temporary folder lies in ``folder``, and goes with it.
        """
        with self.lock:
            if self.stopped:
                raise InterruptedError("the run was stopped")
            process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "TMPDIR": str(folder)},
                # Ctrl-C is for this process alone; it ends the others itself.
                start_new_session=True,
            )
            self.processes.add(process)
        try:
            _, said = process.communicate(given, timeout=seconds)
        except subprocess.TimeoutExpired:
            end(process)
            _, said = process.communicate()
        finally:
            with self.lock:
                self.processes.discard(process)
        return process.returncode, said


def end(process: "subprocess.Popen[str]") -> None:
    """Kill a process with its group; its sandbox ends with it."""
    if process.poll() is None:
        if hasattr(os, "killpg"):
            # Another thread may just have been told that it ended.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def run(job: Job, skeleton: NotebookNode, workers: Workers) -> Outcome:
    """Restore and execute one submission; its notebook is left under ``executed/``."""
    begun = time.monotonic()
    notes: list[str] = []
    settled = True
    try:
        wanted = {key for cell in skeleton.cells for key in restore.names(cell)}
        submission, notes = restore.read(job.folder, job.assignment, wanted)
        notebook, found = restore.restore(skeleton, submission)
        notes += found
        reason = execute_apart(job, notebook, workers)
        settled = not reason
        if not reason:  # else what lies under executed/ is of an earlier submission
            notes += failures(job)
    except restore.CannotGradeError as complaint:
        reason = str(complaint)
    except InterruptedError:
        raise
    except Exception as failure:  # whatever it is, it must not cost others a grade
        reason, settled = f"{type(failure).__name__}: {failure}", False
    seconds = round(time.monotonic() - begun, 1)
    return Outcome(job.student, printable(reason), [printable(n) for n in notes], seconds, settled)


def execute_apart(job: Job, notebook: NotebookNode, workers: Workers) -> str:
    """Execute a restored notebook in a process of its own; return why that failed, or nothing."""
    target = executed_path(job.course, job.assignment, job.student)
    target.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder("aelib-job-") as temporary:
        given, result = temporary / "given.ipynb", temporary / "result.ipynb"
        given.write_text(nbformat.writes(notebook), encoding="utf-8")
        description = {
            "notebook": str(given),
            "output": str(result),
            "files": str(job.course.source(job.assignment).parent),
            "limits": job.limits._asdict(),
            "sandboxed": job.sandboxed,
            "fonts": str(job.fonts) if job.fonts else "",
        }
        status, said = workers.call(
            [sys.executable, "-m", "aelib.teach.execute"],
            json.dumps(description),
            seconds=job.limits.total_seconds + 60 + 4 * 30,
            folder=temporary,
        )
        if status != 0 or not result.exists():
            if workers.stopped:
                raise InterruptedError("the run was stopped")
            last = said.strip().splitlines()[-1:] or ["no message"]
            return f"running it failed with status {status}: {last[0][:300]}"
        if result.stat().st_size > MOST_BYTES:
            return f"what it shows takes more than {MOST_BYTES // 2**20} MB"
        write(target, result.read_text(encoding="utf-8"))
    return ""


def executed_path(course: Course, assignment: str, student: str) -> Path:
    """Return where a submission lies once it has run."""
    return course.root / "executed" / student / assignment / f"{assignment}.ipynb"


def failures(job: Job) -> list[str]:
    """Return what stopped cells of a submission, other than an ordinary error."""
    path = executed_path(job.course, job.assignment, job.student)
    return sorted(
        {
            f"{restore.label(cell)}: {output.evalue}"
            for cell in read(path).cells
            for output in cell.get("outputs", [])
            if output.output_type == "error"
            and output.ename in ("NotRun", "TimeLimit", "NoScore")
            and not output.evalue.startswith("never reached")
        }
    )


def note_in_gradebook(course: Course, assignment: str, outcome: Outcome) -> Outcome:
    """Let nbgrader read the points off an executed notebook into its gradebook."""
    config = course.config(
        assignment_id=assignment,
        student_id=outcome.student,
        submitted_directory="executed",
    )
    # The notebook is already put right, and has run: what is left to nbgrader is to keep score.
    config.Autograde.sanitize_preprocessors = []
    config.Autograde.autograde_preprocessors = [
        "nbgrader.preprocessors.LimitOutput",
        "nbgrader.preprocessors.SaveAutoGrades",
        "nbgrader.preprocessors.AssignLatePenalties",
        "nbgrader.preprocessors.CheckCellMetadata",
    ]
    for name in restore.EXCHANGE_FILES:
        stamp = course.root / "submitted" / outcome.student / assignment / name
        beside = executed_path(course, assignment, outcome.student).with_name(name)
        beside.unlink(missing_ok=True)
        if stamp.is_file() and (name != "timestamp.txt" or is_time(stamp)):
            shutil.copyfile(stamp, beside)
    converter = Autograde(coursedir=CourseDirectory(config=config), config=config)
    converter.force = True
    try:
        convert(converter)
    except NbgraderError as failure:
        return outcome._replace(reason=f"nbgrader could not keep score: {failure}", settled=False)
    return outcome


def is_time(stamp: Path) -> bool:
    """Say whether a file holds a time, as nbgrader's exchange writes it; nbgrader fails if not."""
    try:
        parse_utc(stamp.read_text(encoding="utf-8").strip())
    except (ValueError, OverflowError):
        return False
    return True


def points(course: Course, assignment: str, student: str) -> tuple[float, float, bool]:
    """Return a student's points, the most there are, and whether a part waits for a person."""
    with course.gradebook() as gradebook:
        submission = gradebook.find_submission(assignment, student)
        return submission.score, submission.max_score, submission.needs_manual_grade


def line(course: Course, assignment: str, outcome: Outcome) -> str:
    """Return what to show of one student."""
    if outcome.reason:
        return f"{outcome.student:24s} not graded: {outcome.reason}"
    score, most, waiting = points(course, assignment, outcome.student)
    text = f"{outcome.student:24s} {score:6.2f} of {most:g}{' + by hand' if waiting else ''}"
    return "; ".join([f"{text}  {outcome.seconds:5.1f} s", *outcome.notes])


def list_fonts(folder: Path) -> Path:
    """Let matplotlib list this machine's fonts once, for all submissions to copy."""
    target = folder / "matplotlib"
    target.mkdir()
    words = [sys.executable, "-c", "import matplotlib.font_manager"]
    environment = {**os.environ, "MPLCONFIGDIR": str(target)}
    # Without matplotlib there is nothing to list, and a submission that wants it says so itself.
    subprocess.run(words, env=environment, check=False, capture_output=True)
    return target
