"""deploy/examples do what they say: each history is right, and the audit is clean."""

import pytest
from support.examples import examples, pkg_config, prefix, steps  # noqa: F401
from support.waiting import wait_until

PYTHON = "/usr/bin/python3"


# ---- C ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def worker(examples, prefix):  # noqa: F811
    """deploy/examples/c/worker.c, built by the command that it names."""
    examples.copy("c")
    flags = "$(pkg-config --cflags --libs taskledger)"
    strict = "-Wall -Wextra -Wpedantic -Werror -std=c99"
    examples.run("sh", "-c", f"cc {strict} worker.c {flags} -o worker", **pkg_config(prefix))
    return "./worker"


def test_the_c_worker_counts_and_tells_it(examples, worker):  # noqa: F811
    examples.file("three", "1\n2\n3\n")
    assert examples.run(worker, "three") == "3 three\n"

    history = examples.history("count:three")
    assert steps(history) == [
        ("RUNNING", None),
        ("RUNNING", "open"),
        ("RUNNING", "count"),
        ("SUCCESS", "completed"),
    ]
    assert history[-1]["data"] == {"lines": 3}
    assert {event["attempt"] for event in history} != {1}, "the attempt is the claim's"


def test_the_c_worker_tells_a_failure_and_tries_again_under_a_greater_attempt(examples, worker):  # noqa: F811
    examples.run(worker, "late", expect=1)
    examples.file("late", "here\n")
    examples.run(worker, "late")

    history = examples.history("count:late")
    assert [event["status"] for event in history] == ["RUNNING", "RUNNING", "FAILURE", *["RUNNING"] * 3, "SUCCESS"]
    assert history[2]["error_message"] == "No such file or directory"
    assert history[0]["attempt"] < history[-1]["attempt"]


def test_the_c_worker_leaves_alone_what_somebody_else_is_at(examples, worker):  # noqa: F811
    examples.file("three", "1\n2\n3\n")
    script = "import sys, subprocess, taskledger\n"
    script += "with taskledger.producer().claim('count:three', holder='the other one'):\n"
    script += "    sys.exit(subprocess.call(sys.argv[1:]))"
    said = examples.run(PYTHON, "-c", script, worker, "three", expect=3)
    assert said == "worker: the other one is already at it\n"


def test_the_c_worker_says_what_is_wrong(examples, worker):  # noqa: F811
    assert examples.run(worker, expect=2) == "usage: worker FILE\n"
    assert "TASKLEDGER_SHARDS" in examples.run(worker, "three", expect=2, TASKLEDGER_SHARDS="many")
    examples.redis.stop()
    assert "worker: " in examples.run(worker, "three", expect=3)
    examples.redis.start()


def test_the_c_worker_builds_by_cmake(examples, prefix):  # noqa: F811
    examples.copy("c")
    examples.run("cmake", "-B", "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    examples.run("cmake", "--build", "build")
    assert examples.run("build/worker", expect=2) == "usage: worker FILE\n"


# ---- Python ----------------------------------------------------------------------------------------------------------


def test_the_script_tells_each_step_and_which_part_failed(examples):  # noqa: F811
    examples.copy("python/script.py")
    examples.file("a.csv", "1,2\n" * 100)
    examples.run(PYTHON, "script.py", "archive-1", "a.csv", "missing.csv")

    history = examples.history("archive-1")
    assert (examples.folder / "a.csv.gz").exists()
    assert steps(history[:3]) == [
        ("RUNNING", None),
        ("RUNNING", "a.csv"),
        ("RUNNING", "a.csv"),
    ]
    assert history[2]["message"] == "a.csv.gz is written"
    assert (history[-1]["status"], history[-1]["step"]) == ("PARTIAL_FAILURE", "missing.csv")
    assert history[-1]["data"]["files"] == 2


def test_the_script_tells_an_exception_with_its_traceback(examples):  # noqa: F811
    examples.copy("python/script.py")
    (examples.folder / "folder").mkdir()
    assert "IsADirectoryError" in examples.run(PYTHON, "script.py", "archive-2", "folder", expect=1)

    end = examples.history("archive-2")[-1]
    assert (end["status"], end["error_type"]) == ("FAILURE", "IsADirectoryError")
    assert "in compress" in end["error_traceback"]


def test_the_asyncio_worker_reads_each_file_under_a_claim(examples):  # noqa: F811
    examples.copy("python/asyncio_worker.py")
    names = [examples.file(f"{number}.csv", f"{number}\n") for number in range(5)]
    assert "No such file" in examples.run(PYTHON, "asyncio_worker.py", *names, "missing.csv")

    for name in names:
        history = examples.history(f"checksum:{name}")
        assert steps(history) == [
            ("RUNNING", None),
            ("RUNNING", "read"),
            ("SUCCESS", "completed"),
        ]
        assert len(history[-1]["data"]["sha256"]) == 64
    assert examples.history("checksum:missing.csv")[-1]["error_type"] == "FileNotFoundError"


def test_the_asyncio_worker_leaves_alone_what_somebody_else_is_at(examples):  # noqa: F811
    examples.copy("python/asyncio_worker.py")
    examples.file("a.csv", "1\n")
    script = "import sys, subprocess, taskledger\n"
    script += "with taskledger.producer().claim('checksum:a.csv', holder='the other one'):\n"
    script += "    sys.exit(subprocess.call([sys.executable, 'asyncio_worker.py', 'a.csv']))"
    assert examples.run(PYTHON, "-c", script) == "a.csv: left to the other one\n"


def test_the_asyncio_worker_begins_nothing_while_nobody_can_tell_whether_it_may(examples):  # noqa: F811
    examples.copy("python/asyncio_worker.py")
    examples.file("a.csv", "1\n")
    examples.redis.stop()
    said = examples.run(PYTHON, "asyncio_worker.py", "a.csv")
    examples.redis.start()
    assert said.startswith("a.csv: not begun")


# ---- Celery ----------------------------------------------------------------------------------------------------------


def test_the_celery_application_tells_of_its_tasks_and_their_children(examples):  # noqa: F811
    examples.copy("python/celery_app.py")
    examples.file("three", "1\n2\n3\n")
    examples.environment["CELERY_BROKER_URL"] = f"redis+socket://{examples.redis.socket}"
    worker = [PYTHON, "-m", "celery", "-A", "celery_app", "worker", "--concurrency", "1", "--loglevel", "INFO"]
    with examples.running(*worker):
        task_id = examples.run(PYTHON, "celery_app.py", "three", "missing").split()[-1]
        assert examples.ended(task_id)["status"] == "SUCCESS"
        wait_until(lambda: len(examples.children(task_id)) == 2, 60, "both children are known")
        ends = {row["error_type"] or row["status"]: row for row in map(examples.ended, examples.children(task_id))}

    assert set(ends) == {"SUCCESS", "FileNotFoundError"} and ends["SUCCESS"]["data"]["result"] == 3
    assert [event["status"] for event in examples.history(ends["FileNotFoundError"]["task_id"])] == [
        *("PENDING", "QUEUED", "RUNNING", "RETRY"),
        *("QUEUED", "RUNNING", "FAILURE"),
    ]


# ---- RQ --------------------------------------------------------------------------------------------------------------


def test_the_jobs_of_rq_tell_of_themselves(examples):  # noqa: F811
    examples.copy("python/rq_jobs.py")
    examples.file("three", "1\n2\n3\n")
    examples.environment["RQ_REDIS_URL"] = examples.redis.url
    with examples.running("/usr/bin/rq", "worker", "--worker-class", "taskledger.rq.Worker", "files"):
        good, bad = examples.run(PYTHON, "rq_jobs.py", "three", "missing").split()
        assert examples.ended(good)["data"] == {"result": 3}
        assert examples.ended(bad)["error_type"] == "FileNotFoundError"

    assert [event["status"] for event in examples.history(good)] == ["QUEUED", "RUNNING", "RUNNING", "SUCCESS"]
    assert [event["status"] for event in examples.history(bad)] == [
        *("QUEUED", "RUNNING", "RUNNING", "RETRY"),
        *("QUEUED", "RUNNING", "RUNNING", "FAILURE"),
    ]


# ---- shell -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def backup(examples):  # noqa: F811
    """The script, a folder to pack, and the task's id of today, which may become another one at midnight."""
    examples.copy("shell/backup.sh")
    (examples.folder / "reports").mkdir()
    examples.file("reports/a.csv", "1,2\n")
    return examples


def backups(examples):  # noqa: F811
    query = "SELECT task_id FROM taskledger.task WHERE task_name = 'backup' ORDER BY task_id"
    examples.settle()
    return [task_id for (task_id,) in examples.postgres.rows(query)]


def test_the_cron_job_tells_its_steps(backup):
    backup.run("./backup.sh", "reports", "reports.tar.gz")

    assert "a.csv" in backup.run("tar", "-tzf", "reports.tar.gz")
    history = backup.history(backups(backup)[0])
    assert steps(history) == [
        ("RUNNING", None),
        ("RUNNING", "pack"),
        ("RUNNING", "check"),
        ("SUCCESS", None),
    ]


def test_the_cron_job_is_tried_three_times_and_tells_why_it_failed(backup):
    said = backup.run("./backup.sh", "missing", "reports.tar.gz", expect=2, RETRY_DELAY="10ms")

    assert said.count("missing: Cannot open: No such file or directory") == 3
    history = backup.history(backups(backup)[0])
    assert [event["status"] for event in history if event["status"] != "RUNNING"] == ["RETRY", "RETRY", "FAILURE"]
    assert (history[-1]["step"], history[-1]["error_message"]) == ("pack", "exit status 2")


def test_the_cron_job_is_done_by_whoever_comes_first(backup):
    backup.run("./backup.sh", "reports", "first.tar.gz")
    assert backup.run("./backup.sh", "reports", "second.tar.gz") == ""

    assert (backup.folder / "first.tar.gz").exists() and not (backup.folder / "second.tar.gz").exists()
    (task_id,) = backups(backup)
    assert len({event["attempt"] for event in backup.history(task_id)}) == 1


def test_the_cron_job_is_not_begun_while_nobody_can_tell_who_came_first(backup):
    backup.redis.stop()
    backup.run("./backup.sh", "reports", "reports.tar.gz", expect=125)
    backup.redis.start()

    assert not (backup.folder / "reports.tar.gz").exists()
    backup.run("taskledger-emit", "sweep")
