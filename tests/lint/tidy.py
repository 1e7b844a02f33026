"""tidy: clang-tidy has nothing to say about the product, by the rules of .clang-tidy."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import tree


def sources():
    """Files of the product that the build compiles, without generated ones."""
    commands = json.loads((tree.BUILD / "compile_commands.json").read_text())
    compiled = {Path(command["file"]).resolve() for command in commands}
    return [path for path in tree.files(tree.PRODUCT, ".c") if tree.ROOT / path in compiled]


def tidy(path):
    command = ["clang-tidy", "--quiet", "-p", tree.BUILD, str(path)]
    result = subprocess.run(command, cwd=tree.ROOT, capture_output=True, text=True)
    return result.stdout + result.stderr if result.returncode != 0 else None


with ThreadPoolExecutor(os.cpu_count()) as pool:
    tree.finish(finding for finding in pool.map(tidy, sources()) if finding)
