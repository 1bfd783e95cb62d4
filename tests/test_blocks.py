"""The sparse objective of data in blocks: equal to the whole batch's, in bounded memory."""

import tracemalloc
from functools import partial

import numpy as np
import pytest

from aelib import byhand, checks, nn

SETTINGS = {"rho": 0.05, "sparsity_weight": 3.0, "weight_decay": 1e-2}
# Where 11 rows are cut.
CUTS = {"one block": [], "unequal": [1, 4, 9], "a row each": list(range(1, 11))}
cuts = pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
decoders = pytest.mark.parametrize("decoder", ["sigmoid", "linear"])


@pytest.fixture(params=[False, True], ids=["untied", "tied"])
def params(request):
    rng = np.random.default_rng(3)
    params = byhand.init(n_visible=7, n_hidden=5, rng=rng, tied=request.param)
    return {name: value + 0.1 * rng.standard_normal(value.shape) for name, value in params.items()}


def assert_equal(found, expected, tolerance):
    (loss, grad), (whole_loss, whole_grad) = found, expected
    assert loss == pytest.approx(whole_loss, rel=tolerance)
    assert list(grad) == list(whole_grad)
    for name in grad:
        assert grad[name].dtype == whole_grad[name].dtype
        error = checks.relative_error(grad[name], whole_grad[name])
        assert error <= tolerance, f"{name}: {error:.1e}"


def without_unit_tails(params):
    # Never on, always on, on for some samples only, and two that only logarithms can hold.
    params["encoder_bias"][:5] = [-45.0, 45.0, 3.0, -750.0, 750.0]
    return params


@cuts
@decoders
@pytest.mark.parametrize("far", [False, True], ids=["", "dead and saturated"])
def test_blocks_give_the_objective_of_the_whole(params, x, cut, decoder, far):
    params = without_unit_tails(params) if far else params
    x = x if decoder == "sigmoid" else 4.0 * x - 2.0
    settings = SETTINGS | {"decoder": decoder}
    whole = byhand.sparse.loss_and_grad(params, x, **settings)
    assert_equal(byhand.blocks.loss_and_grad(params, np.split(x, cut), **settings), whole, 1e-12)


def test_a_unit_may_be_far_off_in_one_block_and_not_in_another(params, x):
    # Its first block's sum rounds to 0, its second block's does not.
    x[:4, 0] = 0.0
    params["encoder_weight"][0, 0], params["encoder_bias"][0] = 1e4, -1e3
    params["decoder_bias"][:] = 0.0
    whole = byhand.sparse.loss_and_grad(params, x, **SETTINGS)
    assert_equal(byhand.blocks.loss_and_grad(params, np.split(x, [4]), **SETTINGS), whole, 1e-12)


@cuts
@decoders
def test_gradient_agrees_with_central_differences_and_autograd(params, x, cut, decoder, autograd):
    settings = SETTINGS | {"decoder": decoder}
    blocks = np.split(x, cut)

    def objective(p):
        return byhand.blocks.loss_and_grad(p, blocks, **settings)

    checks.check_gradient(objective, params, tolerance=1e-7)
    loss, grad = autograd(nn.sparse_loss, params, x, **settings)
    assert_equal(objective(params), (loss, {name: grad[name] for name in params}), 1e-12)


def test_the_mean_of_the_blocks_own_objectives_is_another_one(params, x):
    # The test above could not tell if the penalty hardly mattered: taking each block's own mean
    # activation is the mistake, and it is far off.
    parts = [byhand.sparse.loss_and_grad(params, block, **SETTINGS) for block in np.split(x, [5])]
    whole = byhand.sparse.loss_and_grad(params, x, **SETTINGS)
    naive = (5 * parts[0][1]["encoder_bias"] + 6 * parts[1][1]["encoder_bias"]) / 11
    assert checks.relative_error(naive, whole[1]["encoder_bias"]) > 1e-4
    # By Jensen it is never below.
    assert (5 * parts[0][0] + 6 * parts[1][0]) / 11 > whole[0]


def test_float32_stays_float32_and_is_added_up_in_float64():
    # 6,000 blocks: added up in float32 they would be off in the sixth digit.
    rng = np.random.default_rng(0)
    params = byhand.init(n_visible=3, n_hidden=2, rng=rng, dtype=np.float32)
    x = rng.random((60_000, 3)).astype(np.float32)
    loss, grad = byhand.blocks.loss_and_grad(params, np.split(x, 6000), **SETTINGS)
    widened = {name: value.astype(np.float64) for name, value in params.items()}
    exact = byhand.sparse.loss_and_grad(widened, x.astype(np.float64), **SETTINGS)
    assert all(value.dtype == np.float32 for value in grad.values())
    assert loss == pytest.approx(exact[0], rel=1e-6)
    for name in grad:
        assert checks.relative_error(grad[name], exact[1][name]) <= 1e-6, name


def test_blocks_may_come_from_a_function_and_in_another_order(params, x):
    calls = []

    def read():
        calls.append(None)
        parts = np.split(x, [2, 6])
        return iter(parts if len(calls) == 1 else parts[::-1])

    whole = byhand.sparse.loss_and_grad(params, x, **SETTINGS)
    assert_equal(byhand.blocks.loss_and_grad(params, read, **SETTINGS), whole, 1e-12)
    assert len(calls) == 2


def test_a_second_pass_that_finds_something_else_is_refused(params, x, rng):
    once = iter([x])
    with pytest.raises(ValueError, match="held 11 rows when first gone through and 0 the second"):
        byhand.blocks.loss_and_grad(params, lambda: once, **SETTINGS)
    passes = iter([[x], [x, x]])
    with pytest.raises(ValueError, match="held 11 rows when first gone through and 22 the second"):
        byhand.blocks.loss_and_grad(params, lambda: next(passes), **SETTINGS)
    with pytest.raises(ValueError, match="held other data when gone through the second time"):
        byhand.blocks.loss_and_grad(params, lambda: [rng.random((11, 7))], **SETTINGS)
    # NaN that appears in between does not pass either.
    passes = iter([[x[:5], x[5:]], [x[:5], x[5:] * np.nan]])
    with pytest.raises(ValueError, match=r"blocks\[1\] holds 42 value"):
        byhand.blocks.loss_and_grad(params, lambda: next(passes), **SETTINGS)


def test_no_block_and_no_parameter_is_changed(params, x):
    before, blocks = {k: v.copy() for k, v in params.items()}, np.split(x.copy(), [3])
    byhand.blocks.loss_and_grad(params, blocks, **SETTINGS)
    np.testing.assert_array_equal(np.concatenate(blocks), x)
    for name in params:
        np.testing.assert_array_equal(params[name], before[name])


@pytest.fixture
def file(tmp_path):
    """Write 20,000 rows of 64 numbers, 10 MB, a piece at a time."""
    path, rng = tmp_path / "rows.npy", np.random.default_rng(0)
    rows = np.lib.format.open_memmap(path, mode="w+", dtype=np.float64, shape=(20_000, 64))
    for block in np.array_split(rows, 20):
        block[:] = rng.random(block.shape)
    rows.flush()
    return path


def peak(function):
    function()  # what is set up once does not count
    tracemalloc.start()
    function()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def test_memory_does_not_grow_with_the_number_of_blocks(file):
    rows = np.load(file, mmap_mode="r")
    params = byhand.init(n_visible=64, n_hidden=25, rng=np.random.default_rng(0))
    objective = partial(byhand.blocks.loss_and_grad, params, **SETTINGS)
    half = peak(lambda: objective(np.array_split(rows[:10_000], 20)))
    whole = peak(lambda: objective(np.array_split(rows, 40)))
    assert whole <= 1.02 * half
    # Of the whole file it is a small part; the whole batch at once takes more than the file.
    assert whole < 0.25 * file.stat().st_size
    in_memory = peak(lambda: byhand.sparse.loss_and_grad(params, np.array(rows), **SETTINGS))
    assert in_memory > file.stat().st_size


def test_lbfgs_takes_the_same_way_from_a_file_as_from_memory(file):
    rows = np.load(file, mmap_mode="r")[:3000]
    params = byhand.init(n_visible=64, n_hidden=6, rng=np.random.default_rng(0))
    fits = [
        byhand.lbfgs(partial(objective, **SETTINGS), params, max_iter=15)
        for objective in (
            partial(byhand.blocks.loss_and_grad, blocks=np.array_split(rows, 7)),
            partial(byhand.sparse.loss_and_grad, x=np.array(rows)),
        )
    ]
    blocks, whole = (fit.history.loss for fit in fits)
    assert whole[-1] < 0.7 * whole[0]
    np.testing.assert_allclose(blocks, whole, rtol=1e-8)
