"""An independent auditor: what a stream says of each producer, checked as the ledger would check it."""

import hashlib
from typing import NamedTuple


class Audited(NamedTuple):
    """One producer identity. A hole is (first, last, reason)."""

    pid: int
    worker: str
    tasks: list
    holes: list
    closed: bool
    copies: int


def audit(emitted):
    """Every producer of an Emitted, by its id. Copies of one event must be equal; after taking each once, numbers are
    gapless but for holes that the very next event declares, the chain holds across them, own times rise."""
    return {identity: audit_producer(said) for identity, said in emitted.producers().items()}


def audit_producer(said):
    events = once(said)
    first = events[0][0]
    assert first.sequence == 1 and first.HasField("producer_opened") and first.previous_digest == b""
    holes = [hole for before, after in zip(events, events[1:]) if (hole := follow(before, after))]
    closed = [event for event, _ in events if event.HasField("producer_closed")]
    assert not closed or closed == [events[-1][0]] and closed[0].producer_closed.last_sequence == closed[0].sequence
    return Audited(
        pid=first.producer_opened.pid,
        worker=first.producer_opened.worker,
        tasks=[event.task_status.task_id for event, _ in events if event.HasField("task_status")],
        holes=holes,
        closed=bool(closed),
        copies=len(said) - len(events),
    )


def once(said):
    """[(event, bytes)] in order of sequence, each once."""
    unique = {}
    for event, payload in said:
        assert unique.setdefault(event.sequence, (event, payload))[1] == payload, "same identity, other bytes"
    return [unique[sequence] for sequence in sorted(unique)]


def follow(before, after):
    """Checks one event against the one before it; returns the hole between them, if it declares one."""
    (event, payload), (next_event, _) = before, after
    assert next_event.previous_digest == hashlib.sha256(payload).digest(), next_event.sequence
    assert next_event.occurred_at_us > event.occurred_at_us
    if next_event.sequence == event.sequence + 1:
        assert not next_event.HasField("producer_dropped")
        return None
    dropped = next_event.producer_dropped
    assert next_event.HasField("producer_dropped"), f"undeclared hole before {next_event.sequence}"
    assert (dropped.first_sequence, dropped.last_sequence) == (event.sequence + 1, next_event.sequence - 1)
    return dropped.first_sequence, dropped.last_sequence, dropped.reason
