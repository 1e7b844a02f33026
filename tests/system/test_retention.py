"""deploy/retention: what is old enough is sealed and exported, and only then pruned; a run with nothing to do does nothing."""

import os
import subprocess
import time

import pytest
from conftest import ROOT
from test_replay_prune import DAY_MS, OLD_MS, born, ledger, past, said, with_a_past  # noqa: F401
from test_replay_seal import key  # noqa: F401

REPLAY = "taskledger-replay"
RETENTION = ROOT / "deploy/retention"


@pytest.fixture
def retention(programs, build, scratch):
    """retention(expect=…, NAME=value…): what it said; the archive is retention.archive."""
    archive = scratch / "the archive"
    archive.mkdir()

    def run(expect=0, **environment):
        settings = {"TASKLEDGER_ARCHIVE_DIR": str(archive), "TASKLEDGER_KEEP": "100d", **environment}
        path = f"{build.folder / 'bin'}:{os.environ['PATH']}"
        result = subprocess.run(
            [RETENTION],
            env={**programs.environment, **settings, "PATH": path},
            cwd=scratch,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert result.returncode == expect, result.stdout + result.stderr
        return result.stdout + result.stderr

    run.archive = archive
    return run


def kept(retention):
    return sorted(path.name.partition(".")[2] for path in retention.archive.iterdir())


def test_what_is_old_enough_is_kept_elsewhere_and_goes_and_no_task_changes(ledger, retention):  # noqa: F811
    with_a_past(ledger)
    tasks, events = ledger.tasks(), ledger.count("task_event")

    assert '"state":"pruned"' in retention()
    assert kept(retention) == ["pb", "pb.manifest.json", "seal"]
    assert ledger.count("task_event") < events and ledger.tasks() == tasks

    retention()
    assert kept(retention) == ["pb", "pb.manifest.json", "seal"]


def test_nothing_is_made_when_nothing_is_old_enough(ledger, retention):  # noqa: F811
    with_a_past(ledger)
    retention(TASKLEDGER_KEEP="365d")
    assert kept(retention) == []


def test_without_an_archive_nothing_is_pruned(ledger, retention):  # noqa: F811
    with_a_past(ledger)
    events = ledger.count("task_event")
    assert "TASKLEDGER_ARCHIVE_DIR is missing" in retention(expect=2, TASKLEDGER_ARCHIVE_DIR="")
    assert "there is no folder" in retention(expect=2, TASKLEDGER_ARCHIVE_DIR="/nowhere")
    assert ledger.count("task_event") == events


def test_seals_are_signed_when_there_is_a_key_and_older_ones_hold_after_the_prune(ledger, retention, key, scratch):  # noqa: F811
    private, public = key
    older, present = past(ledger.pb, OLD_MS - 40 * DAY_MS), past(ledger.pb, seed=2)
    ledger.migrate([OLD_MS - 40 * DAY_MS, OLD_MS]).fill(said(older), said(present))
    ledger.programs.run(REPLAY, "seal", "--key", private, retention.archive / "2000-01-01T00-00-00Z.seal")
    retention(TASKLEDGER_SEAL_KEY=str(private))

    seals = sorted(retention.archive.glob("*.seal"))
    assert len(seals) == 2
    for seal in seals:
        ledger.verify("--seal", str(seal), "--public-key", str(public), expect=0)


def test_a_key_that_cannot_be_read_prunes_nothing(ledger, retention):  # noqa: F811
    with_a_past(ledger)
    events = ledger.count("task_event")
    retention(expect=2, TASKLEDGER_SEAL_KEY="/nowhere")
    assert kept(retention) == [] and ledger.count("task_event") == events


def test_what_is_in_the_way_of_a_month_is_told_and_nothing_is_made(ledger, retention):  # noqa: F811
    producer = born(ledger.pb)
    producer.opened()
    producer.say(task_status=ledger.pb.TaskStatus(task_id="t"))
    producer.closed()
    ledger.migrate().fill(producer.said)
    assert "1 set aside and not resolved" in retention(expect=1)
    assert kept(retention) == []

    ledger.programs.run(REPLAY, "rejected", "discard", "1", "--reason", "old")
    retention()
    assert ledger.count("task_event") == 0


def test_a_month_that_is_too_young_only_waits(ledger, retention):  # noqa: F811
    young = born(ledger.pb)
    young.opened()
    young.status("t", "SUCCESS", occurred_at_us=time.time_ns() // 1000)
    young.closed()
    ledger.migrate().fill(young.said)
    assert '"state":"too young"' in retention()
    assert kept(retention) == []


def test_what_was_left_by_a_run_that_was_interrupted_is_in_nobodys_way(ledger, retention):  # noqa: F811
    with_a_past(ledger)
    (retention.archive / "2000-01-01T00-00-00Z.pb").write_bytes(b"")
    ledger.programs.run(REPLAY, "seal", retention.archive / "2000-01-01T00-00-00Z.seal")
    assert '"state":"pruned"' in retention()
