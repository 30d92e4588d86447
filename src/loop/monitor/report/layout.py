"""Where the panels of a figure end up, the same in every run."""

from matplotlib.figure import Figure


def settle(drawing: Figure) -> None:
    """Lay the panels out, then round their places.

    The solver of matplotlib's layout ends at other last bits from run to run, and names in an SVG are
    hashes of places.
    """
    drawing.draw_without_rendering()
    drawing.set_layout_engine("none")
    for axes in drawing.axes:
        left, bottom, width, height = (round(float(part), 4) for part in axes.get_position().bounds)
        axes.set_position((left, bottom, width, height))
