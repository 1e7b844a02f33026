"""total.py RESULTS.xml...: one line for several runs of ctest.

Exit code 1 if a test failed or, with CI=true, was skipped: a skipped test in CI is a failure.
cmocka and pytest skip inside a test that ctest counts as passed, so the output is looked at too.
"""

import os
import re
import sys
import xml.etree.ElementTree as ElementTree

SKIPPED_INSIDE = re.compile(r"\[  SKIPPED \]|\b[1-9]\d* skipped\b")


def verdict(case):
    if case.get("status") == "fail" or case.find("failure") is not None:
        return "failed"
    if case.get("status") != "run" or SKIPPED_INSIDE.search(case.findtext("system-out") or ""):
        return "skipped"
    return "passed"


def main(paths):
    names = {"passed": [], "failed": [], "skipped": []}
    for path in paths:
        for case in ElementTree.parse(path).iter("testcase"):
            names[verdict(case)].append(case.get("name"))

    for kind in ("failed", "skipped"):
        for name in names[kind]:
            print(f"{kind}: {name}")
    print(", ".join(f"{len(names[kind])} {kind}" for kind in names))

    a_skip_counts = os.environ.get("CI") == "true"
    return 1 if names["failed"] or (names["skipped"] and a_skip_counts) or not names["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
