"""The image of deploy/Dockerfile, its steps done again here: what it is built with suffices, what it has suffices to run, as a
user without rights, on a root that cannot be written to."""

import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT
from support.image import Container, closure, exec_form, installed_by, stages, unpack
from support.machine import Machine
from support.processes import free_port, spawn
from support.waiting import wait_until

DOCKERFILE = ROOT / "deploy/Dockerfile"
BUILD_DEADLINE_S = 1200


def context(folder):
    """What docker would be given: what git tracks, less what the .dockerignore leaves out."""
    kept = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    listed = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        if name.split("/")[0] in kept:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)


def copy(source, target):
    """As COPY: a folder's content into the folder, a file to its name or into a folder."""
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    else:
        place = target / source.name if str(target).endswith("/") or target.is_dir() else target
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, place)


def copy_into(machine, context, source, folder):
    """The same into a folder of the machine."""
    machine.run("mkdir", "-p", f"{machine.root}{folder}")
    machine.run("cp", "-a", f"{context / source}/." if (context / source).is_dir() else context / source, f"{machine.root}{folder}")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The first stage, done again: the folder that stands for its root's /image."""
    folder = Path(tmp_path_factory.mktemp("image"))
    (folder / "context").mkdir()
    context(folder / "context")
    shared = folder / "shared"
    shared.mkdir()
    with Machine(shared) as machine:
        for instruction, text in stages(DOCKERFILE)[0].steps:
            if instruction == "RUN":
                machine.do("sh", "-ec", text, deadline_s=BUILD_DEADLINE_S)
            else:
                assert instruction == "COPY"
                copy_into(machine, folder / "context", *text.split())
        machine.run("cp", "-a", f"{machine.root}/image", folder / "out")
    return folder


@pytest.fixture(scope="module")
def root(built):
    """The last stage, done again."""
    stage = stages(DOCKERFILE)[-1]
    root = built / "root"
    root.mkdir()
    unpack(closure([name for run in stage.all("RUN") for name in installed_by(run)]), root)
    for text in stage.all("COPY"):
        *options, source, target = text.split()
        place = built / "out" / source[len("/image/") :] if options else built / "context" / source
        copy(place, root / target.lstrip("/"))
    return root


@pytest.fixture
def container(root, scratch):
    stage = stages(DOCKERFILE)[-1]
    (user,) = stage.all("USER")
    environment = dict(text.split("=", 1) for text in stage.all("ENV"))
    environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    with Container(root, scratch, tuple(map(int, user.split(":"))), environment) as container:
        yield container


def test_it_has_all_programs_and_all_that_they_need(container):
    for program in ("taskledger-consumer", "taskledger-emit", "taskledger-monitor", "taskledger-replay"):
        assert container.do(program, "--version").startswith(program)
    assert "seal" in container.do("cat", "/usr/lib/taskledger/retention")


def test_it_runs_without_a_right_and_cannot_be_written_to(container):
    assert container.do("id", "-u") == "10001\n"
    container.do("touch", "/usr/bin/mine", expect=1)
    container.do("touch", "/tmp/mine", expect=1)
    container.do("touch", "/var/lib/taskledger/mine")


def test_what_it_does_without_being_told_is_to_consume_and_its_health_can_be_asked(container, redis, postgres, scratch):
    stage = stages(DOCKERFILE)[-1]
    listen = {"TASKLEDGER_LISTEN": f":{free_port()}"}
    subprocess.run(["chmod", "777", redis.socket], check=True)
    servers = {**redis.environment, **postgres.environment, **listen}
    words = exec_form(stage.all("CMD")[0])
    health = exec_form(stage.all("HEALTHCHECK")[0])
    process = spawn(container.command(*words, **servers), scratch / "consumer.log")
    wait_until(lambda: b'"event":"ready"' in (scratch / "consumer.log").read_bytes(), 30, "the consumer is ready")
    container.do(*health, **listen)
    container.do("taskledger-consumer", "health", **listen)
    container.do("taskledger-emit", "run", "--task-id", "boxed", "--", "true", **servers)
    wait_until(lambda: postgres.rows("SELECT 1 FROM taskledger.task WHERE task_id = 'boxed'"), 30, "the task is there")
    assert stage.all("STOPSIGNAL") == ["SIGTERM"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
