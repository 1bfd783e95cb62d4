"""Run one notebook that nobody vouches for, and keep what each cell gave.

Started as a process of its own for each submission (``python -m aelib.teach.execute``), so that
whatever a submission does to the program that listens to it stays with that submission.
"""

import ast
import asyncio
import contextlib
import ctypes
import json
import logging
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import nbformat
import psutil
from IPython.core.inputtransformer2 import TransformerManager
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import ensure_async
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode

from aelib import whole
from aelib.teach import sandbox
from aelib.teach.limits import Limits
from aelib.teach.restore import is_test

if sys.platform == "linux":
    import resource

# The kinds of output that are kept: text and pictures.
SHOWN = {"text/plain", "image/png", "image/jpeg"}
MOST_FILES = 20_000  # that a notebook may have written
SHOWING = ("stream", "display_data", "update_display_data", "execute_result", "error")
MOST_DEEP = 100  # folders within folders
FULL_CELLS = 25  # so many times the output of one cell is kept of a whole notebook
RESTARTS = 3  # how often a notebook is begun again without the cell that brought its kernel down


class Kernel(AsyncKernelManager):
    """A kernel whose command line is given, not looked up among the installed ones."""

    words: list[str]

    @property
    def kernel_spec(self) -> KernelSpec:
        """What to start; it is interrupted by message, because no signal reaches the sandbox."""
        return KernelSpec(
            argv=self.words, display_name="Python 3", language="python", interrupt_mode="message"
        )


class Client(NotebookClient):
    """nbclient, with a limit to the output that is kept of a cell, and failures always recorded."""

    output_bytes: int
    used: dict[int, int]

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        """Keep a message's output while the cell has room left."""
        content = msg["content"]
        if msg["msg_type"] == "error":
            content["ename"] = str(content.get("ename", ""))[:200]
            content["evalue"] = str(content.get("evalue", ""))[:2000]
            content["traceback"] = [str(t)[:5000] for t in content.get("traceback", [])[:30]]
        if msg["msg_type"] in SHOWING:
            before = self.used.get(cell_index, 0)
            room = min(
                self.output_bytes, FULL_CELLS * self.output_bytes - sum(self.used.values()) + before
            )
            self.used[cell_index] = before + len(json.dumps(content, default=str))
            if self.used[cell_index] > room:
                if before <= room:
                    cell.outputs.append(stream("[more output was thrown away]\n"))
                if msg["msg_type"] == "error":
                    # One is enough to know that the cell failed, and must not be lost.
                    if any(output.output_type == "error" for output in cell.outputs):
                        return None
                    return super().process_message(msg, cell, cell_index)
                if msg["msg_type"] != "execute_result":
                    return None
                # A score is a result, and must not be lost behind much output.
                cell.outputs = [o for o in cell.outputs if o.output_type != "execute_result"]
                content["data"] = {"text/plain": str(content["data"].get("text/plain"))[:200]}
        return super().process_message(msg, cell, cell_index)


def stream(text: str) -> NotebookNode:
    """Return printed text as an output."""
    return nbformat.v4.new_output("stream", name="stdout", text=text)


def error(name: str, why: str) -> NotebookNode:
    """Return a failure as an output: a cell without one would count as passed."""
    return nbformat.v4.new_output("error", ename=name, evalue=why, traceback=[f"{name}: {why}"])


def record_failure(*, cell: Any, cell_index: int, execute_reply: Any) -> None:
    """Add the error that the kernel replied with, if the cell did not show it by itself.

    A student's program can switch off the display of errors; the reply still tells of them.
    """
    content = execute_reply["content"]
    name, why = content.get("ename", content["status"]), str(content.get("evalue", ""))
    shown = any(output.output_type == "error" for output in cell.outputs)
    # An interrupted cell shows a KeyboardInterrupt, which does not say that its time was over.
    if content["status"] != "ok" and (not shown or name == "TimeLimit"):
        cell.outputs.append(error(str(name)[:200], why[:2000]))


async def attempt(
    nb: NotebookNode, folder: Path, limits: Limits, *, sandboxed: bool, deadline: float,
    skip: dict[int, str],
) -> tuple[int, str] | None:  # fmt: skip
    """Run all cells in one kernel; return the cell that brought it down, and how, or None."""
    kernel = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    manager = Kernel(connection_file=str(folder / "ipc" / "kernel.json"))
    manager.words = [*kernel, "--HistoryManager.enabled=False"]
    if sandboxed:
        manager.words = sandbox.command(folder, limits) + manager.words
        # A socket in a folder is the only way in to a kernel that has no network. Its name counts
        # from where kernel and listener stand, because it has room for a hundred letters only.
        manager.transport, manager.ip = "ipc", "../ipc/k"
    client = Client(
        nb,
        km=manager,
        resources={"metadata": {"path": str(folder / "work")}},
        timeout=limits.cell_seconds,
        interrupt_on_timeout=True,
        error_on_timeout={
            "ename": "TimeLimit",
            "evalue": f"the cell was stopped after {limits.cell_seconds} seconds",
            "traceback": [],
        },
        allow_errors=True,
        raise_on_iopub_timeout=False,
        iopub_timeout=10,
        startup_timeout=120,
        on_cell_executed=record_failure,
    )
    client.output_bytes, client.used = limits.output_kb * 1024, {}
    excess: list[str] = []
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    async with client.async_setup_kernel(cleanup_kc=True, **quiet):
        watch = asyncio.ensure_future(watcher(manager, folder, limits, deadline, excess))
        try:
            for index, cell in enumerate(nb.cells):
                if cell.cell_type != "code" or not cell.source.strip():
                    continue
                if index in skip:
                    cell.outputs = [error("NotRun", skip[index])]
                    continue
                try:
                    await client.async_execute_cell(cell, index)
                except DeadKernelError:
                    return index, excess[0] if excess else "the cell ended its kernel"
                why: str | None
                timed_out = any(o.get("ename") == "TimeLimit" for o in cell.outputs)
                if timed_out and not await answers(client):
                    why = f"the cell ran longer than {limits.cell_seconds} seconds and ignored the "
                    return index, why + "request to stop"
                # Before the next cell begins, which would be blamed for what this one left. Its end
                # may also have been under way when the watcher brought the kernel down.
                if why := excess[0] if excess else excess_of(manager, folder, limits, deadline):
                    return index, why
        finally:
            watch.cancel()
            kill_all(manager)
    return None


async def answers(client: Client) -> bool:
    """Say whether the kernel still does anything: an interrupted cell may have ignored that."""
    assert client.kc is not None
    message = client.kc.execute("", silent=True)
    until = time.monotonic() + 5
    while (left := until - time.monotonic()) > 0:
        try:
            reply = await ensure_async(client.kc.shell_channel.get_msg(timeout=left))
        except Empty:
            return False
        if reply["parent_header"].get("msg_id") == message:
            return True
    return False


async def watcher(
    manager: Kernel, folder: Path, limits: Limits, deadline: float, excess: list[str]
) -> None:
    """Kill the kernel with all its children when together they take more than they may."""
    while not excess:
        await asyncio.sleep(0.25)
        if why := excess_of(manager, folder, limits, deadline):
            excess.append(why)
            kill_all(manager)


def excess_of(manager: Kernel, folder: Path, limits: Limits, deadline: float) -> str | None:
    """Return what a notebook has taken too much of, or None."""
    processes = family(manager)
    memory = 0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            memory += process.memory_info().rss
    disk, files = written(folder)
    disk += unlinked(processes)
    if memory > limits.memory_mb * 2**20:
        return f"the notebook took more than {limits.memory_mb} MB of memory"
    if len(processes) > limits.processes:
        return f"the notebook started more than {limits.processes} processes"
    if disk > limits.disk_mb * 2**20 or files > MOST_FILES:
        return f"the notebook wrote more than {limits.disk_mb} MB, or too many files"
    if time.monotonic() > deadline:
        return f"the notebook took longer than {limits.total_seconds} seconds in all"
    return None


def written(folder: Path) -> tuple[int, int]:
    """Return the bytes and the number of files in a folder that may change at any moment."""
    size = count = 0
    for place, folders, files in os.walk(folder):
        count += len(folders)
        if len(Path(place).parts) - len(folder.parts) > MOST_DEEP:
            return size, MOST_FILES + 1
        for file in files:
            count += 1
            with contextlib.suppress(OSError):
                found = os.lstat(os.path.join(place, file))
                size += max(found.st_size, 512 * found.st_blocks)
        if count > MOST_FILES:
            break
    return size, count


def unlinked(processes: list[psutil.Process]) -> int:
    """Return the bytes in files that processes hold open and that no folder shows."""
    found = {}
    for process in processes:
        with contextlib.suppress(OSError):  # it has ended, or there is no /proc here
            for entry in os.scandir(f"/proc/{process.pid}/fd"):
                with contextlib.suppress(OSError):
                    file = os.stat(entry.path)
                    if stat.S_ISREG(file.st_mode) and file.st_nlink == 0:
                        found[file.st_dev, file.st_ino] = 512 * file.st_blocks
    return sum(found.values())


def family(manager: Kernel) -> list[psutil.Process]:
    """Return the kernel's process and everything below it."""
    pid = getattr(manager.provisioner, "pid", None)
    if pid is None:
        return []
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.Error:
        return []


def kill_all(manager: Kernel) -> None:
    """End the kernel and its children; in the sandbox, what hides from this dies with its room."""
    for process in family(manager):
        with contextlib.suppress(psutil.Error):
            process.kill()


def tidy(nb: NotebookNode) -> None:
    """Make the outputs of test cells mean what they seem to mean.

    nbgrader reads a score from the first result that a test cell shows, counts a warning on stderr
    as a failure, and full marks where a result is no number. A student's function can show results
    and warn while it is being tested; only the value of the cell's own last line counts.
    """
    for cell in nb.cells:
        for output in cell.get("outputs", []):
            # What a page of nbgrader's would run as a script has no place in it.
            for kind in set(output.get("data", {})) - SHOWN:
                del output.data[kind]
            # nbconvert writes a width or a height into its page without quotation marks.
            if "metadata" in output:
                output.metadata = {}
        if cell.cell_type != "code" or not is_test(cell):
            continue
        failed = [output for output in cell.outputs if output.output_type == "error"]
        results = [output for output in cell.outputs if output.output_type == "execute_result"]
        others = [o for o in cell.outputs if o.output_type not in ("error", "execute_result")]
        for output in others:
            if output.output_type == "stream":
                output.name = "stdout"
        last = last_statement(cell.source)
        # A loop in what is tested shows a KeyboardInterrupt, and behind it that its time was over.
        kept = [output for output in failed if output.ename == "TimeLimit"][:1] or failed[:1]
        # A call may be there for its assertions; any other last expression is the score.
        scores = isinstance(last, ast.Expr)
        must = isinstance(last, ast.Expr) and not isinstance(last.value, ast.Call)
        if not failed and scores and (results or must):
            shown = str(results[-1].data.get("text/plain", "")) if results else ""
            most = cell.metadata.nbgrader.points
            if is_score(shown, float(most)):
                kept = [results[-1]]
            else:
                why = f"the test ended with {shown[:60]!r}, not with 0 to {most}"
                kept = [error("NoScore", why)]
        cell.outputs = others + kept


def last_statement(source: str) -> ast.stmt | None:
    """Return the last statement of a cell, which may hold IPython's own magic."""
    try:
        return next(reversed(ast.parse(TransformerManager().transform_cell(source)).body), None)
    except SyntaxError:  # the cell has failed with it
        return None


def is_score(text: str, most: float) -> bool:
    """Say whether a result is a number from 0 to the points of its cell."""
    try:
        return 0.0 <= float(text) <= most
    except ValueError:
        return False


def execute(
    nb: NotebookNode, *, files: Path | None, limits: Limits, sandboxed: bool, fonts: Path | None
) -> None:
    """Run a notebook in place: every code cell ends up with its outputs, or with an error.

    Parameters
    ----------
    nb : NotebookNode
        What to run; its cells get their outputs.
    files : Path or None
        A folder with what the notebook reads beside itself; its files are copied.
    limits : Limits
        When to stop a cell, and the whole.
    sandboxed : bool
        Whether to run it in `aelib.teach.sandbox`.
    fonts : Path or None
        A matplotlib configuration folder to copy, because its list of fonts takes seconds to make.
    """
    deadline = time.monotonic() + limits.total_seconds
    skip: dict[int, str] = {}
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    with temporary_folder("aelib-") as room:
        for trial in range(RESTARTS + 1):
            folder = room / str(trial)
            for part in ("ipc", "home", "tmp"):
                (folder / part).mkdir(parents=True)
            copy_folder(files, folder / "work")
            copy_folder(fonts, folder / "matplotlib")
            with contextlib.chdir(folder / "work"):
                down = asyncio.run(
                    attempt(nb, folder, limits, sandboxed=sandboxed, deadline=deadline, skip=skip)
                )
            remove(folder)
            if down is None:
                break
            index, why = down
            skip[index] = why
            if trial == RESTARTS or time.monotonic() > deadline:
                for later, cell in enumerate(nb.cells):
                    if later >= index and cell.cell_type == "code" and cell.source.strip():
                        cell.outputs = [error("NotRun", skip.get(later, f"never reached: {why}"))]
                break
    tidy(nb)


@contextlib.contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """Make a folder that is gone afterwards, whatever a submission did in it."""
    folder = Path(tempfile.mkdtemp(prefix=prefix)).resolve()
    try:
        yield folder
    finally:
        remove(folder)


def remove(folder: Path) -> None:
    """Remove a folder, also one that forbids it or that is nested a thousand deep."""
    if os.name == "nt":
        shutil.rmtree(folder, ignore_errors=True)
        return
    # Python's rmtree calls itself for each level, and gives up.
    for words in (["rm", "-rf"], ["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
        if folder.exists():
            subprocess.run([*words, str(folder)], check=False, capture_output=True)


def copy_folder(source: Path | None, target: Path) -> None:
    """Copy a folder's files, or make an empty one."""
    if source is None or not source.is_dir():
        target.mkdir()
    else:
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.ipynb", ".*"))


def bound_to_parent(limits: Limits) -> None:
    """End this process with the one that waits for it, and before it takes too much memory."""
    if sys.platform == "linux":
        set_death_signal = 1  # PR_SET_PDEATHSIG of prctl(2)
        ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL)
        most = resource.getrlimit(resource.RLIMIT_AS)[1]
        # A message of any size that a kernel sends is held here; the kernel has a limit of its own.
        resource.setrlimit(resource.RLIMIT_AS, ((limits.memory_mb + 4096) * 2**20, most))


def main() -> None:
    """Read the job from standard input as JSON, and write the executed notebook."""
    # A kernel that dies is what this program is for; nbclient would report each on stderr.
    logging.getLogger("traitlets").setLevel(logging.CRITICAL)
    job = json.load(sys.stdin)
    limits = Limits(**job["limits"])
    bound_to_parent(limits)
    nb = nbformat.read(job["notebook"], as_version=4)
    execute(
        nb,
        files=Path(job["files"]) if job["files"] else None,
        limits=limits,
        sandboxed=job["sandboxed"],
        fonts=Path(job["fonts"]) if job["fonts"] else None,
    )
    # Half a surrogate pair can be printed, and cannot be written.
    whole.write(job["output"], nbformat.writes(nb).encode("utf-8", "replace"))


if __name__ == "__main__":
    main()
