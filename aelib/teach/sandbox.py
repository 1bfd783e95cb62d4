"""The room that a submission runs in: no network, nothing of this machine but Python itself.

A submission is somebody else's program. On Linux, bubblewrap gives it a file system that holds the
system's libraries, the Python that runs this module, and one folder of its own. The course, its
gradebook, the sources with the hidden tests, the home folder and the network are not in there.
"""

import functools
import shutil
import subprocess
import sys
from pathlib import Path

import aelib
from aelib.teach.limits import Limits

WHAT_IS_MISSING = (
    "bubblewrap is not to be had here, so submissions would run with your own rights: they could "
    "read the hidden tests, change the gradebook, delete your files and use the network. Install "
    "it (Debian, Ubuntu: `apt-get install bubblewrap`; Fedora: `dnf install bubblewrap`; on "
    "macOS and Windows use a Linux machine or WSL), or, if you trust every submission, say "
    "--no-sandbox."
)


def complaint() -> str | None:
    """Return why no sandbox can be had here, or None if it works: it is tried, not assumed."""
    if shutil.which("bwrap") is None:
        return WHAT_IS_MISSING
    trial = [*command(Path("/nonexistent"), Limits()), sys.executable, "-c", "import aelib"]
    done = subprocess.run(trial, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        return f"bubblewrap does not work here ({said[-1] if said else 'no message'}). " + (
            WHAT_IS_MISSING
        )
    return None


def command(folder: Path, limits: Limits) -> list[str]:
    """Return the words to put before a command so that it runs in the sandbox.

    Parameters
    ----------
    folder : Path
        The only folder that is both visible and writable inside, at the same path. A folder that
        does not exist is left out.
    limits : Limits
        What is enforced from the first instruction on; `aelib.teach.execute` watches the rest.
    """
    mebibyte = 1024 * 1024
    words = [
        # bubblewrap's own environment can be read inside, in /proc/1/environ: empty it too.
        "env", "-i", "PATH=/usr/bin:/bin", shutil.which("bwrap") or "bwrap",
        "--die-with-parent", "--new-session", "--cap-drop", "ALL",
        *(["--unshare-user", "--disable-userns"] if can_forbid_namespaces() else
          ["--unshare-user-try"]),
        "--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts",
        "--unshare-cgroup-try", "--hostname", "sandbox",
        "--proc", "/proc", "--dev", "/dev",
        "--size", str(256 * mebibyte), "--tmpfs", "/dev/shm",
        "--size", str(64 * mebibyte), "--tmpfs", "/tmp",
    ]  # fmt: skip
    for path in ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/alternatives",
                 "/etc/localtime", "/etc/fonts"):  # fmt: skip
        words += ["--ro-bind-try", path, path]
    for part in python_folders():
        words += ["--ro-bind", str(part), str(part)]
    words += ["--bind-try", str(folder), str(folder), "--clearenv"]
    for name, value in environment(folder).items():
        words += ["--setenv", name, value]
    home = folder / "work" if folder.exists() else Path("/")
    words += ["--chdir", str(home), "--"]
    # Address space is more than what is resident: numpy's and torch's libraries reserve a lot.
    words += [
        "prlimit",
        f"--as={(limits.memory_mb + 4096) * mebibyte}",
        f"--fsize={limits.disk_mb // 2 * mebibyte}",
        f"--cpu={limits.total_seconds}",
        "--core=0",
        "--nofile=1024",
        "--",
    ]
    return words


@functools.cache
def can_forbid_namespaces() -> bool:
    """Say whether bubblewrap can forbid further namespaces: in one, memory could be hidden."""
    words = ["bwrap", "--unshare-user", "--disable-userns", "--ro-bind", "/", "/", "true"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def python_folders() -> list[Path]:
    """Return the folders that this Python needs, outermost only."""
    package = Path(aelib.__file__).resolve().parent
    wanted = [Path(sys.prefix), Path(sys.base_prefix), package]
    wanted = sorted({path.resolve() for path in wanted} | {Path(sys.prefix)})
    return [
        path
        for path in wanted
        if not any(
            path != other and path.is_relative_to(other) for other in [*wanted, Path("/usr")]
        )
    ]


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a kernel: nothing of the instructor's own."""
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "MPLCONFIGDIR": str(folder / "matplotlib"),
        "LANG": "C.UTF-8",
        "TQDM_DISABLE": "1",
        "NBGRADER_EXECUTION": "autograde",
        "PYTHONDONTWRITEBYTECODE": "1",
        # Several submissions run side by side: a thread each, or they wait for one another.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
