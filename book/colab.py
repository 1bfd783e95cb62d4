"""Let every chapter's first cell fetch aelib where Google Colab has opened the chapter alone.

Colab opens a notebook from the repository without the files around it, so the notebook itself has
to know the repository's address. That address is set in one place, ``_config.yml``; this script
writes it into the chapters, or takes it out again if there is none. ``--check`` only looks.

    python book/colab.py [--check]
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

import yaml

from aelib import whole

ROOT = Path(__file__).resolve().parents[1]
GUARD = """\
import sys

if "google.colab" in sys.modules:  # Colab has everything but the book's package
    %pip install -q "aelib[all] @ git+{url}@{branch}"

"""
WRITTEN = re.compile(re.escape(GUARD).replace(r"\{url\}@\{branch\}", r"[^\"\n]+") + r"\n*")


def guard(root: Path) -> str:
    """Return the lines for the address in ``_config.yml``, or nothing if it has none."""
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    repository = config.get("repository") or {}
    url = (repository.get("url") or "").rstrip("/")
    return GUARD.format(url=url, branch=repository.get("branch") or "main") if url else ""


def with_guard(notebook: dict[str, Any], lines: str) -> None:
    """Put the lines before the notebook's first code, in place of those of another address."""
    cell = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    source = WRITTEN.sub("", "".join(cell["source"]), count=1)
    cell["source"] = (lines + source).splitlines(keepends=True)


def update(root: Path, check: bool = False) -> list[str]:
    """Bring all chapters up to date, or only look; return the names of those that were not."""
    lines, stale = guard(root), []
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        before = path.read_text(encoding="utf-8")
        notebook = json.loads(before)
        with_guard(notebook, lines)
        after = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        if after == before:
            continue
        stale.append(path.name)
        if not check:
            whole.write(path, after)
    return stale


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; fail if needed")
    only_look = parser.parse_args().check
    changed = update(ROOT, check=only_look)
    print("\n".join(changed) or "nothing to change")
    raise SystemExit(bool(changed) and only_look)
