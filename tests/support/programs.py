"""The product's programs, as a test starts, kills and reads them."""

import os
import signal
import subprocess
from pathlib import Path

from .processes import free_port, spawn
from .waiting import wait_until

# The one Redis of a test, through whatever proxy it is reached.
SPOOL_TARGET = "the test's Redis"


class Build:
    """Where the build put things."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def bin(self, name):
        return self.folder / "bin" / name

    def lib(self, name):
        return self.folder / "lib" / name


class Program:
    """A program that runs; .listen is the HTTP address it was given, if it serves one."""

    def __init__(self, process, log, listen):
        self.process = process
        self.pid = process.pid
        self.log = log
        self.listen = listen

    def stderr(self):
        return self.log.read_text(errors="replace")

    def is_running(self):
        return self.process.poll() is None

    def wait(self, deadline_s=60):
        """The exit code; negative: the signal that ended it."""
        try:
            return self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {deadline_s} s:\n{self.stderr()}") from None

    def term(self, deadline_s=60):
        self.process.send_signal(signal.SIGTERM)
        return self.wait(deadline_s)

    def kill9(self):
        self.process.kill()
        return self.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def wait_for_log(self, text, deadline_s=60):
        wait_until(lambda: text in self.stderr(), deadline_s, f"{text!r} in {self.log}")


class Programs:
    """Starts programs with a clean environment: what use() and env= give, nothing from outside."""

    def __init__(self, build, scratch):
        self.build = build
        self.scratch = Path(scratch)
        self.started = []
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.scratch),
            "XDG_STATE_HOME": str(self.scratch / "state"),
            "TASKLEDGER_SPOOL_TARGET": SPOOL_TARGET,
        }

    def use(self, *servers):
        """From now on programs reach these servers (or the proxies before them)."""
        for server in servers:
            self.environment.update(server.environment)
        return self

    def start(self, name, *arguments, env=None, stdin=subprocess.DEVNULL, stdout=None, within=()):
        """A Program that goes on running; killed at the end of the test. within: a command that ends by executing it."""
        listen = f"127.0.0.1:{free_port()}"
        log = self.scratch / f"{name}-{len(self.started) + 1}.log"
        process = spawn(
            [*within, self.build.bin(name), *arguments],
            log,
            env={**self.environment, "TASKLEDGER_LISTEN": listen, **(env or {})},
            cwd=self.scratch,
            stdin=stdin,
            stdout=stdout,
        )
        program = Program(process, log, listen)
        self.started.append(program)
        return program

    def run(self, name, *arguments, env=None, input=None, expect=0, deadline_s=60):
        """Runs it to its end and returns the CompletedProcess (text); expect=None takes any exit code."""
        command = [self.build.bin(name), *arguments]
        result = subprocess.run(
            ["setpriv", "--pdeathsig", "KILL", "--", *map(str, command)],
            env={**self.environment, **(env or {})},
            cwd=self.scratch,
            input=input if input is not None else "",
            capture_output=True,
            text=True,
            timeout=deadline_s,
        )
        if expect is not None and result.returncode != expect:
            said = f"{result.stdout}\n{result.stderr}"
            raise AssertionError(f"{name} exited {result.returncode}, not {expect}:\n{said}")
        return result

    def close(self):
        for program in self.started:
            if program.is_running():
                program.resume()
                program.kill9()
