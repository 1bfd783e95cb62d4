"""How long each chapter runs, and how much memory it takes: ``python -m benchmarks.chapters``.

Executes a copy of every chapter in a kernel of its own, one after the other, on one thread as
`make notebooks` does, and writes two tables for the book's status page: ``chapters.csv`` and
``versions.csv`` beside this file. The chapters themselves are not changed.
"""

import os
import platform
import shutil
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient
from tqdm import tqdm

from aelib import whole
from benchmarks.table import as_csv

HERE = Path(__file__).resolve().parent
CHAPTERS = sorted((HERE.parent / "notebooks").glob("*.ipynb"))
PACKAGES = ("numpy", "scipy", "scikit-learn", "matplotlib", "torch", "sympy", "anywidget",
            "jupyter-book", "nbval")  # fmt: skip


class Measured(NotebookClient):
    """Executes a notebook and notes after each cell what its kernel has used."""

    cpu_seconds = 0.0
    peak_mb = 0.0

    def note_use(self, **_: object) -> None:
        """Read the kernel's processor time and its memory after each cell."""
        kernel = psutil.Process(self.km.provisioner.pid)
        times = kernel.cpu_times()
        self.cpu_seconds = times.user + times.system
        self.peak_mb = max(self.peak_mb, kernel.memory_info().rss / 2**20)


def measure(path: Path, folder: Path) -> dict[str, str]:
    """Execute a chapter; return its row of the table."""
    notebook = nbformat.read(path, as_version=4)
    for program in path.parent.glob("*.py"):  # what a chapter starts
        shutil.copy(program, folder)
    client = Measured(notebook, timeout=600, resources={"metadata": {"path": str(folder)}})
    client.on_cell_executed = client.note_use
    begun = time.monotonic()
    client.execute()
    seconds = time.monotonic() - begun
    title = next(line for line in notebook.cells[0].source.split("\n") if line.startswith("# "))
    return {
        "Chapter": f"{int(path.stem[:2])} · {title[2:]}",
        "Seconds": f"{seconds:.0f}",
        "Processor seconds": f"{client.cpu_seconds:.0f}",
        "Memory (MB)": f"{client.peak_mb:.0f}",
    }


def main() -> None:
    """Measure all chapters."""
    os.environ["OMP_NUM_THREADS"], os.environ["TQDM_DISABLE"] = "1", "1"
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for path in tqdm(CHAPTERS, unit="chapter", disable=False):
            rows.append(measure(path, Path(folder)))
    total = {"Chapter": "All"}
    for name in ("Seconds", "Processor seconds"):
        total[name] = str(sum(int(row[name]) for row in rows))
    total["Memory (MB)"] = str(max(int(row["Memory (MB)"]) for row in rows))
    whole.write(HERE / "chapters.csv", as_csv([*rows, total]))
    versions = [{"Part": "Python", "Version": platform.python_version()}]
    versions += [{"Part": name, "Version": version(name)} for name in PACKAGES]
    versions.append(
        {
            "Part": "Machine",
            "Version": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        }
    )
    whole.write(HERE / "versions.csv", as_csv(versions))


if __name__ == "__main__":
    main()
