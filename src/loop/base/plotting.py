"""A canvas for figures that come out as the same SVG text for the same numbers.

Shape and place carry the meaning; colour only repeats it.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, BLUE, ORANGE, GREY, BAND = "#1f2430", "#2563a8", "#c2560c", "#8a93a3", "#dbe7f5"
STYLE = {
    "svg.hashsalt": "loop",
    "svg.fonttype": "none",
    "text.parse_math": False,  # a name from data may hold a dollar sign
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}


@contextmanager
def canvas(width: float, height: float, svg: io.StringIO) -> Iterator[tuple[Figure, Axes]]:
    """Figure and axes of so many inches; what was drawn is in `svg` when the block ends."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(width, height))
        yield figure, axes
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
        plt.close(figure)


def picture(text: io.StringIO, label: str) -> str:
    """The SVG alone, named by `label` for those who do not see it."""
    value = text.getvalue()
    return value[value.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1)
