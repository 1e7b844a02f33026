"""Emitting costs the caller little more than what it cannot do without, with Redis and without.

The limit is measured in the same run: the SHA-256 of an event of the same size. Encoding, checking, copying and queueing
may cost a few times as much; a lock held over I/O, a system call an event or a lookup in libcrypto would cost far more.
"""

import re
import subprocess

import pytest

TIMES_THE_LIMIT = 8
ATTEMPTS = 3

LIMIT = re.compile(r"SHA-256 alone +median +(\d+)")
COST = re.compile(r"1 thread +full speed +median +(\d+)")


def times_the_limit(build, *url):
    output = subprocess.run([build.folder / "tests/emit_cost", *url], capture_output=True, text=True, check=True).stdout
    print(output)
    return int(COST.search(output)[1]) / int(LIMIT.search(output)[1])


@pytest.mark.parametrize("present", [False, True], ids=["redis away", "redis present"])
def test_emitting_is_cheap(build, redis, present):
    """The best of a few runs: another program on the machine is not the library's cost."""
    url = [redis.url] if present else []
    assert min(times_the_limit(build, *url) for _ in range(ATTEMPTS)) <= TIMES_THE_LIMIT
