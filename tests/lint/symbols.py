"""symbols: foo.c exports only foo and foo_*, the library only taskledger_*.

A file without a header of its own is a part of another: foo_part.c beside foo.h exports foo_*. Looks at the object files of the build; generated code has no source in the tree and is left alone.
"""

import subprocess
from pathlib import Path

import tree


def exported(path, *options):
    command = ["nm", "--defined-only", "--extern-only", "--format=posix", *options, path]
    listing = subprocess.run(command, capture_output=True, check=True, text=True)
    words = [line.split() for line in listing.stdout.splitlines()]
    return sorted({name for name, kind, *_ in words if kind != "A"})  # A: the name of a version


def objects():
    """(object file, its source) for every object of the product."""
    for room in tree.PRODUCT:
        for path in sorted((tree.BUILD / room).rglob("*.c.o")):
            parts = path.relative_to(tree.BUILD).parts
            at = parts.index("CMakeFiles")
            source = Path(*parts[:at], *parts[at + 2 :]).with_suffix("")
            if (tree.ROOT / source).exists():
                yield path, source


def stem_of(source):
    """foo for foo.c, and for foo_part.c that has no header but foo.h."""
    stem = source.stem
    while not (tree.ROOT / source.with_name(f"{stem}.h")).exists() and "_" in stem:
        stem = stem.rpartition("_")[0]
    return stem


def belongs(symbol, source):
    stem = stem_of(source)
    if symbol == "main":
        return source.stem == "main"
    if source.parts[0] == "producer" and symbol.startswith("taskledger_"):
        return True
    return symbol == stem or symbol.startswith(stem + "_")


def findings():
    for path, source in tree.some(objects(), f"object file of ours in {tree.BUILD}; TASKLEDGER_BUILD names the build"):
        for symbol in exported(path):
            if not belongs(symbol, source):
                yield f"{source}:1: exports {symbol}; static, or {stem_of(source)}_*"

    library = tree.BUILD / "lib/libtaskledger.so"
    if library.exists():
        for symbol in exported(library, "--dynamic"):
            if not symbol.startswith("taskledger_"):
                yield f"{library}: exports {symbol}"


tree.finish(sorted(set(findings())))
