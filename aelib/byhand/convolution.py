r"""The convolution of images as a linear map, its adjoint, and its gradient.

For a fixed kernel, `convolve` is linear in the images: it is :math:`y = Ax` for a large sparse
matrix :math:`A` that nobody writes down. Backpropagation needs :math:`A^\top`, which `transposed`
applies, and so does the decoder of a convolutional autoencoder, which has to make a large image of
a small one. For fixed images it is linear in the kernel; `kernel_gradient` applies the adjoint of
that map.

As everywhere in deep learning the kernel is not flipped, so this is what signal processing calls a
cross-correlation. There is no padding: the kernel stays within the image.
"""

import numpy as np

from aelib import validate
from aelib.validate import Array


def convolve(x: Array, kernel: Array, *, stride: int = 1) -> Array:
    r"""Slide a kernel over images.

    .. math::
        y_{t k u v} = \sum_{c, i, j} x_{t,\,c,\,su+i,\,sv+j}\; w_{k c i j}

    Parameters
    ----------
    x : ndarray, shape (m, c, height, width)
        Images of c channels.
    kernel : ndarray, shape (k, c, p, q)
        One stack of c filters for every output channel.
    stride : int, default 1
        How many pixels s the kernel moves at a time.

    Returns
    -------
    ndarray, shape (m, k, (height - p) // stride + 1, (width - q) // stride + 1)
        The responses. Where the stride leaves a rest, the last rows or columns are never seen.

    Raises
    ------
    TypeError, ValueError
        If an argument is malformed or not finite, the channels or dtypes differ, or the kernel is
        larger than the images.

    Notes
    -----
    Agrees with `torch.nn.functional.conv2d`. Dumoulin and Visin (2016) draw the arithmetic.
    """
    x, kernel, stride = _check(x, "x", kernel, 1, stride)
    return np.moveaxis(np.tensordot(_windows(x, kernel.shape[2:], stride), kernel, _CIJ), 3, 1)


def transposed(
    y: Array, kernel: Array, *, stride: int = 1, size: tuple[int, int] | None = None
) -> Array:
    r"""Apply the adjoint of `convolve`: :math:`\langle Ax, y\rangle = \langle x, A^\top y\rangle`.

    .. math::
        x_{t,\,c,\,su+i,\,sv+j} \mathrel{+}= \sum_k y_{t k u v}\; w_{k c i j}

    Every response is spread over the pixels it was computed from, times the kernel.

    Parameters
    ----------
    y : ndarray, shape (m, k, u, v)
        Responses, or the errors at the responses.
    kernel : ndarray, shape (k, c, p, q)
        The kernel of the `convolve` that this is the adjoint of.
    stride : int, default 1
        Its stride.
    size : (int, int), optional
        The height and width of its images; if None the smallest ones that give responses of this
        size, ``stride * (u - 1) + p`` and likewise.

    Returns
    -------
    ndarray, shape (m, c, height, width)
        Images; 0 where `convolve` never looks.

    Raises
    ------
    TypeError, ValueError
        If an argument is malformed or not finite, the channels or dtypes differ, or images of
        ``size`` would not give responses of this size.

    Notes
    -----
    Agrees with `torch.nn.functional.conv_transpose2d`. It is not the inverse of `convolve`.
    """
    y, kernel, stride = _check(y, "y", kernel, 0, stride)
    (m, _, u, v), (_, c, p, q) = y.shape, kernel.shape
    if size is None:
        size = (stride * (u - 1) + p, stride * (v - 1) + q)
    height, width = validate.counts("size", size, length=2)
    if ((height - p) // stride + 1, (width - q) // stride + 1) != (u, v):
        raise ValueError(
            f"size {(height, width)} does not fit: with a kernel of {(p, q)} and stride {stride} "
            f"it does not give responses of {(u, v)}"
        )
    x = np.zeros((m, c, height, width), y.dtype)
    for i, j in np.ndindex(p, q):
        spread = np.tensordot(y, kernel[:, :, i, j], axes=(1, 0))  # (m, u, v, c)
        x[:, :, i : i + stride * u : stride, j : j + stride * v : stride] += np.moveaxis(
            spread, 3, 1
        )
    return x


def kernel_gradient(x: Array, delta: Array, *, size: tuple[int, int], stride: int = 1) -> Array:
    r"""Return the gradient with respect to the kernel of a loss whose gradient at y is ``delta``.

    .. math::
        \frac{\partial J}{\partial w_{k c i j}}
        = \sum_{t, u, v} \delta_{t k u v}\; x_{t,\,c,\,su+i,\,sv+j}

    Parameters
    ----------
    x : ndarray, shape (m, c, height, width)
        The images that went into `convolve`.
    delta : ndarray, shape (m, k, u, v)
        :math:`\partial J/\partial y`, shaped like what came out.
    size : (int, int)
        The height p and width q of the kernel.
    stride : int, default 1
        The stride.

    Returns
    -------
    ndarray, shape (k, c, p, q)
        The gradient.

    Raises
    ------
    TypeError, ValueError
        If an argument is malformed or not finite, the dtypes differ, or ``delta`` has not the shape
        that `convolve` returns.
    """
    x = validate.floats("x", x, ndim=4)
    delta = validate.floats("delta", delta, ndim=4)
    if x.dtype != delta.dtype:
        raise TypeError(f"delta is {delta.dtype} but x is {x.dtype}; convert one of them")
    p, q = validate.counts("size", size, length=2)
    stride = validate.count("stride", stride)
    if p > x.shape[2] or q > x.shape[3]:
        raise ValueError(f"size {(p, q)} is larger than the images, {x.shape[2:]}")
    windows = _windows(x, (p, q), stride)
    m, u, v = windows.shape[0], windows.shape[2], windows.shape[3]
    if (delta.shape[0], *delta.shape[2:]) != (m, u, v):
        raise ValueError(f"delta must have shape ({m}, k, {u}, {v}), got {delta.shape}")
    gradient: Array = np.tensordot(delta, windows, axes=((0, 2, 3), (0, 2, 3)))
    return gradient


# Of windows (m, c, u, v, i, j) and a kernel (k, c, i, j): the axes that are summed over.
_CIJ = ((1, 4, 5), (1, 2, 3))


def _windows(x: Array, size: tuple[int, ...], stride: int) -> Array:
    """Return every patch that the kernel meets, shape (m, c, u, v, p, q); a view."""
    every = np.lib.stride_tricks.sliding_window_view(x, size, axis=(2, 3))
    windows: Array = every[:, :, ::stride, ::stride]
    return windows


def _check(x: Array, name: str, kernel: Array, axis: int, stride: int) -> tuple[Array, Array, int]:
    """Check images, a kernel whose given axis counts their channels, and a stride."""
    x = validate.floats(name, x, ndim=4)
    kernel = validate.floats("kernel", kernel, ndim=4)
    if x.dtype != kernel.dtype:
        raise TypeError(f"{name} is {x.dtype} but kernel is {kernel.dtype}; convert one of them")
    if x.shape[1] != kernel.shape[axis]:
        raise ValueError(
            f"{name} has {x.shape[1]} channels, shape {x.shape}, but kernel is for "
            f"{kernel.shape[axis]}, shape {kernel.shape}"
        )
    if name == "x" and (kernel.shape[2] > x.shape[2] or kernel.shape[3] > x.shape[3]):
        raise ValueError(f"kernel of {kernel.shape[2:]} is larger than the images, {x.shape[2:]}")
    return x, kernel, validate.count("stride", stride)
