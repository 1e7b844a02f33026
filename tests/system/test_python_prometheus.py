"""taskledger.prometheus: what the producers of a Python process count, as prometheus_client tells it."""

import json
import re
import sys

import pytest

from support.package import Python, environment
from support.prometheus import described
from support.waiting import wait_until

TELLER = """
import os, sys
import taskledger
assert "prometheus_client" not in sys.modules
from prometheus_client import CollectorRegistry, generate_latest
from taskledger.prometheus import Collector
registry = CollectorRegistry()
registry.register(Collector())
def page():
    return generate_latest(registry).decode()
import json
for line in sys.stdin:
    print(json.dumps(eval(line)), flush=True)
"""


@pytest.fixture
def start(build, scratch, redis):
    started = []

    def start(**environ):
        environ = environment(build, scratch, redis, **environ)
        started.append(Python(TELLER, environ, scratch, f"python{len(started)}"))
        return started[-1]

    yield start
    for each in started:
        each.kill()


def value(python, line):
    return json.loads(python.ask(line))


def samples(text):
    found = {}
    for name, labels, number in re.findall(r"^(\w+)\{([^}]*)\} (\S+)$", text, re.MULTILINE):
        reason = re.search(r'(?:reason|outcome)="(\w+)"', labels)
        found[name + (f" {reason[1]}" if reason else "")] = float(number)
    return found


def test_nothing_is_told_of_a_producer_that_said_nothing(start):
    python = start()
    text = value(python, "page()")
    assert described(text)["taskledger_producer_accepted_total"] == "counter" and samples(text) == {}


def test_what_is_counted_is_told(start):
    python = start()
    assert value(python, "[taskledger.producer().emit('t', 'RUNNING'), taskledger.producer().flush(30)]") == [True, 0]
    assert value(python, "taskledger.producer().emit('', 'RUNNING')") is False
    now = samples(value(python, "page()"))
    assert now["taskledger_producer_accepted_total"] == now["taskledger_producer_sent_total"] == 2
    assert now["taskledger_producer_rejected_total invalid"] == 1
    assert now["taskledger_producer_connected"] == 1
    assert value(python, "taskledger.producer().counters().producer_id") in value(python, "page()")


def test_a_child_tells_of_itself(start):
    python = start()
    value(python, "taskledger.producer().emit('t', 'RUNNING')")
    told = "os.write(1, (json.dumps(page()) + '\\n').encode())"
    child = f"(taskledger.producer().emit('t', 'RUNNING'), {told}, os._exit(0))"
    python.tell(f"os.waitpid(os.fork() or {child}, 0)[1]")
    inside = samples(json.loads(python.answer()))
    assert inside["taskledger_producer_accepted_total"] == 2
    assert python.answer() == "0"


def test_two_of_a_kind_in_one_registry_are_refused(start):
    python = start()
    assert value(python, "len(list(Collector().describe()))") > 20
    python.tell("registry.register(Collector())")
    wait_until(lambda: "Duplicated timeseries" in python.stderr(), 30, "it is refused")


def test_the_mode_in_which_collectors_are_passed_over_is_told(start, scratch):
    (scratch / "multiproc").mkdir()
    python = start(PROMETHEUS_MULTIPROC_DIR=scratch / "multiproc")
    value(python, "1")
    assert "taskledger-emit stats --format prometheus" in python.stderr()


def test_names_types_and_words_are_those_of_emit_stats(start, programs, scratch):
    programs.environment["TASKLEDGER_SPOOL_DIR"] = str(scratch / "spool")
    emit = programs.run("taskledger-emit", "stats", "--format", "prometheus").stdout
    python = value(start(), "page()")
    described_line = re.compile(r"^# (?:HELP|TYPE) taskledger_producer_.*$", re.MULTILINE)
    ours, theirs = set(described_line.findall(emit)), set(described_line.findall(python))
    only_emit = {line.split()[2] for line in ours - theirs}
    assert only_emit == {
        "taskledger_producer_oldest_unsent_timestamp_seconds",
        "taskledger_producer_told_timestamp_seconds",
    }, sys.version
