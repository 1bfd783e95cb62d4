"""How long the book takes to build and to check: ``python -m benchmarks.book``.

Builds the book from nothing, changes one page and builds again, and executes all notebooks against
their stored outputs, as `make test` does. Run it in a checkout of its own, or with everything
committed: the one page is put back afterwards. Writes ``book.csv`` beside this file.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tqdm import tqdm

from aelib import whole
from benchmarks.table import as_csv

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
COMMAND = str(Path(sys.executable).with_name("jupyter-book"))
BUILD = [COMMAND, "build", ".", "-W", "-n", "--keep-going"]
CHECK = [sys.executable, "-m", "pytest", "-q", "--nbval", "-n", "2", "--dist", "loadscope"]


def seconds_of(words: list[str]) -> float:
    """Run a command that has to succeed; return its wall time."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "TQDM_DISABLE": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    begun = time.monotonic()
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return time.monotonic() - begun


def one_page_more() -> float:
    """Add a sentence to a page, build again, and take it away."""
    page = ROOT / "book" / "how-to-use.md"
    text = page.read_text(encoding="utf-8")
    try:
        whole.write(page, text + "\nA sentence more.\n")
        return seconds_of(BUILD)
    finally:
        whole.write(page, text)


def main() -> None:
    """Measure the three and write them."""
    notebooks = sorted(str(path) for path in (ROOT / "notebooks").glob("*.ipynb"))
    rows = []
    with tqdm(total=3, unit="part") as bar:
        shutil.rmtree(ROOT / "_build" / "html", ignore_errors=True)
        for what, measure in (
            ("build the book from its stored outputs", lambda: seconds_of([*BUILD, "--all"])),
            ("build it again after a change to one page", one_page_more),
            ("execute and compare every notebook", lambda: seconds_of([*CHECK, *notebooks])),
        ):
            rows.append({"To": what, "Seconds": f"{measure():.0f}"})
            bar.update()
    text = as_csv(rows)
    whole.write(HERE / "book.csv", text)
    print(text)


if __name__ == "__main__":
    main()
