"""clang: the whole house builds with clang, without a warning."""

import subprocess

import tree

for command in (["cmake", "--preset", "clang"], ["cmake", "--build", "--preset", "clang"]):
    result = subprocess.run(command, cwd=tree.ROOT, capture_output=True, text=True)
    if result.returncode != 0:
        tree.finish([result.stdout + result.stderr])
