"""Pictures that are small, have their place kept for them, and load when they come into view.

The notebooks store PNG. The same pixels in lossless WebP take about 40 % of the bytes.
"""

import hashlib
import re
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote

from PIL import Image

from aelib import whole

IMG = re.compile(r"<img\b([^>]*?)\s*/?>")
# A picture that follows fewer characters of source than this is in the first window.
FIRST_WINDOW = 2500


def webp(picture: Path, cache: Path) -> bytes:
    """Return a picture as lossless WebP; encoding takes a while, so it is kept between builds."""
    content = picture.read_bytes()
    kept = cache / f"{hashlib.sha256(content).hexdigest()}.webp"
    if not kept.exists():
        with Image.open(BytesIO(content)) as image:
            rgba = image.convert("RGBA")
            opaque = rgba.getextrema()[3] == (255, 255)
            encoded = BytesIO()
            (rgba.convert("RGB") if opaque else rgba).save(
                encoded, "WEBP", lossless=True, quality=100, method=4
            )
        cache.mkdir(parents=True, exist_ok=True)
        whole.write(kept, encoded.getvalue())
    return kept.read_bytes()


def lighten(text: str, page: Path, cache: Path) -> str:
    """Return the page with each PNG of the article exchanged, measured and, below, lazy."""
    article = text.find("<article")

    def exchanged(match: re.Match[str]) -> str:
        attributes = match[1]
        source = re.search(r'src="([^":?]*_images/[^":?]*\.png)"', attributes)
        if not source or "width=" in re.sub(r'style="[^"]*"', "", attributes):
            return match[0]
        picture = page.parent / unquote(source[1])
        encoded = webp(picture, cache)
        target = picture.with_suffix(".webp")
        if not target.exists() or target.read_bytes() != encoded:
            whole.write(target, encoded)
        with Image.open(BytesIO(encoded)) as image:
            width, height = image.size
        attributes = attributes.replace(source[1], source[1].removesuffix(".png") + ".webp")
        late = match.start() - article > FIRST_WINDOW
        wait = ' loading="lazy"' if late else ' fetchpriority="high"'
        return f'<img{attributes} width="{width}" height="{height}" decoding="async"{wait} />'

    return IMG.sub(exchanged, text)


def drop_replaced(texts: Iterable[str], folder: Path) -> None:
    """Take the PNG files that no page shows any more out of the built book."""
    shown = set(re.findall(r"_images/([^\"')?]+)", "".join(texts)))
    for picture in folder.glob("*.png"):
        if picture.with_suffix(".webp").exists() and picture.name not in shown:
            picture.unlink()
