"""lengths: a function has at most 70 lines, a file at most 400."""

import tree

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 400


def functions(path):
    """(first line, lines) of each function: clang-format puts its braces in the first column."""
    start = None
    for number, line in tree.lines(path):
        if line == "{":
            start = number
        elif line.startswith("}") and start is not None:
            yield start, number - start + 1
            start = None


def findings():
    for path in tree.files(tree.ROOMS, ".c", ".h"):
        count = sum(1 for _ in tree.lines(path))
        if count > FILE_LINES_MAX:
            yield f"{path}:1: {count} lines, at most {FILE_LINES_MAX}"
        for start, length in functions(path):
            if length > FUNCTION_LINES_MAX:
                yield f"{path}:{start}: a function of {length} lines, at most {FUNCTION_LINES_MAX}"


tree.finish(findings())
