"""What several test files share. The environment is set here, before numpy is imported."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TQDM_DISABLE", "1")

import hypothesis
import matplotlib
import numpy as np
import pytest
from bs4 import BeautifulSoup
from built_book import HTML, QUIET, find_browser

from aelib import byhand

matplotlib.use("agg")
# The same examples on every machine: a test that fails, fails for everyone.
hypothesis.settings.register_profile(
    "deterministic", derandomize=True, deadline=None, max_examples=60
)
hypothesis.settings.load_profile("deterministic")


@pytest.fixture
def rng():
    return np.random.default_rng(20)


# The three sizes differ, so that a transposed product or a mean over the wrong axis cannot pass.
@pytest.fixture
def params():
    rng = np.random.default_rng(1)
    params = byhand.init(n_visible=7, n_hidden=5, rng=rng)
    # Biases start at 0, where an error in them would be hard to see.
    return {name: value + 0.1 * rng.standard_normal(value.shape) for name, value in params.items()}


@pytest.fixture
def x():
    return np.random.default_rng(2).random((11, 7))


@pytest.fixture
def autograd():
    """Return a function: the loss and gradient by torch, in the names and shapes of byhand."""
    import torch

    from aelib import nn
    from aelib.nn.convert import places

    def tensor(value):
        return torch.from_numpy(value) if isinstance(value, np.ndarray) else value

    def loss_and_grad(loss, params, *data, decoder="sigmoid", activation=None, **settings):
        model = nn.from_byhand(params, decoder=decoder, activation=activation)
        settings = {name: tensor(value) for name, value in settings.items()}
        value = loss(model, *map(tensor, data), **settings)
        value.backward()
        return value.item(), {name: p.grad.numpy().T for name, p in places(model).items()}

    return loss_and_grad


@pytest.fixture(scope="session")
def pages():
    """Every page of the book, parsed, by its path relative to the book's folder."""
    if not (HTML / "index.html").exists():
        pytest.fail("there is no built book: run `make book` first")
    found = {
        path.relative_to(HTML): BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for folder in ("book", "notebooks", "notebooks/assignments")
        for path in sorted((HTML / folder).glob("*.html"))
    }
    assert len(found) >= 10
    return found


@pytest.fixture(scope="session")
def browser():
    """A real browser, without a window."""
    from playwright.sync_api import sync_playwright

    executable = find_browser()
    if executable is None:
        message = (
            "no Chromium: install it with `apt-get install chromium`, or `playwright install "
            "chromium`, or name one in the environment variable CHROMIUM"
        )
        if os.environ.get("REQUIRE_ALL"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=executable, args=QUIET)
        yield running
        running.close()
