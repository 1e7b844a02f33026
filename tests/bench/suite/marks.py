"""marks: the part of a page that the bench writes, between two lines of its own."""

BEGIN, END = "<!-- tests/bench/run writes what stands between these two lines -->\n", "<!-- as far as here -->\n"


def told(path):
    """What stands between them."""
    before, begin, rest = path.read_text().partition(BEGIN)
    between, end, after = rest.partition(END)
    assert begin and end, f"{path} lacks the lines between which the figures stand"
    return before + begin, between, end + after


def put(path, lines):
    before, _, after = told(path)
    path.write_text(before + "\n" + "\n".join(lines) + "\n\n" + after)
