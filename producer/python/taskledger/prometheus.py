"""What producers count, for prometheus_client: the one module that imports it, so import this one only if you have it.

    from prometheus_client import REGISTRY, start_http_server
    from taskledger.prometheus import Collector

    REGISTRY.register(Collector())
    start_http_server(9091)

A process can only tell of itself. Where many answer under one address (gunicorn, uwsgi) each scrape meets another one,
and numbers jump; where children do the work (Celery's and RQ's prefork) the parent has nothing to tell. The
multiprocess mode of prometheus_client is no way out, since it passes over all collectors. There,

    taskledger-emit stats --format prometheus

tells of all producers of a host, under the same names, as long as they have something in the spool: all the time, with
TASKLEDGER_SPOOL=always."""

from __future__ import annotations

import os
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple, Union

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from ._default import producer as default_producer
from ._log import WARNING, tell
from ._producer import Producer
from .counters import Counters

COUNTER, GAUGE = "counter", "gauge"

_Family = Union[CounterMetricFamily, GaugeMetricFamily]


class _Row(NamedTuple):
    name: str
    kind: str
    help: str
    fields: Dict[str, str]
    """Of Counters: the value of `label` that each counts, or just one."""
    label: Optional[str] = None


def _one(name: str, kind: str, help: str, field: Optional[str] = None) -> _Row:
    return _Row(name, kind, help, {"": field or name})


# The first part has the names and words of `taskledger-emit stats` (producer/emit/stats_page.c).
_ROWS: Tuple[_Row, ...] = (
    _one("accepted", COUNTER, "Events that have a number, the producer's own included."),
    _one("sent", COUNTER, "Of these, answered by Redis."),
    _one("sent_bytes", COUNTER, "Their payload bytes."),
    _one("queued", GAUGE, "Events that are still in memory."),
    _one("queued_bytes", GAUGE, "Memory that they take."),
    _one("retried", COUNTER, "Sends that were repeated."),
    _one("timed_out", COUNTER, "Attempts to send that met a deadline."),
    _one("refused", COUNTER, "Attempts to send that Redis or the network refused."),
    _one("connects", COUNTER, "Connections that became usable."),
    _Row(
        "dropped",
        COUNTER,
        "Emits for which neither memory nor spool had room, or the process no memory: lost, counted and declared.",
        {"full": "dropped_full", "memory": "dropped_memory"},
        "reason",
    ),
    _Row(
        "rejected",
        COUNTER,
        "Emits that broke a limit, or were too large even without their data.",
        {"invalid": "rejected_invalid", "too_big": "rejected_too_big"},
        "reason",
    ),
    _one("cut", COUNTER, "Events whose data was cut."),
    _one("spooled", GAUGE, "Events that are in the spool and not yet with Redis."),
    _one("spool_bytes", GAUGE, "What the spool takes on disk."),
    _one("spool_limit_bytes", GAUGE, "What it may take; 0 while there is none.", "spool_bytes_max"),
    _one("spool_written", COUNTER, "Events written to the spool."),
    _one(
        "unspooled",
        COUNTER,
        "Spool always: events whose emit returned before they were in the spool, since the disk refused.",
    ),
    _one(
        "unprotected",
        COUNTER,
        "Events that the spool gave up at its limit: Redis has them, the ledger perhaps not yet.",
    ),
    _one("confirmed", COUNTER, "Spool always: events that the ledger is known to hold."),
    _one("resent", COUNTER, "Spool always: events sent again, since Redis had lost them."),
    _one("adopted", COUNTER, "Events of producers that are gone, sent from their spools."),
    _one("adopted_spools", COUNTER, "Of these, spools that are done with."),
    _one("spool_lost", COUNTER, "Accepted events that were lost in the spool: it is damaged, or somebody removed it."),
    _one(
        "adopted_damaged",
        COUNTER,
        "Segments of producers that are gone which were damaged or removed: part of what was in them is lost.",
    ),
    _one("connected", GAUGE, "1 while there is a connection to Redis."),
    _one("spool_works", GAUGE, "1 while the spool takes what it is given."),
    _Row(
        "claims",
        COUNTER,
        "Claims: that were granted, that another had, and that were lost while they were held.",
        {"granted": "claims_granted", "held": "claims_held", "lost": "claims_lost"},
        "outcome",
    ),
    _Row(
        "permits",
        COUNTER,
        "Permits: that were granted, granted by the local limit since Redis was away, not had in time, and lost.",
        {
            "granted": "permits_granted",
            "local": "permits_local",
            "timed_out": "permits_timed_out",
            "lost": "permits_lost",
        },
        "outcome",
    ),
    _one("leases_away", COUNTER, "Requests for claims and permits to which Redis gave no answer."),
    _one("leases_held", GAUGE, "Claims and permits that are held now."),
    _one("leases_waiting", GAUGE, "Requests for them that wait now, for an answer or in a line."),
)


def _family(row: _Row) -> _Family:
    labels = ["producer"] if row.label is None else ["producer", row.label]
    name = f"taskledger_producer_{row.name}"
    if row.kind == COUNTER:
        return CounterMetricFamily(name, row.help, labels=labels)
    return GaugeMetricFamily(name, row.help, labels=labels)


def _add(family: _Family, row: _Row, counters: Counters) -> None:
    for word, field in row.fields.items():
        labels = [counters.producer_id] if row.label is None else [counters.producer_id, word]
        family.add_metric(labels, float(getattr(counters, field)))


class Collector:
    """To be registered once in a process. Without arguments it tells of the default producer, also of one that is
    configured later. A producer is told of from its first emit on, by its identity; in a child of fork() it has another
    one. Collecting neither waits nor asks Redis."""

    def __init__(self, *producers: Producer) -> None:
        self._producers = producers
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            tell(
                WARNING,
                "PROMETHEUS_MULTIPROC_DIR is set: in that mode prometheus_client passes over collectors, so producers"
                " are not told of; taskledger-emit stats --format prometheus tells of those of a host",
            )

    def describe(self) -> List[_Family]:
        """So that nothing is counted at registration, and two of a kind in one registry are noticed."""
        return [_family(row) for row in _ROWS]

    def collect(self) -> Iterator[_Family]:
        found = [each.counters() for each in self._producers or (default_producer(),)]
        for row in _ROWS:
            family = _family(row)
            for counters in found:
                if counters.producer_id:
                    _add(family, row, counters)
            yield family
