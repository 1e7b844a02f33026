"""The ground that the other tests stand on holds."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg2
import pytest
import redis as redis_py
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from support.proxy import UP
from support.waiting import wait_until

TOTAL = Path(__file__).parents[1] / "support/total.py"


def test_redis_finds_its_data_again_after_sigkill(redis):
    redis.client().xadd("stream", {"event": b"x"})
    redis.kill_written()
    redis.start()
    assert redis.client().xlen("stream") == 1


def test_postgres_finds_its_data_again_after_sigkill(postgres):
    postgres.rows("CREATE TABLE t AS SELECT 1 AS x")
    postgres.kill()
    postgres.start()
    assert postgres.value("SELECT x FROM t") == 1


def test_a_paused_server_does_not_answer_and_a_resumed_one_does(redis, postgres):
    connection = postgres.connect()
    redis.pause()
    postgres.pause()
    with pytest.raises(RedisTimeoutError):
        redis.client(socket_timeout=0.2).ping()
    redis.resume()
    postgres.resume()
    assert redis.client().ping()
    connection.cursor().execute("SELECT 1")


def test_servers_stop_in_good_order(redis, postgres):
    redis.stop()
    postgres.stop()
    assert not redis.is_running() and not postgres.is_running()
    assert redis.process.returncode == 0 and postgres.process.returncode == 0


def test_servers_die_with_a_test_that_is_killed(scratch):
    parent = subprocess.Popen(
        [sys.executable, "-c", SERVERS_OF_ANOTHER_PROCESS, str(scratch)],
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(scratch)},
        cwd=Path(__file__).parents[1],
        text=True,
    )
    servers = [int(word) for word in parent.stdout.readline().split()]
    assert len(servers) == 2
    parent.kill()
    parent.wait()
    wait_until(lambda: not any(is_alive(pid) for pid in servers), 30, "the servers are gone")


SERVERS_OF_ANOTHER_PROCESS = """
import sys
from support.servers import Postgres, Redis
redis = Redis(sys.argv[1] + "/redis").start()
postgres = Postgres(sys.argv[1] + "/postgres").start()
print(redis.process.pid, postgres.process.pid, flush=True)
redis.process.wait()
"""


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_proxy_passes_on_cuts_stalls_and_heals(redis):
    with redis.proxy() as proxy:
        client = redis_through(proxy)
        assert client.ping()

        proxy.stall()
        with pytest.raises(RedisTimeoutError):
            client.ping()
        proxy.heal()
        assert client.ping()

        proxy.refuse()
        with pytest.raises(RedisConnectionError):
            client.ping()
        proxy.heal()
        assert client.ping()


def test_the_proxy_truncates_in_the_middle_of_a_request(redis):
    with redis.proxy() as proxy:
        client = redis_through(proxy)
        assert client.ping()
        proxy.truncate_after(20, UP)
        with pytest.raises(RedisConnectionError):
            client.set("key", "x" * 1000)
        assert client.get("key") is None


def test_the_proxy_slows_down(redis):
    redis.client().set("key", b"x" * 2000)
    with redis.proxy() as proxy:
        client = redis_through(proxy)
        assert client.ping()
        proxy.slow(bytes_per_s=2000)
        started = time.monotonic()
        assert len(client.get("key")) == 2000
        assert time.monotonic() - started > 0.8


def redis_through(proxy):
    path = proxy.environment["REDIS_URL"].removeprefix("unix://")
    return redis_py.Redis(unix_socket_path=path, socket_timeout=2, retry=Retry(NoBackoff(), 0))


def test_a_database_session_ends_when_the_proxy_cuts_it(postgres):
    with postgres.proxy() as proxy:
        connection = psycopg2.connect(proxy.environment["DATABASE_URL"])
        proxy.cut()
        with pytest.raises(psycopg2.OperationalError):
            connection.cursor().execute("SELECT 1")


def test_redis_serves_tls_with_our_certificates(make_redis, certificates):
    server = make_redis("tls", tls=certificates)
    url = f"{server.tls_url}?ssl_ca_certs={certificates.ca.certificate}"
    assert redis_py.Redis.from_url(url).ping()


def test_a_program_is_started_read_and_killed(programs, scratch):
    programs.build = FakeBuild()
    program = programs.start("sh", "-c", "echo ready >&2; exec sleep 60")
    program.wait_for_log("ready")
    assert program.kill9() == -signal.SIGKILL
    assert programs.run("sh", "-c", "echo $HOME; exit 3", expect=3).stdout == f"{scratch}\n"
    assert "REDIS_URL" not in programs.environment and os.environ["HOME"] != str(scratch)


class FakeBuild:
    def bin(self, name):
        return Path("/bin") / name


def total(scratch, first, again=None, **env):
    """The exit code and the closing lines of total.py for runs with these verdicts: {"system.a": "fail"}."""
    for name, verdicts in (("release.xml", first), ("release.again.xml", again)):
        cases = (f'<testcase name="{name}" status="{status}"/>' for name, status in (verdicts or {}).items())
        (scratch / name).unlink(missing_ok=True)
        if verdicts is not None:
            (scratch / name).write_text(f"<testsuite>{''.join(cases)}</testsuite>")
    command = [sys.executable, TOTAL, scratch / "release.xml"]
    result = subprocess.run(command, env={**os.environ, "CI": "", **env}, capture_output=True, text=True, check=False)
    return result.returncode, result.stdout.splitlines()


def test_what_fails_once_is_named_and_what_fails_twice_fails(scratch):
    run, failed = {"a": "run", "b": "run"}, {"a": "run", "b": "fail"}
    assert total(scratch, run) == (0, ["2 passed, 0 failed, 0 skipped"])
    assert total(scratch, failed) == (1, ["failed: b", "1 passed, 1 failed, 0 skipped"])
    assert total(scratch, failed, {"b": "fail"}) == (1, ["failed: b", "1 passed, 1 failed, 0 skipped"])
    assert total(scratch, failed, {"a": "run"}) == (1, ["failed: b", "1 passed, 1 failed, 0 skipped"])
    unsteady = ["unsteady: b", "1 passed, 1 unsteady, 0 failed, 0 skipped"]
    assert total(scratch, failed, {"b": "run"}) == (0, unsteady)
    skipped = {"a": "run", "b": "notrun"}
    assert total(scratch, skipped)[0] == 0 and total(scratch, skipped, CI="true")[0] == 1
    assert total(scratch, failed, skipped)[0] == 1
