"""What the chaos scenarios found, a file each in TASKLEDGER_BUILD/chaos, and the table of all of them.

    results.py FOLDER [README]    prints the table; with README also writes it between that file's markers
"""

import json
import statistics
import sys
from pathlib import Path

BEGIN, END = "<!-- results -->\n", "<!-- end of results -->\n"
HEAD = ["scenario", "faults", "events", "said again", "lost", "named", "counted twice", "recovered", "memory", "took"]
RIGHT = {"events", "said again", "lost", "named", "counted twice"}


def write(folder, result):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{result['scenario']}.json").write_text(json.dumps(result, indent=1))


def read(folder):
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def row(result):
    verdict = "" if result["passed"] else f"**FAILED** (seed {result['seed']}) "
    return [
        verdict + result["scenario"].removeprefix("test_").replace("_s_", "'s ").replace("_", " "),
        ", ".join([*(f"{count} × {fault}" for fault, count in result["faults"].items()), *result["notes"]]),
        f"{result['events']:,}",
        f"{result['again']:,}",
        f"{result['lost']:,}",
        f"{result['named']:,}",
        f"{result['twice']:,}",
        spread(result["recovered_s"]),
        ", ".join(f"{name.removeprefix('taskledger-')} {kib / 1024:.0f}" for name, kib in result["peaks_kib"].items()),
        f"{result['seconds']:.0f} s",
    ]


def spread(seconds):
    """The median and the worst."""
    if not seconds:
        return ""
    if len(seconds) == 1:
        return f"{seconds[0]:.2f} s"
    return f"{statistics.median(seconds):.2f} s, at most {max(seconds):.2f} s"


def table(results):
    """In Markdown."""
    rows = [HEAD, ["--:" if name in RIGHT else "---" for name in HEAD], *map(row, results)]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in rows)


def summary(results):
    faults = sum(sum(result["faults"].values()) for result in results)
    events = sum(result["events"] for result in results)
    lost, named = (sum(result[name] for result in results) for name in ("lost", "named"))
    failed = sum(not result["passed"] for result in results)
    return (
        f"{len(results)} scenarios, {failed} failed: {faults:,} faults under {events:,} events, "
        f"{lost:,} lost without a word, {named:,} lost as predicted and named.\n"
    )


def main(folder, readme=None):
    results = read(Path(folder))
    if not results:
        return 0
    print(table(results) + "\n" + summary(results))
    if readme:
        before, rest = Path(readme).read_text().split(BEGIN)
        after = rest.split(END)[1]
        Path(readme).write_text(f"{before}{BEGIN}\n{table(results)}\n{summary(results)}\n{END}{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
