"""Child processes that can't outlive their test.

The kernel kills them when the thread that started them ends, so also when pytest itself is killed:
start them from the main thread.
"""

import fcntl
import functools
import os
import random
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

PORTS_GIVEN = set()


def spawn(command, log, *, user=None, env=None, cwd=None, stdin=subprocess.DEVNULL, stdout=None):
    """Starts command in a process group of its own, stdout (if not given) and stderr appended to the file log."""
    setpriv = ["setpriv", "--pdeathsig", "KILL"]
    if user is not None:
        setpriv += ["--reuid", user, "--regid", user, "--init-groups"]
    with open(log, "ab") as output:
        return subprocess.Popen(
            [*setpriv, "--", *map(str, command)],
            stdin=stdin,
            stdout=output if stdout is None else stdout,
            stderr=output,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )


def family(pid):
    """pid and its children; the parent first, so that a stopped one makes no more of them."""
    listing = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [pid, *map(int, listing.stdout.split())]


def signal_family(process, number):
    """To every process of the family: PostgreSQL's backends each have a process group of their own."""
    if process.poll() is not None:
        return
    if number in (signal.SIGSTOP, signal.SIGKILL):
        os.kill(process.pid, signal.SIGSTOP)
    for pid in family(process.pid):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def free_port():
    """A free port of the loopback below the ephemeral range, where no outgoing connection can take it. Nobody else is given
    it while this process lives: who asked for it may listen there later, or again."""
    while True:
        port = random.randint(20000, 32000)
        if port not in PORTS_GIVEN and is_free(port) and reserve(port):
            PORTS_GIVEN.add(port)
            return port


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def reserve(port):
    """Among all tests of this user that run now, by a lock of the port's own byte."""
    try:
        fcntl.lockf(reservations(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


@functools.cache
def reservations():
    """It stays open: to close it would give up all its locks."""
    return open(Path(tempfile.gettempdir()) / f"taskledger-test-ports-{os.getuid()}", "ab")
