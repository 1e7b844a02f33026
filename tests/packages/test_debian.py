"""The Debian packages: built from this tree, without a word from lintian, installed into a throw-away copy of this
Debian, used there, and taken away without leaving anything behind."""

import re
import subprocess

import pytest
from conftest import ROOT
from support.machine import Machine
from support.processes import free_port
from support.waiting import wait_until

BUILD_DEADLINE_S = 1200
NAMES = ["libtaskledger-dev", "libtaskledger0", "python3-taskledger", "taskledger-consumer",
         "taskledger-monitor", "taskledger-tools"]  # fmt: skip
DAEMONS = ["taskledger-consumer", "taskledger-monitor"]
SETTINGS = [f"/etc/default/{name}" for name in DAEMONS]
ALL_SETTINGS = {*SETTINGS, *(f"/etc/default/taskledger-{name}" for name in ("retention", "stats", "verify"))}
TIMERS = sorted(path.name for path in (ROOT / "deploy/systemd").glob("*.timer"))
PLAIN_TIMERS = [name for name in TIMERS if "@" not in name]
SERVICES = sorted(path.name for path in (ROOT / "deploy/systemd").glob("*.service"))
ENABLED = [*(f"{name}.service" for name in DAEMONS), *PLAIN_TIMERS]
UNITS = [*(f"{name}.service" for name in DAEMONS), *TIMERS, *SERVICES]
NOTED = {f"/var/lib/systemd/deb-systemd-helper-enabled/{name}.dsh-also" for name in ENABLED}

# Debian's images for containers leave manuals out.
EVERYTHING = ["--path-include=/usr/share/*"]

# What dpkg, ldconfig and man-db write about every package, and empty folders of systemd, which its helper takes away.
BOOKS = re.compile(
    r"/var/lib/dpkg/|/var/log/|/var/cache/(ldconfig|man)/|/etc/ld\.so\.cache$|/etc/systemd/system/[^/]+\.target\.wants$"
)

OUTSIDE = """
#include <taskledger/lease.h>
#include <taskledger/producer.h>
#include <stdio.h>

int main(void)
{
    struct taskledger_claim_request request = TASKLEDGER_CLAIM_INIT;

    puts(taskledger_version());
    return request.struct_size == 0 || taskledger_flush(NULL, 0) != 0;
}
"""

OUTSIDE_CMAKE = """
cmake_minimum_required(VERSION 3.25)
project(outside LANGUAGES C)
find_package(taskledger REQUIRED COMPONENTS static)
add_executable(shared program.c)
target_link_libraries(shared PRIVATE taskledger::taskledger)
add_executable(static program.c)
target_link_libraries(static PRIVATE taskledger::static)
"""

PYTHON = """
import sys, taskledger
with taskledger.Producer(sys.argv[1], spool="off") as producer:
    with producer.task("from-python"):
        pass
    assert producer.flush(10) == 0, producer.counters()
print(taskledger.__file__)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the packages of this tree are."""
    folder = tmp_path_factory.mktemp("debs")
    result = subprocess.run(
        [ROOT / "deploy/build-packages", folder],
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "DEB_BUILD_OPTIONS": "noautodbgsym"},
        capture_output=True,
        text=True,
        timeout=BUILD_DEADLINE_S,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def said_by(path, *what):
    """What dpkg-deb tells of a package."""
    return subprocess.run(["dpkg-deb", *what[:1], path, *what[1:]], capture_output=True, check=True, text=True).stdout


@pytest.fixture
def machine(scratch):
    with Machine(scratch) as machine:
        yield machine


def packages(folder):
    """The packages' files by their names."""
    return {path.name.split("_")[0]: path for path in sorted(folder.glob("*.deb"))}


def install(machine, folder):
    """As an operator does, who has the packages in a folder."""
    for path in folder.glob("*.deb"):
        (machine.folder.parent / path.name).write_bytes(path.read_bytes())
    machine.do("dpkg", *EVERYTHING, "--install", *machine.folder.parent.glob("*.deb"))


def project_version():
    return re.search(r"^ *VERSION ([0-9.]+)$", (ROOT / "CMakeLists.txt").read_text(), re.MULTILINE).group(1)


def test_there_are_six_packages_of_the_projects_version(folder):
    assert sorted(packages(folder)) == NAMES
    for path in packages(folder).values():
        assert said_by(path, "--field", "Version").rpartition("-")[0] == project_version()


def test_lintian_has_nothing_to_say(folder):
    (changes,) = folder.glob("*.changes")
    command = ["lintian", "--allow-root", "--fail-on", "error,warning", "--info", changes]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_an_upgrade_restarts_a_service_that_runs_and_removing_it_stops_it(folder):
    for name in DAEMONS:
        package = packages(folder)[name]
        assert "_dh_action=restart" in said_by(package, "--info", "postinst")
        assert "deb-systemd-invoke stop" in said_by(package, "--info", "prerm")
        assert "preinst" not in said_by(package, "--info")


def test_an_upgrade_restarts_timers_and_no_audit_or_prune(folder):
    postinst = said_by(packages(folder)["taskledger-tools"], "--info", "postinst")
    (restarted,) = re.findall(r"deb-systemd-invoke \$_dh_action (.*?) >", postinst)
    assert re.findall(r"'(.*?)'", restarted) == PLAIN_TIMERS


def test_what_is_installed_works_and_none_of_it_starts_by_itself(folder, machine, redis, postgres, scratch):
    install(machine, folder)
    the_road_is_whole(machine, redis, postgres, scratch)
    python_finds_the_library(machine, redis)
    programs_can_be_built(machine, scratch)
    the_manual_is_there(machine)
    what_systemd_may_start_waits_for_its_operator(machine, scratch)


def the_road_is_whole(machine, redis, postgres, scratch):
    """From a shell through Redis and PostgreSQL to who asks, with the installed programs alone."""
    for program in ("taskledger-emit", "taskledger-consumer", "taskledger-replay", "taskledger-monitor"):
        assert machine.do(program, "--version") == f"{program} {project_version()}\n"
    servers = {**redis.environment, **postgres.environment, "TASKLEDGER_LISTEN": f"127.0.0.1:{free_port()}"}
    consumer = machine.start(scratch / "consumer.log", "taskledger-consumer", env=servers)
    machine.do("taskledger-emit", "run", "--task-id", "packed", "--", "true", env=servers)
    wait_until(
        lambda: postgres.value("SELECT to_regclass('taskledger.task') IS NOT NULL")
        and postgres.rows("SELECT 1 FROM taskledger.task WHERE task_id = 'packed' AND status = 'SUCCESS'"),
        60,
        "the task is in the ledger",
    )
    assert "SUCCESS" in machine.do("taskledger-replay", "history", "packed", env=servers)
    assert machine.do("/usr/lib/taskledger/retention", env={**servers, "TASKLEDGER_ARCHIVE_DIR": str(scratch)}) == ""
    consumer.terminate()
    assert consumer.wait(30) == 0


def python_finds_the_library(machine, redis):
    before = redis.client().xlen("taskledger:events")
    found = machine.do("/usr/bin/python3", "-c", PYTHON, redis.url)
    assert found == "/usr/lib/python3/dist-packages/taskledger/__init__.py\n"
    assert redis.client().xlen("taskledger:events") > before


def programs_can_be_built(machine, scratch):
    """By C and C++ compilers with pkg-config, and by CMake, which find what they need where Debian puts it."""
    (scratch / "program.c").write_text(OUTSIDE)
    (scratch / "CMakeLists.txt").write_text(OUTSIDE_CMAKE)
    for compiler in ("gcc", "g++ -x c++"):
        line = f"{compiler} -Wall -Wextra -Werror {scratch}/program.c -o {scratch}/program"
        machine.do("sh", "-c", f"{line} $(pkg-config --cflags --libs taskledger)")
        assert machine.do(scratch / "program") == project_version() + "\n"
    machine.do("cmake", "-S", scratch, "-B", scratch / "outside")
    machine.do("cmake", "--build", scratch / "outside")
    for program in ("shared", "static"):
        assert machine.do(scratch / "outside" / program) == project_version() + "\n"


def the_manual_is_there(machine):
    for page in ("taskledger.7", "taskledger-emit.1", "taskledger-emit-run.1", "taskledger-replay.1"):
        assert machine.do("man", "--where", page).startswith("/usr/share/man/")
    for name in DAEMONS:
        assert machine.do("man", "--where", f"{name}.8").startswith("/usr/share/man/")


def what_systemd_may_start_waits_for_its_operator(machine, scratch):
    for unit in UNITS:
        started = scratch / unit.replace("@.", "@quick.")
        machine.do("cp", f"/lib/systemd/system/{unit}", started)
        machine.do("systemd-analyze", "verify", "--man=no", started)
    assert not [path for path in left_behind(machine) if path.startswith("/etc/systemd/")]
    for settings in ALL_SETTINGS:
        assert machine.do("stat", "--format=%a %U", settings) == "640 root\n"


def left_behind(machine):
    return [path for path in machine.changed() if not BOOKS.match(path)]


def test_an_upgrade_keeps_the_settings_and_purging_leaves_nothing_behind(folder, machine):
    install(machine, folder)
    for settings in SETTINGS:
        machine.do("sh", "-c", f"echo REDIS_URL=redis://cache >>{settings}")
    machine.do("/usr/bin/python3", "-c", "import taskledger")

    install(machine, folder)
    for settings in SETTINGS:
        assert "redis://cache" in machine.do("cat", settings)

    machine.do("dpkg", "--remove", *NAMES)
    assert set(left_behind(machine)) - NOTED == ALL_SETTINGS

    machine.do("dpkg", "--purge", *NAMES)
    assert left_behind(machine) == []
    assert "taskledger" not in machine.do("dpkg-query", "--show")
