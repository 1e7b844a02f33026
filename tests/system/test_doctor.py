"""taskledger-consumer doctor: servers that are well have nothing to hear, and each ill one is told its illness and a cure."""

import json
import subprocess
import time

import pytest

from support.processes import free_port
from support.waiting import wait_until

WELL = {"maxmemory": "100mb"}


class Doctor:
    """What the program says, as {name: (verdict, text, cure or None)}."""

    def __init__(self, programs):
        self.programs = programs

    def asks(self, *servers, expect, **environment):
        for server in servers:
            environment = {**server.environment, **environment}
        said = json.loads(self.programs.run("taskledger-consumer", "doctor", "--format=json", env=environment, expect=expect).stdout)
        self.reached = said["reached"]
        findings = {c["name"]: (c["verdict"], c["text"], c.get("do")) for c in said["checks"]}
        assert len(findings) >= len(said["checks"]) - 1  # what is lost on the way is told again
        return findings


@pytest.fixture
def doctor(programs):
    return Doctor(programs)


@pytest.fixture
def well(make_redis):
    return make_redis("redis", **WELL)


@pytest.fixture
def ledger(make_postgres, programs):
    """PostgreSQL as it should be, with a ledger."""
    server = make_postgres("postgres", durable=True)
    programs.run("taskledger-consumer", "migrate", env=server.environment)
    return server


def wrong(findings):
    return {name: finding for name, finding in findings.items() if finding[0] == "wrong"}


def only(findings, name):
    """The one thing that is wrong: its text and its cure."""
    assert list(wrong(findings)) == [name], wrong(findings)
    return findings[name][1:]


# ---- well


def test_servers_that_are_well_have_nothing_wrong(doctor, well, ledger):
    findings = doctor.asks(well, ledger, expect=0)

    assert wrong(findings) == {}
    assert [n for n, f in findings.items() if f[0] == "note"] == ["redis.login", "redis.group"]
    assert not any("not known" in text for _, text, _ in findings.values()), findings
    assert doctor.reached == {"redis": True, "postgresql": True}


def test_people_read_a_line_for_each_check_and_a_summary(programs, well, ledger):
    programs.use(well, ledger)
    well.client().config_set("maxmemory-policy", "allkeys-lru")

    lines = programs.run("taskledger-consumer", "doctor", expect=1).stdout.splitlines()

    assert lines[0] == f"ok    redis.reachable: {well.url}"
    at = lines.index("WRONG redis.policy: allkeys-lru: an evicted stream is a lost stream")
    assert lines[at + 1] == "  do: redis-cli CONFIG SET maxmemory-policy noeviction; redis-cli CONFIG REWRITE"
    assert lines[-1].endswith(" ok, 2 to note, 1 wrong")
    assert all(line.startswith(("ok    ", "note  ", "WRONG ", "  do: ")) for line in lines[:-1])


def test_nothing_is_changed_by_being_examined(doctor, well, ledger):
    before = changes(ledger)
    doctor.asks(well, ledger, expect=0)
    assert well.client().keys() == []
    assert changes(ledger) == before


def changes(ledger):
    """Rows that were changed, all told; but for what autovacuum writes down when it has analyzed a table."""
    ledger.wait_until_left()
    of_autovacuum = "'pg_statistic'::regclass, (SELECT reltoastrelid FROM pg_class WHERE oid = 'pg_statistic'::regclass)"
    return ledger.value(
        "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_all_tables"
        f" WHERE relid NOT IN ({of_autovacuum}, 'pg_statistic_ext_data'::regclass)"
    )


def test_a_running_consumer_does_not_mind(doctor, programs, well, ledger):
    consumer = programs.start("taskledger-consumer", env={**well.environment, **ledger.environment})
    consumer.wait_for_log('"ready"')
    findings = doctor.asks(well, ledger, expect=0)
    assert findings["redis.group"][:2] == ("ok", "taskledger")
    assert findings["redis.shards"][:2] == ("ok", "1")
    assert consumer.term() == 0


# ---- not reached


def test_a_server_that_is_away_does_not_keep_the_other_from_being_examined(doctor, well, ledger):
    well.stop()
    findings = doctor.asks(well, ledger, expect=3)
    assert "start Redis" in only(findings, "redis.reachable")[1]
    assert findings["postgresql.fsync"][0] == "ok"
    assert doctor.reached == {"redis": False, "postgresql": True}

    well.start()
    ledger.stop()
    findings = doctor.asks(well, ledger, expect=3)
    assert "start PostgreSQL" in only(findings, "postgresql.reachable")[1]
    assert findings["redis.aof"][0] == "ok"
    assert doctor.reached == {"redis": True, "postgresql": False}


def test_a_wrong_password_is_told_with_where_to_put_the_right_one(doctor, make_redis, ledger):
    server = make_redis("locked", arguments=("--requirepass", "right"), **WELL)
    text, cure = only(doctor.asks(server, ledger, expect=3), "redis.reachable")
    assert "NOAUTH" in text and "REDIS_URL" in cure
    url = server.url.replace("unix://", "unix://:wrong@")
    text, cure = only(doctor.asks(ledger, expect=3, REDIS_URL=url), "redis.reachable")
    assert "WRONGPASS" in text and "REDIS_URL" in cure


def test_a_url_that_cannot_be_read_is_a_matter_of_configuration(programs, ledger):
    said = programs.run("taskledger-consumer", "doctor", env={**ledger.environment, "REDIS_URL": "http://x"}, expect=2)
    assert said.stdout == "" and "REDIS_URL" in said.stderr or "redis://" in said.stderr


def test_a_database_that_is_not_there(doctor, well, ledger):
    url = ledger.url.replace("/postgres?", "/nowhere?")
    text, cure = only(doctor.asks(well, expect=3, DATABASE_URL=url), "postgresql.reachable")
    assert "does not exist" in text and cure.startswith("createdb")


# ---- Redis, setting by setting


@pytest.mark.parametrize(
    "setting, value, name, told",
    [
        ("maxmemory-policy", "volatile-lru", "redis.policy", "volatile-lru"),
        ("maxmemory", "1mb", "redis.memory", "of 1 MiB"),
        ("appendonly", "no", "redis.aof", "off"),
        ("appendfsync", "no", "redis.fsync", "appendfsync no"),
        ("timeout", "5", "redis.timeout", "after 5 s"),
        ("client-output-buffer-limit", "normal 1mb 1mb 10", "redis.output_buffer", "1048576"),
        ("min-replicas-to-write", "1", "redis.replicas", "0 of 1 replicas"),
        ("maxclients", "1", "redis.clients", "1 of 1"),
    ],
)
def test_a_setting_of_redis(doctor, make_redis, ledger, setting, value, name, told):
    server = make_redis("redis", **WELL, arguments=(f"--{setting}", *value.split()) if setting == "maxclients" else ())
    if setting != "maxclients":
        server.client().config_set(setting, value)
    text, cure = only(doctor.asks(server, ledger, expect=1), name)
    assert told in text and "redis-cli" in cure


def test_what_some_want_like_that_is_a_note(doctor, make_redis, ledger):
    redis = make_redis("redis")
    redis.client().config_set("maxmemory-policy", "allkeys-lru")
    redis.client().config_set("timeout", "600")
    findings = doctor.asks(redis, ledger, expect=0)
    for name in "redis.policy", "redis.memory", "redis.timeout":
        assert findings[name][0] == "note"


def test_a_replica_names_its_master(doctor, well, make_redis, ledger):
    master = make_redis("master", port=True)
    well.client().replicaof("127.0.0.1", master.port)
    wait_until(lambda: well.client().info("replication")["master_link_status"] == "up", 60, "it has its master's data")
    findings = doctor.asks(well, ledger, expect=1)
    assert f"redis://127.0.0.1:{master.port}" in only(findings, "redis.role")[1]

    wait_until(lambda: master.client().info("replication")["connected_slaves"] == 1, 60, "the replica is there")
    assert doctor.asks(master, ledger, expect=0)["redis.replicas"][0] == "note"


def test_a_disk_that_refuses_redis(doctor, make_redis, ledger):
    server = make_redis("redis", **WELL, arguments=("--enable-protected-configs", "yes"))
    client = server.client()
    folder = server.folder / "gone"
    folder.mkdir()
    client.config_set("dir", str(folder))
    folder.rmdir()
    client.bgsave()
    wait_until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", 60, "the snapshot failed")
    text, cure = only(doctor.asks(server, ledger, expect=1), "redis.disk")
    assert "rdb_last_bgsave_status" in text and "disk" in cure


def test_evictions_are_remembered(doctor, make_redis, ledger):
    server = make_redis("redis", maxmemory="3mb")
    client = server.client()
    client.config_set("maxmemory-policy", "allkeys-random")
    for i in range(400):
        client.set(f"filling:{i}", b"x" * 10_000)
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("maxmemory", "100mb")
    assert doctor.asks(server, ledger, expect=0)["redis.evicted"][0] == "note"


def test_keys_of_another_type(doctor, well, ledger):
    client = well.client()
    client.set("taskledger:events", "x")
    client.set("taskledger:archived", "x")
    findings = doctor.asks(well, ledger, expect=1)
    assert set(wrong(findings)) == {"redis.stream", "redis.books"}
    assert findings["redis.stream"][2].startswith("redis-cli RENAME taskledger:events ")
    assert "taskledger:archived" in findings["redis.books"][2]


def test_another_number_of_shards_is_in_force(doctor, well, ledger):
    well.client().set("taskledger:shards", "4")
    assert "TASKLEDGER_SHARDS=4" in only(doctor.asks(well, ledger, expect=1), "redis.shards")[1]
    assert doctor.asks(well, ledger, expect=0, TASKLEDGER_SHARDS="4")["redis.shards"][0] == "ok"


def test_a_cluster_whose_slots_are_elsewhere(doctor, make_redis, ledger):
    server = make_redis("redis", **WELL, arguments=("--cluster-enabled", "yes"))
    text, _ = wrong(doctor.asks(server, ledger, expect=1))["redis.cluster"][1:]
    assert "3 of 3 keys" in text
    server.client().execute_command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
    wait_until(lambda: "cluster_state:ok" in str(server.client().execute_command("CLUSTER", "INFO")), 60, "a cluster of one")
    assert doctor.asks(server, ledger, expect=0)["redis.cluster"][0] == "ok"


def test_rights_that_are_missing_are_named_and_given_by_the_cure(doctor, well, ledger):
    client = well.client()
    client.acl_setuser("narrow", enabled=True, passwords=["+pw"], commands=["+@all", "-xack", "-hset"], keys=["taskledger:ev*"])
    url = well.url.replace("unix://", "unix://narrow:pw@")
    text, cure = wrong(doctor.asks(ledger, expect=1, REDIS_URL=url))["redis.rights"][1:]
    assert "+xack" in text and "+hset" in text and "~taskledger:archived" in text and "~taskledger:events" not in text

    given = cure.split(";")[0].split()
    assert given[:4] == ["redis-cli", "ACL", "SETUSER", "narrow"]
    client.execute_command(*given[1:])
    assert doctor.asks(ledger, expect=0, REDIS_URL=url)["redis.rights"][0] == "ok"


def test_what_may_not_be_asked_is_not_known_and_not_wrong(doctor, well, ledger):
    well.client().acl_setuser("worker", enabled=True, passwords=["+pw"], commands=["+@all", "-@dangerous", "+info"], keys=["*"])
    findings = doctor.asks(ledger, expect=0, REDIS_URL=well.url.replace("unix://", "unix://worker:pw@"))
    for name in "redis.fsync", "redis.timeout", "redis.output_buffer", "redis.replicas":
        assert findings[name][0] == "note" and "no right to CONFIG GET" in findings[name][1]


def test_a_connection_without_tls_to_another_machine_is_a_note(doctor, make_redis, ledger, certificates):
    server = make_redis("redis", tls=certificates, **WELL)
    ca = {"TASKLEDGER_REDIS_CA_FILE": str(certificates.ca.certificate)}
    findings = doctor.asks(ledger, expect=0, REDIS_URL=server.tls_url, **ca)
    assert findings["redis.secrecy"][:2] == ("ok", "TLS")

    other = make_redis("other", **WELL, arguments=("--port", free_port(), "--bind", "0.0.0.0", "--protected-mode", "no"))
    url = f"redis://0.0.0.0:{other.arguments[other.arguments.index('--port', 2) + 1]}"
    assert doctor.asks(ledger, expect=0, REDIS_URL=url)["redis.secrecy"][0] == "note"


def test_a_certificate_that_is_not_trusted(doctor, make_redis, ledger, certificates):
    server = make_redis("redis", tls=certificates)
    _, cure = only(doctor.asks(ledger, expect=3, REDIS_URL=server.tls_url), "redis.reachable")
    assert "TASKLEDGER_REDIS_CA_FILE" in cure


CLOCK = r"""
#define _GNU_SOURCE
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>
int clock_gettime(clockid_t id, struct timespec *now)
{
    int failed = (int)syscall(SYS_clock_gettime, id, now);
    if (id == CLOCK_REALTIME)
        now->tv_sec += 5;
    return failed;
}
"""


def test_a_clock_that_is_wrong(doctor, well, ledger, scratch):
    source, library = scratch / "clock.c", scratch / "clock.so"
    source.write_text(CLOCK)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    findings = doctor.asks(well, ledger, expect=1, LD_PRELOAD=str(library))
    assert set(wrong(findings)) == {"redis.clock", "postgresql.clock"}
    for _, text, cure in wrong(findings).values():
        behind_s = float(text.removesuffix(" s behind this machine's"))
        assert 4.9 <= behind_s < 30 and "set-ntp" in cure  # and as long as the answer was on its way


# ---- PostgreSQL, setting by setting


@pytest.mark.parametrize(
    "setting, value, name, cure",
    [
        ("fsync", "off", "postgresql.fsync", "ALTER SYSTEM SET fsync = on"),
        ("full_page_writes", "off", "postgresql.full_page_writes", "ALTER SYSTEM SET full_page_writes = on"),
        ("autovacuum", "off", "postgresql.autovacuum", "ALTER SYSTEM SET autovacuum = on"),
        ("default_transaction_read_only", "on", "postgresql.writable", "SET default_transaction_read_only = off"),
        ("default_transaction_isolation", "serializable", "postgresql.isolation", "read committed"),
        ("synchronous_standby_names", "nobody", "postgresql.standbys", "RESET synchronous_standby_names"),
    ],
)
def test_a_setting_of_postgresql(doctor, well, ledger, setting, value, name, cure):
    ledger.stop()
    ledger.settings[setting] = value
    ledger.start()
    assert cure in only(doctor.asks(well, ledger, expect=1), name)[1]


def test_what_consumers_set_themselves_is_a_note(doctor, well, ledger):
    ledger.rows("ALTER ROLE postgres SET statement_timeout = '1s'")
    ledger.rows("ALTER ROLE postgres SET synchronous_commit = off")
    findings = doctor.asks(well, ledger, expect=0)
    assert findings["postgresql.timeouts"][0] == "note" and "statement_timeout 1000 ms" in findings["postgresql.timeouts"][1]
    assert findings["postgresql.commit"][0] == "note"


def test_a_standby_is_recognised(doctor, well, ledger):
    ledger.stop()
    (ledger.data / "standby.signal").touch()
    ledger.start()
    text, cure = only(doctor.asks(well, ledger, expect=1), "postgresql.role")
    assert "standby" in text and "primary" in cure


def test_an_encoding_that_cannot_hold_every_text(doctor, programs, well, ledger):
    ledger.rows("CREATE DATABASE old ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    url = ledger.url.replace("/postgres?", "/old?")
    programs.run("taskledger-consumer", "migrate", env={"DATABASE_URL": url})
    assert "UTF8" in only(doctor.asks(well, expect=1, DATABASE_URL=url), "postgresql.encoding")[1]


@pytest.mark.parametrize("limit", ["ALTER ROLE limited CONNECTION LIMIT 3", "ALTER DATABASE postgres CONNECTION LIMIT 3"])
def test_connections_run_short(doctor, well, ledger, limit):
    ledger.rows("CREATE ROLE limited LOGIN IN ROLE taskledger_writer")
    ledger.rows(limit)
    url = ledger.url.replace("user=postgres", "user=limited")
    ledger.wait_until_left()
    text, cure = only(doctor.asks(well, expect=1, DATABASE_URL=url), "postgresql.connections")
    assert text == "1 of 3" and limit.replace(" 3", " -1") in cure


def test_a_transaction_that_began_just_now_is_none_that_stands(doctor, well, ledger):
    holder = ledger.connect()
    holder.autocommit = False
    holder.cursor().execute("SELECT 1")
    assert doctor.asks(well, ledger, expect=0)["postgresql.transactions"][0] == "ok"


# ---- the ledger


def test_a_ledger_that_is_not_there_yet(doctor, well, make_postgres):
    empty = make_postgres("empty", durable=True)
    assert only(doctor.asks(well, empty, expect=1), "postgresql.ledger")[1] == "taskledger-consumer migrate"


def test_a_ledger_that_is_too_old_or_too_new(doctor, well, ledger):
    newest = ledger.value("SELECT max(version) FROM taskledger.migration")
    ledger.rows("INSERT INTO taskledger.migration (version, name, serves_from) VALUES (99, 'future', 99)")
    assert "of that version" in only(doctor.asks(well, ledger, expect=1), "postgresql.ledger")[1]
    ledger.rows("DELETE FROM taskledger.migration WHERE version IN (99, %s)", [newest])
    assert only(doctor.asks(well, ledger, expect=1), "postgresql.ledger")[1] == "taskledger-consumer migrate"


def test_a_missing_partition(doctor, well, ledger):
    name = time.strftime("task_event_y%Ym%m", time.gmtime())
    ledger.rows(f"DROP TABLE taskledger.{name}")
    text, cure = only(doctor.asks(well, ledger, expect=1), "postgresql.partitions")
    assert name in text and cure == "taskledger-consumer migrate"


def test_events_beside_the_partitions_are_a_note(doctor, well, ledger):
    ledger.rows(
        "INSERT INTO taskledger.task_event (producer_id, sequence, occurred_at, stream, stream_ms, stream_seq, payload)"
        " VALUES (gen_random_uuid(), 1, now(), 's', 1, 0, 'x')"
        " RETURNING tableoid::regclass"
    )
    ledger.rows(
        "INSERT INTO taskledger.task_event (producer_id, sequence, occurred_at, stream, stream_ms, stream_seq, payload)"
        " VALUES ('00000000-0000-0000-0000-000000000000', 1, now(), 's', 1, 0, 'x')"
    )
    verdict, text, _ = doctor.asks(well, ledger, expect=0)["postgresql.other"]
    assert verdict == "note" and "events" in text


def test_events_that_can_be_changed(doctor, well, ledger):
    ledger.rows("ALTER TABLE taskledger.task_event_other DISABLE TRIGGER refuse_change")
    text, cure = only(doctor.asks(well, ledger, expect=1), "postgresql.append_only")
    assert "refuse_change ON taskledger.task_event_other" in text
    ledger.rows(cure.removeprefix("psql -c '").removesuffix("'"))
    doctor.asks(well, ledger, expect=0)

    ledger.rows("DROP TRIGGER refuse_truncate ON taskledger.task_event_other")
    assert "refuse_truncate ON taskledger.task_event_other" in only(
        doctor.asks(well, ledger, expect=1), "postgresql.append_only"
    )[0]


def test_a_table_that_is_not_vacuumed(doctor, well, ledger):
    ledger.rows("ALTER TABLE taskledger.task SET (autovacuum_enabled = off)")
    _, cure = only(doctor.asks(well, ledger, expect=1), "postgresql.vacuumed")
    ledger.rows(cure.removeprefix("psql -c '").removesuffix("'"))
    doctor.asks(well, ledger, expect=0)


def test_an_index_that_is_not_valid(doctor, well, ledger):
    ledger.rows("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'taskledger.task_pkey'::regclass")
    _, cure = only(doctor.asks(well, ledger, expect=1), "postgresql.indexes")
    ledger.rows(cure.removeprefix("psql -c '").removesuffix("'"))
    doctor.asks(well, ledger, expect=0)


def test_a_user_who_is_no_writer_is_told_how_to_become_one(doctor, well, ledger):
    ledger.rows("CREATE ROLE someone LOGIN")
    url = ledger.url.replace("user=postgres", "user=someone")
    text, cure = only(doctor.asks(well, expect=1, DATABASE_URL=url), "postgresql.rights")
    assert "USAGE on the schema" in text and "INSERT on task_event" in text
    ledger.rows(cure.removeprefix("psql -c '").removesuffix("'"))
    assert wrong(doctor.asks(well, expect=0, DATABASE_URL=url)) == {}


def test_no_right_of_a_writer_goes_unmissed(doctor, well, ledger):
    """Held against what the writer was given, so that a right that is new there is known here."""
    ledger.rows("CREATE ROLE someone LOGIN IN ROLE taskledger_writer")
    url = ledger.url.replace("user=postgres", "user=someone")
    tables = ledger.rows(
        "SELECT privilege, c.relname FROM pg_class AS c, unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) AS privilege"
        " WHERE c.relnamespace = 'taskledger'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
        " AND has_table_privilege('taskledger_writer', c.oid, privilege) ORDER BY 2, 1"
    )
    functions = ledger.rows(
        "SELECT proname, oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'taskledger'::regnamespace"
        " AND has_function_privilege('taskledger_writer', oid, 'EXECUTE') AND NOT has_function_privilege('public', oid, 'EXECUTE')"
    )
    assert len(tables) > 15 and functions
    taken = [(f"{p} on {t}", f"{p} ON taskledger.{t}") for p, t in tables]
    taken += [(f"EXECUTE on {name}", f"EXECUTE ON FUNCTION {signature}") for name, signature in functions]
    for told, right in taken:
        if told == "SELECT on migration":
            continue
        ledger.rows(f"REVOKE {right} FROM taskledger_writer")
        text, cure = only(doctor.asks(well, expect=1, DATABASE_URL=url), "postgresql.rights")
        assert text == f"missing: {told}" and "migrate" in cure
        ledger.rows(f"GRANT {right} TO taskledger_writer")
    doctor.asks(well, expect=0, DATABASE_URL=url)


def test_roles_that_nobody_made_are_a_note(doctor, programs, well, make_postgres):
    server = make_postgres("plain", durable=True)
    programs.run("taskledger-consumer", "migrate", "--no-roles", env=server.environment)
    assert doctor.asks(well, server, expect=0)["postgresql.roles"][0] == "note"
