"""The settings of deploy/redis and deploy/postgresql: the servers take them, doctor finds nothing wrong, the whole pipeline
runs as the users that are made there, and each is refused what is not its own."""

import hashlib
import os
import subprocess

import psycopg2
import pytest
from conftest import ROOT

from support.servers import POSTGRES_PROGRAMS
from support.waiting import wait_until

REDIS = ROOT / "deploy/redis"
POSTGRESQL = ROOT / "deploy/postgresql"
REDIS_USERS = ["admin", "producer", "consumer", "reader", "monitor"]
LEDGER_USERS = ["migrator", "consumer", "auditor", "monitor", "retention"]
TRUST = "local all postgres trust\nlocal all all scram-sha-256\n"


def secret(name):
    return hashlib.sha256(name.encode()).hexdigest()[:32]


@pytest.fixture
def redis(make_redis, scratch):
    """A Redis with these settings; only where things are is the test's own."""
    users = (REDIS / "users.acl").read_text()
    for user in REDIS_USERS:
        users = users.replace(f"{user.upper()}_SHA256", hashlib.sha256(secret(user).encode()).hexdigest())
    (scratch / "users.acl").write_text(users)
    settings = (REDIS / "taskledger.conf").read_text().replace("/etc/redis/users.acl", str(scratch / "users.acl"))
    (scratch / "taskledger.conf").write_text(settings)
    server = make_redis("redis", arguments=["--include", scratch / "taskledger.conf"])
    server.as_user = lambda user: {"REDIS_URL": f"unix://taskledger_{user}:{secret(user)}@{server.socket}"}
    server.admin = server.client(username="admin", password=secret("admin"), decode_responses=True)
    return server


@pytest.fixture
def ledger(make_postgres, scratch):
    """A PostgreSQL with these settings and users, who need their passwords."""
    included = scratch / "conf.d"
    included.mkdir()
    (included / "taskledger.conf").write_text((POSTGRESQL / "taskledger.conf").read_text())
    server = make_postgres("postgres", durable=True)
    server.rows("CREATE DATABASE ledger")
    server.stop()
    for name in ("shared_buffers", "max_connections"):  # of the test's own, which would win
        del server.settings[name]
    (server.data / "pg_hba.conf").write_text(TRUST)
    with open(server.data / "postgresql.conf", "a") as settings:
        settings.write(f"include_dir = '{included}'\n")
    server.start()
    make_users(server, scratch)
    server.as_user = lambda user: {
        "DATABASE_URL": f"postgresql://taskledger_{user}:{secret(user)}@/ledger?host={server.folder}&port={server.port}"
    }
    return server


def make_users(server, scratch, salt="", administrator="postgres", programs=POSTGRES_PROGRAMS):
    folder = scratch / "passwords"
    folder.mkdir(exist_ok=True)
    for user in LEDGER_USERS:
        (folder / f"taskledger_{user}").write_text(secret(user) + salt + "\n")
    where = {"PGHOST": str(server.folder), "PGPORT": str(server.port), "PGUSER": administrator, "PGDATABASE": "ledger"}
    result = subprocess.run(
        [POSTGRESQL / "users.sh", folder],
        env={"PATH": f"{programs}:{POSTGRES_PROGRAMS}:{os.environ['PATH']}", **where},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr


def settings_of(path, separator):
    """name → value of a file of settings."""
    lines = [line.strip() for line in path.read_text().splitlines()]
    pairs = [line.split(separator, 1) for line in lines if line and not line.startswith("#")]
    return {name.strip(): value.strip() for name, value in pairs}


# ---- the servers take them


def test_redis_has_every_setting_of_the_file(redis):
    wanted = settings_of(REDIS / "taskledger.conf", " ")
    assert wanted.pop("maxmemory") == "1gb" and redis.admin.config_get("maxmemory")["maxmemory"] == str(1 << 30)
    assert wanted.pop("aclfile") == "/etc/redis/users.acl"
    assert wanted.pop("auto-aof-rewrite-min-size") == "256mb"
    assert wanted.pop("save") == '""' and redis.admin.config_get("save")["save"] == ""
    limits = redis.admin.config_get("client-output-buffer-limit")["client-output-buffer-limit"]
    assert wanted.pop("client-output-buffer-limit") in limits
    for name, value in wanted.items():
        assert redis.admin.config_get(name) == {name: value}


def test_postgresql_has_every_setting_of_the_file(ledger):
    wanted = settings_of(POSTGRESQL / "taskledger.conf", "=")
    taken = ledger.rows("SELECT name, setting, error FROM pg_file_settings WHERE sourcefile LIKE '%%/taskledger.conf'", ())
    assert [row for row in taken if row[2] is not None] == []
    assert {name: value for name, value, _ in taken} == wanted


# ---- and doctor agrees


def test_doctor_finds_nothing_wrong_with_either(redis, ledger, programs):
    programs.run("taskledger-consumer", "migrate", env=ledger.as_user("migrator"))
    said = programs.run(
        "taskledger-consumer", "doctor", env={**redis.as_user("consumer"), **ledger.as_user("consumer")}
    ).stdout
    assert "WRONG" not in said
    for setting in ("redis.policy", "redis.aof", "redis.memory", "postgresql.fsync"):
        assert setting in said


# ---- who may what


def test_the_pipeline_runs_as_these_users_and_each_is_refused_what_is_not_its_own(redis, ledger, programs):
    programs.run("taskledger-consumer", "migrate", env=ledger.as_user("migrator"))
    programs.start(
        "taskledger-consumer", "run", "--no-migrate", env={**redis.as_user("consumer"), **ledger.as_user("consumer")}
    ).wait_for_log('"event":"ready"')
    programs.run("taskledger-emit", "run", "--task-id", "t-1", "--", "true", env=redis.as_user("producer"))
    count = "SELECT count(*) FROM taskledger.task WHERE status = 'SUCCESS'"
    wait_until(lambda: as_user(ledger, "auditor", count) == [(1,)], 60, "the task is in the ledger")

    programs.run("taskledger-replay", "verify", env={**redis.as_user("reader"), **ledger.as_user("auditor")})
    programs.run("taskledger-replay", "prune", "--before", "-365d", env=ledger.as_user("retention"))

    for user in ("auditor", "monitor", "consumer"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            as_user(ledger, user, "DELETE FROM taskledger.task")
    for user in ("auditor", "monitor"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            as_user(ledger, user, "UPDATE taskledger.task SET step = 'mine'")


def test_a_password_is_changed_by_the_same_command_and_the_server_is_never_told_it(ledger, scratch):
    """Nor does it log it: also not for an administrator who may not tell it what to log."""
    ledger.rows("CREATE ROLE administrator LOGIN CREATEROLE")
    ledger.rows("ALTER DATABASE ledger OWNER TO administrator")
    ledger.rows("ALTER SYSTEM SET log_statement = 'all'")
    ledger.rows("SELECT pg_reload_conf()")
    wait_until(lambda: ledger.value("SHOW log_statement") == "all", 60, "statements are logged")
    (ledger.data / "pg_hba.conf").write_text("local all administrator trust\n" + TRUST)
    ledger.rows("SELECT pg_reload_conf()")
    wait_until(lambda: lets_in(ledger, "administrator"), 60, "the administrator needs no password")
    make_users(ledger, scratch, salt="-changed", administrator="administrator")
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        as_user(ledger, "monitor", "SELECT 1")
    log = ledger.log.read_text()
    assert "PASSWORD 'SCRAM-SHA-256$" in log
    assert "-changed" not in log
    make_users(ledger, scratch)
    assert as_user(ledger, "monitor", "SELECT 1") == [(1,)]


def test_no_password_is_among_the_words_of_a_process_or_in_its_environment(ledger, scratch):
    """What users.sh starts is written down by what stands in front of it."""
    front = scratch / "front"
    front.mkdir()
    for name in ("psql", "sed", "cat", "setsid", "printf", "echo"):
        (front / name).write_text(
            f'#!/bin/sh\n{{ /bin/echo "$0" "$@"; /usr/bin/env; }} >>"{scratch}/started"\nPATH=${{PATH#*:}} exec {name} "$@"\n'
        )
        (front / name).chmod(0o755)
    make_users(ledger, scratch, salt="-changed", programs=front)
    started = (scratch / "started").read_text()
    assert "psql --no-psqlrc" in started
    assert "-changed" not in started


def lets_in(server, user):
    try:
        server.connect("ledger", user).close()
        return True
    except psycopg2.OperationalError:
        return False


def as_user(server, user, query):
    connection = psycopg2.connect(server.as_user(user)["DATABASE_URL"])
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()
