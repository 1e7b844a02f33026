"""A lint that never complains proves nothing: each finds what is planted in a small house of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

LINT = Path(__file__).parent

HOUSE = {
    "proto/arena.h": "#ifndef PROTO_ARENA_H\n#define PROTO_ARENA_H\n#include <stddef.h>\nvoid arena_reset(size_t size);\n#endif\n",
    "proto/arena.c": '#include "proto/arena.h"\n\nvoid arena_reset(size_t size)\n{\n    (void)size;\n}\n',
    "consumer/pump.c": '#include "proto/arena.h"\n',
}


@pytest.fixture
def house(scratch):
    """A folder in which every lint is content."""
    root = scratch / "house"
    for name, text in HOUSE.items():
        plant(root, name, text)
    plant(root, ".clang-format", (LINT.parents[1] / ".clang-format").read_text())
    return root


def plant(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def compile_as_cmake_does(root):
    for source in sorted(root.glob("*/*.c")):
        room = source.parent.name
        folder = root / "build" / room / "CMakeFiles" / f"{room}.dir"
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["gcc", "-c", "-I", root, source, "-o", folder / f"{source.name}.o"], check=True)


def lint(root, name):
    """(exit code, what it said)"""
    result = subprocess.run(
        [sys.executable, LINT / f"{name}.py", root],
        env={**os.environ, "TASKLEDGER_BUILD": str(root / "build")},
        capture_output=True,
        text=True,
    )
    assert not result.stderr, result.stderr
    return result.returncode, result.stdout


@pytest.mark.parametrize("name", ["layers", "headers", "symbols", "lengths", "format", "words", "scripts"])
def test_a_clean_house_passes(house, name):
    compile_as_cmake_does(house)
    track(house)
    assert lint(house, name) == (0, "")


def track(root):
    plant(root, ".gitignore", "build/\n")
    plant(root, "deploy/go", "#!/bin/sh\necho go\n")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    subprocess.run(["git", "add", "."], cwd=root, check=True)


@pytest.mark.parametrize(
    "path, include, complaint",
    [
        ("proto/arena.c", '"consumer/pump.h"', "proto must not see consumer"),
        ("producer/outbox.c", '"consumer/pump.h"', "producer must not see consumer"),
        ("consumer/pump.c", '"producer/outbox.h"', "consumer must not see producer"),
        ("consumer/pump.c", '"replay/history.h"', "consumer must not see replay"),
        ("replay/web/page.c", '"producer/outbox.h"', "replay must not see producer"),
        ("proto/arena.c", '"error.h"', "does not begin with a room"),
        ("proto/arena.c", '"../consumer/pump.h"', "does not begin with a room"),
        ("consumer/pump.c", "<libpq-fe.h>", "libpq-fe.h enters only by"),
        ("replay/main.c", "<hiredis/hiredis.h>", "hiredis/hiredis.h enters only by"),
        ("proto/redis.c", "<openssl/ssl.h>", "openssl/ssl.h enters only by"),
        ("proto/transport.c", "<openssl/evp.h>", "openssl/evp.h enters only by"),
        ("consumer/ledger/apply.c", '"proto/event.pb-c.h"', "proto/event.pb-c.h enters only by"),
        ("consumer/ledger/apply.c", "<taskledger/producer.h>", "taskledger/producer.h enters only by"),
    ],
)
def test_layers_finds_a_forbidden_include(house, path, include, complaint):
    plant(house, path, f"/* a file */\n#include {include}\n")
    code, said = lint(house, "layers")
    assert code == 1
    assert said.startswith(f"{path}:2: ") and complaint in said


@pytest.mark.parametrize(
    "path, include",
    [
        ("replay/main.c", '"consumer/config.h"'),
        ("consumer/postgres/postgres_copy.c", "<libpq-fe.h>"),
        ("proto/digester.c", "<openssl/evp.h>"),
        ("tests/unit/test_arena.c", "<hiredis/hiredis.h>"),
        ("tests/unit/test_arena.c", '"consumer/pump.h"'),
    ],
)
def test_layers_allows_what_the_tables_allow(house, path, include):
    plant(house, path, f"#include {include}\n")
    assert lint(house, "layers") == (0, "")


def test_headers_finds_one_that_leans_on_its_includer(house):
    plant(house, "proto/slice.h", "struct slice {\n    size_t size;\n};\n")
    code, said = lint(house, "headers")
    assert code == 1 and "proto/slice.h:1: does not compile alone" in said


@pytest.mark.parametrize("function", ["slice_of", "arenas", "taskledger_open", "main"])
def test_symbols_finds_a_function_of_another_name(house, function):
    plant(house, "proto/arena.c", f"int {function}(void);\nint {function}(void)\n{{\n    return 0;\n}}\n")
    compile_as_cmake_does(house)
    code, said = lint(house, "symbols")
    assert code == 1 and f"proto/arena.c:1: exports {function}" in said


def test_symbols_finds_what_leaks_out_of_the_library(house):
    compile_as_cmake_does(house)
    plant(house, "build/leak.c", "int taskledger_open(void) { return 0; }\nint arena_reset(void) { return 0; }\n")
    plant(house, "build/lib/libtaskledger.so", "")
    library = house / "build/lib/libtaskledger.so"
    subprocess.run(["gcc", "-shared", "-fPIC", house / "build/leak.c", "-o", library], check=True)
    code, said = lint(house, "symbols")
    assert code == 1 and said == f"{library}: exports arena_reset\n"


def test_symbols_wants_a_build(house):
    plant(house, "build/consumer/CMakeFiles/consumer.dir/gone.c.o", "of a source that is gone")
    code, said = lint(house, "symbols")
    assert code == 1 and said.startswith("nothing to look at: no object file") and str(house / "build") in said


@pytest.mark.parametrize("name", ["layers", "headers", "lengths"])
def test_an_empty_house_is_not_a_clean_one(scratch, name):
    code, said = lint(scratch, name)
    assert code == 1 and said.startswith("nothing to look at: no ")


def test_lengths_finds_a_long_function(house):
    body = "    (void)0;\n" * 69
    plant(house, "proto/arena.c", f"void arena_reset(void)\n{{\n{body}}}\n")
    code, said = lint(house, "lengths")
    assert code == 1 and said == "proto/arena.c:2: a function of 71 lines, at most 70\n"


def test_lengths_finds_a_long_file(house):
    plant(house, "proto/arena.c", "\n" * 401)
    code, said = lint(house, "lengths")
    assert code == 1 and said == "proto/arena.c:1: 401 lines, at most 400\n"


def test_format_finds_another_layout(house):
    plant(house, "proto/arena.c", "void arena_reset( void ) {}\n")
    code, said = lint(house, "format")
    assert code == 1 and "proto/arena.c:1:" in said


@pytest.mark.parametrize(
    "path, text, complaint",
    [
        ("server/pump.c", "", "server does not belong to the top level"),
        ("proto/utils.c", "", "a name that says nothing"),
        ("proto/common/arena.c", "", "a name that says nothing"),
        ("proto/arena.c", "/* TO" "DO: later */\n", "done, or filed elsewhere"),
    ],
)
def test_words_finds_names_and_notes(house, path, text, complaint):
    plant(house, path, text)
    track(house)
    code, said = lint(house, "words")
    assert code == 1 and said.startswith(path) and complaint in said


def test_scripts_finds_a_careless_script(house):
    plant(house, "deploy/careless", "#!/bin/sh\nrm -rf $1/*\n")
    track(house)
    code, said = lint(house, "scripts")
    assert code == 1 and said.startswith("deploy/careless:2:")
