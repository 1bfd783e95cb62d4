"""Data that stay in their file: of an array on disk only the rows at hand are read."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset


class FileRows(Dataset[Tensor]):
    """The rows of a matrix in a ``.npy`` file, for a `torch.utils.data.DataLoader`.

    The file is mapped into memory, not read: a row is fetched when it is asked for, and the system
    forgets it again when memory is needed for something else. So the file may be larger than the
    memory::

        loader = DataLoader(FileRows("patches.npy"), batch_size=1000, shuffle=True)

    Parameters
    ----------
    path : str or path
        A file as `numpy.save` writes it: a float32 or float64 matrix, one sample a row.
        `numpy.lib.format.open_memmap` writes one piece by piece.

    Attributes
    ----------
    path : Path
        The file, absolute.
    rows : numpy.memmap, shape (m, n)
        The mapped file, read-only.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError
        If it holds neither float32 nor float64.
    ValueError
        If it is no ``.npy`` file, is shorter than it says, is empty, holds no matrix, or stores it
        column by column, so that one row would take a read in every part of the file.

    Notes
    -----
    The values are not looked at here; every loss checks the batch that it gets. For labels beside
    the rows: `torch.utils.data.StackDataset`. Sent to another process, as a loader with workers may
    do, it takes the path along and not the data.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()
        self.rows = _mapped(self.path)

    def __len__(self) -> int:
        """Return the number m of rows."""
        return len(self.rows)

    def __getitem__(self, index: int) -> Tensor:
        """Return one row, shape (n,), a copy."""
        return torch.from_numpy(np.array(self.rows[index]))

    def __getitems__(self, indices: list[int]) -> list[Tensor]:
        """Return the rows of a whole batch, read in one go."""
        return list(torch.from_numpy(np.array(self.rows[indices])))

    def __getstate__(self) -> dict[str, Any]:
        """Leave the data behind: pickling an array that is mapped would read all of it."""
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Map the file again."""
        self.path = state["path"]
        self.rows = _mapped(self.path)


def _mapped(path: Path) -> Any:
    try:
        rows = np.lib.format.open_memmap(path, mode="r")
    except ValueError as error:
        raise ValueError(f"{path} cannot be mapped as a .npy file: {error}") from error
    if rows.dtype not in (np.float32, np.float64):
        raise TypeError(f"{path} must hold float32 or float64, got {rows.dtype}")
    if rows.ndim != 2 or rows.size == 0:
        raise ValueError(f"{path} must hold a matrix with a sample a row, got shape {rows.shape}")
    if not rows.flags.c_contiguous:
        raise ValueError(f"{path} is stored column by column; save np.ascontiguousarray of it")
    return rows
