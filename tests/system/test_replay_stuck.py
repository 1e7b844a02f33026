"""stuck finds active tasks without a sign of life, shows what is known of them, and how to close each."""

import subprocess
import time
from contextlib import closing

from support.events import Producer
from support.told import CONSUMER, REPLAY, told  # noqa: F401
from support.waiting import wait_until

HOSTILE = [
    "-rf", "--help", "it's", "$(touch pwned)`touch pwned`", "a b\tc\nd\n", "\x1b[2J\x7f", "ü\u202e!", "*", "~", "=ls", "\\",
    "'", '"', "a;touch pwned", "1234567",
]  # fmt: skip


def ago(seconds):
    return int((time.time() - seconds) * 1_000_000)


def stuck_names(answer):
    return [task["task_id"] for task in answer["tasks"]]


def test_active_tasks_that_are_silent_are_found_and_others_are_not(told):  # noqa: F811
    producer = Producer(told.pb)
    said = lambda name, status, seconds, **more: producer.status(  # noqa: E731
        name, status, occurred_at_us=ago(seconds), **more
    )
    told.apply([
        said("running", "RUNNING", 400), said("retry", "RETRY", 301), said("young", "RUNNING", 200),
        said("queued", "QUEUED", 4000), said("done", "RUNNING", 4000), said("done", "SUCCESS", 3000),
        said("heartbeat", "RUNNING", 4000), said("heartbeat", "RUNNING", 10, progress=0.5),
        # A worker that was replaced says something: no sign of life of the attempt that counts.
        said("zombie", "RUNNING", 4000, attempt=2), said("zombie", "RUNNING", 10, attempt=1),
    ])
    told.as_reader()
    answer = told.ask("stuck", expect=1)
    assert stuck_names(answer) == ["zombie", "running", "retry"]  # the longest silence first
    assert answer["total"]["stuck"] == 3 and answer["total"]["older_us"] == 300_000_000
    assert stuck_names(told.ask("stuck", "--older", "1h", expect=1)) == ["zombie"]
    assert stuck_names(told.ask("stuck", "--older", "3m", expect=1)) == ["zombie", "running", "retry", "young"]
    assert told.ask("stuck", "--older", "2h")["tasks"] == []
    assert [row["task_id"] for row in told.csv("stuck", expect=1)] == stuck_names(answer)


def test_what_is_known_of_the_producer_is_told(told):  # noqa: F811
    closed, silent, heard, unknown = (Producer(told.pb) for _ in range(4))
    for producer in (closed, silent, heard):
        producer.opened(host=f"host-{producer.id}", worker="w", pid=17)
    for name, producer in [("closed", closed), ("silent", silent), ("heard", heard), ("unknown", unknown)]:
        producer.status(name, "RUNNING", occurred_at_us=ago(4000), step="it's")
    closed.closed()
    told.apply([closed.said, silent.said, heard.said, unknown.said])
    # Time passes.
    told.postgres.rows(
        "BEGIN; SET LOCAL taskledger.maintenance = 'on';"
        f" UPDATE taskledger.task_event SET recorded_at = now() - interval '1 hour' WHERE producer_id = '{silent.id}';"
        " COMMIT; SELECT 1"
    )
    answer = {task["task_id"]: task for task in told.ask("stuck", expect=1)["tasks"]}
    assert {name: task["producer_state"] for name, task in answer.items()} == {
        "closed": "closed", "silent": "silent", "heard": "heard of", "unknown": "heard of",
    }
    assert answer["closed"]["producer_closed_at"] and answer["silent"]["producer_closed_at"] is None
    assert answer["heard"]["producer_heard_at"] > answer["silent"]["producer_heard_at"]
    assert answer["heard"]["producer_host"] == f"host-{heard.id}" and answer["heard"]["producer_pid"] == 17
    assert 3999e6 < answer["heard"]["silent_us"] < 4600e6 and answer["heard"]["recorded_at"]
    table = told.table("stuck", expect=1)
    assert "  closed  " in table and "  heard of  " in table


def test_the_commands_shown_close_the_tasks_whatever_their_names_are(told):  # noqa: F811
    producer = Producer(told.pb)
    told.apply([
        producer.status(name, "RUNNING", attempt=number + 1, occurred_at_us=ago(4000), step=name, queue="q", task_name="n")
        for number, name in enumerate(HOSTILE)
    ])
    shown = {task["task_id"]: task["close_command"] for task in told.ask("stuck", expect=1)["tasks"]}
    assert sorted(shown) == sorted(HOSTILE)
    table = told.table("stuck", expect=1)
    assert "\x1b" not in table and "\u202e" not in table
    assert all(f"    close it  {command}\n" in table for command in shown.values())

    folder = told.programs.scratch / "shell"
    folder.mkdir()
    environment = {**told.programs.environment, "PATH": f"{told.programs.build.folder / 'bin'}:/usr/bin:/bin"}
    consumer = told.programs.start(CONSUMER, "run")
    script = "\n".join(shown.values())
    subprocess.run(["bash", "-euc", script], env=environment, cwd=folder, check=True, timeout=60, capture_output=True)
    wait_until(told.stream.is_settled, 30, "everything settled")
    assert consumer.term() == 0

    assert told.ask("stuck")["tasks"] == [] and list(folder.iterdir()) == []
    for number, name in enumerate(HOSTILE):
        task = told.ask("state", "--", name)["task"]
        assert (task["status"], task["attempt"], task["step"], task["queue"]) == ("FAILURE", number + 1, name, "q")
        assert task["error_type"] == "Stuck" and task["error_message"].startswith("no sign of life since 20")


def test_stream_and_shards_that_are_not_the_usual_ones_are_in_the_command(told):  # noqa: F811
    told.apply([Producer(told.pb).status("t", "RUNNING", occurred_at_us=ago(4000))])
    task = told.ask("stuck", "--stream", "my stream", "--shards", "4", expect=1)["tasks"][0]
    assert " --stream 'my stream' --shards 4 -- t FAILURE" in task["close_command"]


def test_consumers_that_are_behind_are_said_so(told):  # noqa: F811
    producer = Producer(told.pb)
    told.apply([producer.status("t", "RUNNING", occurred_at_us=ago(4000))])
    assert told.programs.run(REPLAY, "stuck", expect=1).stderr == ""
    told.stream.send(producer.status("t", "SUCCESS"))
    assert "not archived yet" in told.programs.run(REPLAY, "stuck", expect=1).stderr
    no_redis = {key: value for key, value in told.programs.environment.items() if key != "REDIS_URL"}
    told.programs.environment = no_redis
    assert "REDIS_URL is not set" in told.programs.run(REPLAY, "stuck", expect=1).stderr


def test_a_stream_that_cannot_be_reached_leaves_the_answer_incomplete(told):  # noqa: F811
    producer = Producer(told.pb)
    told.apply([producer.status("t", "RUNNING", occurred_at_us=ago(4000))])
    told.redis.kill()
    for older, code in [("1h", 1), ("2h", 4)]:
        result = told.programs.run(REPLAY, "stuck", "--older", older, expect=code)
        assert "the stream was not looked at" in result.stderr


def test_the_view_shows_the_same_also_when_the_table_was_replaced(told):  # noqa: F811
    producer = Producer(told.pb)
    told.apply([producer.status("t", "RUNNING", occurred_at_us=ago(4000)), producer.status("u", "RUNNING")])
    told.postgres.rows("DO $$BEGIN CREATE ROLE auditor LOGIN; GRANT taskledger_reader TO auditor; END$$; SELECT 1")
    with closing(told.postgres.connect(user="auditor")) as reader, reader.cursor() as cursor:
        query = "SELECT task_id, status, attempt, producer_id FROM taskledger.stuck_task"
        cursor.execute(query)
        assert cursor.fetchall() == [("t", "RUNNING", 1, str(producer.id))]
        told.postgres.rows(
            "BEGIN; CREATE TABLE taskledger.task_new (LIKE taskledger.task INCLUDING ALL);"
            " INSERT INTO taskledger.task_new SELECT * FROM taskledger.task WHERE task_id = 'u';"
            " GRANT SELECT ON taskledger.task_new TO taskledger_reader;"
            " ALTER TABLE taskledger.task RENAME TO task_old; ALTER TABLE taskledger.task_new RENAME TO task;"
            " DROP TABLE taskledger.task_old; COMMIT; SELECT 1"
        )
        cursor.execute(query)
        assert cursor.fetchall() == []


def test_a_ledger_that_was_rebuilt_tells_the_same(told):  # noqa: F811
    producer = Producer(told.pb)
    told.apply([producer.status("t", "RUNNING", occurred_at_us=ago(4000), parent_task_id="p")])
    before = told.ask("stuck", expect=1)["tasks"]
    told.programs.run(REPLAY, "rebuild", "--execute", deadline_s=120)
    after = told.ask("stuck", expect=1)["tasks"]
    for task in before + after:
        task.pop("silent_us")
    assert after == before
    assert told.postgres.rows("SELECT task_id FROM taskledger.stuck_task") == [("t",)]
    indexed = "SELECT count(*) FROM pg_indexes WHERE tablename = 'task' AND indexdef LIKE '%%(parent_task_id, %%'"
    assert told.postgres.rows(indexed, []) == [(1,)]
