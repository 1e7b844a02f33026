"""clang: the whole house builds with clang, without a warning."""

import subprocess

import tree

CONFIGURE = ["cmake", "--preset", "clang", "-DTASKLEDGER_WERROR=ON"]
BUILD = ["cmake", "--build", "--preset", "clang"]

for command in (CONFIGURE, BUILD):
    result = subprocess.run(command, cwd=tree.ROOT, capture_output=True, text=True)
    if result.returncode != 0:
        tree.finish([result.stdout + result.stderr])
