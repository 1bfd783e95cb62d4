"""No objective is left out of the tests that each has to stand in."""

import inspect
from pathlib import Path

import pytest

from aelib import byhand, nn

TESTS = Path(__file__).resolve().parent
# Parts of objectives, tested with the whole.
PARTS = {"auxiliary_loss", "data_loss", "decay_loss"}
BY_HAND = [
    name for name, module in vars(byhand).items() if callable(getattr(module, "loss_and_grad", 0))
]
IN_TORCH = [
    name
    for name, value in vars(nn).items()
    if name.endswith("_loss") and inspect.isfunction(value) and name not in PARTS
]


def words_of(file):
    return (TESTS / file).read_text(encoding="utf-8")


def test_there_are_objectives():
    assert {"sparse", "denoising", "topk", "l1"} <= set(BY_HAND)
    assert {"sparse_loss", "jumprelu_loss", "classifier_loss"} <= set(IN_TORCH)


@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand_it_has_its_gradient_checked_and_its_bad_input_named(name):
    gradients = "test_blocks.py" if name == "blocks" else "test_gradients.py"
    for file in (gradients, "test_bad_input.py"):
        assert f"byhand.{name}.loss_and_grad" in words_of(file), file


@pytest.mark.parametrize("name", IN_TORCH)
def test_in_torch_it_is_compared_and_taken_by_several_workers(name):
    gradients = "test_topk.py" if name == "jumprelu_loss" else "test_gradients.py"
    for file in (gradients, "workers.py"):
        assert f"nn.{name}" in words_of(file), file


@pytest.mark.parametrize("half", [byhand, nn], ids=["byhand", "nn"])
def test_the_reference_has_every_public_function_and_class(half):
    reference = (TESTS.parent / "book" / "reference.md").read_text(encoding="utf-8")
    for name in set(half.__all__) - PARTS:
        value = getattr(half, name)
        if not (inspect.isfunction(value) or inspect.isclass(value)):
            continue
        whole_module = f"automodule:: {value.__module__}\n" in reference
        assert f"{half.__name__}.{name}\n" in reference or whole_module, name
