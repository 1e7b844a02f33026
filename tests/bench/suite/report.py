"""report: results/NAME.json of every measurement, and RESULTS.md made from all of them."""

import json
from pathlib import Path

from . import picture, table
from .figures import Figure

BENCH = Path(__file__).parents[1]
RESULTS = BENCH / "results"

INTRODUCTION = """\
# What was measured

Made by `tests/bench/run`; [how to read it](README.md). Every value is the median of several rounds, beside it the least
and the greatest of them. A ratio is the median of the rounds' ratios: what is compared was measured in turn.
"""


def write(name, result):
    """One measurement's result into its file, and the report anew."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


def refresh(names):
    """RESULTS.md and results.svg from the files that there are, in the order of the names."""
    results = {name: read(name) for name in names if (RESULTS / f"{name}.json").exists()}
    if results:
        (BENCH / "RESULTS.md").write_text("\n".join(text(results)) + "\n")
    drained = results.get("peers") or results.get("drain")
    if drained:
        (BENCH / "results.svg").write_text(picture.drain(figures(drained), note(drained)))


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
    rounds = max((len(figure["runs"]) for figure in result["figures"]), default=0)
    yield f"Commit {result['commit']}"
    yield result["date"]
    yield f"{rounds} rounds" if rounds != 1 else "one round"
    if result["machine"] != newest["machine"]:
        yield f"on {result['machine']['processor']}"
    for server, settings in result["settings"].items():
        for name, value in settings.items():
            if newest["settings"].get(server, {}).get(name) != value:
                yield f"{server} with `{name}={value}`"
