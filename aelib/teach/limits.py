"""How much a submission may use before it is stopped."""

from typing import NamedTuple


class Limits(NamedTuple):
    """What one submission may use.

    Attributes
    ----------
    cell_seconds : int
        Seconds of wall time a cell; then it is interrupted, and the next cell goes on.
    total_seconds : int
        Seconds of wall time for the whole notebook, restarts included.
    memory_mb : int
        Resident memory of the kernel and all its child processes together, in MiB.
    processes : int
        Processes alive at the same time.
    disk_mb : int
        What may lie in the kernel's folders at the same time, in MiB; one file may take half of it.
    output_kb : int
        Output kept of one cell, in KiB; what comes after is thrown away.
    """

    cell_seconds: int = 60
    total_seconds: int = 600
    memory_mb: int = 4096
    processes: int = 300
    disk_mb: int = 200
    output_kb: int = 200
