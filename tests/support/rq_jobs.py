"""Jobs of RQ as somebody else might have them, which end in every way there is. Where they stop for a test they touch a
file, or wait for one: at(name), until(name)."""

import os
import signal
import time
from pathlib import Path

from taskledger import current_task

PATIENCE_S = 180


def place():
    return Path(os.environ["JOBS_PLACE"])


def at(name):
    part = place() / f"{name}.{os.getpid()}.part"
    part.write_text(str(os.getpid()))
    part.rename(place() / name)


def until(name):
    deadline = time.monotonic() + PATIENCE_S
    while not (place() / name).exists():
        if time.monotonic() > deadline:
            raise AssertionError(f"nobody made {name}")
        time.sleep(0.02)


def add(a, b):
    return a + b


def stepwise():
    current_task().step("first")
    current_task().progress(0.5, "half of it")
    return "done"


def fail(message):
    current_task().step("breaking")
    raise ValueError(message)


def flaky(name, times):
    """Fails so often, counted by files."""
    tried = len(list(place().glob(f"{name}.tried.*")))
    at(f"{name}.tried.{tried}")
    if tried < times:
        raise OSError(f"no line, {tried}")
    return tried


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def killed_once(name):
    if not (place() / name).exists():
        at(name)
        os.kill(os.getpid(), signal.SIGKILL)
    return "second"


def wait(name):
    at(f"{name}.begun")
    until(f"{name}.go")
    return name


def enqueue_another(url):
    import redis
    import rq

    return rq.Queue("jobs", connection=redis.Redis.from_url(url)).enqueue(add, 1, 1).id


def on_success(job, connection, result):
    at(f"success.{result}")


def on_failure(job, connection, kind, error, trace):
    at(f"failure.{error}")


def broken_callback(job, connection, result):
    raise KeyError("callback")
