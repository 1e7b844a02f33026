"""The structs of <taskledger/producer.h> and <taskledger/lease.h>, field by field."""

from __future__ import annotations

from ctypes import (
    Structure,
    c_char,
    c_char_p,
    c_double,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_uint32,
    c_uint64,
    sizeof,
)
from typing import Any, Optional, Type, TypeVar


class Options(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("redis_url", c_char_p),
        ("stream", c_char_p),
        ("shards", c_uint32),
        ("worker", c_char_p),
        ("queue_events", c_uint32),
        ("queue_bytes", c_size_t),
        ("connect_timeout_ms", c_int32),
        ("request_timeout_ms", c_int32),
        ("backoff_base_ms", c_int32),
        ("backoff_cap_ms", c_int32),
        ("ca_file", c_char_p),
        ("certificate_file", c_char_p),
        ("key_file", c_char_p),
        ("disabled", c_int32),
        ("spool", c_int),
        ("spool_dir", c_char_p),
        ("spool_bytes", c_uint64),
        ("spool_sync_ms", c_int32),
        ("confirm_ms", c_int32),
        ("reports", c_uint32),
        ("spool_target", c_char_p),
    ]
    disabled: int
    spool: int


class Event(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("task_id", c_char_p),
        ("status", c_int),
        ("attempt", c_uint32),
        ("task_name", c_char_p),
        ("worker", c_char_p),
        ("step", c_char_p),
        ("progress", c_double),
        ("message", c_char_p),
        ("error_type", c_char_p),
        ("error_message", c_char_p),
        ("error_traceback", c_char_p),
        ("data_json", c_char_p),
        ("traceparent", c_char_p),
        ("parent_task_id", c_char_p),
        ("queue", c_char_p),
        ("occurred_at_us", c_int64),
    ]
    task_id: Optional[bytes]
    status: int
    attempt: int
    task_name: Optional[bytes]
    worker: Optional[bytes]
    step: Optional[bytes]
    progress: float
    message: Optional[bytes]
    error_type: Optional[bytes]
    error_message: Optional[bytes]
    error_traceback: Optional[bytes]
    data_json: Optional[bytes]
    traceparent: Optional[bytes]
    parent_task_id: Optional[bytes]
    queue: Optional[bytes]
    occurred_at_us: int


EVENT_BYTES = sizeof(Event)


class Counters(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("accepted", c_uint64),
        ("sent", c_uint64),
        ("queued", c_uint64),
        ("retried", c_uint64),
        ("timed_out", c_uint64),
        ("refused", c_uint64),
        ("dropped_full", c_uint64),
        ("dropped_memory", c_uint64),
        ("rejected_invalid", c_uint64),
        ("rejected_too_big", c_uint64),
        ("cut", c_uint64),
        ("sent_bytes", c_uint64),
        ("queued_bytes", c_uint64),
        ("connects", c_uint64),
        ("connected", c_int32),
        ("producer_id", c_char * 37),
        ("last_error", c_char * 256),
        ("refused_for_good", c_int32),
        ("spooled", c_uint64),
        ("spool_bytes", c_uint64),
        ("spool_written", c_uint64),
        ("unspooled", c_uint64),
        ("unprotected", c_uint64),
        ("confirmed", c_uint64),
        ("resent", c_uint64),
        ("adopted", c_uint64),
        ("adopted_spools", c_uint64),
        ("reports_lost", c_uint64),
        ("spool_works", c_int32),
        ("spool_error", c_char * 256),
        ("spool_lost", c_uint64),
        ("adopted_damaged", c_uint64),
        ("claims_granted", c_uint64),
        ("claims_held", c_uint64),
        ("claims_lost", c_uint64),
        ("permits_granted", c_uint64),
        ("permits_local", c_uint64),
        ("permits_timed_out", c_uint64),
        ("permits_lost", c_uint64),
        ("leases_away", c_uint64),
        ("leases_held", c_uint64),
        ("leases_waiting", c_uint64),
        ("lease_connected", c_int32),
        ("lease_error", c_char * 256),
        ("spool_bytes_max", c_uint64),
    ]


class ClaimRequest(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("task_id", c_char_p),
        ("holder", c_char_p),
        ("lease_ms", c_int32),
        ("wait_ms", c_int32),
        ("timeout_ms", c_int32),
    ]


class Holder(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("name", c_char * 256),
        ("attempt", c_uint32),
        ("left_ms", c_int32),
        ("since_us", c_int64),
    ]
    name: bytes
    attempt: int
    left_ms: int
    since_us: int


class PermitRequest(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("name", c_char_p),
        ("holder", c_char_p),
        ("limit", c_uint32),
        ("local_limit", c_uint32),
        ("lease_ms", c_int32),
        ("wait_ms", c_int32),
        ("timeout_ms", c_int32),
    ]


Struct = TypeVar("Struct", bound=Structure)


def new(kind: Type[Struct], **fields: Any) -> Struct:
    """As the *_INIT macros begin one."""
    return kind(struct_size=sizeof(kind), **fields)
