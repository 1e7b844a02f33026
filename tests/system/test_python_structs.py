"""The structs that Python hands to the library are those of its headers: each field at its place, and as long."""

import subprocess
import sys
from ctypes import sizeof

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "producer/python"))

from taskledger import Counters, _structs  # noqa: E402

STRUCTS = {
    "taskledger_options": _structs.Options,
    "taskledger_event": _structs.Event,
    "taskledger_counters": _structs.Counters,
    "taskledger_claim_request": _structs.ClaimRequest,
    "taskledger_holder": _structs.Holder,
    "taskledger_permit_request": _structs.PermitRequest,
}

PROGRAM = """
#include <stdio.h>
#include <taskledger/lease.h>

int main(void)
{
    struct %(name)s it;
#define SHOW(field) printf(#field " %%zu %%zu\\n", offsetof(struct %(name)s, field), sizeof it.field)
    printf("all 0 %%zu\\n", sizeof it);
    %(shows)s
    return 0;
}
"""


@pytest.mark.parametrize("name", STRUCTS)
def test_the_struct_is_laid_out_as_the_header_says(tmp_path, name):
    struct = STRUCTS[name]
    fields = [field for field, *_ in struct._fields_]
    shows = " ".join(f"SHOW({field});" for field in fields)
    (tmp_path / "program.c").write_text(PROGRAM % {"name": name, "shows": shows})
    command = ["cc", "-I", ROOT / "producer", tmp_path / "program.c", "-o", tmp_path / "program"]
    subprocess.run(command, check=True)

    told = subprocess.run([tmp_path / "program"], check=True, capture_output=True, text=True).stdout
    measured = {field: (int(offset), int(size)) for field, offset, size in map(str.split, told.splitlines())}
    assert measured.pop("all") == (0, sizeof(struct)), "fields were added behind the last one"
    assert measured == {field: (getattr(struct, field).offset, getattr(struct, field).size) for field in fields}


def test_every_counter_is_told():
    assert ["struct_size", *Counters._fields] == [field for field, *_ in _structs.Counters._fields_]
