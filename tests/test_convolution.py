"""The convolution by hand: its definition, its adjoint, its gradient, and torch's results."""

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from aelib import checks
from aelib.byhand import convolution

# (m, c, height, width), (k, c, p, q), stride: no two sizes alike, kernels of all proportions, and
# strides that leave a rest of rows and columns.
CASES = {
    "plain": ((4, 1, 6, 7), (2, 1, 3, 2), 1),
    "channels": ((3, 2, 7, 6), (5, 2, 2, 3), 1),
    "stride": ((3, 2, 9, 8), (4, 2, 3, 2), 2),
    "a rest": ((2, 3, 8, 11), (4, 3, 3, 2), 4),
    "stride larger than the kernel": ((2, 3, 8, 7), (4, 3, 1, 2), 3),
    "kernel as large as the image": ((2, 3, 4, 5), (6, 3, 4, 5), 1),
    "one pixel": ((2, 3, 4, 5), (6, 3, 1, 1), 1),
}
cases = pytest.mark.parametrize(("shape", "kernel_shape", "stride"), CASES.values(), ids=CASES)


def problem(shape, kernel_shape, stride, dtype=np.float64):
    rng = np.random.default_rng(0)
    x, kernel = rng.standard_normal(shape), rng.standard_normal(kernel_shape)
    y_shape = convolution.convolve(x, kernel, stride=stride).shape
    return [v.astype(dtype) for v in (x, kernel, rng.standard_normal(y_shape))]


def test_values_worked_out_by_hand():
    x = np.arange(9.0).reshape(1, 1, 3, 3)
    kernel = np.array([[1.0, 0.0], [0.0, -2.0]]).reshape(1, 1, 2, 2)
    # Not flipped: the upper left pixel less twice the lower right one.
    np.testing.assert_array_equal(
        convolution.convolve(x, kernel)[0, 0], [[0 - 8, 1 - 10], [3 - 14, 4 - 16]]
    )
    y = np.array([[1.0, 10.0]]).reshape(1, 1, 1, 2)
    np.testing.assert_array_equal(
        convolution.transposed(y, kernel)[0, 0], [[1, 10, 0], [0, -2, -20]]
    )
    np.testing.assert_array_equal(
        convolution.kernel_gradient(x, y, size=(3, 2))[0, 0],
        [[0 + 10, 1 + 20], [3 + 40, 4 + 50], [6 + 70, 7 + 80]],
    )


@cases
def test_it_is_the_sum_of_the_definition(shape, kernel_shape, stride):
    x, kernel, _ = problem(shape, kernel_shape, stride)
    y = convolution.convolve(x, kernel, stride=stride)
    p, q = kernel.shape[2:]
    assert y.shape[2:] == ((shape[2] - p) // stride + 1, (shape[3] - q) // stride + 1)
    for t, k, u, v in itertools.product(*map(range, y.shape)):
        patch = x[t, :, stride * u : stride * u + p, stride * v : stride * v + q]
        assert y[t, k, u, v] == pytest.approx((patch * kernel[k]).sum(), rel=1e-12, abs=1e-13)


@cases
def test_transposed_is_the_adjoint(shape, kernel_shape, stride):
    x, kernel, y = problem(shape, kernel_shape, stride)
    there = np.vdot(convolution.convolve(x, kernel, stride=stride), y)
    back = convolution.transposed(y, kernel, stride=stride, size=shape[2:])
    assert back.shape == x.shape
    assert there == pytest.approx(np.vdot(x, back), rel=1e-12)


@cases
def test_kernel_gradient_is_the_adjoint_in_the_kernel(shape, kernel_shape, stride):
    x, kernel, y = problem(shape, kernel_shape, stride)
    there = np.vdot(convolution.convolve(x, kernel, stride=stride), y)
    gradient = convolution.kernel_gradient(x, y, size=kernel_shape[2:], stride=stride)
    assert gradient.shape == kernel.shape
    assert there == pytest.approx(np.vdot(kernel, gradient), rel=1e-12)


@cases
def test_both_gradients_agree_with_central_differences(shape, kernel_shape, stride):
    x, kernel, target = problem(shape, kernel_shape, stride)

    def objective(params):
        delta = convolution.convolve(params["x"], params["kernel"], stride=stride) - target
        return 0.5 * float((delta**2).sum()), {
            "x": convolution.transposed(delta, params["kernel"], stride=stride, size=shape[2:]),
            "kernel": convolution.kernel_gradient(
                params["x"], delta, size=kernel_shape[2:], stride=stride
            ),
        }

    checks.check_gradient(objective, {"x": x, "kernel": kernel}, tolerance=1e-7)


@cases
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_parity_with_torch(shape, kernel_shape, stride, dtype):
    x, kernel, y = problem(shape, kernel_shape, stride, dtype)
    tolerance = {"rtol": 1e-12, "atol": 1e-12} if dtype == np.float64 else {"atol": 2e-5}
    tx, tkernel, ty = (torch.from_numpy(v) for v in (x, kernel, y))
    tx.requires_grad_()
    tkernel.requires_grad_()
    result = F.conv2d(tx, tkernel, stride=stride)
    result.backward(ty)
    for found, expected in (
        (convolution.convolve(x, kernel, stride=stride), result.detach()),
        (convolution.transposed(y, kernel, stride=stride, size=shape[2:]), tx.grad),
        (
            convolution.transposed(y, kernel, stride=stride),
            F.conv_transpose2d(ty, tkernel.detach(), stride=stride),
        ),
        (
            convolution.kernel_gradient(x, y, size=kernel_shape[2:], stride=stride),
            tkernel.grad,
        ),
    ):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected.numpy(), **tolerance)


def test_pixels_that_are_never_seen_get_nothing():
    kernel = np.ones((1, 1, 2, 2))
    y = np.ones((1, 1, 2, 2))
    x = convolution.transposed(y, kernel, stride=2, size=(5, 5))
    assert (x[0, 0, :4, :4] == 1).all()
    assert not x[0, 0, 4].any()
    assert not x[0, 0, :, 4].any()


X, K, Y = problem(*CASES["stride"])
KERNEL_TOO_LARGE = r"kernel of \(3, 2\) is larger than the images, \(2, 8\)"
BAD = {
    "a list": (lambda: convolution.convolve(X.tolist(), K), TypeError, "x must be a numpy"),
    "rows": (lambda: convolution.convolve(X[0, 0], K), ValueError, "x must have 4 axes"),
    "NaN": (lambda: convolution.convolve(X * np.nan, K), ValueError, "x holds"),
    "dtype": (lambda: convolution.convolve(X.astype("f4"), K), TypeError, "x is float32 but"),
    "channels": (lambda: convolution.convolve(X[:, :1], K), ValueError, "x has 1 channels"),
    "stride 0": (lambda: convolution.convolve(X, K, stride=0), ValueError, "stride must be"),
    "kernel too large": (
        lambda: convolution.convolve(X[:, :, :2], K),
        ValueError,
        KERNEL_TOO_LARGE,
    ),
    "kernel of 3 axes": (lambda: convolution.convolve(X, K[0]), ValueError, "kernel must have 4"),
    "y's channels": (lambda: convolution.transposed(Y[:, :1], K), ValueError, "y has 1 channels"),
    "size": (
        lambda: convolution.transposed(Y, K, stride=2, size=(20, 8)),
        ValueError,
        r"size \(20, 8\) does not fit",
    ),
    "size smaller than the kernel": (
        lambda: convolution.transposed(Y, K, stride=2, size=(2, 8)),
        ValueError,
        r"size \(2, 8\) does not fit",
    ),
    "three sizes": (
        lambda: convolution.transposed(Y, K, stride=2, size=(9, 8, 1)),
        ValueError,
        "size must hold 2 numbers",
    ),
    "delta": (
        lambda: convolution.kernel_gradient(X, Y, size=(3, 2), stride=1),
        ValueError,
        r"delta must have shape \(3, k, 7, 7\)",
    ),
    "delta's dtype": (
        lambda: convolution.kernel_gradient(X, Y.astype("f4"), size=(3, 2), stride=2),
        TypeError,
        "delta is float32",
    ),
    "kernel's size": (
        lambda: convolution.kernel_gradient(X, Y, size=(3, 20), stride=2),
        ValueError,
        r"size \(3, 20\) is larger than the images, \(9, 8\)",
    ),
    "images as rows": (
        lambda: convolution.kernel_gradient(X[0, 0], Y, size=(3, 2), stride=2),
        ValueError,
        "x must have 4 axes",
    ),
    "delta as rows": (
        lambda: convolution.kernel_gradient(X, Y[0, 0], size=(3, 2), stride=2),
        ValueError,
        "delta must have 4 axes",
    ),
    "one number for the kernel's size": (
        lambda: convolution.kernel_gradient(X, Y, size=(3,), stride=2),
        ValueError,
        "size must hold 2 numbers",
    ),
    "the gradient's stride": (
        lambda: convolution.kernel_gradient(X, Y, size=(3, 2), stride=0),
        ValueError,
        "stride must be",
    ),
}


@pytest.mark.parametrize(("call", "error", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
