"""What a fit recorded."""

from dataclasses import dataclass

import numpy as np

from aelib.validate import Array


@dataclass(frozen=True, eq=False)
class History:
    """The course of a fit, one entry a step; the first is the state before any step was taken.

    Attributes
    ----------
    loss : ndarray, shape (n_steps + 1,)
        The objective, in the objective's own units.
    step : str
        What a step is: ``"iteration"`` or ``"epoch"``.
    message : str
        Why the fit ended, in words.
    converged : bool
        Whether the optimiser itself says that it is done.
    """

    loss: Array
    step: str
    message: str
    converged: bool

    def __post_init__(self) -> None:
        """Keep a read-only float64 copy of the losses."""
        loss = np.array(self.loss, dtype=np.float64)
        loss.setflags(write=False)
        object.__setattr__(self, "loss", loss)

    @property
    def n_steps(self) -> int:
        """The number of steps taken."""
        return len(self.loss) - 1
