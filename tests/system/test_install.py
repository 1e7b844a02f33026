"""What `cmake --install` leaves is all that a program needs: by pkg-config, by find_package, static, in C++."""

import os
import shutil
import subprocess

import pytest

PROGRAM = """
#include <taskledger/lease.h>
#include <taskledger/producer.h>
#include <stdio.h>

int main(void)
{
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;
    struct taskledger_counters counters = TASKLEDGER_COUNTERS_INIT;
    struct taskledger_event first = TASKLEDGER_EVENT_INIT;
    struct taskledger_claim_request claim = TASKLEDGER_CLAIM_INIT;
    struct taskledger_permit_request permit = TASKLEDGER_PERMIT_INIT;
    struct taskledger_holder holder = TASKLEDGER_HOLDER_INIT;
    struct taskledger_lease *lease;
    struct taskledger_producer *producer;
    struct taskledger_task *task;

    if (claim.struct_size != sizeof claim || permit.struct_size != sizeof permit || holder.struct_size != sizeof holder)
        return 1;
    if (taskledger_options_from_environment(&options, NULL, 0) != 0)
        return 2;
    producer = taskledger_open(&options, NULL, 0);
    claim.task_id = "installed";
    if (taskledger_claim(producer, &claim, &lease, &holder) != TASKLEDGER_GRANTED || !taskledger_lease_is_held(lease))
        return 5;
    taskledger_lease_release(lease);
    permit.name = "installed";
    permit.limit = 1;
    if (taskledger_permit(producer, &permit, &lease) != TASKLEDGER_GRANTED)
        return 6;
    taskledger_lease_release(lease);
    task = taskledger_task_begin(producer, "installed", NULL, 1);
    taskledger_task_end(task, TASKLEDGER_SUCCESS, NULL);
    first.task_id = "with";
    first.queue = "mails";
    taskledger_task_forget(taskledger_task_begin_with(producer, &first));
    if (taskledger_flush(producer, 5000) != 0)
        return 3;
    taskledger_counters(producer, &counters);
    printf("%s sent %d\\n", taskledger_version(), (int)counters.sent);
    return taskledger_close(producer, 5000) == 0 ? 0 : 4;
}
"""

# What the program defines itself must not meet what the static library has inside.
NAMESAKES = """
int error_set(void) { return 1; }
int clock_system(void) { return 2; }
int redis_connect(void) { return 3; }
"""

CMAKE_LISTS = """
cmake_minimum_required(VERSION 3.25)
project(outside LANGUAGES {language})
find_package(taskledger {wanted} REQUIRED)
add_executable(program {source})
target_link_libraries(program PRIVATE {target})
"""

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]


@pytest.fixture(scope="module")
def prefix(build, tmp_path_factory):
    prefix = tmp_path_factory.mktemp("installed")
    run(["cmake", "--install", build.folder, "--component", "library", "--prefix", prefix])
    return prefix


@pytest.fixture
def outside(scratch):
    (scratch / "program.c").write_text(PROGRAM)
    (scratch / "program.cc").write_text(PROGRAM)
    (scratch / "namesakes.c").write_text(NAMESAKES)
    return scratch


def run(command, **options):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    assert result.returncode == 0, f"{command}:\n{result.stdout}\n{result.stderr}"
    return result.stdout


def library_folder(prefix):
    (found,) = prefix.glob("lib*/**/libtaskledger.so.0")
    return found.parent


def flags(prefix, *options):
    environment = {**os.environ, "PKG_CONFIG_PATH": str(library_folder(prefix) / "pkgconfig")}
    return run(["pkg-config", *options, "taskledger"], env=environment).split()


def works(program, prefix, redis):
    """It runs, and its events arrive."""
    before = redis.client().xlen("taskledger:events")
    environment = {"REDIS_URL": redis.url, "LD_LIBRARY_PATH": str(library_folder(prefix))}
    assert run([program], env=environment) == "0.1.0 sent 4\n"
    assert redis.client().xlen("taskledger:events") == before + 5


def test_by_pkg_config(prefix, outside, redis):
    program = outside / "program"
    run(["gcc", *STRICT, "-std=c99", outside / "program.c", "-o", program, *flags(prefix, "--cflags", "--libs")])
    works(program, prefix, redis)


def configure(outside, *options, language="C", wanted="0.1", source="program.c", target="taskledger::taskledger"):
    """An outside project of its own, as far as `cmake -S -B` goes."""
    text = CMAKE_LISTS.format(language=language, wanted=wanted, source=source, target=target)
    (outside / "CMakeLists.txt").write_text(text)
    command = ["cmake", "-S", outside, "-B", outside / "build", *options]
    return subprocess.run([str(word) for word in command], capture_output=True, text=True)


def build_outside(outside, prefix, **project):
    result = configure(outside, f"-DCMAKE_PREFIX_PATH={prefix}", **project)
    assert result.returncode == 0, result.stderr
    run(["cmake", "--build", outside / "build"])
    return outside / "build/program"


def test_by_find_package(prefix, outside, redis):
    works(build_outside(outside, prefix), prefix, redis)


def test_by_find_package_in_a_project_of_cpp_alone(prefix, outside, redis):
    works(build_outside(outside, prefix, language="CXX", source="program.cc"), prefix, redis)


def test_static_by_find_package(prefix, outside, redis):
    program = build_outside(outside, prefix, wanted="0.1 COMPONENTS static", target="taskledger::static")
    assert "libtaskledger" not in run(["ldd", program])
    works(program, prefix, redis)


@pytest.mark.parametrize(
    "wanted, said",
    [
        ("99", "version: 0.1.0"),
        ("0.1 COMPONENTS statik", "the only component is static"),
        ("0.1 COMPONENTS static", "taskledger::static needs hiredis and openssl"),
    ],
)
def test_what_find_package_cannot_give_it_says(prefix, outside, wanted, said):
    knows_nothing = outside / "pkg-config"
    knows_nothing.write_text("#!/bin/sh\n[ \"$1\" = --version ] && echo 1.8\n")
    knows_nothing.chmod(0o755)
    options = [f"-DCMAKE_PREFIX_PATH={prefix}", f"-DPKG_CONFIG_EXECUTABLE={knows_nothing}"]
    result = configure(outside, *options, wanted=wanted)
    assert result.returncode == 1
    assert said in " ".join(result.stderr.split())


def test_an_installation_that_was_moved_is_found_where_it_is(prefix, outside, redis, scratch):
    moved = scratch / "moved"
    shutil.copytree(prefix, moved, symlinks=True)
    program = build_outside(outside, moved, wanted="0.1 COMPONENTS static")
    assert str(moved) in run(["ldd", program])
    works(program, moved, redis)

    run(["gcc", *STRICT, outside / "program.c", "-o", program, *flags(moved, "--cflags", "--libs")])
    works(program, moved, redis)
    named = "\n".join(path.read_text() for path in moved.rglob("*.cmake"))
    assert str(prefix) not in named


def test_static_in_a_program_with_names_like_ours(prefix, outside, redis):
    program = outside / "program"
    libraries = [word for word in flags(prefix, "--static", "--libs") if word != "-ltaskledger"]
    sources = [outside / "program.c", outside / "namesakes.c"]
    archive = library_folder(prefix) / "libtaskledger.a"
    run(["gcc", *STRICT, *sources, archive, "-o", program, *flags(prefix, "--cflags"), *libraries])
    assert "libtaskledger" not in run(["ldd", program])
    works(program, prefix, redis)


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
@pytest.mark.parametrize("standard", ["c++11", "c++14", "c++17", "c++20"])
def test_from_cpp(prefix, outside, redis, standard, compiler):
    program = outside / "program"
    command = [compiler, *STRICT, f"-std={standard}", outside / "program.cc", "-o", program]
    run([*command, *flags(prefix, "--cflags", "--libs")])
    works(program, prefix, redis)


def test_only_the_librarys_own_names_leave_it(prefix):
    folder = library_folder(prefix)
    for library, option in ((folder / "libtaskledger.so.0", "--dynamic"), (folder / "libtaskledger.a", "--extern-only")):
        names = run(["nm", "--defined-only", "--format=posix", option, library]).splitlines()
        names = {line.split()[0].split("@")[0] for line in names if not line.endswith(":")}
        assert names - {"TASKLEDGER_0"} and all(name.startswith("taskledger_") for name in names - {"TASKLEDGER_0"})


def test_the_library_has_its_soname_and_stays_loaded(prefix):
    dynamic = run(["readelf", "--dynamic", library_folder(prefix) / "libtaskledger.so.0"])
    assert "[libtaskledger.so.0]" in dynamic
    assert "NODELETE" in dynamic
