"""The record of a fit cannot be changed afterwards, not even by accident."""

import dataclasses

import numpy as np
import pytest

from aelib.history import History


def history(loss=(3.0, 2.0, 1.5)):
    return History(loss, "iteration", "took all 2 iterations", False)


def test_the_first_loss_is_the_state_before_any_step():
    assert history().n_steps == 2
    assert history((1.0,)).n_steps == 0


@pytest.mark.parametrize("given", [(3, 2), [3.0, 2.0], np.array([3, 2], np.float32)])
def test_losses_are_kept_as_float64(given):
    loss = history(given).loss
    assert loss.dtype == np.float64
    assert loss.tolist() == [3.0, 2.0]


def test_losses_are_a_copy_that_cannot_be_written():
    given = np.array([3.0, 2.0])
    kept = history(given)
    given[0] = 100.0
    assert kept.loss[0] == 3.0
    with pytest.raises(ValueError, match="read-only"):
        kept.loss[0] = 0.0


def test_fields_cannot_be_replaced():
    with pytest.raises(dataclasses.FrozenInstanceError):
        history().converged = True
