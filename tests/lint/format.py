"""format: C is laid out as .clang-format says (`clang-format -i FILE` does it)."""

import subprocess

import tree


def findings():
    paths = tree.files(tree.ROOMS, ".c", ".h")
    if not paths:
        return
    command = ["clang-format", "--dry-run", "-Werror", *map(str, paths)]
    result = subprocess.run(command, cwd=tree.ROOT, capture_output=True, text=True)
    if result.returncode != 0:
        yield result.stderr


tree.finish(findings())
