"""The Kullback-Leibler penalty with its tangent, beside the square and L1."""

import anywidget
import traitlets

from aelib.widgets.figure import STYLE, identity, script


class KLCurve(anywidget.AnyWidget):
    r"""Show :math:`\mathrm{KL}(\rho \,\|\, \hat\rho)` with its tangent, beside the square and L1.

    The reader moves :math:`\rho` and :math:`\hat\rho` and reads the values and the slopes. The
    square is :math:`(\hat\rho - \rho)^2 / (2\rho(1-\rho))`, which has the divergence's curvature at
    the target; L1 is :math:`\hat\rho` itself.

    Parameters
    ----------
    rho : float, default 0.2
        The target, from 0.01 to 0.99.
    rho_hat : float, default 0.6
        The mean activation, from 0.001 to 0.999.

    Notes
    -----
    A value out of its range raises a `traitlets.TraitError`, here and when it is changed later.
    Chapter 4 of the book.
    """

    _esm = script("kl")
    _css = STYLE

    rho = traitlets.Float(0.2, min=0.01, max=0.99).tag(sync=True)
    rho_hat = traitlets.Float(0.6, min=0.001, max=0.999).tag(sync=True)

    def __init__(self, rho: float = 0.2, rho_hat: float = 0.6) -> None:
        super().__init__(rho=rho, rho_hat=rho_hat, **identity("kl-curve"))

    def __repr__(self) -> str:
        """Name the settings, and no address, so that a stored notebook stays the same."""
        return f"KLCurve(rho={self.rho:g}, rho_hat={self.rho_hat:g})"
