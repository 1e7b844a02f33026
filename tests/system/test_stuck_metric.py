"""The consumer that holds the watermark counts tasks without a sign of life, a few pages of the table at a time."""

import pytest
from support.http import answers, metrics
from support.told import CONSUMER, told  # noqa: F401
from support.waiting import wait_until

NAME, SEEN = "taskledger_stuck_tasks", "taskledger_stuck_tasks_timestamp_seconds"
PAGES = 256  # that are looked at in one go


def value(consumer, name=NAME):
    """None as long as it is not told."""
    return metrics(consumer.listen).get(name) if answers(consumer.listen, "/metrics", 200) else None


def fill(postgres, table, count, stuck_every):
    """So many rows; every so many-th is stuck."""
    postgres.rows(
        f"INSERT INTO taskledger.{table}"
        " (task_id, status, attempt, first_at, occurred_at, producer_id, sequence, event_count, message)"
        " SELECT 't-' || n, (CASE WHEN n %% 2 = 0 THEN 'RUNNING' ELSE 'RETRY' END)::taskledger.task_status, 1, now(),"
        "  now() - CASE WHEN n %% %s = 0 THEN interval '301 seconds' ELSE interval '10 seconds' END,"
        "  gen_random_uuid(), 1, 1, repeat('x', 200) FROM generate_series(1, %s) AS n RETURNING NULL",
        [stuck_every, count],
    )


@pytest.fixture
def counting(told):  # noqa: F811
    consumer = told.programs.start(CONSUMER, "run")
    wait_until(lambda: value(consumer) is not None, 60, "a first round")
    return told, consumer


def test_all_pages_are_counted_without_a_scan_of_the_whole(told):  # noqa: F811
    fill(told.postgres, "task", 30000, 100)
    told.postgres.rows(
        "INSERT INTO taskledger.task SELECT task_id || '-done', 'SUCCESS', attempt, step, progress, message, worker, queue,"
        " task_name, parent_task_id, error_type, error_message, data, first_at, queued_at, started_at, finished_at,"
        " occurred_at, producer_id, sequence, event_count, updated_at FROM taskledger.task LIMIT 1000 RETURNING NULL"
    )
    pages = told.postgres.rows("SELECT pg_relation_size('taskledger.task') / 8192")[0][0]
    assert pages > 3 * PAGES
    scans = "SELECT pg_stat_force_next_flush(), seq_scan FROM pg_stat_user_tables WHERE relid = 'taskledger.task'::regclass"
    before = told.postgres.rows(scans)[0][1]
    consumer = told.programs.start(CONSUMER, "run")
    wait_until(lambda: value(consumer) == 300, 60, "300 stuck tasks are told")
    seen = metrics(consumer.listen)[SEEN]
    now = told.postgres.rows("SELECT extract(epoch FROM now())::float8")[0][0]
    assert now - 60 < seen <= now
    assert consumer.term() == 0
    assert told.postgres.rows(scans)[0][1] == before


def test_what_changes_is_told_by_the_next_round_also_in_another_table(counting):
    told, consumer = counting  # noqa: F811
    assert value(consumer) == 0
    told.postgres.rows("CREATE TABLE taskledger.task_new (LIKE taskledger.task INCLUDING ALL); SELECT 1")
    fill(told.postgres, "task_new", 8000, 1000)
    told.postgres.rows(
        "BEGIN; ALTER TABLE taskledger.task RENAME TO task_old; ALTER TABLE taskledger.task_new RENAME TO task;"
        " DROP TABLE taskledger.task_old; COMMIT; SELECT 1"
    )
    wait_until(lambda: value(consumer) == 8, 60, "8 stuck tasks of the new table are told")
    told.postgres.rows("UPDATE taskledger.task SET occurred_at = now() WHERE task_id = 't-1000' RETURNING 1")
    wait_until(lambda: value(consumer) == 7, 60, "7 are left")


def test_only_the_holder_of_the_watermark_tells(counting):
    told, consumer = counting  # noqa: F811
    other = told.programs.start(CONSUMER, "run")
    wait_until(lambda: value(other, "taskledger_consumer_ready") == 1, 30, "the other one is ready")
    assert metrics(other.listen)["taskledger_consumer_watermark_held"] == 0 and NAME not in metrics(other.listen)
    consumer.kill9()
    wait_until(lambda: value(other) == 0, 60, "the other one counts now")
