"""machine: where something was measured, and with what."""

import os
import platform
import re
import subprocess
import time
from pathlib import Path

from support.servers import POSTGRES_PROGRAMS

NODE_PACKAGES = Path(__file__).parents[1] / "peers" / "node" / "package.json"

# name → the command that tells the version
VERSIONS = {
    "Redis": ["redis-server", "--version"],
    "PostgreSQL": [POSTGRES_PROGRAMS / "postgres", "--version"],
    "gcc": ["gcc", "-dumpfullversion"],
    "hiredis": ["pkg-config", "--modversion", "hiredis"],
    "libpq": ["pkg-config", "--modversion", "libpq"],
    "protobuf-c": ["pkg-config", "--modversion", "libprotobuf-c"],
    "OpenSSL": ["pkg-config", "--modversion", "openssl"],
    "Python": ["/usr/bin/python3", "--version"],
    "redis-py": ["/usr/bin/python3", "-c", "import redis; print(redis.__version__)"],
    "psycopg2": ["/usr/bin/python3", "-c", "import psycopg2; print(psycopg2.__version__)"],
    "Celery": ["/usr/bin/python3", "-c", "import celery; print(celery.__version__)"],
    "Node": ["node", "--version"],
    "ioredis": ["node", "--print", f"require('{NODE_PACKAGES}').dependencies.ioredis"],
    "pg": ["node", "--print", f"require('{NODE_PACKAGES}').dependencies.pg"],
}
NUMBER = re.compile(r"\d+(\.\d+)+")


def said(command, cwd=None):
    """What a command prints, or nothing when it is not there."""
    try:
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


def field(path, name):
    """The first line "name: value" of a file in /proc."""
    found = re.search(rf"^{name}\s*:\s*(.*)$", Path(path).read_text(), re.MULTILINE)
    return found[1] if found else "unknown"


def machine():
    folder = os.environ.get("TASKLEDGER_BENCH_DIR", "/tmp")
    memory_kib = int(field("/proc/meminfo", "MemTotal").split()[0])
    return {
        "processor": f"{field('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores",
        "memory": f"{memory_kib / 1024 / 1024:.0f} GiB",
        "disk": said(["findmnt", "--noheadings", "--output", "SOURCE,FSTYPE", "--target", folder]),
        "kernel": platform.release(),
        "system": os_name(),
    }


def os_name():
    """As os-release has it."""
    return re.search(r'^PRETTY_NAME="?([^"\n]*)', Path("/etc/os-release").read_text(), re.MULTILINE)[1]


def versions():
    found = {name: NUMBER.search(said(command)) for name, command in VERSIONS.items()}
    return {name: number[0] for name, number in found.items() if number}


def changed(root):
    """What the commit does not tell: changes to anything but the results themselves, and where they are told."""
    results = [":!tests/bench/results", ":!tests/bench/RESULTS.md", ":!tests/bench/results.svg", ":!README.md"]
    results += [":!deploy/SCALE.md"]
    return said(["git", "status", "--porcelain", "--untracked-files=no", "--", ".", *results], root)


def circumstances(root):
    """Where, when and with what: a part of every result. A + behind the commit: with changes of its own."""
    return {
        "machine": machine(),
        "versions": versions(),
        "commit": said(["git", "rev-parse", "--short=10", "HEAD"], root) + ("+" if changed(root) else ""),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }
