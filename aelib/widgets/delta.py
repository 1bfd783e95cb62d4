"""The delta of a hidden unit, term by term."""

import anywidget
import traitlets

from aelib.widgets.figure import STYLE, identity, script


class ModifiedDelta(anywidget.AnyWidget):
    r"""Show every term of a hidden unit's delta, and the slide's form beside the derived one.

    .. math::
        \delta_i = O_i (1 - O_i) \left[ \sum_j \delta_j W_{ij}
            + \frac{\lambda}{m} \left( -\frac{\rho}{\hat\rho_i}
            + \frac{1-\rho}{1-\hat\rho_i} \right) \right]

    On the slide the bracket closes before the term with :math:`\lambda`.

    Parameters
    ----------
    activation : float, default 0.7
        The unit's activation :math:`O_i` for the sample, from 0.01 to 0.99.
    rho : float, default 0.05
        The target, from 0.01 to 0.99.
    rho_hat : float, default 0.7
        The unit's mean activation, from 0.01 to 0.99.
    sparsity_weight : float, default 3
        The weight :math:`\lambda`, from 0 to 10.
    n_samples : int, default 6
        The number m of samples, from 1 to 100.
    back_propagated : float, default 0.1
        The sum :math:`\sum_j \delta_j W_{ij}`, from -0.5 to 0.5.

    Notes
    -----
    A value out of its range raises a `traitlets.TraitError`, here and when it is changed later.
    Chapter 5 of the book; the lecture's slide at 17:36.
    """

    _esm = script("delta")
    _css = STYLE

    activation = traitlets.Float(0.7, min=0.01, max=0.99).tag(sync=True)
    rho = traitlets.Float(0.05, min=0.01, max=0.99).tag(sync=True)
    rho_hat = traitlets.Float(0.7, min=0.01, max=0.99).tag(sync=True)
    sparsity_weight = traitlets.Float(3.0, min=0.0, max=10.0).tag(sync=True)
    n_samples = traitlets.Int(6, min=1, max=100).tag(sync=True)
    back_propagated = traitlets.Float(0.1, min=-0.5, max=0.5).tag(sync=True)

    def __init__(
        self,
        activation: float = 0.7,
        rho: float = 0.05,
        rho_hat: float = 0.7,
        sparsity_weight: float = 3.0,
        n_samples: int = 6,
        back_propagated: float = 0.1,
    ) -> None:
        super().__init__(
            activation=activation,
            rho=rho,
            rho_hat=rho_hat,
            sparsity_weight=sparsity_weight,
            n_samples=n_samples,
            back_propagated=back_propagated,
            **identity("modified-delta"),
        )

    def __repr__(self) -> str:
        """Name the settings, and no address, so that a stored notebook stays the same."""
        return (
            f"ModifiedDelta(activation={self.activation:g}, rho={self.rho:g}, "
            f"rho_hat={self.rho_hat:g}, sparsity_weight={self.sparsity_weight:g}, "
            f"n_samples={self.n_samples}, back_propagated={self.back_propagated:g})"
        )
