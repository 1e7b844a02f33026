"""scripts: shellcheck has nothing to say about our shell scripts."""

import subprocess

import tree


def is_shell(path):
    with (tree.ROOT / path).open("rb") as file:
        return file.readline().startswith((b"#!/bin/bash", b"#!/bin/sh"))


def findings():
    paths = [str(path) for path in tree.tracked() if is_shell(path)]
    result = subprocess.run(["shellcheck", "--format=gcc", *paths], cwd=tree.ROOT, capture_output=True, text=True)
    if result.returncode != 0:
        yield result.stdout + result.stderr


tree.finish(findings())
