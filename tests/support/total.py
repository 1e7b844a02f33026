"""total.py RESULTS.xml...: one line for several runs of ctest.
total.py --failed RESULTS.xml: the names of those that failed, a line each.

Exit code 1 if a test failed or, with CI=true, was skipped: a skipped test in CI is a failure.
cmocka and pytest skip inside a test that ctest counts as passed, so the output is looked at too.

Beside build/release.xml there may be build/release.again.xml, of a second run of those that failed. What passes then is
unsteady: it is named, and counted neither as passed nor as failed.
"""

import os
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

SKIPPED_INSIDE = re.compile(r"\[  SKIPPED \]|\b[1-9]\d* skipped\b")


def verdict(case):
    if case.get("status") == "fail" or case.find("failure") is not None:
        return "failed"
    if case.get("status") != "run" or SKIPPED_INSIDE.search(case.findtext("system-out") or ""):
        return "skipped"
    return "passed"


def verdicts(path):
    return {case.get("name"): verdict(case) for case in ElementTree.parse(path).iter("testcase")}


def verdicts_in_the_end(path):
    found = verdicts(path)
    again = Path(path).with_suffix(".again.xml")
    for name, second in verdicts(again).items() if again.exists() else ():
        if found.get(name) == "failed" and second == "passed":
            found[name] = "unsteady"
    return found


def main(paths):
    names = {"passed": [], "unsteady": [], "failed": [], "skipped": []}
    for path in paths:
        for name, kind in verdicts_in_the_end(path).items():
            names[kind].append(name)

    for kind in ("unsteady", "failed", "skipped"):
        for name in names[kind]:
            print(f"{kind}: {name}")
    print(", ".join(f"{len(names[kind])} {kind}" for kind in names if names[kind] or kind != "unsteady"))

    a_skip_counts = os.environ.get("CI") == "true"
    return 1 if names["failed"] or (names["skipped"] and a_skip_counts) or not names["passed"] else 0


if __name__ == "__main__":
    if sys.argv[1] == "--failed":
        print("\n".join(name for name, kind in verdicts(sys.argv[2]).items() if kind == "failed"))
    else:
        sys.exit(main(sys.argv[1:]))
