"""PostgreSQL with a standby: the consumer writes where one can write, and goes there when that changes."""

import os
import random
import socket

import pytest

from support.events import Producer, Stream
from support.http import ask, metrics
from support.standby import Standby, url_of
from support.waiting import wait_until

CONSUMER = "taskledger-consumer"
REPLAY = "taskledger-replay"
FOLLOWED_WITHIN_S = 30
READ_WRITE = "&target_session_attrs=read-write"


@pytest.fixture
def stream(redis):
    return Stream(redis.client())


@pytest.fixture
def make_standby(scratch):
    """make_standby(primary): a Standby that runs."""
    servers = []

    def make(primary):
        servers.append(Standby(scratch / f"standby-{len(servers) + 1}", primary).start())
        return servers[-1]

    yield make
    for server in servers:
        server.kill()


@pytest.fixture
def start(programs, redis):
    """start(url): a consumer that has begun to work."""

    def begin(url):
        programs.use(redis).environment["DATABASE_URL"] = url
        program = programs.start(CONSUMER)
        program.wait_for_log('"event":"ready"')
        return program

    return begin


@pytest.fixture
def say(stream, event_pb2):
    """say(count): so many events of one producer more."""
    producer = Producer(event_pb2)
    producer.opened()

    def send(count):
        for number in range(count):
            producer.status(f"task-{len(producer.said)}-{number}", "SUCCESS")
        unsent = producer.said[send.sent :]
        send.sent = len(producer.said)
        stream.send(unsent)
        return producer.said

    send.sent = 0
    return send


def settled(stream, deadline_s=30):
    wait_until(stream.is_settled, deadline_s, "everything is settled")


def assert_ledger_is(postgres, said):
    rows = postgres.rows("SELECT sequence, payload FROM taskledger.task_event ORDER BY sequence")
    assert [(sequence, bytes(payload)) for sequence, payload in rows] == [(e.sequence, e.payload) for e in said]


def lines_of(consumer, *events):
    return [line for line in consumer.stderr().splitlines() for event in events if f'"event":"{event}"' in line]


def retries(consumer):
    return metrics(consumer.listen).get('taskledger_consumer_retries_total{reason="read_only"}', 0)


def fence(postgres):
    """As an administrator does who has something else in mind with this server."""
    postgres.rows("ALTER SYSTEM SET default_transaction_read_only = on")
    reload(postgres, "on")


def unfence(postgres):
    postgres.rows("ALTER SYSTEM RESET default_transaction_read_only")
    reload(postgres, "off")


def reload(postgres, read_only):
    """Until the server has read its configuration: pg_reload_conf() only sends it a signal."""
    postgres.rows("SELECT pg_reload_conf()")
    wait_until(lambda: postgres.value("SHOW default_transaction_read_only") == read_only, 30, "it is read")


@pytest.fixture
def without_names(scratch):
    """What a command begins with whose name server hears every question and answers none: who waits for it waits for
    minutes."""
    if os.geteuid() != 0:
        pytest.skip("a name server of one's own takes root")
    address = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}.{random.randint(1, 254)}"
    configuration = scratch / "resolv.conf"
    configuration.write_text(f"nameserver {address}\noptions timeout:30 attempts:5\n")
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind((address, 53))
        bind = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
        yield ["unshare", "--mount", "sh", "-c", bind, configuration]


@pytest.mark.parametrize("parameters", ["", READ_WRITE])
def test_a_promoted_standby_is_found_when_the_primary_is_gone(
    programs, postgres, make_standby, start, stream, say, parameters
):
    standby = make_standby(postgres)
    consumer = start(url_of(postgres, standby, parameters=parameters))
    say(1000)
    settled(stream)
    standby.wait_until_replicated()
    postgres.kill()
    said = say(1000)
    consumer.wait_for_log("postgresql_away")
    standby.promote()
    settled(stream, FOLLOWED_WITHIN_S)
    assert_ledger_is(standby, said)
    consumer.wait_for_log("postgresql_back", 30)
    assert len(lines_of(consumer, "postgresql_back")) == 1
    assert len(lines_of(consumer, "postgresql_away", "postgresql_failing")) <= 3
    programs.run(REPLAY, "verify")


def test_a_standby_that_comes_first_is_passed_over(postgres, make_standby, start, stream, say):
    standby = make_standby(postgres)
    start(url_of(standby, postgres, parameters=READ_WRITE))
    said = say(100)
    settled(stream)
    assert_ledger_is(postgres, said)


def test_when_the_primary_is_fenced_the_promoted_standby_is_written_to(postgres, make_standby, start, stream, say):
    """Both run, and both could take a commit: the old one must get none any more."""
    standby = make_standby(postgres)
    consumer = start(url_of(postgres, standby))
    say(1000)
    settled(stream)
    fence(postgres)
    standby.wait_until_replicated()
    standby.promote()
    said = say(1000)
    settled(stream, FOLLOWED_WITHIN_S)
    assert_ledger_is(standby, said)
    assert postgres.value("SELECT count(*) FROM taskledger.task_event") == 1001
    assert consumer.is_running()


def test_only_a_standby_is_waited_for_with_a_clear_word(programs, redis, postgres, make_standby):
    standby = make_standby(postgres)
    programs.use(redis).environment["DATABASE_URL"] = url_of(standby)
    consumer = programs.start(CONSUMER)
    consumer.wait_for_log("postgresql_failing")
    assert "it is a standby" in consumer.stderr() and '"reason":"read_only"' in consumer.stderr()
    standby.promote()
    consumer.wait_for_log('"event":"ready"', FOLLOWED_WITHIN_S)


def test_a_server_that_is_read_only_for_a_while_is_told_once_and_loses_nothing(postgres, start, stream, say):
    consumer = start(postgres.url)
    say(100)
    settled(stream)
    fence(postgres)
    said = say(100)
    consumer.wait_for_log("postgresql_failing")
    wait_until(lambda: "postgresql_failing" in ask(consumer.listen, "/readyz").text, 30, "it is not ready")
    wait_until(lambda: retries(consumer) >= 4, 30, "it tries again")
    unfence(postgres)
    settled(stream, FOLLOWED_WITHIN_S)
    assert_ledger_is(postgres, said)
    consumer.wait_for_log("postgresql_back", 30)
    (told,) = lines_of(consumer, "postgresql_away", "postgresql_failing")
    assert '"reason":"read_only"' in told


def test_servers_that_are_all_away_are_all_named(programs, redis, postgres, make_standby):
    standby = make_standby(postgres)
    postgres.kill()
    standby.kill()
    programs.use(redis).environment["DATABASE_URL"] = url_of(postgres, standby)
    consumer = programs.start(CONSUMER)
    consumer.wait_for_log("postgresql_away")
    for server in postgres, standby:
        assert f"at {server.folder}:{server.port}/postgres" in consumer.stderr()


def test_a_name_server_that_is_silent_costs_a_host_its_share_only(programs, redis, postgres, without_names):
    programs.use(redis, postgres)
    url = f"postgresql:///postgres?host=ledger.example,{postgres.folder}&port=5432,{postgres.port}&user=postgres"
    consumer = programs.start(CONSUMER, env={"DATABASE_URL": url}, within=without_names)
    consumer.wait_for_log('"event":"ready"', 30)

    alone = programs.start(CONSUMER, env={"DATABASE_URL": "postgresql://ledger.example/app"}, within=without_names)
    alone.wait_for_log("postgresql_away", 30)
    assert "PostgreSQL at ledger.example: could not look up the host" in alone.stderr()
    assert ask(alone.listen, "/livez").status == 200
    assert alone.term() == 0


def test_a_host_may_be_a_name(programs, redis, make_postgres, start):
    server = make_postgres("named", port=True)
    consumer = start(f"postgresql://postgres@localhost:{server.port}/postgres")
    assert f"localhost:{server.port}/postgres" in consumer.stderr()
