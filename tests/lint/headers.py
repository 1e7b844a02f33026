"""headers: each header compiles alone, with what it includes itself."""

import subprocess

import tree

FLAGS = ["-std=c17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wpedantic", "-Wstrict-prototypes", "-Wundef", "-Werror"]


def findings():
    include = ["-I", tree.ROOT, "-I", tree.ROOT / "producer"]
    for path in tree.files((*tree.PRODUCT, "tests"), ".h"):
        command = ["gcc", "-fsyntax-only", *FLAGS, *include, "-include", tree.ROOT / path, "-x", "c", "/dev/null"]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode != 0:
            yield f"{path}:1: does not compile alone\n{result.stderr}"


tree.finish(findings())
