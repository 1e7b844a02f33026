"""What `cmake --install` leaves is all that a program needs: by pkg-config, by find_package, static, in C++."""

import os
import subprocess

import pytest

PROGRAM = """
#include <taskledger/producer.h>
#include <stdio.h>

int main(void)
{
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;
    struct taskledger_counters counters = TASKLEDGER_COUNTERS_INIT;
    struct taskledger_event first = TASKLEDGER_EVENT_INIT;
    struct taskledger_producer *producer;
    struct taskledger_task *task;

    if (taskledger_options_from_environment(&options, NULL, 0) != 0)
        return 2;
    producer = taskledger_open(&options, NULL, 0);
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
project(outside LANGUAGES C)
find_package(taskledger 0.1 REQUIRED)
add_executable(program program.c)
target_link_libraries(program PRIVATE taskledger::taskledger)
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


def test_by_find_package(prefix, outside, redis):
    (outside / "CMakeLists.txt").write_text(CMAKE_LISTS)
    run(["cmake", "-S", outside, "-B", outside / "build", f"-DCMAKE_PREFIX_PATH={prefix}"])
    run(["cmake", "--build", outside / "build"])
    works(outside / "build/program", prefix, redis)


def test_static_in_a_program_with_names_like_ours(prefix, outside, redis):
    program = outside / "program"
    libraries = [word for word in flags(prefix, "--static", "--libs") if word != "-ltaskledger"]
    sources = [outside / "program.c", outside / "namesakes.c"]
    archive = library_folder(prefix) / "libtaskledger.a"
    run(["gcc", *STRICT, *sources, archive, "-o", program, *flags(prefix, "--cflags"), *libraries])
    assert "libtaskledger" not in run(["ldd", program])
    works(program, prefix, redis)


@pytest.mark.parametrize("standard", ["c++17", "c++20"])
def test_from_cpp(prefix, outside, redis, standard):
    program = outside / "program"
    command = ["g++", "-Wall", "-Wextra", "-Werror", f"-std={standard}", outside / "program.cc", "-o", program]
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
