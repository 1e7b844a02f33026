"""Two sessions that share the events out read each of them once, and what they read is woven in the order of the chains."""

import random
import subprocess
import time
import uuid

import pytest

CONSUMER, GREATEST = "taskledger-consumer", 2**63 - 1
RUN = 256  # events of a run
NOW_MS = int(time.time() * 1000)

INSERT = """
    INSERT INTO taskledger.task_event (producer_id, sequence, occurred_at, stream, stream_ms, stream_seq, payload)
    SELECT %s, number, now(), 's', 1, 1, 'said' FROM unnest(%s::bigint[]) AS number
"""


@pytest.fixture
def woven(build, programs, redis, postgres):
    """woven(producers): the identities as they come, of a ledger that has these: {producer_id: numbers}."""
    programs.use(redis, postgres)
    programs.run(CONSUMER, "migrate")

    def woven(producers):
        for producer_id, numbers in producers.items():
            postgres.rows(INSERT, (str(producer_id), list(numbers)))
        command = [build.folder / "tests" / "woven", postgres.url]
        result = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert result.returncode == 0, result.stdout
        return [(uuid.UUID(first), int(second)) for first, second in map(str.split, result.stdout.splitlines())]

    return woven


def in_order(producers):
    return [(producer_id, number) for producer_id in sorted(producers) for number in sorted(producers[producer_id])]


def of_this_month(number):
    """UUIDv7: in a month's partition; the others are in the one for what has no other."""
    return uuid.UUID(int=NOW_MS << 80 | 7 << 76 | 2 << 62 | number)


LEAST_ID, GREATEST_ID = uuid.UUID(int=0), uuid.UUID(int=2**128 - 1)

LEDGERS = {
    "nothing": {},
    "one event": {of_this_month(1): [1]},
    "a run, and one event more": {of_this_month(1): range(1, RUN + 2)},
    "one producer": {of_this_month(1): range(1, 10 * RUN)},
    "many that said little": {of_this_month(i): range(1, 2 + i % 4) for i in range(700)},
    "large and small ones": {of_this_month(i): range(1, 2 + (i * i * 37) % 1100) for i in range(40)},
    "holes of any size": {
        of_this_month(1): [1, 2, 3, RUN, RUN + 1, 2 * RUN, 2 * RUN + 1, 100 * RUN, 10**15],
        of_this_month(2): [10**9 * i for i in range(1, 300)],
    },
    "the ends of what there can be": {
        LEAST_ID: [1, GREATEST],
        of_this_month(1): [*range(1, 600), GREATEST - RUN - 1, *range(GREATEST - RUN, GREATEST + 1)],
        GREATEST_ID: [*range(1, 600), GREATEST - 1, GREATEST],
    },
}


@pytest.mark.parametrize("name", LEDGERS)
def test_each_event_comes_once_and_in_order(woven, name):
    assert woven(LEDGERS[name]) == in_order(LEDGERS[name])


def test_whatever_the_ledger_is_like(woven):
    chance = random.Random(20261122)
    producers = {}
    for _ in range(6):
        more = {uuid.UUID(int=chance.getrandbits(128)): some_numbers(chance) for _ in range(chance.randrange(1, 60))}
        producers.update(more)
        assert woven(more) == in_order(producers)


def some_numbers(chance):
    """Runs of numbers with holes between them."""
    numbers, at = [], 0
    for _ in range(chance.randrange(1, 5)):
        at += chance.choice([1, 2, RUN - 1, RUN, RUN + 1, 10**6])
        count = chance.choice([1, 3, RUN - 1, RUN, RUN + 1, 700])
        numbers += range(at, at + count)
        at += count
    return numbers
