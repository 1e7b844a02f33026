"""Servers that mean harm: whatever they send, every program ends in an error, in time, and in little memory."""

import signal
import subprocess
import time
from pathlib import Path

import pytest

from support.hostile import (
    Hostile,
    HostilePostgres,
    drip,
    hang_up,
    message,
    noise,
    send_for_ever,
    send_once,
    silence,
    slow_noise,
)
from support.processes import free_port
from support.waiting import wait_until

CONSUMER, EMIT, REPLAY = "taskledger-consumer", "taskledger-emit", "taskledger-replay"
MEMORY_KIB = 64 * 1024
ENDS_WITHIN_S = 120
BUG = 70

REDIS = {
    "arrays without end": send_for_ever(b"*1\r\n" * 10_000),
    "an array of all there is": send_for_ever(b"$-1\r\n" * 10_000, b"*2147483647\r\n"),
    "arrays of many arrays": send_for_ever(b"*1000000\r\n" * 1000),
    "strings of 512 MiB": send_for_ever(b"x" * 65_536, b"*1000\r\n$536870912\r\n"),
    "a string of all there is": send_for_ever(b"x" * 65_536, b"$9223372036854775807\r\n"),
    "a string of more": send_for_ever(b"$99999999999999999999\r\n"),
    "a string of less than nothing": send_for_ever(b"$-2\r\n*-7\r\n"),
    "a line without end": send_for_ever(b"+" + b"a" * 65_536),
    "an error without end": send_for_ever(b"-" + b"ERR \xff\x1b[2J" * 5_000),
    "errors without end": send_for_ever(b"-ERR no\r\n" * 5_000),
    "a number without end": send_for_ever(b":" + b"9" * 65_536),
    "answers that nobody asked for": send_for_ever(b"+OK\r\n" * 10_000),
    "half an answer": send_once(b"*3\r\n$5\r\nab"),
    "an answer that drips": drip(b"$536870912\r\n" + b"x" * 1_000_000),
    "TLS": send_once(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"),
    "a web server": send_once(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    "noise": noise,
    "silence": silence,
    "nothing at all": hang_up,
}

POSTGRESQL = {
    # libpq keeps all of a message of such a kind before it looks at it: at this pace that is little until the deadline.
    "noise": slow_noise,
    "silence": silence,
    "nothing at all": hang_up,
    "a web server": send_once(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "an error of all there is": send_for_ever(b"x" * 16_384, b"E\x7f\xff\xff\xff", pause_s=0.01),
    "a message of less than nothing": send_for_ever(b"R\xff\xff\xff\xff"),
    "settings without end": send_for_ever(message(b"S", b"application_name\0" + b"x" * 1000 + b"\0") * 100),
    "notices without end": send_for_ever(message(b"N", b"SNOTICE\0C00000\0M" + b"x" * 1000 + b"\0\0") * 100),
    "a refusal full of control characters": send_once(message(b"E", b"SFATAL\0VFATAL\0C28P01\0M\x1b[2J\xff" + b"x" * 9000 + b"\0\0")),
    "a way to log in that nobody knows": send_once(message(b"R", (99).to_bytes(4))),
    "a settings message that drips": drip(message(b"S", b"application_name\0" + b"x" * 100_000 + b"\0")),
}


class Attempt:
    """A program that was started against a hostile server, and what it took."""

    def __init__(self, programs, name, *arguments, environment):
        self.name = " ".join([name, *arguments])
        self.peak_kib = 0
        self.log = programs.scratch / f"attempt-{len(list(programs.scratch.iterdir()))}.log"
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", str(programs.build.bin(name)), *arguments],
            env={**programs.environment, "TASKLEDGER_LISTEN": f"127.0.0.1:{free_port()}", "TASKLEDGER_SPOOL": "off", **environment},
            cwd=programs.scratch,
            stdin=subprocess.DEVNULL,
            stdout=self.log.open("w"),
            stderr=subprocess.STDOUT,
        )
        self.lives_on = arguments == ("run",)

    def has_ended(self):
        """Also notes the memory, and asks the consumer to go once it has complained."""
        try:
            lines = dict(line.split(":", 1) for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines())
            self.peak_kib = max(self.peak_kib, int(lines.get("VmHWM", "0").split()[0]))
        except OSError:
            pass
        if self.lives_on and '"reason"' in self.log.read_text(errors="replace"):
            self.process.send_signal(signal.SIGTERM)
            self.lives_on = False
        return self.process.poll() is not None

    def complaints(self):
        said = self.log.read_text(errors="replace")
        puzzled = self.process.returncode == BUG and "ERR no" in said  # no Redis that we know says so
        if self.process.returncode not in (0, 1, 2, 3, 4) and not puzzled:
            yield f"{self.name} exited {self.process.returncode}: {said}"
        if self.peak_kib > MEMORY_KIB:
            yield f"{self.name} took {self.peak_kib} KiB"
        if "\x1b" in said:
            yield f"{self.name} repeats control characters"


def all_end_well(attempts):
    began = time.monotonic()
    try:
        wait_until(lambda: all([attempt.has_ended() for attempt in attempts]), ENDS_WITHIN_S, "all end")
    except AssertionError:
        hanging = [attempt.name for attempt in attempts if attempt.process.poll() is None]
        raise AssertionError(f"{hanging} go on after {time.monotonic() - began:.0f} s") from None
    finally:
        for attempt in attempts:
            attempt.process.kill()
            attempt.process.wait()
    assert [complaint for attempt in attempts for complaint in attempt.complaints()] == []


@pytest.mark.parametrize("polite", [1, 4])
@pytest.mark.parametrize("harm", REDIS)
def test_a_hostile_redis_harms_nobody(programs, postgres, harm, polite):
    programs.run(CONSUMER, "migrate", env=postgres.environment)
    server = Hostile(REDIS[harm], polite)
    urls = {"REDIS_URL": f"redis://127.0.0.1:{server.port}", **postgres.environment}
    commands = [
        (CONSUMER, "run"),
        (CONSUMER, "doctor"),
        (CONSUMER, "groups"),
        (EMIT, "status", "t", "RUNNING"),
        (EMIT, "run", "--task-id", "r", "--", "true"),
        (REPLAY, "verify"),
        (REPLAY, "history", "t"),
    ]
    all_end_well([Attempt(programs, *command, environment=urls) for command in commands])
    wait_until(lambda: server.connections >= len(commands) - 1, 60, "the server has counted them")
    server.close()


@pytest.mark.parametrize("harm", ["noise", "silence", "nothing at all", "an answer that drips", "TLS", "a web server"])
def test_a_hostile_server_behind_tls_harms_nobody(programs, harm):
    server = Hostile(REDIS[harm])
    urls = {"REDIS_URL": f"rediss://localhost:{server.port}", "DATABASE_URL": f"postgresql://127.0.0.1:{free_port()}/x"}
    commands = [(CONSUMER, "doctor"), (CONSUMER, "groups"), (EMIT, "status", "t", "RUNNING")]
    all_end_well([Attempt(programs, *command, environment=urls) for command in commands])
    wait_until(lambda: server.connections > 0, 60, "the server has counted them")
    server.close()


@pytest.mark.parametrize("polite", [0, 1])
@pytest.mark.parametrize("harm", POSTGRESQL)
def test_a_hostile_postgresql_harms_nobody(programs, redis, harm, polite):
    server = HostilePostgres(POSTGRESQL[harm], polite)
    urls = {"DATABASE_URL": f"postgresql://app@127.0.0.1:{server.port}/x", **redis.environment}
    commands = [(CONSUMER, "run"), (CONSUMER, "migrate"), (CONSUMER, "doctor"), (REPLAY, "history", "t"), (REPLAY, "verify")]
    all_end_well([Attempt(programs, *command, environment=urls) for command in commands])
    wait_until(lambda: server.connections >= len(commands), 60, "the server has counted them")
    server.close()
