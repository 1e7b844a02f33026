"""table: the figures of one measurement, for a terminal and in Markdown."""

from .figures import ratio, shown

HEAD = ("what", "median", "unit", "least – greatest", "ratio")
RIGHT = (False, True, False, True, True)


def rows(figures):
    for figure in figures:
        what = f"{figure.what} ({figure.note})" if figure.note else figure.what
        if not figure.runs:
            yield what, "not run", "", "", ""
            continue
        compared = ratio(figure, figures)
        spread = f"{shown(figure.least)} – {shown(figure.greatest)}" if len(figure.runs) > 1 else ""
        against = "" if compared is None else f"{compared:.2f} × {figure.to}"
        yield what, shown(figure.median), figure.unit, spread, against


def plain(figures):
    """Columns as wide as what is in them."""
    lines = [HEAD, *rows(figures)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    for line in lines:
        cells = (cell.rjust(width) if right else cell.ljust(width) for cell, width, right in zip(line, widths, RIGHT))
        yield "  ".join(cells).rstrip()


def markdown(figures):
    for line in [HEAD, ["--:" if right else "---" for right in RIGHT], *rows(figures)]:
        yield f"| {' | '.join(line)} |"
