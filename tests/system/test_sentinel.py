"""Redis watched over by sentinels: producers and consumers find the master, and follow it."""

import json
import subprocess

import pytest

from support.events import Stream
from support.sentinel import Sentinel, SentinelSet
from support.waiting import wait_until
from support.worker import Worker

CONSUMER = "taskledger-consumer"
EMIT = "taskledger-emit"
REPLAY = "taskledger-replay"
FOLLOWED_WITHIN_S = 30


@pytest.fixture
def make_watched(scratch):
    """make_watched(**options): a SentinelSet that runs."""
    sets = []

    def make(**options):
        sets.append(SentinelSet(scratch / "watched", **options))
        return sets[-1].start()

    yield make
    for watched in sets:
        watched.close()


@pytest.fixture
def watched(make_watched):
    return make_watched()


@pytest.fixture
def ping(build):
    """ping(url, *words, **environment): (exit code, output) of tests/support/redis_ping.c."""

    def run(url, *words, **environment):
        command = [build.folder / "tests" / "redis_ping", url, *words]
        variables = [f"{name}={value}" for name, value in environment.items()]
        result = subprocess.run(["env", "-i", *variables, *command], capture_output=True, text=True, timeout=60)
        assert result.stderr == ""
        return result.returncode, result.stdout.strip()

    return run


class Teller:
    """A running `taskledger-emit lines` that is told of one task after the other."""

    def __init__(self, programs):
        self.program = programs.start(EMIT, "lines", "--timeout", "60s", stdin=subprocess.PIPE)
        self.told = 0

    def tell(self, count):
        for _ in range(count):
            self.told += 1
            line = json.dumps({"task_id": f"task-{self.told}", "status": "SUCCESS"})
            self.program.process.stdin.write(f"{line}\n".encode())
        self.program.process.stdin.flush()

    def end(self):
        self.program.process.stdin.close()
        assert self.program.wait(60) == 0, self.program.stderr()


@pytest.fixture
def begin(programs, postgres):
    """begin(watched): a Teller and a consumer; what was told first is in the ledger."""

    def start(watched):
        consumer = programs.use(watched, postgres).start(CONSUMER)
        teller = Teller(programs)
        teller.tell(100)
        wait_for_tasks(postgres, teller.told)
        return teller, consumer

    return start


def wait_for_tasks(postgres, count, deadline_s=30):
    def there():
        known = postgres.value("SELECT to_regclass('taskledger.task') IS NOT NULL")
        return known and postgres.value("SELECT count(*) FROM taskledger.task") == count

    wait_until(there, deadline_s, f"{count} tasks are in the ledger")


def count_of(consumer, event):
    return consumer.stderr().count(f'"event":"{event}"')


def assert_all_is_well(programs, postgres, teller, consumer):
    teller.end()
    wait_for_tasks(postgres, teller.told)
    assert consumer.is_running()
    consumer.wait_for_log('"event":"redis_back"', 30)
    assert count_of(consumer, "redis_back") == 1
    assert count_of(consumer, "redis_away") + count_of(consumer, "redis_failing") <= 4
    programs.run(REPLAY, "verify")


# ---- following


def test_a_killed_master_is_followed_by_the_next(programs, watched, postgres, begin):
    teller, consumer = begin(watched)
    watched.wait_until_replicated()
    old = watched.master()
    old.kill()
    teller.tell(100)
    watched.wait_for_failover(old)
    wait_for_tasks(postgres, teller.told, FOLLOWED_WITHIN_S)
    assert_all_is_well(programs, postgres, teller, consumer)


def test_a_master_that_is_asked_to_step_down_is_left_as_soon_as_it_has_no_replicas(
    programs, make_watched, postgres, begin
):
    """It goes on as a master for some seconds. What is written there meanwhile would be lost, so it must refuse it."""
    safe = ["--min-replicas-to-write", "1", "--min-replicas-max-lag", "2"]
    watched = make_watched(replicas=2, node_arguments=safe)
    teller, consumer = begin(watched)
    watched.fail_over()
    teller.tell(100)
    wait_for_tasks(postgres, teller.told, FOLLOWED_WITHIN_S)
    assert_all_is_well(programs, postgres, teller, consumer)
    assert Stream(watched.client()).is_settled()


def test_a_master_that_is_demoted_under_open_lines_is_left_for_the_next(programs, watched, postgres, begin):
    """Nobody kills the connections: what the old master answers has to do."""
    teller, consumer = begin(watched)
    watched.wait_until_replicated()
    old, new = watched.nodes
    watched.stop_sentinels()
    new.client().replicaof("NO", "ONE")
    old.client().replicaof(*new.place)
    for sentinel in watched.sentinels:
        sentinel.watch(new.place)
    watched.start_sentinels()
    teller.tell(100)
    wait_for_tasks(postgres, teller.told, FOLLOWED_WITHIN_S)
    assert_all_is_well(programs, postgres, teller, consumer)


def test_lines_that_are_open_need_no_sentinels(programs, watched, postgres, begin):
    teller, consumer = begin(watched)
    watched.stop_sentinels()
    teller.tell(100)
    wait_for_tasks(postgres, teller.told)
    assert count_of(consumer, "redis_away") == 0


def test_a_fork_at_any_moment_of_a_failover_hurts_neither_parent_nor_child(build, scratch, watched):
    """The line of the parent asks sentinels, connects and sends meanwhile; each child has a line of its own."""
    worker = Worker(build, scratch, watched)
    try:
        worker.emit(10)
        worker.fork(10)
        assert worker.flush() == 0
        watched.wait_until_replicated()
        old = watched.master()
        old.kill()
        worker.emit(10)
        for _ in range(5):
            worker.fork(10)
        watched.wait_for_failover(old)
        worker.fork(10)
        worker.emit(10)
        assert worker.close(30000) == 0
        assert watched.client().xlen(Stream(watched.client()).name) >= 30 + 7 * 10
    finally:
        worker.kill()


# ---- sentinels that are away, and names that nobody knows


def test_sentinels_may_come_later(programs, watched, postgres):
    watched.stop_sentinels()
    consumer = programs.use(watched, postgres).start(CONSUMER)
    consumer.wait_for_log("redis_away")
    assert "could not find the master" in consumer.stderr()
    for sentinel in watched.sentinels:
        assert f"127.0.0.1:{sentinel.port}: could not connect" in consumer.stderr()
    watched.start_sentinels()
    consumer.wait_for_log('"event":"ready"', 30)


def test_one_sentinel_of_three_is_enough_to_find_the_master(ping, watched):
    for silent in watched.sentinels[:1]:
        silent.pause()
    watched.sentinels[1].kill()
    assert ping(watched.url)[0] == 0
    watched.sentinels[0].resume()


def test_a_name_that_the_sentinels_do_not_know_is_told_with_them(ping, programs, watched, postgres):
    url = watched.url_of("nobody")
    code, said = ping(url)
    assert code == 1 and said.startswith(f"fatal service: {url}: cannot find the master: ".replace("/0:", ":"))
    for sentinel in watched.sentinels:
        assert f'127.0.0.1:{sentinel.port}: it knows no master by the name of "nobody"' in said

    consumer = programs.use(watched, postgres).start(CONSUMER, env={"REDIS_URL": url})
    assert consumer.wait() == 2
    assert "it knows no master by the name of" in consumer.stderr()


def test_emit_names_the_sentinels_that_it_could_not_reach(programs, watched):
    watched.stop_sentinels()
    said = programs.use(watched).run(EMIT, "status", "a-task", "RUNNING", env={"TASKLEDGER_SPOOL": "off"}, expect=None)
    assert said.returncode == 3
    assert f"127.0.0.1:{watched.sentinels[0].port}" in said.stderr


def test_a_server_that_is_no_sentinel_is_told_as_such(ping, make_redis):
    server = make_redis("plain", port=True)
    code, said = ping(f"redis+sentinel://127.0.0.1:{server.port}/mymaster")
    assert code == 1 and said.startswith("fatal unknown: ") and "unknown command 'SENTINEL'" in said


# ---- who we are, and who they are


def test_nodes_and_sentinels_have_passwords_of_their_own(ping, make_watched):
    watched = make_watched(password="node-secret", sentinel_password="sentinel-secret")
    code, said = ping(watched.url, "ROLE")
    assert code == 0, said

    code, said = ping(watched.url.replace("node-secret", "wrong-one"))
    assert code == 1 and said.startswith("fatal wrongpass: ") and "wrong-one" not in said
    code, said = ping(watched.url.replace("sentinel-secret", "wrong-one"))
    assert code == 1 and said.startswith("fatal wrongpass: ") and "wrong-one" not in said
    code, said = ping(watched.url.split("?")[0])
    assert code == 1 and said.startswith("fatal noauth: ")


def test_the_db_is_that_of_the_master(ping, watched):
    watched.client(db=3).set("key", "three")
    assert ping(watched.url_of("mymaster", 3), "GET", "key")[1].endswith(": three")


@pytest.fixture
def tls_watched(make_redis, certificates, scratch):
    """A sentinel and its master, both by TLS: its URL."""
    master = make_redis("tls", tls=certificates, arguments=["--tls-replication", "yes"])
    ours = certificates.server
    lines = ["port 0", "tls-replication yes", f"tls-ca-cert-file {certificates.ca.certificate}"]
    lines += [f"tls-cert-file {ours.certificate}", f"tls-key-file {ours.key}", "tls-auth-clients optional"]
    sentinel = TlsSentinel(scratch / "sentinel", master, lines)
    yield sentinel.start()
    sentinel.kill()


class TlsSentinel(Sentinel):
    def __init__(self, folder, master, lines):
        super().__init__(folder, ("127.0.0.1", master.tls_port), quorum=1, down_after_ms=5000, lines=lines)
        text = self.configuration.read_text().replace(f"port {self.port}\n", f"tls-port {self.port}\n", 1)
        self.configuration.write_text(text)
        self.url = f"rediss+sentinel://localhost:{self.port}/mymaster"

    def _answers(self):
        return "tls" in self.log.read_text() or "+monitor" in self.log.read_text()


def test_sentinels_and_master_are_both_spoken_to_by_tls(ping, tls_watched, certificates):
    code, said = ping(tls_watched.url, REDIS_CA=certificates.ca.certificate)
    assert (code, said) == (0, f"{tls_watched.url}: PONG")


def test_a_sentinel_that_is_not_trusted_is_not_asked(ping, tls_watched, certificates):
    code, said = ping(tls_watched.url, REDIS_CA=certificates.stranger.certificate)
    assert code == 1 and said.startswith("fatal tls: ") and "cannot trust the server" in said
