"""No step on the way of an event takes more instructions than was agreed, and none of them allocates.

Counted, not timed: each of guard_work's things is done for the same 5,000 events under callgrind. A few instructions more
or less come from where the linker puts things and how full a hash table is.
"""

import re
import subprocess

import pytest
from guard import budget, callgrind

WORKS = (
    *("emit", "emit, spool always", "encode"),
    *("read", "decode", "intake", "fold", "copy", "task rows", "apply"),
    "verify",
)
OVER = 0.03
TURNS = 2  # callgrind's numbers of calls are of the turn that warms up, too
ALLOCATIONS = 0.01  # of an event: none, but what is taken once


def environment(scratch):
    return {"PATH": "/usr/bin:/bin", "TASKLEDGER_SPOOL_DIR": str(scratch / "spool")}


@pytest.mark.parametrize("work", WORKS)
def test_instructions_of_an_event(build, scratch, work):
    program = build.folder / "tests/guard_work"
    profile, told = callgrind.run(program, work, scratch=scratch, environment=environment(scratch), within="counted")
    events = int(told)
    costs = [
        budget.Cost("instructions", profile.instructions() / events, OVER, 2),
        budget.Cost("instructions of hashing", profile.hashing() / events, OVER, 2),
        budget.Cost("allocations", profile.allocations() / events / TURNS, 0, ALLOCATIONS),
    ]
    budget.check(budget.Section(f"{work}: an event", costs, profile.by_function(events)))


def test_the_compiler_is_that_of_the_budgets(build):
    """Another one makes other instructions of the same code."""
    command = ["readelf", "--string-dump=.comment", build.folder / "tests/guard_work"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    budget.same("compiler", re.search(r"GCC: (.*)", said)[1])


def test_every_work_is_guarded(build):
    listed = subprocess.run([build.folder / "tests/guard_work"], capture_output=True, text=True, check=True).stdout
    assert tuple(listed.splitlines()) == WORKS
