"""The picture that a link to the book shows where links are shared.

    python book/social_card.py

Draws an autoencoder with one active unit in a wide hidden layer, beside the book's title, and
writes book/_static/social-card.png.
"""

from io import BytesIO
from itertools import pairwise
from pathlib import Path

import matplotlib
from PIL import Image

matplotlib.use("agg")
from matplotlib import pyplot as plt

from aelib import whole

TARGET = Path(__file__).resolve().parent / "_static" / "social-card.png"
INK, LINE, UNIT, ACTIVE = "#0b3c5d", "#4d7fa3", "#8fd0f5", "#ff9a4d"


def column(x: float, count: int, height: float) -> list[tuple[float, float]]:
    """Return the places of the units of one layer."""
    return [(x, 3.15 + height * (i / (count - 1) - 0.5)) for i in range(count)]


def main() -> None:
    """Draw the card and write it."""
    figure = plt.figure(figsize=(12, 6.3), dpi=100, facecolor=INK)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 12), ylim=(0, 6.3))
    axes.axis("off")
    layers = [column(7.6, 5, 2.6), column(9.3, 9, 4.8), column(11.0, 5, 2.6)]
    active = layers[1][5]
    for first, second in pairwise(layers):
        for a in first:
            for b in second:
                on = active in (a, b)
                axes.plot(
                    *zip(a, b, strict=True), color=ACTIVE if on else LINE, lw=2 if on else 0.7
                )
    for layer in layers:
        for place in layer:
            color = ACTIVE if place == active else INK if layer is layers[1] else UNIT
            axes.plot(*place, "o", ms=19, mfc=color, mec=UNIT, mew=2)
    axes.text(0.8, 4.1, "Autoencoder\nVariants", color="white", size=50, weight="bold", va="center")
    axes.text(0.8, 2.55, "Step by Step", color=UNIT, size=34, va="center")
    axes.text(
        0.8, 1.35, "derived line by line, checked by\ncomputation, ready to run",
        color="white", size=20, va="center", linespacing=1.5,
    )  # fmt: skip
    drawn = BytesIO()
    figure.savefig(drawn, format="png")
    card = BytesIO()
    Image.open(drawn).convert("RGB").quantize(128).save(card, "PNG", optimize=True)
    whole.write(TARGET, card.getvalue())


if __name__ == "__main__":
    main()
