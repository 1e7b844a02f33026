"""Passwords: they may come from files, and no program ever repeats one, whatever goes wrong."""

import os
import socket
import threading
from pathlib import Path

import pytest

from support.http import ask
from support.processes import free_port
from support.waiting import wait_until
from support.worker import Worker

CONSUMER, EMIT, REPLAY = "taskledger-consumer", "taskledger-emit", "taskledger-replay"
# As people write them and as a URL has them, and what is left when one is cut at a special character.
REDIS_PASSWORD, POSTGRES_PASSWORD = "hush:redis/pw@x", "hush:postgres/pw@x"
ENCODED = {REDIS_PASSWORD: "hush%3Aredis%2Fpw%40x", POSTGRES_PASSWORD: "hush%3Apostgres%2Fpw%40x"}
MARK = "hush"
DEBUG = {"TASKLEDGER_LOG": "debug"}

COMMANDS = [
    (CONSUMER, ["migrate"]),
    (CONSUMER, ["doctor"]),
    (CONSUMER, ["doctor", "--format", "json"]),
    (CONSUMER, ["groups"]),
    (CONSUMER, ["health"]),
    (EMIT, ["status", "t", "RUNNING"]),
    (EMIT, ["lines"]),
    (EMIT, ["run", "--task-id", "r", "--", "true"]),
    (EMIT, ["bridge", "--list", "q", "--once", "--timeout", "1s"]),
    (REPLAY, ["history", "t"]),
    (REPLAY, ["state", "t"]),
    (REPLAY, ["verify"]),
]


@pytest.fixture
def locked_redis(make_redis):
    return make_redis("redis", port=True, arguments=["--requirepass", REDIS_PASSWORD])


@pytest.fixture
def locked_postgres(make_postgres):
    """One that wants the password of everybody but postgres on the Unix socket."""
    server = make_postgres("postgres", port=True)
    server.rows(f"CREATE ROLE app SUPERUSER LOGIN PASSWORD '{POSTGRES_PASSWORD}'")
    rules = server.data / "pg_hba.conf"
    rules.write_text("local all postgres trust\nlocal all all scram-sha-256\nhost all all all scram-sha-256\n")
    server.rows("SELECT pg_reload_conf()")
    return server


def redis_url(server, password=REDIS_PASSWORD):
    return f"redis://:{ENCODED.get(password, password)}@127.0.0.1:{server.port}"


def postgres_url(server, password=POSTGRES_PASSWORD):
    return f"postgresql://app:{ENCODED.get(password, password)}@127.0.0.1:{server.port}/postgres"


def words_of(name, arguments, programs, environment):
    """All that one command says, whatever becomes of it."""
    said = programs.run(name, *arguments, env=environment, expect=None, input='{"task_id": "l", "status": "SUCCESS"}\n')
    return f"{said.stdout}\n{said.stderr}"


def words_of_a_run(programs, environment, until):
    """All that a running consumer says and shows until `until` stands in its log, or it has ended."""
    consumer = programs.start(CONSUMER, env={**DEBUG, **environment})
    wait_until(lambda: until in consumer.stderr() or not consumer.is_running(), 30, f"{until} in {consumer.log}")
    shown = ""
    try:
        shown = "".join(str(ask(consumer.listen, path)) for path in ("/metrics", "/readyz", "/livez"))
        shown += Path(f"/proc/{consumer.pid}/cmdline").read_text()
        consumer.term()
    except OSError:
        consumer.wait()  # what cannot ever work ends at once
    return shown + consumer.stderr()


def all_words(programs, environment, until='"reason"'):
    said = [words_of(name, arguments, programs, {**DEBUG, **environment}) for name, arguments in COMMANDS]
    return "\n".join([*said, words_of_a_run(programs, environment, until)])


def keeps_still(said):
    """Told by the lines that do not, so that a failure shows which."""
    assert said.strip()
    assert [line for line in said.splitlines() if MARK in line] == []


# ---- from files


def test_secrets_come_from_files_for_every_program(build, programs, locked_redis, locked_postgres, scratch):
    redis_file, database_file = scratch / "redis.url", scratch / "database.url"
    redis_file.write_text(redis_url(locked_redis) + "\n")
    database_file.write_text(postgres_url(locked_postgres) + "\n")
    files = {"REDIS_URL_FILE": str(redis_file), "DATABASE_URL_FILE": str(database_file)}

    consumer = programs.start(CONSUMER, env={**files, **DEBUG})
    consumer.wait_for_log('"event":"ready"')
    programs.run(EMIT, "status", "t", "SUCCESS", env=files)
    worker = Worker(build, scratch, env=files)
    assert worker.emit(3) == (3, 0)
    assert worker.ask("close", 5000) == "left 0"
    wait_until(lambda: locked_postgres.value("SELECT count(*) FROM taskledger.task") == 4, 30, "applied")
    assert "SUCCESS" in programs.run(REPLAY, "history", "t", env=files).stdout
    programs.run(REPLAY, "verify", env=files)
    programs.run(CONSUMER, "groups", env=files)
    programs.run(CONSUMER, "doctor", env=files, expect=1)

    # What the servers show of who is connected.
    clients = locked_redis.client(password=REDIS_PASSWORD, decode_responses=True).execute_command("CLIENT", "LIST")
    keeps_still(str(clients))
    keeps_still(str(locked_postgres.rows("SELECT * FROM pg_stat_activity")))
    assert consumer.term() == 0
    keeps_still(consumer.stderr())


def test_libpqs_own_files_work(programs, redis, locked_postgres, scratch):
    password = scratch / "pgpass"
    password.write_text(f"127.0.0.1:{locked_postgres.port}:*:app:{POSTGRES_PASSWORD.replace(':', chr(92) + ':')}\n")
    password.chmod(0o600)
    url = {"DATABASE_URL": f"postgresql://app@127.0.0.1:{locked_postgres.port}/postgres", "PGPASSFILE": str(password)}
    programs.run(CONSUMER, "migrate", env=url)
    assert programs.run(REPLAY, "state", "nobody", env=url, expect=None).returncode != 3

    service = scratch / "service.conf"
    service.write_text(f"[ledger]\nhost=127.0.0.1\nport={locked_postgres.port}\ndbname=postgres\nuser=app\n")
    named = {"PGSERVICE": "ledger", "PGSERVICEFILE": str(service), "PGPASSFILE": str(password)}
    programs.run(CONSUMER, "migrate", env=named)
    consumer = programs.start(CONSUMER, env={**redis.environment, **named})
    consumer.wait_for_log('"event":"ready"')
    assert consumer.term() == 0


@pytest.mark.parametrize("variable", ["REDIS_URL", "DATABASE_URL"])
def test_a_file_that_cannot_be_read_is_named_and_what_it_holds_is_not(programs, scratch, variable):
    missing = scratch / "missing"
    name = CONSUMER
    said = words_of(name, ["migrate"], programs, {f"{variable}_FILE": str(missing)})
    assert str(missing) in said
    both = words_of(name, ["migrate"], programs, {f"{variable}_FILE": str(missing), variable: f"x://{MARK}"})
    assert variable in both
    keeps_still(both)
    binary = scratch / "binary"
    binary.write_bytes(b"redis://:" + MARK.encode() + b"\0\xff@host")
    keeps_still(words_of(name, ["migrate"], programs, {f"{variable}_FILE": str(binary)}))


# ---- whatever goes wrong


def test_wrong_passwords(programs, locked_redis, locked_postgres):
    redis, database = redis_url(locked_redis, "hush-wrong"), postgres_url(locked_postgres, "hush-wrong")
    said = all_words(programs, {"REDIS_URL": redis, "DATABASE_URL": postgres_url(locked_postgres)})
    assert "WRONGPASS" in said
    keeps_still(said)
    said = all_words(programs, {"REDIS_URL": redis_url(locked_redis), "DATABASE_URL": database})
    assert "password authentication failed" in said
    keeps_still(said)


def test_servers_that_are_away(programs):
    port = free_port()
    urls = {
        "REDIS_URL": f"redis://user:{ENCODED[REDIS_PASSWORD]}@127.0.0.1:{port}/3",
        "DATABASE_URL": f"postgresql://app:{ENCODED[POSTGRES_PASSWORD]}@127.0.0.1:{port}/postgres",
    }
    keeps_still(all_words(programs, urls))
    urls = {name: url.replace("127.0.0.1", "no-such-host.invalid") for name, url in urls.items()}
    keeps_still(all_words(programs, urls))


def test_a_db_that_is_not_there_and_a_database_that_is_not_there(programs, locked_redis, locked_postgres):
    urls = {"REDIS_URL": redis_url(locked_redis) + "/99", "DATABASE_URL": postgres_url(locked_postgres) + "_not"}
    keeps_still(all_words(programs, urls))


def test_a_server_that_cannot_be_trusted(programs, make_redis, certificates, locked_postgres):
    server = make_redis("tls", tls=certificates, arguments=["--requirepass", REDIS_PASSWORD])
    url = server.tls_url.replace("://", f"://:{ENCODED[REDIS_PASSWORD]}@")
    said = all_words(programs, {"REDIS_URL": url, "DATABASE_URL": postgres_url(locked_postgres) + "?sslmode=require"})
    assert "cannot trust the server" in said
    keeps_still(said)


def test_a_server_that_repeats_what_it_was_told(programs, postgres):
    """A Redis that quotes every command in its error."""
    listener = socket.create_server(("127.0.0.1", 0))

    def repeat():
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            with line:
                line.settimeout(5)
                try:
                    while heard := line.recv(65536):
                        quoted = heard.replace(b"\r\n", b" ")
                        line.sendall((b"-ERR what is " + quoted + b"\r\n") * heard.count(b"*"))
                except OSError:
                    pass

    threading.Thread(target=repeat, daemon=True).start()
    url = f"redis://user:{ENCODED[REDIS_PASSWORD]}@127.0.0.1:{listener.getsockname()[1]}/2"
    keeps_still(all_words(programs, {"REDIS_URL": url, **postgres.environment}))
    listener.close()


@pytest.mark.parametrize(
    "url",
    [
        "redis://:{}@host:port",
        "redis://:{}@host:99999",
        "redis://:{}@host/db",
        "redis://:{}@",
        "redis://:{}@[::1",
        "redis://:{}%zz@host",
        "rediss://:{}@host?ca=x",
        "http://:{}@host",
        "unix://:{}@relative",
        "{}",
        "redis+sentinel://:{}@host",
        "redis+sentinel://host/service?sentinel_password={}%",
    ],
)
def test_a_redis_url_that_cannot_be_read(programs, url, postgres):
    said = all_words(programs, {"REDIS_URL": url.format(MARK), **postgres.environment})
    keeps_still(said)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://app:{}@host:port/db",
        "postgresql://app:{}@[::1/db",
        "postgresql://app:{}%zz@host/db",
        "postgresql://app:{}@host/db?no_such=x",
        "postgresql://app:{}@host/db?sslmode=perhaps",
        "host=x password={} garbage",
        "host=x passwrd={}",
        "host=x password='{}",
        "mysql://app:{}@host/db",
    ],
)
def test_a_database_url_that_cannot_be_read(programs, url, redis):
    said = all_words(programs, {"DATABASE_URL": url.format(MARK), **redis.environment})
    keeps_still(said)


def test_help_and_pages_show_no_value(programs):
    urls = {"REDIS_URL": f"redis://:{MARK}@host", "DATABASE_URL": f"postgresql://app:{MARK}@host/db"}
    for name in CONSUMER, EMIT, REPLAY:
        for flag in "--help", "--version", "--print-configuration":
            keeps_still(words_of(name, [flag], programs, urls))


def test_no_program_takes_a_secret_on_its_command_line(programs):
    """Where everybody could see it: there is no such flag, and what is tried is not repeated."""
    urls = f"redis://:{MARK}@host", f"postgresql://app:{MARK}@host/db"
    for name in CONSUMER, EMIT, REPLAY:
        for url in urls:
            for words in [f"--redis-url={url}"], [f"--database-url={url}"], [url], ["--redis-url", url], ["migrate", url]:
                said = programs.run(name, *words, expect=2)
                keeps_still(said.stdout + said.stderr)


def test_the_environment_of_this_test_holds_no_secret():
    assert not any(MARK in value for value in os.environ.values())
