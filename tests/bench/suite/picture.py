"""picture: a bar for each figure, as an SVG that is legible on light and on dark ground, and read aloud."""

from xml.sax.saxutils import escape

from .figures import shown

WIDTH, NAMES, NUMBERS = 800, 330, 90
TOP, ROW, BAR, BOTTOM = 54, 30, 18, 30
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 16px; font-weight: 600 }
.note { font-size: 11px; fill: #59636e }
.number { font-variant-numeric: tabular-nums }
.bar { fill: #8c959f }
.ours { fill: #0969da }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.note { fill: #9198a1 }
.bar { fill: #656c76 }
.ours { fill: #4493f8 }
}
"""


def drain(figures, note):
    """How fast a backlog is drained, against the limits and the peers."""
    shown_figures = [figure for figure in figures if figure.unit == "events/s" and figure.runs]
    return bars("A backlog drained into PostgreSQL, events a second", shown_figures, note)


def bars(title, figures, note):
    greatest = max(figure.median for figure in figures)
    height = TOP + ROW * len(figures) + BOTTOM
    told = "; ".join(f"{figure.what}: {shown(figure.median)}" for figure in figures)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"',
        '     aria-labelledby="title description">',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="description">{escape(told)}</desc>',
        f"<style>{STYLE}</style>",
        f'<text class="title" x="0" y="22">{escape(title)}</text>',
    ]
    for number, figure in enumerate(figures):
        lines += bar(figure, TOP + ROW * number, (WIDTH - NAMES - NUMBERS) * figure.median / greatest)
    lines += [f'<text class="note" x="0" y="{height - 8}">{escape(note)}</text>', "</svg>"]
    return "\n".join(lines) + "\n"


def bar(figure, top, length):
    kind = "bar ours" if figure.what.startswith("taskledger") else "bar"
    base = top + BAR - 4
    yield f'<text x="{NAMES - 10}" y="{base}" text-anchor="end">{escape(figure.what)}</text>'
    yield f'<rect class="{kind}" x="{NAMES}" y="{top}" width="{length:.1f}" height="{BAR}" rx="3"/>'
    yield f'<text class="number" x="{NAMES + length + 8:.1f}" y="{base}">{shown(figure.median)}</text>'
