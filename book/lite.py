"""Build the part of the book that runs in the reader's browser: ``_build/html/lite``.

It is JupyterLite with a Python that runs as WebAssembly (Pyodide), the chapters that need no
PyTorch, and aelib. Run it after ``jupyter-book build``; ``make book`` does both.

Only Pyodide and the compiled packages (numpy, scipy, matplotlib, scikit-learn, ...) are left to
Pyodide's public host, in the versions that this Pyodide was released with. Everything else lies
beside the book.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

from run_in_browser import browser_copy  # noqa: E402

OUT = ROOT / "_build" / "html" / "lite"
# Loaded from Pyodide's host while Python starts, all at once. A chapter's other imports (SymPy)
# are loaded when they are met.
FROM_PYODIDE = [
    *("micropip", "ipython", "jedi"),
    *("numpy", "scipy", "matplotlib", "scikit-learn", "tqdm", "typing-extensions"),
]
# Pure Python that Pyodide does not have: the kernel needs comm, a slider the others.
OUR_WHEELS = ["comm", "ipywidgets", "psygnal", "anywidget"]
# What the page needs of JupyterLab's extensions; the environment holds more.
EXTENSIONS = [
    "@jupyter-widgets/jupyterlab-manager",
    "@jupyterlite/pyodide-kernel-extension",
    "anywidget",
    "jupyterlab-myst",
    "jupyterlab_pygments",
]
KERNEL = "@jupyterlite/pyodide-kernel-extension:kernel"
FROM_THE_WORKER = "../../../../pypi/"  # the kernel's script lies four folders deep

WELCOME = """\
```{tip} This copy runs in your browser
Select the first code cell and press Shift+Enter. The first result takes half a minute or more,
because Python and its packages (roughly 50 MB) come from `cdn.jsdelivr.net`; later visits find most
of it in the browser's cache. If nothing comes, look whether your network lets that address through.

{work}

To have the original again, choose *File > Open…*, delete the file, and open it from the book once
more.
```
"""
CHANGES = "Change what you like: it stays in this browser, and *File > Download* saves a copy."
HAND_IN = """\
**Your work is kept in this browser only**, and it is lost when the browser's data are cleared.
*File > Download* saves the notebook as a file, {name}.
Do that whenever you stop; the file is what you hand in."""
ANSWERS = ("### BEGIN SOLUTION", "### BEGIN HIDDEN TESTS")


def notebooks() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the chapters and the students' assignments that run in a browser, as copies.

    The instructors' sources, in notebooks/exercises, are never looked at.
    """
    folder = ROOT / "notebooks"
    for path in sorted([*folder.glob("*.ipynb"), *folder.glob("assignments/*.ipynb")]):
        text = path.read_text(encoding="utf-8")
        if any(marker in text for marker in ANSWERS):
            raise SystemExit(f"{path} holds answers or hidden tests: it must not be published")
        copied = browser_copy(json.loads(text))
        if copied is not None:
            note = {"cell_type": "markdown", "id": "in-your-browser", "metadata": {}}
            assignment = path.parent != folder
            work = HAND_IN.format(name=f"`{path.name}`") if assignment else CHANGES
            copied["cells"].insert(1, {**note, "source": WELCOME.replace("{work}", work)})
            yield path.relative_to(folder), copied


def build_wheels(folder: Path) -> list[str]:
    """Put aelib's wheel and the pure-Python ones into a folder; return their names."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    # Fetched once for an environment, so that a later build needs no network.
    cache = Path(sys.prefix) / "lite-wheels"
    for name in OUR_WHEELS:
        found = [*cache.glob(f"{name}-{version(name)}-py3-none-any.whl")]
        if not found:
            what = ["--no-deps", "--only-binary=:all:", "--platform=any", "--implementation=py"]
            exact = f"{name}=={version(name)}"
            subprocess.run([*pip, "download", *what, f"--dest={cache}", exact], check=True)
            found = [*cache.glob(f"{name}-{version(name)}-py3-none-any.whl")]
        shutil.copy2(found[0], folder)
    # From a copy: setuptools leaves a folder behind, whose old files would get into later wheels.
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copytree(ROOT / "aelib", Path(scratch) / "aelib")
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy2(ROOT / name, scratch)
        what = ["--no-deps", "--no-build-isolation", f"--wheel-dir={folder}"]
        subprocess.run([*pip, "wheel", *what, scratch], check=True)
    return sorted(path.name for path in folder.glob("*.whl"))


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, and its folder if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def settings(wheels: list[str]) -> dict[str, Any]:
    """Return jupyter-lite.json: what the site loads when it starts."""
    kernel = {
        "disablePyPIFallback": True,
        "loadPyodideOptions": {
            "packages": FROM_PYODIDE + [FROM_THE_WORKER + name for name in wheels],
        },
    }
    data = {
        "appName": "Autoencoder Variants",
        "appUrl": "./tree",
        "faviconUrl": "./tree/favicon.ico",
        "litePluginSettings": {KERNEL: kernel},
    }
    return {"jupyter-lite-schema-version": 0, "jupyter-config-data": data}


def main() -> None:
    """Build the site in a folder of its own, and put it into the book when it is whole."""
    if not OUT.parent.is_dir():
        raise SystemExit("build the book first: the site belongs into its folder")
    labextensions = Path(sys.prefix) / "share" / "jupyter" / "labextensions"
    with tempfile.TemporaryDirectory(dir=ROOT / "_build") as scratch:
        site = Path(scratch)
        for path, notebook in notebooks():
            write_json(site / "files" / path, notebook)
        (site / "pypi").mkdir()
        write_json(site / "jupyter-lite.json", settings(build_wheels(site / "pypi")))
        theme = {"@jupyterlab/apputils-extension:themes": {"adaptive-theme": True}}
        write_json(site / "overrides.json", theme)
        config = {
            "apps": ["notebooks", "tree"],
            "contents": ["files"],
            "output_dir": "site",
            "federated_extensions": [str(labextensions / name) for name in EXTENSIONS],
            "ignore_sys_prefix": ["federated_extensions"],
            "no_sourcemaps": True,
            "no_unused_shared_packages": True,
            "no_libarchive": True,
        }
        write_json(site / "jupyter_lite_config.json", {"LiteBuildConfig": config})
        built = subprocess.run(
            [sys.executable, "-m", "jupyterlite_core", "build"],
            cwd=site,
            capture_output=True,
            text=True,
        )
        if built.returncode:
            raise SystemExit(f"{built.stdout}\n{built.stderr}")
        shutil.rmtree(OUT, ignore_errors=True)
        (site / "site").rename(OUT)
    size = sum(path.stat().st_size for path in OUT.rglob("*") if path.is_file())
    names = ", ".join(sorted(path.stem for path in (OUT / "files").rglob("*.ipynb")))
    print(f"{size / 1e6:.0f} MB for the browser: {names}")


if __name__ == "__main__":
    main()
