"""history --follow shows each event once, as it comes, until the task has ended."""

import json
import signal
import subprocess

import pytest
from support.events import Producer
from support.told import CONSUMER, REPLAY, told  # noqa: F401
from support.waiting import wait_until


class Following:
    """history --follow --format jsonl, as it writes."""

    def __init__(self, told, task, *flags):  # noqa: F811
        self.told, self.path = told, told.programs.scratch / f"{task}.jsonl"
        with open(self.path, "w") as out:
            self.program = told.programs.start(REPLAY, "history", task, "--follow", "--format", "jsonl", *flags, stdout=out)

    def lines(self):
        whole, _, _ = self.path.read_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def events(self):
        return [(line["producer_id"], line["sequence"]) for line in self.lines() if line["type"] == "event"]

    def wait_for(self, *events):
        wanted = [(str(said.producer_id), said.sequence) for said in events]
        wait_until(lambda: self.events() == wanted, 30, f"{wanted} are shown, not {self.events()}")


@pytest.fixture
def consumer(told):  # noqa: F811
    consumer = told.programs.start(CONSUMER, "run")
    wait_until(lambda: told.postgres.rows("SELECT to_regclass('taskledger.task')") != [(None,)], 30, "a ledger")
    yield consumer
    assert consumer.term() == 0


def test_events_are_shown_as_they_come_until_the_end(told, consumer):  # noqa: F811
    first, second = Producer(told.pb), Producer(told.pb)
    queued = first.status("t", "QUEUED")
    told.stream.send(queued)
    wait_until(told.stream.is_settled, 30, "settled")
    following = Following(told, "t")
    following.wait_for(queued)
    running = second.status("t", "RUNNING", step="load")
    told.stream.send(running, second.status("other", "RUNNING"))
    following.wait_for(queued, running)
    assert following.program.is_running()
    done = second.status("t", "SUCCESS")
    told.stream.send(done)
    assert following.program.wait() == 0
    following.wait_for(queued, running, done)
    kinds = [line["type"] for line in following.lines()]
    assert kinds == ["event"] * 3 + ["task", "attempt", "total"]
    task = following.lines()[3]
    assert (task["status"], task["event_count"]) == ("SUCCESS", 3) and following.lines()[-1]["events"] == 3


def test_a_task_that_is_not_there_yet_is_waited_for(told, consumer):  # noqa: F811
    following = Following(told, "t")
    following.program.wait_for_log('there is no task "t" yet')
    failure = Producer(told.pb).status("t", "FAILURE")
    told.stream.send(failure)
    assert following.program.wait() == 0
    following.wait_for(failure)


def test_what_is_in_the_stream_is_shown_at_once_and_not_again_when_it_is_archived(told):  # noqa: F811
    producer = Producer(told.pb)
    running = producer.status("t", "RUNNING")
    told.stream.send(running)
    following = Following(told, "t")
    following.wait_for(running)
    assert following.lines()[0]["archived"] is False
    told.apply([])  # a consumer comes and archives it
    success = producer.status("t", "SUCCESS")
    told.stream.send(success)
    following.wait_for(running, success)
    assert following.program.is_running()  # it is not archived: not settled
    told.apply([])
    assert following.program.wait() == 0
    following.wait_for(running, success)


def test_a_postgresql_that_restarts_is_waited_for(told):  # noqa: F811
    producer = Producer(told.pb)
    running = producer.status("t", "RUNNING")
    told.apply([running])
    following = Following(told, "t")
    following.wait_for(running)
    told.postgres.kill()
    following.program.wait_for_log("; waiting")
    told.postgres.start()
    success = producer.status("t", "SUCCESS")
    told.apply([success])
    assert following.program.wait() == 0
    following.wait_for(running, success)
    assert following.program.stderr().count("; waiting") == 1


def test_late_events_and_a_task_that_is_run_again_are_followed(told, consumer):  # noqa: F811
    producer = Producer(told.pb)
    success = producer.status("t", "SUCCESS")
    told.stream.send(success)
    following = Following(told, "t")
    following.wait_for(success)
    again = producer.status("t", "RUNNING", attempt=2)
    late = producer.status("t", "RUNNING", attempt=1)
    told.stream.send(again, late)
    following.wait_for(success, again, late)
    end = producer.status("t", "SUCCESS", attempt=2)
    told.stream.send(end)
    assert following.program.wait() == 0
    marks = [line["mark"] for line in following.lines() if line["type"] == "event"]
    assert marks == [None, None, "superseded", None]


def test_a_redis_that_is_away_is_said_once_and_the_ledger_is_followed(told):  # noqa: F811
    producer = Producer(told.pb)
    running, success = producer.status("t", "RUNNING"), producer.status("t", "SUCCESS")
    told.apply([running])
    told.redis.kill()
    following = Following(told, "t")
    following.wait_for(running)
    told.redis.start()
    told.apply([success])
    assert following.program.wait() == 0
    following.wait_for(running, success)
    assert following.program.stderr().count("the stream was not looked at") == 1


def test_an_interrupt_ends_it(told):  # noqa: F811
    following = Following(told, "t")
    following.program.wait_for_log("yet")
    following.program.process.send_signal(signal.SIGINT)
    assert following.program.wait() == 130


def test_raw_may_be_followed_and_a_table_too(told, consumer):  # noqa: F811
    producer = Producer(told.pb)
    told.stream.send(producer.status("t", "RUNNING"))
    following = Following(told, "t", "--raw")
    wait_until(lambda: following.events(), 30, "an event")
    environment = told.programs.environment
    command = [told.programs.build.bin(REPLAY), "history", "t", "--follow"]
    table = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert "RUNNING" in table.stdout.readline() + table.stdout.readline()  # before it has ended
    told.stream.send(producer.status("t", "CANCELLED"))
    assert following.program.wait() == 0 and table.wait(30) == 0
    assert "CANCELLED" in table.stdout.read()
    assert all(line["payload"] for line in following.lines() if line["type"] == "event")
