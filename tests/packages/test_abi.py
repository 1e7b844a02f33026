"""A program that was linked with an earlier library works with this one: deploy/abi/check says so.

What it must find is tried on a small library of our own, with one change each.
"""

import re
import subprocess

import pytest
from conftest import ROOT

CHECK = ROOT / "deploy/abi/check"

HEADER = """
#include <stddef.h>
#include <stdint.h>

struct small_options {
    size_t struct_size;
    const char *name;
    uint64_t limit;
    int32_t wait_ms;
};

struct small_identity {
    char name[16];
    uint64_t number;
};

enum small_result {
    SMALL_FINE = 0,
    SMALL_FULL,
};

struct small;

enum small_result small_open(const struct small_options *options, struct small *small);
void small_identify(struct small_identity *identity);
int small_version(void);
"""

SOURCE = """
#include "small.h"

struct small {
    int inside;
};

enum small_result small_open(const struct small_options *options, struct small *small)
{
    return options->struct_size > 8 && small->inside ? SMALL_FINE : SMALL_FULL;
}

void small_identify(struct small_identity *identity)
{
    identity->number = 1;
}

int small_version(void)
{
    return 1;
}
"""

FINE = {
    "nothing": ("", ""),
    "a field at the end of a struct with struct_size": ("int32_t wait_ms;", "int32_t wait_ms; uint64_t more;"),
    "two of them": ("int32_t wait_ms;", "int32_t wait_ms; uint64_t more; char text[9];"),
    "an enumerator at the end": ("SMALL_FULL,", "SMALL_FULL, SMALL_CLOSED,"),
    "a function": ("int small_version(void);", "int small_version(void); int small_more(void);"),
    "what is inside": ("int inside;", "int before; int inside;"),
}

FINDINGS = {
    "a function that vanished": ("int small_version(void)", "static int small_version(void)", "small_version"),
    "another parameter": ("identity *identity)", "identity *identity, int more)", "small_identify"),
    "another result": ("int small_version(void)", "long small_version(void)", "small_version"),
    "a field that moved": ("const char *name;\n    uint64_t limit;", "uint64_t limit;\n    const char *name;", "offset"),
    "a field in the middle": ("uint64_t limit;", "uint64_t limit; uint64_t other;", "other"),
    "a field in the padding": ("int32_t wait_ms;", "int32_t wait_ms; int32_t other;", "other"),
    "a field that vanished": ("uint64_t limit;", "", "limit"),
    "another type": ("uint64_t limit;", "int64_t limit;", "limit"),
    "another name": ("uint64_t limit;", "uint64_t bound;", "bound"),
    "a longer text": ("char name[16];", "char name[24];", "small_identity"),
    "a field at the end of a struct without struct_size": ("uint64_t number;", "uint64_t number; int more;", "more"),
    "an enumerator before others": ("SMALL_FINE = 0,", "SMALL_NEW, SMALL_FINE,", "SMALL_FINE"),
    "an enumerator that vanished": ("SMALL_FINE", "SMALL_GOOD", "SMALL_FINE"),
}


def check(*arguments):
    return subprocess.run([CHECK, *map(str, arguments)], capture_output=True, text=True, timeout=120)


def build_small(folder, before="", after=""):
    """The small library with before replaced by after; its folder holds its header too."""
    folder.mkdir()
    header, source = HEADER, SOURCE
    if before:
        assert before in header + source
        header, source = header.replace(before, after), source.replace(before, after)
    if "small_more" in header:
        source += "int small_more(void)\n{\n    return 1;\n}\n"
    header = re.sub(r"^static .*\n", "", header, flags=re.MULTILINE)
    (folder / "small.h").write_text(header)
    (folder / "small.c").write_text(source)
    command = ["gcc", "-g", "-shared", "-fPIC", "-Wl,-soname,libsmall.so.0", folder / "small.c"]
    subprocess.run([*command, "-o", folder / "libsmall.so"], check=True)
    return folder


def compare_small(scratch, before, after):
    baseline = scratch / "baseline.xml"
    old, new = build_small(scratch / "old"), build_small(scratch / "new", before, after)
    renewed = check("--renew", "--baseline", baseline, "--headers", old, old / "libsmall.so")
    assert renewed.returncode == 0, renewed.stderr
    return check("--baseline", baseline, "--headers", new, new / "libsmall.so")


@pytest.mark.parametrize("what", FINE)
def test_what_no_program_notices_is_fine(scratch, what):
    result = compare_small(scratch, *FINE[what])
    assert (result.returncode, result.stdout) == (0, ""), result.stderr


@pytest.mark.parametrize("what", FINDINGS)
def test_what_breaks_a_program_is_found_and_named(scratch, what):
    before, after, named = FINDINGS[what]
    result = compare_small(scratch, before, after)
    assert result.returncode == 1, result.stderr
    assert named in result.stdout


def test_a_library_without_debugging_information_is_refused(scratch):
    small = build_small(scratch / "small")
    subprocess.run(["strip", small / "libsmall.so"], check=True)
    result = check("--headers", small, small / "libsmall.so")
    assert result.returncode == 2
    assert "no debugging information" in result.stderr


def test_programs_linked_with_the_baseline_work_with_this_library(build):
    result = check(build.lib("libtaskledger.so"))
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}\nCONTRIBUTING.md, \"The library's interface\""


def test_debians_list_has_every_function_and_no_other(build):
    command = ["nm", "--dynamic", "--defined-only", "--format=posix", build.lib("libtaskledger.so")]
    names = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    exported = set(re.findall(r"^(\w+)", names, re.MULTILINE))
    listed = set(re.findall(r"^ (\w+)@", (ROOT / "deploy/debian/libtaskledger0.symbols").read_text(), re.MULTILINE))
    assert listed == exported, "new functions are added by deploy/abi/check --renew"
