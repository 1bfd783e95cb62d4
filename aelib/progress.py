"""A progress bar that a caller can hide, and so can the environment."""

import os
from typing import Any

from tqdm.auto import tqdm


def progress_bar(*, total: int, desc: str, unit: str, show: bool) -> Any:
    """Return a tqdm bar, for use in a ``with`` statement.

    Parameters
    ----------
    total : int
        The number of steps ahead.
    desc, unit : str
        What is being done, and what a step is called.
    show : bool
        Whether to show it. If True, the environment variable ``TQDM_DISABLE=1`` still hides it:
        that is how the notebooks are executed for the book.
    """
    # tqdm's own reading of the variable does not reach its notebook bar.
    hidden = os.environ.get("TQDM_DISABLE", "") not in ("", "0")
    return tqdm(total=total, desc=desc, unit=unit, disable=hidden or not show)
