"""The first command a newcomer runs, from a clone and nothing else."""

import os
import subprocess

from conftest import ROOT

DEADLINE_S = 900


def quickstart(scratch, *arguments):
    clone = scratch / "clone"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, clone], check=True)
    environment = {"PATH": os.environ["PATH"], "HOME": str(scratch)}
    return subprocess.run(
        [clone / "deploy/quickstart", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )


def test_it_runs_tasks_survives_a_killed_consumer_and_ends_with_a_clean_audit(scratch):
    result = quickstart(scratch)

    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
    assert "consumer 1 was killed with SIGKILL" in result.stdout
    assert "nightly-index" in result.stdout
    assert "ExitStatus" in result.stdout
    assert "watch it: http://127.0.0.1:" in result.stdout
    assert "clean" in result.stdout.split("== The audit")[1]


def test_a_wrong_argument_says_how_to_use_it(scratch):
    result = quickstart(scratch, "--kep")

    assert result.returncode == 2
    assert "usage: quickstart [--keep]" in result.stderr
