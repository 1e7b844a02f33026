"""The runbook of deploy/README.md, followed under load, by the very commands that it has: what it promises is kept."""

import os
import re
import shlex
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import redis as redis_py
from support import accounts
from support.events import STREAM
from support.http import answers
from support.servers import POSTGRES_PROGRAMS, cluster_template
from support.waiting import wait_until

ROOT = Path(__file__).parents[2]
README = (ROOT / "deploy/README.md").read_text()
ALWAYS = {"TASKLEDGER_SPOOL": "always", "TASKLEDGER_CONFIRM_MS": "1000"}
CLOSE_MS = 10_000  # what a spool still has then is swept
GRACE = {"TASKLEDGER_LOSS_GRACE": "500ms"}
OPEN_GAPS = "SELECT producer_id::text, first_sequence, last_sequence FROM taskledger.loss WHERE kind = 'gap' AND repaired_at IS NULL"
UPDATED = "SELECT coalesce(max(updated_at), 'epoch') FROM taskledger.task"


def block(text):
    """The commands that stand behind this text, one a line."""
    assert README.count(text) == 1, text
    match = re.search(r"^((?:    .*\n)+)", README.partition(text)[2], re.MULTILINE)
    return [line.strip() for line in match.group(1).splitlines()]


# Into a new server; from exports and the stream; whatever was lost.
DUMP, ROLES, RESTORE = block("goes into a new server like this")
EXPORT = block("### For other systems\n")[0]
FROM_EXPORTS = block("Without a copy, but with exports")
AFTERWARDS = block("Whatever was lost:\n")


@pytest.fixture
def redis(make_redis):
    """As durable as users have it: the doctor looks."""
    return make_redis("redis")


@pytest.fixture
def postgres(make_postgres):
    return make_postgres("postgres", durable=True)


class Operator:
    """Who has the programs, the tree, and the rights of an administrator; what it does lies in the scratch folder."""

    def __init__(self, scene, scratch):
        self.scene, self.scratch = scene, scratch
        (scratch / "deploy").symlink_to(ROOT / "deploy")
        (scratch / "PASSWORDS").mkdir()

    def does(self, line, expect=0):
        ledger = self.scene.postgres
        places = {"PGHOST": str(ledger.folder), "PGPORT": str(ledger.port), "PGUSER": "postgres", "PGDATABASE": "postgres"}
        path = f"{self.scene.build.folder / 'bin'}:{POSTGRES_PROGRAMS}:{os.environ['PATH']}"
        spool = {"TASKLEDGER_SPOOL_DIR": str(self.scene.spool), "TASKLEDGER_IN_FLIGHT": "500ms"}
        result = subprocess.run(
            ["sh", "-ec", line],
            env={**self.scene.programs.environment, **self.scene.beside, **places, **spool, "PATH": path},
            cwd=self.scratch,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert result.returncode == expect, f"{line} exited {result.returncode}:\n{result.stdout}{result.stderr}"
        return result.stdout

    def seals(self):
        self.does("taskledger-replay seal yesterday.seal")

    def looks(self, *codes):
        """Exit codes of the commands that are right whatever was lost."""
        for line, code in zip(AFTERWARDS, codes, strict=True):
            self.does(line, expect=code)


@pytest.fixture
def begin(make_scene, redis, postgres, scratch):
    """Load of workers that spool all they say, and an operator who has a seal of before."""
    scene = make_scene(redis, postgres)
    operator = Operator(scene, scratch)
    scene.start_consumers(2)
    for _ in range(2):
        scene.work(env=ALWAYS, threads=2, rate=200, close_ms=CLOSE_MS)
    scene.progress(300)
    operator.seals()
    return scene, operator


def new_cluster(postgres):
    """The disk is gone; there is another, with nothing on it."""
    postgres.kill()
    shutil.rmtree(postgres.data)
    subprocess.run(["cp", "-a", cluster_template(), postgres.data], check=True)
    postgres.start()


def finish(scene, operator):
    scene.end_load()
    scene.settle()
    scene.wait_for_the_rest({})
    operator.looks(0, 0, 0, 0)
    scene.finish()


# ---- a server is lost


def test_redis_and_its_disk_are_lost(begin, redis):
    scene, operator = begin
    with scene.fault("Redis lost"):
        redis.kill()
        redis.wipe()
        redis.start()
    scene.recovered()
    finish(scene, operator)


def test_postgresql_is_lost_and_restored_from_a_dump_into_a_new_server(begin, postgres):
    scene, operator = begin
    operator.does(DUMP)
    scene.progress(500)
    with scene.fault("PostgreSQL lost"):
        scene.stop_consumers()
        new_cluster(postgres)
        operator.does(ROLES)
        operator.does(RESTORE)
        scene.start_consumers(2)
    scene.recovered()
    finish(scene, operator)


def test_postgresql_is_lost_and_restored_from_a_base_backup_while_consumers_wait(begin, postgres, scratch):
    scene, operator = begin
    operator.does(f"pg_basebackup --checkpoint=fast --pgdata={scratch}/base")
    scene.progress(500)
    with scene.fault("PostgreSQL lost"):
        postgres.kill()
        shutil.rmtree(postgres.data)
        subprocess.run(["cp", "-a", f"{scratch}/base", postgres.data], check=True)
        subprocess.run(["chown", "-R", f"--reference={postgres.folder}", postgres.data], check=True)
        postgres.start()
    scene.recovered()
    finish(scene, operator)


def test_postgresql_is_lost_without_a_copy_and_made_of_exports_and_the_stream(begin, postgres, redis):
    """The stream has only what came after the second of them."""
    scene, operator = begin
    operator.does(EXPORT)
    scene.progress(500)
    last = scene.stream.last_id()
    wait_until(lambda: scene.stream.is_settled_up_to(last), 30, "it is settled")
    wait_for_another_second()
    operator.does(EXPORT)
    scene.progress(300)
    with scene.fault("PostgreSQL lost"):
        scene.stop_consumers()
        new_cluster(postgres)
        redis.client().xtrim(STREAM, minid=last, approximate=False)
        for line in FROM_EXPORTS:
            operator.does(line)
        scene.start_consumers(2)
    scene.recovered()
    finish(scene, operator)


def wait_for_another_second():
    """Exports are named by it."""
    now = int(time.time())
    wait_until(lambda: int(time.time()) > now, 30, "the next second")


def test_both_are_lost_and_what_only_they_had_is_named(begin, postgres, redis):
    """Of what came after the copy workers send again what their spools have; who has no spool has nothing."""
    scene, operator = begin
    speaker = scene.speak()
    operator.does(DUMP)
    scene.progress(500)
    with scene.fault("both lost"):
        redis.kill()
        said = {(str(event.producer_id), event.sequence): event.payload for event in [*speaker.producer.said]}
        scene.stop_consumers()
        had = {**accounts.stored_events(postgres), **said}
        new_cluster(postgres)
        operator.does(ROLES)
        operator.does(RESTORE)
        gone = {key: had[key] for key in had.keys() - scene.stored_keys()}
        redis.wipe()
        redis.start()
        scene.start_consumers(2, env=GRACE)
    scene.recovered()
    scene.end_load()
    scene.settle()
    wait_until(lambda: open_gaps(postgres) == gone.keys() - scene.stored_keys(), 60, "what is missing stands in `loss`")
    assert open_gaps(postgres), "nothing was lost: this shows nothing"
    operator.looks(0, 0, 1, 1)
    scene.finish(gone=gone)


def open_gaps(postgres):
    """Every number in `loss` that has not come."""
    return {(producer, number) for producer, first, last in postgres.rows(OPEN_GAPS) for number in range(first, last + 1)}


# ---- an upgrade, and other passwords


def replace(scene, consumer, *arguments, env=None):
    """As a rollout does: the next one is ready before the old one is told to go."""
    new = scene.start_consumer(*arguments, env=env)
    wait_until(lambda: answers(new.listen, "/readyz", 200), 30, "the next one is ready")
    assert consumer.term() == 0
    scene.consumers.remove(consumer)
    before = scene.postgres.value(UPDATED)
    wait_until(lambda: scene.postgres.value(UPDATED) > before, 30, "events are applied all the time")


def test_an_upgrade_takes_one_consumer_after_the_other_and_back(begin):
    scene, operator = begin
    for _ in ("there", "back"):
        operator.does("taskledger-consumer migrate")
        for consumer in [*scene.consumers]:
            with scene.fault("consumer replaced"):
                replace(scene, consumer)
    finish(scene, operator)


class Locked:
    """A Redis with the users of users.acl, whose URLs lie in files; and who looks after it has every right."""

    def __init__(self, server, scratch):
        self.server, self.scratch = server, scratch
        for user in ("taskledger_producer", "taskledger_consumer"):
            self.write(user, f"{user}-old")
        (scratch / "operator").write_text(server.url)
        self.environment = self.of("taskledger_consumer")
        self.beside = {"REDIS_URL_FILE": str(scratch / "operator")}
        self.client = server.client

    def of(self, user):
        return {"REDIS_URL_FILE": str(self.scratch / user)}

    def write(self, user, password):
        (self.scratch / user).write_text(f"unix://{user}:{password}@{self.server.socket}")

    def says(self, line, user, password):
        """A line of the runbook, about this user and password."""
        for word, meant in (("taskledger_consumer", user), ("NEW", password), ("OLD", password)):
            line = line.replace(word, meant)
        assert self.client().execute_command(*shlex.split(line)) == b"OK"

    def lets_in(self, user, password):
        try:
            return self.client(username=user, password=password).ping()
        except redis_py.ResponseError:
            return False


@pytest.fixture
def locked(make_redis, scratch):
    users = (ROOT / "deploy/redis/users.acl").read_text().splitlines()
    wanted = [line for line in users if re.match(r"user taskledger_(producer|consumer) ", line)]
    wanted = [re.sub(r"(user (\S+) on) #\S+", r"\1 >\2-old", line) for line in wanted]
    (scratch / "users.acl").write_text("\n".join(["user default on nopass ~* &* +@all", *wanted, ""]))
    return Locked(make_redis("redis", acl_file=scratch / "users.acl"), scratch)


def test_passwords_of_redis_are_changed_under_load(make_scene, locked, postgres, scratch):
    add, remove = re.findall(r"`(ACL SETUSER taskledger_consumer '[<>]\w+')`", README)
    scene = make_scene(locked, postgres)
    operator = Operator(scene, scratch)
    scene.start_consumers(2)
    worker = scene.work(env={**ALWAYS, **locked.of("taskledger_producer")}, threads=2, rate=200)
    scene.progress(300)
    operator.seals()

    for user in ("taskledger_consumer", "taskledger_producer"):
        locked.says(add, user, f"{user}-new")
        locked.write(user, f"{user}-new")
        with scene.fault("another password"):
            for consumer in [*scene.consumers] if user == "taskledger_consumer" else []:
                replace(scene, consumer)
            if user == "taskledger_producer":
                worker.term()
                scene.work(env={**ALWAYS, **locked.of(user)}, threads=2, rate=200)
        locked.says(remove, user, f"{user}-old")
        scene.progress(300)
        assert not locked.lets_in(user, f"{user}-old") and locked.lets_in(user, f"{user}-new")
    locked.says("ACL SAVE", "", "")
    finish(scene, operator)


def test_a_user_of_postgresql_is_replaced_by_another_under_load(make_scene, redis, postgres, scratch):
    """Who logs in by what the file says; the first one goes when nobody uses it."""
    add = re.search(r"`(CREATE ROLE taskledger_consumer_2 [^`]*)`", README).group(1)
    remove = re.search(r"`(DROP ROLE taskledger_consumer)`", README).group(1)
    url = scratch / "database_url"

    def use(user):
        url.write_text(postgres.url.replace("user=postgres", f"user={user}"))

    scene = make_scene(redis, postgres)
    del scene.programs.environment["DATABASE_URL"]
    by_file = {"DATABASE_URL_FILE": str(url)}
    postgres.rows("CREATE ROLE taskledger_consumer LOGIN; GRANT taskledger_writer TO taskledger_consumer")
    use("taskledger_consumer")
    for _ in range(2):
        scene.start_consumer("--no-migrate", env=by_file)
    scene.work(env=ALWAYS, threads=2, rate=200)
    scene.progress(300)

    postgres.rows(add.replace("…", "'new'"))
    use("taskledger_consumer_2")
    for consumer in [*scene.consumers]:
        with scene.fault("another user"):
            replace(scene, consumer, "--no-migrate", env=by_file)
    postgres.rows(remove)
    scene.progress(300)
    scene.end_load()
    scene.finish()
