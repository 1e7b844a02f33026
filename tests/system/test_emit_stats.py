"""taskledger-emit stats: what producers do, read from outside, whatever lies in their folders."""

import json
import os

import pytest
from support.waiting import wait_until
from support.worker import Worker


@pytest.fixture
def spool(programs, scratch):
    folder = scratch / "spool"
    programs.environment["TASKLEDGER_SPOOL_DIR"] = str(folder)
    return folder


@pytest.fixture
def worker(build, scratch, redis, spool):
    """One whose Redis is away."""
    with redis.proxy() as proxy:
        proxy.refuse()
        environment = {"TASKLEDGER_SPOOL_DIR": str(spool), "TASKLEDGER_WORKER": "shop \x1b[31m"}
        worker = Worker(build, scratch, proxy, env=environment, spool="always")
        worker.proxy = proxy
        yield worker
        worker.kill()


def stats(programs):
    return json.loads(programs.run("taskledger-emit", "stats", "--format", "json").stdout)


def table(programs):
    return programs.run("taskledger-emit", "stats").stdout


def wait_for(programs, condition, what):
    return wait_until(lambda: (now := stats(programs)) and condition(now) and now, 60, what)


def test_of_nothing(programs, spool):
    assert table(programs) == (
        f"0 producers, 0 alive; 0 bytes, 0 damaged segments, 0 events left behind as there is no folder {spool}\n"
    )
    spool.mkdir()
    assert table(programs).endswith(f"0 events left behind in {spool}\n")
    assert stats(programs)["producers"] == []


def test_the_living_tell_their_counters(programs, spool, worker):
    worker.emit(100)

    def tells_all(now):
        producers = now["producers"]
        return producers and producers[0].get("last_error") and producers[0].get("spooled") == 101

    now = wait_for(programs, tells_all, "it tells")
    (producer,) = now["producers"]
    assert producer["alive"] and producer["pid"] > 0 and producer["worker"] == "shop \\x1b[31m"
    assert (producer["accepted"], producer["sent"], producer["spooled"]) == (101, 0, 101)
    assert producer["bytes"] > 100 and producer["damaged"] == 0
    assert now["total"]["alive"] == 1
    shown = table(programs)
    assert "alive" in shown and "accepted 101" in shown and "\x1b" not in shown

    worker.proxy.heal()
    assert worker.flush() == 0
    wait_for(programs, lambda now: now["total"]["sent"] == 101, "it tells that, too")


def test_after_an_outage_the_living_go_on_telling(programs, redis, spool, build, scratch):
    with redis.proxy() as proxy:
        proxy.refuse()
        environment = {"TASKLEDGER_SPOOL_DIR": str(spool)}
        worker = Worker(build, scratch, proxy, env=environment, spool="overflow")
        worker.emit(100)
        wait_for(programs, lambda now: now["total"].get("spooled"), "it spools")
        proxy.heal()
        sent = 101
        for _ in range(3):
            assert worker.flush() == 0
            wait_for(programs, lambda now, sent=sent: now["total"]["sent"] == sent, f"it tells of {sent}")
            worker.emit(10)
            sent += 10
        worker.kill()


def test_the_oldest_has_an_age(programs, spool, worker):
    worker.emit(1)
    now = wait_for(programs, lambda now: now["producers"] and now["producers"][0]["oldest_age_seconds"] > 0, "it ages")
    assert now["producers"][0]["oldest_age_seconds"] < 90


def test_the_gone_are_told_apart_and_what_they_left_is_counted(programs, spool, worker):
    worker.emit(100)
    wait_for(programs, lambda now: now["total"].get("spooled") == 101, "it tells")
    worker.kill()
    now = stats(programs)
    assert not now["producers"][0]["alive"] and now["producers"][0]["left_behind"] == 101
    assert now["total"]["alive"] == 0 and now["total"]["left_behind"] == 101
    assert "gone" in table(programs) and "101 events left behind" in table(programs)


def test_the_last_word_is_of_the_end(programs, redis, spool):
    """Told once a second, this would still be of a moment when nothing was sent."""
    programs.use(redis)
    programs.run("taskledger-emit", "status", "t", "RUNNING", "--spool", "always", "--timeout", "3s")
    (producer,) = stats(programs)["producers"]
    assert producer["sent"] == producer["accepted"] == 3 and producer["queued"] == 0
    shown = table(programs)
    assert "1 producer, 0 alive" in shown and "in 1 segment," in shown and f"in {spool}\n" in shown
    assert f"  pid {producer['pid']}" not in shown and f":{producer['pid']}" in shown


def test_whatever_lies_there_is_survived(programs, spool, worker):
    worker.emit(10)
    wait_for(programs, lambda now: now["total"].get("spooled") == 11, "it tells")
    worker.kill()
    (folder,) = [each for each in spool.iterdir() if not each.name.startswith(".")]
    (segment,) = folder.glob("*.segment")
    segment.rename(folder / segment.name.replace(".segment", ".damaged"))
    (folder / "stats").write_bytes(b"taskledger stats 1\n" + os.urandom(5000))
    (folder / "00000000000000000777.segment").write_bytes(os.urandom(5000))
    (folder / "00000000000000000778.segment").symlink_to("/dev/zero")
    os.mkfifo(folder / "00000000000000000779.segment")
    other = "0193aa00-0000-7000-8000-0000000000"
    (spool / f"{other}01").mkdir()
    os.mkfifo(spool / f"{other}01/stats")
    os.mkfifo(spool / f"{other}01/lock")
    (spool / f"{other}02").write_text("")
    (spool / "notes.txt").write_text("")
    (spool / f"{other}03").mkdir()
    (spool / f"{other}03/stats").mkdir()
    now = stats(programs)
    assert now["total"]["damaged"] == 1 and now["total"]["left_behind"] == 0
    assert "\x1b" not in table(programs)


def test_a_folder_that_cannot_be_read_is_told(programs, scratch):
    (scratch / "file").write_text("")
    result = programs.run("taskledger-emit", "stats", "--spool-dir", scratch / "file", expect=4)
    assert "could not list" in result.stderr
