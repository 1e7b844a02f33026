"""What an event costs in the programs as they are, between real servers: instructions and allocations of all threads.

Counted twice, the second time with twice as many events: start and end cancel out. What the programs do by the clock does
not, so a little more is borne than in test_guard_instructions.py, and the consumer keeps no house: that is the part of
another, who does nothing.
"""

from contextlib import closing

from guard import budget, callgrind, load
from support.events import Stream
from support.waiting import wait_until

EVENTS = 10_000
GROUP = "guard"
KEEP_HOUSE = "SELECT pg_advisory_lock(1953260647, 3)"  # the lock of the watermark's holder
OVER = 0.08
ALLOCATIONS = 0.02
DRAINED_WITHIN_S = 120


def test_the_producer(build, programs, scratch, redis):
    """Emitted, and sent by the sender's thread. The shortest events: the load's own work is least."""
    environment = programs.use(redis).environment

    def profile(events):
        command = load.command(build, events, bytes=100)
        return callgrind.run(*command, scratch=scratch, environment=environment)[0]

    more = profile(2 * EVENTS).subtract(profile(EVENTS))
    check("producer: an event", more, budget.Cost("instructions of hashing", more.hashing() / EVENTS, OVER))


def test_the_consumer(build, programs, scratch, redis, postgres):
    programs.use(redis, postgres).run("taskledger-consumer", "migrate")

    def profile(events):
        load.say(build, programs, events)
        return drained(programs, redis, scratch)

    with closing(postgres.connect()) as other:
        other.cursor().execute(KEEP_HOUSE)
        check("consumer: an event", profile(2 * EVENTS).subtract(profile(EVENTS)))


def drained(programs, redis, scratch):
    """What a consumer takes that lives as long as there is something to read."""
    output = scratch / "callgrind.out"
    consumer = programs.start(
        "taskledger-consumer", "--group", GROUP, within=callgrind.command(output), env=callgrind.PLAIN
    )
    wait_until(lambda: Stream(redis.client()).is_settled(GROUP), DRAINED_WITHIN_S, "everything is settled")
    assert consumer.term() == 0
    return callgrind.Profile(output)


def check(name, profile, *more):
    costs = [
        budget.Cost("instructions", profile.instructions() / EVENTS, OVER),
        budget.Cost("allocations", profile.allocations() / EVENTS, 0, ALLOCATIONS),
        *more,
    ]
    budget.check(budget.Section(name, costs, profile.by_function(EVENTS)))
