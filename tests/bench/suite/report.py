"""report: results/NAME.json of every measurement; made from all of them, RESULTS.md, results.svg, and what README.md and
deploy/SCALE.md tell of them."""

import json
from pathlib import Path

from . import digest, marks, picture, scale, table
from .figures import Figure

BENCH = Path(__file__).parents[1]
RESULTS = BENCH / "results"
ROOT = BENCH.parents[1]
README, SCALE = ROOT / "README.md", ROOT / "deploy/SCALE.md"

INTRODUCTION = """\
# What was measured

Made by `tests/bench/run`; [how to read it](README.md). Every value is the median of its rounds, beside it the least and
the greatest of them. A ratio is the median of the rounds' ratios: what is compared was measured in turn.
"""


def write(name, result):
    """One measurement's result into its file, and the report anew."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


def refresh(names):
    """All that is made from the files that there are, in the order of the names."""
    results = kept(names)
    if results:
        (BENCH / "RESULTS.md").write_text("\n".join(text(results)) + "\n")
        marks.put(README, digest.lines(results, figures))
    if scale.NEEDED <= set(results):
        marks.put(SCALE, scale.lines(results, figures))
    drained = results.get("peers") or results.get("drain")
    if drained:
        (BENCH / "results.svg").write_text(picture.drain(figures(drained), note(drained)))


def kept(names):
    """name → result, in the order of the names."""
    return {name: read(name) for name in names if (RESULTS / f"{name}.json").exists()}


def read(name):
    return json.loads((RESULTS / f"{name}.json").read_text())


def figures(result):
    return [Figure(**figure) for figure in result["figures"]]


def note(result):
    return f"{result['machine']['processor']} · {result['date']} · {result['commit']}"


def text(results):
    newest = max(results.values(), key=lambda result: result["date"])
    yield INTRODUCTION
    yield from circumstances(newest)
    for result in results.values():
        yield f"\n## {result['title']}\n"
        yield f"{result['about']}\n"
        yield from table.markdown(figures(result))
        yield f"\n{', '.join(apart(result, newest))}"


def circumstances(result):
    """The machine, the versions and the servers' settings."""
    for heading, named in (("machine", result["machine"]), ("versions", result["versions"])):
        yield f"- {heading}: " + "; ".join(f"{name} {value}" for name, value in named.items())
    for server, settings in result["settings"].items():
        yield f"- {server}: " + ", ".join(f"`{name}={value}`" for name, value in settings.items())


def apart(result, newest):
    """When and of what; and the servers' settings where they were not those at the top."""
    rounds = sorted({len(figure["runs"]) for figure in result["figures"] if figure["runs"]})
    yield f"Commit {result['commit']}"
    yield result["date"]
    yield "one round" if rounds == [1] else f"{' or '.join(map(str, rounds))} rounds"
    if result["machine"] != newest["machine"]:
        yield f"on {result['machine']['processor']}"
    for server, settings in result["settings"].items():
        for name, value in settings.items():
            if newest["settings"].get(server, {}).get(name) != value:
                yield f"{server} with `{name}={value}`"
