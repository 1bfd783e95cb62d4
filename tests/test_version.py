"""One version: the package's, the citation's and the changelog's newest are the same."""

import re
import subprocess
import sys

from built_book import HTML, ROOT

import aelib


def test_package_citation_and_changelog_state_the_same_version():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    version = re.search(r"^version: (.+)$", citation, re.M)
    date = re.search(r"^date-released: (.+)$", citation, re.M)
    newest = re.search(r"^## (\S+) \((\S+)\)$", changelog, re.M)
    assert version[1] == newest[1] == aelib.__version__
    assert date[1] == newest[2]


def test_the_wheel_works_without_the_repository(tmp_path):
    (wheel,) = (HTML / "lite" / "pypi").glob("aelib-*.whl")
    assert wheel.name == f"aelib-{aelib.__version__}-py3-none-any.whl"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    target = tmp_path / "installed"
    subprocess.run([*pip, "--no-deps", "--no-index", f"--target={target}", wheel], check=True)
    code = f"""
import sys
sys.path.insert(0, {str(target)!r})
import numpy as np
import aelib
from aelib import byhand, nn, plots, stored, widgets
from matplotlib import pyplot as plt
assert aelib.__file__.startswith({str(target)!r}), aelib.__file__
params = byhand.init(n_visible=5, n_hidden=3, rng=np.random.default_rng(0))
x = np.random.default_rng(1).random((7, 5))
byhand.sparse.loss_and_grad(params, x, rho=0.1, sparsity_weight=1.0)
nn.from_byhand(params)
plt.style.use("aelib.book")
widgets.Frontier(stored.frontier()["points"])
widgets.SparseGrid()
print(len(stored.hidden_layer()["seeds"]), "pairs")
"""
    run = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout == "10 pairs\n"
