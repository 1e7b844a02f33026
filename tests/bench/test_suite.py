"""The bench runs: a measurement with few events, on servers of its own, prints its table and keeps nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parent
PRINTED = {
    "drain": ["taskledger-consumer", "limit: COPY and folded upsert", "µs CPU/event"],
    "redis": ["limit: XADD, pipelined", "the consumer's source alone"],
    "disk": ["WAL", "bytes/event"],
}


@pytest.fixture
def run(build, scratch):
    """run(*arguments): the suite, as tests/bench/run starts it, of this build."""
    environment = {
        **os.environ,
        "PYTHONPATH": f"{BENCH}:{BENCH.parent}",
        "TASKLEDGER_BUILD": str(build.folder),
        "TASKLEDGER_BENCH_DIR": str(scratch),
    }

    def run(*arguments):
        command = [sys.executable, "-m", "suite", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    return run


def kept():
    files = [*(BENCH / "results").glob("*"), *BENCH.glob("RESULTS.md"), *BENCH.glob("results.svg")]
    return {path: path.stat().st_mtime_ns for path in files}


@pytest.mark.parametrize("name", PRINTED)
def test_a_measurement_prints_its_table_and_a_quick_one_keeps_nothing(run, name):
    before = kept()
    result = run("--quick", name)
    assert result.returncode == 0, result.stdout + result.stderr
    for text in PRINTED[name]:
        assert text in result.stdout
    assert kept() == before


def test_every_measurement_says_what_it_is(run):
    result = run("--list")
    assert result.returncode == 0
    listed = [line.split()[0] for line in result.stdout.splitlines()]
    there = [path.stem for path in (BENCH / "measures").glob("[a-z]*.py")]
    assert sorted(listed) == sorted(there)


def test_an_unknown_name_is_refused_with_those_that_there_are(run):
    result = run("drian")
    assert result.returncode == 2
    assert "no measurement 'drian'; there are: drain" in result.stderr


@pytest.fixture
def of_the_suite(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))


def test_the_report_and_the_readme_tell_what_was_measured(of_the_suite):
    from suite import __main__ as suite
    from suite import digest, marks, report

    results = report.kept(suite.NAMES)
    assert (BENCH / "RESULTS.md").read_text() == "\n".join(report.text(results)) + "\n"
    told = marks.told(report.README)[1].strip().splitlines()
    assert told == list(digest.lines(results, report.figures))
    assert len(told) == len(digest.HEAD) + len(digest.TOLD)


def test_what_a_day_of_many_events_takes_is_worked_out_from_what_was_measured(of_the_suite):
    from suite import __main__ as suite
    from suite import marks, report, scale

    results = report.kept(suite.NAMES)
    told = marks.told(report.SCALE)[1].strip().splitlines()
    assert told == list(scale.lines(results, report.figures))
    assert len(told) == len(scale.MEASURED) + len(scale.TAKEN) + len(scale.ENDS) + 3 * 2 + 2


def test_the_arithmetic_of_a_day(of_the_suite):
    """By hand, for round numbers."""
    from suite import scale
    from suite.figures import Figure

    ones = {name: Figure(there, "x", [1e6]) for name, (_, _, there) in scale.MEASURED.items()}
    ones["entry"].runs, ones["redis_us"].runs, ones["row"].runs = [300], [10], [500]
    ones["keys"].runs, ones["task"].runs, ones["task_key"].runs = [100], [50], [50]
    results = {}
    for name, (_, measurement, _) in scale.MEASURED.items():
        results.setdefault(measurement, []).append(ones[name])
    lines = list(scale.lines(results, lambda figures: figures))
    assert "| events a second, on average | 11.6/s | 116/s | 1,160/s | 11,600/s |" in lines
    assert "| PostgreSQL: disk a day | 700 MB | 7 GB | 70 GB | 700 GB |" in lines
    assert "| Redis: memory for that hour, which stays for `--retain` | 37.5 MB | 375 MB | 3.75 GB | 37.5 GB |" in lines
    assert "| Redis: its thread, then, of 1 | under 0.01 | under 0.01 | 0.03 | 0.35 |" in lines
    assert "| `verify` of 30 days | 30 s | 5 min | 50 min | 8.33 h |" in lines
    assert "| Redis' thread has no more than a fifth left in the busiest hour | 2,300 million |" in lines
    assert "| 30 days no longer fit on a disk of 10 TB | 476 million |" in lines


def test_the_report_tells_medians_spread_and_ratios(of_the_suite):
    from suite import picture, report, table
    from suite.figures import Figure

    figures = [Figure("taskledger", "events/s", [80, 40, 90.0], to="limit"), Figure("limit", "events/s", [100, 100, 100])]
    assert [line.split() for line in table.plain(figures)][1:] == [
        ["taskledger", "80", "events/s", "40", "–", "90", "0.80", "×", "limit"],
        ["limit", "100", "events/s", "100", "–", "100"],
    ]
    result = {
        "title": "A title", "about": "About it.", "date": "2026-01-01", "commit": "abc", "versions": {"Redis": "7.0"},
        "machine": {"processor": "one"}, "settings": {"redis": {"save": ""}}, "figures": [f.plain() for f in figures],
    }  # fmt: skip
    text = "\n".join(report.text({"drain": result}))
    assert "## A title" in text and "| taskledger | 80 | events/s | 40 – 90 | 0.80 × limit |" in text
    assert "Commit abc, 2026-01-01, 3 rounds" in text
    assert '<desc id="description">taskledger: 80; limit: 100</desc>' in picture.drain(figures, "a note")


def test_what_was_not_run_says_why_and_what_was_lost_is_said():
    sys.path.insert(0, str(BENCH))
    from suite import picture, table
    from suite.figures import Figure

    ours, absent = Figure("ours", "events/s", [2]), Figure("Node", "events/s", to="ours", note="there is no npm")
    lossy = Figure("listener", "events/s", [1], to="ours", note="only 9 of 10 events")
    assert [" ".join(line.split()) for line in table.plain([ours, absent, lossy])][1:] == [
        "ours 2 events/s",
        "Node (there is no npm) not run",
        "listener (only 9 of 10 events) 1 events/s 0.50 × ours",
    ]
    assert "Node" not in picture.drain([ours, absent, lossy], "")
