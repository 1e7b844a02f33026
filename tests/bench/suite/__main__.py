"""Takes measurements, prints them, and keeps what was found."""

import argparse
import importlib
import os
import subprocess
import sys
import time
from pathlib import Path

from support.programs import Build

from . import machine, report, table
from .rounds import Bench

BENCH = Path(__file__).parents[1]
ROOT = BENCH.parents[1]

# In the order in which they are taken and told.
NAMES = "drain peers live latency emit consumers producers sizes growth restart memory redis disk audit".split()


def measures():
    """name → module, of those that there are: the order of NAMES, then by name."""
    found = sorted(path.stem for path in (BENCH / "measures").glob("[a-z]*.py"))
    found.sort(key=lambda name: NAMES.index(name) if name in NAMES else len(NAMES))
    return {name: importlib.import_module(f"measures.{name}") for name in found}


def arguments(names):
    parser = argparse.ArgumentParser(prog="tests/bench/run", description="Measures taskledger, on servers of its own.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to measure (default: everything)")
    parser.add_argument("--list", action="store_true", help="print the names and what they are")
    parser.add_argument("--quick", action="store_true", help="few events, one round: only shows that it runs")
    given = parser.parse_args()
    for name in given.names:
        if name not in names:
            parser.error(f"no measurement {name!r}; there are: {', '.join(names)}")
    return given


def release():
    """The build that users get, made now; or the one that is given."""
    given = os.environ.get("TASKLEDGER_BUILD")
    if given:
        return Build(Path(given).resolve())
    for command in (["cmake", "--preset", "release"], ["cmake", "--build", "--preset", "release", "--", "--quiet"]):
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            print(done.stdout, file=sys.stderr)
            sys.exit(2)
    return Build(ROOT / "build/release")


def take(measure, build, quick):
    """The result of one measurement, as it is kept."""
    bench = Bench(build, quick, lambda text: print(f"   {text}", file=sys.stderr, flush=True))
    begun = time.monotonic()
    figures = measure.measure(bench)
    print(*table.plain(figures), sep="\n")
    print(f"({time.monotonic() - begun:.0f} s)\n", flush=True)
    return {
        "title": measure.TITLE,
        "about": " ".join(measure.ABOUT.split()),
        **machine.circumstances(ROOT),
        "settings": bench.settings,
        "figures": [figure.plain() for figure in figures],
    }


def main():
    there = measures()
    given = arguments(there)
    if given.list:
        width = max(map(len, there))
        print(*(f"{name:{width}}  {measure.TITLE}" for name, measure in there.items()), sep="\n")
        return 0

    build = release()
    failed = []
    for name in given.names or there:
        print(f"== {there[name].TITLE}", flush=True)
        try:
            result = take(there[name], build, given.quick)
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            print(f"{name} failed: {error}\n", file=sys.stderr, flush=True)
            failed.append(name)
            continue
        if not given.quick:
            report.write(name, result)
            report.refresh(there)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
