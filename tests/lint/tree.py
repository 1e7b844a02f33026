"""What every lint script needs: the tree it looks at, and one way to say what it found.

A script is run as `script.py [ROOT]`; findings go to stdout, one a line, as PATH:LINE: WHAT, exit code 1.
"""

import os
import subprocess
import sys
from pathlib import Path

PRODUCT = ("proto", "producer", "consumer", "replay")
ROOMS = (*PRODUCT, "tests", "deploy")

ROOT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2]).resolve()
BUILD = Path(os.environ.get("TASKLEDGER_BUILD", ROOT / "build/release")).resolve()


def some(found, what):
    """What was found, as a list; who looks at nothing would be content with anything."""
    found = list(found)
    if not found:
        finish([f"nothing to look at: no {what}"])
    return found


def files(rooms, *suffixes):
    """The files of these rooms that end so, in order, as paths relative to ROOT; at least one."""
    found = (path for room in rooms for path in (ROOT / room).rglob("*") if path.suffix in suffixes)
    paths = sorted(path.relative_to(ROOT) for path in found if path.is_file())
    return some(paths, f"{' or '.join(suffixes)} in {ROOT}")


def tracked():
    """Every file that git knows, as paths relative to ROOT."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    return sorted(Path(name) for name in listing.stdout.split("\0") if name and (ROOT / name).exists())


def lines(path):
    """(number, line) of a file."""
    return enumerate((ROOT / path).read_text(errors="replace").splitlines(), 1)


def finish(findings):
    findings = list(findings)
    for finding in findings:
        print(finding)
    sys.exit(1 if findings else 0)
