"""What a producer counts, since this process first emitted."""

from __future__ import annotations

from typing import Any, Dict, NamedTuple

from . import _structs


class Counters(NamedTuple):
    accepted: int = 0
    """Events that have a number, the producer's own included."""
    sent: int = 0
    """Of these, answered by Redis."""
    queued: int = 0
    """Of these, still in memory."""
    retried: int = 0
    """Sends that were repeated."""
    timed_out: int = 0
    """Attempts that met a deadline."""
    refused: int = 0
    """Attempts that Redis or the network refused."""
    dropped_full: int = 0
    """Emits for which neither memory nor spool had room."""
    dropped_memory: int = 0
    """Emits for which the process had no memory."""
    rejected_invalid: int = 0
    """Emits that broke a limit."""
    rejected_too_big: int = 0
    """Emits of more than 64 KiB without their data."""
    cut: int = 0
    """Events whose data was cut."""
    sent_bytes: int = 0
    """Payload bytes of `sent`."""
    queued_bytes: int = 0
    connects: int = 0
    """Connections that became usable."""
    connected: bool = False
    producer_id: str = ""
    """Of this process; empty before its first emit."""
    last_error: str = ""
    """Empty when there was none."""
    refused_for_good: int = 0
    """Not 0 while last_error is one that only an operator can mend."""
    spooled: int = 0
    """Accepted events that are in the spool and not yet with Redis."""
    spool_bytes: int = 0
    """What the spool takes on disk."""
    spool_written: int = 0
    """Events written to it."""
    unspooled: int = 0
    """Spool `always`: events whose emit returned before they were in the spool."""
    unprotected: int = 0
    """Given up at the cap: Redis has them, the ledger perhaps not yet."""
    confirmed: int = 0
    """Spool `always`: events that the ledger is known to hold."""
    resent: int = 0
    """Spool `always`: events sent again since Redis had lost them."""
    adopted: int = 0
    """Events of producers that are gone, sent from their spools."""
    adopted_spools: int = 0
    """Of these, spools that are done with."""
    reports_lost: int = 0
    """Always 0: Python polls no reports."""
    spool_works: bool = False
    """The spool takes what it is given."""
    spool_error: str = ""
    """Why it did not the last time."""
    spool_lost: int = 0
    """Accepted events that were lost in the spool."""
    adopted_damaged: int = 0
    """Segments of producers that are gone which were damaged or removed."""
    claims_granted: int = 0
    claims_held: int = 0
    """Refused: another had it."""
    claims_lost: int = 0
    """While they were held here."""
    permits_granted: int = 0
    permits_local: int = 0
    """Granted by the local limit, since Redis was away."""
    permits_timed_out: int = 0
    """Refused: there was none in the time to wait."""
    permits_lost: int = 0
    leases_away: int = 0
    """Requests to which Redis gave no answer."""
    leases_held: int = 0
    """Now, claims and permits."""
    leases_waiting: int = 0
    """Now, for an answer or in a line."""
    lease_connected: bool = False
    """The connection for them, which there is while there are any."""
    lease_error: str = ""
    """The last one on it; empty when there was none."""
    spool_bytes_max: int = 0
    """What the spool may take on disk; 0 while there is none."""

    @property
    def dropped(self) -> int:
        return self.dropped_full + self.dropped_memory


def of_struct(struct: _structs.Counters) -> Counters:
    values: Dict[str, Any] = {name: getattr(struct, name) for name in Counters._fields}
    for name, value in values.items():
        if isinstance(value, bytes):
            values[name] = value.decode("utf-8", "replace")
    for name in ("connected", "spool_works", "lease_connected"):
        values[name] = bool(values[name])
    return Counters(**values)
