"""deploy/README.md agrees with what it tells of: alerts, exit codes, sizes."""

import re

import yaml
from conftest import ROOT

README = (ROOT / "deploy/README.md").read_text()
SIZES = {  # as the page has them → rows of the bench that add up to it
    "of Redis' memory": ["memory of Redis"],
    "of its append-only file": ["Redis' append-only file, with reading and settling"],
    "of PostgreSQL's WAL": ["WAL"],
    "of the ledger": ["task_event", "task_event's indexes", "task", "task's index"],
}


def first_cells(section):
    """Of the tables in this section, without heads and rules."""
    text = re.search(rf"^## {section}\n(.*?)^## ", README, re.MULTILINE | re.DOTALL).group(1)
    return [cell for cell in re.findall(r"^\| ([^|]*?) \|", text, re.MULTILINE)]


def number(text):
    return float(text.replace(",", ""))


def test_every_alert_has_a_line_and_every_line_is_of_an_alert():
    groups = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text())["groups"]
    alerts = [rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule]
    told = [cell for cell in first_cells("Alerts") if cell != "alert"]
    assert sorted(told) == sorted(alerts)


def test_every_exit_code_has_a_line():
    codes = re.findall(r"\bEXIT_\w+ = (\d+)", (ROOT / "proto/exit_code.h").read_text())
    told = [code for cell in first_cells("Exit codes") for code in re.findall(r"\d+", cell)]
    assert len(codes) >= 9 and set(codes) <= set(told)
    assert set(told) - set(codes) == {"75", "124", "125", "126", "127"}


def test_sizes_are_those_that_the_bench_found():
    results = (ROOT / "tests/bench/RESULTS.md").read_text()
    for what, rows in SIZES.items():
        (told,) = re.findall(rf"([\d,]+) (?:bytes )?{what}", README)
        found = [re.search(rf"^\| {re.escape(row)} \| ([\d.,]+) \| bytes/event ", results, re.MULTILINE).group(1) for row in rows]
        assert abs(number(told) - sum(map(number, found))) < 1, (what, told, found)
