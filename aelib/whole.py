"""Files written whole or not at all."""

import os
import secrets
from pathlib import Path


def write(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Put a text or bytes into a file in one step.

    Whatever happens, a power cut too, there is the old file or the new one, and never half of one.

    Parameters
    ----------
    path : str or path
        The file; its folder exists.
    content : str or bytes
        What is to be in it. A text is written in UTF-8, its line ends as they are.

    Raises
    ------
    OSError
        If there is no such folder, no room, or no permission; the old file stays.
    UnicodeEncodeError
        If a text has half a surrogate pair, which UTF-8 cannot hold; the old file stays.
    """
    path = Path(path)
    body = content.encode() if isinstance(content, str) else content
    # In the same folder: only within one file system is moving a file a single step.
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with beside.open("xb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
