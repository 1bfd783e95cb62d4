"""The vector field of the best denoiser, and walks along it."""

import anywidget
import numpy as np
import traitlets

from aelib import validate
from aelib.validate import Array
from aelib.widgets.figure import STYLE, identity, script
from aelib.widgets.packing import pack


class VectorField(anywidget.AnyWidget):
    r"""Show the field of the best denoiser for points in the plane, and a walk along its arrows.

    The best denoiser answers with the posterior mean, a softmax-weighted mean of the points
    :math:`x_i`; a step of the walk goes to the answer:

    .. math::
        r^*(\tilde x) = \sum_i w_i\, x_i, \qquad
        w_i \propto \exp\left(-\lVert \tilde x - x_i \rVert^2 / 2\sigma^2\right).

    Parameters
    ----------
    points : ndarray, shape (m, 2)
        The training points, within [-1.4, 1.4], which is what the picture shows; rounded to
        float32. A thousand still follow the slider without delay.
    sigma : float, default 0.1
        The noise level, from 0.02 to 0.8.
    start : (float, float), default (0.3, -1.2)
        Where the walk begins, each coordinate from -1.4 to 1.4.
    n_steps : int, default 5
        The steps of the walk, from 0 to 60.

    Raises
    ------
    TypeError, ValueError
        If ``points`` is not a finite float matrix with two columns within the picture.

    Notes
    -----
    A number out of its range raises a `traitlets.TraitError`, here and when it is changed later.
    Chapter 8 of the book.
    """

    _esm = script("field")
    _css = STYLE

    points = traitlets.Dict().tag(sync=True)
    sigma = traitlets.Float(0.1, min=0.02, max=0.8).tag(sync=True)
    start_x = traitlets.Float(0.3, min=-1.4, max=1.4).tag(sync=True)
    start_y = traitlets.Float(-1.2, min=-1.4, max=1.4).tag(sync=True)
    n_steps = traitlets.Int(5, min=0, max=60).tag(sync=True)

    def __init__(
        self,
        points: Array,
        sigma: float = 0.1,
        start: tuple[float, float] = (0.3, -1.2),
        n_steps: int = 5,
    ) -> None:
        points = validate.samples("points", points, n_columns=2)
        if np.abs(points).max() > 1.4:
            raise ValueError(
                f"points must lie within [-1.4, 1.4], got up to {np.abs(points).max():.4g}"
            )
        super().__init__(
            points=pack(points.astype(np.float32)),
            sigma=sigma,
            start_x=start[0],
            start_y=start[1],
            n_steps=n_steps,
            **identity("vector-field"),
        )

    def __repr__(self) -> str:
        """Name the settings, and no address, so that a stored notebook stays the same."""
        return (
            f"VectorField({self.points['shape'][0]} points, sigma={self.sigma:g}, "
            f"start=({self.start_x:g}, {self.start_y:g}), n_steps={self.n_steps})"
        )
