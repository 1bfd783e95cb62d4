"""The buttons for Binder and Colab, and the first cell that Colab needs."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
import types
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup
from built_book import HTML, ROOT
from IPython.core.interactiveshell import InteractiveShell
from packaging.requirements import Requirement

sys.path.insert(0, str(ROOT / "book"))

import colab

ADDRESS = "https://github.com/someone/a-book"
CHAPTER = "03-sparsity-constraint"


def set_address(root, url):
    path = root / "_config.yml"
    text, n = re.subn(r"(?m)^(  url:).*$", rf"\1 {url}", path.read_text(encoding="utf-8"))
    assert n == 1
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def elsewhere(tmp_path):
    """A copy of the book that tests may change."""
    for name in ("_config.yml", "_toc.yml", "pyproject.toml"):
        shutil.copy2(ROOT / name, tmp_path)
    for name in ("book", "notebooks"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


def first_code(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return next("".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code")


def test_the_chapters_name_the_address_of_the_configuration():
    assert colab.update(ROOT, check=True) == [], "run `make launch`"


def test_the_address_is_written_replaced_and_taken_out(elsewhere):
    set_address(elsewhere, '""')
    colab.update(elsewhere)
    chapters = sorted((elsewhere / "notebooks").glob("*.ipynb"))
    original = {path: path.read_bytes() for path in chapters}

    for url in (ADDRESS, ADDRESS + "-two"):
        set_address(elsewhere, url)
        assert len(colab.update(elsewhere, check=True)) == len(chapters)
        colab.update(elsewhere)
        assert colab.update(elsewhere, check=True) == []
        for path in chapters:
            code = first_code(path)
            assert code.startswith(colab.GUARD.format(url=url, branch="main"))
            assert code.count("google.colab") == 1
    lint = [sys.executable, "-m", "ruff"]
    for arguments in (["check"], ["format", "--check"]):
        subprocess.run([*lint, *arguments, *chapters], cwd=elsewhere, check=True)

    set_address(elsewhere, '""')
    colab.update(elsewhere)
    assert {path: path.read_bytes() for path in chapters} == original


@pytest.mark.parametrize("in_colab", [True, False])
def test_the_first_cell_installs_aelib_in_colab_only(monkeypatch, in_colab):
    # The shell as Colab has it, but with a %pip that only notes what it was asked for.
    asked = []
    shell = InteractiveShell()
    shell.register_magic_function(asked.append, magic_name="pip")
    if in_colab:
        monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    guard = colab.GUARD.format(url=ADDRESS, branch="main")
    shell.run_cell(guard + "from aelib import byhand").raise_error()
    if not in_colab:
        assert asked == []
        return
    (line,) = asked
    quoted = re.fullmatch(r'install -q "([^"]+)"', line)
    requirement = Requirement(quoted[1])
    assert (requirement.name, requirement.extras) == ("aelib", {"all"})
    assert requirement.url == f"git+{ADDRESS}@main"


def test_without_an_address_no_page_has_launch_buttons():
    url = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]
    if url:
        pytest.skip("the address is set, so the pages have the buttons")
    pages = sorted((HTML / "notebooks").glob("*.html"))
    assert len(pages) >= 12
    for path in pages:
        text = path.read_text(encoding="utf-8")
        assert "dropdown-launch-buttons" not in text
        assert "mybinder" not in text
        assert "colab" not in text


def test_with_an_address_the_buttons_lead_to_the_chapter(elsewhere):
    set_address(elsewhere, ADDRESS)
    colab.update(elsewhere)
    (elsewhere / "_toc.yml").write_text(f"format: jb-book\nroot: notebooks/{CHAPTER}\n")
    built = subprocess.run(
        [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", "."],
        cwd=elsewhere,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    path = elsewhere / "_build" / "html" / "notebooks" / f"{CHAPTER}.html"
    page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    links = {a.text.strip(): a["href"] for a in page.select(".dropdown-launch-buttons a")}
    notebook = f"notebooks/{CHAPTER}.ipynb"
    assert links == {
        "Binder": f"https://mybinder.org/v2/gh/someone/a-book/main?urlpath=lab/tree/{notebook}",
        "Colab": f"https://colab.research.google.com/github/someone/a-book/blob/main/{notebook}",
    }
    assert (elsewhere / notebook).exists()


def test_binder_installs_what_the_package_and_its_extras_need():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    extras.pop("teach", None)  # nobody grades on Binder
    needed = [project["dependencies"], *extras.values()]
    names = {Requirement(text).name for part in needed for text in part} - {"aelib"}
    binder = ROOT / "binder"
    environment = yaml.safe_load((binder / "environment.yml").read_text(encoding="utf-8"))
    installed = {re.split("[<>=]", text)[0] for text in environment["dependencies"]}
    elsewhere = {"torch": "pytorch-cpu", "matplotlib": "matplotlib-base"}
    assert {elsewhere.get(name, name) for name in names} <= installed
    # Binder runs it only if it is executable.
    assert Path(binder / "postBuild").stat().st_mode & 0o111
