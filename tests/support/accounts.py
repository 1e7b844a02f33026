"""The ledger against the accounts of those who spoke: what is there, what is not, and what nobody said.

An event's key is (producer_id as text, sequence).
"""

import uuid
from collections import Counter
from typing import NamedTuple


class Compared(NamedTuple):
    """stored: key → payload of the ledger. lost: the keys and messages that are not there though they were accepted."""

    stored: dict
    events: list
    lost: set
    twice: int


def key(event):
    return str(uuid.UUID(bytes=event.producer_id)), event.sequence


def stored_events(postgres):
    rows = postgres.rows("SELECT producer_id::text, sequence, payload FROM taskledger.task_event")
    return {(producer_id, sequence): bytes(payload) for producer_id, sequence, payload in rows}


def compare(stored, speakers, workers, event_pb2):
    """Everything stored was said, with the same bytes; Compared tells what is not stored."""
    said = {(str(one.producer_id), one.sequence): one.payload for speaker in speakers for one in speaker.producer.said}
    for key in said.keys() & stored.keys():
        assert stored[key] == said[key], f"{key}: other bytes than were said"

    events = {key: event_pb2.Event.FromString(payload) for key, payload in stored.items()}
    of_workers = [event for key, event in events.items() if key not in said]
    found = Counter(event.task_status.message for event in of_workers if event.HasField("task_status"))
    accepted, uncertain = accepted_messages(workers)
    assert_opened(of_workers, events)
    unknown = {one for one in found.keys() - accepted - uncertain if not is_first_of_killed(one, workers)}
    assert not unknown, f"nobody said {sorted(unknown)[:5]}"
    return Compared(
        stored=stored,
        events=list(events.values()),
        lost=(said.keys() - stored.keys()) | (accepted - found.keys()),
        twice=sum(count - 1 for count in found.values()),
    )


def is_first_of_killed(message, workers):
    """A thread that was killed in its first emit has noted nothing."""
    label, _, _, number = message.split("/")
    return number == "0" and any(worker.was_killed and worker.label == label for worker in workers)


def accepted_messages(workers):
    """What workers noted as accepted, and what a killed one may have said without noting it."""
    accepted, uncertain = set(), set()
    for worker in workers:
        journal = worker.journal()
        for (pid, thread), numbers in journal.accepted.items():
            accepted.update(f"{worker.label}/{pid}/{thread}/{number}" for number in numbers)
            if worker.was_killed:
                uncertain.add(f"{worker.label}/{pid}/{thread}/{numbers[-1] + 1}")
    return accepted, uncertain


def assert_opened(of_workers, events):
    """Whoever else spoke was a producer that said who it is, unless just that was lost."""
    for event in of_workers:
        first = events.get((str(uuid.UUID(bytes=event.producer_id)), 1))
        assert first is None or first.HasField("producer_opened")


def messages(payloads, event_pb2):
    """The messages of the task events among these."""
    decoded = map(event_pb2.Event.FromString, payloads)
    return {event.task_status.message for event in decoded if event.HasField("task_status")}


def holes(keys):
    """(producer_id, first, last) of the numbers missing between 1 and the last of each producer."""
    last, found = {}, set()
    for producer_id, sequence in sorted(keys):
        before = last.get(producer_id, 0)
        if sequence > before + 1:
            found.add((producer_id, before + 1, sequence - 1))
        last[producer_id] = sequence
    return found


def ranges(keys):
    """The same of keys that are missing: neighbours together."""
    found = []
    for producer_id, sequence in sorted(keys):
        if found and found[-1][0] == producer_id and found[-1][2] == sequence - 1:
            found[-1] = (producer_id, found[-1][1], sequence)
        else:
            found.append((producer_id, sequence, sequence))
    return set(found)


def numbers(findings):
    """key → how often findings of verify name it."""
    return Counter(
        (item["producer_id"], number)
        for item in findings
        if item["producer_id"]
        for number in range(item["first_sequence"], item["last_sequence"] + 1)
    )
