"""taskledger-emit stats and permits for Prometheus: whatever names there are, it can read the page."""

import re
import subprocess

import pytest

from support.leases import permit_key
from support.prometheus import described
from support.waiting import wait_until
from support.worker import Worker

EMIT = "taskledger-emit"
HOUR_MS = 3_600_000


@pytest.fixture
def spool(programs, scratch):
    folder = scratch / 'spo"ol\\'
    programs.environment["TASKLEDGER_SPOOL_DIR"] = str(folder)
    return folder


@pytest.fixture
def worker(build, scratch, redis, spool):
    """One whose Redis is away, and whose name is no name."""
    with redis.proxy() as proxy:
        proxy.refuse()
        environment = {"TASKLEDGER_SPOOL_DIR": str(spool), "TASKLEDGER_WORKER": 'shop "\x1b[31m\\'}
        worker = Worker(build, scratch, proxy, env=environment, spool="always")
        yield worker
        worker.kill()


def page(programs, *command):
    """The page, which Prometheus has read."""
    text = programs.run(EMIT, *command, "--format", "prometheus").stdout
    read = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
    assert read.returncode in (0, 3) and "error while linting" not in read.stderr, read.stderr
    return text


def sample(text, name):
    """The value of the only one."""
    (line,) = [line for line in text.splitlines() if line.startswith(name + "{") or line.startswith(name + " ")]
    return float(line.split()[-1])


def test_of_nothing(programs, spool):
    text = page(programs, "stats")
    assert 'taskledger_spool_producers{spool_dir="' in text and 'state="gone"} 0' in text
    assert "taskledger_producer_accepted_total{" not in text
    assert sample(text, "taskledger_spool_seen_timestamp_seconds") > 1e9
    assert "taskledger_spool_oldest_unsent_timestamp_seconds{" not in text


def test_the_living_have_series_of_their_own(programs, spool, worker):
    def told():
        text = page(programs, "stats")
        has_all = re.search(r"^taskledger_producer_spooled{.*} 101$", text, re.MULTILINE)
        return text if has_all and "taskledger_producer_oldest_unsent_timestamp_seconds{" in text else None

    worker.emit(100)
    text = wait_until(told, 60, "it has told all, once a second")
    assert sample(text, "taskledger_producer_accepted_total") == 101
    assert 'worker="shop \\"\\\\x5cx1b[31m\\\\"' in text and 'spool_dir="' in text and 'spo\\"ol\\\\"' in text
    assert sample(text, "taskledger_producer_spool_limit_bytes") == 256 * 1024 * 1024
    assert sample(text, "taskledger_producer_oldest_unsent_timestamp_seconds") > 1e9
    assert 'state="alive"} 1' in text


def test_those_who_are_gone_are_told_of_by_what_they_left(programs, spool, worker):
    worker.emit(100)
    is_spooled = re.compile(r"^taskledger_producer_spooled{.*} 101$", re.MULTILINE)
    wait_until(lambda: is_spooled.search(page(programs, "stats")), 60, "it tells")
    worker.kill()
    text = page(programs, "stats")
    assert "taskledger_producer_accepted_total{" not in text and 'state="gone"} 1' in text
    assert sample(text, "taskledger_spool_left_behind") == 101
    assert sample(text, "taskledger_spool_oldest_unsent_timestamp_seconds") > 1e9


def test_what_is_described_follows_the_conventions(programs, redis, spool):
    programs.use(redis)
    told = described(page(programs, "stats")) | described(page(programs, "permits", "list"))
    for name, kind in told.items():
        assert (kind == "counter") == name.endswith("_total"), name


def test_permits_in_use_are_told_by_name(programs, redis):
    client = redis.client()
    programs.use(redis)
    now_ms = client.time()[0] * 1000
    odd = b'sp"ee\\ch\xff'
    client.zadd(b"taskledger:permit:{" + odd + b"}", {"a": now_ms + HOUR_MS, "b": now_ms + HOUR_MS})
    client.zadd(permit_key("pages", ":waiting"), {"c": now_ms + HOUR_MS})
    text = page(programs, "permits", "list")
    assert 'taskledger_permit_held{permit="sp\\"ee\\\\ch\\\\xff"} 2' in text
    assert 'taskledger_permit_waiting{permit="pages"} 1' in text
    assert sample(text, "taskledger_permit_names") == 2


def test_each_permit_stands_once_in_a_page(programs, redis):
    """A name that is asked for twice, and one too long to be a permit's that would look the same when it is cut."""
    client = redis.client()
    programs.use(redis)
    now_ms = client.time()[0] * 1000
    for name in "n" * 100, "n" * 101:
        client.zadd(permit_key(name), {"a": now_ms + HOUR_MS})
    assert sample(page(programs, "permits", "list"), "taskledger_permit_held") == 1
    assert sample(page(programs, "permits", "list", "speech", "speech"), "taskledger_permit_names") == 1


def test_no_permit_is_a_page_too(programs, redis):
    programs.use(redis)
    assert sample(page(programs, "permits", "list"), "taskledger_permit_names") == 0
